//! Starting an orchestration, for both APIs.

use http::HeaderMap;
use weft_id::{AppId, ExecutionId, InstanceId, InstanceKey};
use weft_orchestration::{Payload, Start};
use weft_store::{IdReuse, NewInstance};

use crate::{Api, Problem};

/// What to start; the orchestrator is deployed.
pub(crate) struct Order {
    pub(crate) app: AppId,
    pub(crate) orchestrator: String,
    pub(crate) id: InstanceId,
    pub(crate) input: Payload,
    pub(crate) trace_parent: Option<String>,
}

/// Whether the app has such an orchestrator.
///
/// # Errors
/// 404 for an absent app, and the store's.
pub(crate) async fn is_orchestrator(api: &Api, app: &AppId, name: &str) -> Result<bool, Problem> {
    let found = api.host.has_orchestrator(app, name).await?;
    found.ok_or_else(|| Problem::not_found(format!("app {}", app.app)))
}

/// An id for an instance whose caller names none.
pub(crate) fn random_id() -> InstanceId {
    let random = format!("{:032x}", rand::random::<u128>());
    random.parse().expect("hexadecimal digits make an id")
}

/// Creates the instance; when this returns, the start is durable. An ended instance of the same
/// id makes way.
///
/// # Errors
/// 409 when an open instance has the id, and the store's.
pub(crate) async fn start(api: &Api, order: Order) -> Result<InstanceKey, Problem> {
    let key = InstanceKey::new(order.app, order.id);
    let start = Start {
        execution: ExecutionId::from_u128(rand::random()),
        name: order.orchestrator,
        input: order.input,
        parent: None,
        trace_parent: order.trace_parent,
    };
    let new = NewInstance {
        key: key.clone(),
        start,
        reuse: IdReuse::Ended,
        now: api.host.now(),
    };
    api.store.create(new).await?;
    Ok(key)
}

/// A W3C `traceparent` that looks like one.
pub(crate) fn trace_parent(headers: &HeaderMap) -> Option<String> {
    let value = headers.get("traceparent")?.to_str().ok()?;
    let digits = |c: char| c.is_ascii_hexdigit() || c == '-';
    (value.len() == 55 && value.chars().all(digits)).then(|| value.to_owned())
}
