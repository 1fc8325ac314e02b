//! What a deployer says about one function, over what its component says of itself.

use std::collections::BTreeMap;

use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::fault::{Fault, Faults, join};
use crate::read::{Object, table};
use crate::{Auth, FunctionKind, Grants, LimitSettings, OutboundHost, RouteTemplate};

const ENV_BYTES_MAX: usize = 64 << 10;
const OUTBOUND_HOSTS_MAX: usize = 100;
const METHODS: [&str; 7] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];

/// Settings of one function; what is absent comes from the component or is a default.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Who may call an HTTP function (default `function`: a key that may invoke).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub auth: Option<Auth>,
    /// Route template of an HTTP function below `/api/`, for instance `orders/{id:int}/{*rest}`;
    /// otherwise the component's, otherwise the function's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub route: Option<RouteTemplate>,
    /// Methods of an HTTP function; an empty list means all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub methods: Option<Vec<String>>,
    pub limits: LimitSettings,
    /// Where outbound requests may go: `scheme://host[:port]`, with `*` as a wildcard.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(with = "Vec<String>")]
    pub allowed_outbound_hosts: Vec<OutboundHost>,
    /// What the function may reach besides, by kind; what is absent is all of the app's, but for
    /// secrets, which are to be named: `wasi:config` gives them.
    #[serde(skip_serializing_if = "is_default")]
    pub capabilities: Grants,
    /// Environment variables of the guest.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub env: BTreeMap<String, String>,
}

impl Settings {
    pub(crate) const KEYS: &'static [&'static str] = &[
        "auth",
        "route",
        "methods",
        "limits",
        "allowed_outbound_hosts",
        "capabilities",
        "env",
    ];

    /// Reads settings from JSON; pointers are relative to `value`.
    ///
    /// # Errors
    /// Every fault.
    pub fn from_json(value: &Value) -> Result<Self, Faults> {
        let mut faults = Vec::new();
        let settings = Object::open(value, "", Self::KEYS, &mut faults)
            .map(|object| Self::read(&object, &mut faults))
            .unwrap_or_default();
        Faults::check(faults).map(|()| settings)
    }

    /// The JSON Schema of settings, whole in itself.
    #[must_use]
    pub fn json_schema() -> Schema {
        let mut settings = SchemaSettings::draft2020_12();
        settings.inline_subschemas = true;
        settings.meta_schema = None;
        settings.into_generator().into_root_schema_for::<Self>()
    }

    pub(crate) fn read(object: &Object<'_>, faults: &mut Vec<Fault>) -> Self {
        let limits_at = join(object.pointer(), "limits");
        let limits = object
            .get("limits")
            .and_then(|value| Object::open(value, &limits_at, LimitSettings::KEYS, faults))
            .map(|limits| LimitSettings::read(&limits, faults));
        Self {
            auth: object.field("auth", faults),
            route: object.field("route", faults),
            methods: read_methods(object, faults),
            limits: limits.unwrap_or_default(),
            allowed_outbound_hosts: read_hosts(object, faults),
            capabilities: read_capabilities(object, faults),
            env: read_env(object, faults),
        }
    }

    /// Faults of settings that a function of this kind cannot have.
    pub(crate) fn check_kind(&self, kind: FunctionKind, pointer: &str) -> Vec<Fault> {
        let http_only = [
            ("auth", self.auth.is_some()),
            ("route", self.route.is_some()),
            ("methods", self.methods.is_some()),
        ];
        let mut faults = Vec::new();
        let mut refuse = |key: &str, why: &str| {
            faults.push(Fault::new(join(pointer, key), why));
        };
        if kind != FunctionKind::Http {
            let why = format!(
                "only HTTP functions have this; this one is an {}",
                kind.as_str()
            );
            for (key, _) in http_only.iter().filter(|(_, set)| *set) {
                refuse(key, &why);
            }
        }
        if kind == FunctionKind::Orchestrator && !self.allowed_outbound_hosts.is_empty() {
            refuse(
                "allowed_outbound_hosts",
                "an orchestrator makes no requests; call an activity that does",
            );
        }
        if kind != FunctionKind::Http && self.limits.requests_per_instance.is_some() {
            let at = join(&join(pointer, "limits"), "requests_per_instance");
            faults.push(Fault::new(at, "only instances of HTTP functions are kept"));
        }
        faults
    }
}

fn read_methods(object: &Object<'_>, faults: &mut Vec<Fault>) -> Option<Vec<String>> {
    let methods: Vec<String> = object.field("methods", faults)?;
    let pointer = join(object.pointer(), "methods");
    let methods = methods.iter().map(|method| method.to_ascii_uppercase());
    let methods: Vec<_> = methods.collect();
    for (index, method) in methods.iter().enumerate() {
        if !METHODS.contains(&method.as_str()) {
            let hint = format!("one of {}", METHODS.join(", "));
            let at = join(&pointer, &index.to_string());
            faults.push(Fault::new(at, format!("{method:?} is no method")).hint(hint));
        }
    }
    Some(methods)
}

