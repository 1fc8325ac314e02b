//! What does an orchestration cost whose code runs in a worker that is connected over gRPC? The
//! worker is as light as one can be: what it takes is the protocol and the node.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::Context;
use futures::stream::{self, StreamExt, TryStreamExt};
use tonic::metadata::MetadataValue;
use tonic::service::Interceptor;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::{Channel, Endpoint};
use weft_durabletask::proto::{
    self, history_event::EventType, orchestrator_action::OrchestratorActionType,
    task_hub_sidecar_service_client::TaskHubSidecarServiceClient, work_item::Request,
};

use super::{Plan, millis};
use crate::drive::{Until, drive};
use crate::node::Subject;
use crate::report::{Figure, Report};

const CLIENTS: usize = 64;
const STEPS: i32 = 10;
const IDLE: usize = 1000;
/// The orchestrators of the two workers.
const NATIVE: &str = "sequence-elsewhere";
const PYTHON: &str = "sequence_in_python";

type Client = TaskHubSidecarServiceClient<InterceptedService<Channel, Key>>;

/// Adds the key to each call.
#[derive(Clone)]
struct Key(MetadataValue<tonic::metadata::Ascii>);

impl Interceptor for Key {
    fn call(&mut self, mut call: tonic::Request<()>) -> Result<tonic::Request<()>, tonic::Status> {
        call.metadata_mut().insert("authorization", self.0.clone());
        Ok(call)
    }
}

pub(crate) async fn measure(
    plan: Plan,
    python: Option<&Path>,
    report: &mut Report,
) -> anyhow::Result<()> {
    let subject = Subject::start();
    subject.orchestrations().await?;
    let client = connect(&subject).await?;
    let serving = tokio::spawn(serve(client.clone()));
    sequence(&client, NATIVE).await?;
    let python = python.map(|python| Served::start(python, &subject));
    let python = python.transpose()?;
    if python.is_some() {
        sequence(&client, PYTHON).await?;
    }
    let component = subject.run("sequence", u32::try_from(STEPS)?)?;
    let (mut worker, mut beside, mut alone) = (Vec::new(), Vec::new(), Vec::new());
    let mut through_python = Vec::new();
    for _ in 0..plan.rounds {
        worker.push(per_second(&client, NATIVE, plan.round).await?);
        if python.is_some() {
            through_python.push(per_second(&client, PYTHON, plan.round).await?);
        }
        let sample = drive(&component, CLIENTS, Until::Passed(plan.round)).await?;
        beside.push(sample.per_second());
        alone.push(median_of_one(&client, plan.round / 2).await?);
    }
    let (memory, crowded) = idle(&subject, &client, plan.round).await?;
    serving.abort();
    let items = |rates: &[f64]| {
        let each = f64::from(2 * STEPS + 1);
        rates.iter().map(|rate| rate * each).collect()
    };
    let mut figures = vec![
        Figure::of("work items of that", "/s", items(&worker)),
        Figure::of("10 in sequence, 64 clients, a component", "/s", beside),
        Figure::of("1 activity, 1 client, a worker, p50", "ms", alone),
        Figure::of("an idle worker's memory", "KiB", vec![memory]),
        Figure::of("the first, beside 1,000 idle workers", "/s", vec![crowded]),
    ];
    figures.insert(
        0,
        Figure::of("10 in sequence, 64 clients, a worker", "/s", worker),
    );
    if !through_python.is_empty() {
        let of = items(&through_python);
        let name = "10 in sequence, 64 clients, the Python SDK";
        figures.push(Figure::of(name, "/s", through_python));
        figures.push(Figure::of("work items of that", "/s", of));
    }
    report.add("Workers over gRPC", figures);
    Ok(())
}

/// A worker of the Python SDK in a process of its own, which ends with this value.
struct Served(Child);

