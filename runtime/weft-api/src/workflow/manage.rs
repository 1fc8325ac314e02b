//! The management API: workflows, runs, actions, repetitions, cancelling and repeating.

use axum::Json;
use axum::body::Body;
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, Method, StatusCode, header};
use percent_encoding::utf8_percent_encode;
use serde_json::{Value as Shown, json};
use weft_app::State;
use weft_orchestration::{Message, Status as Stored};
use weft_store::{Filter, Instance, PageRequest};
use weft_workflow::run::{NotResubmittable, Run, RunView, Status};

use super::shape::{Shape, plain};
use super::start::{create, prepare_again};
use super::{Context, Refused, runs, triggers};
use crate::host::DeployedWorkflow;
use crate::params::SEGMENT;
use crate::time::precise;
use crate::{access_key, body, deploy};

const PAGE_DEFAULT: u32 = 30;
const PAGE_MAX: u32 = 250;

/// By the segments below `management`: their fixed words in lower case, and as they came.
pub(super) async fn manage(
    context: &Context,
    words: &[&str],
    own: &[&str],
    request_body: Body,
) -> Result<Response, Refused> {
    let (["workflows"], rest) = words.split_at(1.min(words.len())) else {
        return Err(no_route());
    };
    match (&context.method, rest) {
        (&Method::GET, []) => workflows(context).await,
        (&Method::GET, [_]) => {
            let deployed = runs::workflow(context, own[1]).await?;
            Ok(Json(outline(context, &deployed)).into_response())
        }
        (&Method::POST, [_, "enable"]) => set_state(context, own[1], State::Enabled).await,
        (&Method::POST, [_, "disable"]) => set_state(context, own[1], State::Disabled).await,
        (&Method::POST, [_, "regenerateaccesskey"]) => {
            regenerate(context, own[1], request_body).await
        }
        (&Method::GET, [_, "runs"]) => list(context, own[1]).await,
        (_, [_, "runs", _, rest @ ..]) => {
            of_run(context, (own[1], own[3]), rest, &own[4..], request_body).await
        }
        (_, [_, "triggers", rest @ ..]) => triggers::manage(context, own[1], rest, &own[3..]).await,
        _ => Err(no_route()),
    }
}

async fn of_run(
    context: &Context,
    (workflow, id): (&str, &str),
    words: &[&str],
    own: &[&str],
    request_body: Body,
) -> Result<Response, Refused> {
    match (&context.method, words) {
        (&Method::GET, []) => {
            let found = Found::read(context, workflow, id).await?;
            Ok(Json(found.shape(context).run(&found.view)).into_response())
        }
        (&Method::POST, ["cancel"]) => cancel(context, workflow, id).await,
        (&Method::POST, ["resubmit"]) => resubmit(context, workflow, id, request_body).await,
        (&Method::GET, ["actions"]) => {
            let found = Found::read(context, workflow, id).await?;
            let shape = found.shape(context);
            let actions = found.view.actions.iter();
            let actions = actions.filter(|action| action.status != Status::Waiting);
            let shown: Vec<Shown> = actions.map(|action| shape.action(action)).collect();
            Ok(Json(json!({"value": shown})).into_response())
        }
        (&Method::GET, ["actions", _]) => {
            let found = Found::read(context, workflow, id).await?;
            let mut actions = found.view.actions.iter();
            let action = actions.find(|action| action.name.eq_ignore_ascii_case(own[1]));
            let action = action.ok_or_else(|| no_action(own[1]))?;
            Ok(Json(found.shape(context).action(action)).into_response())
        }
        (&Method::GET, ["actions", _, "repetitions"]) => {
            let shown = repetitions(context, workflow, id, own[1]).await?;
            Ok(Json(json!({"value": shown})).into_response())
        }
        (&Method::GET, ["actions", _, "repetitions", _]) => {
            let shown = repetitions(context, workflow, id, own[1]).await?;
            let found = shown.into_iter().find(|shown| shown["name"] == own[3]);
            let code = "WorkflowRunActionRepetitionNotFound";
            let absent = || Refused::absent(code, format!("repetition {}", own[3]));
            Ok(Json(found.ok_or_else(absent)?).into_response())
        }
        _ => Err(no_route()),
    }
}

