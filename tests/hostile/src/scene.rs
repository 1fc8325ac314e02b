//! The node under attack with its tenants: `mallory`, who attacks, `eve`, who looks for what others
//! have left, and `victim`, who is a customer.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use reqwest::{Client, Method, RequestBuilder};
use serde_json::{Value, json};
use weft_testkit::guests::{component, guest};
use weft_testkit::node::{Node, Program};

/// The app of the attacking tenants.
pub const LAIR: &str = "lair";
/// The victim's app.
pub const SHOP: &str = "shop";
/// No answer takes longer, or the node hangs.
const ANSWER_MAX: Duration = Duration::from_secs(150);

/// How much is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scale {
    /// For a test run: every attack, with fewer repetitions.
    Short,
    Full,
}

/// A tenant with its owner's key.
#[derive(Debug, Clone)]
pub struct Tenant {
    pub name: &'static str,
    pub key: String,
}

/// A node with its tenants.
pub struct Scene {
    pub node: Node,
    pub program: Program,
    pub http: Client,
    pub operator: String,
    pub mallory: Tenant,
    pub eve: Tenant,
    pub victim: Tenant,
    pub scale: Scale,
    pub seed: u64,
    names: AtomicU64,
    figures: Mutex<BTreeMap<String, f64>>,
}

/// An answer, read to its end.
#[derive(Debug, Clone)]
pub struct Reply {
    pub status: u16,
    /// The last part of a problem's type; empty for everything else.
    pub kind: String,
    pub text: String,
    pub took: Duration,
}

impl Reply {
    /// Whether it is one of these problems.
    #[must_use]
    pub fn is(&self, kinds: &[&str]) -> bool {
        kinds.contains(&self.kind.as_str())
    }

    #[must_use]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_default()
    }

    /// For a report: short.
    #[must_use]
    pub fn shown(&self) -> String {
        let detail = self.json()["detail"].as_str().map(str::to_owned);
        let text = detail.unwrap_or_else(|| self.text.clone());
        let text: String = text.chars().filter(|c| !c.is_control()).take(90).collect();
        format!("{} {} {text}", self.status, self.kind)
    }
}

impl Scene {
    /// Starts a node and lets the tenants in. The victim's function and the attacker's handler are
    /// deployed.
    ///
    /// # Errors
    /// When the node refuses what it should not.
    pub async fn set(program: Program, scale: Scale, seed: u64) -> anyhow::Result<Self> {
        let started = program.clone();
        let node = tokio::task::spawn_blocking(move || Node::start_program(started, &[]));
        let node = node.await?;
        let tenant = |name| Tenant {
            name,
            key: String::new(),
        };
        let mut scene = Self {
            operator: node.key(),
            node,
            program,
            http: Client::builder().no_proxy().timeout(ANSWER_MAX).build()?,
            mallory: tenant("mallory"),
            eve: tenant("eve"),
            victim: tenant("victim"),
            scale,
            seed,
            names: AtomicU64::new(0),
            figures: Mutex::default(),
        };
        for name in ["mallory", "eve", "victim"] {
            let key = scene.admit(name, "owner").await?;
            match name {
                "mallory" => scene.mallory.key = key,
                "eve" => scene.eve.key = key,
                _ => scene.victim.key = key,
            }
        }
        let built = tokio::task::spawn_blocking(|| {
            let hello = component("samples/rust/hello-http", "hello_http");
            (hello, guest("guest_hostile"))
        });
        let (hello, hostile) = built.await?;
        let open = json!({"auth": "anonymous"});
        scene
            .deploy(&scene.victim, SHOP, "hello", hello, &open)
            .await?;
        for tenant in [&scene.mallory, &scene.eve] {
            let settings = handler_settings(1000, 32);
            scene
                .deploy(tenant, LAIR, "h", hostile.clone(), &settings)
                .await?;
        }
        Ok(scene)
    }

    /// Adds a tenant; a key of the role.
    ///
    /// # Errors
    /// When that is refused.
    pub async fn admit(&self, tenant: &str, role: &str) -> anyhow::Result<String> {
        let path = format!("/tenants/{tenant}");
        let put = self.admin(&self.operator, Method::PUT, &path);
        let made = self.send(put).await?;
        ensure!(made.status == 201, "{}", made.shown());
        let body = json!({"role": role, "label": "hostile"});
        let post = self.admin(&self.operator, Method::POST, &format!("{path}/keys"));
        let key = self.send(post.json(&body)).await?.json()["key"].clone();
        Ok(key.as_str().context("no key")?.to_owned())
    }

    /// A request to the control plane, below `/admin/v1`.
    pub fn admin(&self, key: &str, method: Method, path: &str) -> RequestBuilder {
        let url = format!("{}/admin/v1{path}", self.node.admin());
        self.http.request(method, url).bearer_auth(key)
    }

    /// The URL of an app's path on the data plane.
    #[must_use]
    pub fn url(&self, tenant: &Tenant, app: &str, path: &str) -> String {
        format!("{}/@{}/{app}{path}", self.node.http(), tenant.name)
    }

    /// Sends and reads the whole answer.
    ///
    /// # Errors
    /// When there is none, or it breaks off.
    pub async fn send(&self, request: RequestBuilder) -> anyhow::Result<Reply> {
        let started = Instant::now();
        let response = request.send().await?;
        let status = response.status().as_u16();
        let text = String::from_utf8_lossy(&response.bytes().await?).into_owned();
        let parsed: Value = serde_json::from_str(&text).unwrap_or_default();
        let kind = parsed["type"].as_str().unwrap_or_default();
        let kind = kind.strip_prefix("urn:weft:problem:").unwrap_or_default();
        Ok(Reply {
            status,
            kind: kind.to_owned(),
            text,
            took: started.elapsed(),
        })
    }

