//! Orchestrations and workflows that never end, grow without bounds, or poison their worker.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use futures::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};
use weft_testkit::guests::guest;

use crate::attack::{Attack, Beside, Outcome};
use crate::scene::{LAIR, SHOP, Scene, Tenant};

/// The victim's own orchestration takes no longer beside an attack, on a busy machine.
const QUICK_MAX: Duration = Duration::from_secs(5);
const MANAGE: &str = "/runtime/webhooks/workflow/api/management/workflows";

struct Flow {
    name: &'static str,
    orchestrator: &'static str,
    input: u64,
    /// What the failure says.
    says: &'static str,
}

const fn flow(
    name: &'static str,
    orchestrator: &'static str,
    input: u64,
    says: &'static str,
) -> Flow {
    Flow {
        name,
        orchestrator,
        input,
        says,
    }
}

const FLOWS: &[Flow] = &[
    flow("poison", "panic", 0, "poisoned"),
    flow("a-turn-that-never-ends", "loop", 0, ""),
    flow(
        "activities-by-the-million",
        "activities",
        1_000_000,
        "20000",
    ),
    flow("children-by-the-million", "children", 1_000_000, "20000"),
    flow("timers-by-the-million", "timers", 1_000_000, "20000"),
    flow("events-by-the-million", "events", 1_000_000, "100000"),
    flow("payloads-by-the-gigabyte", "payloads", 1000, "134217728"),
    flow("a-status-of-1-mib", "status", 1 << 20, "status"),
    flow("a-payload-of-100-mib", "payload", 100 << 20, ""),
    flow("a-name-of-10000-letters", "name", 10_000, "256"),
];

/// Expressions, each in an action of its own.
const EXPRESSIONS: &[(&str, &str)] = &[
    ("a-range-of-2-billion", "@range(0, 2000000000)"),
    (
        "text-that-squares",
        "@replace(join(range(0, 100000), 'aaaa'), 'a', join(range(0, 100000), 'b'))",
    ),
    (
        "text-by-the-gigabyte",
        "@replace(join(range(0, 1000000), ''), '1', '0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789')",
    ),
    (
        "entities-that-laugh",
        "@xml('<!DOCTYPE l [<!ENTITY a \"aaaaaaaaaa\"><!ENTITY b \"&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;\"><!ENTITY c \"&b;&b;&b;&b;&b;&b;&b;&b;&b;&b;\"><!ENTITY d \"&c;&c;&c;&c;&c;&c;&c;&c;&c;&c;\"><!ENTITY e \"&d;&d;&d;&d;&d;&d;&d;&d;&d;&d;\"><!ENTITY f \"&e;&e;&e;&e;&e;&e;&e;&e;&e;&e;\">]><l>&f;</l>')",
    ),
    (
        "an-external-entity",
        "@xml('<!DOCTYPE l [<!ENTITY a SYSTEM \"file:///etc/passwd\">]><l>&a;</l>')",
    ),
];

pub(super) fn attacks() -> Vec<Attack> {
    let mut attacks: Vec<_> = FLOWS.iter().map(failing).collect();
    attacks.push(Attack::new(
        "flows/a-fork-bomb",
        "the victim's orchestrations go on; what was begun can be terminated",
        Beside::Noisy,
        fork,
    ));
    attacks.push(Attack::new(
        "flows/continue-as-new-for-ever",
        "the victim's orchestrations go on; terminating ends it",
        Beside::Noisy,
        forever,
    ));
    attacks.push(Attack::new(
        "flows/an-event-for-a-stranger",
        "the victim's instance of that id receives nothing",
        Beside::Quiet,
        stranger,
    ));
    attacks.push(Attack::new(
        "flows/inputs-nested-deep",
        "400 or a failed instance",
        Beside::Quiet,
        |scene: Arc<Scene>| async move {
            ready(&scene).await?;
            let body = format!(
                r#"{{"orchestrator":"quick","input":{}1{}}}"#,
                "[".repeat(5000),
                "]".repeat(5000)
            );
            let path = format!("/apps/{LAIR}/instances");
            let post = scene.admin(&scene.mallory.key, Method::POST, &path);
            let reply = scene
                .send(post.header("content-type", "application/json").body(body))
                .await?;
            Ok(Outcome::of(
                (200..500).contains(&reply.status),
                reply.shown(),
            ))
        },
    ));
    attacks.extend(EXPRESSIONS.iter().map(expression));
    attacks.push(Attack::new(
        "workflows/expressions-8-at-once",
        "each run fails; less than 768 MiB of the node's memory at any time",
        Beside::Noisy,
        expressions_at_once,
    ));
    attacks.push(Attack::new(
        "workflows/an-expression-nested-deep",
        "400 invalid-workflow",
        Beside::Quiet,
        |scene: Arc<Scene>| async move {
            let deep = format!("@{}1{}", "not(".repeat(50_000), ")".repeat(50_000));
            let reply = deploy(&scene, "deep", &deep).await?;
            Ok(Outcome::of(
                (400..500).contains(&reply.status),
                reply.shown(),
            ))
        },
    ));
    attacks
}

