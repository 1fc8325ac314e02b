//! The store as one node of a cluster sees it on a bad day.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use async_trait::async_trait;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use tokio::sync::broadcast;
use tokio::time::Instant;
use weft_id::{AppId, EntityId, ExecutionId, InstanceKey, Tenant};
use weft_orchestration::{Event, Failure, Kept, Message, Payload, Timestamp};
use weft_store::{
    Apps, Audit, AuditEntry, AuditFilter, AuditOutcome, AuditSeq, Blob, BlobId, Blobs, Digest,
    Ending, Entities, EntityFilter, EntityPage, EntityView, Error, Family, Filter, Instance,
    Instances, KeyId, KeyRecord, KeyValue, Keys, LargePayloads, Lease, Loaded, MessageSeq,
    NewAudit, NewBlob, NewInstance, NewRevision, NodeId, Page, PageRequest, PendingTask,
    PendingTimer, Purged, Recorded, Revision, RevisionId, Sealed, SealedKind, SetTerms, Shard,
    Store, Stored, TaskSeq, Tenants, Terms, TurnCommit, Vault, Wakeup, Work,
};

use crate::crash::Crash;

/// What goes wrong, in thousandths of all calls.
#[derive(Debug, Clone, Copy, Default)]
pub struct Fault {
    /// The call fails without effect.
    pub refused: u32,
    /// The call takes effect and is reported as failed.
    pub unknown: u32,
    /// The node stands still for longer than a lease lasts: this call and all that follow hang,
    /// and take effect then.
    pub frozen: u32,
    /// News of an inbox arrives twice.
    pub doubled: u32,
}

/// A bug put in on purpose, to see that the simulation finds it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Plant {
    /// Commits pass whoever owns the shard.
    NoFencing,
    /// A start is acknowledged and then forgotten.
    LostStart,
    /// Activities are enqueued after the turn's transaction, and not at all when that is cut off.
    OutboxOutsideTransaction,
    /// A finished activity stays in the queue.
    TaskNotRemoved,
    /// Orchestrators whose decisions depend on chance.
    DrawsLots,
    /// An event is taken out of the inbox without being recorded.
    LostEvent,
    /// A message is acknowledged once and delivered twice.
    DeliveredTwice,
    /// A workflow's Foreach loses an item when its history is replayed.
    LostIteration,
    /// The result of one activity of a workflow is taken for that of another as well.
    ResultTakenTwice,
}

/// What the nodes of a cluster share beside the store, for planted bugs.
pub type Owners = Arc<Mutex<BTreeMap<Shard, Lease>>>;

pub struct FaultyStore {
    inner: Arc<dyn Store>,
    rng: Mutex<StdRng>,
    fault: Fault,
    plant: Option<Plant>,
    owners: Owners,
    /// Longer than a lease lasts.
    freeze: Duration,
    frozen_until: Mutex<Instant>,
    /// Where the node dies, where that is asked for.
    crash: OnceLock<Arc<Crash>>,
    wakeups: broadcast::Sender<Wakeup>,
}

impl FaultyStore {
    /// Starts a task that passes on news, until the store is dropped.
    #[must_use]
    pub fn new(
        inner: Arc<impl Store + 'static>,
        seed: u64,
        fault: Fault,
        plant: Option<Plant>,
        owners: Owners,
        freeze: Duration,
    ) -> Arc<Self> {
        Self::over(inner, seed, fault, plant, owners, freeze)
    }

