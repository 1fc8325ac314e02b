//! What tenants keep, within what their quotas allow.
//!
//! The store is the truth. What a tenant keeps is counted there when that has to be known, and what
//! is written after that is added here, at most as much as is added there. Only when the sum passes
//! the quota it is counted again, and a write is refused where that did not help. So a tenant
//! without such quotas costs one look-up, one far from its bounds costs an addition, and what was
//! removed by whatever way is room again.

mod bounded;

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde::de::DeserializeOwned;
use tokio::sync::watch;
use weft_api::Kept;
use weft_app::{Deployment, Grants, Quota};
use weft_id::{AppId, Tenant};
use weft_orchestration::Payload;
use weft_sandbox::Metering;
use weft_store::{Error, Store};

pub(crate) use bounded::Bounded;

/// Counting takes at most this part of the time.
const PART: u32 = 10;
/// Counting that takes no longer is worth no pause after something was removed.
const SHORT: Duration = Duration::from_millis(10);
const WATCH_PAUSE: Duration = Duration::from_secs(30);

/// What is kept of each tenant, as far as it is known.
pub(crate) struct Quotas {
    store: Arc<dyn Store>,
    metering: Metering,
    tenants: Mutex<HashMap<Tenant, Arc<OfTenant>>>,
}

#[derive(Default)]
struct OfTenant {
    known: Mutex<Known>,
    /// Held while it is counted, and while what is deployed is changed.
    counting: tokio::sync::Mutex<()>,
}

#[derive(Default)]
struct Known {
    /// Counted, with what was added since; none where it was never counted.
    kept: Option<Kept>,
    counted_at: Option<Instant>,
    took: Duration,
    /// Something was removed since it was counted.
    stale: bool,
}

impl OfTenant {
    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Known {
    /// Adds to what is known, where that stays within the quota.
    fn add(&mut self, more: Kept, quota: &Quota) -> Result<(), Error> {
        let kept = self.kept.ok_or(Error::NotFound)?;
        let sum = sum(kept, more);
        check(sum, more, quota)?;
        self.kept = Some(sum);
        Ok(())
    }

    fn may_count(&self) -> bool {
        // What was removed is worth a look, but one that takes long is not half of all time.
        let pause = match self.stale {
            true => self.took.saturating_sub(SHORT) * 2,
            false => self.took * PART,
        };
        self.counted_at.is_none_or(|at| at.elapsed() >= pause)
    }
}

fn sum(a: Kept, b: Kept) -> Kept {
    Kept {
        functions: a.functions.saturating_add(b.functions),
        stored_bytes: a.stored_bytes.saturating_add(b.stored_bytes),
        instances: a.instances.saturating_add(b.instances),
        history_bytes: a.history_bytes.saturating_add(b.history_bytes),
    }
}

fn added(before: Kept, now: Kept) -> Kept {
    Kept {
        functions: now.functions.saturating_sub(before.functions),
        stored_bytes: now.stored_bytes.saturating_sub(before.stored_bytes),
        instances: now.instances.saturating_sub(before.instances),
        history_bytes: now.history_bytes.saturating_sub(before.history_bytes),
    }
}

/// Only what grows is checked: who is over a quota that was lowered may go on with the rest.
fn check(sum: Kept, more: Kept, quota: &Quota) -> Result<(), Error> {
    for (name, more, sum, max) in [
        ("functions", more.functions, sum.functions, quota.functions),
        (
            "stored_bytes",
            more.stored_bytes,
            sum.stored_bytes,
            quota.stored_bytes,
        ),
        ("instances", more.instances, sum.instances, quota.instances),
        (
            "history_bytes",
            more.history_bytes,
            sum.history_bytes,
            quota.history_bytes,
        ),
    ] {
        if let Some(max) = max
            && more > 0
            && sum > max
        {
            return Err(Error::QuotaExceeded { quota: name, max });
        }
    }
    Ok(())
}

fn is_bounded(quota: &Quota) -> bool {
    quota.functions.is_some()
        || quota.stored_bytes.is_some()
        || quota.instances.is_some()
        || quota.history_bytes.is_some()
}

impl Quotas {
    pub(crate) fn new(store: Arc<dyn Store>, metering: Metering) -> Self {
        Self {
            store,
            metering,
            tenants: Mutex::default(),
        }
    }

