//! Starting an orchestration, for both APIs.

use std::collections::BTreeMap;

use http::HeaderMap;
use weft_id::{AppId, ExecutionId, InstanceId, InstanceKey};
use weft_orchestration::{Payload, Start, Timestamp};
use weft_store::{IdReuse, NewInstance};

use crate::{Api, Problem};

/// What to start; the orchestrator is deployed.
pub(crate) struct Order {
    pub(crate) app: AppId,
    pub(crate) orchestrator: String,
    pub(crate) id: InstanceId,
    pub(crate) input: Payload,
    pub(crate) trace_parent: Option<String>,
    pub(crate) options: StartOptions,
}

/// What a start may say beside what is started.
#[derive(Default)]
pub(crate) struct StartOptions {
    pub(crate) tags: BTreeMap<String, String>,
    pub(crate) version: Option<String>,
    pub(crate) scheduled_at: Option<Timestamp>,
    /// Which instances of the id make way; ended ones where absent.
    pub(crate) reuse: Option<IdReuse>,
}

const TAGS_MAX: usize = 64;
const TAG_BYTES_MAX: usize = 1 << 10;

/// # Errors
/// Where tags are too many or, like a version, too long: why, for whoever starts the instance.
pub fn check_labels(tags: &BTreeMap<String, String>, version: Option<&str>) -> Result<(), String> {
    if tags.len() > TAGS_MAX {
        return Err(format!("an instance has at most {TAGS_MAX} tags"));
    }
    let mut texts = tags
        .iter()
        .flat_map(|(tag, value)| [tag.as_str(), value.as_str()])
        .chain(version);
    if texts.any(|text| text.len() > TAG_BYTES_MAX) {
        return Err(format!(
            "a tag, its value and a version have at most {TAG_BYTES_MAX} bytes"
        ));
    }
    Ok(())
}

/// Judges a start by somebody outside.
///
/// # Errors
/// 400 where it poses as one of the node's.
pub(crate) fn check_foreign(orchestrator: &str, input: &Payload) -> Result<(), Problem> {
    weft_orchestration::check_start(orchestrator, input)
        .map_err(|reserved| Problem::invalid(reserved.to_string()))
}

/// Whether the app has such an orchestrator.
///
/// # Errors
/// 404 for an absent app, and the store's.
pub(crate) async fn is_orchestrator(api: &Api, app: &AppId, name: &str) -> Result<bool, Problem> {
    let found = api.host.has_orchestrator(app, name).await?;
    found.ok_or_else(|| Problem::not_found(format!("app {}", app.app)))
}

pub(crate) fn random_execution() -> ExecutionId {
    ExecutionId::from_u128(rand::random())
}

/// An id for an instance whose caller names none.
pub(crate) fn random_id() -> InstanceId {
    InstanceId::of_random(rand::random())
}

/// Creates the instance; when this returns, the start is durable. An ended instance of the same
/// id makes way, unless the order says otherwise.
///
/// # Errors
/// 409 when an open instance has the id, and the store's.
pub(crate) async fn start(api: &Api, order: Order) -> Result<InstanceKey, Problem> {
    let id = order.id.of_orchestration();
    let id = id.map_err(|error| Problem::invalid(error.to_string()))?;
    check_labels(&order.options.tags, order.options.version.as_deref())
        .map_err(Problem::invalid)?;
    let key = InstanceKey::new(order.app, id);
    let start = Start {
        trace_parent: order.trace_parent,
        tags: order.options.tags,
        version: order.options.version,
        scheduled_at: order.options.scheduled_at,
        ..Start::new(random_execution(), order.orchestrator, order.input)
    };
    let new = NewInstance {
        key: key.clone(),
        start,
        reuse: order.options.reuse.unwrap_or_else(IdReuse::ended),
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
