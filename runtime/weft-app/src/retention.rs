//! How long an app keeps its ended instances.

use std::time::Duration;

use jiff::{Span, SpanRelativeTo, Unit};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use weft_orchestration::Status;

use crate::fault::{Fault, join};
use crate::read::Object;

/// The longest time that may be given; who wants more keeps them for good.
const MAX: Duration = Duration::from_secs(100 * 366 * 86_400);

/// For each final status how many seconds after its end an instance is removed; where there is no
/// number it is kept until somebody purges it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Retention {
    #[serde(skip_serializing_if = "Option::is_none")]
    completed: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    failed: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    terminated: Option<u64>,
}

impl Retention {
    pub(crate) const KEYS: [&str; 3] = ["completed", "failed", "terminated"];

    /// The statuses whose instances are removed, with the time after their end.
    pub fn by_status(self) -> impl Iterator<Item = (Status, Duration)> {
        let all = [
            (Status::Completed, self.completed),
            (Status::Failed, self.failed),
            (Status::Terminated, self.terminated),
        ];
        all.into_iter()
            .filter_map(|(status, seconds)| Some((status, Duration::from_secs(seconds?))))
    }

    #[must_use]
    pub fn shortest(self) -> Option<Duration> {
        self.by_status().map(|(_, kept)| kept).min()
    }

    pub(crate) fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    pub(crate) fn read(object: &Object<'_>, faults: &mut Vec<Fault>) -> Self {
        let mut time = |key: &str| -> Option<u64> {
            let text: String = object.field(key, faults)?;
            match parse(&text) {
                Ok(seconds) => Some(seconds),
                Err(why) => {
                    let hint = "write it as \"30d\", \"12h\", \"90m\", \"1h 30m\" or \"45s\"";
                    faults.push(Fault::new(join(object.pointer(), key), why).hint(hint));
                    None
                }
            }
        };
        Self {
            completed: time("completed"),
            failed: time("failed"),
            terminated: time("terminated"),
        }
    }
}

/// Seconds. Days have 24 hours; months and years have no fixed length and are refused.
fn parse(text: &str) -> Result<u64, String> {
    let span: Span = text
        .parse()
        .map_err(|_| format!("{text:?} is no length of time"))?;
    if span.get_years() != 0 || span.get_months() != 0 {
        return Err("months and years differ in length; give days".to_owned());
    }
    let seconds = span
        .total((Unit::Second, SpanRelativeTo::days_are_24_hours()))
        .map_err(|error| error.to_string())?;
    let kept = Duration::try_from_secs_f64(seconds)
        .map_err(|_| "a length of time is not negative".to_owned())?;
    match kept {
        kept if kept > MAX => Err("the longest time is 100 years".to_owned()),
        kept => Ok(kept.as_secs()),
    }
}

/// How long after its end an instance is removed, as `30d`, `12h`, `90m` or `45s`; where a status
/// is not named its instances are kept.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(
    dead_code,
    reason = "only its schema is used; reading collects faults by hand"
)]
pub(crate) struct SchemaOfRetention {
    completed: Option<String>,
    failed: Option<String>,
    terminated: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_lengths_of_time() {
        for (text, seconds) in [
            ("45s", 45),
            ("90m", 5400),
            ("1h 30m", 5400),
            ("12h", 43_200),
            ("7d", 604_800),
            ("2w", 1_209_600),
            ("P1D", 86_400),
            ("0s", 0),
        ] {
            assert_eq!(parse(text), Ok(seconds), "{text}");
        }
        for text in ["", "7", "seven days", "-1d", "1mo", "1y", "40000d", "P1Y"] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
