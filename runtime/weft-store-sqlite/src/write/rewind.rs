//! Rewinding failed instances. Rare, so that reading a history in the writer's thread does no harm.

use rusqlite::{OptionalExtension, params};
use weft_id::{ExecutionId, InstanceKey};
use weft_orchestration::{
    Event, Message, OpenChild, Outcome, Outgoing, Parent, Remedy, Rewound, Status, Timestamp,
    rewind,
};
use weft_store::{Error, Shard};

use super::instance::Found;
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
        let Found { row, status } = self.find(key)?.ok_or(Error::NotFound)?;
        match status {
            Status::Failed => {}
            Status::Completed | Status::Terminated => return Err(Error::Ended { status }.into()),
            Status::Pending | Status::Running | Status::Suspended => {
                return Err(Error::StillOpen { status }.into());
            }
        }
        let rewound = rewind(&key.id, self.recorded(row)?, execution, reason.to_owned());
        let rewound = rewound.map_err(Error::NotRewindable)?;
        self.replace(key, row, rewound, reason, now)
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

    fn replace(
        &mut self,
        key: &InstanceKey,
        row: i64,
        rewound: Rewound,
        reason: &str,
        now: Timestamp,
    ) -> Result<(), Fault> {
        let shard = Shard::of(key);
        let history_len: usize = rewound.history.iter().map(Vec::len).sum();
        let sql = "UPDATE instance SET execution = ?2, status = ?3, turns = ?4, \
                   history_len = ?5, updated_at = ?6 WHERE row = ?1";
        self.execute(
            sql,
            params![
                row,
                of_execution(rewound.execution),
                of_status(Status::Running),
                of_u64(rewound.history.len() as u64),
                of_u64(history_len as u64),
                of_time(now),
            ],
        )?;
        self.execute(
            "UPDATE detail SET outcome = NULL WHERE instance = ?1",
            [row],
        )?;
        self.execute("DELETE FROM turn WHERE instance = ?1", [row])?;
        self.execute("DELETE FROM task WHERE instance = ?1", [row])?;
        for (number, events) in rewound.history.iter().enumerate() {
            let sql = "INSERT INTO turn (instance, number, events) VALUES (?1, ?2, ?3)";
            self.execute(sql, params![row, of_u64(number as u64), json(events)])?;
        }
        for task in &rewound.tasks {
            self.insert_task(row, shard, task)?;
        }
        for timer in &rewound.timers {
            self.insert_timer(row, shard, timer)?;
        }
        let entries: Vec<_> = rewound.messages.iter().map(Entry::new).collect();
        self.prepend(row, entries.iter())?;
        self.wake(key.clone());
        for operation in rewound.operations {
            self.deliver_by_itself(key, operation, now)?;
        }
        for child in rewound.children {
            self.remedy(key, child, reason, now)?;
        }
        Ok(())
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

    fn remedy(
        &mut self,
        parent: &InstanceKey,
        child: OpenChild,
        reason: &str,
        now: Timestamp,
    ) -> Result<(), Fault> {
        let key = InstanceKey::new(parent.app.clone(), child.instance.clone());
        let found = match self.find(&key)? {
            Some(found) => self.child_of(parent, child.task, found)?,
            None => None,
        };
        let (status, outcome) = match found {
            Some((status, outcome)) => (Some(status), outcome),
            None => (None, None),
        };
        let answer = |outcome: Outcome| Message::ChildDone {
            execution: child
                .start
                .parent
                .as_ref()
                .expect("it is a child")
                .execution,
            task: child.task,
            result: outcome.into_result(),
        };
        match (child.remedy(status), outcome) {
            (Remedy::Wait, _) => {}
            (Remedy::Rewind, Some(outcome)) => {
                match self.rewind(&key, child.start.execution, reason, now) {
                    Ok(()) => {}
                    Err(Fault::Refused(Error::NotRewindable(_))) => {
                        self.put(parent, &Entry::new(&answer(outcome)), now)?;
                    }
                    Err(fault) => return Err(fault),
                }
            }
            (Remedy::Answer, Some(outcome)) => {
                self.put(parent, &Entry::new(&answer(outcome)), now)?;
            }
            (Remedy::Answer | Remedy::Rewind, None) => {
                unreachable!("an ended instance has its outcome")
            }
            (Remedy::Start, _) => {
                let outgoing = Outgoing {
                    to: child.instance.clone(),
                    message: Message::Start(child.start.clone()),
                };
                self.deliver_by_itself(parent, outgoing, now)?;
            }
        }
        Ok(())
    }

    /// How the child stands, where what was found is it: another instance may have the id by now.
    fn child_of(
        &self,
        parent: &InstanceKey,
        task: u32,
        found: Found,
    ) -> Result<Option<(Status, Option<Outcome>)>, Fault> {
        let sql = "SELECT parent, outcome FROM detail WHERE instance = ?1";
        let mut statement = self.statement(sql)?;
        let texts: Option<(Option<String>, Option<String>)> = statement
            .query_row([found.row], |row| Ok((row.get(0)?, row.get(1)?)))
            .optional()?;
        let (of, outcome) = texts.unwrap_or_default();
        let of: Option<Parent> = of.as_deref().map(to_json).transpose()?;
        let outcome = outcome.as_deref().map(to_json).transpose()?;
        let is_child = of.is_some_and(|of| of.instance == parent.id && of.task == task);
        Ok(is_child.then_some((found.status, outcome)))
    }
}
