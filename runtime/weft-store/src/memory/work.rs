//! Running instances in memory.

use std::ops::Bound;

use async_trait::async_trait;
use tokio::sync::broadcast;
use weft_id::{AppId, ExecutionId, InstanceKey};
use weft_orchestration::{
    After, EntityRecord, Failure, Message, Outcome, Outgoing, Payload, Start, Status,
};
use weft_orchestration::{NewTask, NewTimer, Timestamp};

use super::{Hold, MemoryStore, State, Task, due};
use crate::{
    Consumed, Delivery, Error, Lease, Loaded, MessageSeq, NodeId, PendingTask, PendingTimer, Shard,
    TaskSeq, TurnCommit, Wakeup, Work,
};

#[async_trait]
impl Work for MemoryStore {
    async fn lease_shards(
        &self,
        node: NodeId,
        most: u16,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<Vec<Lease>, Error> {
        Ok(self.write(|state| state.lease(node, most, now, until)))
    }

    async fn release_shards(&self, node: NodeId, leases: &[Lease]) -> Result<(), Error> {
        let mut state = self.state();
        for lease in leases {
            if let Some(hold) = state.holds.get_mut(&lease.shard)
                && hold.node == Some(node)
                && hold.epoch == lease.epoch
            {
                hold.node = None;
            }
        }
        Ok(())
    }

    fn wakeups(&self) -> broadcast::Receiver<Wakeup> {
        self.wakeups.subscribe()
    }

    async fn ready(
        &self,
        shard: Shard,
        after: Option<&InstanceKey>,
        limit: u32,
    ) -> Result<Vec<InstanceKey>, Error> {
        let state = self.state();
        let found = state
            .ready
            .iter()
            // Read at recovery and after a lag, never per turn: a scan will do.
            .filter(|(of, key)| *of == shard && after.is_none_or(|after| key > after))
            .take(count(limit))
            .map(|(_, key)| key.clone());
        Ok(found.collect())
    }

    async fn pending_tasks(
        &self,
        shard: Shard,
        after: Option<TaskSeq>,
        limit: u32,
    ) -> Result<Vec<PendingTask>, Error> {
        let after = (shard, after.unwrap_or(TaskSeq(0)));
        let last = (shard, TaskSeq(i64::MAX));
        let state = self.state();
        let tasks = state
            .tasks
            .range((Bound::Excluded(after), Bound::Included(last)))
            .take(count(limit))
            .map(|((_, seq), task)| state.pending(*seq, task));
        Ok(tasks.collect())
    }

    async fn pending_timers(&self, shard: Shard, limit: u32) -> Result<Vec<PendingTimer>, Error> {
        let state = self.state();
        let taken = |due: &&super::Due| {
            let status = state.instances[&due.key].instance.status;
            due.shard == shard && status != Status::Suspended
        };
        let timers = state.timers.iter().filter(taken);
        let pending = timers.take(count(limit)).map(|due| PendingTimer {
            key: due.key.clone(),
            execution: state.instances[&due.key].instance.execution,
            id: due.id,
            fire_at: due.fire_at,
        });
        Ok(pending.collect())
    }

    async fn load(&self, key: &InstanceKey) -> Result<Option<Loaded>, Error> {
        let mut state = self.state();
        Ok(state.open(key).map(|record| Loaded {
            instance: record.instance.clone(),
            history: record.history.concat(),
            entity: record.entity.clone(),
            inbox: record
                .inbox
                .iter()
                .map(|(seq, message)| (*seq, message.clone()))
                .collect(),
        }))
    }

    async fn inbox(&self, key: &InstanceKey) -> Result<Vec<(MessageSeq, Message)>, Error> {
        let inbox = self.load(key).await?.map(|loaded| loaded.inbox);
        Ok(inbox.unwrap_or_default())
    }

    async fn commit_turn(&self, lease: Lease, commit: TurnCommit) -> Result<(), Error> {
        self.write_apart(commit, |state, commit| state.commit(lease, commit))
    }

    async fn finish_task(
        &self,
        lease: Lease,
        key: &InstanceKey,
        execution: ExecutionId,
        task: u32,
        result: Result<Payload, Failure>,
        now: Timestamp,
    ) -> Result<(), Error> {
        self.write_apart(result, |state, result| {
            state.check(lease, key)?;
            if state.remove_task(key, execution, task)
                && state
                    .open(key)
                    .is_some_and(|record| record.instance.execution == execution)
            {
                let message = Message::TaskDone {
                    execution,
                    task,
                    result,
                };
                state.put(key, message, now);
            }
            Ok(())
        })
    }
}

fn count(limit: u32) -> usize {
    usize::try_from(limit).unwrap_or(usize::MAX)
}

impl State {
    fn lease(&mut self, node: NodeId, most: u16, now: Timestamp, until: Timestamp) -> Vec<Lease> {
        let held = |state: &Self, shard| {
            let hold: Option<&Hold> = state.holds.get(&shard);
            hold.is_some_and(|hold| hold.node == Some(node))
        };
        let mut room = usize::from(most)
            .saturating_sub(Shard::all().filter(|shard| held(self, *shard)).count());
        let mut leases = Vec::new();
        for shard in Shard::all() {
            let hold = self.holds.entry(shard).or_insert(Hold {
                epoch: 0,
                node: None,
                until: now,
            });
            let free = hold.node.is_none() || hold.until <= now;
            if hold.node != Some(node) {
                if !free || room == 0 {
                    continue;
                }
                room -= 1;
                hold.node = Some(node);
                hold.epoch += 1;
            }
            hold.until = until;
            leases.push(Lease {
                shard,
                epoch: hold.epoch,
                until,
            });
        }
        leases
    }

