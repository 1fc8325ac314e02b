//! What the end-to-end tests share: a node and a client that speaks to it as a user would.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use reqwest::{Client, Method, RequestBuilder, Response, StatusCode};
use serde_json::{Value, json};
use weft_testkit::node::Node;

/// How long a test waits for what must come.
pub const DEADLINE: Duration = Duration::from_secs(60);

/// A node with a client that holds the operator's key.
pub struct Session {
    pub node: Node,
    pub http: Client,
    key: String,
}

/// An answer, read to its end.
#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: http::HeaderMap,
    pub body: Vec<u8>,
}

impl Answer {
    /// # Panics
    /// When it is no UTF-8.
    #[must_use]
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).expect("the body is text")
    }

    /// # Panics
    /// When it is no JSON.
    #[must_use]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// Asserts a problem document of this status and kind.
    ///
    /// # Panics
    /// When it is something else.
    pub fn expect_problem(&self, status: u16, kind: &str) {
        assert_eq!(self.status, status, "{self:?}");
        let content_type = self.headers.get("content-type");
        let content_type = content_type.and_then(|value| value.to_str().ok());
        assert_eq!(content_type, Some("application/problem+json"));
        let problem = self.json();
        assert_eq!(problem["type"], format!("urn:weft:problem:{kind}"));
        assert_eq!(problem["status"], status);
    }

    /// # Panics
    /// When the status is another one.
    pub fn expect(self, status: u16) -> Self {
        assert_eq!(
            self.status,
            status,
            "{}",
            String::from_utf8_lossy(&self.body)
        );
        self
    }
}

impl Session {
    #[must_use]
    pub fn new(node: Node) -> Self {
        Self {
            key: node.key(),
            http: Client::builder()
                .no_proxy()
                // A connection that is kept would be a dead one after the node was killed.
                .pool_max_idle_per_host(0)
                .build()
                .expect("a client"),
            node,
        }
    }

    /// Sends and reads the whole answer.
    ///
    /// # Panics
    /// When there is no answer.
    pub async fn send(&self, request: RequestBuilder) -> Answer {
        let response: Response = request.send().await.expect("the node answers");
        Answer {
            status: response.status(),
            headers: response.headers().clone(),
            body: response.bytes().await.expect("a whole body").into(),
        }
    }

    /// A request to the control plane with the operator's key; the path stands below `/admin/v1`.
    pub fn admin(&self, method: Method, path: &str) -> RequestBuilder {
        let url = format!("{}/admin/v1{path}", self.node.admin());
        self.http.request(method, url).bearer_auth(&self.key)
    }

    /// A request to the data plane without a key.
    pub fn data(&self, method: Method, path: &str) -> RequestBuilder {
        self.http
            .request(method, format!("{}{path}", self.node.http()))
    }

    #[must_use]
    pub fn key(&self) -> &str {
        &self.key
    }

    /// Uploads a component; returns what was found.
    ///
    /// # Panics
    /// When it is refused.
    pub async fn upload(&self, app: &str, component: &str, wasm: Vec<u8>) -> Value {
        let answer = self.try_upload(app, component, wasm).await;
        answer.expect(201).json()
    }

    pub async fn try_upload(&self, app: &str, component: &str, wasm: Vec<u8>) -> Answer {
        let path = format!("/apps/{app}/components/{component}");
        let request = self
            .admin(Method::PUT, &path)
            .header("content-type", "application/wasm")
            .body(wasm);
        self.send(request).await
    }

    /// Sets what one function may do.
    ///
    /// # Panics
    /// When it is refused.
    pub async fn settings(&self, app: &str, function: &str, settings: &Value) {
        let path = format!("/apps/{app}/functions/{function}");
        let request = self.admin(Method::PUT, &path).json(settings);
        self.send(request).await.expect(200);
    }

    /// Runs an activity once.
    pub async fn invoke(&self, app: &str, function: &str, input: &Value) -> Answer {
        let path = format!("/apps/{app}/functions/{function}/invoke");
        self.send(self.admin(Method::POST, &path).json(input)).await
    }

    /// Starts an orchestration; returns its id.
    ///
    /// # Panics
    /// When it is refused.
    pub async fn start(&self, app: &str, orchestrator: &str, id: &str, input: &Value) {
        let body = json!({"orchestrator": orchestrator, "id": id, "input": input});
        let path = format!("/apps/{app}/instances");
        let request = self.admin(Method::POST, &path).json(&body);
        self.send(request).await.expect(201);
    }

    /// The instance as it is now.
    pub async fn instance(&self, app: &str, id: &str) -> Value {
        let path = format!("/apps/{app}/instances/{id}");
        self.send(self.admin(Method::GET, &path))
            .await
            .expect(200)
            .json()
    }

    /// The instance once `reached` says so.
    ///
    /// # Panics
    /// When that does not come in time.
    pub async fn until(&self, app: &str, id: &str, reached: impl Fn(&Value) -> bool) -> Value {
        let deadline = Instant::now() + DEADLINE;
        loop {
            let instance = self.instance(app, id).await;
            if reached(&instance) {
                return instance;
            }
            assert!(Instant::now() < deadline, "not reached: {instance:#}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// The instance once it has this status.
    pub async fn until_status(&self, app: &str, id: &str, status: &str) -> Value {
        self.until(app, id, |instance| instance["runtime_status"] == status)
            .await
    }

    /// Sends a message to an instance: `terminate`, `raise-event/NAME` and so on.
    pub async fn tell(&self, app: &str, id: &str, verb: &str, body: &Value) -> Answer {
        let path = format!("/apps/{app}/instances/{id}/{verb}");
        self.send(self.admin(Method::POST, &path).json(body)).await
    }

    /// The recorded history, at most 1000 turns.
    pub async fn history(&self, app: &str, id: &str) -> Vec<Value> {
        let path = format!("/apps/{app}/instances/{id}/history?limit=1000");
        let answer = self.send(self.admin(Method::GET, &path)).await.expect(200);
        let events = answer.json()["events"].as_array().cloned();
        events.expect("a history has events")
    }

    /// Replays every history of the app twice: both times its code decides what is recorded.
    ///
    /// # Panics
    /// When it decides something else.
    pub async fn replays_alike(&self, app: &str) {
        let revisions = self.admin(Method::GET, &format!("/apps/{app}/revisions"));
        let revisions = self.send(revisions).await.expect(200).json();
        let mut revisions = revisions["revisions"].as_array().into_iter().flatten();
        let active = revisions.find(|revision| revision["active"] == true);
        let active = &active.expect("one revision is active")["revision"];
        let mut before = None;
        for _ in 0..2 {
            let path = format!("/apps/{app}/revisions/{active}/check");
            let request = self.admin(Method::POST, &path).json(&json!(null));
            let check = self.send(request).await.expect(200).json();
            assert_eq!(check["compatible"], true, "{check:#}");
            let replayed = check["instances"]
                .as_array()
                .is_some_and(|all| !all.is_empty());
            assert!(replayed, "{check:#}");
            assert!(before.is_none_or(|before| before == check), "{check:#}");
            before = Some(check);
        }
    }

    /// How many events of this type the history has.
    pub async fn count(&self, app: &str, id: &str, kind: &str) -> usize {
        let history = self.history(app, id).await;
        history.iter().filter(|event| event["type"] == kind).count()
    }
}

/// A file of the repository.
#[must_use]
pub fn in_repository(path: &str) -> PathBuf {
    let own = Path::new(env!("CARGO_MANIFEST_DIR"));
    let root = own.ancestors().nth(2).expect("the crate lies in tests/");
    root.join(path)
}
