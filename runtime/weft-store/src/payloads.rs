//! Long payloads, which stores keep apart.
//!
//! A store takes payloads of any length within its rows' values and hands out those of more than
//! [`INLINE_BYTES_MAX`] as names only, so that what lists, replays or parks instances holds no long
//! texts. The text under a name stays for as long as an instance needs it: it is written no later
//! than the commit that names it, and goes some time after the last instance that names it was
//! purged, or has gone on without it.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use async_trait::async_trait;
use sha2::{Digest as _, Sha256};
use weft_orchestration::{Carries, Kept, Payload};

use crate::{
    Cursor, EntityPage, EntityView, Error, Instance, Loaded, NewInstance, Page, PendingTask,
    Recorded, TurnCommit,
};

/// Longer texts are kept apart.
pub const INLINE_BYTES_MAX: usize = 64 << 10;

/// Texts by their names.
#[async_trait]
pub trait LargePayloads: Send + Sync {
    /// The text that is kept under a name.
    ///
    /// # Errors
    /// [`Error::NotFound`] where no instance names it any more.
    async fn large(&self, kept: &Kept) -> Result<Payload, Error>;
}

/// A payload with its text.
///
/// # Errors
/// As [`LargePayloads::large`].
pub async fn with_text(
    store: &(impl LargePayloads + ?Sized),
    payload: &Payload,
) -> Result<Payload, Error> {
    match payload.kept() {
        None => Ok(payload.clone()),
        Some(kept) => store.large(kept).await,
    }
}

/// Puts the texts in place of all names in `carrier`.
///
/// # Errors
/// As [`LargePayloads::large`]; nothing was changed then.
pub async fn fill_in(
    store: &(impl LargePayloads + ?Sized),
    carrier: &mut (impl Carries + ?Sized),
) -> Result<(), Error> {
    let mut texts = BTreeMap::new();
    for kept in carrier.all_kept() {
        let text = store.large(&kept).await?;
        texts.insert(kept, text);
    }
    if !texts.is_empty() {
        carrier.each_mut(&mut |payload| {
            if let Some(text) = payload.kept().and_then(|kept| texts.get(kept)) {
                *payload = text.clone();
            }
        });
    }
    Ok(())
}

impl Page {
    /// Ends the page before its payloads together pass `bytes_max`, though not before its first
    /// instance, so that it can be shown in full.
    pub fn bound(&mut self, bytes_max: usize) {
        let fit = fitting(&self.instances, bytes_max);
        if fit < self.instances.len() {
            self.instances.truncate(fit);
            self.next = self.instances.last().map(|last| Cursor::of(last).encode());
        }
    }
}

impl EntityPage {
    /// As [`Page::bound`].
    #[must_use]
    pub fn bound(self, bytes_max: usize) -> Self {
        let fit = fitting(&self.entities, bytes_max);
        match u32::try_from(fit) {
            Ok(limit) if fit < self.entities.len() => Self::cut(self.entities, limit),
            Ok(_) | Err(_) => self,
        }
    }
}

/// How many carriers from the first on stay within `bytes_max`; at least one.
pub fn fitting(carriers: &[impl Carries], bytes_max: usize) -> usize {
    let mut bytes = 0;
    let fits = |carrier: &&_| {
        Carries::each(*carrier, &mut |payload| bytes += payload.len());
        bytes <= bytes_max
    };
    carriers.iter().take_while(fits).count().max(1)
}

macro_rules! fields {
    ($type:ty: $($field:ident),+) => {
        impl Carries for $type {
            fn each(&self, see: &mut dyn FnMut(&Payload)) {
                $(self.$field.each(see);)+
            }

            fn each_mut(&mut self, change: &mut dyn FnMut(&mut Payload)) {
                $(self.$field.each_mut(change);)+
            }
        }
    };
}

fields!(Instance: input, outcome, custom_status);
fields!(NewInstance: start);
fields!(TurnCommit: turn);
fields!(Recorded: events);
fields!(EntityView: state);
fields!(PendingTask: input);

impl Carries for Loaded {
    fn each(&self, see: &mut dyn FnMut(&Payload)) {
        self.instance.each(see);
        self.history.each(see);
        self.inbox.iter().for_each(|(_, message)| message.each(see));
        self.entity.each(see);
    }

    fn each_mut(&mut self, change: &mut dyn FnMut(&mut Payload)) {
        self.instance.each_mut(change);
        self.history.each_mut(change);
        let inbox = self.inbox.iter_mut();
        inbox.for_each(|(_, message)| message.each_mut(change));
        self.entity.each_mut(change);
    }
}

/// Takes the texts of more than `inline_max` bytes out of `carrier` and leaves their names: what a
/// store does with whatever it is given, before it writes.
pub fn keep_apart(
    carrier: &mut (impl Carries + ?Sized),
    inline_max: usize,
) -> BTreeMap<Kept, Arc<str>> {
    let mut texts = BTreeMap::new();
    // One text stands in several places, which share it: it is hashed once.
    let mut known: HashMap<*const u8, Payload> = HashMap::new();
    carrier.each_mut(&mut |payload| {
        if payload.len() <= inline_max {
            return;
        }
        let Some(text) = payload.shared_text() else {
            return;
        };
        let name = known.entry(text.as_ptr()).or_insert_with(|| {
            let kept = Kept {
                sha256: Sha256::digest(text.as_bytes()).into(),
                bytes: text.len(),
            };
            texts.insert(kept.clone(), Arc::clone(&text));
            Payload::from(kept)
        });
        *payload = name.clone();
    });
    texts
}

#[cfg(test)]
mod tests {
    use weft_orchestration::{Event, EventKind, Outcome, Timestamp};

    use super::*;

    #[test]
    fn long_texts_are_taken_out_once_and_short_ones_stay() {
        let (long, short) = (Payload::from("x".repeat(11)), Payload::from("y".repeat(10)));
        let completed = |outcome: &Payload| Event {
            at: Timestamp::from_millis(0),
            kind: EventKind::ExecutionCompleted {
                outcome: Outcome::Completed(outcome.clone()),
            },
        };
        let mut events = vec![completed(&long), completed(&short), completed(&long)];
        let texts = keep_apart(&mut events, 10);
        let (kept, text) = texts.first_key_value().unwrap();
        assert_eq!(
            (texts.len(), kept.bytes, &**text),
            (1, 11, &*"x".repeat(11))
        );
        let name = Payload::from(kept.clone());
        assert_eq!(events, [&name, &short, &name].map(completed));
        assert!(keep_apart(&mut events, 10).is_empty());
    }
}
