//! Workers of the Durable Task protocol that fail in every way, and messages that mean nothing.

use std::time::Duration;

use bytes::{Buf, BufMut};
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::{Code, Request, Status};
use weft_durabletask::proto::{
    self, orchestrator_action::OrchestratorActionType as Action, work_item::Request as Work,
};
use weft_testkit::node::Node;

use crate::durable_worker::{
    Item, Worker, action, calls, channel, client, code, completes, decided, ended, result, start,
};

const SHORT: Duration = Duration::from_millis(300);

/// A stream is cut after `stage` items were received, and before the last of them was answered.
async fn cut_after(node: &Node, stage: usize) {
    let mut worker = Worker::connect(node).await;
    let instance = start(&mut worker.client, "steps", "3").await;
    for received in 1..=stage {
        let item = worker.next().await;
        if received < stage {
            worker.answer(&item).await;
        }
    }
    drop(worker);
    let mut other = Worker::connect(node).await;
    let state = other.finish(&instance).await;
    assert_eq!(state.output.as_deref(), Some("3"), "{state:?}");
}

#[tokio::test]
async fn work_goes_on_wherever_a_stream_is_cut() {
    let node = Node::in_memory();
    // Four turns and three activities.
    for stage in 0..=7 {
        cut_after(&node, stage).await;
    }
}

#[tokio::test]
async fn an_answer_counts_once_and_for_what_was_asked() {
    let node = Node::in_memory();
    let mut worker = Worker::connect(&node).await;
    let instance = start(&mut worker.client, "steps", "1").await;
    let turn = worker.next().await;
    // Answers to nothing, to something else, and to another kind of work.
    for token in ["nonsense", "00000000000000000000000000000000"] {
        let foreign = decided(turn.turn(), token, vec![completes(1, "\"foreign\"")]);
        worker
            .client
            .complete_orchestrator_task(foreign)
            .await
            .unwrap();
    }
    let other_kind = proto::ActivityResponse {
        instance_id: instance.clone(),
        task_id: 1,
        completion_token: turn.token.clone(),
        ..Default::default()
    };
    worker
        .client
        .complete_activity_task(other_kind)
        .await
        .unwrap();
    let batch = proto::EntityBatchResult {
        completion_token: turn.token.clone(),
        ..Default::default()
    };
    worker.client.complete_entity_task(batch).await.unwrap();
    worker.answer(&turn).await;
    // Twice, and with something else.
    let again = decided(turn.turn(), &turn.token, vec![completes(2, "\"again\"")]);
    worker
        .client
        .complete_orchestrator_task(again)
        .await
        .unwrap();

    let step = worker.next().await;
    worker
        .client
        .complete_activity_task(result(&step, "\"first\""))
        .await
        .unwrap();
    worker
        .client
        .complete_activity_task(result(&step, "\"different\""))
        .await
        .unwrap();
    let last = worker.next().await;
    let seen = format!("{:?}", last.turn().new_events);
    assert!(
        seen.contains("first") && !seen.contains("different"),
        "{seen}"
    );
    worker.answer(&last).await;
    let mut client = worker.client.clone();
    assert_eq!(
        ended(&mut client, &instance).await.output.as_deref(),
        Some("1")
    );
    // After the end.
    let late = decided(last.turn(), &last.token, vec![completes(9, "\"late\"")]);
    client.complete_orchestrator_task(late).await.unwrap();
    assert_eq!(
        ended(&mut client, &instance).await.output.as_deref(),
        Some("1")
    );
    assert!(worker.next_within(SHORT).await.is_none());
}