    /// The same over a store of any kind.
    #[must_use]
    pub fn over(
        inner: Arc<dyn Store>,
        seed: u64,
        fault: Fault,
        plant: Option<Plant>,
        owners: Owners,
        freeze: Duration,
    ) -> Arc<Self> {
        let store = Arc::new(Self {
            rng: Mutex::new(StdRng::seed_from_u64(seed)),
            fault,
            plant,
            owners,
            freeze,
            frozen_until: Mutex::new(Instant::now()),
            crash: OnceLock::new(),
            wakeups: broadcast::Sender::new(64),
            inner,
        });
        let mut news = store.inner.wakeups();
        let weak = Arc::downgrade(&store);
        tokio::spawn(async move {
            while let Ok(wakeup) = news.recv().await {
                let Some(store) = weak.upgrade() else { return };
                let times = if store.happens(store.fault.doubled) {
                    2
                } else {
                    1
                };
                for _ in 0..times {
                    // Each copy takes its own time, so that news overtakes news.
                    let (sender, wakeup) = (store.wakeups.clone(), wakeup.clone());
                    let delay = Duration::from_millis(store.draw(20));
                    tokio::spawn(async move {
                        tokio::time::sleep(delay).await;
                        let _ = sender.send(wakeup);
                    });
                }
            }
        });
        store
    }

    /// Lets the node die at a point of its commits.
    pub fn crash_at(&self, crash: Arc<Crash>) {
        let _ = self.crash.set(crash);
    }

    /// Runs what the history depends on, and dies before or after it where that was asked for.
    async fn passed<T>(&self, call: impl Future<Output = T>) -> T {
        let Some(crash) = self.crash.get() else {
            return call.await;
        };
        crash.pass().await;
        let result = call.await;
        crash.pass().await;
        result
    }

    fn draw(&self, below: u64) -> u64 {
        self.rng.lock().unwrap().random_range(0..below)
    }

    fn happens(&self, thousandths: u32) -> bool {
        self.draw(1_000) < u64::from(thousandths)
    }

    /// Runs a call with whatever goes wrong with it.
    async fn call<T>(&self, call: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
        let failed = || Error::Unavailable {
            reason: "simulated".to_owned(),
        };
        tokio::time::sleep(Duration::from_millis(self.draw(4))).await;
        if self.happens(self.fault.refused) {
            return Err(failed());
        }
        if self.happens(self.fault.frozen) {
            *self.frozen_until.lock().unwrap() = Instant::now() + self.freeze;
        }
        let frozen_until = *self.frozen_until.lock().unwrap();
        tokio::time::sleep_until(frozen_until).await;
        let result = call.await;
        if self.happens(self.fault.unknown) {
            return Err(failed());
        }
        result
    }

    /// The commit as a store without fencing would take it.
    async fn unfenced(&self, lease: &mut Lease, commit: &mut TurnCommit) {
        if let Some(owner) = self.owners.lock().unwrap().get(&lease.shard) {
            *lease = *owner;
        }
        if let Ok(Some(instance)) = self.inner.instance(&commit.key).await {
            commit.turn_number = instance.turns;
            commit.execution = instance.execution;
        }
    }
}

