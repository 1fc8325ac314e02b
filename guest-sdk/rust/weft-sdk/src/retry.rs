//! When and how often a failed call is made again.

use std::time::Duration;

use crate::bindings::imports::weft::functions::types;
use crate::millis;

/// When and how often a failed call is made again. The n-th retry waits
/// `first_interval * coefficient^(n-1)`, at most `max_interval`. A failure that is not retryable
/// ends the attempts at once.
#[derive(Debug, Clone, PartialEq)]
pub struct RetryPolicy {
    pub(crate) max_attempts: u32,
    pub(crate) first_interval: Duration,
    pub(crate) coefficient: f64,
    pub(crate) max_interval: Option<Duration>,
    pub(crate) total_timeout: Option<Duration>,
    pub(crate) non_retryable_kinds: Vec<String>,
}

impl RetryPolicy {
    /// At most `max_attempts` calls, the first one included (zero counts as one), with the same
    /// interval between them.
    #[must_use]
    pub fn new(max_attempts: u32, first_interval: Duration) -> Self {
        Self {
            max_attempts: max_attempts.max(1),
            first_interval,
            coefficient: 1.0,
            max_interval: None,
            total_timeout: None,
            non_retryable_kinds: Vec::new(),
        }
    }

    /// What each interval is multiplied by to give the next; 2 doubles it.
    #[must_use]
    pub fn with_coefficient(mut self, coefficient: f64) -> Self {
        self.coefficient = coefficient;
        self
    }

    /// No interval is longer than this.
    #[must_use]
    pub fn with_max_interval(mut self, interval: Duration) -> Self {
        self.max_interval = Some(interval);
        self
    }

    /// No retry starts later than this after the first call.
    #[must_use]
    pub fn with_total_timeout(mut self, timeout: Duration) -> Self {
        self.total_timeout = Some(timeout);
        self
    }

    /// A kind of failure that ends the attempts at once, whatever it says of itself.
    #[must_use]
    pub fn without_retry_of(mut self, kind: impl Into<String>) -> Self {
        self.non_retryable_kinds.push(kind.into());
        self
    }

    pub(crate) fn to_wit(&self) -> types::RetryPolicy {
        types::RetryPolicy {
            max_attempts: self.max_attempts,
            first_interval_ms: millis(self.first_interval),
            coefficient: self.coefficient,
            max_interval_ms: self.max_interval.map(millis),
            total_timeout_ms: self.total_timeout.map(millis),
            non_retryable_kinds: self.non_retryable_kinds.clone(),
        }
    }
}
