//! Triggers of deployed workflows that fire of their own accord: each is an orchestration of its app
//! ([`weft_workflow::trigger`]), and this is what the node does for them.
//!
//! Owns which of these orchestrations there are, and what they ask of the node. Invariant: the
//! triggers of an app's active revision are watched, and no others, as soon as everybody who was told
//! of a change has looked; a node that was stopped in between puts it right when it starts.

mod serve;
mod watching;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use weft_api::{Deciders, DeployedWorkflow};
use weft_id::{AppId, InstanceId, InstanceKey};
use weft_orchestration::{Limits, Message, Payload, Replay, Start, Status};
use weft_store::{
    Error, Filter, IdReuse, NewInstance, PageRequest, RevisionId, Store, fill_in_within,
    filled_instances,
};
use weft_worker::Clock;
use weft_workflow::definition::Kind;
use weft_workflow::program::Trigger;
use weft_workflow::trigger::{
    Entry, FIRE_EVENT, LOOK_EVENT, Told, WATCH, Watch, WatchState, is_watched, watch_id,
};

use crate::deployments::Deployments;
use crate::vault::Vaults;
use crate::workflows::Workflows;

pub(crate) use watching::Watching;

/// Between two looks at all apps, for what this node was not told.
const SWEEP: Duration = Duration::from_secs(60);
/// Instances that are read at a time.
const PAGE: u32 = 500;
/// Bytes of long payloads in the history of a trigger that is looked at.
const HISTORY_BYTES_MAX: usize = 256 << 20;

pub(crate) struct Triggers {
    pub(crate) store: Arc<dyn Store>,
    /// Holds the runs of stateless workflows; their triggers are as durable as all others.
    pub(crate) stateless: Arc<dyn Store>,
    pub(crate) deployments: Arc<Deployments>,
    pub(crate) workflows: Arc<Workflows>,
    pub(crate) vaults: Arc<Vaults>,
    pub(crate) clock: Arc<dyn Clock>,
    /// Who waits for what comes of a firing.
    pub(crate) deciders: Deciders,
    /// Scheme and authority of the data plane.
    pub(crate) origin: String,
    /// Those that the worker runs orchestrations with.
    pub(crate) limits: Limits,
}

/// A trigger that is to be watched.
struct Wanted {
    workflow: String,
    trigger: String,
    stateless: bool,
}

impl Triggers {
    /// Begins to watch the triggers of an app's active revision that nobody watches, and tells those
    /// that are watched as they were in another one.
    ///
    /// # Errors
    /// The store's. What is not done then is done by the next call.
    pub(crate) async fn reconcile(&self, app: &AppId) -> Result<(), Error> {
        let Some((revision, deployment)) = self.deployments.revision(app, None).await? else {
            return Ok(());
        };
        let mut wanted = BTreeMap::new();
        for name in deployment.workflows().keys() {
            let found = self
                .workflows
                .find(app, Some(revision), name.as_str())
                .await?;
            // What cannot be run was refused, or is told of by whoever starts it.
            if let Some(Ok(deployed)) = found {
                wanted.extend(watched(&deployed));
            }
        }
        let base_url = self.base_url(app);
        let access_keys = self.vaults.access_keys(app).await?;
        let access_key = |workflow: &str| access_keys.get(workflow).cloned().unwrap_or_default();
        for (id, state) in self.watching(app).await? {
            let known = wanted.remove(&id).is_some();
            let current = state.is_some_and(|state| {
                state.revision == revision.0
                    && state.base_url == base_url
                    && state.access_key == access_key(&state.workflow)
            });
            if !known || !current {
                self.tell(app, &id, LOOK_EVENT, Payload::null()).await?;
            }
        }
        for (id, wanted) in wanted {
            let (workflow, trigger) = (&wanted.workflow, &wanted.trigger);
            let mut state = WatchState::new(workflow, trigger, revision.0, &base_url);
            state.stateless = wanted.stateless;
            state.access_key = access_key(workflow);
            // What was before stays in the history of a trigger that is back.
            if let Some(mut entries) = self.histories(app, workflow, trigger).await? {
                entries.reverse();
                state.entries = entries.into();
            }
            self.watch(app, id, &state).await?;
        }
        Ok(())
    }

