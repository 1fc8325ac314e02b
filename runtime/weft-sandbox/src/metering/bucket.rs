//! A rate, as a token bucket in one atomic number.
//!
//! The number is the moment at which everything that was used is paid for. What is already known
//! when it is used (a request, a line) is taken or refused; what is known only afterwards
//! (processor time, bytes) is charged, and may put the moment any distance away: that debt is why
//! the limiters of crates, which refuse what does not fit, are not of use here.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

const NANOS: u128 = 1_000_000_000;
/// No wait that is told is longer.
const WAIT_MAX: Duration = Duration::from_secs(3600);
const UNLIMITED: u64 = u64::MAX;

#[derive(Debug)]
pub(super) struct Bucket {
    /// Units in a second.
    rate: AtomicU64,
    burst_ns: u64,
    /// In nanoseconds since the process began.
    paid_until: AtomicU64,
}

impl Bucket {
    /// Without a bound. `burst` is how far the use may be ahead of the rate.
    pub(super) fn new(burst: Duration) -> Self {
        Self {
            rate: AtomicU64::new(UNLIMITED),
            burst_ns: nanos(burst),
            paid_until: AtomicU64::new(0),
        }
    }

    /// Bounds what comes from now on; `None` is no bound. Debts at another rate are forgiven.
    pub(super) fn set_rate(&self, per_second: Option<u64>) {
        let rate = per_second.unwrap_or(UNLIMITED);
        if self.rate.swap(rate, Ordering::Relaxed) != rate {
            self.paid_until.store(0, Ordering::Relaxed);
        }
    }

    /// Takes `units` where they are there.
    ///
    /// # Errors
    /// How long to wait for them.
    pub(super) fn take(&self, units: u64) -> Result<(), Duration> {
        let rate = self.rate.load(Ordering::Relaxed);
        if rate == UNLIMITED {
            return Ok(());
        }
        self.take_at(rate, units, now_ns())
    }

    fn take_at(&self, rate: u64, units: u64, now: u64) -> Result<(), Duration> {
        let cost = cost(rate, units).ok_or(WAIT_MAX)?;
        let limit = now.saturating_add(self.burst_ns);
        let mut paid = self.paid_until.load(Ordering::Relaxed);
        loop {
            let after = paid.max(now).saturating_add(cost);
            if after > limit {
                return Err(Duration::from_nanos(after - limit).min(WAIT_MAX));
            }
            let swapped = self.paid_until.compare_exchange_weak(
                paid,
                after,
                Ordering::Relaxed,
                Ordering::Relaxed,
            );
            match swapped {
                Ok(_) => return Ok(()),
                Err(other) => paid = other,
            }
        }
    }

    /// Whether anything is left.
    ///
    /// # Errors
    /// How long to wait until something is.
    pub(super) fn check(&self) -> Result<(), Duration> {
        match self.rate.load(Ordering::Relaxed) {
            UNLIMITED => Ok(()),
            0 => Err(WAIT_MAX),
            _ => self.check_at(now_ns()),
        }
    }

    fn check_at(&self, now: u64) -> Result<(), Duration> {
        let limit = now.saturating_add(self.burst_ns);
        let paid = self.paid_until.load(Ordering::Relaxed);
        match paid < limit {
            true => Ok(()),
            false => Err(Duration::from_nanos(paid - limit + 1).min(WAIT_MAX)),
        }
    }

    /// Counts what was used, whether or not it was there.
    pub(super) fn charge(&self, units: u64) {
        let rate = self.rate.load(Ordering::Relaxed);
        if rate != UNLIMITED {
            self.charge_at(rate, units, now_ns());
        }
    }

    fn charge_at(&self, rate: u64, units: u64, now: u64) {
        let cost = cost(rate, units).unwrap_or(u64::MAX / 4);
        // The closure always gives a value.
        let _ = self
            .paid_until
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |paid| {
                Some(paid.max(now).saturating_add(cost))
            });
    }
}

/// Nanoseconds in which `rate` gives that many; `None` where it never does.
fn cost(rate: u64, units: u64) -> Option<u64> {
    let nanos = (u128::from(units) * NANOS).checked_div(u128::from(rate))?;
    Some(u64::try_from(nanos).unwrap_or(u64::MAX / 4))
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

fn now_ns() -> u64 {
    static START: OnceLock<Instant> = OnceLock::new();
    nanos(START.get_or_init(Instant::now).elapsed())
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1_000_000_000;

    fn bucket() -> Bucket {
        Bucket::new(Duration::from_secs(2))
    }

    #[test]
    fn a_burst_and_then_the_rate() {
        let bucket = bucket();
        for _ in 0..20 {
            assert_eq!(bucket.take_at(10, 1, 0), Ok(()));
        }
        let wait = bucket.take_at(10, 1, 0).unwrap_err();
        assert_eq!(wait, Duration::from_millis(100));
        assert_eq!(bucket.take_at(10, 1, SECOND / 10), Ok(()));
        assert!(bucket.take_at(10, 1, SECOND / 10).is_err());
        // What is not used is not saved beyond the burst.
        let later = 100 * SECOND;
        assert_eq!(bucket.take_at(10, 20, later), Ok(()));
        assert!(bucket.take_at(10, 1, later).is_err());
    }

    #[test]
    fn debt_is_paid_back_before_anything_goes_on() {
        let bucket = bucket();
        assert_eq!(bucket.check_at(0), Ok(()));
        bucket.charge_at(100, 700, 0);
        let wait = bucket.check_at(0).unwrap_err();
        assert!(wait >= Duration::from_secs(5), "{wait:?}");
        assert!(bucket.check_at(4 * SECOND).is_err());
        assert_eq!(bucket.check_at(5 * SECOND + 1), Ok(()));
    }

    #[test]
    fn none_is_no_bound_and_zero_is_nothing() {
        let bucket = bucket();
        bucket.charge(u64::MAX);
        assert_eq!((bucket.take(u64::MAX), bucket.check()), (Ok(()), Ok(())));
        bucket.set_rate(Some(0));
        assert!(bucket.take(1).is_err() && bucket.check().is_err());
        bucket.charge(1);
        bucket.set_rate(Some(1_000_000));
        assert_eq!(bucket.take(1), Ok(()), "earlier debts are forgiven");
        bucket.set_rate(None);
        assert_eq!(bucket.take(u64::MAX), Ok(()));
    }
}
