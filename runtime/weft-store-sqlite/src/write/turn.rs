//! Committing turns and finishing tasks: what the writer does most.

use std::collections::BTreeSet;

use rusqlite::params;
use weft_id::{ExecutionId, InstanceKey};
use weft_orchestration::{
    After, Carries, EntityRecord, Kept, Message, NewTask, NewTimer, Outcome, Outgoing, Payload,
    Status, Timestamp, Turn,
};
use weft_store::{Consumed, Delivery, Error, Lease, RevisionId, Shard, TurnCommit};

use super::instance::Found;
use super::{Entry, StartRow, Tx};
use crate::column::{json, of_execution, of_payload, of_status, of_time, of_u64};
use crate::fault::Fault;

/// A turn, made ready by the caller.
#[derive(Debug)]
pub(crate) struct TurnRow {
    key: InstanceKey,
    shard: Shard,
    execution: [u8; 16],
    turn_number: i64,
    consumed: Consumed,
    events: String,
    events_len: i64,
    /// What the turn adds to the history, without long payloads.
    history_bytes: i64,
    /// What the instance names for as long as it is as this turn leaves it, besides what is in its
    /// inbox and what an entity keeps.
    kept: BTreeSet<Kept>,
    tasks: Vec<NewTask>,
    timers: Vec<NewTimer>,
    canceled_timers: Vec<u32>,
    messages: Vec<Letter>,
    custom_status: Option<Payload>,
    revision: Option<RevisionId>,
    status: Status,
    next: Next,
    now: Timestamp,
}

#[derive(Debug)]
enum Next {
    Waiting,
    Ended {
        outcome: Outcome,
        text: String,
    },
    Anew {
        start: Box<StartRow>,
        carried: Vec<Entry>,
    },
    Entity(EntityRow),
}

/// What an entity keeps, made ready by the caller.
#[derive(Debug)]
struct EntityRow {
    is_empty: bool,
    state: Option<Payload>,
    /// Absent where there is nothing in it.
    scheduler: Option<String>,
    kept: BTreeSet<Kept>,
}

impl EntityRow {
    fn new(mut record: EntityRecord) -> Self {
        let is_empty = record.is_empty();
        let kept = record.all_kept();
        let state = record.state.take();
        Self {
            is_empty,
            state,
            scheduler: (record != EntityRecord::default()).then(|| json(&record)),
            kept,
        }
    }
}

/// An outgoing message with the rows that it may become.
#[derive(Debug)]
pub(super) struct Letter {
    outgoing: Outgoing,
    ready: Ready,
}

#[derive(Debug)]
enum Ready {
    Child(Box<StartRow>),
    Message(Entry),
}

impl Letter {
    pub(super) fn new(outgoing: Outgoing) -> Self {
        let ready = match &outgoing.message {
            Message::Start(start) => Ready::Child(Box::new(StartRow::new(start.clone()))),
            message => Ready::Message(Entry::new(message)),
        };
        Self { outgoing, ready }
    }
}

impl TurnRow {
    pub(crate) fn new(commit: TurnCommit) -> Self {
        let Turn {
            events,
            tasks,
            timers,
            canceled_timers,
            messages,
            custom_status,
            after,
        } = commit.turn;
        let mut kept = tasks.all_kept();
        kept.append(&mut custom_status.all_kept());
        match &after {
            After::Waiting | After::Suspended => kept.append(&mut events.all_kept()),
            After::Ended(outcome) => {
                kept.append(&mut events.all_kept());
                kept.append(&mut outcome.all_kept());
            }
            // Their events are not written.
            After::ContinuedAsNew { .. } | After::Entity(_) => {}
        }
        let (status, next) = match after {
            After::Waiting => (Status::Running, Next::Waiting),
            After::Suspended => (Status::Suspended, Next::Waiting),
            After::Ended(outcome) => {
                let text = json(&outcome);
                (outcome.status(), Next::Ended { outcome, text })
            }
            After::ContinuedAsNew { start, carried } => {
                let start = Box::new(StartRow::new(start));
                let carried = carried.iter().map(Entry::new).collect();
                (Status::Running, Next::Anew { start, carried })
            }
            After::Entity(record) => (Status::Running, Next::Entity(EntityRow::new(record))),
        };
        let events_len = of_u64(events.len() as u64);
        let events = json(&events);
        let history_bytes = match &next {
            Next::Waiting | Next::Ended { .. } => of_u64(events.len() as u64),
            Next::Anew { .. } | Next::Entity(_) => 0,
        };
        Self {
            shard: Shard::of(&commit.key),
            execution: of_execution(commit.execution),
            turn_number: of_u64(commit.turn_number),
            consumed: commit.consumed,
            events_len,
            events,
            history_bytes,
            kept,
            tasks,
            timers,
            canceled_timers,
            messages: messages.into_iter().map(Letter::new).collect(),
            custom_status,
            revision: commit.revision,
            status,
            next,
            now: commit.now,
            key: commit.key,
        }
    }
}

