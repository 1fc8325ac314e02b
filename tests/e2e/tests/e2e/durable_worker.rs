//! A worker of the Durable Task protocol that does what a test says, and a client of it.

use std::time::Duration;

use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Status, Streaming};
use weft_durabletask::proto::{
    self, history_event::EventType, orchestrator_action::OrchestratorActionType as Action,
    task_hub_sidecar_service_client::TaskHubSidecarServiceClient, work_item::Request,
};
use weft_e2e::DEADLINE;
use weft_testkit::node::Node;

pub(crate) type Client = TaskHubSidecarServiceClient<Channel>;

/// A connection of its own to a node in memory, which asks for no key.
pub(crate) async fn channel(node: &Node) -> Channel {
    let address = node.ready()["grpc"].as_str().unwrap();
    let endpoint = Endpoint::from_shared(format!("http://{address}")).unwrap();
    endpoint.connect().await.unwrap()
}

pub(crate) async fn client(node: &Node) -> Client {
    let found = Client::new(channel(node).await);
    found.max_encoding_message_size(usize::MAX)
}

pub(crate) async fn start(client: &mut Client, name: &str, input: &str) -> String {
    let order = proto::CreateInstanceRequest {
        name: name.to_owned(),
        input: Some(input.to_owned()),
        ..Default::default()
    };
    let started = client.start_instance(order).await.unwrap();
    started.into_inner().instance_id
}

pub(crate) async fn ended(client: &mut Client, instance: &str) -> proto::OrchestrationState {
    let asked = proto::GetInstanceRequest {
        instance_id: instance.to_owned(),
        get_inputs_and_outputs: true,
    };
    let waiting = client.wait_for_instance_completion(asked);
    let found = tokio::time::timeout(DEADLINE, waiting).await.unwrap();
    found.unwrap().into_inner().orchestration_state.unwrap()
}

/// One stream of work.
pub(crate) struct Worker {
    pub(crate) client: Client,
    items: Streaming<proto::WorkItem>,
    first: Option<proto::WorkItem>,
}

/// What a worker was handed.
#[derive(Debug)]
pub(crate) struct Item {
    pub(crate) request: Request,
    pub(crate) token: String,
}

impl Worker {
    /// Connected: the first ping has come, or work that waited.
    pub(crate) async fn connect(node: &Node) -> Self {
        Self::connect_as(node, proto::GetWorkItemsRequest::default()).await
    }

    pub(crate) async fn connect_as(node: &Node, asked: proto::GetWorkItemsRequest) -> Self {
        let mut client = client(node).await;
        let mut items = client.get_work_items(asked).await.unwrap().into_inner();
        let first = items.message().await.unwrap();
        Self {
            client,
            items,
            first,
        }
    }

    /// The next work, which must come.
    pub(crate) async fn next(&mut self) -> Item {
        let found = self.next_within(DEADLINE).await;
        found.expect("work was waited for in vain")
    }

    pub(crate) async fn next_within(&mut self, limit: Duration) -> Option<Item> {
        let next = async {
            loop {
                let item = match self.first.take() {
                    Some(item) => item,
                    None => self.items.message().await.unwrap().unwrap(),
                };
                match item.request.unwrap() {
                    Request::HealthPing(_) => {}
                    request => {
                        return Item {
                            request,
                            token: item.completion_token,
                        };
                    }
                }
            }
        };
        tokio::time::timeout(limit, next).await.ok()
    }

    /// Answers as the code of `steps` does: as many activities as its input says, one after another.
    pub(crate) async fn answer(&mut self, item: &Item) {
        match &item.request {
            Request::OrchestratorRequest(turn) => {
                let answer = decided(turn, &item.token, vec![steps(turn)]);
                self.client
                    .complete_orchestrator_task(answer)
                    .await
                    .unwrap();
            }
            Request::ActivityRequest(_) => {
                let answer = result(item, "\"done\"");
                self.client.complete_activity_task(answer).await.unwrap();
            }
            other => panic!("{other:?}"),
        }
    }

    /// Serves until the instance has ended.
    pub(crate) async fn finish(&mut self, instance: &str) -> proto::OrchestrationState {
        let mut other = self.client.clone();
        let end = ended(&mut other, instance);
        let mut end = std::pin::pin!(end);
        loop {
            tokio::select! {
                state = &mut end => return state,
                item = self.next() => self.answer(&item).await,
            }
        }
    }
}

impl Item {
    pub(crate) fn turn(&self) -> &proto::OrchestratorRequest {
        match &self.request {
            Request::OrchestratorRequest(turn) => turn,
            other => panic!("{other:?}"),
        }
    }
}

pub(crate) fn decided(
    turn: &proto::OrchestratorRequest,
    token: &str,
    actions: Vec<proto::OrchestratorAction>,
) -> proto::OrchestratorResponse {
    proto::OrchestratorResponse {
        instance_id: turn.instance_id.clone(),
        actions,
        completion_token: token.to_owned(),
        ..Default::default()
    }
}

pub(crate) fn result(item: &Item, text: &str) -> proto::ActivityResponse {
    let Request::ActivityRequest(call) = &item.request else {
        panic!("{item:?}");
    };
    let instance = call.orchestration_instance.clone().unwrap();
    proto::ActivityResponse {
        instance_id: instance.instance_id,
        task_id: call.task_id,
        result: Some(text.to_owned()),
        failure_details: None,
        completion_token: item.token.clone(),
    }
}

pub(crate) fn action(id: i32, action: Action) -> proto::OrchestratorAction {
    proto::OrchestratorAction {
        id,
        orchestrator_action_type: Some(action),
    }
}

pub(crate) fn calls(id: i32, name: &str) -> proto::OrchestratorAction {
    let task = proto::ScheduleTaskAction {
        name: name.to_owned(),
        ..Default::default()
    };
    action(id, Action::ScheduleTask(task))
}

pub(crate) fn completes(id: i32, result: &str) -> proto::OrchestratorAction {
    let end = proto::CompleteOrchestrationAction {
        orchestration_status: proto::OrchestrationStatus::Completed as i32,
        result: Some(result.to_owned()),
        ..Default::default()
    };
    action(id, Action::CompleteOrchestration(end))
}

fn steps(turn: &proto::OrchestratorRequest) -> proto::OrchestratorAction {
    let (mut done, mut wanted) = (0, 0);
    for event in turn.past_events.iter().chain(&turn.new_events) {
        match &event.event_type {
            Some(EventType::ExecutionStarted(start)) => {
                wanted = start.input.as_deref().unwrap().parse().unwrap();
            }
            Some(EventType::TaskCompleted(_)) => done += 1,
            _ => {}
        }
    }
    match done < wanted {
        true => calls(done + 1, "step"),
        false => completes(done + 1, &done.to_string()),
    }
}

pub(crate) fn code<T: std::fmt::Debug>(answer: Result<T, Status>) -> Code {
    answer.unwrap_err().code()
}
