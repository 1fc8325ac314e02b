//! URLs of workflows that work without a key, as they come over HTTP: each lets in to one thing only,
//! however it is bent, and no bytes are too odd to be answered.
//!
//! `PROPTEST_CASES=100000 cargo test --workspace --test api --release -- signatures` looks longer.

use axum::body::{Body, Bytes, to_bytes};
use http::{Method, Request, StatusCode, Uri};
use percent_encoding::{NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use proptest::prelude::*;
use serde_json::{Value, json};
use tokio::runtime::Runtime;
use tower::ServiceExt as _;
use weft_api::workflow_router;
use weft_workflow::run::{Callback, Settings};

use crate::harness::Node;

const APPS: [&str; 2] = ["", "/@default/shop"];
const WORKFLOWS: [&str; 2] = ["flow", "other"];
const TRIGGERS: [&str; 3] = ["manual", "Manual two", "a/run%0A"];

/// Nodes with the same workflows in two apps.
struct World {
    runtime: Runtime,
    node: Node,
}

impl World {
    fn new() -> Self {
        let runtime = Runtime::new().unwrap();
        let node = runtime.block_on(async {
            let node = Node::new().await;
            let triggers: serde_json::Map<_, _> = TRIGGERS
                .iter()
                .map(|name| ((*name).to_owned(), json!({"type": "Request"})))
                .collect();
            let body = json!({"definition": {"triggers": triggers, "actions": {}}}).to_string();
            for app in ["default", "shop"] {
                for name in WORKFLOWS {
                    let path = format!("/admin/v1/apps/{app}/workflows/{name}");
                    let put = node.body(Method::PUT, &path, "application/json", body.clone());
                    put.await.ok();
                }
            }
            node
        });
        Self { runtime, node }
    }

    fn send(
        &self,
        method: Method,
        uri: Uri,
        key: Option<&str>,
        body: Bytes,
    ) -> (StatusCode, Bytes) {
        let mut request = Request::builder().method(method).uri(uri);
        if let Some(key) = key {
            request = request.header("authorization", format!("Bearer {key}"));
        }
        let request = request.body(Body::from(body)).unwrap();
        self.answer(request)
    }

    fn answer(&self, request: Request<Body>) -> (StatusCode, Bytes) {
        let router = workflow_router(self.node.api.clone());
        self.runtime.block_on(async {
            let response = router.oneshot(request).await.unwrap();
            let status = response.status();
            (
                status,
                to_bytes(response.into_body(), 1 << 20).await.unwrap(),
            )
        })
    }

    /// The URL that `listCallbackUrl` gives, without its origin.
    fn url(&self, app: &str, workflow: &str, trigger: &str) -> String {
        let trigger = encoded(trigger);
        let path = format!(
            "{app}/runtime/webhooks/workflow/api/management/workflows/{workflow}/triggers/{trigger}\
             /listCallbackUrl"
        );
        let key = Some(self.node.operator.as_str());
        let (status, body) = self.send(Method::POST, path.parse().unwrap(), key, Bytes::new());
        assert_eq!(status, 200, "{body:?}");
        let url: Value = serde_json::from_slice(&body).unwrap();
        let url = url["value"].as_str().unwrap();
        url.strip_prefix("http://localhost").unwrap().to_owned()
    }
}

fn encoded(text: &str) -> String {
    utf8_percent_encode(text, NON_ALPHANUMERIC).to_string()
}

fn cases() -> u32 {
    match std::env::var("PROPTEST_CASES") {
        Ok(count) => count.parse().unwrap(),
        Err(_) => 600,
    }
}

fn run<S: Strategy>(strategy: &S, test: impl Fn(S::Value) -> Result<(), TestCaseError>) {
    let config = ProptestConfig {
        cases: cases(),
        failure_persistence: None,
        ..ProptestConfig::default()
    };
    let mut runner = proptest::test_runner::TestRunner::new(config);
    runner
        .run(strategy, test)
        .unwrap_or_else(|error| panic!("{error}"));
}

type Target = (&'static str, &'static str, &'static str);

fn target() -> impl Strategy<Value = Target> {
    let one_of = |all: &[&'static str]| proptest::sample::select(all.to_vec());
    (one_of(&APPS), one_of(&WORKFLOWS), one_of(&TRIGGERS))
}

#[test]
fn a_url_of_one_trigger_lets_in_to_no_other() {
    let world = World::new();
    run(&(target(), target()), |(signed, asked)| {
        let url = world.url(signed.0, signed.1, signed.2);
        let (_, query) = url.split_once('?').unwrap();
        let path = format!(
            "{}/api/{}/triggers/{}/invoke",
            asked.0,
            asked.1,
            encoded(asked.2)
        );
        let uri = format!("{path}?{query}").parse().unwrap();
        let (status, body) = world.send(Method::POST, uri, None, Bytes::new());
        let expected = if signed == asked { 202 } else { 401 };
        prop_assert_eq!(
            status.as_u16(),
            expected,
            "{:?} {:?}: {:?}",
            signed,
            asked,
            body
        );
        Ok(())
    });
}

/// What is done to a URL.
#[derive(Debug, Clone)]
enum Bend {
    Delete,
    Insert(String),
    Replace(String),
    Double,
}

fn bend() -> impl Strategy<Value = (prop::sample::Index, Bend)> {
    let text = prop_oneof![
        "[a-zA-Z0-9_/?&=%.;@-]{1,3}",
        "%[0-9a-fA-F]{2}",
        "sig=[A-Za-z0-9_-]{0,43}&"
    ];
    let kind = prop_oneof![
        Just(Bend::Delete),
        text.clone().prop_map(Bend::Insert),
        text.prop_map(Bend::Replace),
        Just(Bend::Double),
    ];
    (any::<prop::sample::Index>(), kind)
}

fn bent(url: &str, at: prop::sample::Index, bend: &Bend) -> String {
    let at = at.index(url.len());
    let (before, rest) = url.split_at(at);
    match bend {
        Bend::Delete => format!("{before}{}", &rest[1..]),
        Bend::Insert(text) => format!("{before}{text}{rest}"),
        Bend::Replace(text) => format!("{before}{text}{}", &rest[1..]),
        Bend::Double => format!("{before}{before}{rest}"),
    }
}

/// Whether a URL says the same as another one, as a server reads it.
fn says(uri: &Uri, target: Target, signature: &str) -> bool {
    let own = uri.path().strip_prefix(target.0).unwrap_or_default();
    if !own.starts_with('/') {
        return false;
    }
    let segments: Vec<_> = own
        .split('/')
        .skip(1)
        .map(|segment| percent_decode_str(segment).decode_utf8_lossy().into_owned())
        .collect();
    let [api, workflow, triggers, trigger, invoke, rest @ ..] = segments.as_slice() else {
        return false;
    };
    let words = [
        (api, "api"),
        (workflow, target.1),
        (triggers, "triggers"),
        (invoke, "invoke"),
    ];
    let query = uri.query().unwrap_or_default();
    let mut pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    let given = pairs.find(|(name, _)| {
        let name = percent_decode_str(name).decode_utf8_lossy();
        name.replace('+', " ").eq_ignore_ascii_case("sig")
    });
    let given = given.map(|(_, value)| percent_decode_str(value).decode_utf8_lossy());
    words
        .iter()
        .all(|(own, word)| own.eq_ignore_ascii_case(word))
        && trigger == target.2
        && rest.iter().all(String::is_empty)
        && given.is_some_and(|given| given.trim_end_matches('=') == signature)
}

#[test]
fn a_url_that_was_bent_lets_nobody_in_unless_it_says_the_same() {
    let world = World::new();
    let bends = prop::collection::vec(bend(), 1..3);
    run(&(target(), bends), |(target, bends)| {
        let url = world.url(target.0, target.1, target.2);
        let signature = url.split_once("&sig=").unwrap().1.to_owned();
        let mut changed = url;
        for (at, bend) in &bends {
            changed = bent(&changed, *at, bend);
        }
        let Ok(uri) = changed.parse::<Uri>() else {
            return Ok(());
        };
        if uri.path() != changed.split('?').next().unwrap_or_default() {
            return Ok(());
        }
        let same = says(&uri, target, &signature);
        let (status, body) = world.send(Method::POST, uri, None, Bytes::new());
        prop_assert!(!status.is_server_error(), "{changed}: {status} {body:?}");
        prop_assert_eq!(
            status.is_success(),
            same,
            "{}: {} {:?}",
            changed,
            status,
            body
        );
        Ok(())
    });
}

#[test]
fn a_callback_answers_one_action_of_one_run() {
    let world = World::new();
    let settings = Settings {
        callback_key: weft_workflow::run::CallbackKey::new(b"the key of callbacks"),
        ..Settings::default()
    };
    let name = || prop_oneof!["[a-c]{1,2}", "[a%/?&\n ]{1,3}", "\\PC{1,4}"];
    let callback = || {
        let names = (name(), name(), name(), "([0-9](-[0-9])?)?");
        names.prop_map(|(workflow, run, action, repetition)| Callback {
            workflow,
            run,
            action,
            repetition,
        })
    };
    run(
        &(callback(), callback(), any::<bool>()),
        |(one, other, swap)| {
            let url = one.url("", &settings);
            let signature = url.rsplit_once("sig=").unwrap().1.to_owned();
            let asked = if swap { other.url("", &settings) } else { url };
            let asked = format!("{}sig={signature}", asked.rsplit_once("sig=").unwrap().0);
            let same = !swap || one == other;
            let (status, body) = world.send(
                Method::POST,
                asked.parse().unwrap(),
                None,
                Bytes::from_static(b"x"),
            );
            // The run is not there, which those are told who may know.
            let expected = if same { 404 } else { 401 };
            prop_assert_eq!(status.as_u16(), expected, "{} {:?}", asked, body);
            Ok(())
        },
    );
}

#[test]
fn bodies_are_any_bytes() {
    let world = World::new();
    let url = world.url("", "flow", "manual");
    let types = proptest::sample::select(vec![
        "application/json",
        "text/plain; charset=utf-8",
        "application/xml",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "multipart/form-data",
        "application/octet-stream",
        "\"",
    ]);
    let body = prop_oneof![
        prop::collection::vec(any::<u8>(), 0..60),
        Just(b"--x\r\n\xff: \xfe\r\n\r\n\xc3\x28\r\n--x--".to_vec()),
    ];
    run(&(types, body), |(kind, body)| {
        let request = Request::builder()
            .method(Method::POST)
            .uri(&url)
            .header("content-type", kind)
            .body(Body::from(body.clone()))
            .unwrap();
        let (status, answer) = world.answer(request);
        let json = serde_json::from_slice::<serde::de::IgnoredAny>(&body).is_ok();
        let taken = body.is_empty()
            || match kind {
                "application/json" => json,
                kind => kind != "multipart/form-data",
            };
        let expected = if taken { 202 } else { 400 };
        prop_assert_eq!(status.as_u16(), expected, "{}: {:?}", kind, answer);
        if !taken {
            let answer: Value = serde_json::from_slice(&answer).unwrap();
            prop_assert_eq!(&answer["error"]["code"], "InvalidRequestContent");
        }
        Ok(())
    });
}

/// What is not UTF-8 is refused where it has to be JSON, and kept byte for byte where it need be nothing.
#[test]
fn what_is_not_utf_8_is_refused_as_json_and_kept_as_bytes() {
    let world = World::new();
    let url = world.url("", "flow", "manual");
    let send = |kind: &str, body: &'static [u8]| {
        let request = Request::builder()
            .method(Method::POST)
            .uri(&url)
            .header("content-type", kind)
            .body(Body::from(body))
            .unwrap();
        world.answer(request).0.as_u16()
    };
    assert_eq!(send("application/json", b"\"\xff\""), 400);
    assert_eq!(send("application/json", b"{\"a\xc3\x28\": 1}"), 400);
    assert_eq!(send("application/octet-stream", b"\xff\x00"), 202);
    assert_eq!(send("text/plain", b"a\xffb"), 202);
    let bodies = world.runtime.block_on(async {
        let filter = weft_store::Filter::default();
        let request = weft_store::PageRequest {
            limit: 10,
            after: None,
        };
        let app = weft_id::AppId::default();
        let store = &world.node.api.store;
        let page = store.instances(&app, &filter, &request).await.unwrap();
        let bodies = page.instances.into_iter().map(|run| {
            let input: Value = serde_json::from_str(run.input.text().unwrap()).unwrap();
            input["trigger"]["outputs"]["body"].clone()
        });
        bodies.collect::<Vec<_>>()
    });
    assert_eq!(bodies.len(), 2);
    assert!(bodies.contains(&json!("a\u{fffd}b")));
    let bytes = json!({"$content-type": "application/octet-stream", "$content": "/wA="});
    assert!(bodies.contains(&bytes), "{bodies:?}");
}
