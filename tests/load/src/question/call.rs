//! What does it cost to make an instance and call it, without a network, a route or a store?

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt, Empty};
use sha2::{Digest as _, Sha256};
use weft_app::{Auth, Function, FunctionKind, Limits};
use weft_id::{AppId, EntityId, InstanceId};
use weft_orchestration::{Payload, Timestamp};
use weft_sandbox::{
    ActivityCall, Client, ClientError, Components, Config, Control, InstanceStatus, Invocation,
    LogRecord, LogSink, Management, Metering, Sandbox, Secrets, Services, StartOptions,
};
use weft_store::{Digest, EntityFilter, EntityPage, Family, Filter, MemoryStore, PageRequest};
use weft_testkit::guests::{component, guest};
use weft_testkit::node::weft_binary;

use super::{Plan, micros};
use crate::report::{Figure, Report};

const THREADS: [usize; 2] = [1, 2];

pub(crate) async fn measure(plan: Plan, report: &mut Report) -> anyhow::Result<()> {
    let components = Wasm([
        component("samples/rust/hello-http", "hello_http"),
        guest("guest_load"),
    ]);
    let hello = call(&components.0[0], "hello", FunctionKind::Http)?;
    let echo = call(&components.0[1], "echo", FunctionKind::Activity)?;
    let services = Services {
        components: Arc::new(components),
        client: Arc::new(NoInstances),
        management: Arc::new(NoInstances),
        key_value: Arc::new(MemoryStore::new()),
        blobs: Arc::new(MemoryStore::new()),
        payloads: Arc::new(MemoryStore::new()),
        log: Arc::new(Unread),
        secrets: Arc::new(NoInstances),
        metering: Metering::default(),
    };
    let dir = tempfile::tempdir()?;
    let mut config = Config::new(weft_binary().to_owned(), [7; 32]);
    config.native_dir = Some(dir.path().to_owned());
    let sandbox = Sandbox::new(config, services)?;
    // Compiles and loads both.
    request(&sandbox, &hello).await?;
    activity(&sandbox, &echo).await?;

    let mut rounds = [const { Vec::new() }; 2 * THREADS.len()];
    for _ in 0..plan.rounds {
        for (index, threads) in THREADS.into_iter().enumerate() {
            let (sandbox, hello, echo) = (&sandbox, &hello, &echo);
            let time = each(plan.round, threads, async || request(sandbox, hello).await)?;
            rounds[index].push(micros(time));
            let time = each(plan.round, threads, async || activity(sandbox, echo).await)?;
            rounds[index + THREADS.len()].push(micros(time));
        }
    }
    let names = ["hello", "activity"]
        .map(|what| THREADS.map(|threads| format!("{what}, {threads} threads")));
    let named = names.concat().into_iter().zip(rounds);
    report.add(
        "Making an instance and calling it, in process: time for each call",
        named
            .map(|(name, rounds)| Figure::of(name, "us", rounds))
            .collect(),
    );
    Ok(())
}

async fn request(sandbox: &Sandbox, call: &Invocation) -> anyhow::Result<()> {
    let request = Request::get("http://localhost/api/hello").body(Empty::<Bytes>::new())?;
    let response = sandbox.http(call.clone(), request).await?;
    let body = response.into_body().collect().await;
    let body = body.map_err(|error| anyhow::anyhow!("{error}"))?.to_bytes();
    anyhow::ensure!(body.as_ref() == b"Hello, world!");
    Ok(())
}

async fn activity(sandbox: &Sandbox, call: &Invocation) -> anyhow::Result<()> {
    let input = Payload::from("7".to_owned());
    let done = sandbox
        .activity(call.clone(), input, ActivityCall::direct())
        .await?;
    anyhow::ensure!(done.result.is_ok_and(|output| output.text() == Some("7")));
    Ok(())
}

/// Runs calls on so many threads at once; returns the length of the round divided by all calls.
fn each<F>(round: Duration, threads: usize, call: F) -> anyhow::Result<Duration>
where
    F: AsyncFn() -> anyhow::Result<()> + Sync,
{
    let started = Instant::now();
    let counts: Vec<anyhow::Result<u32>> = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..threads)
            .map(|_| {
                scope.spawn(|| {
                    let runtime = tokio::runtime::Builder::new_current_thread()
                        .enable_all()
                        .build()?;
                    runtime.block_on(async {
                        let mut count = 0;
                        while started.elapsed() < round {
                            call().await?;
                            count += 1;
                        }
                        Ok(count)
                    })
                })
            })
            .collect();
        let join = |worker: std::thread::ScopedJoinHandle<'_, _>| {
            worker.join().expect("no panic in a call")
        };
        workers.into_iter().map(join).collect()
    });
    let elapsed = started.elapsed();
    let calls: u32 = counts.into_iter().sum::<anyhow::Result<u32>>()?;
    Ok(elapsed / calls.max(1))
}

