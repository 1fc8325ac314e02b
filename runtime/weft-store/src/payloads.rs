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
use weft_id::AppId;
use weft_orchestration::{Carries, Kept, Payload};

use crate::{
    Cursor, Entities, EntityPage, EntityView, Error, Instance, Instances, Loaded, NewInstance,
    Page, PendingTask, Recorded, TurnCommit,
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

/// As [`fill_in`], where the texts have at most `bytes_max` bytes together: for whatever grows without
/// a bound of its own.
///
/// # Errors
/// [`Error::TooLarge`] where they have more, before any is read; else as [`LargePayloads::large`].
pub async fn fill_in_within(
    store: &(impl LargePayloads + ?Sized),
    carrier: &mut (impl Carries + ?Sized),
    bytes_max: usize,
) -> Result<(), Error> {
    let bytes: usize = carrier.all_kept().iter().map(|kept| kept.bytes).sum();
    if bytes > bytes_max {
        let why = format!(
            "its payloads of more than {INLINE_BYTES_MAX} bytes have {bytes} bytes together, and no \
             more than {bytes_max} are read at one time"
        );
        return Err(Error::TooLarge(why));
    }
    fill_in(store, carrier).await
}

/// Puts a mark in place of all payloads in `carrier`, for those who may not see what they say.
pub fn conceal(carrier: &mut (impl Carries + ?Sized)) {
    carrier.each_mut(&mut |payload| *payload = Payload::from("\"(secured)\""));
}

/// The instances of a page with their texts. One that has gone on since the page was read comes as
/// it is now, one that is gone does not come. What changes too fast comes with names.
///
/// # Errors
/// The store's, except [`Error::NotFound`].
pub async fn filled_instances(
    store: &(impl Instances + LargePayloads + ?Sized),
    mut instances: Vec<Instance>,
) -> Result<Vec<Instance>, Error> {
    match fill_in(store, &mut instances).await {
        Err(Error::NotFound) => {}
        other => return other.map(|()| instances),
    }
    let mut found = Vec::with_capacity(instances.len());
    for instance in instances {
        let key = instance.key.clone();
        let again = || store.instance(&key);
        found.extend(filled_or_again(store, instance, again).await?);
    }
    Ok(found)
}

/// As [`filled_instances`], of a page of entities.
///
/// # Errors
/// The store's, except [`Error::NotFound`].
pub async fn filled_entities(
    store: &(impl Entities + LargePayloads + ?Sized),
    app: &AppId,
    mut entities: Vec<EntityView>,
) -> Result<Vec<EntityView>, Error> {
    match fill_in(store, &mut entities).await {
        Err(Error::NotFound) => {}
        other => return other.map(|()| entities),
    }
    let mut found = Vec::with_capacity(entities.len());
    for entity in entities {
        let id = entity.id.clone();
        let again = || store.entity(app, &id);
        found.extend(filled_or_again(store, entity, again).await?);
    }
    Ok(found)
}

async fn filled_or_again<T, F>(
    store: &(impl LargePayloads + ?Sized),
    mut one: T,
    again: impl Fn() -> F,
) -> Result<Option<T>, Error>
where
    T: Carries,
    F: Future<Output = Result<Option<T>, Error>>,
{
    const TRIES: usize = 3;
    for _ in 0..TRIES {
        match fill_in(store, &mut one).await {
            Err(Error::NotFound) => match again().await? {
                Some(now) => one = now,
                None => return Ok(None),
            },
            other => return other.map(|()| Some(one)),
        }
    }
    Ok(Some(one))
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
    use weft_id::{ExecutionId, InstanceKey};
    use weft_orchestration::{Event, EventKind, Message, Operation, Outcome, Start, Timestamp};

    use super::*;
    use crate::{EntityFilter, Filter, IdReuse, MemoryStore, PageRequest, Work as _};

    fn long(mark: &str) -> Payload {
        Payload::from(format!("{:?}", mark.repeat(10)))
    }

    fn gone() -> Payload {
        Payload::from(Kept {
            sha256: [7; 32],
            bytes: 70_000,
        })
    }

    async fn create(store: &MemoryStore, id: &str) {
        let start = Start::new(ExecutionId::from_u128(1), "flow", long(id));
        let new = NewInstance {
            key: InstanceKey::new(AppId::default(), id.parse().unwrap()),
            start,
            reuse: IdReuse::never(),
            now: Timestamp::default(),
        };
        store.create(new).await.unwrap();
    }

    const ALL: PageRequest = PageRequest {
        limit: 10,
        after: None,
    };

    #[tokio::test]
    async fn a_listing_survives_instances_that_go_on_or_away() {
        let store = MemoryStore::keeping_apart(10);
        for id in ["a", "b"] {
            create(&store, id).await;
        }
        let filter = Filter::default();
        let page = store.instances(&AppId::default(), &filter, &ALL).await;
        let mut listed = page.unwrap().instances;
        // What was read names the past of the one, and another that was purged meanwhile.
        listed[0].input = gone();
        let mut purged = listed[1].clone();
        purged.key.id = "c".parse().unwrap();
        purged.input = gone();
        listed.push(purged);
        let filled = filled_instances(&store, listed).await.unwrap();
        let mut inputs: Vec<_> = filled.into_iter().map(|found| found.input).collect();
        inputs.sort_by_key(|input| input.text().map(str::to_owned));
        assert_eq!(inputs, [long("a"), long("b")]);
    }

    #[tokio::test]
    async fn a_listing_of_entities_survives_those_that_go_on_or_away() {
        let store = MemoryStore::keeping_apart(10);
        let key = InstanceKey::new(AppId::default(), "@e@a".parse().unwrap());
        let operation = Message::Operation(Operation {
            name: "set".to_owned(),
            input: Payload::null(),
            caller: None,
            reply: None,
            at: None,
            trace_parent: None,
        });
        store
            .send(&key, operation, Timestamp::default())
            .await
            .unwrap();
        let filter = EntityFilter {
            transient: true,
            ..EntityFilter::default()
        };
        let page = store.entities(&key.app, &filter, &ALL).await;
        let mut listed = page.unwrap().entities;
        listed[0].state = Some(gone());
        let mut removed = listed[0].clone();
        removed.id = weft_id::EntityId::new("e", "b").unwrap();
        listed.push(removed);
        let filled = filled_entities(&store, &key.app, listed).await.unwrap();
        let states: Vec<_> = filled.into_iter().map(|found| found.state).collect();
        assert_eq!(states, [None]);
    }

    #[tokio::test]
    async fn more_than_the_bound_is_refused_before_it_is_read() {
        let store = MemoryStore::keeping_apart(10);
        create(&store, "a").await;
        let key = InstanceKey::new(AppId::default(), "a".parse().unwrap());
        let mut loaded = store.load(&key).await.unwrap().unwrap();
        let names = loaded.clone();
        // The input stands in the start as well, and counts once.
        let bytes = long("a").len();
        let refused = fill_in_within(&store, &mut loaded, bytes - 1).await;
        assert!(matches!(refused, Err(Error::TooLarge(_))), "{refused:?}");
        assert_eq!(loaded, names);
        fill_in_within(&store, &mut loaded, bytes).await.unwrap();
        assert_eq!(loaded.instance.input, long("a"));
    }

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
