//! The store as everybody in the node has it: what a tenant may not keep is not written.
//!
//! Everything else passes through. Who ends, continues as new or is told to stop always may: that
//! makes room.

use std::sync::Arc;

use async_trait::async_trait;
use tokio::sync::broadcast;
use weft_api::Kept;
use weft_id::{AppId, EntityId, ExecutionId, InstanceKey, Tenant};
use weft_orchestration::{
    After, Carries, Failure, Kept as KeptText, Message, Payload, Timestamp, Turn,
};
use weft_store::{
    Apps, Audit, AuditEntry, AuditFilter, AuditOutcome, AuditSeq, Blob, BlobId, Blobs, Digest,
    Ending, Entities, EntityFilter, EntityPage, EntityView, Error, Family, Filter, Instance,
    Instances, KeyId, KeyRecord, KeyValue, Keys, LargePayloads, Lease, Loaded, MessageSeq,
    NewAudit, NewBlob, NewInstance, NewRevision, NodeId, Page, PageRequest, PendingTask,
    PendingTimer, Purged, Recorded, Revision, RevisionId, Sealed, SealedKind, SetTerms, Shard,
    Store, Stored, TaskSeq, Tenants, Terms, TurnCommit, Vault, Wakeup, Work,
};

use super::Quotas;

/// About what stands around the payload of an event.
const EVENT_BYTES: u64 = 100;

pub(crate) struct Bounded {
    pub(crate) inner: Arc<dyn Store>,
    pub(crate) quotas: Arc<Quotas>,
}

impl Bounded {
    async fn reserve_data(&self, app: &AppId, bytes: usize) -> Result<(), Error> {
        let more = Kept {
            stored_bytes: bytes as u64,
            ..Kept::default()
        };
        self.quotas.reserve(&app.tenant, more).await
    }

    async fn reserve_history(
        &self,
        app: &AppId,
        instances: u64,
        history_bytes: u64,
    ) -> Result<(), Error> {
        let more = Kept {
            instances,
            history_bytes,
            ..Kept::default()
        };
        self.quotas.reserve(&app.tenant, more).await
    }
}

/// What a turn starts, and what it adds to the history.
fn added(turn: &Turn) -> (u64, u64) {
    let starts = turn.messages.iter();
    let starts = starts.filter(|outgoing| matches!(outgoing.message, Message::Start(_)));
    let bytes = match turn.after {
        After::Waiting | After::Suspended => {
            let mut bytes = turn.events.len() as u64 * EVENT_BYTES;
            turn.events
                .each(&mut |payload| bytes += payload.len() as u64);
            bytes
        }
        After::Ended(_) | After::ContinuedAsNew { .. } | After::Entity(_) => 0,
    };
    (starts.count() as u64, bytes)
}

#[async_trait]
impl Instances for Bounded {
    async fn create(&self, new: NewInstance) -> Result<(), Error> {
        let bytes = new.start.input.len() as u64;
        self.reserve_history(&new.key.app, 1, bytes).await?;
        self.inner.create(new).await
    }

    async fn send(&self, key: &InstanceKey, message: Message, now: Timestamp) -> Result<(), Error> {
        if matches!(message, Message::Event { .. } | Message::Operation(_)) {
            let mut bytes = EVENT_BYTES;
            message.each(&mut |payload| bytes += payload.len() as u64);
            self.reserve_history(&key.app, 0, bytes).await?;
        }
        self.inner.send(key, message, now).await
    }

    async fn instance(&self, key: &InstanceKey) -> Result<Option<Instance>, Error> {
        self.inner.instance(key).await
    }

    fn ending(&self, key: &InstanceKey) -> Ending {
        self.inner.ending(key)
    }

    async fn history(
        &self,
        key: &InstanceKey,
        from_turn: u64,
        limit: u64,
    ) -> Result<Recorded, Error> {
        self.inner.history(key, from_turn, limit).await
    }

