//! A history as it was recorded.

use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;
use weft_orchestration::{Event, EventKind, Outcome};

use super::{FailureView, payload_view as parsed};
use crate::time::rfc3339;

#[derive(Serialize, ToSchema)]
pub(crate) struct HistoryView {
    /// In order. Each has `at`, `type` (the event's kind in snake_case) and what belongs to the
    /// kind: `id` of a decision, `task` or `timer` that a completion answers, `name`, `input`,
    /// `output`, `failure`, ...
    pub(crate) events: Vec<Value>,
    /// The `from_turn` of the next page; absent at the end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) next_turn: Option<u64>,
}

pub(crate) fn event_view(event: Event) -> Value {
    let (kind, own) = kind_view(event.kind);
    let mut view = serde_json::Map::new();
    view.insert("at".into(), rfc3339(event.at).into());
    view.insert("type".into(), kind.into());
    if let Value::Object(own) = own {
        view.extend(own);
    }
    Value::Object(view)
}

fn kind_view(kind: EventKind) -> (&'static str, Value) {
    match kind {
        EventKind::OrchestratorStarted => ("orchestrator_started", Value::Null),
        EventKind::ExecutionStarted(start) => (
            "execution_started",
            json!({
                "execution_id": start.execution,
                "name": start.name,
                "input": parsed(&start.input),
                "parent_id": start.parent.map(|parent| parent.instance),
                "trace_parent": start.trace_parent,
                "tags": start.tags,
                "version": start.version,
                "scheduled_at": start.scheduled_at.map(rfc3339),
            }),
        ),
        EventKind::TaskScheduled {
            id,
            name,
            input,
            attempt,
            call,
            labels: _,
        } => (
            "task_scheduled",
            json!({
                "id": id,
                "name": name,
                "input": parsed(&input),
                "attempt": attempt,
                "call": call,
            }),
        ),
        EventKind::TaskCompleted { task, output } => (
            "task_completed",
            json!({"task": task, "output": parsed(&output)}),
        ),
        EventKind::TaskFailed { task, failure } => (
            "task_failed",
            json!({"task": task, "failure": FailureView::new(failure)}),
        ),
        EventKind::SubOrchestrationCreated {
            id,
            name,
            instance,
            input,
            labels: _,
        } => (
            "sub_orchestration_created",
            json!({"id": id, "name": name, "instance_id": instance, "input": parsed(&input)}),
        ),
        EventKind::SubOrchestrationCompleted { task, output } => (
            "sub_orchestration_completed",
            json!({"task": task, "output": parsed(&output)}),
        ),
        EventKind::SubOrchestrationFailed { task, failure } => (
            "sub_orchestration_failed",
            json!({"task": task, "failure": FailureView::new(failure)}),
        ),
        EventKind::TimerCreated { id, fire_at } => (
            "timer_created",
            json!({"id": id, "fire_at": rfc3339(fire_at)}),
        ),
        EventKind::TimerFired { timer } => ("timer_fired", json!({"timer": timer})),
        EventKind::EventSent {
            id,
            target,
            name,
            payload,
        } => (
            "event_sent",
            json!({"id": id, "instance_id": target, "name": name, "input": parsed(&payload)}),
        ),
        EventKind::EventRaised { name, payload } => (
            "event_raised",
            json!({"name": name, "input": parsed(&payload)}),
        ),
        EventKind::ExecutionSuspended { reason } => {
            ("execution_suspended", json!({"reason": reason}))
        }
        EventKind::ExecutionResumed { reason } => ("execution_resumed", json!({"reason": reason})),
        EventKind::ExecutionTerminated { reason } => {
            ("execution_terminated", json!({"reason": reason}))
        }
        EventKind::EntityOperationSignaled {
            id,
            target,
            operation,
            input,
            at,
        } => (
            "entity_operation_signaled",
            json!({
                "id": id,
                "entity_id": target,
                "name": operation,
                "input": parsed(&input),
                "at": at.map(rfc3339),
            }),
        ),
        EventKind::EntityOperationCalled {
            id,
            target,
            operation,
            input,
            ..
        } => (
            "entity_operation_called",
            json!({"id": id, "entity_id": target, "name": operation, "input": parsed(&input)}),
        ),
        EventKind::EntityOperationCompleted { task, output } => (
            "entity_operation_completed",
            json!({"task": task, "output": parsed(&output)}),
        ),
        EventKind::EntityOperationFailed { task, failure } => (
            "entity_operation_failed",
            json!({"task": task, "failure": FailureView::new(failure)}),
        ),
        EventKind::EntityLockRequested { id, set, .. } => (
            "entity_lock_requested",
            json!({"id": id, "entity_ids": set}),
        ),
        EventKind::EntityLockGranted { task } => ("entity_lock_granted", json!({"task": task})),
        EventKind::EntityUnlockSent { id, target, lock } => (
            "entity_unlock_sent",
            json!({"id": id, "entity_id": target, "lock": lock}),
        ),
        EventKind::ExecutionRewound { reason, former } => (
            "execution_rewound",
            json!({"reason": reason, "former_execution_id": former}),
        ),
        EventKind::ExecutionMoved { revision } => {
            ("execution_moved", json!({"revision": revision}))
        }
        EventKind::ContinuedAsNew { input } => {
            ("continued_as_new", json!({"input": parsed(&input)}))
        }
        EventKind::ExecutionCompleted { outcome } => {
            let status = outcome.status().as_str();
            let own = match outcome {
                Outcome::Completed(output) => {
                    json!({"runtime_status": status, "output": parsed(&output)})
                }
                Outcome::Failed(failure) => {
                    json!({"runtime_status": status, "failure": FailureView::new(failure)})
                }
                Outcome::Terminated { reason } => {
                    json!({"runtime_status": status, "reason": reason})
                }
            };
            ("execution_completed", own)
        }
    }
}
