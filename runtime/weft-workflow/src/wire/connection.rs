//! Connections: by their name to an address with authentication, or to a component.

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

/// The message of `workflow/connection` over a connection whose place is the address `base`.
///
/// # Errors
/// What cannot be sent.
pub fn over(connection: &Connection, base: &str, input: &Value) -> Result<Message, Refused> {
    let path = text(input, "path").unwrap_or_default();
    to_path(connection, base, &path, input)
}

/// The message of `workflow/service-provider` over a connection: the operation's parameters, posted
/// to the operation's name.
///
/// # Errors
/// What cannot be sent.
pub fn service_over(
    connection: &Connection,
    base: &str,
    input: &Value,
) -> Result<Message, Refused> {
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
) -> Result<Message, Refused> {
    let slash = if path.is_empty() || path.starts_with('/') {
        ""
    } else {
        "/"
    };
    let input = with_headers(input, connection.headers.as_ref());
    message(&input, &format!("{base}{slash}{path}"))
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
