//! Connections: by their name to an address with authentication, or to a component.

use url::Url;

use crate::value::{Object, Value};

use super::request::{Message, message};
use super::settings::{Around, evaluate, parameters};
use super::{Refused, text};

/// Where a connection's requests go.
#[derive(Debug)]
pub struct Connection {
    pub place: Place,
    pub authentication: Option<Value>,
    /// Sent with every request, in addition to the action's own.
    pub headers: Option<Object>,
}

#[derive(Debug, PartialEq, Eq)]
pub enum Place {
    /// Without a slash at the end.
    Url(String),
    /// The name of an activity of the app.
    Component(String),
}

/// Groups of a `connections.json`.
const GROUPS: [&str; 5] = [
    "managedApiConnections",
    "serviceProviderConnections",
    "functionConnections",
    "apiManagementConnections",
    "agentConnections",
];

/// A message over a connection, and as whom it is sent.
#[derive(Debug)]
pub struct Call {
    pub message: Message,
    /// As it is stated; [`credentials`](super::credentials) reads some of its kinds.
    pub authentication: Option<Value>,
}

/// The message of `workflow/http`.
///
/// # Errors
/// What cannot be sent.
pub fn direct(input: &Value) -> Result<Call, Refused> {
    let uri = text(input, "uri").unwrap_or_default();
    Ok(Call {
        message: message(input, &uri)?,
        authentication: stated(input.get("authentication")),
    })
}

/// The message of `workflow/connection` over a connection whose place is the address `base`.
///
/// # Errors
/// What cannot be sent.
pub fn over(connection: &Connection, base: &str, input: &Value) -> Result<Call, Refused> {
    let path = text(input, "path").unwrap_or_default();
    to_path(connection, base, &path, input)
}

/// The message of `workflow/service-provider` over a connection: the operation's parameters, posted
/// to the operation's name.
///
/// # Errors
/// What cannot be sent.
pub fn service_over(connection: &Connection, base: &str, input: &Value) -> Result<Call, Refused> {
    let operation = text(input, "operation").unwrap_or_default();
    let mut request = input.as_object().cloned().unwrap_or_else(Object::new);
    request.insert("method", Value::from("POST"));
    let parameters = input.get("parameters").cloned().unwrap_or_default();
    let body = match parameters {
        Value::Null => Value::from(Object::new()),
        parameters => parameters,
    };
    request.insert("body", body);
    request.remove("headers");
    to_path(connection, base, &format!("/{operation}"), &request.into())
}

fn to_path(
    connection: &Connection,
    base: &str,
    path: &str,
    input: &Value,
) -> Result<Call, Refused> {
    let (uri, is_own) = address(base, path, input)?;
    let headers = connection.headers.as_ref().filter(|_| is_own);
    // The action's own, where the connection has none.
    let of_connection = connection.authentication.as_ref().filter(|_| is_own);
    let authentication = of_connection.or_else(|| input.get("authentication"));
    Ok(Call {
        message: message(&with_headers(input, headers), &uri)?,
        authentication: stated(authentication),
    })
}

fn stated(authentication: Option<&Value>) -> Option<Value> {
    authentication.filter(|stated| !stated.is_null()).cloned()
}

/// Where a request goes, and whether that is the connection's own server. Polls and further pages
/// give a whole `uri` that an answer named: what is secret in the connection goes to no other server.
fn address(base: &str, path: &str, input: &Value) -> Result<(String, bool), Refused> {
    let Some(uri) = text(input, "uri") else {
        let slash = if path.is_empty() || path.starts_with('/') {
            ""
        } else {
            "/"
        };
        return Ok((format!("{base}{slash}{path}"), true));
    };
    let invalid = |error: url::ParseError| Refused::invalid(format!("{uri:?} is no URI: {error}"));
    let own = Url::parse(base).map_err(invalid)?;
    let named = own.join(&uri).map_err(invalid)?;
    let is_own = own.origin() == named.origin();
    Ok((named.into(), is_own))
}

