//! A worker that commits turns, as small as one can be, and what must be there of them.

use weft_id::{AppId, ExecutionId, InstanceKey};
use weft_orchestration::{
    After, Event, EventKind, Message, NewTask, Outgoing, Payload, Start, Timestamp, Turn,
};
use weft_store::{
    Consumed, Error, IdReuse, Instances as _, Lease, NewInstance, NodeId, SHARDS, Shard,
    TurnCommit, Work as _,
};
use weft_store_sqlite::SqliteStore;

const EXECUTION: ExecutionId = ExecutionId::from_u128(1);

pub(super) fn key(id: &str) -> InstanceKey {
    let id = id.parse().expect("a valid id");
    InstanceKey::new(AppId::default(), id)
}

fn start() -> Start {
    Start::new(EXECUTION, "flow", Payload::null())
}

pub(super) async fn leases(store: &SqliteStore) -> Result<Vec<Lease>, Error> {
    let (now, until) = (Timestamp::from_millis(0), Timestamp::from_millis(1_000));
    store.lease_shards(NodeId(1), SHARDS, now, until).await
}

pub(super) async fn create(store: &SqliteStore, key: &InstanceKey) -> Result<(), Error> {
    let new = NewInstance {
        key: key.clone(),
        start: start(),
        reuse: IdReuse::never(),
        now: Timestamp::from_millis(0),
    };
    store.create(new).await
}

/// Commits the turn of that number: two events, one of them with a payload, one task in place of
/// the last one, one child.
pub(super) async fn step(
    store: &SqliteStore,
    leases: &[Lease],
    key: &InstanceKey,
    number: u64,
    payload: &Payload,
) -> Result<(), Error> {
    let id = u32::try_from(number).expect("few turns");
    let event = |kind| Event {
        at: Timestamp::from_millis(number),
        kind,
    };
    let child = Outgoing {
        to: child(key, number).id,
        message: Message::Start(start()),
    };
    let output = payload.clone();
    let turn = Turn {
        events: vec![
            event(EventKind::TimerFired { timer: id }),
            event(EventKind::TaskCompleted { task: id, output }),
        ],
        tasks: vec![NewTask {
            execution: EXECUTION,
            id,
            name: "activity".to_owned(),
            input: Payload::null(),
            attempt: 1,
            call: id,
            labels: None,
        }],
        timers: Vec::new(),
        canceled_timers: Vec::new(),
        messages: vec![child],
        custom_status: None,
        after: After::Waiting,
    };
    let commit = TurnCommit {
        key: key.clone(),
        execution: EXECUTION,
        turn_number: number,
        consumed: Consumed {
            tasks: id.checked_sub(1).into_iter().collect(),
            ..Consumed::default()
        },
        turn,
        revision: None,
        now: Timestamp::from_millis(number),
    };
    let lease = leases[usize::from(Shard::of(key).index())];
    store.commit_turn(lease, commit).await
}

/// Raises the event of that number.
pub(super) async fn raise(
    store: &SqliteStore,
    key: &InstanceKey,
    number: u64,
) -> Result<(), Error> {
    let message = Message::Event {
        name: "go".to_owned(),
        payload: Payload::from(number.to_string()),
    };
    store.send(key, message, Timestamp::from_millis(0)).await
}

fn child(key: &InstanceKey, number: u64) -> InstanceKey {
    self::key(&format!("{}:{number}", key.id))
}

/// What the store has of an instance.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) exists: bool,
    pub(super) turns: u64,
    pub(super) events: u64,
}

/// Reads an instance and checks that it consists of whole turns and whole events only.
pub(super) async fn found(store: &SqliteStore, key: &InstanceKey) -> Result<Found, String> {
    let failed = |error: Error| error.to_string();
    let Some(loaded) = store.load(key).await.map_err(failed)? else {
        return Ok(Found::default());
    };
    let turns = loaded.instance.turns;
    let times = loaded.history.iter().map(|event| event.at.as_millis());
    let whole = times.eq((0..turns).flat_map(|number| [number; 2]));
    if !whole || loaded.instance.history_len != 2 * turns {
        return Err(format!("the history of {key} is not that of {turns} turns"));
    }
    let tasks = store.pending_tasks(Shard::of(key), None, 100_000).await;
    let mut tasks = tasks.map_err(failed)?;
    tasks.retain(|task| task.key == *key);
    let tasks: Vec<u64> = tasks.iter().map(|task| u64::from(task.id)).collect();
    if tasks != Vec::from_iter(turns.checked_sub(1)) {
        return Err(format!("{key} has the tasks {tasks:?} after {turns} turns"));
    }
    for number in 0..=turns {
        let exists = store
            .load(&child(key, number))
            .await
            .map_err(failed)?
            .is_some();
        if exists != (number < turns) {
            return Err(format!(
                "child {number} of {key} is wrong after {turns} turns"
            ));
        }
    }
    let payloads = loaded
        .inbox
        .iter()
        .filter_map(|(_, message)| match message {
            Message::Event { payload, .. } => payload.text().map(str::to_owned),
            _ => None,
        });
    let payloads: Vec<String> = payloads.collect();
    let events = payloads.len() as u64;
    if !payloads
        .iter()
        .cloned()
        .eq((0..events).map(|number| number.to_string()))
    {
        return Err(format!("{key} has the events {payloads:?}"));
    }
    Ok(Found {
        exists: true,
        turns,
        events,
    })
}