impl Tx<'_> {
    pub(crate) fn commit_turn(&mut self, lease: Lease, turn: &TurnRow) -> Result<(), Fault> {
        self.check(lease, turn.shard)?;
        let row = self.fence(turn)?.ok_or(Error::LeaseLost)?;
        self.consume(row, &turn.execution, &turn.consumed)?;
        for id in &turn.canceled_timers {
            self.remove_timer(row, *id)?;
        }
        for task in &turn.tasks {
            self.insert_task(row, turn.shard, task)?;
        }
        for letter in &turn.messages {
            self.deliver(turn, letter)?;
        }
        if let Some(custom_status) = &turn.custom_status {
            let sql = "UPDATE detail SET custom_status = ?2 WHERE instance = ?1";
            self.execute(sql, params![row, of_payload(custom_status)])?;
        }
        self.name(row, &turn.kept)?;
        match &turn.next {
            Next::Waiting => {
                self.insert_turn(row, turn)?;
                for timer in &turn.timers {
                    self.insert_timer(row, turn.shard, timer)?;
                }
            }
            Next::Ended { outcome, text } => {
                self.insert_turn(row, turn)?;
                // A failed instance may be rewound, and has still been sent what it was sent.
                if turn.status != Status::Failed {
                    self.execute("DELETE FROM inbox WHERE instance = ?1", [row])?;
                }
                self.execute("DELETE FROM timer WHERE instance = ?1", [row])?;
                let sql = "UPDATE detail SET outcome = ?2 WHERE instance = ?1";
                self.execute(sql, params![row, text])?;
                self.state.ended.push((turn.key.clone(), outcome.clone()));
            }
            Next::Entity(entity) => {
                for timer in &turn.timers {
                    self.insert_timer(row, turn.shard, timer)?;
                }
                self.keep_entity(row, entity)?;
            }
            Next::Anew { start, carried } => {
                self.begin_anew(row, start, carried)?;
                self.wake(turn.key.clone());
            }
        }
        Ok(())
    }

    /// The row of the instance, where it stands as the turn expects; counts the turn.
    fn fence(&mut self, turn: &TurnRow) -> rusqlite::Result<Option<i64>> {
        let Some(app) = self.app(&turn.key.app)? else {
            return Ok(None);
        };
        let sql = "UPDATE instance SET turns = turns + 1, history_len = history_len + ?5, \
                   status = ?6, updated_at = ?7, revision = coalesce(?8, revision), \
                   history_bytes = history_bytes + ?9 \
                   WHERE app = ?1 AND id = ?2 AND execution = ?3 AND turns = ?4 AND status < 3 \
                   RETURNING row";
        self.number(
            sql,
            params![
                app,
                turn.key.id.as_str(),
                turn.execution,
                turn.turn_number,
                turn.events_len,
                of_status(turn.status),
                of_time(turn.now),
                turn.revision.map(|revision| revision.0),
                turn.history_bytes,
            ],
        )
    }

    fn keep_entity(&mut self, row: i64, entity: &EntityRow) -> Result<(), Fault> {
        let sql = "SELECT 1 FROM inbox WHERE instance = ?1 LIMIT 1";
        if entity.is_empty && self.number(sql, [row])?.is_none() {
            return Ok(self.remove(row)?);
        }
        let sql = "UPDATE entity SET state = ?2, scheduler = ?3 WHERE instance = ?1";
        let state = entity.state.as_ref().map(of_payload);
        self.execute(sql, params![row, state, entity.scheduler])?;
        self.name(row, &entity.kept)?;
        Ok(self.forget_texts_but(row, &entity.kept)?)
    }

    fn insert_turn(&self, row: i64, turn: &TurnRow) -> rusqlite::Result<()> {
        let sql = "INSERT INTO turn (instance, number, events) VALUES (?1, ?2, ?3)";
        self.execute(sql, params![row, turn.turn_number, turn.events])?;
        Ok(())
    }

    fn consume(&self, row: i64, execution: &[u8; 16], consumed: &Consumed) -> rusqlite::Result<()> {
        for seq in &consumed.messages {
            let sql = "DELETE FROM inbox WHERE instance = ?1 AND seq = ?2";
            self.execute(sql, [row, seq.0])?;
        }
        for task in &consumed.tasks {
            self.remove_task(row, execution, *task)?;
        }
        for id in &consumed.timers {
            self.remove_timer(row, *id)?;
        }
        Ok(())
    }

    /// Whether the task was there.
    fn remove_task(&self, row: i64, execution: &[u8; 16], task: u32) -> rusqlite::Result<bool> {
        let sql = "DELETE FROM task WHERE instance = ?1 AND id = ?2 AND execution = ?3";
        Ok(self.execute(sql, params![row, task, execution])? > 0)
    }

    fn remove_timer(&self, row: i64, id: u32) -> rusqlite::Result<()> {
        let sql = "DELETE FROM timer WHERE instance = ?1 AND id = ?2";
        self.execute(sql, params![row, id])?;
        Ok(())
    }

    pub(super) fn insert_task(
        &mut self,
        row: i64,
        shard: Shard,
        task: &NewTask,
    ) -> rusqlite::Result<()> {
        self.state.last_task += 1;
        let sql = "INSERT INTO task (shard, seq, instance, execution, id, name, input, attempt, \
                   call, labels) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)";
        self.execute(
            sql,
            params![
                shard.index(),
                self.state.last_task,
                row,
                of_execution(task.execution),
                task.id,
                task.name,
                of_payload(&task.input),
                task.attempt,
                task.call,
                task.labels.as_ref().map(json),
            ],
        )?;
        Ok(())
    }

    pub(super) fn insert_timer(
        &self,
        row: i64,
        shard: Shard,
        timer: &NewTimer,
    ) -> rusqlite::Result<()> {
        let sql = "INSERT OR REPLACE INTO timer (instance, id, shard, fire_at) \
                   VALUES (?1, ?2, ?3, ?4)";
        let fire_at = of_time(timer.fire_at);
        self.execute(sql, params![row, timer.id, shard.index(), fire_at])?;
        Ok(())
    }

    fn deliver(&mut self, turn: &TurnRow, letter: &Letter) -> Result<(), Fault> {
        let target = InstanceKey::new(turn.key.app.clone(), letter.outgoing.to.clone());
        let found = self.find(&target)?;
        // The sender is open until its turn is over, whatever its row says by now.
        let status = if target == turn.key {
            Some(Status::Running)
        } else {
            found.map(|found| found.status)
        };
        self.deliver_to(target, found, status, letter, turn.now)
    }

    /// Delivers to an instance that was `found`, by the status that it counts as.
    pub(super) fn deliver_to(
        &mut self,
        target: InstanceKey,
        found: Option<Found>,
        status: Option<Status>,
        letter: &Letter,
        now: Timestamp,
    ) -> Result<(), Fault> {
        match (Delivery::of(letter.outgoing.clone(), status), &letter.ready) {
            (Delivery::Create { .. }, Ready::Child(start)) => {
                if let Some(ended) = found {
                    self.remove(ended.row)?;
                }
                self.insert(&target, start, now)?;
            }
            (Delivery::Put { to, .. }, Ready::Message(entry)) => {
                let to = InstanceKey::new(target.app, to);
                self.put(&to, entry, now)?;
            }
            // The answer to a start that was refused.
            (Delivery::Put { to, message }, Ready::Child(_)) => {
                let to = InstanceKey::new(target.app, to);
                self.put(&to, &Entry::new(&message), now)?;
            }
            (Delivery::Release { set, owner }, Ready::Child(_) | Ready::Message(_)) => {
                let unlock = Entry::new(&Message::Unlock(owner));
                for entity in set {
                    let to = InstanceKey::new(target.app.clone(), entity.instance());
                    self.put(&to, &unlock, now)?;
                }
            }
            (Delivery::Create { .. }, Ready::Message(_)) => {
                unreachable!("only a start creates an instance")
            }
            (Delivery::Drop, Ready::Child(_) | Ready::Message(_)) => {}
        }
        Ok(())
    }

    fn begin_anew(&mut self, row: i64, start: &StartRow, carried: &[Entry]) -> Result<(), Fault> {
        self.execute("DELETE FROM turn WHERE instance = ?1", [row])?;
        self.execute("DELETE FROM timer WHERE instance = ?1", [row])?;
        let sql = "UPDATE instance SET execution = ?2, name = ?3, turns = 0, history_len = 0, \
                   history_bytes = 0 WHERE row = ?1";
        let execution = of_execution(start.start.execution);
        self.execute(sql, params![row, execution, start.start.name])?;
        let sql = "UPDATE detail SET input = ?2 WHERE instance = ?1";
        self.execute(sql, params![row, of_payload(&start.start.input)])?;
        self.prepend(row, std::iter::once(&start.entry).chain(carried))?;
        self.forget_texts(row)
    }

    pub(crate) fn finish_task(&mut self, lease: Lease, done: &TaskRow) -> Result<(), Fault> {
        self.check(lease, Shard::of(&done.key))?;
        let Some(found) = self.find(&done.key)? else {
            return Ok(());
        };
        let execution = of_execution(done.execution);
        if !self.remove_task(found.row, &execution, done.task)? {
            return Ok(());
        }
        let sql = "UPDATE instance SET updated_at = ?3 \
                   WHERE row = ?1 AND execution = ?2 AND status < 3";
        if self.execute(sql, params![found.row, execution, of_time(done.now)])? > 0 {
            self.append(found.row, &done.entry)?;
            self.wake(done.key.clone());
        }
        Ok(())
    }
}

/// A finished task, made ready by the caller.
#[derive(Debug)]
pub(crate) struct TaskRow {
    pub(crate) key: InstanceKey,
    pub(crate) execution: ExecutionId,
    pub(crate) task: u32,
    pub(crate) entry: Entry,
    pub(crate) now: Timestamp,
}
