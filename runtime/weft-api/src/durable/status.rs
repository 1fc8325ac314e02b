//! The status of one instance, and the list of instances.

use std::collections::BTreeMap;

use axum::Json;
use axum::response::{IntoResponse, Response};
use http::{HeaderName, HeaderValue, StatusCode, header};
use serde_json::Value;
use serde_json::value::RawValue;
use weft_orchestration::{Outcome, Payload, Status};
use weft_store::{Filter, Instance, PageRequest, filled_instances};

use super::query::Query;
use super::{Context, history};
use crate::model::{payload_raw, raw};
use crate::time::whole_seconds;
use crate::wait::{filled, present};
use crate::{Api, Problem, deploy, routes};

pub(super) const CONTINUATION: HeaderName = HeaderName::from_static("x-ms-continuation-token");
const PAGE_DEFAULT: u32 = 100;
pub(super) const PAGE_MAX: u32 = 1000;
/// Bytes of payloads in one page of a listing; a page ends before it has more.
pub(super) const SHOWN_BYTES_MAX: usize = 64 << 20;

/// The fields of an instance.
type View = BTreeMap<&'static str, Box<RawValue>>;

/// What a client wants to see of an instance.
pub(super) struct Shown {
    input: bool,
    history: bool,
    pub(super) history_output: bool,
    error_on_failure: bool,
}

impl Shown {
    pub(super) fn from_query(query: &Query) -> Result<Self, Problem> {
        Ok(Self {
            input: query.flag("showInput", true)?,
            history: query.flag("showHistory", false)?,
            history_output: query.flag("showHistoryOutput", false)?,
            error_on_failure: query.flag("returnInternalServerErrorOnFailure", false)?,
        })
    }
}

/// `GET instances/{id}`
pub(super) async fn show(context: &Context, id: &str) -> Result<Response, Problem> {
    let key = context.key(id)?;
    let shown = Shown::from_query(&context.query)?;
    let instance = present(&context.api, &key).await?;
    response(context, instance, shown).await
}

/// The answer about one instance: 202 while it is open.
pub(super) async fn response(
    context: &Context,
    instance: Instance,
    shown: Shown,
) -> Result<Response, Problem> {
    let status = match instance.status {
        Status::Pending | Status::Running | Status::Suspended => StatusCode::ACCEPTED,
        Status::Failed if shown.error_on_failure => StatusCode::INTERNAL_SERVER_ERROR,
        Status::Completed | Status::Failed | Status::Terminated => StatusCode::OK,
    };
    let instance = match shown.input {
        true => filled(&context.api, instance).await?,
        false => with_output(&context.api, instance).await?,
    };
    let mut body = view(&instance, shown.input);
    if shown.history {
        let events = history::events(&context.api, &instance, shown.history_output).await?;
        body.insert("historyEvents", raw(&events));
    }
    let mut response = (status, Json(body)).into_response();
    if status == StatusCode::ACCEPTED {
        let headers = response.headers_mut();
        headers.insert(header::RETRY_AFTER, HeaderValue::from_static("5"));
        if let Ok(location) = HeaderValue::try_from(&context.links.own) {
            headers.insert(header::LOCATION, location);
        }
    }
    Ok(response)
}

/// An instance of which the input is not shown.
async fn with_output(api: &Api, mut instance: Instance) -> Result<Instance, Problem> {
    instance.input = Payload::null();
    filled(api, instance).await
}

fn view(instance: &Instance, with_input: bool) -> View {
    let output = match &instance.outcome {
        None => raw(&Value::Null),
        Some(Outcome::Completed(output)) => payload_raw(output),
        Some(Outcome::Failed(failure)) => raw(&failure.message),
        Some(Outcome::Terminated { reason }) => raw(reason),
    };
    let input = match with_input {
        true => payload_raw(&instance.input),
        false => raw(&Value::Null),
    };
    let custom = instance.custom_status.as_ref();
    let custom = custom.map_or_else(|| raw(&Value::Null), payload_raw);
    BTreeMap::from([
        ("name", raw(&instance.name)),
        ("instanceId", raw(&instance.key.id)),
        ("runtimeStatus", raw(&instance.status.as_str())),
        ("input", input),
        ("customStatus", custom),
        ("output", output),
        ("createdTime", raw(&whole_seconds(instance.created_at))),
        ("lastUpdatedTime", raw(&whole_seconds(instance.updated_at))),
    ])
}

/// `GET instances/`
pub(super) async fn list(context: &Context) -> Result<Response, Problem> {
    let with_input = context.query.flag("showInput", true)?;
    let limit = context.query.count("top")?.unwrap_or(PAGE_DEFAULT);
    let filter = filter(&context.query)?;
    deploy::require_app(&context.api, &context.app).await?;
    let Some(filter) = filter else {
        return Ok(Json(Value::Array(vec![])).into_response());
    };
    let after = context.headers.get(CONTINUATION);
    let after = after.and_then(|value| value.to_str().ok());
    let request = PageRequest {
        limit: limit.min(PAGE_MAX),
        after: after.filter(|text| !text.is_empty()).map(str::to_owned),
    };
    let mut page = context
        .api
        .store
        .instances(&context.app, &filter, &request)
        .await
        .map_err(routes::bad_page)?;
    if !with_input {
        // What is not shown need not be read.
        let inputs = page.instances.iter_mut();
        inputs.for_each(|instance| instance.input = Payload::null());
    }
    page.bound(SHOWN_BYTES_MAX);
    page.instances = filled_instances(&*context.api.store, page.instances).await?;
    let views = page.instances.iter();
    let views: Vec<_> = views.map(|instance| view(instance, with_input)).collect();
    let mut response = Json(views).into_response();
    if let Some(next) = page.next {
        let next = HeaderValue::try_from(next).map_err(Problem::internal)?;
        response.headers_mut().insert(CONTINUATION, next);
    }
    Ok(response)
}

/// `None` where only statuses are asked for that no instance has.
pub(super) fn filter(query: &Query) -> Result<Option<Filter>, Problem> {
    let statuses = query.statuses("runtimeStatus")?;
    let filter = Filter {
        id_prefix: query.text("instanceIdPrefix").map(str::to_owned),
        created_from: query.time("createdTimeFrom")?,
        created_to: query.time("createdTimeTo")?,
        ..Filter::default()
    };
    Ok(match statuses {
        None => Some(filter),
        Some(statuses) if statuses.is_empty() => None,
        Some(statuses) => Some(Filter { statuses, ..filter }),
    })
}
