//! A history as workers and clients read it.

use std::collections::HashMap;

use weft_id::InstanceId;
use weft_orchestration::{Event, EventKind, Outcome, Start};

use super::failure::of_failure;
use super::labels::{of_labels, of_trace};
use super::{of_payload, of_reason, of_time};
use crate::proto::{self, history_event::EventType};

/// What is told of an event depends on events before it.
pub(crate) struct Recorder {
    instance: InstanceId,
    /// When timers are due.
    timers: HashMap<u32, prost_types::Timestamp>,
    /// What the code calls its calls of entities and its locks.
    requests: HashMap<u32, String>,
    started: Option<Start>,
}

/// Whom a part of a history is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reader {
    /// A worker, of what was before its turn.
    Past,
    /// A worker, of what its turn brings.
    News,
    Client,
}

impl Reader {
    fn is_told(self, kind: &EventKind) -> bool {
        match (self, kind) {
            // Carried out by us: no worker is to do it again.
            (Self::News, EventKind::ExecutionRewound { .. })
            // The wire has no such event.
            | (Self::News | Self::Past, EventKind::ExecutionMoved { .. }) => false,
            (Self::Past | Self::News | Self::Client, _) => true,
        }
    }
}

impl Recorder {
    pub(crate) fn new(instance: InstanceId) -> Self {
        Self {
            instance,
            timers: HashMap::new(),
            requests: HashMap::new(),
            started: None,
        }
    }

    /// The next events of a history.
    pub(crate) fn record(&mut self, events: &[Event], reader: Reader) -> Vec<proto::HistoryEvent> {
        let events = events.iter().filter(|event| reader.is_told(&event.kind));
        events.map(|event| self.event(event)).collect()
    }

    fn event(&mut self, event: &Event) -> proto::HistoryEvent {
        let (id, kind) = self.kind(&event.kind);
        proto::HistoryEvent {
            event_id: id.and_then(|id| i32::try_from(id).ok()).unwrap_or(-1),
            timestamp: Some(of_time(event.at)),
            event_type: Some(kind),
        }
    }

    /// What the code calls request number `id`; one of ours where it is a component's.
    fn request(&self, id: u32) -> String {
        let named = self.requests.get(&id).cloned();
        named.unwrap_or_else(|| format!("{}/{id}", self.instance))
    }

