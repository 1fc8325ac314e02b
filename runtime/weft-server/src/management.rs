//! What functions may do with instances and entities beyond starting and signalling them.

use async_trait::async_trait;
use weft_id::{AppId, ExecutionId, InstanceId, InstanceKey};
use weft_orchestration::{Payload, Start};
use weft_sandbox::{ClientError, InstanceStatus, Management, StartOptions};
use weft_store::{
    EntityFilter, EntityPage, Family, Filter, IdReuse, NewInstance, PageRequest, filled_entities,
    filled_instances,
};

use crate::services::{InstanceClient, refused, status};

/// What one call removes.
const PURGE_BATCH: u32 = 500;
/// Bytes of payloads in one page of a listing; a page ends before it has more. All of it stands in the
/// memory of the function.
const LISTED_BYTES_MAX: usize = 16 << 20;

#[async_trait]
impl Management for InstanceClient {
    async fn start(
        &self,
        app: &AppId,
        name: &str,
        input: Payload,
        options: StartOptions,
    ) -> Result<InstanceId, ClientError> {
        self.start_with(app, name, input, options).await
    }

    async fn instances(
        &self,
        app: &AppId,
        filter: Filter,
        page: PageRequest,
    ) -> Result<(Vec<InstanceStatus>, Option<String>), ClientError> {
        let page = self.store.instances(app, &filter, &page).await;
        let mut page = page.map_err(refused)?;
        page.bound(LISTED_BYTES_MAX);
        let filled = filled_instances(&*self.store, page.instances).await;
        let filled = filled.map_err(refused)?;
        let instances = filled.into_iter().map(status).collect();
        Ok((instances, page.next))
    }

    async fn rewind(
        &self,
        app: &AppId,
        instance: &InstanceId,
        reason: String,
    ) -> Result<(), ClientError> {
        let key = key(app, instance)?;
        let (execution, now) = (ExecutionId::from_u128(rand::random()), self.clock.now());
        let rewound = self.store.rewind(&key, execution, reason, None, now).await;
        rewound.map_err(refused)
    }

    async fn restart(
        &self,
        app: &AppId,
        instance: &InstanceId,
        same_id: bool,
    ) -> Result<InstanceId, ClientError> {
        let key = key(app, instance)?;
        let found = self.store.instance(&key).await.map_err(refused)?;
        let found = found.ok_or(ClientError::NotFound)?;
        let options = StartOptions {
            instance: same_id.then_some(key.id),
            tags: found.tags,
            version: found.version,
            ..StartOptions::default()
        };
        self.start_with(app, &found.name, found.input, options)
            .await
    }

    async fn purge(
        &self,
        app: &AppId,
        instance: &InstanceId,
        family: Family,
    ) -> Result<u64, ClientError> {
        let purged = self.store.purge(&key(app, instance)?, family).await;
        Ok(purged.map_err(refused)?.instances)
    }

    async fn purge_matching(
        &self,
        app: &AppId,
        filter: Filter,
        family: Family,
    ) -> Result<u64, ClientError> {
        let purged = self
            .store
            .purge_matching(app, &filter, family, PURGE_BATCH)
            .await;
        Ok(purged.map_err(refused)?.instances)
    }

    async fn entities(
        &self,
        app: &AppId,
        filter: EntityFilter,
        page: PageRequest,
    ) -> Result<EntityPage, ClientError> {
        let page = self.store.entities(app, &filter, &page).await;
        let mut page = page.map_err(refused)?.bound(LISTED_BYTES_MAX);
        let filled = filled_entities(&*self.store, app, page.entities).await;
        page.entities = filled.map_err(refused)?;
        Ok(page)
    }
}

impl InstanceClient {
    /// Starts an orchestration of the active revision, as every start from within a function does.
    pub(crate) async fn start_with(
        &self,
        app: &AppId,
        name: &str,
        input: Payload,
        options: StartOptions,
    ) -> Result<InstanceId, ClientError> {
        let found = self.served.orchestrator(app, name).await;
        if found.map_err(refused)? != Some(true) {
            return Err(ClientError::Invalid(format!(
                "the app has no orchestrator {name}"
            )));
        }
        weft_orchestration::check_start(name, &input)
            .map_err(|reserved| ClientError::Invalid(reserved.to_string()))?;
        weft_api::check_labels(&options.tags, options.version.as_deref())
            .map_err(ClientError::Invalid)?;
        let instance = options.instance.map(InstanceId::of_orchestration);
        let instance = instance.transpose();
        let instance = instance.map_err(|error| ClientError::Invalid(error.to_string()))?;
        let id = instance.unwrap_or_else(|| InstanceId::of_random(rand::random()));
        let new = NewInstance {
            key: InstanceKey::new(app.clone(), id.clone()),
            start: Start {
                tags: options.tags,
                version: options.version,
                scheduled_at: options.scheduled_at,
                ..Start::new(ExecutionId::from_u128(rand::random()), name, input)
            },
            reuse: options.reuse.unwrap_or_else(IdReuse::ended),
            now: self.clock.now(),
        };
        self.store.create(new).await.map_err(refused)?;
        Ok(id)
    }
}

/// Entities stand among the instances and are none.
fn key(app: &AppId, instance: &InstanceId) -> Result<InstanceKey, ClientError> {
    match instance.is_entity() {
        true => Err(ClientError::NotFound),
        false => Ok(InstanceKey::new(app.clone(), instance.clone())),
    }
}
