//! Orchestration instances: starting, listing, showing and purging.

use std::collections::BTreeMap;
use std::time::Duration;

use axum::Json;
use axum::extract::{OriginalUri, State};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use serde::Deserialize;
use utoipa::IntoParams;
use weft_id::{InstanceId, InstanceKey};
use weft_orchestration::{Payload, Reserved, Status, is_reserved};
use weft_store::{Family, Filter, IdReuse, PageRequest, RevisionId};

use super::gate::require_revision;
use crate::auth::{AppAccess, Invoke, ReadInstances};
use crate::body::{JsonBody, OptionalJsonBody};
use crate::model::{InstanceList, InstanceView, PurgedView, RestartBody, RewindBody, StartBody};
use crate::params::{PathParams, QueryParams};
use crate::start::{
    Order, StartOptions, check_foreign, is_orchestrator, random_execution, random_id, start,
    trace_parent,
};
use crate::wait::{absent, filled, present, until_ended};
use crate::{Api, Problem, deploy, time};

const PAGE_DEFAULT: u32 = 50;
const PAGE_MAX: u32 = 1000;
const PURGE_BATCH: u32 = 500;

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct FilterQuery {
    /// Statuses, separated by commas.
    runtime_status: Option<String>,
    /// The beginning of the id.
    id_prefix: Option<String>,
    /// The orchestrator's name.
    orchestrator: Option<String>,
    /// RFC 3339, inclusive.
    created_from: Option<String>,
    /// RFC 3339, exclusive.
    created_to: Option<String>,
    /// RFC 3339, inclusive; of an ended instance, when it ended.
    updated_from: Option<String>,
    /// RFC 3339, exclusive.
    updated_to: Option<String>,
    /// A tag with its value, `tag=value`; several are separated by commas and must all hold.
    tags: Option<String>,
}

impl FilterQuery {
    fn resolve(self) -> Result<Filter, Problem> {
        let at = |name, text: Option<String>| text.map(|text| time::parse(name, &text)).transpose();
        Ok(Filter {
            statuses: match &self.runtime_status {
                Some(list) => parse_statuses("runtime_status", list)?,
                None => vec![],
            },
            id_prefix: self.id_prefix,
            name: self.orchestrator,
            created_from: at("created_from", self.created_from)?,
            created_to: at("created_to", self.created_to)?,
            updated_from: at("updated_from", self.updated_from)?,
            updated_to: at("updated_to", self.updated_to)?,
            tags: match &self.tags {
                Some(list) => parse_tags(list)?,
                None => BTreeMap::new(),
            },
        })
    }
}

/// Reads a list of statuses, in any case.
pub(crate) fn parse_statuses(parameter: &str, list: &str) -> Result<Vec<Status>, Problem> {
    let names = list
        .split(',')
        .map(str::trim)
        .filter(|name| !name.is_empty());
    names
        .map(|name| {
            let named = |status: &Status| status.as_str().eq_ignore_ascii_case(name);
            Status::ALL.into_iter().find(named).ok_or_else(|| {
                let known = Status::ALL.map(Status::as_str).join(", ");
                Problem::invalid(format!("{name:?} is no status; known are {known}"))
                    .with("parameter", parameter)
            })
        })
        .collect()
}

fn parse_tags(list: &str) -> Result<BTreeMap<String, String>, Problem> {
    let pairs = list.split(',').map(|pair| {
        let (tag, value) = pair.split_once('=')?;
        Some((tag.trim().to_owned(), value.trim().to_owned()))
    });
    let pairs: Option<_> = pairs.collect();
    pairs.ok_or_else(|| Problem::invalid("tags must be of the form tag=value,tag=value"))
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct PageQuery {
    /// At most this many, 1 to 1000 (default 50).
    limit: Option<u32>,
    /// `next` of the page before.
    after: Option<String>,
}

/// Instances of an app, newest first, in pages.
#[utoipa::path(
    get, path = "/apps/{app}/instances", tag = "instances",
    params(FilterQuery, PageQuery), responses((status = 200, body = InstanceList))
)]
pub(super) async fn list_instances(
    State(api): State<Api>,
    access: AppAccess<ReadInstances>,
    QueryParams(filter): QueryParams<FilterQuery>,
    QueryParams(page): QueryParams<PageQuery>,
) -> Result<Json<InstanceList>, Problem> {
    let filter = filter.resolve()?;
    deploy::require_app(&api, &access.app).await?;
    let request = PageRequest {
        limit: page.limit.unwrap_or(PAGE_DEFAULT).clamp(1, PAGE_MAX),
        after: page.after,
    };
    let page = api.store.instances(&access.app, &filter, &request).await;
    let page = page.map_err(bad_page)?;
    Ok(Json(InstanceList {
        instances: page.instances.into_iter().map(InstanceView::new).collect(),
        next: page.next,
    }))
}

