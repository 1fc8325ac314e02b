//! A server that keeps what it is sent, and the connector that speaks to it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use axum::Router;
use axum::body::{Bytes, to_bytes};
use axum::extract::Request;
use axum::response::Response;
use serde_json::{Value, json};
use weft_connector::{
    Components, Connector, Failed, Identity, IdentityEndpoint, ScriptLimits, Scripts, Surroundings,
};
use weft_sandbox::Outbound;

#[derive(Debug, Clone)]
pub(crate) struct Seen {
    pub(crate) method: String,
    /// With the query.
    pub(crate) path: String,
    pub(crate) headers: http::HeaderMap,
    pub(crate) body: Bytes,
}

impl Seen {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }
}

pub(crate) struct Server {
    pub(crate) url: String,
    seen: Arc<Mutex<Vec<Seen>>>,
    serving: tokio::task::JoinHandle<()>,
}

impl Server {
    /// Answers each request with what `answer` makes of it.
    pub(crate) async fn start<F, A>(answer: F) -> Self
    where
        F: Fn(Seen) -> A + Clone + Send + Sync + 'static,
        A: Future<Output = Response> + Send + 'static,
    {
        let seen: Arc<Mutex<Vec<Seen>>> = Arc::default();
        let keep = Arc::clone(&seen);
        let handle = move |request: Request| {
            let (keep, answer) = (Arc::clone(&keep), answer.clone());
            async move {
                let (parts, body) = request.into_parts();
                let body = to_bytes(body, 64 << 20).await.unwrap();
                let one = Seen {
                    method: parts.method.to_string(),
                    path: parts.uri.to_string(),
                    headers: parts.headers,
                    body,
                };
                keep.lock().unwrap().push(one.clone());
                answer(one).await
            }
        };
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let app = Router::new().fallback(handle);
        let serving = tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        Self { url, seen, serving }
    }

    /// The same answer to everything.
    pub(crate) async fn answering(
        status: u16,
        headers: &'static [(&'static str, &'static str)],
        body: &'static [u8],
    ) -> Self {
        Self::start(move |_| async move { response(status, headers, body) }).await
    }

    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

pub(crate) fn response(status: u16, headers: &[(&str, &str)], body: impl Into<Bytes>) -> Response {
    let mut response = Response::builder().status(status);
    for (name, value) in headers {
        response = response.header(*name, *value);
    }
    response.body(axum::body::Body::from(body.into())).unwrap()
}

pub(crate) fn connector(open: &[&str]) -> Connector {
    connector_with(open, IdentityEndpoint::default(), ScriptLimits::default())
}

pub(crate) fn connector_with(
    open: &[&str],
    identity: IdentityEndpoint,
    limits: ScriptLimits,
) -> Connector {
    let open = open.iter().map(|range| range.parse().unwrap()).collect();
    let program = env!("CARGO_BIN_EXE_weft-script").into();
    let scripts = Scripts::new(program, Vec::new(), limits);
    Connector::new(Outbound::new(open), identity, scripts)
}

pub(crate) fn identity(url: String) -> IdentityEndpoint {
    IdentityEndpoint(Some(Identity {
        url,
        header: "who-asks".to_owned(),
    }))
}

pub(crate) fn nothing() -> Surroundings {
    Surroundings {
        settings: Arc::default(),
        connections: Arc::default(),
        workflow_connections: None,
        workflow_parameters: None,
        artifacts: Arc::default(),
        components: Arc::new(Doubler),
    }
}

pub(crate) fn settings(pairs: &[(&str, &str)]) -> Arc<BTreeMap<String, String>> {
    let pairs = pairs
        .iter()
        .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()));
    Arc::new(pairs.collect())
}

/// An app whose activity `double` gives what it gets twice.
struct Doubler;

#[async_trait]
impl Components for Doubler {
    async fn call(&self, activity: &str, input: String) -> Result<String, Failed> {
        match activity {
            "double" => Ok(format!("[{input},{input}]")),
            "teapot" => Ok(r#"{"statusCode":418,"headers":{"a":"b"},"body":"short"}"#.to_owned()),
            other => panic!("nobody asked for {other}"),
        }
    }
}

/// Calls with loopback opened and nothing around.
pub(crate) async fn call(name: &str, input: Value) -> Result<Value, Failed> {
    let connector = connector(&["127.0.0.0/8"]);
    let output = connector.call(name, &input.to_string(), &nothing()).await?;
    Ok(serde_json::from_str(&output).unwrap())
}

pub(crate) async fn http(input: Value) -> Result<Value, Failed> {
    call("workflow/http", input).await
}

#[tokio::test]
async fn a_name_that_nobody_serves_is_refused() {
    let failed = call("workflow/telepathy", json!({})).await.unwrap_err();
    assert_eq!(failed.code, "NotSupported");
    let connector = connector(&[]);
    let failed = connector.call("workflow/http", "{", &nothing()).await;
    assert_eq!(failed.unwrap_err().code, "BadRequest");
}
