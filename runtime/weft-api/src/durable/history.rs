//! A history as the peers show it: turns left out, what was scheduled folded into what came of it.

use std::collections::HashMap;

use serde_json::{Map, Value, json};
use weft_orchestration::{Carries, Event, EventKind, Failure, Outcome, Payload, Timestamp};
use weft_store::{Instance, conceal, fill_in};

use crate::model::{json_or_text, payload_view};
use crate::time::rfc3339;
use crate::{Api, Kind, Problem};

const TURNS_PER_READ: u64 = 1000;
/// Bytes of payloads in a history that is one document.
const HISTORY_BYTES_MAX: usize = 256 << 20;

/// All events of the current execution. Results only `with_output`.
pub(super) async fn events(
    api: &Api,
    instance: &Instance,
    with_output: bool,
) -> Result<Vec<Value>, Problem> {
    let key = &instance.key;
    let concealed = api.host.conceals(instance).await?;
    let mut folded = Folded {
        with_output,
        ..Folded::default()
    };
    let (mut turn, mut bytes) = (0, 0);
    loop {
        let mut recorded = api.store.history(key, turn, TURNS_PER_READ).await?;
        if recorded.turns == 0 {
            break;
        }
        turn += recorded.turns;
        if concealed {
            conceal(&mut recorded);
        }
        if with_output {
            recorded.each(&mut |payload| bytes += payload.len());
            if bytes > HISTORY_BYTES_MAX {
                let detail = format!(
                    "the history has more than {HISTORY_BYTES_MAX} bytes of inputs and outputs: ask \
                     for it without showHistoryOutput, or stream it from the management API"
                );
                return Err(Problem::new(Kind::TooLarge, detail));
            }
            fill_in(&*api.store, &mut recorded).await?;
        }
        recorded.events.into_iter().for_each(|e| folded.add(e));
    }
    Ok(folded.views.into_iter().flatten().collect())
}

#[derive(Default)]
struct Folded {
    with_output: bool,
    /// `None` where an event was folded into a later one.
    views: Vec<Option<Value>>,
    scheduled: HashMap<u32, Scheduled>,
}

/// A decision that waits for its completion.
struct Scheduled {
    position: usize,
    at: Timestamp,
    name: Option<String>,
}