/// The orchestrators of the attacker, and one of the victim.
async fn ready(scene: &Scene) -> anyhow::Result<()> {
    let flow = tokio::task::spawn_blocking(|| guest("guest_flow")).await?;
    for (tenant, app) in [(&scene.mallory, LAIR), (&scene.victim, SHOP)] {
        let path = format!("/apps/{app}/components/flow");
        let known = scene
            .send(scene.admin(&tenant.key, Method::GET, &path))
            .await?;
        if known.status != 200 {
            let up = scene.upload(tenant, app, "flow", flow.clone()).await?;
            ensure!(up.status == 201, "{}", up.shown());
        }
    }
    Ok(())
}

async fn start(
    scene: &Scene,
    tenant: &Tenant,
    app: &str,
    orchestrator: &str,
    input: Value,
) -> anyhow::Result<String> {
    let id = scene.name("run");
    let body = json!({"orchestrator": orchestrator, "id": id, "input": input});
    let post = scene.admin(&tenant.key, Method::POST, &format!("/apps/{app}/instances"));
    let reply = scene.send(post.json(&body)).await?;
    ensure!(reply.status == 201, "{}", reply.shown());
    Ok(id)
}

/// The instance once it has ended, or as it is after so many seconds.
async fn ended(
    scene: &Scene,
    tenant: &Tenant,
    app: &str,
    id: &str,
    seconds: u64,
) -> anyhow::Result<Value> {
    let path = format!("/apps/{app}/instances/{id}?wait={seconds}");
    Ok(scene
        .send(scene.admin(&tenant.key, Method::GET, &path))
        .await?
        .json())
}

/// How long the victim's own orchestration takes now.
async fn quick(scene: &Scene) -> anyhow::Result<Duration> {
    let started = Instant::now();
    let id = start(scene, &scene.victim, SHOP, "quick", Value::Null).await?;
    let instance = ended(scene, &scene.victim, SHOP, &id, 60).await?;
    ensure!(instance["runtime_status"] == "Completed", "{instance}");
    Ok(started.elapsed())
}

fn failing(of: &'static Flow) -> Attack {
    let expected = match of.says {
        "" => "the instance fails; the victim's goes on".to_owned(),
        says => format!("the instance fails and names {says:?}; the victim's goes on"),
    };
    let name = format!("flows/{}", of.name);
    Attack::new(
        name,
        expected,
        Beside::Noisy,
        move |scene: Arc<Scene>| async move {
            ready(&scene).await?;
            let (tenant, input) = (&scene.mallory, of.input.into());
            let id = start(&scene, tenant, LAIR, of.orchestrator, input).await?;
            let beside = quick(&scene).await?;
            let instance = ended(&scene, tenant, LAIR, &id, 100).await?;
            let failure = instance["failure"].to_string();
            let failed = instance["runtime_status"] == "Failed" && failure.contains(of.says);
            let shown: String = failure.chars().take(120).collect();
            Ok(Outcome::of(
                failed && beside < QUICK_MAX,
                format!(
                    "{} {shown}; the victim's took {beside:.0?}",
                    instance["runtime_status"]
                ),
            ))
        },
    )
}

async fn terminate(scene: &Scene, id: &str) -> anyhow::Result<Value> {
    let path = format!("/apps/{LAIR}/instances/{id}/terminate");
    let post = scene.admin(&scene.mallory.key, Method::POST, &path);
    let told = scene.send(post.json(&json!({"reason": "enough"}))).await?;
    ensure!(matches!(told.status, 202 | 410), "{}", told.shown());
    ended(scene, &scene.mallory, LAIR, id, 60).await
}

async fn fork(scene: Arc<Scene>) -> anyhow::Result<Outcome> {
    ready(&scene).await?;
    let depth = scene.scaled(7, 11);
    let id = start(&scene, &scene.mallory, LAIR, "fork", json!(depth)).await?;
    let mut worst = Duration::ZERO;
    for _ in 0..scene.scaled(3, 10) {
        worst = worst.max(quick(&scene).await?);
    }
    let instance = terminate(&scene, &id).await?;
    let over = instance["runtime_status"] != "Running" && instance["runtime_status"] != "Pending";
    let count = (1 << (depth + 1)) - 1;
    scene.figure(
        "the victim's orchestration beside a fork bomb, ms, worst",
        worst.as_secs_f64() * 1e3,
    );
    Ok(Outcome::of(
        over && worst < QUICK_MAX,
        format!(
            "{count} instances; the victim's took {worst:.0?} at worst; {}",
            instance["runtime_status"]
        ),
    ))
}

