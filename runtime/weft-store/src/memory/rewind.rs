//! Rewinding in memory.

use weft_id::{ExecutionId, InstanceKey};
use weft_orchestration::{
    Message, OpenChild, Outcome, Outgoing, Remedy, Rewound, Status, Timestamp, rewind,
};

use super::State;
use crate::{Error, Instance, Wakeup};

impl State {
    /// All checks come before the first change of the instance itself; a child that cannot be
    /// rewound stays failed, and answers so.
    pub(super) fn rewind(
        &mut self,
        key: &InstanceKey,
        execution: ExecutionId,
        reason: &str,
        now: Timestamp,
    ) -> Result<(), Error> {
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
        let rewound = rewind(&key.id, history, execution, reason.to_owned());
        self.replace(key, rewound.map_err(Error::NotRewindable)?, reason, now);
        Ok(())
    }

    fn replace(&mut self, key: &InstanceKey, rewound: Rewound, reason: &str, now: Timestamp) {
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
        for child in rewound.children {
            self.remedy(key, child, reason, now);
        }
    }

    fn remedy(&mut self, parent: &InstanceKey, child: OpenChild, reason: &str, now: Timestamp) {
        let key = InstanceKey::new(parent.app.clone(), child.instance.clone());
        // Another instance may have the id by now.
        let is_child = |instance: &&Instance| {
            let of = instance.parent.as_ref();
            of.is_some_and(|of| of.instance == parent.id && of.task == child.task)
        };
        let found = self.instances.get(&key).map(|r| &r.instance);
        let found = found.filter(is_child);
        let outcome = found.and_then(|instance| instance.outcome.clone());
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
        match (child.remedy(found.map(|i| i.status)), outcome) {
            (Remedy::Wait, _) => {}
            (Remedy::Rewind, Some(outcome)) => {
                let execution = child.start.execution;
                if self.rewind(&key, execution, reason, now).is_err() {
                    self.put(parent, answer(outcome), now);
                }
            }
            (Remedy::Answer, Some(outcome)) => {
                self.put(parent, answer(outcome), now);
            }
            (Remedy::Answer | Remedy::Rewind, None) => {
                unreachable!("an ended instance has its outcome")
            }
            (Remedy::Start, _) => self.deliver(
                &parent.app,
                Outgoing {
                    to: child.instance.clone(),
                    message: Message::Start(child.start.clone()),
                },
                now,
            ),
        }
    }
}
