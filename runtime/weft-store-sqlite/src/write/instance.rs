//! Creating instances, filling their inboxes, removing them.

use rusqlite::{OptionalExtension, params};
use weft_id::InstanceKey;
use weft_orchestration::{Message, Start, Status, Timestamp};
use weft_store::{Error, IdReuse, MessageSeq, Shard, Wakeup};

use super::{SHARD_SHIFT, Tx};
use crate::column::{json, of_execution, of_status, of_time, to_status};
use crate::fault::Fault;

/// A message, made ready by the caller.
#[derive(Debug)]
pub(crate) struct Entry {
    reaches: bool,
    text: String,
}

impl Entry {
    pub(crate) fn new(message: &Message) -> Self {
        Self {
            reaches: message.reaches_suspended(),
            text: json(message),
        }
    }
}

/// What an instance starts with, made ready by the caller.
#[derive(Debug)]
pub(crate) struct StartRow {
    pub(super) start: Start,
    pub(super) parent: Option<String>,
    pub(super) entry: Entry,
}

impl StartRow {
    pub(crate) fn new(start: Start) -> Self {
        Self {
            parent: start.parent.as_ref().map(json),
            entry: Entry::new(&Message::Start(start.clone())),
            start,
        }
    }
}

/// An instance that the file has.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Found {
    pub(crate) row: i64,
    pub(crate) status: Status,
}

impl Tx<'_> {
    pub(crate) fn find(&mut self, key: &InstanceKey) -> Result<Option<Found>, Fault> {
        let Some(app) = self.app(&key.app)? else {
            return Ok(None);
        };
        let sql = "SELECT row, status FROM instance WHERE app = ?1 AND id = ?2";
        let mut statement = self.statement(sql)?;
        let found = statement
            .query_row(params![app, key.id.as_str()], |row| {
                Ok((row.get(0)?, row.get(1)?))
            })
            .optional()?;
        let Some((row, status)) = found else {
            return Ok(None);
        };
        let status = to_status(status)?;
        Ok(Some(Found { row, status }))
    }

    pub(crate) fn create(
        &mut self,
        key: &InstanceKey,
        start: &StartRow,
        reuse: IdReuse,
        now: Timestamp,
    ) -> Result<(), Fault> {
        if let Some(Found { row, status }) = self.find(key)? {
            match reuse {
                IdReuse::Ended if status.is_terminal() => self.remove(row)?,
                IdReuse::Ended | IdReuse::Never => {
                    return Err(Error::AlreadyExists { status }.into());
                }
            }
        }
        Ok(self.insert(key, start, now)?)
    }

    /// Creates an instance that does not exist, with its start in the inbox.
    pub(super) fn insert(
        &mut self,
        key: &InstanceKey,
        start: &StartRow,
        now: Timestamp,
    ) -> rusqlite::Result<()> {
        let app = self.app_or_new(&key.app)?;
        self.state.last_row += 1;
        let shard = i64::from(Shard::of(key).index());
        let row = shard << SHARD_SHIFT | self.state.last_row;
        let sql = "INSERT INTO instance (row, app, id, execution, name, status, created_at, \
                   updated_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?7)";
        self.execute(
            sql,
            params![
                row,
                app,
                key.id.as_str(),
                of_execution(start.start.execution),
                start.start.name,
                of_status(Status::Pending),
                of_time(now),
            ],
        )?;
        let sql = "INSERT INTO detail (instance, input, parent) VALUES (?1, ?2, ?3)";
        self.execute(sql, params![row, start.start.input.as_str(), start.parent])?;
        let seq = self.append(row, &start.entry)?;
        let wakeup = Wakeup::of_created(key.clone(), start.start.clone(), seq, now);
        self.state.woken.push(wakeup);
        Ok(())
    }

    pub(crate) fn send(
        &mut self,
        key: &InstanceKey,
        entry: &Entry,
        now: Timestamp,
    ) -> Result<(), Fault> {
        if self.put(key, entry, now)? {
            return Ok(());
        }
        Err(match self.find(key)? {
            Some(Found { status, .. }) => Error::Ended { status },
            None => Error::NotFound,
        }
        .into())
    }

    /// Appends to the inbox of an open instance; whether there is one.
    pub(super) fn put(
        &mut self,
        key: &InstanceKey,
        entry: &Entry,
        now: Timestamp,
    ) -> rusqlite::Result<bool> {
        let Some(app) = self.app(&key.app)? else {
            return Ok(false);
        };
        let sql = "UPDATE instance SET updated_at = ?3 \
                   WHERE app = ?1 AND id = ?2 AND status < 3 RETURNING row";
        let Some(row) = self.number(sql, params![app, key.id.as_str(), of_time(now)])? else {
            return Ok(false);
        };
        self.append(row, entry)?;
        self.wake(key.clone());
        Ok(true)
    }

    pub(super) fn append(&mut self, row: i64, entry: &Entry) -> rusqlite::Result<MessageSeq> {
        self.state.last_message += 1;
        self.insert_entry(row, self.state.last_message, entry)?;
        Ok(MessageSeq(self.state.last_message))
    }

    /// Puts messages before everything that is in the inbox.
    pub(super) fn prepend<'e>(
        &mut self,
        row: i64,
        entries: impl DoubleEndedIterator<Item = &'e Entry>,
    ) -> rusqlite::Result<()> {
        for entry in entries.rev() {
            self.state.first_message -= 1;
            self.insert_entry(row, self.state.first_message, entry)?;
        }
        Ok(())
    }

    fn insert_entry(&self, row: i64, seq: i64, entry: &Entry) -> rusqlite::Result<()> {
        let sql = "INSERT INTO inbox (instance, seq, reaches, message) VALUES (?1, ?2, ?3, ?4)";
        self.execute(sql, params![row, seq, entry.reaches, entry.text])?;
        Ok(())
    }

    pub(super) fn wake(&mut self, key: InstanceKey) {
        self.state.woken.push(Wakeup::of(key));
    }

    /// Removes an instance with all that belongs to it.
    pub(crate) fn remove(&self, row: i64) -> rusqlite::Result<()> {
        self.execute("DELETE FROM instance WHERE row = ?1", [row])?;
        Ok(())
    }

    pub(crate) fn purge(&mut self, key: &InstanceKey) -> Result<(), Fault> {
        let Found { row, status } = self.find(key)?.ok_or(Error::NotFound)?;
        if !status.is_terminal() {
            return Err(Error::StillOpen { status }.into());
        }
        Ok(self.remove(row)?)
    }
}
