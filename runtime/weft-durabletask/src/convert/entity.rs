//! Operations of entities for workers, and what came of them.

use weft_id::InstanceKey;
use weft_orchestration::{Batch, BatchDone, Effect, Failure, Payload, check_start};
use weft_store::EntityView;

use super::action::to_entity;
use super::failure::to_failure;
use super::{Malformed, of_payload, of_time, to_instance, to_payload, to_time};
use crate::proto::{
    self, history_event::EventType, operation_action::OperationActionType,
    operation_result::ResultType,
};

pub(crate) fn of_batch(key: &InstanceKey, batch: &Batch) -> proto::EntityRequest {
    let operations = batch.operations.iter().enumerate();
    let operations = operations.map(|(number, operation)| {
        let request_id = format!("{}/{number}", key.id);
        let (target, input) = (Some(key.id.to_string()), of_payload(&operation.input));
        let caller = operation.caller.as_ref();
        let event = match (operation.reply, caller) {
            (Some(_), Some(caller)) => {
                EventType::EntityOperationCalled(proto::EntityOperationCalledEvent {
                    request_id,
                    operation: operation.name.clone(),
                    scheduled_time: None,
                    input,
                    parent_instance_id: Some(caller.instance.to_string()),
                    parent_execution_id: Some(caller.execution.to_string()),
                    target_instance_id: target,
                })
            }
            _ => EventType::EntityOperationSignaled(proto::EntityOperationSignaledEvent {
                request_id,
                operation: operation.name.clone(),
                scheduled_time: operation.at.map(of_time),
                input,
                target_instance_id: target,
            }),
        };
        proto::HistoryEvent {
            event_id: -1,
            timestamp: None,
            event_type: Some(event),
        }
    });
    proto::EntityRequest {
        instance_id: key.id.to_string(),
        execution_id: String::new(),
        entity_state: batch.state.as_ref().and_then(of_payload),
        operation_requests: operations.collect(),
    }
}

/// What a worker answers. An answer that has no meaning fails every operation of the batch.
pub(crate) fn to_done(batch: &Batch, answer: proto::EntityBatchResult) -> BatchDone {
    let asked = batch.operations.len();
    match try_done(asked, answer) {
        Ok(done) => done,
        Err(failure) => BatchDone {
            results: vec![Err(failure); asked],
            state: batch.state.clone(),
            effects: Vec::new(),
        },
    }
}

fn try_done(asked: usize, answer: proto::EntityBatchResult) -> Result<BatchDone, Failure> {
    if answer.failure_details.is_some() {
        return Err(to_failure(answer.failure_details));
    }
    let nonsense = |what: String| Failure::permanent("worker-answer", what);
    let results: Vec<_> = answer.results.into_iter().map(to_result).collect();
    if results.is_empty() || results.len() > asked {
        let (found, what) = (results.len(), "operations");
        return Err(nonsense(format!(
            "{asked} {what} were asked for, {found} came back"
        )));
    }
    let effects: Result<_, _> = answer.actions.into_iter().map(effect).collect();
    Ok(BatchDone {
        results,
        state: to_state(answer.entity_state),
        effects: effects.map_err(|malformed: Malformed| nonsense(malformed.0))?,
    })
}

/// No state, and `null`, which an SDK writes for none, are a deleted entity.
fn to_state(state: Option<String>) -> Option<Payload> {
    let kept = state.filter(|state| !state.is_empty() && state != "null");
    kept.map(|state| to_payload(Some(state)))
}

fn to_result(result: proto::OperationResult) -> Result<Payload, Failure> {
    match result.result_type {
        Some(ResultType::Success(success)) => Ok(to_payload(success.result)),
        Some(ResultType::Failure(failure)) => Err(to_failure(failure.failure_details)),
        None => Err(to_failure(None)),
    }
}

fn effect(action: proto::OperationAction) -> Result<Effect, Malformed> {
    Ok(match action.operation_action_type {
        Some(OperationActionType::SendSignal(signal)) => Effect::Signal {
            target: to_entity(Some(signal.instance_id))?,
            operation: signal.name,
            input: to_payload(signal.input),
            at: signal.scheduled_time.map(to_time),
        },
        Some(OperationActionType::StartNewOrchestration(start)) => {
            let input = to_payload(start.input);
            check_start(&start.name, &input).map_err(|reserved| Malformed(reserved.to_string()))?;
            Effect::Start {
                name: start.name,
                input,
                instance: match start.instance_id.as_str() {
                    "" => weft_id::InstanceId::of_random(rand::random()),
                    text => to_instance(text)?,
                },
                scheduled_at: start.scheduled_time.map(to_time),
            }
        }
        None => return Err(Malformed("an action of an entity is empty".to_owned())),
    })
}

pub(crate) fn of_entity(entity: &EntityView, state: bool) -> proto::EntityMetadata {
    let shown = entity.state.as_ref().filter(|_| state);
    proto::EntityMetadata {
        instance_id: entity.id.to_string(),
        last_modified_time: Some(of_time(entity.updated_at)),
        backlog_queue_size: i32::try_from(entity.queued).unwrap_or(i32::MAX),
        locked_by: entity.locked_by.as_ref().map(ToString::to_string),
        serialized_state: shown.and_then(of_payload),
    }
}

#[cfg(test)]
mod tests {
    use weft_id::EntityId;
    use weft_orchestration::{Caller, Operation};

    use super::*;

    #[test]
    fn an_entity_may_not_start_what_is_the_nodes_own() {
        let operation = Operation {
            name: "x".to_owned(),
            input: Payload::null(),
            caller: None::<Caller>,
            reply: None,
            at: None,
            trace_parent: None,
        };
        let batch = Batch {
            entity: EntityId::new("counter", "a").unwrap(),
            state: None,
            operations: vec![operation],
        };
        let start = proto::StartNewOrchestrationAction {
            instance_id: "trigger:flow:when".to_owned(),
            name: "workflow/trigger".to_owned(),
            ..proto::StartNewOrchestrationAction::default()
        };
        let action = proto::OperationAction {
            operation_action_type: Some(OperationActionType::StartNewOrchestration(start)),
            ..proto::OperationAction::default()
        };
        let answer = proto::EntityBatchResult {
            results: vec![proto::OperationResult {
                result_type: Some(ResultType::Success(proto::OperationResultSuccess::default())),
            }],
            actions: vec![action],
            ..proto::EntityBatchResult::default()
        };
        let done = to_done(&batch, answer);
        assert!(done.effects.is_empty());
        assert!(done.results[0].is_err());
    }
}
