//! The node under measurement, with what the questions ask of its control plane.

use std::time::Duration;

use anyhow::{Context, ensure};
use reqwest::{Client, Method, RequestBuilder};
use serde_json::{Value, json};
use weft_testkit::guests::{component, guest};
use weft_testkit::node::Node;

use crate::drive::Request;

/// The app of all guests here.
const APP: &str = "load";

pub(crate) struct Subject {
    pub(crate) node: Node,
    client: Client,
    key: String,
}

impl Subject {
    /// A node over the embedded store with its defaults.
    pub(crate) fn start() -> Self {
        let node = Node::start(&[]);
        Self {
            key: node.key(),
            client: Client::new(),
            node,
        }
    }

    /// Uploads `hello-http`; returns the request that calls it.
    pub(crate) async fn hello(&self) -> anyhow::Result<Request> {
        self.hello_with("hello", &json!({"auth": "anonymous"}))
            .await
    }

    /// The same, with instances that serve many requests.
    pub(crate) async fn hello_kept(&self) -> anyhow::Result<Request> {
        let limits = json!({"requests_per_instance": 10_000});
        let settings = json!({"auth": "anonymous", "limits": limits});
        self.hello_with("hello-kept", &settings).await
    }

    async fn hello_with(&self, name: &str, settings: &Value) -> anyhow::Result<Request> {
        let wasm = component("samples/rust/hello-http", "hello_http");
        self.upload(name, wasm).await?;
        let path = format!("/apps/{APP}/functions/{name}");
        self.send(self.admin(Method::PUT, &path).json(settings))
            .await?;
        Request::new("GET", &self.function(name), None, "")
    }

    /// Uploads the orchestrations that are measured.
    pub(crate) async fn orchestrations(&self) -> anyhow::Result<()> {
        self.upload("steps", guest("guest_load")).await
    }

    pub(crate) async fn upload(&self, name: &str, wasm: Vec<u8>) -> anyhow::Result<()> {
        self.uploaded(name, wasm).await.map(drop)
    }

    /// Uploads a component; what the node answers.
    pub(crate) async fn uploaded(&self, name: &str, wasm: Vec<u8>) -> anyhow::Result<Value> {
        let path = format!("/apps/{APP}/components/{name}");
        let request = self.admin(Method::PUT, &path);
        let request = request.header("content-type", "application/wasm");
        self.send(request.body(wasm)).await
    }

    /// Deploys a workflow.
    pub(crate) async fn workflow(&self, name: &str, document: &Value) -> anyhow::Result<()> {
        let path = format!("/apps/{APP}/workflows/{name}");
        let request = self.admin(Method::PUT, &path);
        self.send(request.json(document)).await.map(drop)
    }

    /// Runs an activity once.
    pub(crate) async fn invoke(
        &self,
        function: &str,
        input: &Value,
    ) -> anyhow::Result<reqwest::Response> {
        let path = format!("/apps/{APP}/functions/{function}/invoke");
        let answer = self.admin(Method::POST, &path).json(input).send().await?;
        Ok(answer.error_for_status()?)
    }

    /// Adds a tenant.
    pub(crate) async fn tenant(&self, name: &str) -> anyhow::Result<()> {
        let put = self.admin(Method::PUT, &format!("/tenants/{name}"));
        self.send(put).await.map(drop)
    }

    /// Deploys an app of a tenant from an archive.
    pub(crate) async fn deploy(
        &self,
        tenant: &str,
        app: &str,
        archive: Vec<u8>,
    ) -> anyhow::Result<()> {
        let put = self.admin(Method::PUT, &format!("/tenants/{tenant}/apps/{app}"));
        let put = put
            .header("content-type", "application/x-tar")
            .body(archive);
        self.send(put).await.map(drop)
    }

    /// Runs an activity of a tenant without input once; the number that it answers.
    pub(crate) async fn invoke_of(
        &self,
        tenant: &str,
        app: &str,
        function: &str,
    ) -> anyhow::Result<u64> {
        let path = format!("/tenants/{tenant}/apps/{app}/functions/{function}/invoke");
        let answer = self
            .send(self.admin(Method::POST, &path).json(&json!([])))
            .await?;
        answer
            .as_u64()
            .with_context(|| format!("{function} answers {answer}"))
    }