#[tokio::test]
async fn of_two_workers_the_one_that_has_the_work_counts() {
    let node = Node::in_memory();
    let mut first = Worker::connect(&node).await;
    let instance = start(&mut first.client, "steps", "0").await;
    let lost = first.next().await;
    let mut late = first.client.clone();
    drop(first);
    let mut second = Worker::connect(&node).await;
    let found = second.next().await;
    assert_ne!(found.token, lost.token);
    let answer = decided(lost.turn(), &lost.token, vec![completes(1, "\"late\"")]);
    late.complete_orchestrator_task(answer).await.unwrap();
    let answer = decided(found.turn(), &found.token, vec![completes(1, "\"right\"")]);
    second
        .client
        .complete_orchestrator_task(answer)
        .await
        .unwrap();
    let state = ended(&mut second.client, &instance).await;
    assert_eq!(state.output.as_deref(), Some("\"right\""));
}

#[tokio::test]
async fn completions_may_come_in_any_order_and_without_tokens() {
    let node = Node::in_memory();
    let mut worker = Worker::connect(&node).await;
    let instance = start(&mut worker.client, "fan-out", "1").await;
    let turn = worker.next().await;
    let all = (1..=5).map(|id| calls(id, "part")).collect();
    let answer = decided(turn.turn(), "", all);
    worker
        .client
        .complete_orchestrator_task(answer)
        .await
        .unwrap();
    let mut parts = Vec::new();
    for _ in 0..5 {
        parts.push(worker.next().await);
    }
    for part in parts.iter().rev() {
        let mut answer = result(part, "1");
        answer.completion_token.clear();
        worker.client.complete_activity_task(answer).await.unwrap();
    }
    let mut done = 0;
    while done < 5 {
        let turn = worker.next().await;
        let events = turn
            .turn()
            .past_events
            .iter()
            .chain(&turn.turn().new_events);
        done = events
            .filter(|event| format!("{event:?}").contains("TaskCompletedEvent"))
            .count();
        let end = (done == 5).then(|| completes(6, "\"all\""));
        let answer = decided(turn.turn(), "", end.into_iter().collect());
        worker
            .client
            .complete_orchestrator_task(answer)
            .await
            .unwrap();
    }
    let state = ended(&mut worker.client, &instance).await;
    assert_eq!(state.output.as_deref(), Some("\"all\""));
}

#[tokio::test]
async fn what_no_worker_ever_answers_is_terminated_all_the_same() {
    let node = Node::in_memory();
    let mut worker = Worker::connect(&node).await;
    let instance = start(&mut worker.client, "steps", "1").await;
    let first = worker.next().await;
    worker.answer(&first).await;
    let held = worker.next().await;
    let end = proto::TerminateRequest {
        instance_id: instance.clone(),
        output: Some("\"enough\"".to_owned()),
        recursive: true,
    };
    worker.client.terminate_instance(end).await.unwrap();
    let state = ended(&mut worker.client, &instance).await;
    assert_eq!(state.output.as_deref(), Some("\"enough\""));
    worker.answer(&held).await;
    assert!(worker.next_within(SHORT).await.is_none());
}

#[tokio::test]
async fn a_node_ends_while_an_activity_is_out_at_a_worker() {
    let mut node = Node::in_memory();
    let mut worker = Worker::connect(&node).await;
    start(&mut worker.client, "steps", "1").await;
    let turn = worker.next().await;
    worker.answer(&turn).await;
    let out = worker.next().await;
    assert!(matches!(out.request, Work::ActivityRequest(_)));
    node.signal_to_end();
    // The worker stays connected meanwhile.
    let ending = tokio::task::spawn_blocking(move || node.ended_within(Duration::from_secs(10)));
    let ended = ending.await.unwrap();
    assert!(ended.is_some_and(|status| status.success()), "{ended:?}");
}

async fn abandon(worker: &mut Worker, item: Item) {
    let asked = proto::AbandonOrchestrationTaskRequest {
        completion_token: item.token,
    };
    let answer = worker
        .client
        .abandon_task_orchestrator_work_item(asked)
        .await;
    answer.unwrap();
}