fn with_headers(input: &Value, further: Option<&Object>) -> Value {
    let Some(further) = further else {
        return input.clone();
    };
    let mut headers = further.clone();
    let own = input.get("headers").and_then(Value::as_object);
    for (name, value) in own.into_iter().flat_map(Object::iter) {
        headers.insert(name.as_ref(), value.clone());
    }
    let mut input = input.as_object().cloned().unwrap_or_else(Object::new);
    input.insert("headers", headers.into());
    input.into()
}

/// The app's connections come before the workflow's own, so that an operator can lead a workflow
/// that was written elsewhere to another place without touching it.
///
/// # Errors
/// There is none of that name, or it leads nowhere.
pub fn find(name: &str, around: Around<'_>) -> Result<Connection, Refused> {
    if name.is_empty() {
        return Err(Refused::invalid("the action names no connection"));
    }
    let text = around.workflow_connections;
    let own: Value = match text {
        Some(text) => serde_json::from_str(text).unwrap_or_default(),
        None => Value::Null,
    };
    let names = names(name, &own, around);
    let of_app = names.iter().find_map(|name| {
        let mut all = around.connections.iter();
        all.find(|(own, _)| own.eq_ignore_ascii_case(name))
    });
    if let Some((name, text)) = of_app {
        let stated: Value = serde_json::from_str(text)
            .map_err(|_| Refused::unconfigured(format!("the connection {name} is damaged")))?;
        return read(name, &stated, around);
    }
    let of_workflow = names.iter().find_map(|name| {
        let mut groups = GROUPS.iter().filter_map(|group| own.get(group));
        groups.find_map(|group| group.get(name))
    });
    match of_workflow {
        Some(stated) => read(name, stated, around),
        None => Err(Refused::unconfigured(format!(
            "there is no connection {name:?}: `weft connections set {} --url URL` makes one",
            names.last().map_or(name, String::as_str)
        ))),
    }
}

/// What a connection may be known by: its name, the last part of its id, and the names under which
/// `$connections` or the workflow's connections have that id.
fn names(name: &str, own: &Value, around: Around<'_>) -> Vec<String> {
    let mut names = vec![name.to_owned()];
    let parameters = parameters(around);
    let referred = parameters.get("$connections").and_then(Value::as_object);
    let groups = GROUPS
        .iter()
        .filter_map(|group| own.get(group)?.as_object());
    for (key, stated) in referred.into_iter().chain(groups).flat_map(Object::iter) {
        let ids = ["/connectionId", "/connection/id", "/connectionName", "/id"];
        let mut ids = ids.iter().filter_map(|at| stated.pointer(at)?.as_str());
        if ids.any(|id| id.eq_ignore_ascii_case(name)) {
            names.push(key.to_string());
        }
    }
    if let Some((_, last)) = name.trim_end_matches('/').rsplit_once('/') {
        names.push(last.to_owned());
    }
    names
}

