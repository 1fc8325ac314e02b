//! Long payloads in memory: apart from the instances as in every other store, so that all of them
//! hand out the same.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use async_trait::async_trait;
use weft_orchestration::{Carries, Kept, Payload};

use super::{MemoryStore, Record, State};
use crate::{Error, LargePayloads, keep_apart};

/// What may be held beyond what is needed, at least.
const SLACK_BYTES: usize = 1 << 20;

/// Texts by their names.
#[derive(Debug, Default)]
pub(super) struct Large {
    texts: BTreeMap<Kept, Arc<str>>,
    bytes: usize,
    /// When so many bytes are held, what nobody needs is looked for.
    sweep_at: usize,
}

#[async_trait]
impl LargePayloads for MemoryStore {
    async fn large(&self, kept: &Kept) -> Result<Payload, Error> {
        let state = self.state();
        let text = state.large.texts.get(kept).ok_or(Error::NotFound)?;
        Ok(Payload::from(Arc::clone(text)))
    }
}

impl MemoryStore {
    /// As [`LargePayloads::large`] for whoever cannot wait: in memory nothing has to be waited for.
    #[must_use]
    pub fn text_now(&self, payload: &Payload) -> Option<Payload> {
        let Some(kept) = payload.kept() else {
            return Some(payload.clone());
        };
        let text = self.state().large.texts.get(kept).cloned();
        text.map(Payload::from)
    }

    /// Runs a write of something with its long texts taken out.
    pub(super) fn write_apart<C: Carries, T>(
        &self,
        mut carrier: C,
        write: impl FnOnce(&mut State, C) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let texts = keep_apart(&mut carrier, self.inline_bytes_max);
        self.write(|state| {
            let named = carrier.all_kept();
            let held =
                |kept: &Kept| texts.contains_key(kept) || state.large.texts.contains_key(kept);
            if !named.iter().all(held) {
                return Err(Error::NotFound);
            }
            let written = write(state, carrier)?;
            state.hold(texts);
            Ok(written)
        })
    }
}

impl State {
    /// Holds texts that something names by now.
    fn hold(&mut self, texts: BTreeMap<Kept, Arc<str>>) {
        for (kept, text) in texts {
            let bytes = kept.bytes;
            if self.large.texts.insert(kept, text).is_none() {
                self.large.bytes += bytes;
            }
        }
        if self.large.bytes > self.large.sweep_at {
            self.sweep();
        }
    }

    /// Drops the texts that nothing names. The cost is spread over what was held since the last time.
    fn sweep(&mut self) {
        let mut named = BTreeSet::new();
        for record in self.instances.values() {
            named.append(&mut record.all_kept());
        }
        for task in self.tasks.values() {
            named.append(&mut task.task.all_kept());
        }
        let large = &mut self.large;
        large.texts.retain(|kept, _| named.contains(kept));
        large.bytes = large.texts.keys().map(|kept| kept.bytes).sum();
        large.sweep_at = 2 * large.bytes + SLACK_BYTES;
    }
}

impl Carries for Record {
    fn each(&self, see: &mut dyn FnMut(&Payload)) {
        self.instance.each(see);
        self.history.each(see);
        self.inbox.each(see);
        self.entity.each(see);
    }

    fn each_mut(&mut self, change: &mut dyn FnMut(&mut Payload)) {
        self.instance.each_mut(change);
        self.history.each_mut(change);
        self.inbox.each_mut(change);
        self.entity.each_mut(change);
    }
}
