//! A clock that is wrong by a fixed time, as that of a machine is whose clock was set wrong.

use std::sync::Arc;

use weft_crash::faults::clock::VARIABLE;
use weft_orchestration::Timestamp;
use weft_worker::Clock;

pub(crate) struct WrongClock {
    right: Arc<dyn Clock>,
    /// Milliseconds; ahead where positive.
    wrong_by: i64,
}

impl WrongClock {
    /// By as much as the environment says.
    pub(crate) fn over(right: Arc<dyn Clock>) -> Arc<dyn Clock> {
        let wrong_by = std::env::var(VARIABLE).ok();
        let wrong_by = wrong_by.and_then(|text| text.parse().ok()).unwrap_or(0);
        Arc::new(Self { right, wrong_by })
    }
}

impl Clock for WrongClock {
    fn now(&self) -> Timestamp {
        let right = self.right.now().as_millis();
        Timestamp::from_millis(right.saturating_add_signed(self.wrong_by))
    }
}