fn read_hosts(object: &Object<'_>, faults: &mut Vec<Fault>) -> Vec<OutboundHost> {
    let texts: Vec<String> = object
        .field("allowed_outbound_hosts", faults)
        .unwrap_or_default();
    let pointer = join(object.pointer(), "allowed_outbound_hosts");
    if texts.len() > OUTBOUND_HOSTS_MAX {
        let message = format!("at most {OUTBOUND_HOSTS_MAX} hosts are possible");
        faults.push(Fault::new(&*pointer, message));
    }
    let mut hosts = Vec::new();
    for (index, text) in texts.iter().enumerate() {
        match text.parse() {
            Ok(host) => hosts.push(host),
            Err(error) => {
                let at = join(&pointer, &index.to_string());
                let error: crate::InvalidOutboundHost = error;
                faults.push(Fault::new(at, error.to_string()));
            }
        }
    }
    hosts
}

/// Hosts have a list of their own.
fn read_capabilities(object: &Object<'_>, faults: &mut Vec<Fault>) -> Grants {
    let pointer = join(object.pointer(), "capabilities");
    let known = &Grants::KEYS[1..];
    let read = object
        .get("capabilities")
        .and_then(|value| Object::open(value, &pointer, known, faults))
        .map(|object| Grants::read(&object, faults));
    read.unwrap_or_default()
}

fn is_default(grants: &Grants) -> bool {
    *grants == Grants::default()
}

fn read_env(object: &Object<'_>, faults: &mut Vec<Fault>) -> BTreeMap<String, String> {
    let pointer = join(object.pointer(), "env");
    let Some(members) = object
        .get("env")
        .and_then(|value| table(value, &pointer, faults))
    else {
        return BTreeMap::new();
    };
    let mut env = BTreeMap::new();
    for (name, value) in members {
        let at = join(&pointer, name);
        let letter = |c: char| c.is_ascii_alphanumeric() || c == '_';
        let named = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
        if !(named && name.chars().all(letter)) {
            let hint = "letters, digits and '_', no digit first";
            faults.push(Fault::new(&*at, "no name of an environment variable").hint(hint));
        }
        match value.as_str() {
            Some(text) if !text.contains('\0') => {
                env.insert(name.clone(), text.to_owned());
            }
            _ => faults.push(Fault::new(at, "must be a string without NUL characters")),
        }
    }
    let bytes: usize = env
        .iter()
        .map(|(name, value)| name.len() + value.len())
        .sum();
    if bytes > ENV_BYTES_MAX {
        let message = format!("limited to {ENV_BYTES_MAX} bytes in all, these are {bytes}");
        faults.push(Fault::new(pointer, message));
    }
    env
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn reads_what_the_manifest_shows() {
        let settings = Settings::from_json(&json!({
            "auth": "anonymous",
            "route": "orders/{id:int}",
            "methods": ["get"],
            "limits": {"memory_mib": 64},
            "allowed_outbound_hosts": ["https://payments.example"],
            "env": {"A_1": "x"},
        }))
        .unwrap();
        assert_eq!(settings.auth, Some(Auth::Anonymous));
        assert_eq!(settings.methods, Some(vec!["GET".to_owned()]));
        assert_eq!(settings.limits.resolve().memory_mib, 64);
        assert_eq!(settings.limits.resolve().timeout_ms, 30_000);
    }

    #[test]
    fn null_is_as_good_as_nothing() {
        let nulls = json!({"auth": null, "route": null, "limits": null, "env": null});
        assert_eq!(Settings::from_json(&nulls).unwrap(), Settings::default());
    }

    #[test]
    fn lists_every_fault_with_its_place() {
        let faults = Settings::from_json(&json!({
            "auht": "anonymous",
            "auth": "everybody",
            "route": "/x",
            "methods": ["GET", "FETCH"],
            "limits": {"memory_mib": 5000, "timeout_ms": -1, "cpu": 1},
            "allowed_outbound_hosts": ["payments.example"],
            "env": {"1": "x", "B": 1},
        }))
        .unwrap_err();
        let pointers: Vec<_> = faults.as_slice().iter().map(|f| &*f.pointer).collect();
        assert_eq!(
            pointers,
            [
                "/auht",
                "/limits/cpu",
                "/limits/memory_mib",
                "/limits/timeout_ms",
                "/auth",
                "/route",
                "/methods/1",
                "/allowed_outbound_hosts/0",
                "/env/1",
                "/env/B",
            ]
        );
    }
}