fn no_route() -> Refused {
    Refused::absent("NotFound", "such route")
}

fn no_action(name: &str) -> Refused {
    Refused::absent("WorkflowRunActionNotFound", format!("action {name}"))
}

/// A run with what its history shows.
struct Found {
    deployed: std::sync::Arc<DeployedWorkflow>,
    instance: Instance,
    run: Run,
    view: RunView,
}

impl Found {
    async fn read(context: &Context, workflow: &str, id: &str) -> Result<Self, Refused> {
        let (deployed, instance) = runs::instance(context, workflow, id).await?;
        let run = runs::over(context, &deployed, &instance).await?;
        let view = runs::view(&run, &instance);
        Ok(Self {
            deployed,
            instance,
            run,
            view,
        })
    }

    fn shape<'a>(&'a self, context: &'a Context) -> Shape<'a> {
        Shape {
            context,
            deployed: &self.deployed,
            run: self.instance.key.id.as_str(),
            client_tracking_id: &self.view.client_tracking_id,
        }
    }
}

async fn workflows(context: &Context) -> Result<Response, Refused> {
    let names = context.api.host.workflows(&context.app).await?;
    let mut shown = Vec::new();
    for name in names {
        if let Ok(deployed) = runs::workflow(context, &name).await {
            shown.push(outline(context, &deployed));
        }
    }
    Ok(Json(shown).into_response())
}

/// `POST .../workflows/{workflow}/enable` and `/disable`
async fn set_state(context: &Context, name: &str, state: State) -> Result<Response, Refused> {
    let name = name_of(context, name).await?;
    deploy::set_state(&context.api, &context.app, &name, state).await?;
    Ok(StatusCode::OK.into_response())
}

/// `POST .../workflows/{workflow}/regenerateAccessKey`, with `{"keyType": "Primary"}` or nothing: a
/// workflow has one key.
async fn regenerate(
    context: &Context,
    name: &str,
    request_body: Body,
) -> Result<Response, Refused> {
    let name = name_of(context, name).await?;
    let asked = asked(context, request_body).await?;
    let kind = asked["keyType"].as_str().unwrap_or("Primary");
    let kinds = ["Primary", "NotSpecified"];
    if !kinds.iter().any(|known| known.eq_ignore_ascii_case(kind)) {
        let message =
            format!("A workflow has one key, the 'Primary' one, and none of the type '{kind}'.");
        let code = "InvalidRequestContent";
        return Err(Refused::new(StatusCode::BAD_REQUEST, code, message));
    }
    access_key::regenerate(&context.api, &context.app, &name).await?;
    Ok(StatusCode::OK.into_response())
}

/// The name under which a workflow is deployed, also where it cannot be run.
async fn name_of(context: &Context, name: &str) -> Result<weft_id::Function, Refused> {
    let absent = || Refused::absent("WorkflowNotFound", format!("workflow {name}"));
    let nearest = weft_id::Function::nearest(name).ok_or_else(absent)?;
    let names = context.api.host.workflows(&context.app).await?;
    let is_there = names.iter().any(|own| *own == nearest.as_str());
    is_there.then_some(nearest).ok_or_else(absent)
}

/// What a request says, null where it says nothing.
async fn asked(context: &Context, request_body: Body) -> Result<Shown, Refused> {
    let max = context.api.config.json_bytes_max;
    let bytes = body::read(&context.headers, request_body, max).await?;
    match bytes.is_empty() {
        true => Ok(Shown::Null),
        false => serde_json::from_slice(&bytes).map_err(|fault| {
            let code = "InvalidRequestContent";
            Refused::new(StatusCode::BAD_REQUEST, code, fault.to_string())
        }),
    }
}

