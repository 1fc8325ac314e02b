//! The node's time, shared by everything that records or compares times.
//!
//! Invariant: over all starts of a node its time does not go back, whatever is done to the
//! system's clock in between. Otherwise a timer that was set while the clock was wrong would have
//! to wait for the time that the clock had shown.

use std::sync::Arc;
use std::time::Duration;

use weft_orchestration::Timestamp;
use weft_worker::{Clock, SystemClock};

/// Less is left alone: small corrections of the system's clock, and leases that had another length.
const BEHIND_MIN: Duration = Duration::from_secs(60);

/// The clock of this node.
#[must_use]
pub(crate) fn start() -> Arc<dyn Clock> {
    Arc::new(SystemClock::start())
}

/// The clock; where it is behind the time at which the node renewed its leases last, ahead by as
/// much. `last_lease` is until when those were to last.
pub(crate) fn not_before(
    clock: Arc<dyn Clock>,
    last_lease: Option<Timestamp>,
    lease_ttl: Duration,
) -> Arc<dyn Clock> {
    let millis = |duration: Duration| u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    let behind_ms = last_lease.map_or(0, |until| until.millis_since(clock.now()));
    let behind_ms = behind_ms.saturating_sub(millis(lease_ttl));
    if behind_ms < millis(BEHIND_MIN) {
        return clock;
    }
    tracing::warn!(
        behind_ms,
        "the system's clock is behind the time at which this node ran last; its time goes on from \
         there"
    );
    Arc::new(Ahead {
        clock,
        by_ms: behind_ms,
    })
}

struct Ahead {
    clock: Arc<dyn Clock>,
    by_ms: u64,
}

impl Clock for Ahead {
    fn now(&self) -> Timestamp {
        self.clock.now().plus_millis(self.by_ms)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct At(u64);

    impl Clock for At {
        fn now(&self) -> Timestamp {
            Timestamp::from_millis(self.0)
        }
    }

    #[test]
    fn time_does_not_go_back_over_a_restart() {
        let hour = 60 * 60 * 1_000;
        let ttl = 10_000;
        let starts = |now, last_run: Option<u64>| {
            let until = last_run.map(|at| Timestamp::from_millis(at + ttl));
            let clock = not_before(Arc::new(At(now)), until, Duration::from_millis(ttl));
            clock.now().as_millis()
        };
        assert_eq!(starts(hour, None), hour);
        assert_eq!(starts(2 * hour, Some(hour)), 2 * hour);
        assert_eq!(starts(hour, Some(hour)), hour);
        assert_eq!(starts(hour, Some(3 * hour)), 3 * hour);
    }
}