fn call(wasm: &[u8], name: &str, kind: FunctionKind) -> anyhow::Result<Invocation> {
    Ok(Invocation {
        app: AppId::default(),
        function: Arc::new(Function {
            name: name.parse()?,
            component: "load".parse()?,
            kind,
            auth: Auth::Anonymous,
            trigger: None,
            limits: Limits::default(),
            allowed_outbound_hosts: Vec::new(),
            capabilities: weft_app::Grants::default(),
            env: BTreeMap::new(),
            description: None,
            input_schema: None,
            output_schema: None,
        }),
        component: digest(wasm),
        instance: None,
    })
}

fn digest(wasm: &[u8]) -> Digest {
    Digest(Sha256::digest(wasm).into())
}

struct Wasm([Vec<u8>; 2]);

#[async_trait]
impl Components for Wasm {
    async fn wasm(&self, wanted: &Digest) -> Result<Option<Vec<u8>>, String> {
        let found = self.0.iter().find(|wasm| digest(wasm) == *wanted);
        Ok(found.cloned())
    }
}

/// Nobody reads what the guests log; they log nothing.
struct Unread;

impl LogSink for Unread {
    fn log(&self, _: LogRecord) {}
}

/// A sandbox without orchestrations: neither guest asks for one.
struct NoInstances;

fn none<T>() -> Result<T, ClientError> {
    Err(ClientError::Unavailable(
        "there are no orchestrations here".to_owned(),
    ))
}

#[async_trait]
impl Secrets for NoInstances {
    async fn of_app(&self, _: &AppId) -> Result<Arc<BTreeMap<String, String>>, String> {
        Ok(Arc::default())
    }
}

#[async_trait]
impl Client for NoInstances {
    async fn start(
        &self,
        _: &AppId,
        _: &str,
        _: Payload,
        _: Option<InstanceId>,
    ) -> Result<InstanceId, ClientError> {
        none()
    }

    async fn status(&self, _: &AppId, _: &InstanceId) -> Result<InstanceStatus, ClientError> {
        none()
    }

    async fn wait_for_completion(
        &self,
        _: &AppId,
        _: &InstanceId,
        _: u64,
    ) -> Result<InstanceStatus, ClientError> {
        none()
    }

    async fn raise_event(
        &self,
        _: &AppId,
        _: &InstanceId,
        _: &str,
        _: Payload,
    ) -> Result<(), ClientError> {
        none()
    }

    async fn control(
        &self,
        _: &AppId,
        _: &InstanceId,
        _: Control,
        _: &str,
    ) -> Result<(), ClientError> {
        none()
    }

    async fn signal_entity(
        &self,
        _: &AppId,
        _: &EntityId,
        _: &str,
        _: Payload,
        _: Option<Timestamp>,
    ) -> Result<(), ClientError> {
        none()
    }

    async fn entity_state(&self, _: &AppId, _: &EntityId) -> Result<Option<Payload>, ClientError> {
        none()
    }
}

#[async_trait]
impl Management for NoInstances {
    async fn start(
        &self,
        _: &AppId,
        _: &str,
        _: Payload,
        _: StartOptions,
    ) -> Result<InstanceId, ClientError> {
        none()
    }

    async fn instances(
        &self,
        _: &AppId,
        _: Filter,
        _: PageRequest,
    ) -> Result<(Vec<InstanceStatus>, Option<String>), ClientError> {
        none()
    }

    async fn rewind(&self, _: &AppId, _: &InstanceId, _: String) -> Result<(), ClientError> {
        none()
    }

    async fn restart(&self, _: &AppId, _: &InstanceId, _: bool) -> Result<InstanceId, ClientError> {
        none()
    }

    async fn purge(&self, _: &AppId, _: &InstanceId, _: Family) -> Result<u64, ClientError> {
        none()
    }

    async fn purge_matching(&self, _: &AppId, _: Filter, _: Family) -> Result<u64, ClientError> {
        none()
    }

    async fn entities(
        &self,
        _: &AppId,
        _: EntityFilter,
        _: PageRequest,
    ) -> Result<EntityPage, ClientError> {
        none()
    }
}
