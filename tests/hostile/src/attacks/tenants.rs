//! Crossing from one tenant to another, and keys that are guessed.

use std::collections::BTreeMap;
use std::sync::Arc;

use anyhow::Context;
use futures::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};
use weft_testkit::guests::guest;

use crate::attack::{Attack, Beside, Outcome};
use crate::scene::{SHOP, Scene};

pub(super) fn attacks() -> Vec<Attack> {
    vec![
        Attack::new(
            "tenants/every-operation-with-every-id",
            "404 or 403 for each, as if nothing were there; nothing of the victim's changes",
            Beside::Quiet,
            crossing,
        ),
        Attack::new(
            "tenants/own-app-of-the-same-name",
            "what the victim has is not found under the attacker's own tenant",
            Beside::Quiet,
            same_name,
        ),
        Attack::new(
            "tenants/roles",
            "403 for what a reader or an invoker may not do",
            Beside::Quiet,
            roles,
        ),
        Attack::new(
            "tenants/functions-and-webhooks",
            "401 without a key, 404 with a foreign one",
            Beside::Quiet,
            data_plane,
        ),
        Attack::new(
            "tenants/guessed-keys",
            "401 for each",
            Beside::Noisy,
            guessed,
        ),
        Attack::new(
            "tenants/keys-that-were-deleted-or-have-expired",
            "401 from the moment on",
            Beside::Quiet,
            outdated,
        ),
    ]
}

/// One operation of the document.
struct Operation {
    method: Method,
    /// With `{parameters}`, below `/admin/v1`.
    path: String,
}

async fn operations(scene: &Scene) -> anyhow::Result<Vec<Operation>> {
    let url = format!("{}/openapi.json", scene.node.admin());
    let document = scene.send(scene.http.get(url)).await?.json();
    let paths = document["paths"].as_object().context("no paths")?;
    let mut operations = Vec::new();
    for (path, item) in paths {
        let methods = item.as_object().context("no operations")?.keys();
        // What stands beside the operations of a path is no method.
        let known = ["get", "put", "post", "delete", "patch"];
        for method in methods.filter(|method| known.contains(&method.as_str())) {
            operations.push(Operation {
                method: method.to_uppercase().parse()?,
                path: path.strip_prefix("/admin/v1").unwrap_or(path).to_owned(),
            });
        }
    }
    Ok(operations)
}

/// What the victim has, by the names of parameters.
async fn furnish(scene: &Scene) -> anyhow::Result<BTreeMap<&'static str, String>> {
    let owner = &scene.victim.key;
    let put = |path: &str, body: Value| {
        let path = format!("/apps/{SHOP}{path}");
        scene.admin(owner, Method::PUT, &path).json(&body)
    };
    let flow = tokio::task::spawn_blocking(|| guest("guest_flow")).await?;
    scene.upload(&scene.victim, SHOP, "flow", flow).await?;
    scene
        .send(put("/secrets/door", json!({"value": "hunter2-canary"})))
        .await?;
    scene
        .send(put(
            "/connections/bank",
            json!({"url": "https://bank.example"}),
        ))
        .await?;
    let definition = json!({"definition": {
        "triggers": {"manual": {"type": "Request", "kind": "Http"}},
        "actions": {"answer": {"type": "Response", "inputs": {"statusCode": 200}}},
    }});
    scene.send(put("/workflows/greet", definition)).await?;
    let start = scene.admin(owner, Method::POST, &format!("/apps/{SHOP}/instances"));
    let body = json!({"orchestrator": "timers", "id": "order-1", "input": 1});
    scene.send(start.json(&body)).await?;
    // It waits for its timer by then, and changes no more.
    let path = format!("/apps/{SHOP}/instances/order-1?wait=1");
    scene.send(scene.admin(owner, Method::GET, &path)).await?;
    let keys = scene
        .send(scene.admin(owner, Method::GET, "/keys"))
        .await?
        .json();
    let key = keys["keys"][0]["id"]
        .as_str()
        .context("a key has an id")?
        .to_owned();
    let known = [
        ("tenant", "victim"),
        ("app", SHOP),
        ("component", "hello"),
        ("function", "hello"),
        ("workflow", "greet"),
        ("secret", "door"),
        ("connection", "bank"),
        ("instance", "order-1"),
        ("entity", "@counter@a"),
        ("event", "go"),
        ("revision", "1"),
    ];
    let mut ids: BTreeMap<_, _> = known
        .into_iter()
        .map(|(name, id)| (name, id.to_owned()))
        .collect();
    ids.insert("key", key);
    Ok(ids)
}