    /// Where an HTTP function is called.
    pub(crate) fn function(&self, name: &str) -> String {
        format!("{}/@default/{APP}/api/{name}", self.node.http())
    }

    /// A request that starts an orchestration and is answered when that has ended.
    pub(crate) fn run(&self, orchestrator: &str, input: u32) -> anyhow::Result<Request> {
        self.run_json(orchestrator, &json!(input))
    }

    /// A request that signals an entity, `NAME/KEY`.
    pub(crate) fn signal(
        &self,
        entity: &str,
        operation: &str,
        input: u32,
    ) -> anyhow::Result<Request> {
        let url = format!(
            "{}/@default/{APP}/runtime/webhooks/durabletask/entities/{entity}?op={operation}",
            self.node.http()
        );
        let request = Request::new("POST", &url, Some(&self.key), &input.to_string())?;
        Ok(request.answered_with(202))
    }

    /// What the counters come to whose keys begin so.
    pub(crate) async fn counted(&self, prefixes: &[&str]) -> anyhow::Result<u64> {
        let mut sum = 0;
        for prefix in prefixes {
            let path = format!("/apps/{APP}/entities?id_prefix=%40counter%40{prefix}&limit=1000");
            let page = self.send(self.admin(Method::GET, &path)).await?;
            let entities = page["entities"].as_array().into_iter().flatten();
            let values = entities.filter_map(|entity| entity["state"]["value"].as_u64());
            sum += values.sum::<u64>();
        }
        Ok(sum)
    }

    /// As [`Self::run`], with any input.
    pub(crate) fn run_json(&self, orchestrator: &str, input: &Value) -> anyhow::Result<Request> {
        let url = format!(
            "{}/@default/{APP}/runtime/webhooks/durabletask/orchestrators/{orchestrator}?timeout=120",
            self.node.http()
        );
        Request::new("POST", &url, Some(&self.key), &input.to_string())
    }

    /// A request that starts an orchestration.
    pub(crate) fn start_only(&self, orchestrator: &str, input: &Value) -> anyhow::Result<Request> {
        let url = format!("{}/admin/v1/apps/{APP}/instances", self.node.admin());
        let body = json!({"orchestrator": orchestrator, "input": input}).to_string();
        let request = Request::new("POST", &url, Some(&self.key), &body)?;
        Ok(request.answered_with(201))
    }

    /// Starts one orchestration and returns its id.
    pub(crate) async fn start_one(
        &self,
        orchestrator: &str,
        input: &Value,
    ) -> anyhow::Result<String> {
        let body = json!({"orchestrator": orchestrator, "input": input});
        let path = format!("/apps/{APP}/instances");
        let started = self
            .send(self.admin(Method::POST, &path).json(&body))
            .await?;
        let id = started["instance"].as_str().or(started["id"].as_str());
        Ok(id
            .with_context(|| format!("no id in {started}"))?
            .to_owned())
    }

    /// The instance, once it has ended.
    pub(crate) async fn ended(&self, id: &str) -> anyhow::Result<Value> {
        loop {
            let path = format!("/apps/{APP}/instances/{id}?wait=30");
            let instance = self.send(self.admin(Method::GET, &path)).await?;
            let status = instance["runtime_status"].as_str().unwrap_or_default();
            ensure!(!["Failed", "Terminated"].contains(&status), "{instance:#}");
            if status == "Completed" {
                return Ok(instance);
            }
        }
    }

    pub(crate) async fn raise(&self, id: &str, event: &str) -> anyhow::Result<()> {
        let path = format!("/apps/{APP}/instances/{id}/raise-event/{event}");
        let request = self.admin(Method::POST, &path).json(&Value::Null);
        request.send().await?.error_for_status()?;
        Ok(())
    }

