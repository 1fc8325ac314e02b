//! Managing instances in memory.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use async_trait::async_trait;
use weft_id::{AppId, ExecutionId, InstanceId, InstanceKey};
use weft_orchestration::{Message, Timestamp};

use super::{MemoryStore, Record, State};
use crate::{
    Cursor, Ending, Error, Family, Filter, Instance, Instances, NewInstance, Page, PageRequest,
    Purged, Recorded, RevisionId,
};

#[async_trait]
impl Instances for MemoryStore {
    async fn create(&self, new: NewInstance) -> Result<(), Error> {
        self.write_apart(new, |state, new| {
            if let Some(record) = state.instances.get(&new.key) {
                let status = record.instance.status;
                if !new.reuse.allows(status) {
                    return Err(Error::AlreadyExists { status });
                }
                state.remove(&new.key);
            }
            state.insert(&new.key, new.start, new.now);
            Ok(())
        })
    }

    async fn send(&self, key: &InstanceKey, message: Message, now: Timestamp) -> Result<(), Error> {
        self.write_apart(message, |state, message| {
            let status = state.instances.get(key).map(|r| r.instance.status);
            if let Some(status) = status.filter(|status| status.is_terminal()) {
                return Err(Error::Ended { status });
            }
            if state.put(key, message, now) {
                Ok(())
            } else {
                Err(Error::NotFound)
            }
        })
    }

    async fn instance(&self, key: &InstanceKey) -> Result<Option<Instance>, Error> {
        let state = self.state();
        Ok(state.instances.get(key).map(|r| r.instance.clone()))
    }

    fn ending(&self, key: &InstanceKey) -> Ending {
        self.endings.of(key)
    }

    async fn history(
        &self,
        key: &InstanceKey,
        from_turn: u64,
        limit: u64,
    ) -> Result<Recorded, Error> {
        let state = self.state();
        let history = state.instances.get(key).map(|r| r.history.as_slice());
        let at = |turn: u64| usize::try_from(turn).unwrap_or(usize::MAX);
        let turns = history
            .unwrap_or_default()
            .iter()
            .skip(at(from_turn))
            .take(at(limit));
        let mut recorded = Recorded::default();
        for turn in turns {
            recorded.events.extend_from_slice(turn);
            recorded.turns += 1;
        }
        Ok(recorded)
    }

    async fn rewind(
        &self,
        key: &InstanceKey,
        execution: ExecutionId,
        reason: String,
        revision: Option<RevisionId>,
        now: Timestamp,
    ) -> Result<(), Error> {
        self.write(|state| {
            state.rewind(key, execution, &reason, now)?;
            if let (Some(revision), Some(record)) = (revision, state.instances.get_mut(key)) {
                record.instance.revision = Some(revision);
            }
            Ok(())
        })
    }

    async fn instances(
        &self,
        app: &AppId,
        filter: &Filter,
        page: &PageRequest,
    ) -> Result<Page, Error> {
        let after = page.after.as_deref().map(Cursor::decode).transpose()?;
        let limit = usize::try_from(page.limit.max(1)).unwrap_or(usize::MAX);
        let state = self.state();
        let mut found: Vec<_> = state
            .matching(app, filter)
            .map(|record| (Cursor::of(&record.instance), &record.instance))
            .filter(|(cursor, _)| after.as_ref().is_none_or(|after| cursor < after))
            .collect();
        found.sort_by_key(|(cursor, _)| Reverse(cursor.clone()));
        let more = found.len() > limit;
        found.truncate(limit);
        Ok(Page {
            next: found.last().filter(|_| more).map(|(last, _)| last.encode()),
            instances: found.into_iter().map(|(_, i)| i.clone()).collect(),
        })
    }

    async fn purge(&self, key: &InstanceKey, family: Family) -> Result<Purged, Error> {
        let mut state = self.state();
        let record = state.instances.get(key).ok_or(Error::NotFound)?;
        let status = record.instance.status;
        if !status.is_terminal() {
            return Err(Error::StillOpen { status });
        }
        Ok(state.purge(&key.app, vec![key.clone()], family))
    }

    async fn purge_matching(
        &self,
        app: &AppId,
        filter: &Filter,
        family: Family,
        limit: u32,
    ) -> Result<Purged, Error> {
        let mut state = self.state();
        let keys: Vec<_> = state
            .matching(app, filter)
            .filter(|record| record.instance.status.is_terminal())
            .take(usize::try_from(limit).unwrap_or(usize::MAX))
            .map(|record| record.instance.key.clone())
            .collect();
        Ok(state.purge(app, keys, family))
    }
}

impl State {
    fn purge(&mut self, app: &AppId, mut keys: Vec<InstanceKey>, family: Family) -> Purged {
        match family {
            Family::Stays => {}
            Family::Goes => self.add_families(app, &mut keys),
        }
        let mut instances = 0;
        for key in keys {
            // Whoever was found as a child may have been found by itself as well.
            if self.instances.contains_key(&key) {
                self.remove(&key);
                instances += 1;
            }
        }
        Purged { instances }
    }

    fn add_families(&self, app: &AppId, keys: &mut Vec<InstanceKey>) {
        let mut children: BTreeMap<&InstanceId, Vec<&InstanceKey>> = BTreeMap::new();
        for record in self.of_app(app) {
            let instance = &record.instance;
            if let Some(parent) = &instance.parent
                && instance.status.is_terminal()
            {
                let of_parent = children.entry(&parent.instance).or_default();
                of_parent.push(&instance.key);
            }
        }
        let mut next = 0;
        while let Some(key) = keys.get(next) {
            // Taken out, so that a family that is its own ancestor comes to an end.
            let found = children.remove(&key.id).unwrap_or_default();
            keys.extend(found.into_iter().cloned());
            next += 1;
        }
    }

    fn matching(&self, app: &AppId, filter: &Filter) -> impl Iterator<Item = &Record> {
        self.of_app(app)
            .filter(|record| !record.instance.key.id.is_entity())
            .filter(|record| filter.matches(&record.instance))
    }

    /// The instances of an app, in the order of their keys.
    pub(super) fn of_app(&self, app: &AppId) -> impl Iterator<Item = &Record> {
        // Control characters are refused, so nothing sorts before a single space.
        let least: InstanceId = " ".parse().expect("a space is a valid id");
        self.instances
            .range(InstanceKey::new(app.clone(), least)..)
            .map(|(_, record)| record)
            .take_while(|record| record.instance.key.app == *app)
    }
}
