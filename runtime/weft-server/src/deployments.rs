//! What is deployed, parsed once and kept at hand.
//!
//! The active revision of each app that was asked for stays in memory; other revisions, which
//! running instances are pinned to, are kept as long as there is room. Revisions never change, so
//! only which one is active can be outdated, and [`Deployments::reload`] is called before anybody
//! is told of a change.

use std::collections::HashMap;
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::{Duration, Instant};

use lru::LruCache;
use weft_app::{Deployment, FunctionKind};
use weft_id::{AppId, Function};
use weft_sandbox::Invocation;
use weft_store::{Error, RevisionId, Store};
use weft_telemetry::{FunctionMetrics, Metrics};
use weft_trigger::AppRoutes;

const ABSENT_MAX: NonZeroUsize = NonZeroUsize::new(4096).expect("not zero");
/// Short, since an app may appear by other ways than this process.
const ABSENT_FOR: Duration = Duration::from_secs(1);
const REVISIONS_MAX: NonZeroUsize = NonZeroUsize::new(512).expect("not zero");

pub(crate) struct Deployments {
    store: Arc<dyn Store>,
    metrics: Arc<Metrics>,
    active: RwLock<HashMap<AppId, Arc<Active>>>,
    /// Names that were asked for in vain, and until when that is believed: a flood of them must
    /// not hold up whoever loads an app.
    absent: Mutex<LruCache<AppId, Instant>>,
    revisions: Mutex<LruCache<(AppId, RevisionId), Arc<Deployment>>>,
    /// Held from reading which revision is active until it is kept, so that an older answer never
    /// replaces a newer one.
    loading: tokio::sync::Mutex<()>,
}

/// An app's active revision.
pub(crate) struct Active {
    pub(crate) id: RevisionId,
    pub(crate) deployment: Arc<Deployment>,
    pub(crate) routes: Arc<AppRoutes>,
    pub(crate) metrics: HashMap<Function, FunctionMetrics>,
}

impl Deployments {
    pub(crate) fn new(store: Arc<dyn Store>, metrics: Arc<Metrics>) -> Self {
        Self {
            store,
            metrics,
            active: RwLock::default(),
            absent: Mutex::new(LruCache::new(ABSENT_MAX)),
            revisions: Mutex::new(LruCache::new(REVISIONS_MAX)),
            loading: tokio::sync::Mutex::default(),
        }
    }

    /// The active revision of an app; `None` where there is no such app.
    pub(crate) async fn active(&self, app: &AppId) -> Result<Option<Arc<Active>>, Error> {
        if let Some(active) = self.known(app) {
            return Ok(Some(active));
        }
        if self.is_absent(app) {
            return Ok(None);
        }
        if self.store.active_revision(app).await?.is_none() {
            self.absent().put(app.clone(), Instant::now() + ABSENT_FOR);
            return Ok(None);
        }
        let _loading = self.loading.lock().await;
        match self.known(app) {
            Some(active) => Ok(Some(active)),
            None => self.load(app).await,
        }
    }

    fn is_absent(&self, app: &AppId) -> bool {
        let until = self.absent().get(app).copied();
        until.is_some_and(|until| Instant::now() < until)
    }

    fn absent(&self) -> std::sync::MutexGuard<'_, LruCache<AppId, Instant>> {
        self.absent.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The active revision where it is in memory.
    pub(crate) fn known(&self, app: &AppId) -> Option<Arc<Active>> {
        let active = self.active.read().unwrap_or_else(PoisonError::into_inner);
        active.get(app).cloned()
    }

    /// Reads again which revision of an app is active.
    pub(crate) async fn reload(&self, app: &AppId) -> Result<(), Error> {
        let _loading = self.loading.lock().await;
        self.load(app).await.map(|_| ())
    }

    /// Drops what is kept of an app, so that whoever asks for it next reads it.
    pub(crate) fn forget(&self, app: &AppId) {
        let mut all = self.active.write().unwrap_or_else(PoisonError::into_inner);
        all.remove(app);
        self.forget_revisions(app);
    }

    /// What a function of an app is run with; of the given revision, else of the active one.
    /// `None` where there is no such function.
    pub(crate) async fn find(
        &self,
        app: &AppId,
        revision: Option<RevisionId>,
        name: &str,
        kind: FunctionKind,
    ) -> Result<Option<(RevisionId, Invocation)>, Error> {
        let Some((id, deployment)) = self.revision(app, revision).await? else {
            return Ok(None);
        };
        let Some(function) = deployment.function(name, kind) else {
            return Ok(None);
        };
        let component = deployment.component_of(function);
        let component = component.and_then(|entry| entry.digest.parse().ok());
        let component = component.ok_or_else(|| Error::Broken {
            reason: format!("revision {id} of {app} names no component of {name}"),
        })?;
        let invocation = Invocation {
            app: app.clone(),
            function: Arc::new(function.clone()),
            component,
            instance: None,
        };
        Ok(Some((id, invocation)))
    }

