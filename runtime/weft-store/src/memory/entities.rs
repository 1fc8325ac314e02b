//! Looking at entities in memory.

use async_trait::async_trait;
use weft_id::{AppId, EntityId, InstanceKey};

use super::{MemoryStore, Record};
use crate::{Entities, EntityFilter, EntityPage, EntityView, Error, PageRequest};

#[async_trait]
impl Entities for MemoryStore {
    async fn entity(&self, app: &AppId, id: &EntityId) -> Result<Option<EntityView>, Error> {
        let key = InstanceKey::new(app.clone(), id.instance());
        Ok(self.state().instances.get(&key).and_then(Record::view))
    }

    async fn entities(
        &self,
        app: &AppId,
        filter: &EntityFilter,
        page: &PageRequest,
    ) -> Result<EntityPage, Error> {
        let after = EntityPage::after(page)?;
        let limit = page.limit.max(1);
        let state = self.state();
        let found = state
            .of_app(app)
            .filter_map(Record::view)
            .filter(|view| after.as_ref().is_none_or(|after| view.id > *after))
            .filter(|view| filter.matches(view))
            .take(
                usize::try_from(limit)
                    .unwrap_or(usize::MAX)
                    .saturating_add(1),
            );
        Ok(EntityPage::cut(found.collect(), limit))
    }
}

impl Record {
    /// `None` for an orchestration.
    fn view(&self) -> Option<EntityView> {
        let id = self.instance.key.id.entity()?;
        let queued = self.entity.queue.len() + self.inbox.len();
        Some(EntityView {
            id,
            state: self.entity.state.clone(),
            locked_by: self.entity.lock.as_ref().map(|l| l.instance.clone()),
            queued: queued as u64,
            updated_at: self.instance.updated_at,
        })
    }
}