fn outline(context: &Context, deployed: &DeployedWorkflow) -> Shown {
    let name = &deployed.settings.workflow;
    let triggers = deployed.program.triggers().iter().map(|trigger| {
        let kind = trigger.definition.get("kind").map(plain);
        let shown = json!({"type": &*trigger.kind, "kind": kind});
        (trigger.name.to_string(), shown)
    });
    json!({
        "name": name,
        "kind": deployed.workflow.kind.to_string(),
        "isDisabled": deployed.is_disabled(),
        "state": deployed.state.as_str(),
        "health": {"state": "Healthy"},
        "href": context.links.management(&format!("workflows/{name}")),
        "version": deployed.revision.to_string(),
        "triggers": triggers.collect::<serde_json::Map<_, _>>(),
    })
}

/// Runs, newest first. `$top` and `$filter` (`status eq 'Failed'`) as with the peer.
async fn list(context: &Context, name: &str) -> Result<Response, Refused> {
    let deployed = runs::workflow(context, name).await?;
    let request = PageRequest {
        limit: top(context),
        after: context.parameter("$skiptoken").map(str::to_owned),
    };
    let filter = Filter {
        name: Some(deployed.settings.workflow.clone()),
        statuses: statuses(context.parameter("$filter").unwrap_or_default())?,
        ..Filter::default()
    };
    let store = context.api.store_for(&deployed);
    let page = store.instances(&context.app, &filter, &request).await;
    let page = page.map_err(crate::routes::bad_page)?;
    let mut shown = Vec::new();
    for instance in &page.instances {
        // Each is read with the revision that it has.
        let found = Found::read(context, name, instance.key.id.as_str()).await?;
        shown.push(found.shape(context).run(&found.view));
    }
    let mut answer = json!({"value": shown});
    if let Some(next) = page.next {
        let token = utf8_percent_encode(&next, SEGMENT);
        let limit = request.limit;
        let mut below = format!("workflows/{name}/runs?$skiptoken={token}&$top={limit}");
        if let Some(filter) = context.parameter("$filter") {
            // A page is one of the same list.
            below.push_str(&format!(
                "&$filter={}",
                utf8_percent_encode(filter, SEGMENT)
            ));
        }
        answer["nextLink"] = context.links.management(&below).into();
    }
    Ok(Json(answer).into_response())
}

/// How many things a page has.
pub(super) fn top(context: &Context) -> u32 {
    let top = context.parameter("$top").and_then(|top| top.parse().ok());
    top.unwrap_or(PAGE_DEFAULT).clamp(1, PAGE_MAX)
}

/// The statuses that a filter names: `status eq 'X'`, several joined by `or`.
pub(super) fn filtered(filter: &str) -> Result<Vec<String>, Refused> {
    let words: Vec<&str> = filter.split_whitespace().collect();
    if words.is_empty() {
        return Ok(Vec::new());
    }
    let conditions = words.split(|word| word.eq_ignore_ascii_case("or"));
    let named = conditions.map(|condition| match condition {
        [name, eq, value]
            if name.eq_ignore_ascii_case("status") && eq.eq_ignore_ascii_case("eq") =>
        {
            Ok(value.trim_matches('\'').to_owned())
        }
        _ => {
            let message = "A filter is: status eq 'Failed' or status eq ...";
            Err(Refused::new(
                StatusCode::BAD_REQUEST,
                "InvalidFilter",
                message,
            ))
        }
    });
    named.collect()
}

/// Those that the store has for the statuses of runs.
fn statuses(filter: &str) -> Result<Vec<Stored>, Refused> {
    let invalid = |message: String| Refused::new(StatusCode::BAD_REQUEST, "InvalidFilter", message);
    let mut statuses = Vec::new();
    for status in filtered(filter)? {
        match status.to_ascii_lowercase().as_str() {
            "running" | "waiting" => statuses.extend([Stored::Pending, Stored::Running]),
            "succeeded" => statuses.push(Stored::Completed),
            "failed" | "timedout" | "aborted" => statuses.push(Stored::Failed),
            "cancelled" => statuses.push(Stored::Terminated),
            "suspended" => statuses.push(Stored::Suspended),
            other => return Err(invalid(format!("'{other}' is no status of a run."))),
        }
    }
    Ok(statuses)
}

