//! Sealed values.

use async_trait::async_trait;
use weft_id::AppId;

use super::MemoryStore;
use crate::{Error, Sealed, SealedKind, Vault};

#[async_trait]
impl Vault for MemoryStore {
    async fn put_sealed(&self, app: &AppId, kind: SealedKind, new: Sealed) -> Result<bool, Error> {
        new.check()?;
        let mut state = self.state();
        let key = (app.clone(), kind, new.name.clone());
        Ok(state.sealed.insert(key, new).is_none())
    }

    async fn sealed(&self, app: &AppId, kind: SealedKind) -> Result<Vec<Sealed>, Error> {
        let state = self.state();
        let all = state.sealed.iter();
        let own = all.filter(|((of, is, _), _)| of == app && *is == kind);
        Ok(own.map(|(_, sealed)| sealed.clone()).collect())
    }

    async fn delete_sealed(&self, app: &AppId, kind: SealedKind, name: &str) -> Result<(), Error> {
        let mut state = self.state();
        let key = (app.clone(), kind, name.to_owned());
        state.sealed.remove(&key).map(drop).ok_or(Error::NotFound)
    }
}
