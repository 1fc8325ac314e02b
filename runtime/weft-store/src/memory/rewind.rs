//! Rewinding in memory.

use weft_id::{ExecutionId, InstanceKey};
use weft_orchestration::{Found, OpenChild, Outgoing, Remedy, Rewound, Status, Timestamp, rewind};

use super::State;
use crate::{Error, Wakeup};

impl State {
    /// A child that cannot be rewound stays failed, and answers so.
    pub(super) fn rewind(
        &mut self,
        key: &InstanceKey,
        execution: ExecutionId,
        reason: &str,
        now: Timestamp,
    ) -> Result<(), Error> {
        // A list and no recursion: how deep children are nested is up to whoever writes them.
        let mut open = self.rewind_one(key, execution, reason, now)?;
        while let Some((parent, child)) = open.pop() {
            let key = InstanceKey::new(parent.app.clone(), child.instance.clone());
            let found = self.instances.get(&key).map(|record| Found {
                parent: record.instance.parent.clone(),
                outcome: record.instance.outcome.clone(),
            });
            match child.remedy(found) {
                Remedy::Wait => {}
                Remedy::Answer(message) => {
                    self.put(&parent, message, now);
                }
                Remedy::Rewind { otherwise } => {
                    match self.rewind_one(&key, child.start.execution, reason, now) {
                        Ok(more) => open.extend(more),
                        Err(_) => {
                            self.put(&parent, otherwise, now);
                        }
                    }
                }
                Remedy::Start(message) => {
                    let to = child.instance;
                    self.deliver(&parent.app, Outgoing { to, message }, now);
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
    ) -> Result<Vec<(InstanceKey, OpenChild)>, Error> {
        let record = self.instances.get(key).ok_or(Error::NotFound)?;
        match record.instance.status {
            Status::Failed => {}
            status @ (Status::Completed | Status::Terminated) => {
                return Err(Error::Ended { status });
            }
            status @ (Status::Pending | Status::Running | Status::Suspended) => {
                return Err(Error::StillOpen { status });
            }
        }
        let history = record.history.concat();
        let inbox = record.inbox.values().cloned().collect();
        let rewound = rewind(&key.id, history, inbox, execution, reason.to_owned());
        Ok(self.replace(key, rewound.map_err(Error::NotRewindable)?, now))
    }

    fn replace(
        &mut self,
        key: &InstanceKey,
        rewound: Rewound,
        now: Timestamp,
    ) -> Vec<(InstanceKey, OpenChild)> {
        let record = self
            .instances
            .get_mut(key)
            .expect("looked up by the caller");
        let instance = &mut record.instance;
        instance.execution = rewound.execution;
        instance.status = Status::Running;
        instance.outcome = None;
        instance.updated_at = now;
        instance.turns = rewound.history.len() as u64;
        instance.history_len = rewound.history.iter().map(|turn| turn.len() as u64).sum();
        record.history = rewound.history;
        record.inbox.clear();
        let stale: Vec<_> = record.tasks.keys().copied().collect();
        for (execution, task) in stale {
            self.remove_task(key, execution, task);
        }
        for task in rewound.tasks {
            self.add_task(key, task);
        }
        for timer in rewound.timers {
            self.add_timer(key, &timer);
        }
        self.prepend(key, rewound.messages);
        self.woken.push(Wakeup::of(key.clone()));
        self.refresh(key);
        for operation in rewound.operations {
            self.deliver(&key.app, operation, now);
        }
        let children = rewound.children.into_iter();
        children.map(|child| (key.clone(), child)).collect()
    }
}