    /// Whether the lease is still the latest one of the instance's shard.
    fn check(&self, lease: Lease, key: &InstanceKey) -> Result<(), Error> {
        let hold = self.holds.get(&lease.shard);
        let current = hold.is_some_and(|h| h.node.is_some() && h.epoch == lease.epoch);
        if current && lease.shard == Shard::of(key) {
            Ok(())
        } else {
            Err(Error::LeaseLost)
        }
    }

    fn pending(&self, seq: TaskSeq, task: &Task) -> PendingTask {
        let NewTask {
            execution,
            id,
            name,
            input,
            attempt,
            call,
            labels,
        } = task.task.clone();
        PendingTask {
            seq,
            revision: self.instances[&task.key].instance.revision,
            key: task.key.clone(),
            execution,
            id,
            name,
            input,
            attempt,
            call,
            labels,
        }
    }

    /// All checks come before the first change, so a refused commit leaves nothing behind.
    fn commit(&mut self, lease: Lease, commit: TurnCommit) -> Result<(), Error> {
        self.check(lease, &commit.key)?;
        let TurnCommit {
            key,
            execution,
            turn_number,
            consumed,
            turn,
            revision,
            now,
        } = commit;
        let record = self.open(&key).ok_or(Error::LeaseLost)?;
        let instance = &mut record.instance;
        if instance.execution != execution || instance.turns != turn_number {
            return Err(Error::LeaseLost);
        }
        instance.turns += 1;
        instance.history_len += turn.events.len() as u64;
        instance.updated_at = now;
        instance.revision = revision.or(instance.revision);
        if let Some(custom_status) = turn.custom_status {
            instance.custom_status = Some(custom_status);
        }
        if !key.id.is_entity() {
            record.history.push(turn.events);
        }

        self.consume(&key, execution, &consumed);
        for id in turn.canceled_timers {
            self.remove_timer(&key, id);
        }
        for task in turn.tasks {
            self.add_task(&key, task);
        }
        for timer in turn.timers {
            self.add_timer(&key, &timer);
        }
        for outgoing in turn.messages {
            self.deliver(&key.app, outgoing, now);
        }
        match turn.after {
            After::Waiting => self.set_status(&key, Status::Running),
            After::Suspended => self.set_status(&key, Status::Suspended),
            After::Ended(outcome) => self.end(&key, outcome),
            After::ContinuedAsNew { start, carried } => self.begin_anew(&key, start, carried),
            After::Entity(entity) => self.keep_entity(&key, entity),
        }
        self.refresh(&key);
        Ok(())
    }

    fn consume(&mut self, key: &InstanceKey, execution: ExecutionId, consumed: &Consumed) {
        if let Some(record) = self.open(key) {
            for seq in &consumed.messages {
                record.inbox.remove(seq);
            }
        }
        for task in &consumed.tasks {
            self.remove_task(key, execution, *task);
        }
        for id in &consumed.timers {
            self.remove_timer(key, *id);
        }
    }