    /// Takes over the terms of all tenants, or of the one whose terms have changed.
    pub(crate) async fn read_terms(&self, changed: Option<&Tenant>) -> Result<(), Error> {
        let all = self.store.terms().await?;
        if let Some(tenant) = changed
            && all.iter().all(|(other, _)| other != tenant)
        {
            self.metering.set_quota(tenant, Quota::default());
            self.metering.set_grants(tenant, &Grants::default());
        }
        for (tenant, terms) in all {
            if changed.is_none_or(|changed| *changed == tenant) {
                self.metering.set_quota(&tenant, read(terms.quota)?);
                self.metering.set_grants(&tenant, &read(terms.grants)?);
            }
        }
        if let Some(tenant) = changed
            && !self.store.has_tenant(tenant).await?
        {
            self.metering.forget(tenant);
            self.tenants().remove(tenant);
        }
        Ok(())
    }

    /// Makes room for what is about to be written.
    ///
    /// # Errors
    /// [`Error::QuotaExceeded`]; the store's.
    pub(crate) async fn reserve(&self, tenant: &Tenant, more: Kept) -> Result<(), Error> {
        let quota = self.metering.of(tenant).quota();
        if !is_bounded(&quota) {
            return Ok(());
        }
        let of = self.of(tenant);
        if of.known().add(more, &quota).is_ok() {
            return Ok(());
        }
        let _counting = of.counting.lock().await;
        let refused = match of.known().add(more, &quota) {
            Ok(()) => return Ok(()),
            Err(refused) => refused,
        };
        if !of.known().may_count() {
            return Err(refused);
        }
        self.count(tenant, &of).await?;
        of.known().add(more, &quota)
    }

    /// Whether there is room, which is taken later.
    ///
    /// # Errors
    /// As [`Self::reserve`].
    pub(crate) async fn has_room(&self, tenant: &Tenant, stored_bytes: u64) -> Result<(), Error> {
        let more = Kept {
            stored_bytes,
            ..Kept::default()
        };
        self.reserve(tenant, more).await?;
        if let Some(kept) = &mut self.of(tenant).known().kept {
            kept.stored_bytes = kept.stored_bytes.saturating_sub(stored_bytes);
        }
        Ok(())
    }

    /// Whether starts and turns of the tenant have to be counted at all.
    fn bounds_histories(&self, tenant: &Tenant) -> bool {
        let quota = self.metering.of(tenant).quota();
        quota.instances.is_some() || quota.history_bytes.is_some()
    }

    /// Something of the tenant was removed.
    pub(crate) fn removed(&self, tenant: &Tenant) {
        let of = self.tenants().get(tenant).cloned();
        if let Some(of) = of {
            of.known().stale = true;
        }
    }

