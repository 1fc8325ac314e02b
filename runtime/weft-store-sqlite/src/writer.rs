//! The one writer: a thread that takes every queued write, runs them in one transaction, commits
//! once and only then answers.
//!
//! Invariants:
//! - a write that is refused has changed nothing, so it needs no savepoint of its own;
//! - a write that makes SQLite fail spoils the transaction; each write of the batch is then run
//!   again by itself, so that only the culprit fails;
//! - after a failed commit of unknown outcome nothing is written any more;
//! - news of inboxes goes out after the commit.

#[cfg(test)]
mod tests;

use std::sync::atomic::{AtomicI32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use rusqlite::Connection;
use tokio::sync::mpsc::error::TryRecvError;
use tokio::sync::{broadcast, mpsc, oneshot, watch};
use weft_store::{Endings, Error, KeyId, KeyRecord, Wakeup};

use crate::cache::Cache;
use crate::fault::{self, Fault};
use crate::write::{State, Tx};

/// Writes that wait for the thread; more callers wait for room.
const QUEUE_MAX: usize = 1024;
/// Writes of one transaction: bounds how long the first of them waits.
const BATCH_MAX: usize = 512;
/// While writes never cease, one step of cleaning up comes after so many transactions.
const BATCHES_PER_CLEANING: u32 = 16;
/// Pages of the write-ahead log after which it is copied into the file: 16 MiB.
const LOG_PAGES_MAX: i32 = 4096;

/// How well commits are shared.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) transactions: AtomicU64,
    pub(crate) writes: AtomicU64,
}

/// Where the thread reports to.
#[derive(Debug, Clone)]
pub(crate) struct Reports {
    pub(crate) wakeups: broadcast::Sender<Wakeup>,
    pub(crate) endings: Endings,
    pub(crate) keys: Arc<Cache<KeyId, KeyRecord>>,
    pub(crate) failed: watch::Sender<Option<String>>,
    pub(crate) counters: Arc<Counters>,
}

/// The queue to the thread. Dropping it ends the thread once everything queued is written.
#[derive(Debug)]
pub(crate) struct Writer {
    queue: Option<mpsc::Sender<Box<dyn Job>>>,
    given_up: Arc<GivenUp>,
    thread: Option<JoinHandle<()>>,
}

/// Numbers of texts whose parts are to be removed once everything queued is written: some of them may
/// be queued still.
#[derive(Debug, Default)]
struct GivenUp(Mutex<Vec<i64>>);

impl GivenUp {
    fn numbers(&self) -> MutexGuard<'_, Vec<i64>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Writer {
    pub(crate) fn start(mut conn: Connection, reports: Reports) -> Result<Self, Error> {
        let log_pages = Arc::new(AtomicI32::new(0));
        let pages = Arc::clone(&log_pages);
        conn.wal_hook(Some(move |_: &mut rusqlite::hooks::Wal, count| {
            pages.store(count, Ordering::Relaxed);
            Ok(())
        }))
        .map_err(fault::of_sql)?;
        let state = State::read(&conn)?;
        let (queue, jobs) = mpsc::channel(QUEUE_MAX);
        let given_up = Arc::new(GivenUp::default());
        let thread = Thread {
            conn,
            state,
            jobs,
            given_up: Arc::clone(&given_up),
            unused: Vec::new(),
            reports,
            log_pages,
        };
        let thread = std::thread::Builder::new()
            .name("weft-store-writer".to_owned())
            .spawn(move || thread.run())
            .map_err(|error| Error::Unavailable {
                reason: format!("cannot start the writer: {error}"),
            })?;
        Ok(Self {
            queue: Some(queue),
            given_up,
            thread: Some(thread),
        })
    }

    /// Queues a write and waits for its commit. Once queued it takes place even when the caller
    /// no longer waits. `run` may be called again after a transaction that failed.
    pub(crate) async fn write<T: Send + 'static>(
        &self,
        run: impl FnMut(&mut Tx<'_>) -> Result<T, Fault> + Send + 'static,
    ) -> Result<T, Error> {
        let ended = || Error::Broken {
            reason: "the writer has ended".to_owned(),
        };
        let (reply, answer) = oneshot::channel();
        let job = Box::new(Write {
            run,
            result: None,
            reply,
        });
        let queue = self.queue.as_ref().ok_or_else(ended)?;
        queue.send(job).await.map_err(|_| ended())?;
        answer.await.map_err(|_| ended())?
    }

