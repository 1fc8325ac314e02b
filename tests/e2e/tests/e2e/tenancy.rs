//! Tenants on one node: what each may use, what it has used, and who managed what.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::{Value, json};
use weft_e2e::{Answer, DEADLINE, Session};
use weft_testkit::guests::{component, guest};
use weft_testkit::node::{Node, weft_binary};

/// Requests that are made at one time.
const FLOOD: usize = 12;

/// A node with the handler that misbehaves, for everybody to call.
async fn node(args: &[&str]) -> Session {
    let session = Session::new(Node::in_memory_with(args));
    session.upload("default", "bad", guest("guest_http")).await;
    let settings = json!({
        "auth": "anonymous",
        "route": "{*rest}",
        "allowed_outbound_hosts": ["http://127.0.0.1:*"],
        "limits": {"timeout_ms": 20_000},
    });
    session.settings("default", "bad", &settings).await;
    session
}

async fn set_quota(session: &Session, quota: Value) {
    let request = session.admin(Method::PUT, "/tenants/default/quota");
    session.send(request.json(&quota)).await.expect(200);
}

async fn usage(session: &Session) -> Value {
    let answer = session.send(session.admin(Method::GET, "/usage")).await;
    answer.expect(200).json()
}

async fn get(session: &Session, path: &str) -> Answer {
    session.send(session.data(Method::GET, path)).await
}

async fn flood(session: &Session, path: &str) -> Vec<Answer> {
    let requests = (0..FLOOD).map(|_| get(session, path));
    futures::future::join_all(requests).await
}

