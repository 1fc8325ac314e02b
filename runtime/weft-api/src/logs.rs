//! The recent log lines of each app, and those to come.
//!
//! A ring per app, bounded by records; older lines fall out. Followers that read too slowly lose
//! lines and are told how many. Nothing here is durable.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::broadcast;
use weft_id::{AppId, InstanceId};
use weft_orchestration::Timestamp;

/// Lines that a slow follower may be behind.
const FOLLOWERS_LAG_MAX: usize = 1024;

/// How grave a line is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    Trace,
    Debug,
    Info,
    Warn,
    Error,
}

impl Level {
    pub const ALL: [Self; 5] = [
        Self::Trace,
        Self::Debug,
        Self::Info,
        Self::Warn,
        Self::Error,
    ];

    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Trace => "trace",
            Self::Debug => "debug",
            Self::Info => "info",
            Self::Warn => "warn",
            Self::Error => "error",
        }
    }
}

/// Where a line comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Source {
    Stdout,
    Stderr,
    /// `wasi:logging`.
    Log,
    /// The node speaks about the function: a trap, dropped output.
    Host,
}

impl Source {
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Stdout => "stdout",
            Self::Stderr => "stderr",
            Self::Log => "log",
            Self::Host => "host",
        }
    }
}

/// One line, free of control characters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    pub at: Timestamp,
    pub level: Level,
    pub source: Source,
    pub function: Option<weft_id::Function>,
    /// The orchestration that the function ran for.
    pub instance: Option<InstanceId>,
    pub message: String,
}

/// A record with its number, which rises by one within an app while the node runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Numbered {
    pub seq: u64,
    pub record: Record,
}

/// The log of every app.
#[derive(Debug)]
pub struct LogBook {
    apps: Mutex<HashMap<AppId, AppLog>>,
    records_max: usize,
}

#[derive(Debug)]
struct AppLog {
    next: u64,
    recent: VecDeque<Arc<Numbered>>,
    followers: broadcast::Sender<Arc<Numbered>>,
}

impl Default for LogBook {
    fn default() -> Self {
        Self::new(1000)
    }
}

impl LogBook {
    /// Keeps the last `records_max` lines of each app.
    #[must_use]
    pub fn new(records_max: usize) -> Self {
        Self {
            apps: Mutex::default(),
            records_max,
        }
    }

    /// Adds a line; never waits.
    pub fn push(&self, app: &AppId, record: Record) {
        self.with(app, |log| {
            let numbered = Arc::new(Numbered {
                seq: log.next,
                record,
            });
            log.next += 1;
            if log.recent.len() == self.records_max {
                log.recent.pop_front();
            }
            log.recent.push_back(Arc::clone(&numbered));
            // Nobody following is no fault.
            let _ = log.followers.send(numbered);
        });
    }

    /// The lines kept, oldest first.
    #[must_use]
    pub fn recent(&self, app: &AppId) -> Vec<Arc<Numbered>> {
        self.with(app, |log| log.recent.iter().cloned().collect())
    }

    /// The lines kept and, without a gap or a repetition, those to come.
    #[must_use]
    pub fn follow(&self, app: &AppId) -> (Vec<Arc<Numbered>>, broadcast::Receiver<Arc<Numbered>>) {
        self.with(app, |log| {
            let recent = log.recent.iter().cloned().collect();
            (recent, log.followers.subscribe())
        })
    }

    /// Drops the log of an app that is gone; its followers see the end.
    pub fn forget(&self, app: &AppId) {
        let mut apps = self.apps.lock().unwrap_or_else(PoisonError::into_inner);
        apps.remove(app);
    }

    fn with<T>(&self, app: &AppId, f: impl FnOnce(&mut AppLog) -> T) -> T {
        // A panic while the lock is held leaves a log that is still whole.
        let mut apps = self.apps.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(log) = apps.get_mut(app) {
            return f(log);
        }
        let log = apps.entry(app.clone()).or_insert_with(|| AppLog {
            next: 1,
            recent: VecDeque::new(),
            followers: broadcast::channel(FOLLOWERS_LAG_MAX).0,
        });
        f(log)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(message: &str) -> Record {
        Record {
            at: Timestamp::default(),
            level: Level::Info,
            source: Source::Stdout,
            function: None,
            instance: None,
            message: message.into(),
        }
    }

    #[test]
    fn keeps_the_last_lines_and_hands_on_the_next() {
        let book = LogBook::new(2);
        let app = AppId::default();
        for message in ["a", "b", "c"] {
            book.push(&app, record(message));
        }
        let (recent, mut next) = book.follow(&app);
        let seqs: Vec<_> = recent.iter().map(|line| line.seq).collect();
        assert_eq!(seqs, [2, 3]);
        book.push(&app, record("d"));
        assert_eq!(next.try_recv().unwrap().record.message, "d");
        book.forget(&app);
        assert_eq!(next.try_recv(), Err(broadcast::error::TryRecvError::Closed));
    }
}
