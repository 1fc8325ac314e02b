//! What both APIs do with entities.

use weft_id::{AppId, EntityId, InstanceKey};
use weft_orchestration::{Limits, Message, Operation, Payload, Timestamp};

use crate::{Api, Problem};

/// Sends an operation to an entity, which is created where it does not exist. When this returns,
/// the operation is durable.
///
/// # Errors
/// 400 for a name that no operation can have, and the store's.
pub(crate) async fn signal(
    api: &Api,
    app: &AppId,
    id: &EntityId,
    operation: String,
    input: Payload,
    at: Option<Timestamp>,
) -> Result<(), Problem> {
    let max = Limits::default().name_bytes_max;
    if operation.len() > max || operation.chars().any(char::is_control) {
        let detail = format!("an operation's name has up to {max} bytes and no control characters");
        return Err(Problem::invalid(detail));
    }
    let message = Message::Operation(Operation {
        name: operation,
        input,
        caller: None,
        reply: None,
        at,
        trace_parent: None,
    });
    let key = InstanceKey::new(app.clone(), id.instance());
    Ok(api.store.send(&key, message, api.host.now()).await?)
}

/// # Errors
/// 404 for an entity without a state, and the store's.
pub(crate) async fn state_of(api: &Api, app: &AppId, id: &EntityId) -> Result<Payload, Problem> {
    let found = api.store.entity(app, id).await?;
    let state = found.and_then(|entity| entity.state);
    state.ok_or_else(|| Problem::not_found(format!("entity {id}")))
}
