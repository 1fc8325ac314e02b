//! Requests to a Request trigger.

use crate::value::{Object, Value};

use super::content::{InvalidContent, body_value};

/// Headers whose usual spelling is known; the wire does not keep it.
const SPELLINGS: [&str; 22] = [
    "Accept",
    "Accept-Charset",
    "Accept-Encoding",
    "Accept-Language",
    "Authorization",
    "Cache-Control",
    "Connection",
    "Content-Encoding",
    "Content-Language",
    "Content-Length",
    "Content-Type",
    "Cookie",
    "Date",
    "Expect",
    "Forwarded",
    "Host",
    "If-Match",
    "Origin",
    "Referer",
    "Transfer-Encoding",
    "User-Agent",
    "X-Forwarded-For",
];

/// Headers as an object, several of one name joined by commas. Those of the content come last, as
/// the peer lists them.
pub fn header_values<'a>(headers: impl IntoIterator<Item = (&'a str, &'a str)>) -> Value {
    let mut plain = Object::new();
    let mut of_content = Object::new();
    for (name, value) in headers {
        let spelled = SPELLINGS
            .iter()
            .find(|known| known.eq_ignore_ascii_case(name));
        let name = spelled.copied().unwrap_or(name);
        let object = match name.starts_with("Content-") {
            true => &mut of_content,
            false => &mut plain,
        };
        let value = match object.get(name).map(Value::to_text) {
            Some(before) => format!("{before},{value}"),
            None => value.to_owned(),
        };
        object.insert(name, Value::from(value));
    }
    for (name, value) in of_content.iter() {
        plain.insert(name.clone(), value.clone());
    }
    Value::Object(plain)
}

/// The outputs of a trigger: headers, queries, parameters of the path, body; what is empty is left
/// out.
///
/// # Errors
/// A body that is not what its content type says.
pub fn trigger_outputs<'a>(
    headers: impl IntoIterator<Item = (&'a str, &'a str)> + Clone,
    queries: &[(String, String)],
    path_parameters: &[(String, String)],
    body: &[u8],
) -> Result<Value, InvalidContent> {
    let content_type = headers
        .clone()
        .into_iter()
        .find(|(name, _)| name.eq_ignore_ascii_case("content-type"));
    let body = body_value(content_type.map(|(_, value)| value), body)?;
    let mut outputs = Object::new();
    outputs.insert("headers", header_values(headers));
    let texts = |pairs: &[(String, String)]| {
        let pairs = pairs.iter();
        pairs
            .map(|(name, value)| (name.as_str(), Value::from(value.as_str())))
            .collect::<Value>()
    };
    if !queries.is_empty() {
        outputs.insert("queries", texts(queries));
    }
    if !path_parameters.is_empty() {
        outputs.insert("relativePathParameters", texts(path_parameters));
    }
    if let Some(body) = body {
        outputs.insert("body", body);
    }
    Ok(Value::Object(outputs))
}

/// The parameters of a path by the trigger's `relativePath`; `None` where they do not fit. The
/// segments of the path are decoded already.
pub fn match_path(template: &str, path: &[String]) -> Option<Vec<(String, String)>> {
    let template: Vec<&str> = template
        .split('/')
        .filter(|part| !part.is_empty())
        .collect();
    if template.len() != path.len() {
        return None;
    }
    let mut parameters = Vec::new();
    for (part, segment) in template.iter().zip(path) {
        match part
            .strip_prefix('{')
            .and_then(|part| part.strip_suffix('}'))
        {
            Some(name) => parameters.push((name.to_owned(), segment.clone())),
            None if part.eq_ignore_ascii_case(segment) => {}
            None => return None,
        }
    }
    Some(parameters)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outputs_of_a_trigger() {
        let headers = [
            ("content-type", "application/json"),
            ("accept", "*/*"),
            ("x-a", "1"),
            ("x-a", "2"),
        ];
        let queries = [("extra%param".to_owned(), "extra=value".to_owned())];
        let outputs = trigger_outputs(headers, &queries, &[], b"null").unwrap();
        assert_eq!(
            outputs.to_string(),
            r#"{"headers":{"Accept":"*/*","x-a":"1,2","Content-Type":"application/json"},"queries":{"extra%param":"extra=value"},"body":null}"#
        );
    }

    #[test]
    fn paths() {
        let path = |text: &str| text.split('/').map(str::to_owned).collect::<Vec<_>>();
        let found = match_path("boom/{bang}/pow/{whack}", &path("boom/1/pow/[]")).unwrap();
        assert_eq!(
            found,
            [("bang".into(), "1".into()), ("whack".into(), "[]".into())]
        );
        assert!(match_path("boom/{bang}", &path("boom")).is_none());
        assert!(match_path("a", &path("b")).is_none());
        assert!(match_path("", &[]).is_some());
    }
}
