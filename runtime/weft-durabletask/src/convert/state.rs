//! Instances as clients see them.

use weft_orchestration::Outcome;
use weft_store::Instance;

use super::failure::of_failure;
use super::{of_payload, of_reason, of_status, of_time};
use crate::proto;

/// Input and output only where they are asked for; the custom status and why it failed always.
pub(crate) fn of_instance(instance: &Instance, payloads: bool) -> proto::OrchestrationState {
    let (output, failure) = match &instance.outcome {
        None => (None, None),
        Some(Outcome::Completed(output)) => (of_payload(output), None),
        Some(Outcome::Failed(failure)) => (None, Some(of_failure(failure))),
        Some(Outcome::Terminated { reason }) => (of_reason(reason), None),
    };
    let shown = |text: Option<String>| text.filter(|_| payloads);
    proto::OrchestrationState {
        instance_id: instance.key.id.to_string(),
        name: instance.name.clone(),
        version: instance.version.clone(),
        orchestration_status: of_status(instance.status) as i32,
        scheduled_start_timestamp: instance.scheduled_at.map(of_time),
        created_timestamp: Some(of_time(instance.created_at)),
        last_updated_timestamp: Some(of_time(instance.updated_at)),
        input: shown(of_payload(&instance.input)),
        output: shown(output),
        custom_status: instance.custom_status.as_ref().and_then(of_payload),
        failure_details: failure,
        execution_id: Some(instance.execution.to_string()),
        completed_timestamp: instance
            .status
            .is_terminal()
            .then(|| of_time(instance.updated_at)),
        parent_instance_id: instance.parent.as_ref().map(|p| p.instance.to_string()),
        tags: instance.tags.clone().into_iter().collect(),
    }
}
