//! Changing what is deployed: read the active revision, change it, append the result; again when
//! somebody else was faster. Concurrent uploads to one app all arrive.

use std::time::Duration;

use weft_app::{Deployment, State};
use weft_id::{AppId, Function};
use weft_orchestration::Payload;
use weft_store::{Error, Filter, NewRevision, PageRequest, Revision, RevisionId};

use crate::{Api, Kind, Problem};

/// Every conflict means that another deployment succeeded, so this many in a row are unheard of.
const TRIES_MAX: u32 = 100;

/// The active revision and its document.
///
/// # Errors
/// 404 for an absent app.
pub(crate) async fn active(api: &Api, app: &AppId) -> Result<(Revision, Deployment), Problem> {
    let revision = api.store.active_revision(app).await?;
    let revision = revision.ok_or_else(|| Problem::not_found(format!("app {}", app.app)))?;
    let deployment = parse(&revision)?;
    Ok((revision, deployment))
}

/// An app of workers is one as soon as it has an instance: nothing of it need be deployed.
///
/// # Errors
/// 404 for an absent app.
pub(crate) async fn require_app(api: &Api, app: &AppId) -> Result<(), Problem> {
    if api.store.active_revision(app).await?.is_some() {
        return Ok(());
    }
    let one = PageRequest {
        limit: 1,
        after: None,
    };
    let page = api.store.instances(app, &Filter::default(), &one).await?;
    match page.instances.is_empty() {
        true => Err(Problem::not_found(format!("app {}", app.app))),
        false => Ok(()),
    }
}

pub(crate) fn parse(revision: &Revision) -> Result<Deployment, Problem> {
    Deployment::from_json(revision.deployment.text().unwrap_or_default()).map_err(Problem::internal)
}

/// Applies `change` to what is active (`None`: the app is new) and activates the result. A change
/// that alters nothing makes no revision.
///
/// # Errors
/// Those of `change`; [`Kind::Conflict`] when others keep being faster.
pub(crate) async fn change(
    api: &Api,
    app: &AppId,
    change: impl Fn(Option<&Deployment>) -> Result<Deployment, Problem>,
) -> Result<RevisionId, Problem> {
    Ok(change_to(api, app, change).await?.0)
}

/// The same, with the document that is active then.
///
/// # Errors
/// As for [`change`].
pub(crate) async fn change_to(
    api: &Api,
    app: &AppId,
    change: impl Fn(Option<&Deployment>) -> Result<Deployment, Problem>,
) -> Result<(RevisionId, Deployment), Problem> {
    for attempt in 0..TRIES_MAX {
        let active = api.store.active_revision(app).await?;
        let old = active.as_ref().map(parse).transpose()?;
        let new = change(old.as_ref())?;
        if let (Some(active), Some(old)) = (&active, &old)
            && *old == new
        {
            return Ok((active.id, new));
        }
        let appended = api
            .store
            .append_revision(
                app,
                NewRevision {
                    expected: active.map(|revision| revision.id),
                    deployment: Payload::from(new.to_json()),
                    now: api.host.now(),
                },
            )
            .await;
        match appended {
            Ok(id) => {
                api.host.deployed(app).await;
                return Ok((id, new));
            }
            Err(Error::Conflict) => {
                let most = u64::from(attempt.min(20));
                let pause = rand::random_range(0..=most);
                tokio::time::sleep(Duration::from_millis(pause)).await;
            }
            Err(error) => return Err(error.into()),
        }
    }
    Err(Problem::new(Kind::Conflict, "the app is being changed all the time").retry_after(1))
}

/// Enables or disables a workflow.
///
/// # Errors
/// 404 for an absent app or workflow; as for [`change`].
pub(crate) async fn set_state(
    api: &Api,
    app: &AppId,
    workflow: &Function,
    state: State,
) -> Result<(RevisionId, Deployment), Problem> {
    let changed = change_to(api, app, |active| {
        let active = active.ok_or_else(|| Problem::not_found(format!("app {}", app.app)))?;
        let changed = active.with_state(workflow, state);
        changed.ok_or_else(|| Problem::not_found(format!("workflow {workflow}")))
    });
    changed.await
}