/// The store finds no page for a token that it never gave.
pub(crate) fn bad_page(error: weft_store::Error) -> Problem {
    match error {
        weft_store::Error::NotFound => Problem::invalid("no page begins there"),
        error => error.into(),
    }
}

/// Starts an orchestration. When the answer arrives, the start is on disk. An ended instance of the
/// same id makes way.
#[utoipa::path(
    post, path = "/apps/{app}/instances", tag = "instances",
    request_body = StartBody, responses((status = 201, body = InstanceView))
)]
pub(super) async fn start_instance(
    State(api): State<Api>,
    access: AppAccess<Invoke>,
    OriginalUri(uri): OriginalUri,
    headers: HeaderMap,
    JsonBody(order): JsonBody<StartBody>,
) -> Result<Created, Problem> {
    let id: InstanceId = match order.id {
        Some(id) => id
            .parse()
            .map_err(|error: weft_id::Error| Problem::invalid(error.to_string()))?,
        None => random_id(),
    };
    if !is_orchestrator(&api, &access.app, &order.orchestrator).await? {
        let what = format!("orchestrator {}", order.orchestrator);
        return Err(Problem::not_found(what));
    }
    let input = Payload::from(order.input.to_string());
    check_foreign(&order.orchestrator, &input)?;
    let order = Order {
        app: access.app,
        orchestrator: order.orchestrator,
        id,
        input,
        trace_parent: trace_parent(&headers),
        options: StartOptions {
            tags: order.tags,
            version: order.version,
            scheduled_at: order
                .scheduled_at
                .map(|at| time::parse("scheduled_at", &at))
                .transpose()?,
            reuse: order.reuse.map(|names| reuse(&names)).transpose()?,
        },
    };
    created(&api, order, uri.path()).await
}

type Created = (StatusCode, HeaderMap, Json<InstanceView>);

/// Which instances of an id make way for a new one.
fn reuse(names: &[String]) -> Result<IdReuse, Problem> {
    let statuses = parse_statuses("reuse", &names.join(","))?;
    IdReuse::of(statuses).ok_or_else(|| {
        Problem::invalid(
            "Invalid reusable statuses: cannot exclude 'Terminated' while also allowing reuse of \
             running instances",
        )
    })
}

/// Starts an instance, of which `path` is the collection.
async fn created(api: &Api, order: Order, path: &str) -> Result<Created, Problem> {
    let key = start(api, order).await?;
    let instance = present(api, &key).await?;
    let mut headers = HeaderMap::new();
    let id = percent_encoding::utf8_percent_encode(key.id.as_str(), crate::params::SEGMENT);
    let location = format!("{path}/{id}");
    if let Ok(location) = HeaderValue::try_from(location) {
        headers.insert(header::LOCATION, location);
    }
    Ok((
        StatusCode::CREATED,
        headers,
        Json(InstanceView::new(instance)),
    ))
}

/// Takes a failed instance back to before its failure: what failed runs again, what was done stays
/// done. Failed children that it waits for are rewound as well.
#[utoipa::path(
    post, path = "/apps/{app}/instances/{instance}/rewind", tag = "instances",
    request_body = RewindBody, responses((status = 202))
)]
pub(super) async fn rewind_instance(
    State(api): State<Api>,
    access: AppAccess<Invoke>,
    OptionalJsonBody(RewindBody { reason, revision }): OptionalJsonBody<RewindBody>,
) -> Result<StatusCode, Problem> {
    let key = instance_key(&access.app, &access.path)?;
    let (execution, now) = (random_execution(), api.host.now());
    let revision = revision.map(RevisionId);
    if let Some(revision) = revision {
        require_revision(&api, &access.app, revision).await?;
    }
    let rewound = api
        .store
        .rewind(&key, execution, reason, revision, now)
        .await;
    rewound.map_err(|error| of_instance(error, &key))?;
    Ok(StatusCode::ACCEPTED)
}