    /// Has the parts under these numbers removed, unless a text has become of them.
    pub(crate) fn give_up(&self, numbers: Vec<i64>) {
        self.given_up.numbers().extend(numbers);
        let (reply, _) = oneshot::channel();
        let run = |_: &mut Tx<'_>| Ok(());
        let wake = Box::new(Write {
            run,
            result: None,
            reply,
        });
        if let Some(queue) = &self.queue {
            // Where there is no room, the thread is awake and looks before it sleeps.
            let _ = queue.try_send(wake);
        }
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.queue = None;
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the writer of the store panicked");
        }
    }
}

/// A write of any result type.
trait Job: Send {
    /// # Errors
    /// Only for a failure that spoils the transaction; refusals wait for [`Self::answer`].
    fn run(&mut self, tx: &mut Tx<'_>) -> Result<(), rusqlite::Error>;

    fn answer(self: Box<Self>, committed: Result<(), &Error>);
}

struct Write<T, F> {
    run: F,
    result: Option<Result<T, Error>>,
    reply: oneshot::Sender<Result<T, Error>>,
}

impl<T, F> Job for Write<T, F>
where
    T: Send,
    F: FnMut(&mut Tx<'_>) -> Result<T, Fault> + Send,
{
    fn run(&mut self, tx: &mut Tx<'_>) -> Result<(), rusqlite::Error> {
        self.result = Some(match (self.run)(tx) {
            Ok(value) => Ok(value),
            Err(Fault::Refused(error)) => Err(error),
            Err(Fault::Sql(error)) => return Err(error),
        });
        Ok(())
    }

    fn answer(self: Box<Self>, committed: Result<(), &Error>) {
        let answer = match (committed, self.result) {
            (Err(error), _) => Err(fault::copy(error)),
            (Ok(()), Some(result)) => result,
            (Ok(()), None) => Err(Error::Unavailable {
                reason: "the write did not run".to_owned(),
            }),
        };
        // A caller that went away does not want to know.
        let _ = self.reply.send(answer);
    }
}

type Jobs = Vec<Box<dyn Job>>;

struct Thread {
    conn: Connection,
    state: State,
    jobs: mpsc::Receiver<Box<dyn Job>>,
    given_up: Arc<GivenUp>,
    /// Numbers that were given up before the queue was last looked into.
    unused: Vec<i64>,
    reports: Reports,
    log_pages: Arc<AtomicI32>,
}

impl Thread {
    fn run(mut self) {
        let mut batches = 0_u32;
        while let Some(first) = self.next() {
            self.batch(first);
            self.checkpoint();
            batches = batches.wrapping_add(1);
            // However busy it is, what nothing names any more goes in the end.
            if batches.is_multiple_of(BATCHES_PER_CLEANING) && self.state.has_litter() {
                self.clean_up(&[]);
            }
        }
    }

    /// The next write. While there is none, what nothing names any more is removed.
    fn next(&mut self) -> Option<Box<dyn Job>> {
        loop {
            // Before the queue: what is given up from now on may have parts in it.
            self.unused.append(&mut self.given_up.numbers());
            let idle = self.unused.is_empty() && !self.state.has_litter();
            if idle || self.is_failed() {
                return self.jobs.blocking_recv();
            }
            match self.jobs.try_recv() {
                Ok(job) => return Some(job),
                Err(TryRecvError::Disconnected) => return None,
                Err(TryRecvError::Empty) => {
                    let unused = std::mem::take(&mut self.unused);
                    self.clean_up(&unused);
                }
            }
        }
    }

    /// One step of it, which begins with numbers of which no part is written any more. Those that
    /// it fails with are left to the next start.
    fn clean_up(&mut self, unused: &[i64]) {
        let cleaned = || -> rusqlite::Result<()> {
            self.conn.prepare_cached("BEGIN IMMEDIATE")?.execute([])?;
            let mut tx = Tx::new(&self.conn, &mut self.state);
            tx.discard_parts(unused)?;
            tx.clean_up()?;
            self.conn.prepare_cached("COMMIT")?.execute([])?;
            Ok(())
        };
        let mut cleaned = cleaned;
        match cleaned().map_err(fault::of_sql) {
            Ok(()) => self.checkpoint(),
            Err(error) => {
                tracing::warn!(%error, "long payloads were not cleaned up");
                self.roll_back(&error);
                // Until the next time that something is left behind.
                self.state.let_litter_be();
            }
        }
    }

    fn batch(&mut self, first: Box<dyn Job>) {
        let mut jobs = vec![first];
        match self.transaction(&mut jobs, BATCH_MAX) {
            Ok(()) => answer(jobs, Ok(())),
            Err(error) if jobs.len() == 1 || self.is_failed() => answer(jobs, Err(&error)),
            Err(_) => {
                for job in jobs {
                    let mut alone = vec![job];
                    let result = self.transaction(&mut alone, 1);
                    answer(alone, result.as_ref().copied());
                }
            }
        }
    }

    /// Runs the given jobs, and further ones from the queue up to `most`, and commits them.
    fn transaction(&mut self, jobs: &mut Jobs, most: usize) -> Result<(), Error> {
        if let Some(reason) = self.reports.failed.borrow().clone() {
            return Err(Error::Broken { reason });
        }
        let result = self.run_and_commit(jobs, most).map_err(fault::of_sql);
        match &result {
            Ok(()) => self.committed(jobs.len()),
            Err(error) => self.roll_back(error),
        }
        result
    }

    fn run_and_commit(&mut self, jobs: &mut Jobs, most: usize) -> Result<(), rusqlite::Error> {
        self.conn.prepare_cached("BEGIN IMMEDIATE")?.execute([])?;
        let mut tx = Tx::new(&self.conn, &mut self.state);
        let mut next = 0;
        while let Some(job) = jobs.get_mut(next) {
            job.run(&mut tx)?;
            next += 1;
            // Whoever arrived meanwhile shares the commit.
            if next == jobs.len()
                && next < most
                && let Ok(job) = self.jobs.try_recv()
            {
                jobs.push(job);
            }
        }
        self.conn.prepare_cached("COMMIT")?.execute([])?;
        Ok(())
    }

    fn committed(&mut self, writes: usize) {
        let counters = &self.reports.counters;
        counters.transactions.fetch_add(1, Ordering::Relaxed);
        counters.writes.fetch_add(writes as u64, Ordering::Relaxed);
        if self.state.take_keys_changed() {
            self.reports.keys.drop_all();
        }
        for wakeup in self.state.take_woken() {
            // Without receivers nobody runs instances, and nobody needs the news.
            let _ = self.reports.wakeups.send(wakeup);
        }
        for (key, outcome) in self.state.take_ended() {
            self.reports.endings.tell(&key, outcome);
        }
    }

    fn roll_back(&mut self, error: &Error) {
        if let Error::Broken { reason } = error {
            self.fail(reason);
            return;
        }
        // SQLite has rolled back by itself after some errors.
        let restored = || -> Result<State, Error> {
            if !self.conn.is_autocommit() {
                self.conn.execute_batch("ROLLBACK").map_err(fault::of_sql)?;
            }
            self.state.read_again(&self.conn)
        };
        match restored() {
            Ok(state) => self.state = state,
            Err(error) => self.fail(&format!("cannot roll back: {error}")),
        }
    }

    fn fail(&self, reason: &str) {
        tracing::error!(reason, "the store writes no more");
        // Whether a change of a key is on the disk is not known.
        self.reports.keys.drop_all();
        self.reports.failed.send_replace(Some(reason.to_owned()));
    }

    fn is_failed(&self) -> bool {
        self.reports.failed.borrow().is_some()
    }

    /// Copies a long log into the file, after everybody has been answered.
    fn checkpoint(&self) {
        if self.log_pages.load(Ordering::Relaxed) < LOG_PAGES_MAX || self.is_failed() {
            return;
        }
        let result = self
            .conn
            .query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()));
        match result.map_err(fault::of_sql) {
            Ok(()) => {}
            Err(Error::Broken { reason }) => self.fail(&format!("cannot checkpoint: {reason}")),
            // A full disk or a reader in the way: the log keeps everything until the next time.
            Err(error) => tracing::warn!(%error, "the write-ahead log was not checkpointed"),
        }
    }
}

impl Drop for Thread {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.fail("the writer panicked");
        }
    }
}

fn answer(jobs: Jobs, committed: Result<(), &Error>) {
    for job in jobs {
        job.answer(committed);
    }
}