/// The path with the ids put in; those that are not known get the name of something that is.
fn filled(path: &str, ids: &BTreeMap<&'static str, String>) -> String {
    let segments = path.split('/').map(|segment| {
        let name = segment.strip_prefix('{').and_then(|s| s.strip_suffix('}'));
        match name {
            Some(name) => ids.get(name).cloned().unwrap_or_else(|| "hello".to_owned()),
            None => segment.to_owned(),
        }
    });
    segments.collect::<Vec<_>>().join("/")
}

/// All that an owner can see of a tenant.
async fn snapshot(scene: &Scene) -> anyhow::Result<Vec<String>> {
    let mut seen = Vec::new();
    for path in [
        "/apps",
        "/keys",
        "/apps/shop",
        "/apps/shop/components",
        "/apps/shop/functions",
        "/apps/shop/workflows",
        "/apps/shop/secrets",
        "/apps/shop/connections",
        "/apps/shop/revisions",
        "/apps/shop/instances/order-1",
    ] {
        let reply = scene
            .send(scene.admin(&scene.victim.key, Method::GET, path))
            .await?;
        seen.push(format!("{path} {} {}", reply.status, reply.text));
    }
    Ok(seen)
}

fn body(method: &Method, path: &str) -> (&'static str, Vec<u8>) {
    match (method.as_str(), path) {
        ("PUT", path) if path.contains("/components/") => {
            ("application/wasm", super::wasm::wat("(component)"))
        }
        ("PUT", path) if path.ends_with("{app}") => ("application/x-tar", Vec::new()),
        _ => ("application/json", b"{}".to_vec()),
    }
}

async fn crossing(scene: Arc<Scene>) -> anyhow::Result<Outcome> {
    let ids = furnish(&scene).await?;
    let absent: BTreeMap<_, _> = ids
        .iter()
        .map(|(name, id)| match *name {
            "tenant" => ("tenant", "nobody".to_owned()),
            name => (name, id.clone()),
        })
        .collect();
    let before = snapshot(&scene).await?;
    let (mut asked, mut through) = (0, Vec::new());
    let operations = operations(&scene).await?;
    for operation in operations.iter().filter(|of| of.path.contains("{tenant}")) {
        let (media, body) = body(&operation.method, &operation.path);
        let ask = async |ids| {
            let path = filled(&operation.path, ids);
            let request = scene.admin(&scene.mallory.key, operation.method.clone(), &path);
            let request = request.header("content-type", media).body(body.clone());
            scene.send(request).await
        };
        let (foreign, nobodys) = (ask(&ids).await?, ask(&absent).await?);
        asked += 1;
        let same = foreign.status == nobodys.status
            && foreign.text == nobodys.text.replace("nobody", "victim");
        if !matches!(foreign.status, 403 | 404) || !same {
            through.push(format!(
                "{} {}: {} beside {}",
                operation.method,
                operation.path,
                foreign.shown(),
                nobodys.shown()
            ));
        }
    }
    let after = snapshot(&scene).await?;
    let unchanged = before == after;
    scene.figure("operations tried with a foreign key", f64::from(asked));
    Ok(Outcome::of(
        through.is_empty() && unchanged && asked > 0,
        format!("{asked} operations, not refused alike: {through:?}; unchanged: {unchanged}"),
    ))
}

