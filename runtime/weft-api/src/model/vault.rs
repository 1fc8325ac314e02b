//! Secrets and connections: never a value that is secret.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;
use weft_store::Sealed;

use crate::time::rfc3339;

#[derive(Serialize, ToSchema)]
pub(crate) struct SecretList {
    pub(crate) secrets: Vec<SecretView>,
}

#[derive(Serialize, ToSchema)]
pub(crate) struct SecretView {
    name: String,
    updated_at: String,
}

impl SecretView {
    pub(crate) fn new(sealed: &Sealed) -> Self {
        Self {
            name: sealed.name.clone(),
            updated_at: rfc3339(sealed.updated_at),
        }
    }
}

#[derive(Deserialize, ToSchema)]
pub(crate) struct SecretBody {
    /// Up to 64 KiB.
    pub(crate) value: String,
}

/// Where the actions of workflows go that name a connection.
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ConnectionBody {
    /// What the paths of actions are put behind.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) url: Option<String>,
    /// An activity of the app that takes the actions in place of a URL.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) component: Option<String>,
    /// As the authentication of an HTTP action: `{"type": "Basic", "username": "u", "password":
    /// "@appsetting('NAME')"}`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) authentication: Option<Value>,
    /// Sent with every request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) headers: Option<Value>,
}

#[derive(Serialize, ToSchema)]
pub(crate) struct ConnectionList {
    pub(crate) connections: Vec<ConnectionView>,
}

#[derive(Serialize, ToSchema)]
pub(crate) struct ConnectionView {
    name: String,
    updated_at: String,
    // Texts that may be secret are hidden.
    #[serde(flatten)]
    body: ConnectionBody,
}

/// What an authentication may show.
const OPEN: [&str; 8] = [
    "type",
    "username",
    "scheme",
    "authority",
    "tenant",
    "audience",
    "clientId",
    "identity",
];
const HIDDEN: &str = "(hidden)";

impl ConnectionView {
    pub(crate) fn new(sealed: &Sealed, mut body: ConnectionBody) -> Self {
        for (name, value) in members(&mut body.authentication) {
            if !OPEN.contains(&name.as_str()) && !names_settings_only(value) {
                *value = HIDDEN.into();
            }
        }
        for (_, value) in members(&mut body.headers) {
            if !names_settings_only(value) {
                *value = HIDDEN.into();
            }
        }
        Self {
            name: sealed.name.clone(),
            updated_at: rfc3339(sealed.updated_at),
            body,
        }
    }
}

fn members(value: &mut Option<Value>) -> impl Iterator<Item = (&String, &mut Value)> {
    value.iter_mut().filter_map(Value::as_object_mut).flatten()
}

/// `@appsetting('NAME')` says where the secret is, and not what it is.
fn names_settings_only(value: &Value) -> bool {
    let inner = value
        .as_str()
        .and_then(|text| text.strip_prefix("@appsetting('")?.strip_suffix("')"));
    inner.is_some_and(|name| !name.contains('\''))
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use weft_orchestration::Timestamp;

    use super::*;

    #[test]
    fn a_connection_is_shown_without_its_secrets() {
        let body = json!({
            "url": "https://h.example", "headers": {"x-key": "one", "y": "@appsetting('Y')"},
            "authentication": {"type": "Basic", "username": "u", "password": "two", "other": {"a": 3}},
        });
        let sealed = Sealed {
            name: "c".to_owned(),
            value: Vec::new(),
            updated_at: Timestamp::default(),
        };
        let view = ConnectionView::new(&sealed, serde_json::from_value(body).unwrap());
        let shown = serde_json::to_value(view).unwrap();
        assert_eq!(shown["url"], "https://h.example");
        assert_eq!(
            shown["headers"],
            json!({"x-key": HIDDEN, "y": "@appsetting('Y')"})
        );
        assert_eq!(
            shown["authentication"],
            json!({"type": "Basic", "username": "u", "password": HIDDEN, "other": HIDDEN})
        );
        assert!(!names_settings_only(&json!("@appsetting('a', 'secret')")));
    }
}