    /// # Errors
    /// As [`Self::send`].
    pub async fn upload(
        &self,
        tenant: &Tenant,
        app: &str,
        name: &str,
        wasm: Vec<u8>,
    ) -> anyhow::Result<Reply> {
        let path = format!("/apps/{app}/components/{name}");
        let put = self.admin(&tenant.key, Method::PUT, &path);
        let put = put.header("content-type", "application/wasm");
        self.send(put.body(wasm)).await
    }

    /// # Errors
    /// When the node refuses them.
    pub async fn settings(
        &self,
        tenant: &Tenant,
        app: &str,
        function: &str,
        settings: &Value,
    ) -> anyhow::Result<()> {
        let path = format!("/apps/{app}/functions/{function}");
        let put = self.admin(&tenant.key, Method::PUT, &path);
        let set = self.send(put.json(settings)).await?;
        ensure!(set.status == 200, "settings of {function}: {}", set.shown());
        Ok(())
    }

    /// # Errors
    /// When the node refuses it.
    pub async fn deploy(
        &self,
        tenant: &Tenant,
        app: &str,
        name: &str,
        wasm: Vec<u8>,
        settings: &Value,
    ) -> anyhow::Result<()> {
        let up = self.upload(tenant, app, name, wasm).await?;
        ensure!(up.status == 201, "{name} is refused: {}", up.shown());
        self.settings(tenant, app, name, settings).await
    }

    /// Runs an activity once.
    ///
    /// # Errors
    /// As [`Self::send`].
    pub async fn invoke(
        &self,
        tenant: &Tenant,
        function: &str,
        input: String,
    ) -> anyhow::Result<Reply> {
        let path = format!("/apps/{LAIR}/functions/{function}/invoke");
        let post = self.admin(&tenant.key, Method::POST, &path);
        let post = post.header("content-type", "application/json");
        self.send(post.body(input)).await
    }

    /// Calls the attacker's handler.
    ///
    /// # Errors
    /// As [`Self::send`].
    pub async fn handle(&self, tenant: &Tenant, path: &str) -> anyhow::Result<Reply> {
        let url = self.url(tenant, LAIR, &format!("/api{path}"));
        self.send(self.http.get(url)).await
    }

    /// Sets what the attacker's handler may take.
    ///
    /// # Errors
    /// When the node refuses it.
    pub async fn limit_handler(&self, timeout_ms: u64, memory_mib: u64) -> anyhow::Result<()> {
        let settings = handler_settings(timeout_ms, memory_mib);
        self.settings(&self.mallory, LAIR, "h", &settings).await
    }

    /// A name that nothing has yet.
    #[must_use]
    pub fn name(&self, prefix: &str) -> String {
        let number = self.names.fetch_add(1, Ordering::Relaxed);
        format!("{prefix}-{number}")
    }

    /// Keeps a figure that an attack has measured.
    pub fn figure(&self, name: &str, value: f64) {
        let mut figures = self.figures.lock().expect("no panic while it is held");
        figures.insert(name.to_owned(), value);
    }

    #[must_use]
    pub fn figures(&self) -> BTreeMap<String, f64> {
        self.figures
            .lock()
            .expect("no panic while it is held")
            .clone()
    }

    /// A figure of `/metrics`, summed over its labels.
    ///
    /// # Errors
    /// When there is no such figure.
    pub async fn metric(&self, name: &str) -> anyhow::Result<f64> {
        let url = format!("{}/metrics", self.node.admin());
        let get = self.http.get(url).bearer_auth(&self.operator);
        let text = self.send(get).await?.text;
        let mut sum = None;
        for line in text.lines() {
            let (of, value) = line.rsplit_once(' ').unwrap_or_default();
            if of.split('{').next() == Some(name) {
                sum = Some(sum.unwrap_or(0.0) + value.parse::<f64>()?);
            }
        }
        sum.with_context(|| format!("no metric {name}"))
    }

    /// Waits until a figure is at most this; its last value.
    ///
    /// # Errors
    /// When there is no such figure.
    pub async fn settles(
        &self,
        metric: &str,
        most: f64,
        patience: Duration,
    ) -> anyhow::Result<f64> {
        let deadline = Instant::now() + patience;
        loop {
            let now = self.metric(metric).await?;
            if now <= most || Instant::now() > deadline {
                return Ok(now);
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// The smaller number in a short run.
    #[must_use]
    pub fn scaled(&self, short: usize, full: usize) -> usize {
        match self.scale {
            Scale::Short => short,
            Scale::Full => full,
        }
    }

    /// How long an attack that goes on goes on.
    #[must_use]
    pub fn stretch(&self) -> Duration {
        match self.scale {
            Scale::Short => Duration::from_millis(1500),
            Scale::Full => Duration::from_secs(5),
        }
    }
}

fn handler_settings(timeout_ms: u64, memory_mib: u64) -> Value {
    json!({
        "auth": "anonymous",
        "route": "{*rest}",
        "allowed_outbound_hosts": ["*://*:*"],
        "limits": {"timeout_ms": timeout_ms, "memory_mib": memory_mib, "concurrency": 1000},
    })
}