#[tokio::test]
async fn what_a_worker_abandons_comes_again_and_later_each_time() {
    let node = Node::in_memory();
    let mut worker = Worker::connect(&node).await;
    let instance = start(&mut worker.client, "steps", "0").await;
    let mut item = worker.next().await;
    let mut pauses = Vec::new();
    for _ in 0..3 {
        abandon(&mut worker, item).await;
        let begun = tokio::time::Instant::now();
        item = worker.next().await;
        pauses.push(begun.elapsed());
    }
    abandon(&mut worker, item).await;
    assert!(pauses[0] >= Duration::from_millis(200), "{pauses:?}");
    assert!(pauses[1] > pauses[0] && pauses[2] > pauses[1], "{pauses:?}");
    // Another worker has it at once.
    let mut other = Worker::connect(&node).await;
    assert_eq!(other.finish(&instance).await.output.as_deref(), Some("0"));
}

#[tokio::test]
async fn actions_without_meaning_fail_their_orchestration_alone() {
    let node = Node::in_memory();
    // Turns only: what was decided before the nonsense may be carried out.
    let turns = proto::OrchestrationFilter {
        name: "steps".to_owned(),
        versions: Vec::new(),
    };
    let asked = proto::GetWorkItemsRequest {
        work_item_filters: Some(proto::WorkItemFilters {
            orchestrations: vec![turns],
            ..Default::default()
        }),
        ..Default::default()
    };
    let mut worker = Worker::connect_as(&node, asked).await;
    let nothing = proto::OrchestratorAction {
        id: 1,
        orchestrator_action_type: None,
    };
    let backwards = calls(-7, "step");
    let endless = action(
        1,
        Action::CompleteOrchestration(proto::CompleteOrchestrationAction {
            orchestration_status: 99,
            ..Default::default()
        }),
    );
    let nowhere = action(1, Action::SendEvent(proto::SendEventAction::default()));
    let timeless = action(1, Action::CreateTimer(proto::CreateTimerAction::default()));
    let twice = vec![calls(1, "step"), calls(1, "step")];
    let unnamed = vec![calls(1, "")];
    let single = [nothing, backwards, endless, nowhere, timeless];
    let answers = single
        .into_iter()
        .map(|one| vec![one])
        .chain([twice, unnamed]);
    for actions in answers {
        let instance = start(&mut worker.client, "steps", "0").await;
        let turn = worker.next().await;
        let answer = decided(turn.turn(), &turn.token, actions.clone());
        worker
            .client
            .complete_orchestrator_task(answer)
            .await
            .unwrap();
        let state = ended(&mut worker.client, &instance).await;
        let failed = proto::OrchestrationStatus::Failed as i32;
        assert_eq!(state.orchestration_status, failed, "{actions:?}: {state:?}");
        assert!(!state.failure_details.unwrap().error_message.is_empty());
    }
    drop(worker);
    cut_after(&node, 0).await;
}

#[tokio::test]
async fn actions_beside_an_end_are_carried_out() {
    let node = Node::in_memory();
    let mut worker = Worker::connect(&node).await;
    let target = start(&mut worker.client, "waits", "0").await;
    let waiting = worker.next().await;
    let answer = decided(waiting.turn(), &waiting.token, Vec::new());
    worker
        .client
        .complete_orchestrator_task(answer)
        .await
        .unwrap();
    let instance = start(&mut worker.client, "ends", "0").await;
    let turn = worker.next().await;
    let event = proto::SendEventAction {
        instance: Some(proto::OrchestrationInstance {
            instance_id: target.clone(),
            execution_id: None,
        }),
        name: "go".to_owned(),
        data: Some("5".to_owned()),
    };
    let actions = vec![
        completes(1, "\"over\""),
        action(2, Action::SendEvent(event)),
    ];
    let answer = decided(turn.turn(), &turn.token, actions);
    worker
        .client
        .complete_orchestrator_task(answer)
        .await
        .unwrap();
    assert_eq!(
        ended(&mut worker.client, &instance).await.output.as_deref(),
        Some("\"over\"")
    );
    let woken = worker.next().await;
    assert_eq!(woken.turn().instance_id, target);
    let answer = decided(woken.turn(), &woken.token, vec![completes(1, "5")]);
    worker
        .client
        .complete_orchestrator_task(answer)
        .await
        .unwrap();
    assert_eq!(
        ended(&mut worker.client, &target).await.output.as_deref(),
        Some("5")
    );
}

