//! Bounds of one function: what may be asked for, and what holds where nothing is asked.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::fault::{Fault, join};
use crate::read::Object;

/// The bounds that a function runs under.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// Linear memory of one invocation, in MiB.
    pub memory_mib: u32,
    /// Wall-clock time of one invocation, in milliseconds.
    pub timeout_ms: u32,
    /// Invocations that run at one time on a node; more are refused.
    pub concurrency: u32,
    /// Requests that one instance of an HTTP function serves, one after another; 1 makes a new
    /// instance for each.
    #[serde(default = "one")]
    pub requests_per_instance: u32,
}

fn one() -> u32 {
    1
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            memory_mib: 128,
            timeout_ms: 30_000,
            concurrency: 100,
            requests_per_instance: one(),
        }
    }
}

/// What a person asks for; what is absent keeps its default.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LimitSettings {
    /// Linear memory of one invocation, in MiB (default 128).
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 1024))]
    pub memory_mib: Option<u32>,
    /// Wall-clock time of one invocation, in milliseconds (default 30000).
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 900_000))]
    pub timeout_ms: Option<u32>,
    /// Invocations that run at one time on a node (default 100).
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 10_000))]
    pub concurrency: Option<u32>,
    /// Requests that one instance of an HTTP function serves, one after another (default 1: a new
    /// instance for each). With more, what the function keeps in memory is there again at a later
    /// request of the same function; other functions and tenants never see it. An instance that
    /// fails serves no other request.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 100_000))]
    pub requests_per_instance: Option<u32>,
}

impl LimitSettings {
    const MEMORY_MIB_MAX: u32 = 1024;
    const TIMEOUT_MS_MAX: u32 = 900_000;
    const CONCURRENCY_MAX: u32 = 10_000;
    const REQUESTS_PER_INSTANCE_MAX: u32 = 100_000;

    #[must_use]
    pub fn resolve(self) -> Limits {
        let default = Limits::default();
        Limits {
            memory_mib: self.memory_mib.unwrap_or(default.memory_mib),
            timeout_ms: self.timeout_ms.unwrap_or(default.timeout_ms),
            concurrency: self.concurrency.unwrap_or(default.concurrency),
            requests_per_instance: self
                .requests_per_instance
                .unwrap_or(default.requests_per_instance),
        }
    }

    pub(crate) fn read(object: &Object<'_>, faults: &mut Vec<Fault>) -> Self {
        let mut field = |key: &str, max: u32, unit: &str| {
            let value: u64 = object.field(key, faults)?;
            match u32::try_from(value) {
                Ok(value) if (1..=max).contains(&value) => Some(value),
                _ => {
                    let message = format!("{value} is out of range");
                    let hint = format!("1 to {max}{unit}");
                    faults.push(Fault::new(join(object.pointer(), key), message).hint(hint));
                    None
                }
            }
        };
        Self {
            memory_mib: field("memory_mib", Self::MEMORY_MIB_MAX, " MiB"),
            timeout_ms: field("timeout_ms", Self::TIMEOUT_MS_MAX, " ms"),
            concurrency: field("concurrency", Self::CONCURRENCY_MAX, ""),
            requests_per_instance: field(
                "requests_per_instance",
                Self::REQUESTS_PER_INSTANCE_MAX,
                "",
            ),
        }
    }

    pub(crate) const KEYS: &'static [&'static str] = &[
        "memory_mib",
        "timeout_ms",
        "concurrency",
        "requests_per_instance",
    ];
}