async fn same_name(scene: Arc<Scene>) -> anyhow::Result<Outcome> {
    let ids = furnish(&scene).await?;
    let before = snapshot(&scene).await?;
    let (mut asked, mut through) = (0, Vec::new());
    let operations = operations(&scene).await?;
    for operation in operations.iter().filter(|of| !of.path.contains("{tenant}")) {
        let (media, body) = body(&operation.method, &operation.path);
        let path = filled(&operation.path, &ids);
        let request = scene.admin(&scene.mallory.key, operation.method.clone(), &path);
        let reply = scene
            .send(request.header("content-type", media).body(body))
            .await?;
        asked += 1;
        // Her own apps, keys and secrets she may list and make; the victim's names mean nothing.
        let leaks = ["hunter2", "bank.example", "order-1", &ids["key"]];
        let told = leaks.iter().any(|leak| {
            reply.status < 300 && reply.text.contains(leak) && !reply.text.contains("mallory")
        });
        if told || reply.status >= 500 {
            through.push(format!("{} {path}: {}", operation.method, reply.shown()));
        }
    }
    let after = snapshot(&scene).await?;
    let unchanged = before == after;
    Ok(Outcome::of(
        through.is_empty() && unchanged,
        format!("{asked} operations, told: {through:?}; unchanged: {unchanged}"),
    ))
}

async fn roles(scene: Arc<Scene>) -> anyhow::Result<Outcome> {
    let ids = furnish(&scene).await?;
    let before = snapshot(&scene).await?;
    let mut through = Vec::new();
    let operations = operations(&scene).await?;
    let mut asked = 0;
    let reader = scene.admit("victim", "reader").await?;
    let invoker = scene.admit("victim", "invoker").await?;
    let before_keys = before.len();
    for (role, key) in [("reader", &reader), ("invoker", &invoker)] {
        // To check a revision changes nothing.
        let reads = |of: &Operation| of.method == Method::GET || of.path.ends_with("/check");
        for operation in operations.iter().filter(|of| !reads(of)) {
            let calls = ["/instances", "/invoke", "/entities"];
            // What an invoker is for.
            if role == "invoker" && calls.iter().any(|call| operation.path.contains(call)) {
                continue;
            }
            let (media, body) = body(&operation.method, &operation.path);
            let path = filled(&operation.path, &ids);
            let request = scene.admin(key, operation.method.clone(), &path);
            let reply = scene
                .send(request.header("content-type", media).body(body))
                .await?;
            asked += 1;
            if reply.status != 403 {
                through.push(format!(
                    "{role} {} {path}: {}",
                    operation.method,
                    reply.shown()
                ));
            }
        }
    }
    let after = snapshot(&scene).await?;
    // The two keys were added by the operator.
    let without_keys = |seen: &[String]| {
        let kept = seen.iter().filter(|line| !line.starts_with("/keys"));
        kept.cloned().collect::<Vec<_>>()
    };
    let unchanged = without_keys(&before) == without_keys(&after) && before_keys == after.len();
    Ok(Outcome::of(
        through.is_empty() && unchanged,
        format!("{asked} requests, not 403: {through:?}; unchanged: {unchanged}"),
    ))
}

async fn data_plane(scene: Arc<Scene>) -> anyhow::Result<Outcome> {
    let closed = json!({"auth": "function", "route": "closed"});
    scene
        .settings(&scene.victim, SHOP, "hello", &closed)
        .await?;
    let hooks = "/runtime/webhooks/durabletask";
    let mut through = Vec::new();
    for (method, path) in [
        (Method::GET, "/api/closed".to_owned()),
        (Method::GET, format!("{hooks}/instances/order-1")),
        (Method::GET, format!("{hooks}/instances")),
        (Method::POST, format!("{hooks}/instances/order-1/terminate")),
        (Method::POST, format!("{hooks}/instances/order-1/raiseEvent/go")),
        (Method::DELETE, format!("{hooks}/instances/order-1")),
        (Method::POST, format!("{hooks}/orchestrators/quick")),
        (Method::GET, format!("{hooks}/entities/counter/a")),
        (Method::GET, "/runtime/webhooks/workflow/api/management/workflows".to_owned()),
        (Method::POST, "/runtime/webhooks/workflow/api/management/workflows/greet/triggers/manual/run".to_owned()),
        (Method::POST, "/api/greet/triggers/manual/invoke?api-version=2022-05-01&sp=%2Ftriggers%2Fmanual%2Frun&sv=1.0&sig=AAAA".to_owned()),
    ] {
        let url = scene.url(&scene.victim, SHOP, &path);
        for (key, wanted) in [
            (None, &[401, 403, 404][..]),
            (Some(&scene.mallory.key), &[401, 403, 404]),
        ] {
            let mut request = scene.http.request(method.clone(), &url);
            if let Some(key) = key {
                request = request.header("x-functions-key", key);
            }
            let reply = scene.send(request).await?;
            if !wanted.contains(&reply.status) {
                through.push(format!("{method} {path} {}: {}", key.is_some(), reply.shown()));
            }
        }
    }
    let open = json!({"auth": "anonymous", "route": "hello"});
    scene.settings(&scene.victim, SHOP, "hello", &open).await?;
    Ok(Outcome::of(
        through.is_empty(),
        format!("not refused: {through:?}"),
    ))
}

