//! What a watched trigger remembers: the input of its instance, written anew whenever its history
//! is cut.

use std::collections::{BTreeMap, VecDeque};

use serde::{Deserialize, Serialize};
use weft_orchestration::Timestamp;

use crate::value::Value;

/// Entries of the history of a trigger that are kept.
pub(super) const ENTRIES_MAX: usize = 100;
/// Of what one of them says.
const MESSAGE_BYTES_MAX: usize = 512;
/// Names, places and times in a state.
const FIXED_BYTES: usize = 16 << 10;
/// Of an address that an answer has named; longer ones are passed over.
pub(super) const LOCATION_BYTES_MAX: usize = 4 << 10;

/// The input of the orchestration that watches a trigger.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct WatchState {
    pub workflow: String,
    pub trigger: String,
    /// The revision of the app whose definition is watched.
    pub revision: u32,
    /// What callback URLs begin with.
    pub base_url: String,
    /// Tells the key that they are signed with from others that the workflow had.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub access_key: String,
    /// Of what the rest was found with: another one means that the trigger begins anew.
    #[serde(default)]
    pub fingerprint: String,
    /// Whether runs are kept in memory only.
    #[serde(default)]
    pub stateless: bool,
    /// The trigger is gone: what is pending is started, by the revision that still has it, and that is
    /// the end.
    #[serde(default)]
    pub(super) ending: bool,
    #[serde(default)]
    pub(super) activated: Option<Timestamp>,
    /// When it fires or polls next; `None` where that is not known yet or where there is no next.
    #[serde(default)]
    pub(super) due: Option<Timestamp>,
    /// Windows that have been fired for.
    #[serde(default)]
    pub(super) windows: u64,
    /// Where to poll, where an answer has named another place.
    #[serde(default)]
    pub(super) location: Option<String>,
    #[serde(default)]
    pub(super) subscription: Option<Subscription>,
    /// Runs that count against the limit of runs at one time.
    #[serde(default)]
    pub(super) running: Vec<String>,
    /// What has fired and is not wholly started.
    #[serde(default)]
    pub(super) pending: VecDeque<Pending>,
    #[serde(default)]
    pub(super) batches: BTreeMap<String, Batch>,
    /// The newest last.
    #[serde(default)]
    pub entries: VecDeque<Entry>,
    /// Firings so far, whatever came of them.
    #[serde(default)]
    pub(super) firings: u64,
}

/// A webhook that has been told where to call.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Subscription {
    /// Where it can be deleted.
    pub(super) location: Option<String>,
}

/// A firing of which runs are still to be started.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Pending {
    pub(super) inputs: Option<Value>,
    pub(super) outputs: Value,
    pub(super) client_tracking_id: Option<String>,
    pub(super) scheduled: Option<Timestamp>,
    pub(super) at: Timestamp,
    pub(super) seed: u64,
    /// Its entry.
    pub(super) name: String,
    /// The id of its first run, where that is known to somebody.
    #[serde(default)]
    pub(super) first_run: Option<String>,
    #[serde(default)]
    pub(super) awaited: bool,
    /// Runs that have been started, and how many there are.
    pub(super) started: usize,
    pub(super) runs: usize,
    /// Its length in the state, about.
    #[serde(default)]
    pub(super) bytes: usize,
}

/// Messages that wait for their batch to be complete.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Batch {
    pub(super) name: String,
    pub(super) partition: String,
    pub(super) items: Vec<Value>,
    pub(super) bytes: u64,
    /// What it takes in the state.
    #[serde(default)]
    pub(super) written: u64,
}

/// One firing in the history of a trigger.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Entry {
    /// Unique within the trigger.
    pub name: String,
    /// `Succeeded`, `Skipped` or `Failed`.
    pub status: String,
    pub code: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// Whether runs were started.
    pub fired: bool,
    /// The first run, and how many there are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<String>,
    pub runs: usize,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scheduled_time: Option<Timestamp>,
    pub start_time: Timestamp,
    pub end_time: Timestamp,
}

impl Entry {
    fn bytes(&self) -> usize {
        // A letter of a message may be written as an escape.
        let message = self.message.as_ref().map_or(0, |message| 6 * message.len());
        let rest = self.name.len() + self.run.as_ref().map_or(0, String::len);
        rest + message + 400
    }
}

impl WatchState {
    /// The state of a trigger that is not watched yet.
    #[must_use]
    pub fn new(workflow: &str, trigger: &str, revision: u32, base_url: &str) -> Self {
        Self {
            workflow: workflow.to_owned(),
            trigger: trigger.to_owned(),
            revision,
            base_url: base_url.to_owned(),
            ..Self::default()
        }
    }

    /// # Errors
    /// It is no state.
    pub fn read(input: &str) -> Result<Self, serde_json::Error> {
        serde_json::from_str(input)
    }

    /// As the input of an instance.
    #[must_use]
    pub fn to_text(&self) -> String {
        serde_json::to_string(self).expect("a state has no keys but strings")
    }

    /// What it takes to be written, about; no less than that for what grows with what is sent.
    pub(super) fn bytes(&self) -> usize {
        let pending: usize = self.pending.iter().map(|pending| pending.bytes).sum();
        let running: usize = self.running.iter().map(|run| run.len() + 3).sum();
        let entries: usize = self.entries.iter().map(Entry::bytes).sum();
        pending + running + entries + self.batch_bytes() + FIXED_BYTES
    }

    /// What all batches take together.
    pub(super) fn batch_bytes(&self) -> usize {
        let batches = self.batches.values();
        let bytes: u64 = batches.map(|batch| batch.written).sum();
        usize::try_from(bytes).unwrap_or(usize::MAX)
    }

    pub(super) fn record(&mut self, mut entry: Entry) {
        if let Some(message) = &mut entry.message
            && message.len() > MESSAGE_BYTES_MAX
        {
            message.truncate(message.floor_char_boundary(MESSAGE_BYTES_MAX));
            message.push('…');
        }
        self.entries.push_back(entry);
        while self.entries.len() > ENTRIES_MAX {
            self.entries.pop_front();
        }
    }

    /// Runs that are still to be started.
    pub(super) fn waiting(&self) -> usize {
        let pending = self.pending.iter();
        pending
            .map(|pending| pending.runs.saturating_sub(pending.started))
            .sum()
    }

    /// What has to be done anew where the trigger is another one; its history stays, and so do runs
    /// that are to be started.
    pub(super) fn reset(&mut self) {
        self.activated = None;
        self.due = None;
        self.windows = 0;
        self.location = None;
        self.subscription = None;
    }
}
