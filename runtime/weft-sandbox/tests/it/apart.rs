//! Tenants whose guests run in a process of their own.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt, Full};
use rustix::process::{Pid, Signal, kill_process};
use weft_app::FunctionKind;
use weft_orchestration::Payload;
use weft_sandbox::{ActivityCall, CallError, Invocation, Isolated, UploadError};

use crate::fixture::{Fixture, change, of_tenant};

const TENANT: &str = "apart";

fn fixture() -> Fixture {
    Fixture::with(|config| {
        config.isolation.tenants = Isolated::These(BTreeSet::from([TENANT.parse().unwrap()]));
    })
}

async fn get(fixture: &Fixture, call: &Invocation, path: &str) -> Result<String, CallError> {
    let request = Request::builder().uri(path).header("host", "localhost");
    let request = request.body(Full::<Bytes>::default()).unwrap();
    let answer = fixture.sandbox.http(call.clone(), request).await?;
    let bytes = answer.into_body().collect().await?.to_bytes();
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

async fn run(fixture: &Fixture, call: &Invocation, input: &str) -> Result<String, CallError> {
    let input = Payload::from(input);
    let done = fixture
        .sandbox
        .activity(call.clone(), input, ActivityCall::direct());
    let done = done.await?;
    Ok(match done.result {
        Ok(output) => output.text().unwrap().to_owned(),
        Err(failure) => failure.message,
    })
}

/// The processes that this one has started for guests with so many instances: other tests have others.
fn children(instances: u32) -> Vec<i32> {
    let marked = format!("\"instances\":{instances},");
    let own = std::process::id().to_string();
    let mut found = Vec::new();
    for entry in std::fs::read_dir("/proc").unwrap().flatten() {
        let Ok(pid) = entry.file_name().to_string_lossy().parse::<i32>() else {
            continue;
        };
        let read = |name: &str| std::fs::read_to_string(entry.path().join(name));
        let (Ok(stat), Ok(command)) = (read("stat"), read("cmdline")) else {
            continue;
        };
        let parent = stat
            .rsplit(") ")
            .next()
            .and_then(|rest| rest.split(' ').nth(1));
        if parent == Some(&own) && command.contains("guest-host") && command.contains(&marked) {
            found.push(pid);
        }
    }
    found
}

#[tokio::test]
async fn functions_answer_from_another_process_as_from_this_one() {
    let fixture = fixture();
    let web = of_tenant(fixture.call("guest_http", "web"), TENANT);
    assert_eq!(
        get(&fixture, &web, "/hello").await.unwrap(),
        "Hello, world!"
    );
    assert_eq!(fixture.sandbox.live_instances(), 0, "no guest is here");
    assert_eq!(get(&fixture, &web, "/function").await.unwrap(), "web");
    assert_eq!(get(&fixture, &web, "/big?3").await.unwrap().len(), 3 << 20);
    let sent = "streamed ".repeat(100_000);
    let request = Request::builder().uri("/echo").header("host", "localhost");
    let request = request.body(Full::from(sent.clone())).unwrap();
    let answer = fixture.sandbox.http(web.clone(), request).await.unwrap();
    let echoed = answer.into_body().collect().await.unwrap().to_bytes();
    assert!(echoed == sent);
    let trapped = get(&fixture, &web, "/trap").await.unwrap_err();
    let told = matches!(&trapped, CallError::Trap(why) if why.contains("no answer today"));
    assert!(told, "{trapped}");
    let grown = get(&fixture, &web, "/grow").await.unwrap_err();
    assert!(
        matches!(grown, CallError::Limit { what: "memory", .. }),
        "{grown}"
    );
    let short = change(web, |function| function.limits.timeout_ms = 300);
    let started = Instant::now();
    let endless = get(&fixture, &short, "/loop").await.unwrap_err();
    assert!(matches!(endless, CallError::Timeout(_)), "{endless}");
    assert!(started.elapsed() < Duration::from_secs(3));
}

#[tokio::test]
async fn activities_reach_what_the_host_offers_for_their_tenant() {
    let fixture = fixture();
    let of = |name: &str| of_tenant(fixture.call("guest_activity", name), TENANT);
    assert_eq!(run(&fixture, &of("echo"), "[1,2]").await.unwrap(), "[1,2]");
    assert_eq!(
        run(&fixture, &of("decline"), "1").await.unwrap(),
        "no funds"
    );
    let kept = run(&fixture, &of("store"), "v").await.unwrap();
    assert_eq!(kept, "Ok(\"v 5 [\\\"a\\\", \\\"n\\\"] true\")");
    // The value is this tenant's: another finds nothing of it.
    let kept = run(&fixture, &of_tenant(of("store"), "other"), "w").await;
    assert!(kept.unwrap().contains("w 5"));
    run(&fixture, &of("log"), "1").await.unwrap();
    let deadline = Instant::now() + Duration::from_secs(10);
    while !fixture
        .logs()
        .iter()
        .any(|line| line == "warn here: a warning")
    {
        assert!(Instant::now() < deadline, "{:?}", fixture.logs());
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let seen = change(of("env"), |function| {
        function.env.insert("COLOUR".to_owned(), "red".to_owned());
    });
    let seen = run(&fixture, &seen, "1").await.unwrap();
    assert!(
        seen.contains("Some(\"red\")") && seen.ends_with("1, false, false)"),
        "{seen}"
    );
}

#[tokio::test]
async fn requests_go_where_the_node_says_the_function_may() {
    let server = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = server.local_addr().unwrap();
    tokio::spawn(async move {
        use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
        while let Ok((mut stream, _)) = server.accept().await {
            let mut head = [0; 1024];
            let _ = stream.read(&mut head).await;
            let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\nconnection: close\r\n\r\nthere";
            let _ = stream.write_all(answer).await;
        }
    });
    let fixture = Fixture::with(|config| {
        config.isolation.tenants = Isolated::AllBut(BTreeSet::new());
        config.egress_allow = vec!["127.0.0.0/8".parse().unwrap()];
    });
    let web = fixture.call("guest_http", "web");
    let path = format!("/fetch?http://{address}/");
    let denied = get(&fixture, &web, &path).await.unwrap();
    assert!(denied.contains("HttpRequestDenied"), "{denied}");
    let granted = change(web, |function| {
        let host = format!("http://{address}").parse().unwrap();
        function.allowed_outbound_hosts.push(host);
    });
    assert_eq!(get(&fixture, &granted, &path).await.unwrap(), "there");
    let logs = fixture.logs();
    assert!(
        logs.iter().any(|line| line.contains("is not granted")),
        "{logs:?}"
    );
}

#[tokio::test]
async fn the_death_of_a_process_is_its_tenants_alone_and_the_next_call_meets_another() {
    const INSTANCES: u32 = 77;
    let fixture = Arc::new(Fixture::with(|config| {
        config.isolation.tenants = Isolated::These(BTreeSet::from([TENANT.parse().unwrap()]));
        config.isolation.instances = INSTANCES;
    }));
    let shared = fixture.call("guest_http", "web");
    let web = of_tenant(shared.clone(), TENANT);
    get(&fixture, &web, "/hello").await.unwrap();
    let before = children(INSTANCES);
    assert_eq!(before.len(), 1);
    let waiting = tokio::spawn({
        let (fixture, web) = (Arc::clone(&fixture), web.clone());
        async move { get(&fixture, &web, "/pending").await }
    });
    tokio::time::sleep(Duration::from_millis(300)).await;
    let status = |pid: i32| std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    for pid in &before {
        let status = status(*pid);
        assert!(status.contains("Seccomp:\t2"), "{status}");
        assert!(status.contains("NoNewPrivs:\t1"), "{status}");
    }
    for pid in before {
        let _ = kill_process(Pid::from_raw(pid).unwrap(), Signal::KILL);
    }
    let ended = waiting.await.unwrap().unwrap_err();
    assert!(matches!(ended, CallError::Internal(_)), "{ended}");
    assert!(ended.to_failure().retryable);
    assert_eq!(
        get(&fixture, &shared, "/hello").await.unwrap(),
        "Hello, world!"
    );
    let deadline = Instant::now() + Duration::from_secs(10);
    loop {
        match get(&fixture, &web, "/hello").await {
            Ok(text) => break assert_eq!(text, "Hello, world!"),
            Err(error) => assert!(Instant::now() < deadline, "{error}"),
        }
    }
}

#[tokio::test]
async fn what_lives_between_turns_is_refused_for_such_a_tenant() {
    let fixture = fixture();
    let tenant = TENANT.parse().unwrap();
    let prepare = async |guest: &str| {
        let wasm = weft_testkit::guests::guest(guest);
        let name = "upload".parse().unwrap();
        fixture.sandbox.prepare(&tenant, &name, wasm.into()).await
    };
    let http = prepare("guest_http").await.unwrap();
    assert_eq!(http.functions[0].kind, FunctionKind::Http);
    let error = prepare("guest_orchestrator").await.unwrap_err();
    let UploadError::Isolated { kind, .. } = &error else {
        panic!("{error}");
    };
    assert_eq!(*kind, "orchestrator");
    assert!(
        error.to_string().contains("process of their own"),
        "{error}"
    );
}