    /// Lets `deploy` take place where the tenant may have what it makes active and keeps besides.
    ///
    /// # Errors
    /// As [`Self::reserve`], and those of `deploy`.
    async fn deploy<T>(
        &self,
        app: &AppId,
        deployment: &Payload,
        deploy: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, Error> {
        let quota = self.metering.of(&app.tenant).quota();
        if quota.functions.is_none() && quota.stored_bytes.is_none() {
            return deploy.await;
        }
        let of = self.of(&app.tenant);
        let _counting = of.counting.lock().await;
        let new = parse(deployment)?;
        let mut inventory = self.inventory(&app.tenant).await?;
        let before = (inventory.functions(), inventory.bytes());
        inventory.active.insert(app.clone(), functions_of(&new));
        inventory.add_components(&new);
        let more = Kept {
            functions: inventory.functions().saturating_sub(before.0),
            stored_bytes: inventory.bytes().saturating_sub(before.1),
            ..Kept::default()
        };
        let data_bytes = match quota.stored_bytes {
            Some(_) => self.store.stored(&app.tenant).await?.data_bytes,
            None => 0,
        };
        let sum = Kept {
            functions: inventory.functions(),
            stored_bytes: inventory.bytes().saturating_add(data_bytes),
            ..Kept::default()
        };
        check(sum, more, &quota)?;
        let done = deploy.await?;
        of.known().stale = true;
        if let Some(kept) = &mut of.known().kept {
            (kept.functions, kept.stored_bytes) = (sum.functions, sum.stored_bytes);
        }
        Ok(done)
    }

    /// What a tenant keeps, counted now unless that was done a moment ago.
    pub(crate) async fn kept(&self, tenant: &Tenant) -> Result<Kept, Error> {
        let of = self.of(tenant);
        let _counting = of.counting.lock().await;
        let fresh = {
            let known = of.known();
            known.kept.filter(|_| !known.may_count())
        };
        match fresh {
            Some(kept) => Ok(kept),
            None => self.count(tenant, &of).await,
        }
    }

    /// What was counted last, for whoever cannot wait.
    pub(crate) fn last_known(&self) -> Vec<(Tenant, Kept)> {
        let tenants = self.tenants();
        let known = tenants
            .iter()
            .filter_map(|(tenant, of)| Some((tenant.clone(), of.known().kept?)));
        known.collect()
    }

    async fn count(&self, tenant: &Tenant, of: &OfTenant) -> Result<Kept, Error> {
        let started = Instant::now();
        let before = {
            let mut known = of.known();
            known.stale = false;
            known.kept
        };
        let stored = self.store.stored(tenant).await?;
        let inventory = self.inventory(tenant).await?;
        let counted = Kept {
            functions: inventory.functions(),
            stored_bytes: inventory.bytes().saturating_add(stored.data_bytes),
            instances: stored.instances,
            history_bytes: stored.history_bytes,
        };
        let mut known = of.known();
        // What was added meanwhile may have been missed by the counting.
        let added = before
            .zip(known.kept)
            .map(|(before, now)| added(before, now));
        let kept = sum(counted, added.unwrap_or_default());
        known.kept = Some(kept);
        known.took = started.elapsed();
        known.counted_at = Some(Instant::now());
        Ok(kept)
    }

    async fn inventory(&self, tenant: &Tenant) -> Result<Inventory, Error> {
        let mut inventory = Inventory::default();
        for app in self.store.apps(tenant).await? {
            for revision in self.store.revisions(&app).await? {
                let deployment = parse(&revision.deployment)?;
                if revision.active {
                    let functions = functions_of(&deployment);
                    inventory.active.insert(app.clone(), functions);
                }
                inventory.add_components(&deployment);
            }
        }
        Ok(inventory)
    }

    fn of(&self, tenant: &Tenant) -> Arc<OfTenant> {
        let mut tenants = self.tenants();
        if let Some(of) = tenants.get(tenant) {
            return Arc::clone(of);
        }
        Arc::clone(tenants.entry(tenant.clone()).or_default())
    }

    fn tenants(&self) -> MutexGuard<'_, HashMap<Tenant, Arc<OfTenant>>> {
        self.tenants.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Counts now and then what tenants keep that were called, for whoever looks at figures. Runs until
/// `stopping` says so.
pub(crate) async fn watch(
    quotas: Arc<Quotas>,
    metering: Metering,
    mut stopping: watch::Receiver<bool>,
) {
    loop {
        let started = Instant::now();
        for (tenant, _) in metering.all() {
            let counted = tokio::select! {
                counted = quotas.kept(&tenant) => counted,
                _ = stopping.changed() => return,
            };
            if let Err(error) = counted {
                tracing::warn!(%tenant, %error, "what a tenant keeps cannot be counted now");
            }
        }
        let pause = WATCH_PAUSE.max(started.elapsed() * PART * PART);
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            _ = stopping.changed() => return,
        }
    }
}

/// What is deployed of a tenant.
#[derive(Default)]
struct Inventory {
    /// Functions and workflows of the active revisions.
    active: BTreeMap<AppId, u64>,
    /// Lengths by digest; one that several revisions have is kept once.
    components: BTreeMap<String, u64>,
}

impl Inventory {
    fn add_components(&mut self, deployment: &Deployment) {
        let entries = deployment.components().values();
        self.components
            .extend(entries.map(|entry| (entry.digest.clone(), entry.size)));
    }

