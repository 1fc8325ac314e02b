//! What a worker answers to a turn, as decisions.

use weft_id::EntityId;
use weft_orchestration::{Decision, Outcome};

use super::failure::to_failure;
use super::labels::to_labels;
use super::{Malformed, to_instance, to_payload, to_reason, to_time};
use crate::proto::{
    self, OrchestrationStatus, history_event::EventType, orchestrator_action,
    send_entity_message_action::EntityMessageType,
};

/// # Errors
/// Actions that have no meaning: the orchestration fails with them.
pub(crate) fn to_decisions(
    actions: Vec<proto::OrchestratorAction>,
) -> Result<Vec<Decision>, Malformed> {
    actions.into_iter().filter_map(decision).collect()
}

/// `None` for a rewind, which is carried out before a worker hears of it.
fn decision(action: proto::OrchestratorAction) -> Option<Result<Decision, Malformed>> {
    use orchestrator_action::OrchestratorActionType as Type;
    let Some(kind) = action.orchestrator_action_type else {
        let text = "an action is of a kind that is not known here";
        return Some(Err(Malformed(text.to_owned())));
    };
    let id = match u32::try_from(action.id) {
        Ok(id) => id,
        // The end of an orchestration may be numbered so.
        Err(_) if matches!(kind, Type::CompleteOrchestration(_)) => 0,
        Err(_) => {
            return Some(Err(Malformed(format!(
                "{} is no number of an action",
                action.id
            ))));
        }
    };
    Some(match kind {
        Type::ScheduleTask(task) => Ok(Decision::Task {
            id,
            name: task.name,
            input: to_payload(task.input),
            labels: to_labels(task.version, task.tags, task.parent_trace_context),
        }),
        Type::CreateSubOrchestration(child) => child_of(id, child),
        Type::CreateTimer(timer) => match timer.fire_at {
            Some(at) => Ok(Decision::Timer {
                id,
                fire_at: to_time(at),
            }),
            None => Err(Malformed("a timer has no time".to_owned())),
        },
        Type::SendEvent(event) => {
            let target = event.instance.map(|instance| instance.instance_id);
            to_instance(&target.unwrap_or_default()).map(|target| Decision::SendEvent {
                id,
                target,
                name: event.name,
                payload: to_payload(event.data),
            })
        }
        Type::CompleteOrchestration(end) => end_of(end),
        Type::TerminateOrchestration(end) => {
            to_instance(&end.instance_id).map(|target| Decision::Terminate {
                target,
                reason: to_reason(end.reason),
                recursive: end.recurse,
            })
        }
        Type::SendEntityMessage(message) => entity_message(id, message),
        Type::RewindOrchestration(_) => return None,
    })
}

fn child_of(id: u32, child: proto::CreateSubOrchestrationAction) -> Result<Decision, Malformed> {
    let instance = match child.instance_id.as_str() {
        "" => None,
        text => Some(to_instance(text)?),
    };
    Ok(Decision::Child {
        id,
        name: child.name,
        instance,
        input: to_payload(child.input),
        labels: to_labels(child.version, child.tags, child.parent_trace_context),
    })
}

fn end_of(end: proto::CompleteOrchestrationAction) -> Result<Decision, Malformed> {
    let status = OrchestrationStatus::try_from(end.orchestration_status)
        .map_err(|_| Malformed("an orchestration ends with an unknown status".to_owned()))?;
    Ok(match status {
        OrchestrationStatus::Completed => {
            Decision::Complete(Outcome::Completed(to_payload(end.result)))
        }
        OrchestrationStatus::Failed => {
            Decision::Complete(Outcome::Failed(to_failure(end.failure_details)))
        }
        OrchestrationStatus::Terminated | OrchestrationStatus::Canceled => {
            Decision::Complete(Outcome::Terminated {
                reason: to_reason(end.result),
            })
        }
        OrchestrationStatus::ContinuedAsNew => {
            let carried = end.carryover_events.into_iter();
            let carried = carried.filter_map(|event| match event.event_type? {
                EventType::EventRaised(event) => Some((event.name, to_payload(event.input))),
                _ => None,
            });
            Decision::ContinueAsNew {
                input: to_payload(end.result),
                version: end.new_version,
                carried: carried.collect(),
            }
        }
        OrchestrationStatus::Running
        | OrchestrationStatus::Pending
        | OrchestrationStatus::Suspended => {
            let text = format!("an orchestration cannot end as {}", status.as_str_name());
            return Err(Malformed(text));
        }
    })
}

fn entity_message(id: u32, message: proto::SendEntityMessageAction) -> Result<Decision, Malformed> {
    Ok(match message.entity_message_type {
        Some(EntityMessageType::EntityOperationSignaled(signal)) => Decision::Signal {
            id,
            target: to_entity(signal.target_instance_id)?,
            operation: signal.operation,
            input: to_payload(signal.input),
            at: signal.scheduled_time.map(to_time),
        },
        Some(EntityMessageType::EntityOperationCalled(call)) => Decision::Call {
            id,
            target: to_entity(call.target_instance_id)?,
            operation: call.operation,
            input: to_payload(call.input),
            request: call.request_id,
        },
        Some(EntityMessageType::EntityLockRequested(lock)) => {
            let set = lock.lock_set.into_iter().map(|id| to_entity(Some(id)));
            Decision::Lock {
                id,
                set: set.collect::<Result<_, _>>()?,
                request: lock.critical_section_id,
            }
        }
        Some(EntityMessageType::EntityUnlockSent(unlock)) => Decision::Unlock {
            id,
            target: to_entity(unlock.target_instance_id)?,
            request: unlock.critical_section_id,
        },
        None => return Err(Malformed("a message to an entity is empty".to_owned())),
    })
}

#[cfg(test)]
mod tests;

/// SDKs write names as they please; ours are lower-case.
pub(crate) fn to_entity(text: Option<String>) -> Result<EntityId, Malformed> {
    let text = text.unwrap_or_default();
    let parts = text.strip_prefix('@').and_then(|rest| rest.split_once('@'));
    let Some((name, key)) = parts else {
        return Err(Malformed(format!("{text:?} is no id of an entity")));
    };
    let id = EntityId::new(&name.to_lowercase(), key);
    id.map_err(|error| Malformed(error.to_string()))
}