    fn kind(&mut self, kind: &EventKind) -> (Option<u32>, EventType) {
        match kind {
            EventKind::OrchestratorStarted => (
                None,
                EventType::OrchestratorStarted(proto::OrchestratorStartedEvent {}),
            ),
            EventKind::ExecutionStarted(start) => {
                self.started = Some(start.clone());
                (None, EventType::ExecutionStarted(self.started(start)))
            }
            EventKind::TaskScheduled {
                id,
                name,
                input,
                labels,
                ..
            } => {
                let labels = of_labels(labels.as_deref());
                (
                    Some(*id),
                    EventType::TaskScheduled(proto::TaskScheduledEvent {
                        name: name.clone(),
                        version: labels.version,
                        input: of_payload(input),
                        parent_trace_context: labels.trace,
                        tags: labels.tags,
                    }),
                )
            }
            EventKind::TaskCompleted { task, output } => (
                None,
                EventType::TaskCompleted(proto::TaskCompletedEvent {
                    task_scheduled_id: number(*task),
                    result: of_payload(output),
                }),
            ),
            EventKind::TaskFailed { task, failure } => (
                None,
                EventType::TaskFailed(proto::TaskFailedEvent {
                    task_scheduled_id: number(*task),
                    failure_details: Some(of_failure(failure)),
                }),
            ),
            EventKind::SubOrchestrationCreated {
                id,
                name,
                instance,
                input,
                labels,
            } => {
                let labels = of_labels(labels.as_deref());
                (
                    Some(*id),
                    EventType::SubOrchestrationInstanceCreated(
                        proto::SubOrchestrationInstanceCreatedEvent {
                            instance_id: instance.to_string(),
                            name: name.clone(),
                            version: labels.version,
                            input: of_payload(input),
                            parent_trace_context: labels.trace,
                            tags: labels.tags,
                        },
                    ),
                )
            }
            EventKind::SubOrchestrationCompleted { task, output } => (
                None,
                EventType::SubOrchestrationInstanceCompleted(
                    proto::SubOrchestrationInstanceCompletedEvent {
                        task_scheduled_id: number(*task),
                        result: of_payload(output),
                    },
                ),
            ),
            EventKind::SubOrchestrationFailed { task, failure } => (
                None,
                EventType::SubOrchestrationInstanceFailed(
                    proto::SubOrchestrationInstanceFailedEvent {
                        task_scheduled_id: number(*task),
                        failure_details: Some(of_failure(failure)),
                    },
                ),
            ),
            EventKind::TimerCreated { id, fire_at } => {
                let fire_at = of_time(*fire_at);
                self.timers.insert(*id, fire_at);
                let created = proto::TimerCreatedEvent {
                    fire_at: Some(fire_at),
                };
                (Some(*id), EventType::TimerCreated(created))
            }
            EventKind::TimerFired { timer } => (
                None,
                EventType::TimerFired(proto::TimerFiredEvent {
                    fire_at: self.timers.remove(timer),
                    timer_id: number(*timer),
                }),
            ),
            EventKind::EventSent {
                id,
                target,
                name,
                payload,
            } => (
                Some(*id),
                EventType::EventSent(proto::EventSentEvent {
                    instance_id: target.to_string(),
                    name: name.clone(),
                    input: of_payload(payload),
                }),
            ),
            EventKind::EventRaised { name, payload } => (
                None,
                EventType::EventRaised(proto::EventRaisedEvent {
                    name: name.clone(),
                    input: of_payload(payload),
                }),
            ),
            EventKind::ExecutionSuspended { reason } => (
                None,
                EventType::ExecutionSuspended(proto::ExecutionSuspendedEvent {
                    input: text(reason),
                }),
            ),
            EventKind::ExecutionResumed { reason } => (
                None,
                EventType::ExecutionResumed(proto::ExecutionResumedEvent {
                    input: text(reason),
                }),
            ),
            EventKind::ExecutionTerminated { reason } => (
                None,
                EventType::ExecutionTerminated(proto::ExecutionTerminatedEvent {
                    input: of_reason(reason),
                    recurse: false,
                }),
            ),
            EventKind::ContinuedAsNew { input } => (
                None,
                EventType::ContinueAsNew(proto::ContinueAsNewEvent {
                    input: of_payload(input),
                }),
            ),
            EventKind::ExecutionCompleted { outcome } => {
                (None, EventType::ExecutionCompleted(completed(outcome)))
            }
            EventKind::EntityOperationSignaled { .. }
            | EventKind::EntityOperationCalled { .. }
            | EventKind::EntityOperationCompleted { .. }
            | EventKind::EntityOperationFailed { .. }
            | EventKind::EntityLockRequested { .. }
            | EventKind::EntityLockGranted { .. }
            | EventKind::EntityUnlockSent { .. } => self.of_entity(kind),
            EventKind::ExecutionRewound { reason, former } => (
                None,
                EventType::ExecutionRewound(proto::ExecutionRewoundEvent {
                    reason: text(reason),
                    parent_execution_id: Some(former.to_string()),
                    instance_id: Some(self.instance.to_string()),
                    ..Default::default()
                }),
            ),
            EventKind::ExecutionMoved { revision } => (
                None,
                EventType::GenericEvent(proto::GenericEvent {
                    data: Some(format!("moved to revision {revision}")),
                }),
            ),
        }
    }