#[async_trait]
impl Work for FaultyStore {
    async fn lease_shards(
        &self,
        node: NodeId,
        most: u16,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<Vec<Lease>, Error> {
        let leases = self
            .call(self.inner.lease_shards(node, most, now, until))
            .await?;
        let mut owners = self.owners.lock().unwrap();
        owners.extend(leases.iter().map(|lease| (lease.shard, *lease)));
        Ok(leases)
    }

    async fn release_shards(&self, node: NodeId, leases: &[Lease]) -> Result<(), Error> {
        self.call(self.inner.release_shards(node, leases)).await
    }

    fn wakeups(&self) -> broadcast::Receiver<Wakeup> {
        self.wakeups.subscribe()
    }

    async fn ready(
        &self,
        shard: Shard,
        after: Option<&InstanceKey>,
        limit: u32,
    ) -> Result<Vec<InstanceKey>, Error> {
        self.call(self.inner.ready(shard, after, limit)).await
    }

    async fn pending_tasks(
        &self,
        shard: Shard,
        after: Option<TaskSeq>,
        limit: u32,
    ) -> Result<Vec<PendingTask>, Error> {
        self.call(self.inner.pending_tasks(shard, after, limit))
            .await
    }

    async fn pending_timers(&self, shard: Shard, limit: u32) -> Result<Vec<PendingTimer>, Error> {
        self.call(self.inner.pending_timers(shard, limit)).await
    }

    async fn load(&self, key: &InstanceKey) -> Result<Option<Loaded>, Error> {
        self.call(self.inner.load(key)).await
    }

    async fn inbox(&self, key: &InstanceKey) -> Result<Vec<(MessageSeq, Message)>, Error> {
        self.call(self.inner.inbox(key)).await
    }

    async fn commit_turn(&self, mut lease: Lease, mut commit: TurnCommit) -> Result<(), Error> {
        match self.plant {
            Some(Plant::OutboxOutsideTransaction) if self.happens(30) => {
                commit.turn.tasks.clear();
                self.call(self.inner.commit_turn(lease, commit)).await?;
                return Err(Error::Unavailable {
                    reason: "cut off before the activities were enqueued".to_owned(),
                });
            }
            Some(Plant::TaskNotRemoved) => commit.consumed.tasks.clear(),
            Some(Plant::LostEvent) if self.happens(50) => {
                let raised = |event: &Event| {
                    matches!(
                        event.kind,
                        weft_orchestration::EventKind::EventRaised { .. }
                    )
                };
                commit.turn.events.retain(|event| !raised(event));
            }
            Some(
                Plant::OutboxOutsideTransaction
                | Plant::LostStart
                | Plant::LostEvent
                | Plant::DeliveredTwice
                | Plant::DrawsLots
                | Plant::LostIteration
                | Plant::ResultTakenTwice
                | Plant::NoFencing,
            )
            | None => {}
        }
        let commit = async {
            if self.plant == Some(Plant::NoFencing) {
                self.unfenced(&mut lease, &mut commit).await;
            }
            self.inner.commit_turn(lease, commit).await
        };
        self.call(self.passed(commit)).await
    }

    async fn finish_task(
        &self,
        lease: Lease,
        key: &InstanceKey,
        execution: ExecutionId,
        task: u32,
        result: Result<Payload, Failure>,
        now: Timestamp,
    ) -> Result<(), Error> {
        let finish = self
            .inner
            .finish_task(lease, key, execution, task, result, now);
        self.call(self.passed(finish)).await
    }
}

#[async_trait]
impl Instances for FaultyStore {
    async fn create(&self, new: NewInstance) -> Result<(), Error> {
        if self.plant == Some(Plant::LostStart) && self.happens(50) {
            return Ok(());
        }
        self.call(self.inner.create(new)).await
    }

    async fn send(&self, key: &InstanceKey, message: Message, now: Timestamp) -> Result<(), Error> {
        if self.plant == Some(Plant::DeliveredTwice) && self.happens(50) {
            self.inner.send(key, message.clone(), now).await?;
        }
        self.call(self.inner.send(key, message, now)).await
    }

    async fn instance(&self, key: &InstanceKey) -> Result<Option<Instance>, Error> {
        self.call(self.inner.instance(key)).await
    }

    fn ending(&self, key: &InstanceKey) -> Ending {
        self.inner.ending(key)
    }

    async fn history(&self, key: &InstanceKey, from: u64, limit: u64) -> Result<Recorded, Error> {
        self.call(self.inner.history(key, from, limit)).await
    }

    async fn rewind(
        &self,
        key: &InstanceKey,
        execution: ExecutionId,
        reason: String,
        revision: Option<RevisionId>,
        now: Timestamp,
    ) -> Result<(), Error> {
        self.call(self.inner.rewind(key, execution, reason, revision, now))
            .await
    }

    async fn instances(
        &self,
        app: &AppId,
        filter: &Filter,
        page: &PageRequest,
    ) -> Result<Page, Error> {
        self.call(self.inner.instances(app, filter, page)).await
    }

    async fn purge(&self, key: &InstanceKey, family: Family) -> Result<Purged, Error> {
        self.call(self.inner.purge(key, family)).await
    }

    async fn purge_matching(
        &self,
        app: &AppId,
        filter: &Filter,
        family: Family,
        limit: u32,
    ) -> Result<Purged, Error> {
        self.call(self.inner.purge_matching(app, filter, family, limit))
            .await
    }
}

// A worker uses none of what follows; it is passed on so that the node's store is a whole one.

#[async_trait]
impl Entities for FaultyStore {
    async fn entity(&self, app: &AppId, id: &EntityId) -> Result<Option<EntityView>, Error> {
        self.inner.entity(app, id).await
    }

