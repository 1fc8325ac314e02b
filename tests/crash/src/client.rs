//! Calls of the control plane whose outcome may stay unknown, because the node ends meanwhile.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, ensure};
use reqwest::Method;
use serde_json::{Value, json};
use tokio::sync::watch;
use weft_testkit::guests::guest;

use crate::node::Setup;
use crate::workload::Job;

/// The app that everything runs in.
const APP: &str = "crash";
/// Longer than any fault that the node survives.
const ANSWER_MAX: Duration = Duration::from_secs(60);

/// What became of a call.
#[derive(Debug)]
pub enum Reply {
    Answered {
        status: u16,
        body: Value,
    },
    /// The node may have done it or not.
    Unknown,
}

impl Reply {
    /// The body of an answer of that status.
    #[must_use]
    pub fn of_status(self, wanted: u16) -> Option<Value> {
        match self {
            Self::Answered { status, body } if status == wanted => Some(body),
            Self::Answered { .. } | Self::Unknown => None,
        }
    }
}

/// Clones are the same client.
#[derive(Debug, Clone)]
pub struct Client {
    http: reqwest::Client,
    base: String,
    key: String,
    /// Whether there is a node to call.
    up: watch::Receiver<bool>,
}

impl Client {
    /// For the node of a setup that has run once. Calls wait while `up` says that it is down.
    ///
    /// # Errors
    /// When the node's key is missing.
    pub fn new(setup: &Setup, up: watch::Receiver<bool>) -> anyhow::Result<Self> {
        let http = reqwest::Client::builder().no_proxy().timeout(ANSWER_MAX);
        Ok(Self {
            http: http.build()?,
            base: format!("http://127.0.0.1:{}/admin/v1/apps/{APP}", setup.admin),
            key: setup.key()?,
            up,
        })
    }

    /// Uploads the workload and tells it where the observer is.
    ///
    /// # Errors
    /// When the node refuses it.
    pub async fn deploy(&self, observer: SocketAddr) -> anyhow::Result<()> {
        let wasm = tokio::task::spawn_blocking(|| guest("guest_crash")).await?;
        let request = self.http.put(format!("{}/components/work", self.base));
        let request = request
            .header("content-type", "application/wasm")
            .body(wasm);
        let answer = request.bearer_auth(&self.key).send().await?;
        let (status, text) = (answer.status(), answer.text().await?);
        ensure!(status.is_success(), "the workload is refused: {text}");
        let settings = json!({
            "allowed_outbound_hosts": [format!("http://{observer}")],
            "env": {"OBSERVER": observer.to_string()},
            // What is refused for want of room would fail.
            "limits": {"concurrency": 10_000},
        });
        let set = self
            .call(Method::PUT, "/functions/step", Some(&settings))
            .await;
        set.of_status(200).context("the settings are refused")?;
        Ok(())
    }

    pub async fn start(&self, job: &Job) -> Reply {
        let body = json!({"orchestrator": job.kind.name(), "id": job.id, "input": job.input()});
        self.call(Method::POST, "/instances", Some(&body)).await
    }

    /// The instance, once it has ended or that many seconds have passed.
    pub async fn instance(&self, id: &str, wait: f64) -> Reply {
        let path = format!("/instances/{id}?wait={wait}");
        self.call(Method::GET, &path, None).await
    }

    pub async fn history(&self, id: &str) -> Reply {
        let path = format!("/instances/{id}/history?limit=1000");
        self.call(Method::GET, &path, None).await
    }

    /// Sends a message to an instance: `suspend`, `raise-event/NAME` and so on.
    pub async fn tell(&self, id: &str, verb: &str, body: &Value) -> Reply {
        let path = format!("/instances/{id}/{verb}");
        self.call(Method::POST, &path, Some(body)).await
    }

    /// A page of all instances, from the end of the one before on.
    pub async fn instances(&self, after: Option<&str>) -> Reply {
        let after = after
            .map(|after| format!("&after={after}"))
            .unwrap_or_default();
        let path = format!("/instances?limit=500{after}");
        self.call(Method::GET, &path, None).await
    }

    async fn call(&self, method: Method, path: &str, body: Option<&Value>) -> Reply {
        let mut up = self.up.clone();
        if up.wait_for(|up| *up).await.is_err() {
            return Reply::Unknown;
        }
        let request = self.http.request(method, format!("{}{path}", self.base));
        let request = request.bearer_auth(&self.key);
        let request = match body {
            Some(body) => request.json(body),
            None => request,
        };
        let Ok(answer) = request.send().await else {
            return Reply::Unknown;
        };
        let status = answer.status().as_u16();
        match answer.bytes().await {
            Ok(bytes) => Reply::Answered {
                status,
                body: serde_json::from_slice(&bytes).unwrap_or(Value::Null),
            },
            Err(_) => Reply::Unknown,
        }
    }
}
