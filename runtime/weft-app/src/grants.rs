//! What functions and workflows may reach: what they ask for, what their tenant is granted and what
//! the operator lets anybody have. Each is a [`Grants`]; what holds is what all three have in
//! common.

use std::fmt;
use std::str::FromStr;

use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::fault::{Fault, Faults, join};
use crate::read::Object;
use crate::{InvalidOutboundHost, OutboundHost};

const NAMES_MAX: usize = 1000;
const NAME_BYTES_MAX: usize = 512;

/// What may be reached, by kind. Where a kind is absent, all of it may; where its list is empty,
/// nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Grants {
    /// Hosts of outbound requests: `scheme://host[:port]`, with `*` as a wildcard.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Vec<String>>")]
    pub outbound_hosts: Option<Vec<OutboundHost>>,
    /// Key-value stores of the app, by name; `*` at the end of a name stands for any rest.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Vec<String>>")]
    pub key_value: Option<Vec<NamePattern>>,
    /// Blob containers of the app.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Vec<String>>")]
    pub blob_containers: Option<Vec<NamePattern>>,
    /// Secrets of the app.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Vec<String>>")]
    pub secrets: Option<Vec<NamePattern>>,
    /// Connections of the app.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Vec<String>>")]
    pub connections: Option<Vec<NamePattern>>,
    /// Orchestrators and entities of the app that may be started and signalled.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Vec<String>>")]
    pub functions: Option<Vec<NamePattern>>,
}

/// A kind of thing with a name that may be reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    KeyValue,
    BlobContainer,
    Secret,
    Connection,
    Function,
}

impl Reach {
    /// For messages.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::KeyValue => "key-value store",
            Self::BlobContainer => "blob container",
            Self::Secret => "secret",
            Self::Connection => "connection",
            Self::Function => "function",
        }
    }
}

/// A name, or the beginning of names with `*` behind it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct NamePattern {
    text: String,
    open: bool,
}

/// Why a text is no pattern of names.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no pattern of names: 1 to {NAME_BYTES_MAX} characters, `*` at the end only")]
pub struct InvalidPattern(String);

impl NamePattern {
    #[must_use]
    pub fn covers(&self, name: &str) -> bool {
        match self.open {
            true => name.starts_with(&self.text),
            false => name == self.text,
        }
    }

    /// What both cover.
    fn meet(&self, other: &Self) -> Option<Self> {
        if other.open && self.text.starts_with(&other.text) {
            return Some(self.clone());
        }
        let within = self.open && other.text.starts_with(&self.text);
        (within || self == other).then(|| other.clone())
    }
}

impl FromStr for NamePattern {
    type Err = InvalidPattern;

    fn from_str(text: &str) -> Result<Self, InvalidPattern> {
        let (name, open) = match text.strip_suffix('*') {
            Some(name) => (name, true),
            None => (text, false),
        };
        let fits = !text.is_empty() && text.len() <= NAME_BYTES_MAX && !name.contains('*');
        if !fits || text.chars().any(char::is_control) {
            return Err(InvalidPattern(text.to_owned()));
        }
        Ok(Self {
            text: name.to_owned(),
            open,
        })
    }
}

impl fmt::Display for NamePattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)?;
        f.write_str(if self.open { "*" } else { "" })
    }
}

impl TryFrom<String> for NamePattern {
    type Error = InvalidPattern;

    fn try_from(text: String) -> Result<Self, InvalidPattern> {
        text.parse()
    }
}

impl From<NamePattern> for String {
    fn from(pattern: NamePattern) -> Self {
        pattern.to_string()
    }
}

impl Grants {
    pub const KEYS: [&'static str; 6] = [
        "outbound_hosts",
        "key_value",
        "blob_containers",
        "secrets",
        "connections",
        "functions",
    ];