    async fn entities(
        &self,
        app: &AppId,
        filter: &EntityFilter,
        page: &PageRequest,
    ) -> Result<EntityPage, Error> {
        self.inner.entities(app, filter, page).await
    }
}

#[async_trait]
impl Apps for FaultyStore {
    async fn put_component(&self, digest: &Digest, wasm: &[u8]) -> Result<(), Error> {
        self.inner.put_component(digest, wasm).await
    }

    async fn component(&self, digest: &Digest) -> Result<Option<Vec<u8>>, Error> {
        self.inner.component(digest).await
    }

    async fn append_revision(&self, app: &AppId, new: NewRevision) -> Result<RevisionId, Error> {
        self.inner.append_revision(app, new).await
    }

    async fn activate_revision(&self, app: &AppId, id: RevisionId) -> Result<(), Error> {
        self.inner.activate_revision(app, id).await
    }

    async fn active_revision(&self, app: &AppId) -> Result<Option<Revision>, Error> {
        self.inner.active_revision(app).await
    }

    async fn revision(&self, app: &AppId, id: RevisionId) -> Result<Option<Revision>, Error> {
        self.inner.revision(app, id).await
    }

    async fn revisions(&self, app: &AppId) -> Result<Vec<Revision>, Error> {
        self.inner.revisions(app).await
    }

    async fn all_apps(&self) -> Result<Vec<AppId>, Error> {
        self.inner.all_apps().await
    }

    async fn apps(&self, tenant: &Tenant) -> Result<Vec<AppId>, Error> {
        self.inner.apps(tenant).await
    }

    async fn delete_app(&self, app: &AppId) -> Result<(), Error> {
        self.inner.delete_app(app).await
    }
}

#[async_trait]
impl Keys for FaultyStore {
    async fn put_key(&self, key: KeyRecord) -> Result<(), Error> {
        self.inner.put_key(key).await
    }

    async fn key(&self, id: &KeyId) -> Result<Option<KeyRecord>, Error> {
        self.inner.key(id).await
    }

    async fn keys(&self, tenant: Option<&Tenant>) -> Result<Vec<KeyRecord>, Error> {
        self.inner.keys(tenant).await
    }

    async fn rotate_key(&self, old: &KeyId, new: KeyRecord, until: Timestamp) -> Result<(), Error> {
        self.inner.rotate_key(old, new, until).await
    }

    async fn delete_key(&self, id: &KeyId) -> Result<(), Error> {
        self.inner.delete_key(id).await
    }
}

#[async_trait]
impl Tenants for FaultyStore {
    async fn put_tenant(&self, tenant: &Tenant, now: Timestamp) -> Result<(), Error> {
        self.inner.put_tenant(tenant, now).await
    }

    async fn has_tenant(&self, tenant: &Tenant) -> Result<bool, Error> {
        self.inner.has_tenant(tenant).await
    }

    async fn tenants(&self) -> Result<Vec<Tenant>, Error> {
        self.inner.tenants().await
    }

    async fn terms(&self) -> Result<Vec<(Tenant, Terms)>, Error> {
        self.inner.terms().await
    }

    async fn set_terms(&self, tenant: &Tenant, terms: SetTerms) -> Result<(), Error> {
        self.inner.set_terms(tenant, terms).await
    }

    async fn delete_tenant(&self, tenant: &Tenant) -> Result<(), Error> {
        self.inner.delete_tenant(tenant).await
    }

    async fn stored(&self, tenant: &Tenant) -> Result<Stored, Error> {
        self.inner.stored(tenant).await
    }
}

#[async_trait]
impl Audit for FaultyStore {
    async fn begin_audit(&self, new: NewAudit) -> Result<AuditSeq, Error> {
        self.inner.begin_audit(new).await
    }

    async fn end_audit(&self, seq: AuditSeq, outcome: AuditOutcome) -> Result<(), Error> {
        self.inner.end_audit(seq, outcome).await
    }