#[tokio::test]
async fn a_long_history_is_left_to_workers_that_ask_for_it() {
    let node = Node::in_memory();
    let asked = proto::GetWorkItemsRequest {
        capabilities: vec![proto::WorkerCapability::HistoryStreaming as i32],
        ..Default::default()
    };
    let mut worker = Worker::connect_as(&node, asked).await;
    let instance = start(
        &mut worker.client,
        "fan-out",
        &format!("\"{}\"", "x".repeat(800_000)),
    )
    .await;
    let first = worker.next().await;
    assert!(!first.turn().requires_history_streaming);
    let answer = decided(
        first.turn(),
        &first.token,
        vec![calls(1, "part"), calls(2, "part")],
    );
    worker
        .client
        .complete_orchestrator_task(answer)
        .await
        .unwrap();
    let large = format!("\"{}\"", "y".repeat(800_000));
    for _ in 0..2 {
        let part = worker.next().await;
        worker
            .client
            .complete_activity_task(result(&part, &large))
            .await
            .unwrap();
    }
    loop {
        let turn = worker.next().await;
        let request = turn.turn();
        let streamed = request.requires_history_streaming;
        assert_eq!(streamed, request.past_events.is_empty());
        let asked = proto::StreamInstanceHistoryRequest {
            instance_id: instance.clone(),
            execution_id: request.execution_id.clone(),
            for_work_item_processing: true,
        };
        let mut client = worker.client.clone();
        let mut chunks = client
            .stream_instance_history(asked)
            .await
            .unwrap()
            .into_inner();
        let mut past = Vec::new();
        let mut messages = 0;
        while let Some(chunk) = chunks.message().await.unwrap() {
            assert!(!chunk.events.is_empty());
            messages += 1;
            past.extend(chunk.events);
        }
        let all = past.iter().chain(&request.new_events);
        let done = all
            .filter(|event| format!("{event:?}").contains("TaskCompletedEvent"))
            .count();
        let end = (done == 2).then(|| completes(3, "2"));
        let answer = decided(request, &turn.token, end.into_iter().collect());
        worker
            .client
            .complete_orchestrator_task(answer)
            .await
            .unwrap();
        if done == 2 {
            assert!(streamed);
            if past.len() > 6 {
                assert!(messages > 1, "{messages} messages of {} events", past.len());
            }
            break;
        }
    }
    assert_eq!(
        ended(&mut worker.client, &instance).await.output.as_deref(),
        Some("2")
    );
}

/// Bytes as they are.
#[derive(Debug, Clone, Copy, Default)]
struct Raw;

impl Codec for Raw {
    type Encode = Vec<u8>;
    type Decode = Vec<u8>;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        Self
    }

    fn decoder(&mut self) -> Self {
        Self
    }
}

impl Encoder for Raw {
    type Item = Vec<u8>;
    type Error = Status;

    fn encode(&mut self, item: Vec<u8>, out: &mut EncodeBuf<'_>) -> Result<(), Status> {
        out.put_slice(&item);
        Ok(())
    }
}

impl Decoder for Raw {
    type Item = Vec<u8>;
    type Error = Status;

    fn decode(&mut self, from: &mut DecodeBuf<'_>) -> Result<Option<Vec<u8>>, Status> {
        let mut found = vec![0; from.remaining()];
        from.copy_to_slice(&mut found);
        Ok(Some(found))
    }
}

async fn send(node: &Node, call: &str, bytes: Vec<u8>) -> Result<Vec<u8>, Status> {
    let mut grpc = tonic::client::Grpc::new(channel(node).await);
    grpc.ready().await.unwrap();
    let path = format!("/TaskHubSidecarService/{call}").parse().unwrap();
    let answer = grpc.unary(Request::new(bytes), path, Raw).await;
    answer.map(tonic::Response::into_inner)
}