    fn functions(&self) -> u64 {
        self.active.values().sum()
    }

    fn bytes(&self) -> u64 {
        self.components.values().sum()
    }
}

fn functions_of(deployment: &Deployment) -> u64 {
    (deployment.functions().len() + deployment.workflows().len()) as u64
}

fn parse(deployment: &Payload) -> Result<Deployment, Error> {
    let text = deployment.text().unwrap_or_default();
    Deployment::from_json(text).map_err(|error| Error::Broken {
        reason: format!("a deployment cannot be read: {error}"),
    })
}

fn read<T: DeserializeOwned + Default>(stored: Option<Payload>) -> Result<T, Error> {
    let Some(stored) = stored else {
        return Ok(T::default());
    };
    let text = stored.text().unwrap_or_default();
    serde_json::from_str(text).map_err(|error| Error::Broken {
        reason: format!("terms of a tenant cannot be read: {error}"),
    })
}

#[cfg(test)]
mod tests {
    use weft_orchestration::Timestamp;
    use weft_store::{Apps as _, Blobs as _, Family, SetTerms};
    use weft_store::{
        IdReuse, Instances as _, KeyValue as _, MemoryStore, NewInstance, NewRevision,
    };

    use super::*;

    async fn bounded(quota: Quota) -> (Bounded, AppId) {
        let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
        let app = AppId::default();
        let terms = SetTerms::Quota(Some(Payload::from(quota.to_json())));
        store.set_terms(&app.tenant, terms).await.unwrap();
        let quotas = Quotas::new(Arc::clone(&store), Metering::default());
        quotas.read_terms(None).await.unwrap();
        let quotas = Arc::new(quotas);
        let inner = store;
        (Bounded { inner, quotas }, app)
    }

    fn exceeded(result: Result<impl std::fmt::Debug, Error>) -> &'static str {
        match result {
            Err(Error::QuotaExceeded { quota, .. }) => quota,
            other => panic!("{other:?}"),
        }
    }

    async fn start(store: &Bounded, app: &AppId, id: &str, input: &str) -> Result<(), Error> {
        let execution = weft_id::ExecutionId::from_u128(1);
        let new = NewInstance {
            key: weft_id::InstanceKey::new(app.clone(), id.parse().unwrap()),
            start: weft_orchestration::Start::new(execution, "o", Payload::from(input)),
            reuse: IdReuse::ended(),
            now: Timestamp::default(),
        };
        store.create(new).await
    }

    #[tokio::test]
    async fn no_more_data_is_kept_than_the_quota_allows_and_what_goes_makes_room() {
        let quota = Quota {
            stored_bytes: Some(100),
            ..Quota::default()
        };
        let (store, app) = bounded(quota).await;
        let set = |key: &'static str, len| store.kv_set(&app, "b", key, &[0; 200][..len]);
        set("a", 60).await.unwrap();
        // Overwriting is no addition, although it looks like one until it is counted.
        set("a", 60).await.unwrap();
        assert_eq!(exceeded(set("b", 60).await), "stored_bytes");
        assert_eq!(store.kv_get(&app, "b", "b").await.unwrap(), None);
        set("c", 30).await.unwrap();
        store.kv_delete(&app, "b", "a").await.unwrap();
        set("b", 60).await.unwrap();
        // Another tenant has room of its own.
        let other = AppId::new("other".parse().unwrap(), app.app.clone());
        store.kv_set(&other, "b", "a", &[0; 200]).await.unwrap();
    }

