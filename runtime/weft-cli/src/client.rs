//! The REST client: sends, and turns every answer that is no success into an error that says what
//! to do.

use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use reqwest::{Method, RequestBuilder, Response, Url};
use serde_json::Value;

/// Speaks to the control plane of one node.
#[derive(Debug, Clone)]
pub(crate) struct Client {
    http: reqwest::Client,
    base: Url,
    key: Option<String>,
}

/// An answer that is no success.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub(crate) struct Refused {
    pub(crate) status: u16,
    pub(crate) message: String,
    /// The problem document, where the answer was one.
    pub(crate) problem: Option<Value>,
}

/// No answer at all.
#[derive(Debug, thiserror::Error)]
#[error("no node answers at {url}; start one with `weft up`, or name another with --admin-url")]
pub(crate) struct Unreachable {
    url: String,
    #[source]
    source: reqwest::Error,
}

impl Client {
    pub(crate) fn new(base: &str, key: Option<String>) -> Result<Self> {
        let base = Url::parse(base).with_context(|| {
            format!("{base:?} is no URL of a node, such as http://127.0.0.1:7072")
        })?;
        if base.scheme() != "http" {
            bail!(
                "the control plane is reached by http:// (put a tunnel in front of it), not {base}"
            );
        }
        let http = reqwest::Client::builder()
            .connect_timeout(Duration::from_secs(5))
            // The control plane is addressed as it is given; no proxy stands between.
            .no_proxy()
            .build()?;
        Ok(Self { http, base, key })
    }

    pub(crate) fn base(&self) -> &str {
        self.base.as_str().trim_end_matches('/')
    }

    /// A request for a path that begins with a slash and is encoded already.
    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let url = format!("{}{path}", self.base());
        let request = self.http.request(method, url);
        match &self.key {
            Some(key) => request.bearer_auth(key),
            None => request,
        }
    }

    /// Sends and returns a success.
    ///
    /// # Errors
    /// [`Refused`], [`Unreachable`].
    pub(crate) async fn send(&self, request: RequestBuilder) -> Result<Response> {
        let response = request.send().await.map_err(|source| Unreachable {
            url: self.base().to_owned(),
            source,
        })?;
        let status = response.status();
        if status.is_success() {
            return Ok(response);
        }
        let text = response.text().await.unwrap_or_default();
        Err(refused(status.as_u16(), &text).into())
    }

    /// Sends and reads the JSON answer; `null` where there is no content.
    pub(crate) async fn json(&self, request: RequestBuilder) -> Result<Value> {
        let text = self.send(request).await?.text().await?;
        if text.is_empty() {
            return Ok(Value::Null);
        }
        serde_json::from_str(&text).context("the node's answer is not JSON")
    }

    pub(crate) async fn get(&self, path: &str) -> Result<Value> {
        self.json(self.request(Method::GET, path)).await
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> Result<Value> {
        self.json(self.request(Method::POST, path).json(body)).await
    }

    pub(crate) async fn delete(&self, path: &str) -> Result<Value> {
        self.json(self.request(Method::DELETE, path)).await
    }
}

fn refused(status: u16, text: &str) -> Refused {
    let problem: Option<Value> = serde_json::from_str(text).ok();
    let detail = problem.as_ref().and_then(|problem| {
        let member = |name| problem.get(name).and_then(Value::as_str);
        member("detail").or_else(|| member("title"))
    });
    let mut message = match detail {
        Some(detail) => detail.to_owned(),
        None => format!("the node answered with status {status}"),
    };
    if let Some(advice) = advice(status, &message) {
        message = format!("{message}; {advice}");
    }
    Refused {
        status,
        message,
        problem,
    }
}

/// What to do next, where the node cannot know which verbs there are.
fn advice(status: u16, message: &str) -> Option<&'static str> {
    if status == 401 {
        return Some(
            "give a key with --key or WEFT_KEY, or run this in the folder where `weft up` runs \
             (or with WEFT_DATA naming its data directory), where the operator's key is found",
        );
    }
    let what = message.strip_prefix("there is no ")?.split(' ').next()?;
    match what {
        "app" => Some("deploy it with `weft deploy`, or name another with --app"),
        "function" | "orchestrator" => Some("`weft functions list` shows those there are"),
        "workflow" => Some("`weft workflows list` shows those there are"),
        "secret" => Some("`weft secrets list` shows those there are"),
        "connection" => Some("`weft connections list` shows those there are"),
        "instance" => Some("`weft instances list` shows those there are"),
        "revision" => Some("`weft revisions list` shows those there are"),
        "tenant" => Some("`weft tenants list` shows those there are"),
        "key" => Some("`weft keys list` shows those there are"),
        _ => None,
    }
}

/// One segment of a path, percent-encoded.
pub(crate) fn segment(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        let plain = byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
        if plain {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_gives_its_detail_and_what_to_do() {
        let error = refused(401, r#"{"title":"A key is needed","detail":"send a key"}"#);
        let message = &error.message;
        assert!(
            message.starts_with("send a key; give a key with --key or WEFT_KEY, or"),
            "{message}"
        );
        let error = refused(404, r#"{"title":"Not found","detail":"there is no app x"}"#);
        assert_eq!(
            error.message,
            "there is no app x; deploy it with `weft deploy`, or name another with --app"
        );
        assert_eq!(
            refused(502, "<html>").message,
            "the node answered with status 502"
        );
    }

    #[test]
    fn ids_are_encoded_as_one_segment() {
        assert_eq!(segment("a b/ä"), "a%20b%2F%C3%A4");
    }
}
