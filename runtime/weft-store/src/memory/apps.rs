//! What is deployed, in memory.

use async_trait::async_trait;
use weft_id::{AppId, Tenant};

use super::{MemoryStore, State};
use crate::{Apps, Digest, Error, NewRevision, Revision, RevisionId};

#[async_trait]
impl Apps for MemoryStore {
    async fn put_component(&self, digest: &Digest, wasm: &[u8]) -> Result<(), Error> {
        self.state().components.insert(*digest, wasm.to_vec());
        Ok(())
    }

    async fn component(&self, digest: &Digest) -> Result<Option<Vec<u8>>, Error> {
        Ok(self.state().components.get(digest).cloned())
    }

    async fn append_revision(&self, app: &AppId, new: NewRevision) -> Result<RevisionId, Error> {
        let mut state = self.state();
        let active = state.apps.get(app).and_then(|r| active(r));
        if active.map(|revision| revision.id) != new.expected {
            return Err(Error::Conflict);
        }
        let revisions = state.apps.entry(app.clone()).or_default();
        let id = RevisionId(revisions.last().map_or(1, |last| last.id.0 + 1));
        revisions.push(Revision {
            id,
            deployment: new.deployment,
            created_at: new.now,
            active: false,
        });
        activate(revisions, id);
        Ok(id)
    }

    async fn activate_revision(&self, app: &AppId, id: RevisionId) -> Result<(), Error> {
        let mut state = self.state();
        let revisions = state.apps.get_mut(app).ok_or(Error::NotFound)?;
        if revisions.iter().all(|revision| revision.id != id) {
            return Err(Error::NotFound);
        }
        activate(revisions, id);
        Ok(())
    }

    async fn active_revision(&self, app: &AppId) -> Result<Option<Revision>, Error> {
        let state = self.state();
        Ok(state.apps.get(app).and_then(|r| active(r)).cloned())
    }

    async fn revision(&self, app: &AppId, id: RevisionId) -> Result<Option<Revision>, Error> {
        let state = self.state();
        let mut revisions = state.apps.get(app).into_iter().flatten();
        Ok(revisions.find(|revision| revision.id == id).cloned())
    }

    async fn revisions(&self, app: &AppId) -> Result<Vec<Revision>, Error> {
        let state = self.state();
        let revisions = state.apps.get(app).into_iter().flatten();
        Ok(revisions.rev().cloned().collect())
    }

    async fn all_apps(&self) -> Result<Vec<AppId>, Error> {
        Ok(self.state().apps.keys().cloned().collect())
    }

    async fn apps(&self, tenant: &Tenant) -> Result<Vec<AppId>, Error> {
        let state = self.state();
        let apps = state.apps.keys().filter(|app| app.tenant == *tenant);
        Ok(apps.cloned().collect())
    }

    async fn delete_app(&self, app: &AppId) -> Result<(), Error> {
        let mut state = self.state();
        if !state.apps.contains_key(app) {
            return Err(Error::NotFound);
        }
        state.remove_app(app);
        Ok(())
    }
}

impl State {
    /// Removes an app, deployed or not, with all that belongs to it.
    pub(super) fn remove_app(&mut self, app: &AppId) {
        self.apps.remove(app);
        let keys: Vec<_> = self
            .of_app(app)
            .map(|record| record.instance.key.clone())
            .collect();
        for key in &keys {
            self.remove(key);
        }
        self.pairs.retain(|(of, _), _| of != app);
        self.objects.forget(app);
        self.sealed.retain(|(of, _, _), _| of != app);
    }
}

fn active(revisions: &[Revision]) -> Option<&Revision> {
    revisions.iter().find(|revision| revision.active)
}

fn activate(revisions: &mut [Revision], id: RevisionId) {
    for revision in revisions {
        revision.active = revision.id == id;
    }
}
