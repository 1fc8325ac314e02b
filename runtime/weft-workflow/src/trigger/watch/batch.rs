//! A Batch trigger: gathers messages and fires with all of them.

use weft_orchestration::Timestamp;

use crate::trigger::Recurrence;
use crate::value::Value;

use super::plan::{Fault, Kind, Release};
use super::state::Batch;
use super::{Told, Watch, moment, recorded};

/// What is gathered in all batches of a trigger together: they are part of its state. Less where the
/// node takes small payloads.
const BYTES_MAX: usize = 2 << 20;
/// Messages of one batch; the peer's number.
const COUNT_MAX: u64 = 8_000;

impl Release {
    fn is_complete(&self, batch: &Batch) -> bool {
        batch.items.len() as u64 >= self.count.unwrap_or(COUNT_MAX).min(COUNT_MAX)
            || self.bytes.is_some_and(|bytes| batch.bytes >= bytes)
    }
}

impl Watch {
    /// Whether something comes of it that time passes: a batch that the clock releases, or a firing whose
    /// runs wait.
    #[must_use]
    pub fn awaits_time(&self) -> bool {
        let timed = |batch: &Batch| {
            let release = self.releases().and_then(|all| all.get(&batch.name));
            release.is_some_and(|release| release.recurrence.is_some())
        };
        self.state.batches.values().any(timed) || !self.state.pending.is_empty()
    }

    fn releases(&self) -> Option<&std::collections::BTreeMap<String, Release>> {
        match &self.plan.as_ref()?.kind {
            Kind::Batch(releases) => Some(releases),
            _ => None,
        }
    }

    /// Takes a message, and releases its batch where that is complete.
    pub(super) fn message(&mut self, told: &Told) {
        let body = told.outputs.get("body").cloned().unwrap_or_default();
        let text = |name: &str| body.get(name).filter(|v| !v.is_null()).map(Value::to_text);
        let Some(releases) = self.releases() else {
            return;
        };
        let named = text("batchName").or_else(|| releases.keys().next().cloned());
        let found = named.as_ref().and_then(|named| {
            let mut all = releases.iter();
            all.find(|(name, _)| name.eq_ignore_ascii_case(named))
        });
        let Some((name, release)) = found.map(|(name, release)| (name.clone(), release.clone()))
        else {
            let fault = Fault {
                code: "BatchNameNotFound",
                message: format!("The trigger has no batch '{}'.", named.unwrap_or_default()),
            };
            return self.fault(&fault, self.now);
        };
        let partition = text("partitionName").unwrap_or_else(|| "DEFAULT".to_owned());
        let id = text("messageId").unwrap_or_else(|| self.replay.new_guid());
        let members = [
            ("messageId", Value::from(id)),
            ("content", body.get("content").cloned().unwrap_or_default()),
        ];
        let item: Value = members.into_iter().collect();
        let written = item.to_string().len() + 1;
        let most = BYTES_MAX.min(self.replay.limits().payload_bytes_max / 4);
        if self.state.batch_bytes() + written > most {
            // Rather than refuse the message, the batch is released before its time.
            self.release_all();
        }
        let key = format!("{name}/{partition}");
        let batch = self
            .state
            .batches
            .entry(key.clone())
            .or_insert_with(|| Batch {
                name,
                partition,
                ..Batch::default()
            });
        batch.bytes += item.weight();
        if batch.items.is_empty() {
            // Its key, its name and its partition.
            batch.written = 128 + 2 * key.len() as u64;
        }
        batch.written += written as u64;
        batch.items.push(item);
        let complete = release.is_complete(batch)
            || written > most
            // Nobody stays to gather any more.
            || self.state.ending;
        if complete {
            self.release(&key, None);
        }
    }

    fn release(&mut self, key: &str, scheduled: Option<Timestamp>) {
        let Some(batch) = self.state.batches.remove(key) else {
            return;
        };
        let members = [
            ("batchName", Value::from(batch.name)),
            ("partitionName", Value::from(batch.partition)),
            ("items", Value::from(batch.items)),
        ];
        let body: Value = members.into_iter().collect();
        let outputs = [("body", body)].into_iter().collect();
        self.fire(None, Told::of(outputs), scheduled);
    }

    /// Releases all batches: nobody stays to gather what is missing.
    pub(super) fn release_all(&mut self) {
        let all: Vec<String> = self.state.batches.keys().cloned().collect();
        for key in all {
            self.release(&key, None);
        }
    }

    /// Releases batches that the definition, which has changed, has no more or takes for complete by now.
    pub(super) fn release_orphans(&mut self) {
        let orphaned = |batch: &Batch| {
            let release = self.releases().and_then(|all| all.get(&batch.name));
            release.is_none_or(|release| release.is_complete(batch))
        };
        let batches = self.state.batches.iter();
        let orphans: Vec<String> = batches
            .filter(|(_, batch)| orphaned(batch))
            .map(|(key, _)| key.clone())
            .collect();
        for key in orphans {
            self.release(&key, None);
        }
    }

    /// Releases what is due by the clock.
    pub(super) fn release_due(&mut self, due: Timestamp) {
        let Some(releases) = self.releases() else {
            return;
        };
        let activated = self.state.activated;
        let names: Vec<String> = releases
            .iter()
            .filter(|(_, release)| {
                let recurrence = release.recurrence.as_ref();
                // It is due where the next occurrence after a moment earlier is this one.
                let before = Timestamp::from_millis(due.as_millis().saturating_sub(1));
                recurrence.is_some_and(|r| next_of(r, activated, before) == Some(due))
            })
            .map(|(name, _)| name.clone())
            .collect();
        let keys: Vec<String> = self
            .state
            .batches
            .iter()
            .filter(|(_, batch)| names.contains(&batch.name))
            .map(|(key, _)| key.clone())
            .collect();
        for key in keys {
            self.release(&key, Some(due));
        }
    }

    /// When batches are released next by the clock.
    pub(super) fn next_release(&self, after: Timestamp) -> Option<Timestamp> {
        let releases = self.releases()?.values();
        let recurrences = releases.filter_map(|release| release.recurrence.as_ref());
        recurrences
            .filter_map(|recurrence| next_of(recurrence, self.state.activated, after))
            .min()
    }
}

fn next_of(
    recurrence: &Recurrence,
    activated: Option<Timestamp>,
    after: Timestamp,
) -> Option<Timestamp> {
    let anchor = recurrence.anchor(moment(activated?));
    recurrence.after(anchor, moment(after)).map(recorded)
}
