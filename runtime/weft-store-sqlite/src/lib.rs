//! The embedded store: one SQLite file in a data directory, one process at a time.
//!
//! Writes are queued to one thread, which commits them in groups: one `fsync` for all that arrived
//! while the last one ran. Reads run beside it on connections of their own. A write that has
//! returned survives the loss of power.
//!
//! The directory holds `weft.db` with its write-ahead log, `components/` with one file per
//! component (they are large, unchanging and named by their digest, so a file serves them better
//! than a row), and `lock`, held while the store is open.
//!
//! Refuses: a directory that another process has open, a file of a newer format, and every
//! operation once the disk has failed a commit.

mod apps;
mod audit;
mod backup;
mod blobs;
mod cache;
mod column;
mod components;
mod directory;
mod entities;
mod fault;
mod instances;
mod keys;
mod kv;
mod payloads;
mod purge;
mod reader;
mod schema;
mod tenants;
mod vault;
mod work;
mod write;
mod writer;

use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use rusqlite::Transaction;
use tokio::sync::{broadcast, watch};
use weft_orchestration::Timestamp;
use weft_store::{Endings, Error};

pub use backup::{Copied, CopyError, backup, restore};
use cache::Cache;
use directory::Directory;
use fault::Fault;
use reader::Readers;
use write::Tx;
use writer::{Counters, Reports, Writer};

/// More than a receiver leaves unread unless it is stuck; one that lags reads `ready` again.
const WAKEUPS_MAX: usize = 16_384;

/// Keys that are kept in memory: every request presents one.
const KEYS_MAX: NonZeroUsize = NonZeroUsize::new(4096).expect("not zero");

/// An open data directory. Dropping it writes what is queued and frees the directory.
#[derive(Debug)]
pub struct SqliteStore {
    // Fields drop in this order: the lock goes last.
    writer: Writer,
    readers: Readers,
    reports: Reports,
    last_lease: Option<Timestamp>,
    directory: Directory,
}

impl SqliteStore {
    /// Opens a data directory, creates what is absent and brings an older format up to date.
    /// Blocks while it does. Leases of earlier processes end: whoever opens the directory is alone
    /// with it.
    ///
    /// # Errors
    /// [`Error::Unavailable`] where another process has the directory open or it cannot be
    /// reached; [`Error::Broken`] where the file is damaged or of a newer format.
    pub fn open(dir: impl AsRef<Path>) -> Result<Self, Error> {
        let directory = Directory::open(dir.as_ref())?;
        components::sweep(&directory.components())?;
        let path = directory.database();
        let conn = schema::open_for_writing(&path)?;
        let last_lease = write::last_until(&conn).map_err(fault::of_sql)?;
        write::release_all(&conn).map_err(fault::of_sql)?;
        write::recover(&conn).map_err(fault::of_sql)?;
        let readers = Readers::open(&path)?;
        let reports = Reports {
            wakeups: broadcast::Sender::new(WAKEUPS_MAX),
            endings: Endings::default(),
            keys: Arc::new(Cache::new(KEYS_MAX)),
            failed: watch::Sender::new(None),
            counters: Arc::new(Counters::default()),
        };
        let writer = Writer::start(conn, reports.clone())?;
        Ok(Self {
            writer,
            readers,
            reports,
            last_lease,
            directory,
        })
    }

    /// Becomes `Some` with the reason when durability cannot be promised any more. From then on
    /// every operation gives [`Error::Broken`], and the node must stop.
    #[must_use]
    pub fn failed(&self) -> watch::Receiver<Option<String>> {
        self.reports.failed.subscribe()
    }

    /// Until when leases of earlier processes were to last; `None` where there were none. Nothing
    /// that is stored was recorded later than this.
    #[must_use]
    pub fn last_lease(&self) -> Option<Timestamp> {
        self.last_lease
    }

    /// What the writer has done since the store was opened.
    #[must_use]
    pub fn commits(&self) -> Commits {
        let Counters {
            transactions,
            writes,
        } = &*self.reports.counters;
        Commits {
            transactions: transactions.load(Ordering::Relaxed),
            writes: writes.load(Ordering::Relaxed),
        }
    }

    async fn write<T: Send + 'static>(
        &self,
        run: impl FnMut(&mut Tx<'_>) -> Result<T, Fault> + Send + 'static,
    ) -> Result<T, Error> {
        self.writer.write(run).await
    }

    async fn read<T: Send + 'static>(
        &self,
        run: impl FnOnce(&Transaction<'_>) -> Result<T, Fault> + Send + 'static,
    ) -> Result<T, Error> {
        if let Some(reason) = self.reports.failed.borrow().clone() {
            return Err(Error::Broken { reason });
        }
        self.readers.read(run).await
    }
}

/// How well writes share commits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Commits {
    /// Transactions committed; each that changed something took one `fsync`.
    pub transactions: u64,
    /// Writes in them.
    pub writes: u64,
}
