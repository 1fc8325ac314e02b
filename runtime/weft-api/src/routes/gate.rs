//! The replay gate: whether the code of a revision follows the histories that there are, and moving
//! an instance to that code.

use axum::Json;
use axum::extract::State;
use http::StatusCode;
use weft_id::AppId;
use weft_orchestration::{Message, Status};
use weft_store::{Error, Filter, Instance, PageRequest, RevisionId};

use super::instances::{instance_key, of_instance};
use crate::auth::{AppAccess, Deploy, ReadInstances};
use crate::body::OptionalJsonBody;
use crate::host::Rehearsed;
use crate::model::{CheckView, CheckedView, MoveBody};
use crate::wait::present;
use crate::{Api, Kind, Problem};

/// How many open instances are looked at: a bound on the time that one request takes.
const OPEN_MAX: usize = 1000;
/// How many instances that have completed stand for all of them.
const COMPLETED_MAX: u32 = 20;
const PAGE: u32 = 200;

/// Runs the code of a revision over the histories of open instances, and of some that have
/// completed. Nothing that the code asks for takes effect.
#[utoipa::path(
    post, path = "/apps/{app}/revisions/{revision}/check", tag = "revisions",
    responses((status = 200, body = CheckView))
)]
pub(super) async fn check_revision(
    State(api): State<Api>,
    access: AppAccess<ReadInstances>,
) -> Result<Json<CheckView>, Problem> {
    let id = RevisionId(access.path.get("revision")?);
    require_revision(&api, &access.app, id).await?;
    Ok(Json(check(&api, &access.app, id).await?))
}

pub(super) async fn check(api: &Api, app: &AppId, id: RevisionId) -> Result<CheckView, Problem> {
    let mut view = CheckView {
        revision: id.0,
        compatible: true,
        complete: true,
        instances: Vec::new(),
    };
    let open = Filter {
        statuses: vec![Status::Running, Status::Suspended],
        ..Filter::default()
    };
    let mut after = None;
    loop {
        let request = PageRequest { limit: PAGE, after };
        let page = api.store.instances(app, &open, &request).await?;
        add(api, id, page.instances, &mut view).await?;
        after = page.next;
        match &after {
            None => break,
            Some(_) if view.instances.len() >= OPEN_MAX => {
                view.complete = false;
                break;
            }
            Some(_) => {}
        }
    }
    let completed = Filter {
        statuses: vec![Status::Completed],
        ..Filter::default()
    };
    let request = PageRequest {
        limit: COMPLETED_MAX,
        after: None,
    };
    let page = api.store.instances(app, &completed, &request).await?;
    add(api, id, page.instances, &mut view).await?;
    Ok(view)
}

async fn add(
    api: &Api,
    id: RevisionId,
    instances: Vec<Instance>,
    view: &mut CheckView,
) -> Result<(), Problem> {
    for instance in instances {
        let (verdict, detail) = match api.host.rehearse(&instance, id).await? {
            Rehearsed::Follows => ("compatible", None),
            Rehearsed::Diverges(why) => ("diverges", Some(why)),
            Rehearsed::NotRun(why) => ("not-run", Some(why)),
        };
        view.compatible &= detail.is_none();
        view.instances.push(CheckedView {
            id: instance.key.id.to_string(),
            orchestrator: instance.name,
            runtime_status: instance.status.as_str(),
            verdict,
            detail,
        });
    }
    Ok(())
}

/// Gives an open instance the code of another revision, from its next turn on. Refused where that
/// code does not follow what the instance has done, unless `force` says so.
#[utoipa::path(
    post, path = "/apps/{app}/instances/{instance}/move", tag = "instances",
    request_body = MoveBody, responses((status = 202))
)]
pub(super) async fn move_instance(
    State(api): State<Api>,
    access: AppAccess<Deploy>,
    OptionalJsonBody(MoveBody { revision, force }): OptionalJsonBody<MoveBody>,
) -> Result<StatusCode, Problem> {
    let key = instance_key(&access.app, &access.path)?;
    let instance = present(&api, &key).await?;
    let status = instance.status;
    if status.is_terminal() {
        return Err(Error::Ended { status }.into());
    }
    let id = match revision {
        Some(revision) => RevisionId(revision),
        None => {
            let active = api.store.active_revision(&access.app).await?;
            let absent = || Problem::not_found(format!("app {}", access.app.app));
            active.ok_or_else(absent)?.id
        }
    };
    require_revision(&api, &access.app, id).await?;
    if !force {
        match api.host.rehearse(&instance, id).await? {
            Rehearsed::Follows => {}
            Rehearsed::Diverges(why) => return Err(Problem::new(Kind::Diverges, why)),
            Rehearsed::NotRun(why) => return Err(Problem::new(Kind::Unavailable, why)),
        }
    }
    let message = Message::Move { revision: id.0 };
    let sent = api.store.send(&key, message, api.host.now()).await;
    sent.map_err(|error| of_instance(error, &key))?;
    Ok(StatusCode::ACCEPTED)
}

pub(super) async fn require_revision(
    api: &Api,
    app: &AppId,
    id: RevisionId,
) -> Result<weft_store::Revision, Problem> {
    let revision = api.store.revision(app, id).await?;
    revision.ok_or_else(|| Problem::not_found(format!("revision {id}")))
}