    /// Fires a trigger that is watched. When this returns, it is kept that it was fired.
    ///
    /// # Errors
    /// [`Error::NotFound`] where there is no such trigger, or none that is watched.
    pub(crate) async fn fire(
        &self,
        app: &AppId,
        workflow: &str,
        trigger: &str,
        told: &Told,
    ) -> Result<(), Error> {
        let Some(deployed) = self.deployed(app, None, workflow).await? else {
            return Err(Error::NotFound);
        };
        let mut triggers = deployed.program.triggers().iter();
        if deployed.is_disabled() {
            return Err(Error::NotFound);
        }
        let own = |own: &&Trigger| is_watched(own) && own.name.eq_ignore_ascii_case(trigger);
        let trigger = triggers.find(own).ok_or(Error::NotFound)?;
        let id = id_of(&deployed.settings.workflow, &trigger.name);
        let text = serde_json::to_string(told).map_err(|error| Error::Broken {
            reason: format!("what {workflow} was told cannot be written: {error}"),
        })?;
        match self.store_event(app, &id, &text).await {
            // Nobody watches yet: the node was stopped between a deployment and this.
            Err(Error::NotFound | Error::Ended { .. }) => {
                self.reconcile(app).await?;
                self.store_event(app, &id, &text).await
            }
            other => other,
        }
    }

    /// What became of the last firings of a trigger, the newest first. `None` where nobody watches
    /// it.
    ///
    /// # Errors
    /// The store's.
    pub(crate) async fn histories(
        &self,
        app: &AppId,
        workflow: &str,
        trigger: &str,
    ) -> Result<Option<Vec<Entry>>, Error> {
        let key = InstanceKey::new(app.clone(), id_of(workflow, trigger));
        let Some(instance) = self.store.instance(&key).await? else {
            return Ok(None);
        };
        let filled = filled_instances(&*self.store, vec![instance]).await?;
        let Some(instance) = filled.into_iter().next() else {
            return Ok(None);
        };
        let Ok(state) = WatchState::read(instance.input.text().unwrap_or_default()) else {
            return Ok(None);
        };
        let mut recorded = self.store.history(&key, 0, u64::MAX).await?;
        fill_in_within(&*self.store, &mut recorded, HISTORY_BYTES_MAX).await?;
        let revision = RevisionId(state.revision);
        let deployed = self.deployed(app, Some(revision), &state.workflow).await?;
        let mut entries = match deployed {
            Some(deployed) if !recorded.events.is_empty() => {
                let replay = Replay::new(key.id, recorded.events, self.limits);
                let program = Arc::clone(&deployed.program);
                let mut watch = Watch::new(program, Arc::clone(&deployed.settings), replay);
                watch.turn(Vec::new(), self.clock.now());
                watch.state().entries.clone()
            }
            _ => state.entries,
        };
        entries.make_contiguous().reverse();
        Ok(Some(entries.into()))
    }

    /// What callback URLs of an app begin with.
    pub(crate) fn base_url(&self, app: &AppId) -> String {
        format!("{}{}", self.origin, weft_api::base_path(app))
    }

    async fn deployed(
        &self,
        app: &AppId,
        revision: Option<RevisionId>,
        workflow: &str,
    ) -> Result<Option<Arc<DeployedWorkflow>>, Error> {
        let found = self.workflows.find(app, revision, workflow).await?;
        Ok(found.and_then(Result::ok))
    }