    #[tokio::test]
    async fn objects_are_among_what_is_kept() {
        let quota = Quota {
            stored_bytes: Some(1000),
            ..Quota::default()
        };
        let (store, app) = bounded(quota).await;
        let now = Timestamp::default();
        store.create_container(&app, "c", now).await.unwrap();
        let put = |name: &str, begun, len| {
            let new = weft_store::NewBlob {
                container: "c".to_owned(),
                name: name.to_owned(),
                begun,
                rest: vec![0; len],
                now,
            };
            store.put_blob(&app, new)
        };
        put("a", None, 600).await.unwrap();
        assert_eq!(exceeded(put("b", None, 600).await), "stored_bytes");
        // What it replaces makes room.
        put("a", None, 700).await.unwrap();
        // Parts count before the object is there.
        let begun = store.begin_blob(&app).await.unwrap();
        let append = |part, len| store.append_blob(&app, begun, part, vec![0; len]);
        append(0, 200).await.unwrap();
        assert_eq!(exceeded(append(1, 200).await), "stored_bytes");
        let set = store.kv_set(&app, "b", "k", &[0; 200]).await;
        assert_eq!(exceeded(set), "stored_bytes");
        store.give_up_blob(&app, begun);
        store.kv_set(&app, "b", "k", &[0; 200]).await.unwrap();
        store.delete_container(&app, "c").await.unwrap();
        store.kv_set(&app, "b", "l", &[0; 700]).await.unwrap();
    }

    #[tokio::test]
    async fn instances_and_what_they_hold_are_bounded() {
        let quota = Quota {
            instances: Some(2),
            history_bytes: Some(1000),
            ..Quota::default()
        };
        let (store, app) = bounded(quota).await;
        start(&store, &app, "a", "1").await.unwrap();
        let long = format!("\"{}\"", "x".repeat(2000));
        assert_eq!(
            exceeded(start(&store, &app, "b", &long).await),
            "history_bytes"
        );
        start(&store, &app, "b", "1").await.unwrap();
        assert_eq!(exceeded(start(&store, &app, "c", "1").await), "instances");
        let key = weft_id::InstanceKey::new(app.clone(), "a".parse().unwrap());
        let event = |payload: &str| weft_orchestration::Message::Event {
            name: "e".to_owned(),
            payload: Payload::from(payload),
        };
        let now = Timestamp::default();
        let sent = store.send(&key, event(&long), now).await;
        assert_eq!(exceeded(sent), "history_bytes");
        store.send(&key, event("1"), now).await.unwrap();
        let refused = store.purge(&key, Family::Stays).await;
        assert!(
            matches!(refused, Err(Error::StillOpen { .. })),
            "{refused:?}"
        );
        store.inner.delete_app(&app).await.unwrap_err();
    }

    #[tokio::test]
    async fn functions_and_components_are_counted_when_they_are_deployed() {
        let quota = Quota {
            functions: Some(2),
            stored_bytes: Some(100),
            ..Quota::default()
        };
        let (store, app) = bounded(quota).await;
        let deployment = |names: &[&str], digest: &str, size: u64| {
            let functions = names
                .iter()
                .map(|name| serde_json::json!({"name": name, "kind": "activity", "methods": []}));
            let functions: Vec<_> = functions.collect();
            let entry = serde_json::json!({
                "digest": digest.repeat(64), "size": size, "functions": functions,
            });
            let entry = serde_json::from_value(entry).unwrap();
            let components = BTreeMap::from([("c".parse().unwrap(), entry)]);
            let deployment = Deployment::new(components, BTreeMap::new()).unwrap();
            Payload::from(deployment.to_json())
        };
        let deploy = async |expected: Option<u32>, deployment| {
            let new = NewRevision {
                expected: expected.map(weft_store::RevisionId),
                deployment,
                now: Timestamp::default(),
            };
            store.append_revision(&app, new).await
        };
        let three = deployment(&["a", "b", "c"], "0", 1);
        assert_eq!(exceeded(deploy(None, three).await), "functions");
        deploy(None, deployment(&["a", "b"], "0", 60))
            .await
            .unwrap();
        // The same component takes no more room, another one does: revisions are kept.
        deploy(Some(1), deployment(&["a"], "0", 60)).await.unwrap();
        let other = deployment(&["a"], "1", 60);
        assert_eq!(exceeded(deploy(Some(2), other).await), "stored_bytes");
        deploy(Some(2), deployment(&["a"], "1", 40)).await.unwrap();
        let full = store.kv_set(&app, "b", "key", b"value").await;
        assert_eq!(exceeded(full), "stored_bytes");
        let kept = store.quotas.kept(&app.tenant).await.unwrap();
        assert_eq!((kept.functions, kept.stored_bytes), (1, 100));
        store.delete_app(&app).await.unwrap();
        store.kv_set(&app, "b", "key", b"value").await.unwrap();
    }
}