/// Waits until calls are answered again.
async fn served_again(session: &Session) {
    let deadline = Instant::now() + DEADLINE;
    loop {
        let answer = get(session, "/api/hello").await;
        if answer.status == 200 {
            return;
        }
        answer.expect_problem(429, "rate-limited");
        assert!(Instant::now() < deadline, "{answer:?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn requests_of_a_tenant_have_a_rate() {
    let session = node(&[]).await;
    assert!(
        flood(&session, "/api/hello")
            .await
            .iter()
            .all(|answer| answer.status == 200)
    );
    set_quota(&session, json!({"requests_per_second": 1})).await;
    let answers = flood(&session, "/api/hello").await;
    let refused: Vec<_> = answers
        .iter()
        .filter(|answer| answer.status == 429)
        .collect();
    assert!(
        refused.len() > FLOOD / 2 && refused.len() < FLOOD,
        "{}",
        refused.len()
    );
    for answer in refused {
        answer.expect_problem(429, "rate-limited");
        assert_eq!(answer.json()["quota"], "requests_per_second");
        assert!(answer.headers.contains_key("retry-after"));
    }
    served_again(&session).await;
    // Other tenants go on, and so does the operator.
    let tenant = session.admin(Method::PUT, "/tenants/other");
    session.send(tenant).await.expect(201);
    let hello = component("samples/rust/hello-http", "hello_http");
    let upload = "/tenants/other/apps/a/components/hello";
    let upload = session.admin(Method::PUT, upload).body(hello);
    let upload = upload.header("content-type", "application/wasm");
    session.send(upload).await.expect(201);
    let call = session
        .data(Method::GET, "/@other/a/api/hello")
        .bearer_auth(session.key());
    session.send(call).await.expect(200);
}

#[tokio::test]
async fn processor_time_that_was_used_ahead_is_paid_back() {
    let session = node(&[]).await;
    let settings = json!({
        "auth": "anonymous", "route": "{*rest}", "limits": {"timeout_ms": 600},
    });
    session.settings("default", "bad", &settings).await;
    // Ten seconds of one hundredth of a core are used ahead by one loop of 600 ms.
    set_quota(&session, json!({"cpu_ms_per_second": 10})).await;
    get(&session, "/api/loop")
        .await
        .expect_problem(504, "function-timeout");
    let answer = get(&session, "/api/hello").await;
    answer.expect_problem(429, "rate-limited");
    assert_eq!(answer.json()["quota"], "cpu_ms_per_second");
    let used = usage(&session).await;
    assert!(used["cpu_us"].as_u64() > Some(100_000), "{used}");
    assert_eq!(used["errors"], 1, "{used}");
    set_quota(&session, json!({})).await;
    get(&session, "/api/hello").await.expect(200);
}

#[tokio::test]
async fn calls_and_memory_of_a_tenant_are_bounded_together() {
    let session = node(&[]).await;
    let settings = json!({
        "auth": "anonymous", "route": "{*rest}", "limits": {"timeout_ms": 6000, "memory_mib": 512},
    });
    session.settings("default", "bad", &settings).await;
    set_quota(&session, json!({"concurrency": 1})).await;
    let first = session.data(Method::GET, "/api/pending").send();
    let second = async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        get(&session, "/api/hello").await
    };
    let (_, second) = tokio::join!(first, second);
    second.expect_problem(429, "busy");
    // The function may have 512 MiB, its tenant no more than 64.
    set_quota(&session, json!({"memory_mib": 64})).await;
    let answer = get(&session, "/api/grow").await;
    answer.expect_problem(429, "rate-limited");
    assert_eq!(answer.json()["quota"], "memory_mib");
    let used = usage(&session).await;
    let peak = used["memory_bytes_peak"].as_u64().unwrap();
    assert!((32 << 20..=64 << 20).contains(&peak), "{used}");
    get(&session, "/api/hello").await.expect(200);
    assert_eq!(
        usage(&session).await["memory_bytes"],
        0,
        "all of it was given back"
    );
}

#[tokio::test]
async fn what_is_logged_and_exchanged_is_counted_and_bounded() {
    let session = node(&["--egress-allow", "127.0.0.0/8"]).await;
    let own = session.node.http().to_owned();
    let fetch = format!("/api/fetch?{own}/api/big");
    assert_eq!(get(&session, &fetch).await.expect(200).body.len(), 1 << 20);
    let used = usage(&session).await;
    assert_eq!(used["egress_bytes"], 1 << 20, "{used}");
    set_quota(&session, json!({"egress_bytes_per_second": 10_000})).await;
    // What was begun while there was something left breaks off.
    let answer = get(&session, &fetch).await;
    assert!(
        answer.body.len() < 1 << 19,
        "{} bytes came",
        answer.body.len()
    );
    let answer = get(&session, &fetch).await.expect(502);
    assert!(
        answer.text().contains("ConnectionLimitReached"),
        "{}",
        answer.text()
    );
    let before = usage(&session).await["log_bytes"].as_u64().unwrap();
    set_quota(&session, json!({"log_bytes_per_second": 1000})).await;
    get(&session, "/api/flood").await.expect(200);
    let after = usage(&session).await["log_bytes"].as_u64().unwrap();
    assert!(
        after - before <= 50_000,
        "{} bytes were logged",
        after - before
    );
    let logs = session.admin(Method::GET, "/apps/default/logs?limit=1000");
    let logs = session.send(logs).await.expect(200);
    assert!(
        logs.text().contains("bytes of log were dropped"),
        "{}",
        logs.text()
    );
}

#[tokio::test]
async fn what_is_kept_is_bounded_over_restarts_and_what_goes_makes_room() {
    let mut session = Session::new(Node::start(&[]));
    session.upload("a", "store", guest("guest_activity")).await;
    let saga = component("samples/rust/order-fulfilment", "order_fulfilment");
    let kept = usage(&session).await;
    let functions = kept["functions"].as_u64().unwrap();
    assert_eq!(functions, 1, "{kept}");
    let bytes = kept["stored_bytes"].as_u64().unwrap();
    let quota = json!({"functions": 1, "stored_bytes": bytes + 100, "instances": 0});
    set_quota(&session, quota).await;
    session.node.kill();
    session.node.restart();

    let refused = session.try_upload("b", "fulfilment", saga.clone()).await;
    refused.expect_problem(507, "quota-exceeded");
    assert_eq!(refused.json()["quota"], "stored_bytes");
    set_quota(&session, json!({"functions": 1})).await;
    let refused = session.try_upload("b", "fulfilment", saga.clone()).await;
    refused.expect_problem(507, "quota-exceeded");
    assert_eq!(
        (&refused.json()["quota"], &refused.json()["limit"]),
        (&json!("functions"), &json!(1))
    );

    set_quota(&session, json!({"stored_bytes": bytes + 100})).await;
    let kept = session
        .invoke("a", "store", &json!("short"))
        .await
        .expect(200);
    assert!(kept.text().starts_with("Ok("), "{}", kept.text());
    let long = "x".repeat(200);
    let refused = session.invoke("a", "store", &json!(long)).await.expect(200);
    let text = refused.text();
    assert!(text.contains("stored_bytes is limited"), "{text}");

    set_quota(&session, json!({"instances": 1})).await;
    session.upload("b", "fulfilment", saga).await;
    let order: Value = serde_json::from_str(
        &std::fs::read_to_string(weft_e2e::in_repository(
            "samples/rust/order-fulfilment/orders/large.json",
        ))
        .unwrap(),
    )
    .unwrap();
    session.start("b", "fulfil", "one", &order).await;
    let body = json!({"orchestrator": "fulfil", "id": "two", "input": order});
    let start = session.admin(Method::POST, "/apps/b/instances").json(&body);
    session
        .send(start)
        .await
        .expect_problem(507, "quota-exceeded");
    session
        .tell("b", "one", "terminate", &json!({}))
        .await
        .expect(202);
    session.until_status("b", "one", "Terminated").await;
    let purge = session.admin(Method::DELETE, "/apps/b/instances/one");
    session.send(purge).await.expect(204);
    session.start("b", "fulfil", "two", &order).await;
    let all = usage(&session).await;
    assert_eq!(all["instances"], 1, "{all}");
    assert!(all["history_bytes"].as_u64() > Some(0), "{all}");
}

/// A run whose history may not grow stays as it is, and goes on when it may.
#[tokio::test]
async fn a_history_without_room_waits_and_loses_nothing() {
    let session = Session::new(Node::in_memory());
    let wasm = component("samples/rust/order-fulfilment", "order_fulfilment");
    session.upload("b", "fulfilment", wasm).await;
    let order = weft_e2e::in_repository("samples/rust/order-fulfilment/orders/large.json");
    let order: Value = serde_json::from_str(&std::fs::read_to_string(order).unwrap()).unwrap();
    // The input has room, and the first turn, which records it, has none.
    let max = order.to_string().len() + 50;
    set_quota(&session, json!({"history_bytes": max})).await;
    session.start("b", "fulfil", "one", &order).await;
    let deadline = Instant::now() + DEADLINE;
    let refused = format!("history_bytes is limited to {max}");
    while !session.node.stderr().contains(&refused) {
        assert!(Instant::now() < deadline, "{}", session.node.stderr());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_ne!(
        session.instance("b", "one").await["runtime_status"],
        "Failed"
    );
    set_quota(&session, json!({})).await;
    let parked = |instance: &Value| instance["custom_status"]["stage"] == "awaiting-approval";
    session.until("b", "one", parked).await;
}

#[tokio::test]
async fn usage_is_told_by_function_and_as_metrics() {
    let session = node(&[]).await;
    for path in ["/api/hello", "/api/hello", "/api/trap"] {
        get(&session, path).await;
    }
    let used = usage(&session).await;
    let function = &used["by_function"][0];
    let name = (&function["app"], &function["function"]);
    assert_eq!(name, (&json!("default"), &json!("bad")));
    assert_eq!(
        (&function["requests"], &function["errors"]),
        (&json!(3), &json!(1))
    );
    assert!(function["memory_bytes_peak"].as_u64() > Some(0), "{used}");
    assert!(
        function["log_bytes"].as_u64() > Some(0),
        "a panic is logged: {used}"
    );
    let metrics = session
        .http
        .get(format!("{}/metrics", session.node.admin()));
    let metrics = session.send(metrics).await.expect(200);
    let metrics = metrics.text();
    for line in [
        r#"weft_tenant_requests_total{tenant="default"} 3"#,
        r#"weft_tenant_errors_total{tenant="default"} 1"#,
        r#"weft_function_requests_total{tenant="default",app="default",function="bad"} 3"#,
        r#"weft_tenant_functions{tenant="default"} 1"#,
    ] {
        assert!(
            metrics.lines().any(|found| found.starts_with(line)),
            "{line}\n{metrics}"
        );
    }
    for name in [
        "weft_tenant_cpu_seconds_total",
        "weft_tenant_memory_peak_bytes",
        "weft_tenant_egress_bytes_total",
        "weft_tenant_log_bytes_total",
        "weft_tenant_stored_bytes",
        "weft_tenant_instances",
        "weft_tenant_history_bytes",
    ] {
        assert!(
            metrics.contains(&format!("{name}{{tenant=\"default\"}}")),
            "{name}\n{metrics}"
        );
    }
}

fn weft(node: &Node, dir: &Path, args: &[&str]) -> (i32, String) {
    let output = Command::new(weft_binary())
        .args(args)
        .current_dir(dir)
        .env("WEFT_ADMIN", node.admin())
        .env("WEFT_KEY", node.key())
        .output()
        .unwrap();
    let said = [output.stdout, output.stderr].concat();
    (
        output.status.code().unwrap(),
        String::from_utf8(said).unwrap(),
    )
}

#[tokio::test]
async fn tenants_are_managed_by_file_and_command_and_all_of_it_is_written_down() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("weft.server.toml");
    let text =
        "audit_days = 30\n[quota]\nconcurrency = 50\n[tenants.acme]\nquota = { functions = 3 }\n";
    std::fs::write(&file, text).unwrap();
    let session = Session::new(Node::in_memory_with(&["--config", file.to_str().unwrap()]));
    let node = &session.node;
    let done = |args: &[&str]| -> String {
        let (code, said) = weft(node, dir.path(), args);
        assert_eq!(code, 0, "{args:?}: {said}");
        said
    };
    assert!(done(&["tenants", "list"]).contains("acme"));
    let quota = done(&["tenants", "quota", "acme", "instances=7"]);
    let bound = |field: &str, limit: &str| {
        let mut lines = quota.lines().map(str::split_whitespace);
        lines.any(|mut line| line.next() == Some(field) && line.next() == Some(limit))
    };
    assert!(
        bound("functions", "3") && bound("instances", "7"),
        "{quota}"
    );
    let usage = done(&["usage", "--tenant", "acme"]);
    assert!(usage.contains("50 concurrency"), "{usage}");
    let key = done(&[
        "keys",
        "create",
        "--tenant",
        "acme",
        "--role",
        "deployer",
        "--for-app",
        "shop",
        "--json",
    ]);
    let key: Value = serde_json::from_str(&key).unwrap();
    let id = key["id"].as_str().unwrap();
    let rotated = done(&["keys", "rotate", id, "--tenant", "acme", "--json"]);
    let rotated: Value = serde_json::from_str(&rotated).unwrap();
    assert!(done(&["keys", "list", "--tenant", "acme"]).contains("shop"));
    let old = session.http.get(format!("{}/admin/v1/apps", node.admin()));
    let old = old.bearer_auth(key["key"].as_str().unwrap());
    session
        .send(old)
        .await
        .expect_problem(401, "unauthenticated");
    let more = dir.path().join("more.toml");
    std::fs::write(&more, "[tenants.later]\nquota = { functions = 1 }\n").unwrap();
    done(&["tenants", "apply", more.to_str().unwrap()]);
    assert_eq!(weft(node, dir.path(), &["tenants", "delete", "later"]).0, 2);
    done(&["tenants", "delete", "later", "--yes"]);

    let audit = done(&["audit", "--all", "--json"]);
    let audit: Value = serde_json::from_str(&audit).unwrap();
    let entries = audit["entries"].as_array().unwrap().iter().rev();
    let actions: Vec<_> = entries
        .map(|entry| {
            let text = |name: &str| entry[name].as_str().unwrap_or("-");
            format!("{} {} {}", text("tenant"), text("action"), entry["status"])
        })
        .collect();
    assert_eq!(
        actions,
        [
            "acme put tenant 200",
            "acme put quota 200",
            "acme put quota 200",
            "acme create key 201",
            "acme rotate key 201",
            "later put tenant 201",
            "later put quota 200",
            "later delete tenant 204",
        ]
    );
    let new = rotated["key"].as_str().unwrap();
    let secret = new.split_once('.').unwrap().1;
    assert!(!audit.to_string().contains(secret));
    assert!(done(&["audit", "--tenant", "acme"]).contains("rotate key"));
}

/// What workflows and functions reach follows the grants of their tenant and the operator's policy.
#[tokio::test]
async fn grants_and_the_policy_are_kept_to_at_every_use() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("weft.server.toml");
    let text = "[policy]\noutbound_hosts = [\"http://127.0.0.1:*\"]\n";
    std::fs::write(&file, text).unwrap();
    let args = [
        "--config",
        file.to_str().unwrap(),
        "--egress-allow",
        "127.0.0.0/8",
    ];
    let session = node(&args).await;
    let fetch = format!("/api/fetch?{}/api/hello", session.node.http());
    get(&session, &fetch).await.expect(200);
    let grants = |value: Value| {
        let request = session.admin(Method::PUT, "/tenants/default/grants");
        session.send(request.json(&value))
    };
    grants(json!({"outbound_hosts": ["https://*.example"]}))
        .await
        .expect(200);
    let denied = get(&session, &fetch).await.expect(502);
    assert!(
        denied.text().contains("HttpRequestDenied"),
        "{}",
        denied.text()
    );
    let inspect = |args: &[&str]| {
        let (code, said) = weft(&session.node, dir.path(), args);
        assert_eq!(code, 0, "{said}");
        said
    };
    let shown = inspect(&["inspect", "--function", "bad", "--app", "default"]);
    let line = shown
        .lines()
        .find(|line| line.starts_with("outbound_hosts"));
    let cells: Vec<_> = line.unwrap().split_whitespace().collect();
    assert_eq!(
        cells[1..],
        ["http://127.0.0.1:*", "nothing", "nothing"],
        "{shown}"
    );
    grants(json!({"outbound_hosts": ["*://*:*"]}))
        .await
        .expect(200);
    get(&session, &fetch).await.expect(200);

    // The policy closes what the operator opened by address for a workflow as well.
    let action = |host: &str| {
        let port = session.node.http().rsplit_once(':').unwrap().1.to_owned();
        json!({"definition": {
            "triggers": {"manual": {"type": "Request", "kind": "Http"}},
            "actions": {"Call": {"type": "Http", "inputs": {
                "method": "GET", "uri": format!("http://{host}:{port}/api/hello"),
                "retryPolicy": {"type": "none"}}}},
        }})
    };
    for (name, host, status) in [
        ("open", "127.0.0.1", "Completed"),
        ("closed", "127.0.0.2", "Failed"),
    ] {
        let request = session.admin(Method::PUT, &format!("/apps/default/workflows/{name}"));
        let answer = session.send(request.json(&action(host))).await;
        assert!(answer.status.is_success(), "{answer:?}");
        session.start("default", name, name, &Value::Null).await;
        session.until_status("default", name, status).await;
        let history = json!(session.history("default", name).await).to_string();
        let refused = history.contains("is not granted to the tenant");
        assert_eq!(refused, name == "closed", "{history}");
    }
    let shown = inspect(&["tenants", "grants", "default"]);
    assert!(shown.contains("*://*:*"), "{shown}");
}