    /// A revision of an app; the active one where none is named.
    pub(crate) async fn revision(
        &self,
        app: &AppId,
        id: Option<RevisionId>,
    ) -> Result<Option<(RevisionId, Arc<Deployment>)>, Error> {
        let active = self.active(app).await?;
        let Some(id) = id else {
            return Ok(active.map(|active| (active.id, Arc::clone(&active.deployment))));
        };
        if let Some(active) = active.filter(|active| active.id == id) {
            return Ok(Some((id, Arc::clone(&active.deployment))));
        }
        let key = (app.clone(), id);
        if let Some(deployment) = self.kept().get(&key) {
            return Ok(Some((id, Arc::clone(deployment))));
        }
        let Some(revision) = self.store.revision(app, id).await? else {
            return Ok(None);
        };
        let deployment = Arc::new(parse(app, &revision)?);
        self.kept().put(key, Arc::clone(&deployment));
        Ok(Some((id, deployment)))
    }

    async fn load(&self, app: &AppId) -> Result<Option<Arc<Active>>, Error> {
        let revision = self.store.active_revision(app).await?;
        let active = match &revision {
            Some(revision) => Some(Arc::new(self.prepare(app, revision)?)),
            None => None,
        };
        let mut all = self.active.write().unwrap_or_else(PoisonError::into_inner);
        match &active {
            Some(active) => {
                self.absent().pop(app);
                all.insert(app.clone(), Arc::clone(active));
            }
            None => {
                all.remove(app);
                self.forget_revisions(app);
            }
        }
        Ok(active)
    }

    /// Revisions are numbered anew when an app that was deleted is deployed again.
    fn forget_revisions(&self, app: &AppId) {
        let mut kept = self.kept();
        let of_app = kept.iter().filter(|((of, _), _)| of == app);
        let gone: Vec<_> = of_app.map(|(key, _)| key.clone()).collect();
        for key in gone {
            kept.pop(&key);
        }
    }

    fn prepare(&self, app: &AppId, revision: &weft_store::Revision) -> Result<Active, Error> {
        let deployment = parse(app, revision)?;
        let (tenant, name) = (app.tenant.as_str(), app.app.as_str());
        let http = deployment.http_routes();
        let metrics = http.map(|(function, _, _)| {
            let metrics = self.metrics.function(tenant, name, function.name.as_str());
            (function.name.clone(), metrics)
        });
        Ok(Active {
            id: revision.id,
            metrics: metrics.collect(),
            routes: Arc::new(AppRoutes::new(app, &deployment)),
            deployment: Arc::new(deployment),
        })
    }

    fn kept(&self) -> std::sync::MutexGuard<'_, LruCache<(AppId, RevisionId), Arc<Deployment>>> {
        let kept = self.revisions.lock();
        kept.unwrap_or_else(PoisonError::into_inner)
    }
}

fn parse(app: &AppId, revision: &weft_store::Revision) -> Result<Deployment, Error> {
    Deployment::from_json(revision.deployment.text().unwrap_or_default()).map_err(|error| {
        Error::Broken {
            reason: format!("revision {} of {app} cannot be read: {error}", revision.id),
        }
    })
}

#[cfg(test)]
mod tests {
    use weft_orchestration::{Payload, Timestamp};
    use weft_store::{Apps as _, MemoryStore, NewRevision};

    use super::*;

    #[tokio::test]
    async fn an_app_that_was_asked_for_in_vain_is_served_as_soon_as_it_is_there() {
        let store = Arc::new(MemoryStore::new());
        let deployments = Deployments::new(store.clone(), Arc::default());
        let app = AppId::default();
        assert!(deployments.active(&app).await.unwrap().is_none());
        assert!(deployments.is_absent(&app), "the next one asks nobody");
        let revision = NewRevision {
            expected: None,
            deployment: Payload::from(Deployment::default().to_json()),
            now: Timestamp::default(),
        };
        store.append_revision(&app, revision).await.unwrap();
        deployments.reload(&app).await.unwrap();
        assert!(deployments.active(&app).await.unwrap().is_some());
        assert!(!deployments.is_absent(&app));
    }
}
