//! When a request is made again, as `retryPolicy` says.

use crate::value::Value;

use super::duration_ms;

/// The pauses between attempts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RetryPolicy {
    /// Attempts beyond the first.
    pub count: u32,
    interval_ms: u64,
    exponential: bool,
    least_ms: u64,
    most_ms: u64,
}

/// What a policy may ask for; the peer's bounds.
const COUNT_MAX: u32 = 90;
const INTERVAL_MAX_MS: u64 = 24 * 3_600_000;

impl RetryPolicy {
    pub const NONE: Self = Self {
        count: 0,
        interval_ms: 0,
        exponential: false,
        least_ms: 0,
        most_ms: 0,
    };

    /// Four attempts more, at intervals that grow from 7.5 seconds and stay between 5 and 45.
    pub const DEFAULT: Self = Self {
        count: 4,
        interval_ms: 7_500,
        exponential: true,
        least_ms: 5_000,
        most_ms: 45_000,
    };

    /// Of an evaluated `retryPolicy`; the default where there is none.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn read(policy: Option<&Value>) -> Result<Self, String> {
        let Some(policy) = policy.filter(|policy| !policy.is_null()) else {
            return Ok(Self::DEFAULT);
        };
        let text = |name: &str| policy.get(name).map(Value::to_text);
        let kind = text("type").unwrap_or_default().to_ascii_lowercase();
        let exponential = match kind.as_str() {
            "none" => return Ok(Self::NONE),
            "fixed" => false,
            "exponential" => true,
            "" | "default" => return Ok(Self::DEFAULT),
            other => return Err(format!("'{other}' is no type of retry policy")),
        };
        let count = match policy.get("count") {
            None => Self::DEFAULT.count,
            Some(count) => count
                .to_text()
                .parse()
                .ok()
                .filter(|count| (1..=COUNT_MAX).contains(count))
                .ok_or_else(|| format!("the count of retries is from 1 to {COUNT_MAX}"))?,
        };
        let length = |name: &str, default: u64| match text(name) {
            None => Ok(default),
            Some(text) => duration_ms(&text)
                .filter(|millis| *millis <= INTERVAL_MAX_MS)
                .ok_or_else(|| format!("'{text}' is no duration of a day at the most ({name})")),
        };
        let interval_ms = length("interval", Self::DEFAULT.interval_ms)?;
        Ok(Self {
            count,
            interval_ms,
            exponential,
            least_ms: length("minimumInterval", Self::DEFAULT.least_ms.min(interval_ms))?,
            most_ms: length("maximumInterval", INTERVAL_MAX_MS)?,
        })
    }

    /// The pause after the `attempt`-th attempt, from 1; `None` when there is no other.
    #[must_use]
    pub fn pause_ms(&self, attempt: u32) -> Option<u64> {
        if attempt > self.count {
            return None;
        }
        if !self.exponential {
            return Some(self.interval_ms);
        }
        let grown = self
            .interval_ms
            .saturating_mul(1u64.checked_shl(attempt - 1).unwrap_or(u64::MAX));
        Some(grown.min(self.most_ms).max(self.least_ms))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy(json: &str) -> Result<RetryPolicy, String> {
        RetryPolicy::read(Some(&serde_json::from_str(json).expect("JSON")))
    }

    #[test]
    fn pauses() {
        let pauses = |policy: RetryPolicy| {
            (1..=6)
                .map_while(|attempt| policy.pause_ms(attempt))
                .collect::<Vec<_>>()
        };
        assert_eq!(
            pauses(RetryPolicy::DEFAULT),
            [7_500, 15_000, 30_000, 45_000]
        );
        let fixed = policy(r#"{"type":"Fixed","count":2,"interval":"PT1S"}"#).unwrap();
        assert_eq!(pauses(fixed), [1_000, 1_000]);
        assert!(pauses(policy(r#"{"type":"none"}"#).unwrap()).is_empty());
        let growing =
            r#"{"type":"exponential","count":3,"interval":"PT5S","maximumInterval":"PT8S"}"#;
        assert_eq!(pauses(policy(growing).unwrap()), [5_000, 8_000, 8_000]);
    }

    #[test]
    fn faults() {
        assert!(policy(r#"{"type":"often"}"#).is_err());
        assert!(policy(r#"{"type":"fixed","count":91,"interval":"PT1S"}"#).is_err());
        assert!(policy(r#"{"type":"fixed","count":1,"interval":"soon"}"#).is_err());
    }
}
