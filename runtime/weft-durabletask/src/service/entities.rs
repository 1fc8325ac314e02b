//! Signalling entities and looking at them.

use std::time::Duration;

use tokio::time::Instant;
use tonic::Status;
use weft_id::AppId;
use weft_orchestration::{Message, Operation};
use weft_store::{EntityFilter, EntityView, PageRequest, fill_in, filled_entities};

use super::{SHOWN_BYTES_MAX, Service, refused};
use weft_id::InstanceKey;

use crate::convert::action::to_entity;
use crate::convert::entity::of_entity;
use crate::convert::to_time;
use crate::{Kind, proto};

const PAGE_DEFAULT: u32 = 100;
const PAGE_MAX: u32 = 1000;
/// Whoever looks at an entity waits so long at most for what it is doing.
const SETTLES_WITHIN: Duration = Duration::from_secs(1);
const LOOK: Duration = Duration::from_millis(5);

impl Service {
    pub(super) async fn signal(
        &self,
        app: AppId,
        signal: proto::SignalEntityRequest,
    ) -> Result<proto::SignalEntityResponse, Status> {
        let entity = to_entity(Some(signal.instance_id))?;
        self.workers.mark(&app).await.map_err(refused)?;
        let trace = signal.parent_trace_context;
        let message = Message::Operation(Operation {
            name: signal.name,
            input: self.payload(signal.input)?,
            caller: None,
            reply: None,
            at: signal.scheduled_time.map(to_time),
            trace_parent: trace.map(|trace| trace.trace_parent),
        });
        let key = InstanceKey::new(app, entity.instance());
        let sent = self.store.send(&key, message, self.node.now()).await;
        sent.map_err(refused)?;
        Ok(proto::SignalEntityResponse {})
    }

    pub(super) async fn entity(
        &self,
        app: AppId,
        asked: proto::GetEntityRequest,
    ) -> Result<proto::GetEntityResponse, Status> {
        let id = to_entity(Some(asked.instance_id))?;
        let found = self.settled(&app, &id).await.map_err(refused)?;
        let mut found = found.filter(|entity| entity.state.is_some());
        if let Some(entity) = found.as_mut().filter(|_| asked.include_state) {
            fill_in(&*self.store, entity).await.map_err(refused)?;
        }
        Ok(proto::GetEntityResponse {
            exists: found.is_some(),
            entity: found.map(|entity| of_entity(&entity, asked.include_state)),
        })
    }

    /// The entity once nothing waits for it that a worker is about to do: a client that signals and
    /// then looks sees what came of it.
    async fn settled(
        &self,
        app: &AppId,
        id: &weft_id::EntityId,
    ) -> Result<Option<EntityView>, weft_store::Error> {
        let until = Instant::now() + SETTLES_WITHIN;
        loop {
            let found = self.store.entity(app, id).await?;
            let busy = found.as_ref().is_some_and(|entity| {
                entity.queued > 0
                    && entity.locked_by.is_none()
                    && self.workers.serve(app, Kind::Entity, id.name(), None)
            });
            if !busy || Instant::now() >= until {
                return Ok(found);
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    pub(super) async fn entities(
        &self,
        app: AppId,
        asked: proto::QueryEntitiesRequest,
    ) -> Result<proto::QueryEntitiesResponse, Status> {
        let query = asked.query.unwrap_or_default();
        let filter = EntityFilter {
            id_prefix: query.instance_id_starts_with.map(|prefix| lower(&prefix)),
            updated_from: query.last_modified_from.map(to_time),
            updated_to: query.last_modified_to.map(to_time),
            transient: query.include_transient,
        };
        let limit = query.page_size.and_then(|size| u32::try_from(size).ok());
        let page = PageRequest {
            limit: limit
                .filter(|size| *size > 0)
                .unwrap_or(PAGE_DEFAULT)
                .min(PAGE_MAX),
            after: query.continuation_token.filter(|token| !token.is_empty()),
        };
        let page = self.store.entities(&app, &filter, &page).await;
        let page = page.map_err(|error| match error {
            weft_store::Error::NotFound => Status::invalid_argument("no page begins there"),
            error => refused(error),
        })?;
        let page = match query.include_state {
            true => {
                let mut page = page.bound(SHOWN_BYTES_MAX);
                let filled = filled_entities(&*self.store, &app, page.entities).await;
                page.entities = filled.map_err(refused)?;
                page
            }
            false => page,
        };
        let entities = page.entities.iter();
        Ok(proto::QueryEntitiesResponse {
            entities: entities
                .map(|entity| of_entity(entity, query.include_state))
                .collect(),
            continuation_token: page.next,
        })
    }
}

/// The beginning of an entity's id with the name as ours are; `name` alone is meant as `@name`.
fn lower(prefix: &str) -> String {
    let prefix = prefix.strip_prefix('@').unwrap_or(prefix);
    match prefix.split_once('@') {
        Some((name, key)) => format!("@{}@{key}", name.to_lowercase()),
        None => format!("@{}", prefix.to_lowercase()),
    }
}