    #[must_use]
    pub fn allows(&self, reach: Reach, name: &str) -> bool {
        let patterns = match reach {
            Reach::KeyValue => &self.key_value,
            Reach::BlobContainer => &self.blob_containers,
            Reach::Secret => &self.secrets,
            Reach::Connection => &self.connections,
            Reach::Function => &self.functions,
        };
        let covered = |patterns: &Vec<NamePattern>| patterns.iter().any(|one| one.covers(name));
        patterns.as_ref().is_none_or(covered)
    }

    /// As [`OutboundHost::allows`].
    #[must_use]
    pub fn allows_host(&self, https: bool, host: &str, port: u16) -> bool {
        let hosts = self.outbound_hosts.as_ref();
        hosts.is_none_or(|hosts| hosts.iter().any(|one| one.allows(https, host, port)))
    }

    /// What both allow.
    #[must_use]
    pub fn meet(&self, other: &Self) -> Self {
        Self {
            outbound_hosts: meet(
                &self.outbound_hosts,
                &other.outbound_hosts,
                OutboundHost::meet,
            ),
            key_value: meet(&self.key_value, &other.key_value, NamePattern::meet),
            blob_containers: meet(
                &self.blob_containers,
                &other.blob_containers,
                NamePattern::meet,
            ),
            secrets: meet(&self.secrets, &other.secrets, NamePattern::meet),
            connections: meet(&self.connections, &other.connections, NamePattern::meet),
            functions: meet(&self.functions, &other.functions, NamePattern::meet),
        }
    }

    /// # Errors
    /// Every fault.
    pub fn from_json(value: &Value) -> Result<Self, Faults> {
        let mut faults = Vec::new();
        let grants = Object::open(value, "", &Self::KEYS, &mut faults)
            .map(|object| Self::read(&object, &mut faults))
            .unwrap_or_default();
        Faults::check(faults).map(|()| grants)
    }

    pub(crate) fn read(object: &Object<'_>, faults: &mut Vec<Fault>) -> Self {
        Self {
            outbound_hosts: list::<OutboundHost, InvalidOutboundHost>(
                object,
                "outbound_hosts",
                faults,
            ),
            key_value: list::<NamePattern, _>(object, "key_value", faults),
            blob_containers: list::<NamePattern, _>(object, "blob_containers", faults),
            secrets: list::<NamePattern, _>(object, "secrets", faults),
            connections: list::<NamePattern, _>(object, "connections", faults),
            functions: list::<NamePattern, _>(object, "functions", faults),
        }
    }

    /// As [`Self::from_json`] reads it.
    #[must_use]
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).expect("lists of texts are JSON")
    }

    /// The JSON Schema of grants, whole in itself.
    #[must_use]
    pub fn json_schema() -> Schema {
        let mut settings = SchemaSettings::draft2020_12();
        settings.inline_subschemas = true;
        settings.meta_schema = None;
        settings.into_generator().into_root_schema_for::<Self>()
    }
}

fn meet<T: Clone + PartialEq>(
    a: &Option<Vec<T>>,
    b: &Option<Vec<T>>,
    both: impl Fn(&T, &T) -> Option<T>,
) -> Option<Vec<T>> {
    match (a, b) {
        (None, other) | (other, None) => other.clone(),
        (Some(a), Some(b)) => {
            let mut found: Vec<T> = Vec::new();
            for common in a.iter().flat_map(|a| b.iter().filter_map(|b| both(a, b))) {
                if !found.contains(&common) {
                    found.push(common);
                }
            }
            Some(found)
        }
    }
}