    fn of_entity(&mut self, kind: &EventKind) -> (Option<u32>, EventType) {
        let parent = Some(self.instance.to_string());
        match kind {
            EventKind::EntityOperationSignaled {
                id,
                target,
                operation,
                input,
                at,
            } => (
                Some(*id),
                EventType::EntityOperationSignaled(proto::EntityOperationSignaledEvent {
                    request_id: self.request(*id),
                    operation: operation.clone(),
                    scheduled_time: at.map(of_time),
                    input: of_payload(input),
                    target_instance_id: Some(target.to_string()),
                }),
            ),
            EventKind::EntityOperationCalled {
                id,
                target,
                operation,
                input,
                request,
            } => {
                self.requests
                    .extend(request.clone().map(|request| (*id, request)));
                (
                    Some(*id),
                    EventType::EntityOperationCalled(proto::EntityOperationCalledEvent {
                        request_id: self.request(*id),
                        operation: operation.clone(),
                        scheduled_time: None,
                        input: of_payload(input),
                        parent_instance_id: parent,
                        parent_execution_id: self.started.as_ref().map(|s| s.execution.to_string()),
                        target_instance_id: Some(target.to_string()),
                    }),
                )
            }
            EventKind::EntityOperationCompleted { task, output } => (
                None,
                EventType::EntityOperationCompleted(proto::EntityOperationCompletedEvent {
                    request_id: self.request(*task),
                    output: of_payload(output),
                }),
            ),
            EventKind::EntityOperationFailed { task, failure } => (
                None,
                EventType::EntityOperationFailed(proto::EntityOperationFailedEvent {
                    request_id: self.request(*task),
                    failure_details: Some(of_failure(failure)),
                }),
            ),
            EventKind::EntityLockRequested { id, set, request } => {
                self.requests
                    .extend(request.clone().map(|request| (*id, request)));
                (
                    Some(*id),
                    EventType::EntityLockRequested(proto::EntityLockRequestedEvent {
                        critical_section_id: self.request(*id),
                        lock_set: set.iter().map(ToString::to_string).collect(),
                        position: 0,
                        parent_instance_id: parent,
                    }),
                )
            }
            EventKind::EntityLockGranted { task } => (
                None,
                EventType::EntityLockGranted(proto::EntityLockGrantedEvent {
                    critical_section_id: self.request(*task),
                }),
            ),
            EventKind::EntityUnlockSent { id, target, lock } => (
                Some(*id),
                EventType::EntityUnlockSent(proto::EntityUnlockSentEvent {
                    critical_section_id: self.request(*lock),
                    parent_instance_id: parent,
                    target_instance_id: Some(target.to_string()),
                }),
            ),
            _ => unreachable!("only events of entities come here"),
        }
    }

    fn started(&self, start: &Start) -> proto::ExecutionStartedEvent {
        proto::ExecutionStartedEvent {
            name: start.name.clone(),
            version: start.version.clone(),
            input: of_payload(&start.input),
            orchestration_instance: Some(proto::OrchestrationInstance {
                instance_id: self.instance.to_string(),
                execution_id: Some(start.execution.to_string()),
            }),
            parent_instance: start
                .parent
                .as_ref()
                .map(|parent| proto::ParentInstanceInfo {
                    task_scheduled_id: number(parent.task),
                    name: parent.name.clone(),
                    version: None,
                    orchestration_instance: Some(proto::OrchestrationInstance {
                        instance_id: parent.instance.to_string(),
                        execution_id: Some(parent.execution.to_string()),
                    }),
                }),
            scheduled_start_timestamp: start.scheduled_at.map(of_time),
            parent_trace_context: of_trace(
                start.trace_parent.as_deref(),
                start.trace_state.as_deref(),
            ),
            orchestration_span_id: None,
            tags: start.tags.clone().into_iter().collect(),
        }
    }
}

fn completed(outcome: &Outcome) -> proto::ExecutionCompletedEvent {
    let (result, failure) = match outcome {
        Outcome::Completed(output) => (of_payload(output), None),
        Outcome::Failed(failure) => (None, Some(of_failure(failure))),
        Outcome::Terminated { reason } => (of_reason(reason), None),
    };
    proto::ExecutionCompletedEvent {
        orchestration_status: super::of_status(outcome.status()) as i32,
        result,
        failure_details: failure,
    }
}

fn text(reason: &str) -> Option<String> {
    (!reason.is_empty()).then(|| reason.to_owned())
}

/// Numbers of decisions came from the wire, or are small.
fn number(id: u32) -> i32 {
    i32::try_from(id).unwrap_or(i32::MAX)
}
