//! A worker that commits turns, as small as one can be.

use weft_id::{AppId, ExecutionId, InstanceKey};
use weft_orchestration::{
    After, Event, EventKind, Message, NewTask, Outgoing, Payload, Start, Timestamp, Turn,
};
use weft_store::{
    Consumed, Error, IdReuse, Instances as _, Lease, NewInstance, NodeId, Shard, TurnCommit,
    Work as _,
};
use weft_store_sqlite::SqliteStore;

pub(crate) const EXECUTION: ExecutionId = ExecutionId::from_u128(1);

pub(crate) fn key(id: &str) -> InstanceKey {
    InstanceKey::new(AppId::default(), id.parse().unwrap())
}

pub(crate) fn start() -> Start {
    Start::new(EXECUTION, "flow", Payload::null())
}

pub(crate) async fn leases(store: &SqliteStore) -> Vec<Lease> {
    let (now, until) = (Timestamp::from_millis(0), Timestamp::from_millis(1_000));
    store.lease_shards(NodeId(1), 16, now, until).await.unwrap()
}

pub(crate) async fn create(store: &SqliteStore, key: &InstanceKey) -> Result<(), Error> {
    let new = NewInstance {
        key: key.clone(),
        start: start(),
        reuse: IdReuse::never(),
        now: Timestamp::from_millis(0),
    };
    store.create(new).await
}

/// Commits the turn of that number: two events, one task in place of the last, one child.
pub(crate) async fn step(
    store: &SqliteStore,
    leases: &[Lease],
    key: &InstanceKey,
    number: u64,
) -> Result<(), Error> {
    let id = u32::try_from(number).unwrap();
    let event = Event {
        at: Timestamp::from_millis(number),
        kind: EventKind::TimerFired { timer: id },
    };
    let child = Outgoing {
        to: format!("{}:{number}", key.id).parse().unwrap(),
        message: Message::Start(start()),
    };
    let commit = TurnCommit {
        key: key.clone(),
        execution: EXECUTION,
        turn_number: number,
        consumed: Consumed {
            tasks: id.checked_sub(1).into_iter().collect(),
            ..Consumed::default()
        },
        turn: Turn {
            events: vec![event; 2],
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
        },
        revision: None,
        now: Timestamp::from_millis(number),
    };
    let lease = leases[usize::from(Shard::of(key).index())];
    store.commit_turn(lease, commit).await
}

/// Checks that an instance consists of whole turns only; returns how many.
pub(crate) async fn check_whole(store: &SqliteStore, key: &InstanceKey) -> u64 {
    let Some(loaded) = store.load(key).await.unwrap() else {
        return 0;
    };
    let turns = loaded.instance.turns;
    assert_eq!(loaded.instance.history_len, 2 * turns);
    let expected = (0..turns).flat_map(|number| [number; 2]);
    let times = loaded.history.iter().map(|event| event.at.as_millis());
    assert!(times.eq(expected), "the history of {key} has gaps");
    let tasks = store.pending_tasks(Shard::of(key), None, 1_000).await;
    let mut tasks = tasks.unwrap();
    tasks.retain(|task| task.key == *key);
    let ids: Vec<_> = tasks.iter().map(|task| u64::from(task.id)).collect();
    assert_eq!(ids, Vec::from_iter(turns.checked_sub(1)));
    for number in 0..=turns {
        let child = self::key(&format!("{}:{number}", key.id));
        let exists = store.load(&child).await.unwrap().is_some();
        assert_eq!(exists, number < turns, "{child}");
    }
    turns
}