    /// Whether the task was there.
    pub(super) fn remove_task(
        &mut self,
        key: &InstanceKey,
        execution: ExecutionId,
        task: u32,
    ) -> bool {
        let record = self.instances.get_mut(key);
        let seq = record.and_then(|record| record.tasks.remove(&(execution, task)));
        seq.is_some_and(|seq| self.tasks.remove(&(Shard::of(key), seq)).is_some())
    }

    fn remove_timer(&mut self, key: &InstanceKey, id: u32) {
        let record = self.instances.get_mut(key);
        if let Some(fire_at) = record.and_then(|record| record.timers.remove(&id)) {
            self.timers.remove(&due(key, id, fire_at));
        }
    }

    pub(super) fn add_task(&mut self, key: &InstanceKey, task: NewTask) {
        self.tasks_last += 1;
        let seq = TaskSeq(self.tasks_last);
        if let Some(record) = self.instances.get_mut(key) {
            record.tasks.insert((task.execution, task.id), seq);
            let key = key.clone();
            self.tasks
                .insert((Shard::of(&key), seq), Task { key, task });
        }
    }

    pub(super) fn add_timer(&mut self, key: &InstanceKey, timer: &NewTimer) {
        if let Some(record) = self.instances.get_mut(key) {
            record.timers.insert(timer.id, timer.fire_at);
            self.timers.insert(due(key, timer.id, timer.fire_at));
        }
    }

    fn keep_entity(&mut self, key: &InstanceKey, entity: EntityRecord) {
        if let Some(record) = self.instances.get_mut(key) {
            if entity.is_empty() && record.inbox.is_empty() {
                self.remove(key);
            } else {
                record.entity = entity;
            }
        }
    }

    pub(super) fn deliver(&mut self, app: &AppId, outgoing: Outgoing, now: Timestamp) {
        let target = InstanceKey::new(app.clone(), outgoing.to.clone());
        let status = self.instances.get(&target).map(|r| r.instance.status);
        match Delivery::of(outgoing, status) {
            Delivery::Create { start, .. } => {
                self.remove(&target);
                self.insert(&target, start, now);
            }
            Delivery::Put { to, message } => {
                self.put(&InstanceKey::new(app.clone(), to), message, now);
            }
            Delivery::Release { set, owner } => {
                for entity in set {
                    let to = InstanceKey::new(app.clone(), entity.instance());
                    self.put(&to, Message::Unlock(owner.clone()), now);
                }
            }
            Delivery::Drop => {}
        }
    }

    fn set_status(&mut self, key: &InstanceKey, status: Status) {
        if let Some(record) = self.instances.get_mut(key) {
            record.instance.status = status;
        }
    }

    fn end(&mut self, key: &InstanceKey, outcome: Outcome) {
        self.clear_timers(key);
        if let Some(record) = self.instances.get_mut(key) {
            // A failed instance may be rewound, and has still been sent what it was sent.
            if outcome.status() != Status::Failed {
                record.inbox.clear();
            }
            record.instance.status = outcome.status();
            record.instance.outcome = Some(outcome.clone());
        }
        self.ended.push((key.clone(), outcome));
    }

    /// Puts messages before everything that is in the inbox.
    pub(super) fn prepend(&mut self, key: &InstanceKey, messages: Vec<Message>) {
        self.messages_front -= i64::try_from(messages.len()).expect("fewer messages than 2^63");
        let first = self.messages_front;
        if let Some(record) = self.instances.get_mut(key) {
            record.inbox.extend((first..).map(MessageSeq).zip(messages));
        }
    }

    fn begin_anew(&mut self, key: &InstanceKey, start: Start, carried: Vec<Message>) {
        self.clear_timers(key);
        let front: Vec<_> = std::iter::once(Message::Start(start.clone()))
            .chain(carried)
            .collect();
        self.prepend(key, front);
        if let Some(record) = self.instances.get_mut(key) {
            record.history.clear();
            let instance = &mut record.instance;
            instance.execution = start.execution;
            instance.name = start.name;
            instance.input = start.input;
            instance.parent = start.parent;
            instance.status = Status::Running;
            instance.turns = 0;
            instance.history_len = 0;
            self.woken.push(Wakeup::of(key.clone()));
        }
    }
}