async fn guessed(scene: Arc<Scene>) -> anyhow::Result<Outcome> {
    let real = scene.victim.key.clone();
    let (id, secret) = real.split_once('.').context("a key has two parts")?;
    let mut guesses = vec![
        String::new(),
        ".".to_owned(),
        id.to_owned(),
        format!("{id}."),
        format!("{id}.{}", &secret[..32]),
        format!("{id}.{secret}00"),
        format!("{id}.{}", secret.to_uppercase()),
        format!("{id}..{secret}"),
        format!("{id}.{}", "0".repeat(64)),
        format!("{}.{secret}", "0".repeat(16)),
        format!("{real}{real}"),
        "9".repeat(100_000),
        format!("{id}.' OR '1'='1"),
    ];
    let random = (0..scene.scaled(100, 2000)).map(|_| {
        let bytes: [u8; 32] = rand::random();
        let digits: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        format!("{id}.{digits}")
    });
    guesses.extend(random);
    let path = format!("/apps/{SHOP}");
    let mut through = Vec::new();
    for portion in guesses.chunks(16) {
        let asked = portion.iter().map(|guess| {
            let request = scene.admin(guess, Method::GET, &path);
            scene.send(request)
        });
        for (guess, reply) in portion.iter().zip(join_all(asked).await) {
            // A head that is too long is refused before anybody looks for a key.
            let refused = match reply {
                Ok(reply) => matches!(reply.status, 401 | 431),
                Err(_) => guess.len() > 60_000,
            };
            if !refused {
                let short: String = guess.chars().take(20).collect();
                through.push(short);
            }
        }
    }
    Ok(Outcome::of(
        through.is_empty(),
        format!("{} guesses, not refused: {through:?}", guesses.len()),
    ))
}

async fn outdated(scene: Arc<Scene>) -> anyhow::Result<Outcome> {
    let key = scene.admit("victim", "deployer").await?;
    let list = |key: &str| scene.send(scene.admin(key, Method::GET, "/apps"));
    let before = list(&key).await?.status;
    let id = key.split('.').next().unwrap_or_default();
    let path = format!("/keys/{id}");
    let stolen = scene.admin(&scene.mallory.key, Method::DELETE, &path);
    let stolen = scene.send(stolen).await?.status;
    let still = list(&key).await?.status;
    let deleted = scene.admin(&scene.victim.key, Method::DELETE, &path);
    let deleted = scene.send(deleted).await?.status;
    let after = list(&key).await?.status;
    let body = json!({"role": "reader", "label": "old", "expires_at": "2001-01-01T00:00:00Z"});
    let post = scene
        .admin(&scene.victim.key, Method::POST, "/keys")
        .json(&body);
    let made = scene.send(post).await?;
    let expired = match made.json()["key"].as_str() {
        Some(key) => list(key).await?.status,
        None => made.status,
    };
    let said = [before, stolen, still, deleted, after, expired];
    let refused = matches!(said, [200, 404, 200, 204, 401, 400 | 401 | 422]);
    Ok(Outcome::of(
        refused,
        format!("before, deleted by a stranger, still, deleted, after, expired: {said:?}"),
    ))
}