    /// The orchestrations of an app that watch triggers, with their states where they can be read.
    async fn watching(&self, app: &AppId) -> Result<Vec<(InstanceId, Option<WatchState>)>, Error> {
        let open = Status::ALL
            .into_iter()
            .filter(|status| !status.is_terminal());
        let filter = Filter {
            statuses: open.collect(),
            name: Some(WATCH.to_owned()),
            ..Filter::default()
        };
        let mut found = Vec::new();
        let mut after = None;
        loop {
            let request = PageRequest { limit: PAGE, after };
            let page = self.store.instances(app, &filter, &request).await?;
            // One at a time: each may be very long.
            for instance in page.instances {
                let filled = filled_instances(&*self.store, vec![instance]).await?;
                found.extend(filled.into_iter().map(|instance| {
                    let state = WatchState::read(instance.input.text().unwrap_or_default()).ok();
                    (instance.key.id, state)
                }));
            }
            after = page.next;
            if after.is_none() {
                return Ok(found);
            }
        }
    }

    async fn watch(&self, app: &AppId, id: InstanceId, state: &WatchState) -> Result<(), Error> {
        let execution = weft_id::ExecutionId::from_u128(rand::random());
        let input = Payload::from(state.to_text());
        let new = NewInstance {
            key: InstanceKey::new(app.clone(), id),
            start: Start::new(execution, WATCH.to_owned(), input),
            reuse: IdReuse::ended(),
            now: self.clock.now(),
        };
        match self.store.create(new).await {
            // Another node was faster.
            Err(Error::AlreadyExists { .. }) => Ok(()),
            other => other,
        }
    }

    async fn tell(
        &self,
        app: &AppId,
        id: &InstanceId,
        event: &str,
        payload: Payload,
    ) -> Result<(), Error> {
        let key = InstanceKey::new(app.clone(), id.clone());
        let name = event.to_owned();
        let message = Message::Event { name, payload };
        match self.store.send(&key, message, self.clock.now()).await {
            // It has ended meanwhile, which is as good.
            Err(Error::NotFound | Error::Ended { .. }) => Ok(()),
            other => other,
        }
    }

    async fn store_event(&self, app: &AppId, id: &InstanceId, text: &str) -> Result<(), Error> {
        let key = InstanceKey::new(app.clone(), id.clone());
        let message = Message::Event {
            name: FIRE_EVENT.to_owned(),
            payload: Payload::from(text.to_owned()),
        };
        self.store.send(&key, message, self.clock.now()).await
    }
}

fn watched(deployed: &DeployedWorkflow) -> Vec<(InstanceId, Wanted)> {
    let workflow = &deployed.settings.workflow;
    let triggers = deployed.program.triggers().iter();
    let enabled = !deployed.is_disabled();
    let triggers = triggers.filter(|trigger| enabled && is_watched(trigger));
    triggers
        .map(|trigger| {
            let wanted = Wanted {
                workflow: workflow.clone(),
                trigger: trigger.name.to_string(),
                stateless: deployed.workflow.kind == Kind::Stateless,
            };
            (id_of(workflow, &trigger.name), wanted)
        })
        .collect()
}

fn id_of(workflow: &str, trigger: &str) -> InstanceId {
    let id = watch_id(workflow, trigger).parse();
    id.expect("it is made of what an id may hold")
}

/// Looks after the triggers of all apps until `stopping` says so.
pub(crate) async fn keep(triggers: Arc<Triggers>, mut stopping: watch::Receiver<bool>) {
    loop {
        tokio::select! {
            () = sweep(&triggers) => {}
            _ = stopping.changed() => return,
        }
        tokio::select! {
            () = tokio::time::sleep(SWEEP) => {}
            _ = stopping.changed() => return,
        }
    }
}

async fn sweep(triggers: &Triggers) {
    let apps = match triggers.store.all_apps().await {
        Ok(apps) => apps,
        Err(error) => {
            tracing::warn!(%error, "the triggers of workflows cannot be looked after now");
            return;
        }
    };
    for app in apps {
        if let Err(error) = triggers.reconcile(&app).await {
            tracing::warn!(%app, %error, "the triggers of its workflows cannot be looked after now");
        }
    }
}