    /// How many instances have this status.
    pub(crate) async fn count(&self, status: &str) -> anyhow::Result<u64> {
        let (mut count, mut after) = (0, String::new());
        loop {
            let path = format!("/apps/{APP}/instances?runtime_status={status}&limit=1000{after}");
            let page = self.send(self.admin(Method::GET, &path)).await?;
            count += page["instances"].as_array().map_or(0, Vec::len) as u64;
            match page["next"].as_str() {
                Some(next) => after = format!("&after={next}"),
                None => return Ok(count),
            }
        }
    }

    /// The events of `count` turns from one on.
    pub(crate) async fn turns(&self, id: &str, from: u64, count: u64) -> anyhow::Result<Value> {
        let path = format!("/apps/{APP}/instances/{id}/history?from_turn={from}&limit={count}");
        self.send(self.admin(Method::GET, &path)).await
    }

    /// The address of the Durable Task service.
    pub(crate) fn grpc(&self) -> anyhow::Result<&str> {
        let address = self.node.ready()["grpc"].as_str();
        address.context("the node does not serve gRPC")
    }

    pub(crate) fn key(&self) -> &str {
        &self.key
    }

    /// What the replay gate says of a revision.
    pub(crate) async fn check_revision(&self, revision: u32) -> anyhow::Result<Value> {
        let path = format!("/apps/{APP}/revisions/{revision}/check");
        self.send(self.admin(Method::POST, &path)).await
    }

    /// A figure of `/metrics`, summed over its labels.
    pub(crate) async fn metric(&self, name: &str) -> anyhow::Result<f64> {
        let url = format!("{}/metrics", self.node.admin());
        let text = self.client.get(url).bearer_auth(&self.key).send().await?;
        let text = text.error_for_status()?.text().await?;
        let mut sum = None;
        for line in text.lines() {
            let (of, value) = line.rsplit_once(' ').unwrap_or_default();
            if of.split('{').next() == Some(name) {
                sum = Some(sum.unwrap_or(0.0) + value.parse::<f64>()?);
            }
        }
        sum.with_context(|| format!("/metrics has no {name}"))
    }

    /// Waits until a figure of `/metrics` is at least so much.
    pub(crate) async fn until_metric(&self, name: &str, least: f64) -> anyhow::Result<()> {
        while self.metric(name).await? < least {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Ok(())
    }

    /// Bytes of memory that the node has resident.
    pub(crate) fn resident(&self) -> anyhow::Result<f64> {
        let path = format!("/proc/{}/status", self.node.pid());
        let status = std::fs::read_to_string(&path)
            .with_context(|| format!("{path}: resident memory is read on Linux only"))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kib = line.and_then(|line| line.trim().strip_suffix(" kB"));
        let kib: f64 = kib.context("no VmRSS")?.trim().parse()?;
        Ok(kib * 1024.0)
    }

    /// Seconds of processor time that the node has taken so far.
    pub(crate) fn processor_seconds(&self) -> anyhow::Result<f64> {
        /// What Linux counts `/proc` in, whatever the kernel's own clock is.
        const TICKS_PER_SECOND: f64 = 100.0;
        let path = format!("/proc/{}/stat", self.node.pid());
        let stat = std::fs::read_to_string(&path)
            .with_context(|| format!("{path}: processor time is read on Linux only"))?;
        // The name in parentheses may hold anything; the times are the 12th and 13th field after it.
        let (_, fields) = stat.rsplit_once(')').context("no name")?;
        let mut fields = fields.split_whitespace().skip(11);
        let mut time =
            || -> anyhow::Result<f64> { Ok(fields.next().context("too short")?.parse()?) };
        Ok((time()? + time()?) / TICKS_PER_SECOND)
    }

    fn admin(&self, method: Method, path: &str) -> RequestBuilder {
        let url = format!("{}/admin/v1{path}", self.node.admin());
        self.client.request(method, url).bearer_auth(&self.key)
    }

    async fn send(&self, request: RequestBuilder) -> anyhow::Result<Value> {
        let answer = request.send().await?;
        let (status, text) = (answer.status(), answer.text().await?);
        ensure!(status.is_success(), "{status}: {text}");
        Ok(serde_json::from_str(&text)?)
    }
}
