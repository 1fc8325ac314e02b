//! What the writer's thread does to the file, operation by operation.
//!
//! Every operation checks what it depends on before its first change, so that a refusal leaves
//! nothing to undo. Text is made JSON by the caller, not here: this thread is the only one.

mod instance;
mod lease;
mod payloads;
mod rewind;
mod turn;

use std::collections::HashMap;

use rusqlite::{CachedStatement, Connection, OptionalExtension, Params, params};
use weft_id::{AppId, InstanceKey};
use weft_orchestration::Outcome;
use weft_store::{Error, Lease, Shard, Wakeup};

use crate::fault;
use lease::Hold;

pub(crate) use instance::{Entry, StartRow};
pub(crate) use lease::{last_until, release_all};
pub(crate) use payloads::recover;
pub(crate) use turn::{TaskRow, TurnRow};

/// The lower bits of an instance's row number count, the upper ones are its shard.
const SHARD_SHIFT: u32 = 40;

/// Row numbers of the instances of a shard: from the first up to, not including, the second.
pub(crate) fn rows_of(shard: Shard) -> (i64, i64) {
    let shard = i64::from(shard.index());
    (shard << SHARD_SHIFT, (shard + 1) << SHARD_SHIFT)
}

/// What the thread knows without asking the file, which no one else writes.
#[derive(Debug)]
pub(crate) struct State {
    last_row: i64,
    last_task: i64,
    /// Numbers of messages rise at the back of the inboxes and fall at the front.
    last_message: i64,
    first_message: i64,
    /// The number of the last long payload that was begun.
    last_text: i64,
    /// Whether there may be something to clean up.
    litter: bool,
    /// Whether the current transaction has changed a key.
    keys_changed: bool,
    apps: HashMap<AppId, i64>,
    holds: Vec<Hold>,
    /// Whom the current transaction has reached.
    woken: Vec<Wakeup>,
    /// Whom the current transaction has ended.
    ended: Vec<(InstanceKey, Outcome)>,
}

impl State {
    /// As the file has it. Numbers given out by a transaction that failed are used again.
    pub(crate) fn read(conn: &Connection) -> Result<Self, Error> {
        let number = |sql: &str| conn.query_row(sql, [], |row| row.get(0));
        let read = || -> rusqlite::Result<Self> {
            let mut last_row = 0;
            for shard in Shard::all() {
                let (from, to) = rows_of(shard);
                let sql = "SELECT coalesce(max(row), ?1) - ?1 FROM instance \
                           WHERE row >= ?1 AND row < ?2";
                let last: i64 = conn.query_row(sql, [from, to], |row| row.get(0))?;
                last_row = last_row.max(last);
            }
            Ok(Self {
                last_row,
                last_task: number("SELECT coalesce(max(seq), 0) FROM task")?,
                last_message: number("SELECT max(coalesce(max(seq), 0), 0) FROM inbox")?,
                first_message: number("SELECT min(coalesce(min(seq), 0), 0) FROM inbox")?,
                last_text: payloads::last_number(conn)?,
                litter: true,
                keys_changed: false,
                apps: HashMap::new(),
                holds: lease::read(conn)?,
                woken: Vec::new(),
                ended: Vec::new(),
            })
        };
        read().map_err(fault::of_sql)
    }

    /// As the file has it after a transaction that failed; numbers of long payloads that others
    /// write at the moment stay theirs.
    pub(crate) fn read_again(&self, conn: &Connection) -> Result<Self, Error> {
        let state = Self::read(conn)?;
        Ok(Self {
            last_text: state.last_text.max(self.last_text),
            ..state
        })
    }

    pub(crate) fn has_litter(&self) -> bool {
        self.litter
    }

    pub(crate) fn let_litter_be(&mut self) {
        self.litter = false;
    }

    pub(crate) fn take_woken(&mut self) -> Vec<Wakeup> {
        std::mem::take(&mut self.woken)
    }

    pub(crate) fn take_keys_changed(&mut self) -> bool {
        std::mem::take(&mut self.keys_changed)
    }

    pub(crate) fn take_ended(&mut self) -> Vec<(InstanceKey, Outcome)> {
        std::mem::take(&mut self.ended)
    }
}

/// The open transaction of the writer.
#[derive(Debug)]
pub(crate) struct Tx<'a> {
    conn: &'a Connection,
    state: &'a mut State,
}

impl<'a> Tx<'a> {
    pub(crate) fn new(conn: &'a Connection, state: &'a mut State) -> Self {
        Self { conn, state }
    }

    pub(crate) fn statement(&self, sql: &str) -> rusqlite::Result<CachedStatement<'a>> {
        self.conn.prepare_cached(sql)
    }

    /// Runs a statement; returns how many rows it changed.
    pub(crate) fn execute(&self, sql: &str, params: impl Params) -> rusqlite::Result<usize> {
        self.statement(sql)?.execute(params)
    }

    /// The first column of the only row, where there is one.
    pub(crate) fn number(&self, sql: &str, params: impl Params) -> rusqlite::Result<Option<i64>> {
        let mut statement = self.statement(sql)?;
        statement.query_row(params, |row| row.get(0)).optional()
    }

    /// The row of an app that something refers to already.
    pub(crate) fn app(&mut self, app: &AppId) -> rusqlite::Result<Option<i64>> {
        if let Some(row) = self.state.apps.get(app) {
            return Ok(Some(*row));
        }
        let sql = "SELECT row FROM app WHERE tenant = ?1 AND name = ?2";
        let row = self.number(sql, (app.tenant.as_str(), app.app.as_str()))?;
        if let Some(row) = row {
            self.state.apps.insert(app.clone(), row);
        }
        Ok(row)
    }

    /// The row of an app, which need not be deployed to be referred to.
    pub(crate) fn app_or_new(&mut self, app: &AppId) -> rusqlite::Result<i64> {
        if let Some(row) = self.app(app)? {
            return Ok(row);
        }
        let sql = "INSERT INTO app (tenant, name) VALUES (?1, ?2)";
        self.execute(sql, params![app.tenant.as_str(), app.app.as_str()])?;
        let row = self.conn.last_insert_rowid();
        self.state.apps.insert(app.clone(), row);
        Ok(row)
    }

    /// Notes that there may be something to clean up.
    pub(crate) fn leave_litter(&mut self) {
        self.state.litter = true;
    }

    pub(crate) fn keys_changed(&mut self) {
        self.state.keys_changed = true;
    }

    pub(crate) fn forget_app(&mut self, app: &AppId) {
        self.state.apps.remove(app);
    }

    /// Whether the lease is still the latest one of the instance's shard.
    pub(crate) fn check(&self, lease: Lease, shard: Shard) -> Result<(), Error> {
        let hold = self.state.holds.get(usize::from(lease.shard.index()));
        if lease.shard == shard && hold.is_some_and(|hold| hold.is_current(lease)) {
            Ok(())
        } else {
            Err(Error::LeaseLost)
        }
    }
}