    async fn audit(&self, filter: &AuditFilter, limit: u32) -> Result<Vec<AuditEntry>, Error> {
        self.inner.audit(filter, limit).await
    }

    async fn trim_audit(&self, before: Timestamp, limit: u32) -> Result<u64, Error> {
        self.inner.trim_audit(before, limit).await
    }
}

#[async_trait]
impl Vault for FaultyStore {
    async fn put_sealed(&self, app: &AppId, kind: SealedKind, new: Sealed) -> Result<bool, Error> {
        self.inner.put_sealed(app, kind, new).await
    }

    async fn sealed(&self, app: &AppId, kind: SealedKind) -> Result<Vec<Sealed>, Error> {
        self.inner.sealed(app, kind).await
    }

    async fn delete_sealed(&self, app: &AppId, kind: SealedKind, name: &str) -> Result<(), Error> {
        self.inner.delete_sealed(app, kind, name).await
    }
}

#[async_trait]
impl LargePayloads for FaultyStore {
    async fn large(&self, kept: &Kept) -> Result<Payload, Error> {
        self.call(self.inner.large(kept)).await
    }
}

#[async_trait]
impl KeyValue for FaultyStore {
    async fn kv_get(&self, app: &AppId, bucket: &str, key: &str) -> Result<Option<Vec<u8>>, Error> {
        self.inner.kv_get(app, bucket, key).await
    }

    async fn kv_set(&self, app: &AppId, bucket: &str, key: &str, v: &[u8]) -> Result<(), Error> {
        self.inner.kv_set(app, bucket, key, v).await
    }

    async fn kv_delete(&self, app: &AppId, bucket: &str, key: &str) -> Result<(), Error> {
        self.inner.kv_delete(app, bucket, key).await
    }

    async fn kv_increment(
        &self,
        app: &AppId,
        bucket: &str,
        key: &str,
        delta: i64,
    ) -> Result<i64, Error> {
        self.inner.kv_increment(app, bucket, key, delta).await
    }

    async fn kv_keys(
        &self,
        app: &AppId,
        bucket: &str,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Vec<String>, Error> {
        self.inner.kv_keys(app, bucket, after, limit).await
    }
}

#[async_trait]
impl Blobs for FaultyStore {
    async fn create_container(
        &self,
        app: &AppId,
        container: &str,
        now: Timestamp,
    ) -> Result<(), Error> {
        self.inner.create_container(app, container, now).await
    }

    async fn container_created(
        &self,
        app: &AppId,
        container: &str,
    ) -> Result<Option<Timestamp>, Error> {
        self.inner.container_created(app, container).await
    }

    async fn delete_container(&self, app: &AppId, container: &str) -> Result<(), Error> {
        self.inner.delete_container(app, container).await
    }

    async fn begin_blob(&self, app: &AppId) -> Result<BlobId, Error> {
        self.inner.begin_blob(app).await
    }

    async fn append_blob(
        &self,
        app: &AppId,
        blob: BlobId,
        part: u32,
        bytes: Vec<u8>,
    ) -> Result<(), Error> {
        self.inner.append_blob(app, blob, part, bytes).await
    }

    async fn put_blob(&self, app: &AppId, new: NewBlob) -> Result<(), Error> {
        self.inner.put_blob(app, new).await
    }

    fn give_up_blob(&self, app: &AppId, blob: BlobId) {
        self.inner.give_up_blob(app, blob);
    }

    async fn blob(&self, app: &AppId, container: &str, name: &str) -> Result<Option<Blob>, Error> {
        self.inner.blob(app, container, name).await
    }

    async fn blob_part(&self, blob: BlobId, part: u32) -> Result<Vec<u8>, Error> {
        self.inner.blob_part(blob, part).await
    }

    async fn delete_blobs(
        &self,
        app: &AppId,
        container: &str,
        names: Option<Vec<String>>,
    ) -> Result<(), Error> {
        self.inner.delete_blobs(app, container, names).await
    }

    async fn blob_names(
        &self,
        app: &AppId,
        container: &str,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Vec<String>, Error> {
        self.inner.blob_names(app, container, after, limit).await
    }
}
