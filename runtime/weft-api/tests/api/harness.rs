//! A node of one process without components: requests in, answers out.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use axum::Router;
use axum::body::{Body, to_bytes};
use bytes::Bytes;
use http::{HeaderMap, Method, Request, StatusCode};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use tower::ServiceExt as _;
use weft_api::auth::{NewKey, create};
use weft_api::{
    Api, Call, Config, Deciders, DeployedWorkflow, FunctionUsage, Host, InvokeError, Invoked,
    LogBook, PrepareError, Prepared, Problem, Quarantined, Rehearsed, Responders, Stopping,
    TenantUsage, Used, admin_router, base_path, durable_router,
};
use weft_app::{Deployment, DescribedFunction, FunctionKind, Grants};
use weft_id::{AppId, Component, InstanceKey, Tenant};
use weft_orchestration::{
    After, Event, EventKind, Failure, Message, Outcome, Payload, Timestamp, Turn,
};
use weft_store::{
    Apps as _, Consumed, Digest, Error, Instance, MemoryStore, NodeId, RevisionId, Role, Sealed,
    SealedKind, Shard, Store, Tenants as _, TurnCommit, Work as _,
};
use weft_workflow::definition::{Options, load_text};
use weft_workflow::program::Program;
use weft_workflow::run::{CallbackKey, Settings};
use weft_workflow::trigger::{Entry, Told};

pub(crate) const NOW: u64 = 1_800_000_000_000;

/// Reads the functions of an upload from its bytes, which are JSON in place of WebAssembly.
pub(crate) struct TestHost {
    store: Arc<MemoryStore>,
    clock: AtomicU64,
    pub(crate) ready: AtomicBool,
    pub(crate) deployed: AtomicU64,
    /// Tenants have used up their rates.
    pub(crate) limited: AtomicBool,
    /// Nobody has room.
    pub(crate) full: AtomicBool,
    pub(crate) quarantined: Mutex<Vec<(Tenant, Quarantined)>>,
    responders: Responders,
    deciders: Deciders,
    stateless: Arc<dyn Store>,
}

#[async_trait]
impl Host for TestHost {
    async fn prepare(
        &self,
        _: &Tenant,
        name: &Component,
        wasm: Bytes,
    ) -> Result<Prepared, PrepareError> {
        let functions: Vec<Value> = match &wasm[..] {
            b"truncated" => return Err(PrepareError::NotAComponent("unexpected end".into())),
            b"strange" => return Err(PrepareError::WrongWorld("nothing to run".into())),
            b"bomb" => return Err(PrepareError::Limit("too many instances".into())),
            b"busy" => return Err(PrepareError::Busy),
            b"broken" => return Err(PrepareError::Internal("fork: secret cause".into())),
            b"panic" => panic!("secret panic"),
            b"one" => vec![json!({"name": name, "kind": "http"})],
            json => serde_json::from_slice(json).expect("the tests upload JSON"),
        };
        let described = functions.iter().map(|function| DescribedFunction {
            name: function["name"].as_str().unwrap().parse().unwrap(),
            kind: serde_json::from_value(function["kind"].clone()).unwrap(),
            description: None,
            input_schema: Some(json!({"type": "string"})),
            output_schema: None,
            route: None,
            methods: vec![],
        });
        Ok(Prepared {
            digest: Digest(Sha256::digest(&wasm).into()),
            compile_ms: 7,
            functions: described.collect(),
        })
    }

    async fn invoke(&self, call: Call) -> Result<Invoked, InvokeError> {
        match call.function.name.as_str() {
            "echo" => Ok(Invoked {
                output: call.input,
                duration_us: 12,
                cpu_us: Some(3),
                memory_bytes: 65_536,
            }),
            "declines" => Err(InvokeError::Failed(Failure {
                kind: "payment-declined".into(),
                message: "no money".into(),
                retryable: false,
                details: Some("{\"code\":5}".into()),
            })),
            "traps" => Err(InvokeError::Trapped("unreachable".into())),
            "loops" => Err(InvokeError::TimedOut { limit_ms: 100 }),
            "busy" => Err(InvokeError::Busy("100 calls run".into())),
            _ => Err(InvokeError::Internal("secret cause".into())),
        }
    }

    async fn conceals(&self, _: &Instance) -> Result<bool, Error> {
        Ok(false)
    }

    async fn has_orchestrator(&self, app: &AppId, name: &str) -> Result<Option<bool>, Error> {
        let Some(active) = self.store.active_revision(app).await? else {
            return Ok(None);
        };
        let deployment = Deployment::from_json(active.deployment.text().unwrap()).unwrap();
        let found = deployment.function(name, FunctionKind::Orchestrator);
        Ok(Some(found.is_some()))
    }

