//! Rewinding failed instances. Rare, so that reading a history in the writer's thread does no harm.

use rusqlite::params;
use weft_id::{ExecutionId, InstanceKey};
use weft_orchestration::{
    Event, Found, Message, OpenChild, Outgoing, Remedy, Rewound, Status, Timestamp, rewind,
};
use weft_store::{Error, Shard};

use super::instance::Found as Row;
use super::turn::Letter;
use super::{Entry, Tx};
use crate::column::{json, of_execution, of_status, of_time, of_u64, to_json};
use crate::fault::Fault;

impl Tx<'_> {
    /// A child that cannot be rewound stays failed, and answers so.
    pub(crate) fn rewind(
        &mut self,
        key: &InstanceKey,
        execution: ExecutionId,
        reason: &str,
        now: Timestamp,
    ) -> Result<(), Fault> {
        // A list and no recursion: how deep children are nested is up to whoever writes them.
        let mut open = self.rewind_one(key, execution, reason, now)?;
        while let Some((parent, child)) = open.pop() {
            let key = InstanceKey::new(parent.app.clone(), child.instance.clone());
            match child.remedy(self.found(&key)?) {
                Remedy::Wait => {}
                Remedy::Answer(message) => {
                    self.put(&parent, &Entry::new(&message), now)?;
                }
                Remedy::Rewind { otherwise } => {
                    match self.rewind_one(&key, child.start.execution, reason, now) {
                        Ok(more) => open.extend(more),
                        Err(Fault::Refused(_)) => {
                            self.put(&parent, &Entry::new(&otherwise), now)?;
                        }
                        Err(fault) => return Err(fault),
                    }
                }
                Remedy::Start(message) => {
                    let to = child.instance;
                    self.deliver_by_itself(&parent, Outgoing { to, message }, now)?;
                }
            }
        }
        Ok(())
    }

    /// Returns the children whose answers the instance waits for, each with its parent. All checks
    /// come before the first change.
    fn rewind_one(
        &mut self,
        key: &InstanceKey,
        execution: ExecutionId,
        reason: &str,
        now: Timestamp,
    ) -> Result<Vec<(InstanceKey, OpenChild)>, Fault> {
        let Row { row, status } = self.find(key)?.ok_or(Error::NotFound)?;
        match status {
            Status::Failed => {}
            Status::Completed | Status::Terminated => return Err(Error::Ended { status }.into()),
            Status::Pending | Status::Running | Status::Suspended => {
                return Err(Error::StillOpen { status }.into());
            }
        }
        let (history, inbox) = (self.recorded(row)?, self.arrived(row)?);
        let rewound = rewind(&key.id, history, inbox, execution, reason.to_owned());
        let rewound = rewound.map_err(Error::NotRewindable)?;
        self.replace(key, row, rewound, now)
    }

    fn recorded(&self, row: i64) -> Result<Vec<Event>, Fault> {
        let sql = "SELECT events FROM turn WHERE instance = ?1 ORDER BY number";
        let mut statement = self.statement(sql)?;
        let mut rows = statement.query([row])?;
        let mut events = Vec::new();
        while let Some(row) = rows.next()? {
            let text = row.get_ref(0)?.as_str().map_err(rusqlite::Error::from)?;
            events.extend(to_json::<Vec<Event>>(text)?);
        }
        Ok(events)
    }

    fn arrived(&self, row: i64) -> Result<Vec<Message>, Fault> {
        let sql = "SELECT message FROM inbox WHERE instance = ?1 ORDER BY seq";
        let mut statement = self.statement(sql)?;
        let mut rows = statement.query([row])?;
        let mut messages = Vec::new();
        while let Some(row) = rows.next()? {
            let text = row.get_ref(0)?.as_str().map_err(rusqlite::Error::from)?;
            messages.push(to_json(text)?);
        }
        Ok(messages)
    }

    fn replace(
        &mut self,
        key: &InstanceKey,
        row: i64,
        rewound: Rewound,
        now: Timestamp,
    ) -> Result<Vec<(InstanceKey, OpenChild)>, Fault> {
        let shard = Shard::of(key);
        let history_len: usize = rewound.history.iter().map(Vec::len).sum();
        let texts: Vec<String> = rewound.history.iter().map(json).collect();
        let bytes: usize = texts.iter().map(String::len).sum();
        let sql = "UPDATE instance SET execution = ?2, status = ?3, turns = ?4, \
                   history_len = ?5, updated_at = ?6, history_bytes = ?7 WHERE row = ?1";
        self.execute(
            sql,
            params![
                row,
                of_execution(rewound.execution),
                of_status(Status::Running),
                of_u64(rewound.history.len() as u64),
                of_u64(history_len as u64),
                of_time(now),
                of_u64(bytes as u64),
            ],
        )?;
        self.execute(
            "UPDATE detail SET outcome = NULL WHERE instance = ?1",
            [row],
        )?;
        self.execute("DELETE FROM turn WHERE instance = ?1", [row])?;
        self.execute("DELETE FROM task WHERE instance = ?1", [row])?;
        self.execute("DELETE FROM inbox WHERE instance = ?1", [row])?;
        for (number, events) in texts.iter().enumerate() {
            let sql = "INSERT INTO turn (instance, number, events) VALUES (?1, ?2, ?3)";
            self.execute(sql, params![row, of_u64(number as u64), events])?;
        }
        for task in &rewound.tasks {
            self.insert_task(row, shard, task)?;
        }
        for timer in &rewound.timers {
            self.insert_timer(row, shard, timer)?;
        }
        let entries: Vec<_> = rewound.messages.iter().map(Entry::new).collect();
        self.prepend(row, entries.iter())?;
        self.forget_texts(row)?;
        self.wake(key.clone());
        for operation in rewound.operations {
            self.deliver_by_itself(key, operation, now)?;
        }
        let children = rewound.children.into_iter();
        Ok(children.map(|child| (key.clone(), child)).collect())
    }

    fn deliver_by_itself(
        &mut self,
        sender: &InstanceKey,
        outgoing: Outgoing,
        now: Timestamp,
    ) -> Result<(), Fault> {
        let target = InstanceKey::new(sender.app.clone(), outgoing.to.clone());
        let found = self.find(&target)?;
        let status = found.map(|found| found.status);
        self.deliver_to(target, found, status, &Letter::new(outgoing), now)
    }

    /// What stands under an id.
    fn found(&mut self, key: &InstanceKey) -> Result<Option<Found>, Fault> {
        let Some(Row { row, .. }) = self.find(key)? else {
            return Ok(None);
        };
        let sql = "SELECT parent, outcome FROM detail WHERE instance = ?1";
        let mut statement = self.statement(sql)?;
        let texts: (Option<String>, Option<String>) =
            statement.query_row([row], |row| Ok((row.get(0)?, row.get(1)?)))?;
        Ok(Some(Found {
            parent: texts.0.as_deref().map(to_json).transpose()?,
            outcome: texts.1.as_deref().map(to_json).transpose()?,
        }))
    }
}
