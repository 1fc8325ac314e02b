//! What activities and HTTP functions may do with the orchestrations and entities of their app beyond
//! [`crate::client`]: starting them with options, looking for them, and tidying up.
//!
//! Works in a component only: natively every function panics.

use std::collections::BTreeMap;
use std::time::{SystemTime, UNIX_EPOCH};

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::EntityId;
use crate::bindings::imports::weft::functions::management as wit;
use crate::client::{Error, RuntimeStatus, Status};

/// What a start may say beside what is started; nothing of it has to be said.
#[derive(Debug, Clone, Default)]
pub struct StartOptions {
    /// The id of the new orchestration; one is made where none is given.
    pub instance_id: Option<String>,
    /// To find it by; at most 64, 1 KiB each.
    pub tags: BTreeMap<String, String>,
    /// Which version of the orchestrator is meant.
    pub version: Option<String>,
    /// It does not begin before this time.
    pub not_before: Option<SystemTime>,
    /// The statuses in which an orchestration of the same id makes way; where absent, those of ended
    /// ones. An open one can be replaced only where [`RuntimeStatus::Terminated`] is listed as well.
    pub reuse: Option<Vec<RuntimeStatus>>,
}

/// Which orchestrations are meant. All conditions must hold; empty ones always do.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// Any of these.
    pub statuses: Vec<RuntimeStatus>,
    /// The beginning of the id.
    pub id_prefix: Option<String>,
    /// The orchestrator's name.
    pub name: Option<String>,
    /// Created at this time or later.
    pub created_from: Option<SystemTime>,
    /// Created before this time.
    pub created_to: Option<SystemTime>,
    /// Changed, or ended, at this time or later.
    pub updated_from: Option<SystemTime>,
    /// Changed, or ended, before this time.
    pub updated_to: Option<SystemTime>,
    /// Each with its value.
    pub tags: BTreeMap<String, String>,
}

impl Filter {
    fn to_wit(&self) -> wit::Filter {
        wit::Filter {
            statuses: self.statuses.clone(),
            id_prefix: self.id_prefix.clone(),
            name: self.name.clone(),
            created_from_ms: self.created_from.map(ms),
            created_to_ms: self.created_to.map(ms),
            updated_from_ms: self.updated_from.map(ms),
            updated_to_ms: self.updated_to.map(ms),
            tags: pairs(&self.tags),
        }
    }
}

/// A part of a listing.
#[derive(Debug, Clone)]
pub struct Page<T> {
    /// In the order of the listing.
    pub items: Vec<T>,
    /// What to give as `after` for the next page; nothing at the end.
    pub next: Option<String>,
}

/// An entity that has a state.
#[derive(Debug, Clone)]
pub struct EntityStatus {
    /// Its name and key.
    pub entity: EntityId,
    /// JSON text.
    pub state: String,
    /// When it was last sent something or ran an operation.
    pub updated: SystemTime,
}

impl EntityStatus {
    /// # Errors
    /// [`Error::Invalid`] when the state is of another type.
    pub fn state<T: DeserializeOwned>(&self) -> Result<T, Error> {
        serde_json::from_str(&self.state).map_err(|error| Error::Invalid(error.to_string()))
    }
}

/// Starts the orchestrator of that name and returns the id of the new orchestration. When this
/// returns, the start is on disk.
///
/// # Errors
/// [`Error::AlreadyExists`] where the id is in use; see [`Error`].
pub fn start(name: &str, input: &impl Serialize, options: &StartOptions) -> Result<String, Error> {
    let input = serde_json::to_string(input).map_err(|error| Error::Invalid(error.to_string()))?;
    let options = wit::StartOptions {
        instance_id: options.instance_id.clone(),
        tags: pairs(&options.tags),
        version: options.version.clone(),
        at_ms: options.not_before.map(ms),
        reuse: options.reuse.clone(),
    };
    Ok(wit::start(name, &input, &options)?)
}

/// Orchestrations, newest first, at most `limit` (up to 1000). `after` is [`Page::next`] of the page
/// before.
///
/// # Errors
/// [`Error::NotFound`] for an `after` that no page gave; see [`Error`].
pub fn list(filter: &Filter, limit: u32, after: Option<&str>) -> Result<Page<Status>, Error> {
    let page = wit::list_instances(&filter.to_wit(), limit, after)?;
    Ok(Page {
        items: page.instances.into_iter().map(Status::from_wit).collect(),
        next: page.next,
    })
}

/// Takes a failed orchestration back to before its failure, with the failed children it waits for.
///
/// # Errors
/// [`Error::NotFound`], [`Error::Ended`] for one that has ended otherwise, [`Error::Invalid`] for an
/// open one; see [`Error`].
pub fn rewind(instance_id: &str, reason: &str) -> Result<(), Error> {
    Ok(wit::rewind(instance_id, reason)?)
}

/// Starts the same orchestrator with the same input, tags and version over again: as a new
/// orchestration, or with `same_id` in place of this one, which must have ended. Returns the id.
///
/// # Errors
/// [`Error::NotFound`], [`Error::AlreadyExists`]; see [`Error`].
pub fn restart(instance_id: &str, same_id: bool) -> Result<String, Error> {
    Ok(wit::restart(instance_id, same_id)?)
}

/// Removes an orchestration that has ended, with its ended children where `recursive`; returns how
/// many were removed.
///
/// # Errors
/// [`Error::NotFound`], [`Error::Invalid`] for an open one; see [`Error`].
pub fn purge(instance_id: &str, recursive: bool) -> Result<u32, Error> {
    Ok(wit::purge(instance_id, recursive)?)
}

/// Removes every orchestration that has ended and matches, with its ended children where `recursive`;
/// returns how many were removed.
///
/// # Errors
/// See [`Error`]; what was removed until then stays removed.
pub fn purge_matching(filter: &Filter, recursive: bool) -> Result<u64, Error> {
    let filter = filter.to_wit();
    let mut removed = 0;
    loop {
        match wit::purge_instances(&filter, recursive)? {
            0 => return Ok(removed),
            some => removed += u64::from(some),
        }
    }
}

/// Entities that have a state, in the order of their ids, at most `limit` (up to 1000); those of one
/// name where it is given.
///
/// # Errors
/// [`Error::NotFound`] for an `after` that no page gave; see [`Error`].
pub fn list_entities(
    name: Option<&str>,
    limit: u32,
    after: Option<&str>,
) -> Result<Page<EntityStatus>, Error> {
    let page = wit::list_entities(name, limit, after)?;
    let entities = page.entities.into_iter().filter_map(|found| {
        let (name, key) = found.entity.strip_prefix('@')?.split_once('@')?;
        Some(EntityStatus {
            entity: EntityId::new(name, key),
            state: found.state?,
            updated: crate::time(found.updated_ms),
        })
    });
    Ok(Page {
        items: entities.collect(),
        next: page.next,
    })
}

fn pairs(map: &BTreeMap<String, String>) -> Vec<(String, String)> {
    let pairs = map.iter();
    pairs
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect()
}

fn ms(time: SystemTime) -> f64 {
    crate::millis(time.duration_since(UNIX_EPOCH).unwrap_or_default())
}
