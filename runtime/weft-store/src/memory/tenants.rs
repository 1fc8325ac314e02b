//! Tenants in memory.

use async_trait::async_trait;
use weft_id::{AppId, Tenant};
use weft_orchestration::{Carries, Payload, Timestamp};

use super::{MemoryStore, Record, State};
use crate::{Error, SetTerms, Stored, Tenants, Terms};

#[async_trait]
impl Tenants for MemoryStore {
    async fn put_tenant(&self, tenant: &Tenant, _now: Timestamp) -> Result<(), Error> {
        self.state().tenants.entry(tenant.clone()).or_default();
        Ok(())
    }

    async fn has_tenant(&self, tenant: &Tenant) -> Result<bool, Error> {
        Ok(self.state().require(tenant).is_ok())
    }

    async fn tenants(&self) -> Result<Vec<Tenant>, Error> {
        let mut tenants: Vec<_> = self.state().tenants.keys().cloned().collect();
        if let Err(place) = tenants.binary_search(&Tenant::default()) {
            tenants.insert(place, Tenant::default());
        }
        Ok(tenants)
    }

    async fn terms(&self) -> Result<Vec<(Tenant, Terms)>, Error> {
        let state = self.state();
        let some = state
            .tenants
            .iter()
            .filter(|(_, terms)| **terms != Terms::default());
        let some = some.map(|(tenant, terms)| (tenant.clone(), terms.clone()));
        Ok(some.collect())
    }

    async fn set_terms(&self, tenant: &Tenant, terms: SetTerms) -> Result<(), Error> {
        let mut state = self.state();
        state.require(tenant)?;
        let own = state.tenants.entry(tenant.clone()).or_default();
        *own = std::mem::take(own).with(terms);
        Ok(())
    }

    async fn delete_tenant(&self, tenant: &Tenant) -> Result<(), Error> {
        let mut state = self.state();
        state.require(tenant)?;
        state.tenants.remove(tenant);
        state
            .keys
            .retain(|_, key| key.tenant.as_ref() != Some(tenant));
        for app in state.apps_of(tenant) {
            state.remove_app(&app);
        }
        Ok(())
    }

    async fn stored(&self, tenant: &Tenant) -> Result<Stored, Error> {
        let state = self.state();
        let of_tenant = |app: &AppId| app.tenant == *tenant;
        let records = state.instances.values();
        let records = records.filter(|record| of_tenant(&record.instance.key.app));
        let mut stored = Stored::default();
        for record in records {
            stored.instances += 1;
            stored.history_bytes += history_bytes(record);
        }
        let pairs = state.pairs.iter().filter(|((app, _), _)| of_tenant(app));
        let pairs = pairs.flat_map(|(_, pairs)| pairs);
        let sealed = state
            .sealed
            .iter()
            .filter(|((app, _, _), _)| of_tenant(app));
        let bytes = pairs.map(|(key, value)| key.len() + value.len());
        let bytes = bytes.chain(sealed.map(|(_, sealed)| sealed.value.len()));
        stored.data_bytes = bytes.map(|bytes| bytes as u64).sum();
        stored.data_bytes += state.objects.bytes_of(tenant);
        Ok(stored)
    }
}

fn history_bytes(record: &Record) -> u64 {
    let mut bytes: usize = 0;
    let mut add = |payload: &Payload| bytes += payload.len();
    record.instance.each(&mut add);
    record.entity.each(&mut add);
    record.inbox.each(&mut add);
    for turn in &record.history {
        turn.each(&mut add);
    }
    // A text around each event, about as long as stores with files write it.
    let events: usize = record.history.iter().map(Vec::len).sum();
    (bytes + events * 64) as u64
}

impl State {
    fn require(&self, tenant: &Tenant) -> Result<(), Error> {
        let known = *tenant == Tenant::default() || self.tenants.contains_key(tenant);
        known.then_some(()).ok_or(Error::NotFound)
    }

    /// Deployed or not.
    fn apps_of(&self, tenant: &Tenant) -> Vec<AppId> {
        let deployed = self.apps.keys();
        let instances = self.instances.keys().map(|key| &key.app);
        let pairs = self.pairs.keys().map(|(app, _)| app);
        let sealed = self.sealed.keys().map(|(app, _, _)| app);
        let all = deployed.chain(instances).chain(pairs).chain(sealed);
        let all = all.chain(self.objects.apps());
        let mut apps: Vec<_> = all.filter(|app| app.tenant == *tenant).cloned().collect();
        apps.sort_unstable();
        apps.dedup();
        apps
    }
}