async fn repetitions(
    context: &Context,
    workflow: &str,
    id: &str,
    action: &str,
) -> Result<Vec<Shown>, Refused> {
    let found = Found::read(context, workflow, id).await?;
    let all = found
        .run
        .repetitions(action, found.instance.outcome.is_some());
    let all = all.ok_or_else(|| no_action(action))?;
    let shape = found.shape(context);
    Ok(all
        .iter()
        .map(|repetition| shape.repetition(repetition))
        .collect())
}

/// `POST .../runs/{run}/cancel`
async fn cancel(context: &Context, workflow: &str, id: &str) -> Result<Response, Refused> {
    let (_, instance) = runs::instance(context, workflow, id).await?;
    if instance.outcome.is_some() {
        let message = "The run has ended already.";
        let code = "WorkflowRunNotCancellable";
        return Err(Refused::new(StatusCode::BAD_REQUEST, code, message));
    }
    let key = &instance.key;
    let message = Message::Terminate {
        reason: "The run was cancelled.".to_owned(),
        recursive: true,
    };
    let now = context.api.host.now();
    context
        .api
        .store_of(key)
        .await?
        .send(key, message, now)
        .await?;
    Ok(StatusCode::OK.into_response())
}

/// `POST .../runs/{run}/resubmit`, with `{"actionsToResubmit": [{"name": "A"}]}` or from the start.
async fn resubmit(
    context: &Context,
    workflow: &str,
    id: &str,
    request_body: Body,
) -> Result<Response, Refused> {
    let asked = asked(context, request_body).await?;
    let name = |action: &Shown| {
        let name = action["name"].as_str().or(action.as_str());
        name.unwrap_or_default().to_owned()
    };
    let from = asked["actionsToResubmit"].as_array();
    let from = from.map(|all| all.iter().map(name).collect());
    again(context, workflow, id, from).await
}

fn not_resubmittable(why: NotResubmittable) -> Refused {
    let (status, code) = match why {
        NotResubmittable::Unknown(_) => (StatusCode::NOT_FOUND, "WorkflowRunActionNotFound"),
        NotResubmittable::Nothing
        | NotResubmittable::InLoop { .. }
        | NotResubmittable::NotRun(_) => (StatusCode::BAD_REQUEST, "ActionNotResubmittable"),
    };
    Refused::new(status, code, why.to_string())
}

/// Repeats a run as the workflow is now, from these actions on where they are given: what does not
/// come after them is taken over.
pub(super) async fn again(
    context: &Context,
    workflow: &str,
    id: &str,
    from: Option<Vec<String>>,
) -> Result<Response, Refused> {
    let found = Found::read(context, workflow, id).await?;
    let deployed = runs::workflow(context, workflow).await?;
    let kept = match from {
        None => None,
        Some(_) if found.instance.outcome.is_none() => {
            let message = "The run has not ended.";
            return Err(Refused::new(
                StatusCode::CONFLICT,
                "WorkflowRunInProgress",
                message,
            ));
        }
        Some(from) => Some(found.run.kept_before(&from).map_err(not_resubmittable)?),
    };
    let input = found.instance.input.text().unwrap_or_default();
    let run = prepare_again(context, &deployed, input, kept)?;
    let new = run.key.id.to_string();
    create(context, &deployed, run).await?;
    let body = json!({
        "id": format!("/workflows/{workflow}/runs/{new}"),
        "name": new,
        "startTime": precise(context.api.host.now()),
    });
    let mut response = (StatusCode::ACCEPTED, Json(body)).into_response();
    let location = context
        .links
        .management(&format!("workflows/{workflow}/runs/{new}"));
    let headers = response.headers_mut();
    if let (Ok(new), Ok(location)) = (HeaderValue::try_from(new), HeaderValue::try_from(location)) {
        headers.insert("x-ms-workflow-run-id", new);
        headers.insert(header::LOCATION, location);
    }
    Ok(response)
}