fn read(name: &str, stated: &Value, around: Around<'_>) -> Result<Connection, Refused> {
    let resolved = |member: &str| -> Result<Option<Value>, Refused> {
        let found = stated.get(member).filter(|value| !value.is_null());
        found.map(|value| evaluate(value, around)).transpose()
    };
    let component = resolved("component")?;
    let mut url = None;
    for member in ["url", "connectionRuntimeUrl", "baseUrl"] {
        url = match url {
            Some(found) => Some(found),
            None => resolved(member)?,
        };
    }
    let place = match (&component, &url) {
        (Some(Value::String(activity)), _) => Place::Component(activity.to_string()),
        (_, Some(Value::String(url))) => Place::Url(url.trim_end_matches('/').to_owned()),
        _ => {
            return Err(Refused::unconfigured(format!(
                "the connection {name:?} has no address: give it one with `weft connections set \
                 {name} --url URL`, or a component with --component FUNCTION"
            )));
        }
    };
    let headers = resolved("headers")?;
    Ok(Connection {
        place,
        authentication: resolved("authentication")?,
        headers: headers.and_then(|headers| headers.as_object().cloned()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    const OWN: &str = r#"{
        "managedApiConnections": {
            "salesforce": {
                "api": {"id": "/managedApis/salesforce"},
                "connection": {"id": "/subscriptions/1/connections/salesforce01"},
                "connectionRuntimeUrl": "https://@{appsetting('host')}/salesforce/",
                "authentication": {"type": "Raw", "scheme": "Key", "parameter": "@appsetting('k')"}
            },
            "nowhere": {"connection": {"id": "/x/nowhere"}}
        },
        "serviceProviderConnections": {"Blob": {"parameterValues": {}}}
    }"#;

    const PARAMETERS: &str = r#"{"$connections": {"value": {"office365": {
        "connectionId": "/subscriptions/1/connections/office365-7"}}}}"#;

    fn found(name: &str) -> Result<Connection, Refused> {
        let table = |pairs: &[(&str, &str)]| -> BTreeMap<String, String> {
            let owned = |(name, text): &(&str, &str)| ((*name).to_owned(), (*text).to_owned());
            pairs.iter().map(owned).collect()
        };
        let around = Around {
            settings: &table(&[("host", "sf.example"), ("k", "key")]),
            connections: &table(&[
                ("blob", r#"{"component": "echo"}"#),
                ("office365", r#"{"url": "https://mail.example/api"}"#),
            ]),
            workflow_connections: Some(OWN),
            workflow_parameters: Some(PARAMETERS),
        };
        find(name, around)
    }

    fn place(name: &str) -> Place {
        found(name).unwrap().place
    }

    #[test]
    fn a_connection_is_found_by_its_name_and_by_its_id() {
        let salesforce = || Place::Url("https://sf.example/salesforce".to_owned());
        assert_eq!(place("salesforce"), salesforce());
        assert_eq!(
            place("/subscriptions/1/connections/salesforce01"),
            salesforce()
        );
        let connection = found("salesforce").unwrap();
        let parameter = connection.authentication.unwrap();
        assert_eq!(parameter.pointer("/parameter"), Some(&Value::from("key")));
        assert_eq!(place("Blob"), Place::Component("echo".to_owned()));
        let office = || Place::Url("https://mail.example/api".to_owned());
        assert_eq!(place("office365"), office());
        assert_eq!(place("/subscriptions/1/connections/office365-7"), office());
    }

    #[test]
    fn what_an_answer_names_is_followed_and_trusted_on_the_own_server_only() {
        let at = |uri: &str| {
            let input = [("uri", Value::from(uri))].into_iter().collect();
            address("https://a.example/base", "/ignored", &input).unwrap()
        };
        assert_eq!(
            at("/next?p=2"),
            ("https://a.example/next?p=2".to_owned(), true)
        );
        assert!(at("https://a.example:443/x").1);
        assert!(!at("http://a.example/x").1);
        assert_eq!(
            at("https://b.example/x"),
            ("https://b.example/x".to_owned(), false)
        );
        let connection = found("salesforce").unwrap();
        let known = |uri: &str| {
            let input = [("uri", Value::from(uri))].into_iter().collect();
            let call = over(&connection, "https://sf.example/salesforce", &input).unwrap();
            call.authentication.is_some()
        };
        assert!(known("/next"));
        assert!(!known("https://b.example/next"));
    }

    #[test]
    fn a_connection_that_is_missing_says_how_to_make_it() {
        let why = |name: &str| found(name).unwrap_err();
        assert_eq!(why("sql").code, "ConnectionNotConfigured");
        assert!(
            why("sql")
                .message
                .contains("weft connections set sql --url URL")
        );
        assert!(
            why("nowhere").message.contains("no address"),
            "{}",
            why("nowhere")
        );
        let id = why("/subscriptions/1/connections/sql-2");
        assert!(id.message.contains("set sql-2 "), "{id}");
    }
}
