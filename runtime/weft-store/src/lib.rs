//! What weft keeps: the contract that every store fulfils, its conformance suite, and the store in
//! memory.
//!
//! The contract is divided by who uses it: [`Instances`] for managing orchestrations, [`Entities`]
//! for looking at entities, [`Work`] for running both, [`LargePayloads`] for what these hand out as
//! names only, [`Apps`] for what is deployed, [`Keys`] for who may call, [`Tenants`] for
//! whose it all is, [`Audit`] for what was managed, [`KeyValue`] and [`Blobs`] for guests, [`Vault`]
//! for secrets.
//! [`Store`] is all of them. Nothing here knows HTTP, components or SQL.
//!
//! # Shards and leases
//! Every instance belongs to one of [`SHARDS`] shards. A node leases shards, not instances: the
//! epoch of the shard's lease fences every commit, so a step costs no lease write, and whoever
//! owns a shard may keep its instances in memory. [`Error::LeaseLost`] says that another node owns
//! the shard now; everything held for it must be dropped.

mod apps;
mod audit;
mod blobs;
#[cfg(feature = "conformance")]
pub mod conformance;
mod cursor;
mod delivery;
mod endings;
mod entities;
mod error;
mod instances;
mod keys;
mod kv;
mod memory;
mod payloads;
mod room;
mod shard;
mod tenants;
mod vault;
mod work;

pub use apps::{Apps, Digest, NewRevision, Revision, RevisionId};
pub use audit::{Audit, AuditEntry, AuditFilter, AuditOutcome, AuditSeq, NewAudit};
pub use blobs::{Blob, BlobId, BlobLimits, BlobUsage, Blobs, NewBlob};
pub use cursor::Cursor;
pub use delivery::Delivery;
pub use endings::{Ending, Endings, until_ended};
pub use entities::{Entities, EntityFilter, EntityPage, EntityView};
pub use error::Error;
pub use instances::{
    Family, Filter, IdReuse, Instance, Instances, NewInstance, Page, PageRequest, Purged, Recorded,
};
pub use keys::{KeyId, KeyRecord, Keys, Role};
pub use kv::{KeyValue, KvLimits, incremented};
pub use memory::MemoryStore;
pub use payloads::{
    INLINE_BYTES_MAX, LargePayloads, conceal, fill_in, fill_in_within, filled_entities,
    filled_instances, fitting, keep_apart, with_text,
};
pub use room::{Held, Room};
pub use shard::{Lease, NodeId, SHARDS, Shard};
pub use tenants::{SetTerms, Stored, Tenants, Terms};
pub use vault::{Sealed, SealedKind, Vault};
pub use work::{
    Consumed, Loaded, MessageSeq, PendingTask, PendingTimer, START_TIMER, TaskSeq, TurnCommit,
    Wakeup, Work,
};

/// Everything a node needs of its store.
pub trait Store:
    Instances
    + Entities
    + Work
    + LargePayloads
    + Apps
    + Keys
    + Tenants
    + Audit
    + KeyValue
    + Blobs
    + Vault
{
}

impl<T> Store for T where
    T: Instances
        + Entities
        + Work
        + LargePayloads
        + Apps
        + Keys
        + Tenants
        + Audit
        + KeyValue
        + Blobs
        + Vault
{
}