    async fn deployed(&self, _: &AppId) {
        self.deployed.fetch_add(1, Ordering::Relaxed);
    }

    /// The name says it.
    async fn rehearse(&self, instance: &Instance, _: RevisionId) -> Result<Rehearsed, Error> {
        Ok(match instance.name.as_str() {
            "other" => Rehearsed::Diverges("event 3 has this, the code asks for that".into()),
            _ => Rehearsed::Follows,
        })
    }

    async fn unserved(&self, instance: &Instance) -> Result<Vec<String>, Error> {
        let waits = instance.name == "elsewhere";
        Ok(waits
            .then(|| "orchestrator elsewhere".to_owned())
            .into_iter()
            .collect())
    }

    /// Not to be read at a glance, and bound to its place.
    fn seal(&self, app: &AppId, kind: SealedKind, name: &str, plain: &str) -> Vec<u8> {
        let text = format!("{app} {} {name} {plain}", kind.as_str());
        text.bytes().map(|byte| byte ^ 0x55).collect()
    }

    fn unseal(&self, app: &AppId, kind: SealedKind, sealed: &Sealed) -> Result<String, String> {
        let bytes = sealed.value.iter().map(|byte| byte ^ 0x55).collect();
        let text = String::from_utf8(bytes).unwrap();
        let place = format!("{app} {} {} ", kind.as_str(), sealed.name);
        let plain = text.strip_prefix(&place).ok_or("it is another's")?;
        Ok(plain.to_owned())
    }

    fn sealed_changed(&self, _: &AppId) {}

    fn admit(&self, _: &Tenant) -> Result<(), Problem> {
        match self.limited.load(Ordering::Relaxed) {
            true => Err(Problem::limited(
                "requests_per_second",
                1,
                Duration::from_millis(1500),
            )),
            false => Ok(()),
        }
    }

    async fn has_room(&self, _: &Tenant, bytes: u64) -> Result<(), Error> {
        match self.full.load(Ordering::Relaxed) && bytes > 0 {
            true => Err(Error::QuotaExceeded {
                quota: "stored_bytes",
                max: 0,
            }),
            false => Ok(()),
        }
    }

    async fn terms_changed(&self, _: &Tenant) -> Result<(), Error> {
        Ok(())
    }

    /// Every tenant is granted the same.
    fn grants(&self, _: &Tenant) -> Arc<Grants> {
        let granted = json!({"outbound_hosts": ["https://*.example"], "key_value": ["carts*"]});
        Arc::new(Grants::from_json(&granted).unwrap())
    }

    async fn usage(&self, _: &Tenant) -> Result<TenantUsage, Error> {
        let used = |requests| Used {
            requests,
            ..Used::default()
        };
        let by_function = ["a", "b"].map(|app| FunctionUsage {
            app: app.parse().unwrap(),
            function: "f".parse().unwrap(),
            used: used(1),
        });
        Ok(TenantUsage {
            since: Timestamp::from_millis(NOW),
            total: used(2),
            by_function: by_function.into(),
            ..TenantUsage::default()
        })
    }

    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.clock.fetch_add(1, Ordering::Relaxed))
    }

    async fn workflow(
        &self,
        app: &AppId,
        _revision: Option<RevisionId>,
        name: &str,
    ) -> Result<Option<Result<Arc<DeployedWorkflow>, Failure>>, Error> {
        let Some(active) = self.store.active_revision(app).await? else {
            return Ok(None);
        };
        let deployment = Deployment::from_json(active.deployment.text().unwrap()).unwrap();
        let Some((name, workflow)) = deployment.workflow(name) else {
            return Ok(None);
        };
        let loaded = load_text(workflow.document(), &Options::default()).unwrap();
        let workflow = loaded.single().unwrap();
        let settings = Settings {
            workflow: name.to_string(),
            base_path: base_path(app),
            callback_key: self.callback_key(),
            ..Settings::default()
        };
        let deployed = DeployedWorkflow {
            revision: active.id,
            program: Arc::new(Program::compile(&workflow.definition).unwrap()),
            settings: Arc::new(settings),
            state: deployment.state(name),
            workflow,
        };
        Ok(Some(Ok(Arc::new(deployed))))
    }

    async fn workflows(&self, _app: &AppId) -> Result<Vec<String>, Error> {
        Ok(Vec::new())
    }

    async fn fire(&self, _: &AppId, _: &str, _: &str, _: Told) -> Result<(), Error> {
        Err(Error::NotFound)
    }

    async fn trigger_history(&self, _: &AppId, _: &str, _: &str) -> Result<Vec<Entry>, Error> {
        Ok(Vec::new())
    }

    fn callback_key(&self) -> CallbackKey {
        CallbackKey::new(b"the key of callbacks")
    }

    async fn access_key(&self, _: &AppId, _: &str) -> Result<CallbackKey, Error> {
        Ok(CallbackKey::new(b"the key of all workflows"))
    }

    fn responders(&self) -> &Responders {
        &self.responders
    }

    fn deciders(&self) -> &Deciders {
        &self.deciders
    }

    fn stateless(&self) -> &Arc<dyn Store> {
        &self.stateless
    }

    fn quarantined(&self, tenant: &Tenant) -> Vec<Quarantined> {
        let found = self.quarantined.lock().unwrap();
        let own = found.iter().filter(|(of, _)| of == tenant);
        own.map(|(_, found)| found.clone()).collect()
    }

    fn release(&self, tenant: &Tenant, digest: &Digest) -> bool {
        let mut found = self.quarantined.lock().unwrap();
        let before = found.len();
        found.retain(|(of, found)| of != tenant || found.digest != *digest);
        found.len() < before
    }

    fn readiness(&self) -> Result<(), String> {
        match self.ready.load(Ordering::Relaxed) {
            true => Ok(()),
            false => Err("secret cause".into()),
        }
    }
}

