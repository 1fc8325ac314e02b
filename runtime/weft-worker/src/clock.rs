//! The worker's time.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

use weft_orchestration::Timestamp;

/// What time it is. Timers, leases and recorded times all come from here.
pub trait Clock: Send + Sync {
    fn now(&self) -> Timestamp;
}

/// The system's time at the start of the process plus what a monotonic clock has counted since: a
/// jump of the system's clock fires no timer early and ends no lease.
#[derive(Debug)]
pub struct SystemClock {
    anchor: Instant,
    anchored_at: Timestamp,
}

impl SystemClock {
    #[must_use]
    pub fn start() -> Self {
        #[expect(
            clippy::disallowed_methods,
            reason = "the one place where the node reads the system's clock"
        )]
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH);
        let millis = since_epoch.map_or(0, |elapsed| elapsed.as_millis());
        Self {
            anchor: Instant::now(),
            anchored_at: Timestamp::from_millis(u64::try_from(millis).unwrap_or(u64::MAX)),
        }
    }
}

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        let elapsed = u64::try_from(self.anchor.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.anchored_at.plus_millis(elapsed)
    }
}