impl Served {
    fn start(python: &Path, subject: &Subject) -> anyhow::Result<Self> {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("python_worker.py");
        let child = Command::new(python)
            .arg(script)
            .args([subject.grpc()?, subject.key()])
            .stdin(Stdio::piped())
            .stderr(Stdio::null())
            .spawn();
        Ok(Self(child.context("start the Python")?))
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

async fn median_of_one(client: &Client, time: Duration) -> anyhow::Result<f64> {
    let begun = Instant::now();
    let mut taken = Vec::new();
    while begun.elapsed() < time || taken.is_empty() {
        let one = Instant::now();
        run(client, NATIVE, 1).await?;
        taken.push(millis(one.elapsed()));
    }
    taken.sort_unstable_by(f64::total_cmp);
    Ok(taken[taken.len() / 2])
}

async fn connect(subject: &Subject) -> anyhow::Result<Client> {
    let endpoint = Endpoint::from_shared(format!("http://{}", subject.grpc()?))?;
    let channel = endpoint.connect().await?;
    let key = MetadataValue::try_from(format!("Bearer {}", subject.key()))?;
    Ok(TaskHubSidecarServiceClient::with_interceptor(
        channel,
        Key(key),
    ))
}

/// Runs what the node hands out until the stream ends.
async fn serve(mut client: Client) -> anyhow::Result<()> {
    let asked = proto::GetWorkItemsRequest {
        max_concurrent_orchestration_work_items: 200,
        max_concurrent_activity_work_items: 200,
        max_concurrent_entity_work_items: 1,
        work_item_filters: Some(proto::WorkItemFilters {
            orchestrations: vec![proto::OrchestrationFilter {
                name: NATIVE.to_owned(),
                versions: Vec::new(),
            }],
            activities: vec![proto::ActivityFilter {
                name: "echo-elsewhere".to_owned(),
                versions: Vec::new(),
            }],
            entities: Vec::new(),
        }),
        ..Default::default()
    };
    let mut items = client.get_work_items(asked).await?.into_inner();
    while let Some(item) = items.message().await? {
        let (mut client, token) = (client.clone(), item.completion_token);
        match item.request {
            Some(Request::OrchestratorRequest(turn)) => {
                tokio::spawn(async move {
                    let answer = decide(turn, token);
                    client.complete_orchestrator_task(answer).await
                });
            }
            Some(Request::ActivityRequest(call)) => {
                let instance = call.orchestration_instance.unwrap_or_default();
                let answer = proto::ActivityResponse {
                    instance_id: instance.instance_id,
                    task_id: call.task_id,
                    result: call.input,
                    failure_details: None,
                    completion_token: token,
                };
                tokio::spawn(async move { client.complete_activity_task(answer).await });
            }
            _ => {}
        }
    }
    Ok(())
}

/// One activity after another, as many as the input says.
fn decide(turn: proto::OrchestratorRequest, token: String) -> proto::OrchestratorResponse {
    let (mut done, mut steps) = (0, 0);
    for event in turn.past_events.into_iter().chain(turn.new_events) {
        match event.event_type {
            Some(EventType::ExecutionStarted(start)) => {
                steps = start.input.and_then(|text| text.parse().ok()).unwrap_or(1);
            }
            Some(EventType::TaskCompleted(_)) => done += 1,
            _ => {}
        }
    }
    let action = if done < steps {
        OrchestratorActionType::ScheduleTask(proto::ScheduleTaskAction {
            name: "echo-elsewhere".to_owned(),
            input: Some(done.to_string()),
            ..Default::default()
        })
    } else {
        OrchestratorActionType::CompleteOrchestration(proto::CompleteOrchestrationAction {
            orchestration_status: proto::OrchestrationStatus::Completed as i32,
            result: Some(done.to_string()),
            ..Default::default()
        })
    };
    proto::OrchestratorResponse {
        instance_id: turn.instance_id,
        actions: vec![proto::OrchestratorAction {
            id: done + 1,
            orchestrator_action_type: Some(action),
        }],
        completion_token: token,
        ..Default::default()
    }
}

async fn run(client: &Client, name: &str, steps: i32) -> anyhow::Result<()> {
    let mut client = client.clone();
    let order = proto::CreateInstanceRequest {
        name: name.to_owned(),
        input: Some(steps.to_string()),
        ..Default::default()
    };
    let instance_id = client.start_instance(order).await?.into_inner().instance_id;
    let asked = proto::GetInstanceRequest {
        instance_id,
        get_inputs_and_outputs: true,
    };
    let ended = client.wait_for_instance_completion(asked).await?;
    let state = ended.into_inner().orchestration_state;
    let output = state.and_then(|state| state.output);
    anyhow::ensure!(output == Some(steps.to_string()), "{output:?}");
    Ok(())
}

async fn sequence(client: &Client, name: &str) -> anyhow::Result<()> {
    run(client, name, STEPS).await
}

async fn per_second(client: &Client, name: &str, round: Duration) -> anyhow::Result<f64> {
    let begun = Instant::now();
    let ran = stream::repeat(())
        .take_while(|()| futures::future::ready(begun.elapsed() < round))
        .map(|()| sequence(client, name))
        .buffer_unordered(CLIENTS)
        .try_fold(0_u32, async |count, ()| Ok(count + 1))
        .await?;
    Ok(f64::from(ran) / begun.elapsed().as_secs_f64())
}

/// Resident memory of the node for each worker that is connected and does nothing, in KiB, and what
/// one that works does beside them.
async fn idle(subject: &Subject, client: &Client, round: Duration) -> anyhow::Result<(f64, f64)> {
    let before = subject.resident()?;
    let mut streams = Vec::new();
    for _ in 0..IDLE {
        // Each on a connection of its own, as processes would be.
        let mut worker = connect(subject).await?;
        let asked = proto::GetWorkItemsRequest {
            work_item_filters: Some(proto::WorkItemFilters::default()),
            ..Default::default()
        };
        let mut stream = worker.get_work_items(asked).await?.into_inner();
        stream.message().await?.context("the first ping")?;
        streams.push((worker, stream));
    }
    let after = subject.resident()?;
    let rate = per_second(client, NATIVE, round).await?;
    Ok(((after - before) / 1024.0 / streams.len() as f64, rate))
}