/// Starts the same orchestrator with the same input, tags and version over again: as a new
/// instance, or in place of this one where it has ended and `same_id` asks for that.
#[utoipa::path(
    post, path = "/apps/{app}/instances/{instance}/restart", tag = "instances",
    request_body = RestartBody, responses((status = 201, body = InstanceView))
)]
pub(super) async fn restart_instance(
    State(api): State<Api>,
    access: AppAccess<Invoke>,
    OriginalUri(uri): OriginalUri,
    headers: HeaderMap,
    OptionalJsonBody(RestartBody { same_id }): OptionalJsonBody<RestartBody>,
) -> Result<Created, Problem> {
    let key = instance_key(&access.app, &access.path)?;
    let instance = present(&api, &key).await?;
    // The node's own are known by their ids.
    if !same_id && is_reserved(&instance.name) {
        return Err(Problem::invalid(Reserved::Name.to_string()));
    }
    let order = Order {
        app: access.app,
        orchestrator: instance.name,
        id: if same_id { key.id } else { random_id() },
        input: instance.input,
        trace_parent: trace_parent(&headers),
        options: StartOptions {
            tags: instance.tags,
            version: instance.version,
            ..StartOptions::default()
        },
    };
    let path = uri.path().trim_end_matches("/restart");
    let collection = path.rsplit_once('/').map_or(path, |(before, _)| before);
    created(&api, order, collection).await
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct PurgeQuery {
    /// Remove ended children too, and theirs; open ones stay.
    #[serde(default)]
    recursive: bool,
}

impl PurgeQuery {
    fn family(&self) -> Family {
        match self.recursive {
            true => Family::Goes,
            false => Family::Stays,
        }
    }
}

/// Removes ended instances that match, at most 500 and their children; call again while any were
/// removed.
#[utoipa::path(
    delete, path = "/apps/{app}/instances", tag = "instances",
    params(FilterQuery, PurgeQuery), responses((status = 200, body = PurgedView))
)]
pub(super) async fn purge_instances(
    State(api): State<Api>,
    access: AppAccess<Invoke>,
    QueryParams(filter): QueryParams<FilterQuery>,
    QueryParams(query): QueryParams<PurgeQuery>,
) -> Result<Json<PurgedView>, Problem> {
    let filter = filter.resolve()?;
    deploy::require_app(&api, &access.app).await?;
    let purged = api
        .store
        .purge_matching(&access.app, &filter, query.family(), PURGE_BATCH)
        .await?;
    Ok(Json(PurgedView {
        purged: purged.instances,
    }))
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct WaitQuery {
    /// Wait at most this many seconds for the instance to end.
    wait: Option<f64>,
}

/// An instance; with `wait`, as soon as it has ended or the time has passed.
#[utoipa::path(
    get, path = "/apps/{app}/instances/{instance}", tag = "instances",
    params(WaitQuery), responses((status = 200, body = InstanceView))
)]
pub(super) async fn show_instance(
    State(api): State<Api>,
    access: AppAccess<ReadInstances>,
    QueryParams(query): QueryParams<WaitQuery>,
) -> Result<Json<InstanceView>, Problem> {
    let key = instance_key(&access.app, &access.path)?;
    let wait = Duration::try_from_secs_f64(query.wait.unwrap_or(0.0))
        .map_err(|_| Problem::invalid("wait must be a number of seconds"))?;
    let instance = until_ended(&api, &key, wait).await?;
    let waiting_for = match instance.status.is_terminal() {
        true => Vec::new(),
        false => api.host.unserved(&instance).await?,
    };
    let mut view = InstanceView::new(filled(&api, instance).await?);
    view.waiting_for = waiting_for;
    Ok(Json(view))
}

pub(super) fn instance_key(
    app: &weft_id::AppId,
    path: &PathParams,
) -> Result<InstanceKey, Problem> {
    let id: InstanceId = path.get("instance")?;
    if id.is_entity() {
        return Err(Problem::not_found(format!("instance {id}")));
    }
    Ok(InstanceKey::new(app.clone(), id))
}

/// Removes an ended instance with its history.
#[utoipa::path(
    delete, path = "/apps/{app}/instances/{instance}", tag = "instances",
    params(PurgeQuery), responses((status = 204))
)]
pub(super) async fn purge_instance(
    State(api): State<Api>,
    access: AppAccess<Invoke>,
    QueryParams(query): QueryParams<PurgeQuery>,
) -> Result<StatusCode, Problem> {
    let key = instance_key(&access.app, &access.path)?;
    let purged = api.store.purge(&key, query.family()).await;
    purged.map_err(|error| of_instance(error, &key))?;
    Ok(StatusCode::NO_CONTENT)
}

/// Names the instance where the store only says that there is none.
pub(crate) fn of_instance(error: weft_store::Error, key: &InstanceKey) -> Problem {
    match error {
        weft_store::Error::NotFound => absent(key),
        error => error.into(),
    }
}
