//! When a failed call is made again.

use serde::{Deserialize, Serialize};

use crate::{Failure, Timestamp};

/// The n-th retry waits `first_interval_ms * coefficient^(n-1)`, capped by `max_interval_ms`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RetryPolicy {
    /// Calls made at most, the first one included; 0 counts as 1.
    pub max_attempts: u32,
    pub first_interval_ms: u64,
    /// Finite; less than 1 makes the intervals shrink.
    pub coefficient: f64,
    pub max_interval_ms: Option<u64>,
    /// No attempt starts later than this after the first one.
    pub total_timeout_ms: Option<u64>,
    pub non_retryable_kinds: Vec<String>,
}

impl RetryPolicy {
    /// Milliseconds to wait before the next attempt, or `None` when `failure` is final.
    ///
    /// `attempt` is the number of the attempt that failed, from 1.
    pub(crate) fn delay_after(
        &self,
        attempt: u32,
        failure: &Failure,
        first_at: Timestamp,
        now: Timestamp,
    ) -> Option<u64> {
        let final_kind = self.non_retryable_kinds.contains(&failure.kind);
        if !failure.retryable || final_kind || attempt >= self.max_attempts {
            return None;
        }
        let exponent = i32::try_from(attempt - 1).unwrap_or(i32::MAX);
        #[expect(
            clippy::cast_precision_loss,
            reason = "intervals are far below 2^53 ms, and a longer one may be rounded"
        )]
        let exact = self.first_interval_ms as f64 * self.coefficient.powi(exponent);
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "`as` saturates, and turns NaN and what is below zero into zero"
        )]
        let delay = (exact as u64).min(self.max_interval_ms.unwrap_or(u64::MAX));
        let waited = now.millis_since(first_at).saturating_add(delay);
        match self.total_timeout_ms {
            Some(total) if waited > total => None,
            _ => Some(delay),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn delays(policy: &RetryPolicy) -> Vec<u64> {
        let failure = Failure::transient("busy", "try again");
        let mut now = Timestamp::default();
        (1..)
            .map_while(|attempt| {
                let delay = policy.delay_after(attempt, &failure, Timestamp::default(), now)?;
                now = now.plus_millis(delay);
                Some(delay)
            })
            .collect()
    }

    fn policy() -> RetryPolicy {
        RetryPolicy {
            max_attempts: 5,
            first_interval_ms: 100,
            coefficient: 2.0,
            max_interval_ms: None,
            total_timeout_ms: None,
            non_retryable_kinds: vec!["declined".into()],
        }
    }

    #[test]
    fn intervals_grow_up_to_the_cap_the_count_and_the_total() {
        assert_eq!(delays(&policy()), [100, 200, 400, 800]);
        let capped = RetryPolicy {
            max_interval_ms: Some(250),
            ..policy()
        };
        assert_eq!(delays(&capped), [100, 200, 250, 250]);
        let timed = RetryPolicy {
            total_timeout_ms: Some(700),
            ..policy()
        };
        assert_eq!(delays(&timed), [100, 200, 400]);
    }

    #[test]
    fn a_permanent_failure_and_a_listed_kind_end_the_attempts() {
        let now = Timestamp::default();
        let listed = Failure::transient("declined", "no");
        assert_eq!(policy().delay_after(1, &listed, now, now), None);
        let permanent = Failure::permanent("busy", "no");
        assert_eq!(policy().delay_after(1, &permanent, now, now), None);
    }
}