#[tokio::test]
async fn messages_without_meaning_are_refused_and_nothing_else_happens() {
    let node = Node::in_memory_with(&["--payload-max", "4"]);
    let calls = [
        "StartInstance",
        "GetInstance",
        "RaiseEvent",
        "QueryInstances",
        "PurgeInstances",
        "CompleteOrchestratorTask",
        "CompleteActivityTask",
        "CompleteEntityTask",
        "SignalEntity",
        "QueryEntities",
    ];
    for call in calls {
        // A field that is longer than the message, and a text that is no UTF-8.
        for bytes in [
            vec![0x0a, 0xff, 0x01],
            vec![0x0a, 0x01, 0xff],
            vec![0xff; 40],
        ] {
            let refused = code(send(&node, call, bytes.clone()).await);
            assert!(
                matches!(refused, Code::Internal | Code::InvalidArgument),
                "{call} {bytes:?}: {refused}"
            );
        }
        let oversized = code(send(&node, call, vec![0; (64 << 20) + 1]).await);
        let expected = [
            Code::OutOfRange,
            Code::ResourceExhausted,
            Code::Internal,
            Code::Unknown,
        ];
        assert!(expected.contains(&oversized), "{call}: {oversized}");
    }
    assert_eq!(
        code(send(&node, "NoSuchCall", Vec::new()).await),
        Code::Unimplemented
    );
    let mut client = client(&node).await;
    let too_large = proto::CreateInstanceRequest {
        name: "steps".to_owned(),
        input: Some(format!("\"{}\"", "x".repeat(5 << 20))),
        ..Default::default()
    };
    assert_eq!(
        code(client.start_instance(too_large).await),
        Code::InvalidArgument
    );
    let mut worker = Worker::connect(&node).await;
    let instance = start(&mut worker.client, "steps", "1").await;
    assert_eq!(worker.finish(&instance).await.output.as_deref(), Some("1"));
}

#[tokio::test]
async fn what_comes_without_a_key_is_not_even_read() {
    let node = Node::start(&[]);
    for call in ["StartInstance", "CompleteOrchestratorTask", "NoSuchCall"] {
        let nonsense = vec![0xff; 1 << 20];
        assert_eq!(
            code(send(&node, call, nonsense).await),
            Code::Unauthenticated,
            "{call}"
        );
    }
}

#[tokio::test]
async fn an_app_of_workers_is_listed_without_a_deployment() {
    let session = weft_e2e::Session::new(Node::in_memory());
    let mut client = client(&session.node).await;
    let instance = start(&mut client, "steps", "1").await;
    let listed = session.admin(reqwest::Method::GET, "/apps/default/instances");
    let listed = session.send(listed).await.expect(200);
    assert_eq!(listed.json()["instances"][0]["id"], instance);
    let absent = session.admin(reqwest::Method::GET, "/apps/other/instances");
    session.send(absent).await.expect(404);
}

#[tokio::test]
async fn a_flood_of_streams_leaves_the_node_at_work() {
    let node = Node::in_memory();
    let mut streams = Vec::new();
    for _ in 0..10 {
        let mut client = client(&node).await;
        for _ in 0..100 {
            let asked = proto::GetWorkItemsRequest {
                work_item_filters: Some(proto::WorkItemFilters::default()),
                ..Default::default()
            };
            streams.push(client.get_work_items(asked).await.unwrap());
        }
    }
    let mut worker = Worker::connect(&node).await;
    let instance = start(&mut worker.client, "steps", "3").await;
    assert_eq!(worker.finish(&instance).await.output.as_deref(), Some("3"));
    drop(streams);
    let instance = start(&mut worker.client, "steps", "3").await;
    assert_eq!(worker.finish(&instance).await.output.as_deref(), Some("3"));
}