fn list<T, E>(object: &Object<'_>, key: &str, faults: &mut Vec<Fault>) -> Option<Vec<T>>
where
    T: FromStr<Err = E>,
    E: fmt::Display,
{
    let texts: Vec<String> = object.field(key, faults)?;
    let pointer = join(object.pointer(), key);
    if texts.len() > NAMES_MAX {
        let message = format!("at most {NAMES_MAX} are possible");
        faults.push(Fault::new(&*pointer, message));
    }
    let mut all = Vec::new();
    for (index, text) in texts.iter().enumerate() {
        match text.parse() {
            Ok(one) => all.push(one),
            Err(error) => {
                let error: E = error;
                faults.push(Fault::new(
                    join(&pointer, &index.to_string()),
                    error.to_string(),
                ));
            }
        }
    }
    Some(all)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn grants(value: Value) -> Grants {
        Grants::from_json(&value).unwrap()
    }

    #[test]
    fn what_is_absent_is_open_and_what_is_empty_is_closed() {
        let open = Grants::default();
        let closed = grants(json!({
            "outbound_hosts": [], "key_value": [], "blob_containers": [], "secrets": [],
            "connections": [], "functions": [],
        }));
        for reach in [
            Reach::KeyValue,
            Reach::BlobContainer,
            Reach::Secret,
            Reach::Connection,
            Reach::Function,
        ] {
            assert!(
                open.allows(reach, "x") && !closed.allows(reach, "x"),
                "{reach:?}"
            );
        }
        assert!(open.allows_host(true, "a.example", 443));
        assert!(!closed.allows_host(true, "a.example", 443));
    }

    #[test]
    fn what_holds_is_what_all_have_in_common() {
        let manifest = grants(json!({"key_value": ["carts", "user-1", "logs*"], "secrets": ["a"]}));
        let tenant = grants(json!({"key_value": ["carts", "user-*", "log*"], "functions": ["f"]}));
        let operator =
            grants(json!({"key_value": ["*"], "outbound_hosts": ["https://*.b.example"]}));
        let all = manifest.meet(&tenant).meet(&operator);
        let shown = serde_json::to_value(&all).unwrap();
        let expected = json!({
            "outbound_hosts": ["https://*.b.example"],
            "key_value": ["carts", "user-1", "logs*"],
            "secrets": ["a"],
            "functions": ["f"],
        });
        assert_eq!(shown, expected);
        assert_eq!(grants(expected), all);
        assert!(all.allows(Reach::KeyValue, "logs-2") && !all.allows(Reach::KeyValue, "user-2"));
        let none = grants(json!({"key_value": ["x"]})).meet(&grants(json!({"key_value": ["y"]})));
        assert_eq!(none.key_value, Some(vec![]));
    }

    #[test]
    fn hosts_meet_where_both_lead() {
        let meet = |a: &str, b: &str| {
            let grants = |host: &str| grants(json!({"outbound_hosts": [host]}));
            let both = grants(a).meet(&grants(b)).outbound_hosts.unwrap();
            let other = grants(b).meet(&grants(a)).outbound_hosts.unwrap();
            assert_eq!(both, other, "{a} {b}");
            both.first().map(ToString::to_string)
        };
        let found = |text: &str| Some(text.to_owned());
        assert_eq!(
            meet("*://*:*", "https://a.example"),
            found("https://a.example")
        );
        assert_eq!(
            meet("https://*.example", "*://a.example:*"),
            found("https://a.example")
        );
        assert_eq!(
            meet("https://*.b.example", "https://*.example"),
            found("https://*.b.example")
        );
        assert_eq!(
            meet("https://a.example:443", "https://a.example"),
            found("https://a.example:443")
        );
        assert_eq!(meet("http://a.example", "https://a.example"), None);
        assert_eq!(meet("https://a.example", "https://a.example:8443"), None);
        assert_eq!(meet("https://*.example", "https://example"), None);
    }

    #[test]
    fn every_fault_is_told() {
        let faults = Grants::from_json(&json!({
            "key_value": ["a*b", ""], "outbound_hosts": ["x"], "keyvalue": [], "secrets": "all",
        }));
        let faults = faults.unwrap_err();
        let pointers: Vec<_> = faults.as_slice().iter().map(|f| &*f.pointer).collect();
        assert_eq!(
            pointers,
            [
                "/keyvalue",
                "/outbound_hosts/0",
                "/key_value/0",
                "/key_value/1",
                "/secrets"
            ]
        );
    }
}