    async fn rewind(
        &self,
        key: &InstanceKey,
        execution: ExecutionId,
        reason: String,
        revision: Option<RevisionId>,
        now: Timestamp,
    ) -> Result<(), Error> {
        self.inner
            .rewind(key, execution, reason, revision, now)
            .await
    }

    async fn instances(
        &self,
        app: &AppId,
        filter: &Filter,
        page: &PageRequest,
    ) -> Result<Page, Error> {
        self.inner.instances(app, filter, page).await
    }

    async fn purge(&self, key: &InstanceKey, family: Family) -> Result<Purged, Error> {
        let purged = self.inner.purge(key, family).await;
        self.quotas.removed(&key.app.tenant);
        purged
    }

    async fn purge_matching(
        &self,
        app: &AppId,
        filter: &Filter,
        family: Family,
        limit: u32,
    ) -> Result<Purged, Error> {
        let purged = self.inner.purge_matching(app, filter, family, limit).await;
        if purged.as_ref().is_ok_and(|purged| purged.instances > 0) {
            self.quotas.removed(&app.tenant);
        }
        purged
    }
}

#[async_trait]
impl Entities for Bounded {
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
impl Work for Bounded {
    async fn lease_shards(
        &self,
        node: NodeId,
        most: u16,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<Vec<Lease>, Error> {
        self.inner.lease_shards(node, most, now, until).await
    }

    async fn release_shards(&self, node: NodeId, leases: &[Lease]) -> Result<(), Error> {
        self.inner.release_shards(node, leases).await
    }

    fn wakeups(&self) -> broadcast::Receiver<Wakeup> {
        self.inner.wakeups()
    }

    async fn ready(
        &self,
        shard: Shard,
        after: Option<&InstanceKey>,
        limit: u32,
    ) -> Result<Vec<InstanceKey>, Error> {
        self.inner.ready(shard, after, limit).await
    }

    async fn pending_tasks(
        &self,
        shard: Shard,
        after: Option<TaskSeq>,
        limit: u32,
    ) -> Result<Vec<PendingTask>, Error> {
        self.inner.pending_tasks(shard, after, limit).await
    }

    async fn pending_timers(&self, shard: Shard, limit: u32) -> Result<Vec<PendingTimer>, Error> {
        self.inner.pending_timers(shard, limit).await
    }

    async fn load(&self, key: &InstanceKey) -> Result<Option<Loaded>, Error> {
        self.inner.load(key).await
    }

    async fn inbox(&self, key: &InstanceKey) -> Result<Vec<(MessageSeq, Message)>, Error> {
        self.inner.inbox(key).await
    }

    async fn commit_turn(&self, lease: Lease, commit: TurnCommit) -> Result<(), Error> {
        if self.quotas.bounds_histories(&commit.key.app.tenant) {
            let (instances, bytes) = added(&commit.turn);
            self.reserve_history(&commit.key.app, instances, bytes)
                .await?;
        }
        self.inner.commit_turn(lease, commit).await
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
        self.inner
            .finish_task(lease, key, execution, task, result, now)
            .await
    }
}

#[async_trait]
impl LargePayloads for Bounded {
    async fn large(&self, kept: &KeptText) -> Result<Payload, Error> {
        self.inner.large(kept).await
    }
}

#[async_trait]
impl Apps for Bounded {
    async fn put_component(&self, digest: &Digest, wasm: &[u8]) -> Result<(), Error> {
        self.inner.put_component(digest, wasm).await
    }

    async fn component(&self, digest: &Digest) -> Result<Option<Vec<u8>>, Error> {
        self.inner.component(digest).await
    }

    async fn append_revision(&self, app: &AppId, new: NewRevision) -> Result<RevisionId, Error> {
        let deployment = new.deployment.clone();
        let append = self.inner.append_revision(app, new);
        self.quotas.deploy(app, &deployment, append).await
    }

