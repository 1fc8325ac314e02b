//! Shards and the leases on them.

use std::fmt;

use weft_id::InstanceKey;
use weft_orchestration::Timestamp;

/// The number of shards of every store: the most nodes that can share the work.
pub const SHARDS: u16 = 16;

/// One share of the instances, from 0 to [`SHARDS`] - 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Shard(u16);

impl Shard {
    /// The shard of an instance: FNV-1a over its key, part of the stored format.
    #[must_use]
    pub fn of(key: &InstanceKey) -> Self {
        let parts = [
            key.app.tenant.as_str(),
            key.app.app.as_str(),
            key.id.as_str(),
        ];
        let mut hash: u64 = 0xcbf2_9ce4_8422_2325;
        for byte in parts.join("/").bytes() {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
        // The low bits of FNV-1a mix badly for short keys.
        let folded = (hash >> 32) ^ hash;
        Self(u16::try_from(folded % u64::from(SHARDS)).expect("less than SHARDS"))
    }

    pub fn all() -> impl Iterator<Item = Self> {
        (0..SHARDS).map(Self)
    }

    /// `None` for a number that no shard has.
    #[must_use]
    pub fn from_index(index: u16) -> Option<Self> {
        (index < SHARDS).then_some(Self(index))
    }

    #[must_use]
    pub fn index(self) -> u16 {
        self.0
    }
}

/// The right to run the instances of a shard until `until`, as long as no one has a later epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lease {
    pub shard: Shard,
    /// Rises with every change of owner; the fencing token.
    pub epoch: u64,
    pub until: Timestamp,
}

/// A running node: new for each start of the process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId(pub u128);

impl fmt::Display for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}
