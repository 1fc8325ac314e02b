//! Tenants: who there is, on which terms, and what each of them keeps here.

use async_trait::async_trait;
use weft_id::Tenant;
use weft_orchestration::{Payload, Timestamp};

use crate::Error;

#[async_trait]
pub trait Tenants: Send + Sync {
    /// Adds a tenant. Idempotent; the tenant `default` always exists.
    async fn put_tenant(&self, tenant: &Tenant, now: Timestamp) -> Result<(), Error>;

    /// Whether there is such a tenant; one index look-up.
    async fn has_tenant(&self, tenant: &Tenant) -> Result<bool, Error>;

    /// All tenants, by name.
    async fn tenants(&self) -> Result<Vec<Tenant>, Error>;

    /// The terms of all tenants that have some.
    async fn terms(&self) -> Result<Vec<(Tenant, Terms)>, Error>;

    /// Gives a tenant other terms, in place of those that `terms` speaks of.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    async fn set_terms(&self, tenant: &Tenant, terms: SetTerms) -> Result<(), Error>;

    /// Removes a tenant with its keys, its terms and everything of its apps. Of `default` the name
    /// stays.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    async fn delete_tenant(&self, tenant: &Tenant) -> Result<(), Error>;

    /// Counts what a tenant keeps. Takes as long as that is much.
    async fn stored(&self, tenant: &Tenant) -> Result<Stored, Error>;
}

/// What a tenant may use and reach, as JSON text whose shape `weft-app` owns.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Terms {
    pub quota: Option<Payload>,
    pub grants: Option<Payload>,
}

impl Terms {
    /// These terms after a change.
    #[must_use]
    pub fn with(mut self, change: SetTerms) -> Self {
        match change {
            SetTerms::Quota(quota) => self.quota = quota,
            SetTerms::Grants(grants) => self.grants = grants,
        }
        self
    }
}

/// Which terms are set; `None` takes them back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SetTerms {
    Quota(Option<Payload>),
    Grants(Option<Payload>),
}

/// What a tenant keeps in the store.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Stored {
    /// Orchestrations and entities, ended ones included.
    pub instances: u64,
    /// What instances hold: inputs, histories, messages that wait, outcomes and states of entities,
    /// long payloads included.
    pub history_bytes: u64,
    /// Key-value pairs, objects, secrets and connections. Components are counted by whoever reads what is
    /// deployed.
    pub data_bytes: u64,
}
