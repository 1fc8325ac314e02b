//! How much a tenant may use of a node.

use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::fault::{Fault, Faults, join};
use crate::read::Object;

/// Bounds of one tenant; what is absent is not bounded by the quota.
///
/// What is counted by the second may be used ahead for a while: a second of requests, ten seconds of
/// everything else.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Quota {
    /// Functions and workflows that are deployed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub functions: Option<u64>,
    /// Bytes of components of all revisions, key-value pairs, objects, secrets and connections.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stored_bytes: Option<u64>,
    /// Requests of the data plane and of management in a second.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub requests_per_second: Option<u64>,
    /// Invocations that run at one time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub concurrency: Option<u64>,
    /// Milliseconds of processor time of functions in a second; 1000 are one core.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cpu_ms_per_second: Option<u64>,
    /// MiB of linear memory of all instances of functions together.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory_mib: Option<u64>,
    /// Bytes in a second that functions and workflows exchange with other hosts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub egress_bytes_per_second: Option<u64>,
    /// Bytes in a second that functions log.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub log_bytes_per_second: Option<u64>,
    /// Orchestrations and entities, ended ones included.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub instances: Option<u64>,
    /// Bytes of the histories of orchestrations, long payloads included.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub history_bytes: Option<u64>,
}

/// Beyond any machine, and far within what is computed with.
const MAX: u64 = 1 << 50;

impl Quota {
    pub const KEYS: [&'static str; 10] = [
        "functions",
        "stored_bytes",
        "requests_per_second",
        "concurrency",
        "cpu_ms_per_second",
        "memory_mib",
        "egress_bytes_per_second",
        "log_bytes_per_second",
        "instances",
        "history_bytes",
    ];

    /// This quota, and for what it does not bound the bound of `lower`.
    #[must_use]
    pub fn over(self, lower: Self) -> Self {
        Self {
            functions: self.functions.or(lower.functions),
            stored_bytes: self.stored_bytes.or(lower.stored_bytes),
            requests_per_second: self.requests_per_second.or(lower.requests_per_second),
            concurrency: self.concurrency.or(lower.concurrency),
            cpu_ms_per_second: self.cpu_ms_per_second.or(lower.cpu_ms_per_second),
            memory_mib: self.memory_mib.or(lower.memory_mib),
            egress_bytes_per_second: self
                .egress_bytes_per_second
                .or(lower.egress_bytes_per_second),
            log_bytes_per_second: self.log_bytes_per_second.or(lower.log_bytes_per_second),
            instances: self.instances.or(lower.instances),
            history_bytes: self.history_bytes.or(lower.history_bytes),
        }
    }

    /// # Errors
    /// Every fault.
    pub fn from_json(value: &Value) -> Result<Self, Faults> {
        let mut faults = Vec::new();
        let quota = Object::open(value, "", &Self::KEYS, &mut faults)
            .map(|object| Self::read(&object, &mut faults))
            .unwrap_or_default();
        Faults::check(faults).map(|()| quota)
    }

    fn read(object: &Object<'_>, faults: &mut Vec<Fault>) -> Self {
        let mut field = |key: &str| {
            let value: u64 = object.field(key, faults)?;
            if value > MAX {
                let at = join(object.pointer(), key);
                faults.push(Fault::new(at, format!("limited to {MAX}")));
            }
            Some(value)
        };
        let [
            functions,
            stored_bytes,
            requests_per_second,
            concurrency,
            cpu_ms_per_second,
            memory_mib,
            egress_bytes_per_second,
            log_bytes_per_second,
            instances,
            history_bytes,
        ] = Self::KEYS.map(&mut field);
        Self {
            functions,
            stored_bytes,
            requests_per_second,
            concurrency,
            cpu_ms_per_second,
            memory_mib,
            egress_bytes_per_second,
            log_bytes_per_second,
            instances,
            history_bytes,
        }
    }

    /// The JSON Schema of quotas, whole in itself.
    #[must_use]
    pub fn json_schema() -> Schema {
        let mut settings = SchemaSettings::draft2020_12();
        settings.inline_subschemas = true;
        settings.meta_schema = None;
        settings.into_generator().into_root_schema_for::<Self>()
    }

    /// As [`Self::from_json`] reads it.
    #[must_use]
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).expect("a struct of numbers is JSON")
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_field_is_read_into_its_own_place() {
        let all: serde_json::Map<String, Value> = Quota::KEYS
            .iter()
            .enumerate()
            .map(|(index, key)| ((*key).to_owned(), (index + 1).into()))
            .collect();
        let quota = Quota::from_json(&all.clone().into()).unwrap();
        assert_eq!(serde_json::to_value(quota).unwrap(), Value::from(all));
        assert_eq!(
            Quota::from_json(&serde_json::from_str(&quota.to_json()).unwrap()),
            Ok(quota)
        );
        assert_eq!(quota.over(Quota::default()), quota);
        assert_eq!(Quota::default().over(quota), quota);
    }

    #[test]
    fn every_fault_is_told() {
        let faults = Quota::from_json(&json!({
            "functions": -1, "instances": 1_u64 << 51, "memory": 1, "concurrency": null,
        }));
        let faults = faults.unwrap_err();
        let pointers: Vec<_> = faults.as_slice().iter().map(|f| &*f.pointer).collect();
        assert_eq!(pointers, ["/memory", "/functions", "/instances"]);
        assert!(Quota::from_json(&json!([])).is_err());
    }
}