async fn forever(scene: Arc<Scene>) -> anyhow::Result<Outcome> {
    ready(&scene).await?;
    let id = start(&scene, &scene.mallory, LAIR, "forever", Value::Null).await?;
    let until = Instant::now() + scene.stretch();
    let mut worst = Duration::ZERO;
    while Instant::now() < until {
        worst = worst.max(quick(&scene).await?);
    }
    let instance = terminate(&scene, &id).await?;
    Ok(Outcome::of(
        instance["runtime_status"] == "Terminated" && worst < QUICK_MAX,
        format!(
            "{}; the victim's took {worst:.0?} at worst",
            instance["runtime_status"]
        ),
    ))
}

async fn stranger(scene: Arc<Scene>) -> anyhow::Result<Outcome> {
    ready(&scene).await?;
    let theirs = start(&scene, &scene.victim, SHOP, "timers", json!(1)).await?;
    ended(&scene, &scene.victim, SHOP, &theirs, 1).await?;
    let own = start(&scene, &scene.mallory, LAIR, "stranger", json!(theirs)).await?;
    let sent = ended(&scene, &scene.mallory, LAIR, &own, 30).await?;
    let path = format!("/apps/{SHOP}/instances/{theirs}/history");
    let history = scene
        .send(scene.admin(&scene.victim.key, Method::GET, &path))
        .await?;
    let received = history.text.contains("EventRaised") || history.text.contains("\"go\"");
    let theirs = ended(&scene, &scene.victim, SHOP, &theirs, 1).await?;
    Ok(Outcome::of(
        !received && theirs["runtime_status"] == "Running",
        format!(
            "sent: {}; the victim's is {}",
            sent["runtime_status"], theirs["runtime_status"]
        ),
    ))
}

async fn deploy(
    scene: &Scene,
    name: &str,
    expression: &str,
) -> anyhow::Result<crate::scene::Reply> {
    let body = json!({"definition": {
        "triggers": {"manual": {"type": "Request", "kind": "Http"}},
        "actions": {
            "bomb": {"type": "Compose", "inputs": expression},
            "small": {"type": "Compose", "inputs": "@length(string(outputs('bomb')))",
                "runAfter": {"bomb": ["Succeeded"]}},
        },
    }});
    let path = format!("/apps/{LAIR}/workflows/{name}");
    let put = scene.admin(&scene.mallory.key, Method::PUT, &path);
    scene.send(put.json(&body)).await
}

async fn manage(scene: &Scene, method: Method, path: &str) -> anyhow::Result<Value> {
    let url = scene.url(&scene.mallory, LAIR, &format!("{MANAGE}/{path}"));
    let request = scene
        .http
        .request(method, url)
        .bearer_auth(&scene.mallory.key);
    Ok(scene.send(request).await?.json())
}

/// Runs a workflow; its run once it has ended.
async fn run(scene: &Scene, name: &str) -> anyhow::Result<Value> {
    let path = format!("{name}/triggers/manual/listCallbackUrl");
    let listed = manage(scene, Method::POST, &path).await?;
    let url = listed["value"].as_str().context("no URL")?.to_owned();
    let answer = scene.http.post(url).send().await?;
    let run = answer
        .headers()
        .get("x-ms-workflow-run-id")
        .context("no run")?;
    let run = run.to_str()?.to_owned();
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        let seen = manage(scene, Method::GET, &format!("{name}/runs/{run}")).await?;
        let properties = &seen["properties"];
        if properties["status"] != "Running" || Instant::now() > deadline {
            return Ok(properties.clone());
        }
        tokio::time::sleep(Duration::from_millis(30)).await;
    }
}

fn expression((name, text): &'static (&'static str, &'static str)) -> Attack {
    Attack::new(
        format!("workflows/{name}"),
        "400 at the deployment, or the run fails",
        Beside::Noisy,
        move |scene: Arc<Scene>| async move {
            let flow = scene.name("bomb");
            let deployed = deploy(&scene, &flow, text).await?;
            if !(200..300).contains(&deployed.status) {
                return Ok(Outcome::of(deployed.status < 500, deployed.shown()));
            }
            let run = run(&scene, &flow).await?;
            let error = run["error"].to_string();
            Ok(Outcome::of(
                run["status"] == "Failed",
                format!("{} {error}", run["status"]),
            ))
        },
    )
}

async fn expressions_at_once(scene: Arc<Scene>) -> anyhow::Result<Outcome> {
    let flow = scene.name("bomb");
    let deployed = deploy(&scene, &flow, EXPRESSIONS[2].1).await?;
    ensure!(
        (200..300).contains(&deployed.status),
        "{}",
        deployed.shown()
    );
    let before = crate::watch::resident(scene.node.pid())?;
    let peak = crate::watch::Peak::of(scene.node.pid());
    let runs = join_all((0..8).map(|_| run(&scene, &flow))).await;
    let mut failed = 0;
    for run in &runs {
        let status = run.as_ref().map(|run| run["status"].clone());
        failed += usize::from(status.is_ok_and(|status| status == "Failed"));
    }
    let grown = peak.bytes().saturating_sub(before) >> 20;
    Ok(Outcome::of(
        failed == runs.len() && grown < 768,
        format!(
            "{failed} of {} runs failed, {grown} MiB at most",
            runs.len()
        ),
    ))
}