pub(crate) struct Node {
    pub(crate) api: Api,
    pub(crate) store: Arc<MemoryStore>,
    pub(crate) host: Arc<TestHost>,
    /// The operator's key.
    pub(crate) operator: String,
    admin: Router,
    durable: Router,
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    /// `Null` for what is no JSON.
    pub(crate) body: Value,
}

impl Answer {
    /// The last part of the problem's type, with the status.
    #[track_caller]
    pub(crate) fn problem(&self) -> (u16, &str) {
        let json = "application/problem+json";
        assert_eq!(self.headers["content-type"], json, "{self:?}");
        assert_eq!(self.body["status"], self.status.as_u16());
        let kind = self.body["type"].as_str().unwrap();
        let kind = kind.strip_prefix("urn:weft:problem:").unwrap();
        (self.status.as_u16(), kind)
    }

    #[track_caller]
    pub(crate) fn ok(self) -> Value {
        assert!(self.status.is_success(), "{self:?}");
        self.body
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

impl Node {
    pub(crate) async fn new() -> Self {
        Self::with(Config::default()).await
    }

    pub(crate) async fn with(config: Config) -> Self {
        let store = Arc::new(MemoryStore::new());
        let host = Arc::new(TestHost {
            store: store.clone(),
            clock: AtomicU64::new(NOW),
            ready: AtomicBool::new(true),
            deployed: AtomicU64::new(0),
            limited: AtomicBool::new(false),
            full: AtomicBool::new(false),
            quarantined: Mutex::default(),
            responders: Responders::default(),
            deciders: Deciders::default(),
            stateless: Arc::new(MemoryStore::new()),
        });
        // Nobody asks these nodes to stop.
        let (_, stopping) = tokio::sync::watch::channel(false);
        let api = Api {
            store: store.clone(),
            host: host.clone(),
            logs: Arc::new(LogBook::default()),
            config: Arc::new(config),
            stopping: Stopping::new(stopping),
        };
        let (admin, durable) = (admin_router(api.clone()), durable_router(api.clone()));
        let mut node = Self {
            api,
            store,
            host,
            operator: String::new(),
            admin,
            durable,
        };
        node.operator = node.key(None, Role::Operator).await;
        node
    }

    pub(crate) async fn key(&self, tenant: Option<&str>, role: Role) -> String {
        let tenant: Option<Tenant> = tenant.map(|name| name.parse().unwrap());
        if let Some(tenant) = &tenant {
            let now = self.host.now();
            self.store.put_tenant(tenant, now).await.unwrap();
        }
        let new = NewKey {
            tenant,
            role,
            apps: None,
            label: String::new(),
            expires_at: None,
        };
        create(&*self.store, new, self.host.now()).await.unwrap().1
    }

    /// The data plane's where its paths begin.
    fn router(&self, request: &Request<Body>) -> Router {
        let path = request.uri().path();
        match path.starts_with("/runtime") || path.starts_with("/@") {
            true => self.durable.clone(),
            false => self.admin.clone(),
        }
    }

    pub(crate) async fn send(&self, request: Request<Body>) -> Answer {
        let response = self.router(&request).oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let bytes = to_bytes(body, 64 << 20).await.unwrap();
        Answer {
            status: parts.status,
            headers: parts.headers,
            body: serde_json::from_slice(&bytes).unwrap_or_default(),
        }
    }

    /// The response itself, for what streams.
    pub(crate) async fn open(&self, path: &str) -> http::Response<Body> {
        let request = self.request(Method::GET, path, &self.operator);
        let request = request.body(Body::empty()).unwrap();
        self.router(&request).oneshot(request).await.unwrap()
    }

    pub(crate) fn request(&self, method: Method, path: &str, key: &str) -> http::request::Builder {
        let bearer = format!("Bearer {key}");
        Request::builder()
            .method(method)
            .uri(path)
            .header("host", "node.example:7071")
            .header("authorization", bearer)
    }

    /// A request of the operator without a body.
    pub(crate) async fn call(&self, method: Method, path: &str) -> Answer {
        self.call_as(&self.operator, method, path).await
    }

    pub(crate) async fn call_as(&self, key: &str, method: Method, path: &str) -> Answer {
        let request = self.request(method, path, key);
        self.send(request.body(Body::empty()).unwrap()).await
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.call(Method::GET, path).await
    }

    /// A request of the operator with a body.
    pub(crate) async fn body(
        &self,
        method: Method,
        path: &str,
        content_type: &str,
        body: impl Into<Body>,
    ) -> Answer {
        let request = self
            .request(method, path, &self.operator)
            .header("content-type", content_type);
        self.send(request.body(body.into()).unwrap()).await
    }

    pub(crate) async fn json(&self, method: Method, path: &str, body: Value) -> Answer {
        let body = body.to_string();
        self.body(method, path, "application/json", body).await
    }

    pub(crate) async fn upload(&self, path: &str, wasm: impl Into<Body>) -> Answer {
        self.body(Method::PUT, path, "application/wasm", wasm).await
    }

    /// An app with the orchestrator `saga`, the activity `echo` and the HTTP function `hello`.
    pub(crate) async fn with_app(self, path: &str) -> Self {
        let functions = json!([
            {"name": "saga", "kind": "orchestrator"},
            {"name": "echo", "kind": "activity"},
            {"name": "hello", "kind": "http"},
        ]);
        let path = format!("{path}/components/all");
        self.upload(&path, functions.to_string()).await.ok();
        self
    }

    /// Starts `saga` in the default app.
    pub(crate) async fn start(&self, id: &str) -> InstanceKey {
        let order = json!({"orchestrator": "saga", "id": id, "input": {"n": 1}});
        let path = "/admin/v1/apps/default/instances";
        self.json(Method::POST, path, order).await.ok();
        InstanceKey::new(AppId::default(), id.parse().unwrap())
    }

    /// Commits one turn as a worker would: what is in the inbox arrives, then `decided` happens.
    pub(crate) async fn turn(&self, key: &InstanceKey, decided: Vec<EventKind>, after: After) {
        let now = self.host.now();
        let leases = self
            .store
            .lease_shards(NodeId(1), weft_store::SHARDS, now, now.plus_millis(1000))
            .await
            .unwrap();
        let shard = Shard::of(key);
        let lease = leases.into_iter().find(|l| l.shard == shard).unwrap();
        let loaded = self.store.load(key).await.unwrap().unwrap();
        let (messages, arrived): (Vec<_>, Vec<_>) = loaded.inbox.into_iter().unzip();
        let mut kinds = vec![EventKind::OrchestratorStarted];
        kinds.extend(arrived.into_iter().filter_map(|message| match message {
            Message::Start(start) => Some(EventKind::ExecutionStarted(start)),
            Message::Event { name, payload } => Some(EventKind::EventRaised { name, payload }),
            _ => None,
        }));
        kinds.extend(decided);
        let events = kinds.into_iter().map(|kind| Event { at: now, kind });
        let commit = TurnCommit {
            key: key.clone(),
            execution: loaded.instance.execution,
            turn_number: loaded.instance.turns,
            consumed: Consumed {
                messages,
                ..Consumed::default()
            },
            turn: Turn {
                events: events.collect(),
                tasks: vec![],
                timers: vec![],
                canceled_timers: vec![],
                messages: vec![],
                custom_status: None,
                after,
            },
            revision: None,
            now,
        };
        self.store.commit_turn(lease, commit).await.unwrap();
    }

    pub(crate) async fn end(&self, key: &InstanceKey, outcome: Outcome) {
        let completed = EventKind::ExecutionCompleted {
            outcome: outcome.clone(),
        };
        self.turn(key, vec![completed], After::Ended(outcome)).await;
    }

    /// Two turns: the activity `echo` is called, and gives `output`.
    pub(crate) async fn call_echo(&self, key: &InstanceKey, input: &str, output: &str) {
        let scheduled = EventKind::TaskScheduled {
            id: 0,
            name: "echo".into(),
            input: Payload::from(input),
            attempt: 1,
            call: 0,
            labels: None,
        };
        self.turn(key, vec![scheduled], After::Waiting).await;
        let done = EventKind::TaskCompleted {
            task: 0,
            output: Payload::from(output),
        };
        self.turn(key, vec![done], After::Waiting).await;
    }

    pub(crate) async fn complete(&self, key: &InstanceKey, output: &str) {
        self.end(key, Outcome::Completed(Payload::from(output)))
            .await;
    }
}
