//! API keys in memory.

use async_trait::async_trait;
use weft_id::Tenant;
use weft_orchestration::Timestamp;

use super::MemoryStore;
use crate::{Error, KeyId, KeyRecord, Keys};

#[async_trait]
impl Keys for MemoryStore {
    async fn put_key(&self, key: KeyRecord) -> Result<(), Error> {
        self.state().keys.insert(key.id.clone(), key);
        Ok(())
    }

    async fn key(&self, id: &KeyId) -> Result<Option<KeyRecord>, Error> {
        Ok(self.state().keys.get(id).cloned())
    }

    async fn keys(&self, tenant: Option<&Tenant>) -> Result<Vec<KeyRecord>, Error> {
        let state = self.state();
        let of_tenant = state.keys.values().filter(|k| k.tenant.as_ref() == tenant);
        let mut keys: Vec<_> = of_tenant.cloned().collect();
        // Stable: keys of the same instant stay in the order of their ids.
        keys.sort_by_key(|key| key.created_at);
        Ok(keys)
    }

    async fn rotate_key(&self, old: &KeyId, new: KeyRecord, until: Timestamp) -> Result<(), Error> {
        let mut state = self.state();
        let record = state.keys.get_mut(old).ok_or(Error::NotFound)?;
        record.expires_at = Some(record.expires_at.map_or(until, |at| at.min(until)));
        state.keys.insert(new.id.clone(), new);
        Ok(())
    }

    async fn delete_key(&self, id: &KeyId) -> Result<(), Error> {
        let removed = self.state().keys.remove(id);
        removed.map(drop).ok_or(Error::NotFound)
    }
}