    async fn activate_revision(&self, app: &AppId, id: RevisionId) -> Result<(), Error> {
        let revision = self.inner.revision(app, id).await?;
        let deployment = revision.ok_or(Error::NotFound)?.deployment;
        let activate = self.inner.activate_revision(app, id);
        self.quotas.deploy(app, &deployment, activate).await
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
        let deleted = self.inner.delete_app(app).await;
        self.quotas.removed(&app.tenant);
        deleted
    }
}

#[async_trait]
impl Keys for Bounded {
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
impl Tenants for Bounded {
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
        let deleted = self.inner.delete_tenant(tenant).await;
        self.quotas.removed(tenant);
        deleted
    }

    async fn stored(&self, tenant: &Tenant) -> Result<Stored, Error> {
        self.inner.stored(tenant).await
    }
}

#[async_trait]
impl Audit for Bounded {
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
impl Vault for Bounded {
    async fn put_sealed(&self, app: &AppId, kind: SealedKind, new: Sealed) -> Result<bool, Error> {
        self.reserve_data(app, new.value.len()).await?;
        self.inner.put_sealed(app, kind, new).await
    }

    async fn sealed(&self, app: &AppId, kind: SealedKind) -> Result<Vec<Sealed>, Error> {
        self.inner.sealed(app, kind).await
    }

    async fn delete_sealed(&self, app: &AppId, kind: SealedKind, name: &str) -> Result<(), Error> {
        let deleted = self.inner.delete_sealed(app, kind, name).await;
        self.quotas.removed(&app.tenant);
        deleted
    }
}

#[async_trait]
impl KeyValue for Bounded {
    async fn kv_get(&self, app: &AppId, bucket: &str, key: &str) -> Result<Option<Vec<u8>>, Error> {
        self.inner.kv_get(app, bucket, key).await
    }

    async fn kv_set(
        &self,
        app: &AppId,
        bucket: &str,
        key: &str,
        value: &[u8],
    ) -> Result<(), Error> {
        let len = key.len() + value.len();
        if let Err(refused) = self.reserve_data(app, len).await {
            // What it replaces makes room; that is looked at only where it matters.
            let old = self.inner.kv_get(app, bucket, key).await?.ok_or(refused)?;
            let more = value.len().saturating_sub(old.len());
            self.reserve_data(app, more).await?;
        }
        self.inner.kv_set(app, bucket, key, value).await
    }

    async fn kv_delete(&self, app: &AppId, bucket: &str, key: &str) -> Result<(), Error> {
        let deleted = self.inner.kv_delete(app, bucket, key).await;
        self.quotas.removed(&app.tenant);
        deleted
    }

    async fn kv_increment(
        &self,
        app: &AppId,
        bucket: &str,
        key: &str,
        delta: i64,
    ) -> Result<i64, Error> {
        // As many digits as a number has.
        self.reserve_data(app, key.len() + 20).await?;
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
impl Blobs for Bounded {
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
        let deleted = self.inner.delete_container(app, container).await;
        self.quotas.removed(&app.tenant);
        deleted
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
        self.reserve_data(app, bytes.len()).await?;
        self.inner.append_blob(app, blob, part, bytes).await
    }

    async fn put_blob(&self, app: &AppId, new: NewBlob) -> Result<(), Error> {
        // The parts before have been counted.
        if let Err(refused) = self.reserve_data(app, new.rest.len()).await {
            // What it replaces makes room; that is looked at only where it matters.
            let old = self.inner.blob(app, &new.container, &new.name).await?;
            let old = usize::try_from(old.ok_or(refused)?.size).unwrap_or(usize::MAX);
            self.reserve_data(app, new.rest.len().saturating_sub(old))
                .await?;
        }
        let put = self.inner.put_blob(app, new).await;
        self.quotas.removed(&app.tenant);
        put
    }

    fn give_up_blob(&self, app: &AppId, blob: BlobId) {
        self.inner.give_up_blob(app, blob);
        self.quotas.removed(&app.tenant);
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
        let deleted = self.inner.delete_blobs(app, container, names).await;
        self.quotas.removed(&app.tenant);
        deleted
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