impl Folded {
    fn add(&mut self, event: Event) {
        let at = event.at;
        match event.kind {
            EventKind::OrchestratorStarted => {}
            EventKind::ExecutionStarted(start) => {
                let input = self.output(&start.input);
                let own = json!({"FunctionName": start.name, "Input": input});
                self.push("ExecutionStarted", at, own);
            }
            EventKind::TaskScheduled { id, name, .. } => {
                self.schedule("TaskScheduled", at, id, Some(name));
            }
            EventKind::SubOrchestrationCreated { id, name, .. } => {
                self.schedule("SubOrchestrationInstanceCreated", at, id, Some(name));
            }
            EventKind::TimerCreated { id, fire_at } => {
                self.schedule("TimerCreated", at, id, None);
                let last = self.views.last_mut().and_then(Option::as_mut);
                let view = last.expect("schedule() has just added it");
                view["FireAt"] = rfc3339(fire_at).into();
            }
            EventKind::TaskCompleted { task, output } => {
                let own = json!({"Result": self.output(&output)});
                self.complete("TaskCompleted", at, task, own);
            }
            EventKind::TaskFailed { task, failure } => {
                self.complete("TaskFailed", at, task, failed(&failure));
            }
            EventKind::SubOrchestrationCompleted { task, output } => {
                let own = json!({"Result": self.output(&output)});
                self.complete("SubOrchestrationInstanceCompleted", at, task, own);
            }
            EventKind::SubOrchestrationFailed { task, failure } => {
                self.complete("SubOrchestrationInstanceFailed", at, task, failed(&failure));
            }
            EventKind::TimerFired { timer } => self.complete("TimerFired", at, timer, json!({})),
            EventKind::EventSent {
                target,
                name,
                payload,
                ..
            } => {
                let input = self.output(&payload);
                let own = json!({"InstanceId": target, "Name": name, "Input": input});
                self.push("EventSent", at, own);
            }
            EventKind::EventRaised { name, payload } => {
                let own = json!({"Name": name, "Input": self.output(&payload)});
                self.push("EventRaised", at, own);
            }
            EventKind::ExecutionSuspended { reason } => {
                self.push("ExecutionSuspended", at, json!({"Reason": reason}));
            }
            EventKind::ExecutionResumed { reason } => {
                self.push("ExecutionResumed", at, json!({"Reason": reason}));
            }
            EventKind::ExecutionTerminated { reason } => {
                self.push("ExecutionTerminated", at, json!({"Reason": reason}));
            }
            EventKind::EntityOperationSignaled {
                target,
                operation,
                input,
                ..
            } => {
                let input = self.output(&input);
                let own = json!({"InstanceId": target, "Name": operation, "Input": input});
                self.push("EntityOperationSignaled", at, own);
            }
            EventKind::EntityOperationCalled { id, operation, .. } => {
                self.schedule("EntityOperationCalled", at, id, Some(operation));
            }
            EventKind::EntityOperationCompleted { task, output } => {
                let own = json!({"Result": self.output(&output)});
                self.complete("EntityOperationCompleted", at, task, own);
            }
            EventKind::EntityOperationFailed { task, failure } => {
                self.complete("EntityOperationFailed", at, task, failed(&failure));
            }
            EventKind::EntityLockRequested { id, set, .. } => {
                self.schedule("EntityLockRequested", at, id, None);
                let last = self.views.last_mut().and_then(Option::as_mut);
                last.expect("schedule() has just added it")["LockSet"] = json!(set);
            }
            EventKind::EntityLockGranted { task } => {
                self.complete("EntityLockGranted", at, task, json!({}));
            }
            EventKind::EntityUnlockSent { target, .. } => {
                self.push("EntityUnlockSent", at, json!({"InstanceId": target}));
            }
            EventKind::ExecutionRewound { reason, .. } => {
                self.push("ExecutionRewound", at, json!({"Reason": reason}));
            }
            EventKind::ExecutionMoved { revision } => {
                self.push("ExecutionMoved", at, json!({"Revision": revision}));
            }
            EventKind::ContinuedAsNew { .. } => self.push("ContinueAsNew", at, json!({})),
            EventKind::ExecutionCompleted { outcome } => {
                let result = match &outcome {
                    Outcome::Completed(output) => self.output(output),
                    Outcome::Failed(failure) => Some(failure.message.clone().into()),
                    Outcome::Terminated { reason } => Some(reason.clone().into()),
                };
                let status = outcome.status().as_str();
                let own = json!({"OrchestrationStatus": status, "Result": result});
                self.push("ExecutionCompleted", at, own);
            }
        }
    }

    fn output(&self, payload: &Payload) -> Option<Value> {
        self.with_output.then(|| payload_view(payload))
    }

    fn push(&mut self, kind: &str, at: Timestamp, own: Value) {
        let mut view = Map::new();
        view.insert("EventType".into(), kind.into());
        view.insert("Timestamp".into(), rfc3339(at).into());
        if let Value::Object(own) = own {
            view.extend(own.into_iter().filter(|(_, value)| !value.is_null()));
        }
        self.views.push(Some(view.into()));
    }

    fn schedule(&mut self, kind: &str, at: Timestamp, id: u32, name: Option<String>) {
        let scheduled = Scheduled {
            position: self.views.len(),
            at,
            name: name.clone(),
        };
        self.scheduled.insert(id, scheduled);
        self.push(kind, at, json!({"FunctionName": name}));
    }

    fn complete(&mut self, kind: &str, at: Timestamp, id: u32, mut own: Value) {
        if let Some(scheduled) = self.scheduled.remove(&id) {
            let begun = self.views[scheduled.position].take();
            own["ScheduledTime"] = rfc3339(scheduled.at).into();
            own["FunctionName"] = scheduled.name.into();
            if let Some(fire_at) = begun.as_ref().and_then(|view| view.get("FireAt")) {
                own["FireAt"] = fire_at.clone();
            }
        }
        self.push(kind, at, own);
    }
}

fn failed(failure: &Failure) -> Value {
    let details = failure.details.as_deref().map(json_or_text);
    json!({"Reason": failure.message, "Details": details})
}
