//! Creating instances, filling their inboxes, removing them.

use rusqlite::{OptionalExtension, params};
use weft_id::{EntityId, ExecutionId, InstanceKey};
use weft_orchestration::{Carries, Entity, Kept, Message, NewTimer, Start, Status, Timestamp};
use weft_store::{Error, IdReuse, MessageSeq, RevisionId, START_TIMER, Shard, Wakeup};

use super::{SHARD_SHIFT, Tx};
use crate::column::{json, of_execution, of_payload, of_status, of_time, to_status};
use crate::fault::Fault;

/// A message, made ready by the caller.
#[derive(Debug)]
pub(crate) struct Entry {
    reaches: bool,
    /// Whom it is for.
    taker: Taker,
    text: String,
    /// What it names.
    kept: Option<Kept>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Taker {
    Orchestration,
    Entity,
    /// It need not exist.
    NewEntity,
}

impl Entry {
    pub(crate) fn new(message: &Message) -> Self {
        let mut kept = message.all_kept();
        let (kept, more) = (kept.pop_first(), kept.pop_first());
        assert!(more.is_none(), "a message carries one payload");
        Self {
            reaches: message.reaches_suspended(),
            taker: match message {
                Message::Operation(_) | Message::Lock(_) => Taker::NewEntity,
                message if message.is_for_entity() => Taker::Entity,
                _ => Taker::Orchestration,
            },
            text: json(message),
            kept,
        }
    }
}

/// What an instance starts with, made ready by the caller.
#[derive(Debug)]
pub(crate) struct StartRow {
    pub(super) start: Start,
    pub(super) parent: Option<String>,
    pub(super) tags: Option<String>,
    pub(super) entry: Entry,
}

impl StartRow {
    pub(crate) fn new(start: Start) -> Self {
        Self {
            parent: start.parent.as_ref().map(json),
            tags: (!start.tags.is_empty()).then(|| json(&start.tags)),
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
        reuse: &IdReuse,
        now: Timestamp,
    ) -> Result<(), Fault> {
        if let Some(Found { row, status }) = self.find(key)? {
            if !reuse.allows(status) {
                return Err(Error::AlreadyExists { status }.into());
            }
            self.remove(row)?;
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
        let Start {
            execution,
            name,
            input,
            version,
            scheduled_at,
            ..
        } = &start.start;
        let row = self.insert_row(key, *execution, name, Status::Pending, now)?;
        let sql = "INSERT INTO detail (instance, input, parent, tags, version, scheduled_at) \
                   VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
        let scheduled = scheduled_at.map(of_time);
        self.execute(
            sql,
            params![
                row,
                of_payload(input),
                start.parent,
                start.tags,
                version,
                scheduled
            ],
        )?;
        if let Some(fire_at) = *scheduled_at {
            let (execution, id) = (*execution, START_TIMER);
            let timer = NewTimer {
                execution,
                id,
                fire_at,
            };
            self.insert_timer(row, Shard::of(key), &timer)?;
        }
        let seq = self.append(row, &start.entry)?;
        let wakeup = Wakeup::of_created(key.clone(), start.start.clone(), seq, now);
        self.state.woken.push(wakeup);
        Ok(())
    }

    fn insert_row(
        &mut self,
        key: &InstanceKey,
        execution: ExecutionId,
        name: &str,
        status: Status,
        now: Timestamp,
    ) -> rusqlite::Result<i64> {
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
                of_execution(execution),
                name,
                of_status(status),
                of_time(now),
            ],
        )?;
        Ok(row)
    }

    /// An entity that nobody has spoken to before.
    fn insert_entity(
        &mut self,
        key: &InstanceKey,
        entity: &EntityId,
        now: Timestamp,
    ) -> rusqlite::Result<i64> {
        let name = entity.name();
        let row = self.insert_row(key, Entity::EXECUTION, name, Status::Running, now)?;
        let sql = "INSERT INTO detail (instance, input) VALUES (?1, 'null')";
        self.execute(sql, [row])?;
        self.execute("INSERT INTO entity (instance) VALUES (?1)", [row])?;
        Ok(row)
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
            Some(Found { status, .. }) if status.is_terminal() => Error::Ended { status },
            Some(_) | None => Error::NotFound,
        }
        .into())
    }

    /// Appends to the inbox of an open instance; whether there is one that takes the message.
    pub(super) fn put(
        &mut self,
        key: &InstanceKey,
        entry: &Entry,
        now: Timestamp,
    ) -> rusqlite::Result<bool> {
        let entity = key.id.entity();
        if entity.is_some() != (entry.taker != Taker::Orchestration) {
            return Ok(false);
        }
        let row = match self.app(&key.app)? {
            Some(app) => {
                let sql = "UPDATE instance SET updated_at = ?3 \
                           WHERE app = ?1 AND id = ?2 AND status < 3 RETURNING row";
                self.number(sql, params![app, key.id.as_str(), of_time(now)])?
            }
            None => None,
        };
        let row = match (row, entity) {
            (Some(row), _) => row,
            (None, Some(entity)) if entry.taker == Taker::NewEntity => {
                self.insert_entity(key, &entity, now)?
            }
            (None, _) => return Ok(false),
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
        let sql = "INSERT INTO inbox (instance, seq, reaches, message, kept) \
                   VALUES (?1, ?2, ?3, ?4, ?5)";
        let kept = entry.kept.as_ref().map(|kept| kept.sha256);
        self.execute(sql, params![row, seq, entry.reaches, entry.text, kept])?;
        self.name(row, &entry.kept)
    }

    pub(super) fn wake(&mut self, key: InstanceKey) {
        self.state.woken.push(Wakeup::of(key));
    }

    /// Removes an instance with all that belongs to it.
    pub(crate) fn remove(&mut self, row: i64) -> rusqlite::Result<()> {
        self.state.litter = true;
        self.execute("DELETE FROM instance WHERE row = ?1", [row])?;
        Ok(())
    }

    /// Gives an instance the code of a revision.
    pub(crate) fn pin(&mut self, key: &InstanceKey, revision: RevisionId) -> Result<(), Fault> {
        let Found { row, .. } = self.find(key)?.ok_or(Error::NotFound)?;
        let sql = "UPDATE instance SET revision = ?2 WHERE row = ?1";
        self.execute(sql, params![row, revision.0])?;
        Ok(())
    }

    /// Removes those of the instances that have ended; returns how many.
    pub(crate) fn remove_ended(&mut self, rows: &[i64]) -> rusqlite::Result<u64> {
        self.state.litter = true;
        let sql = "DELETE FROM instance WHERE row = ?1 AND status >= 3";
        let mut removed = 0;
        for row in rows {
            removed += self.execute(sql, [row])? as u64;
        }
        Ok(removed)
    }
}
