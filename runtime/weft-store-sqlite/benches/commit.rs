//! How many turns a second does the store commit durably, by how many committers wait at once?
//!
//! One turn is what a sequential step commits: three events, one task in place of the last. Prints
//! how many turns shared an `fsync`.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use tokio::runtime::Runtime;
use weft_id::{AppId, ExecutionId, InstanceKey};
use weft_orchestration::{After, Event, EventKind, NewTask, Payload, Start, Timestamp, Turn};
use weft_store::{
    Consumed, IdReuse, Instances as _, Lease, NewInstance, NodeId, Shard, TurnCommit, Work as _,
};
use weft_store_sqlite::SqliteStore;

const EXECUTION: ExecutionId = ExecutionId::from_u128(1);

/// The turn of that number of an instance that calls one activity after another.
fn step(key: &InstanceKey, number: u64) -> TurnCommit {
    let id = u32::try_from(number).expect("fewer steps than 2^32");
    let at = Timestamp::from_millis(1_700_000_000_000 + number);
    let payload = Payload::from(r#"{"order":17,"items":["one","two"]}"#);
    let kinds = [
        EventKind::OrchestratorStarted,
        EventKind::TaskCompleted {
            task: id.saturating_sub(1),
            output: payload.clone(),
        },
        EventKind::TaskScheduled {
            id,
            name: "activity".to_owned(),
            input: payload.clone(),
            attempt: 1,
            call: id,
            labels: None,
        },
    ];
    let task = NewTask {
        execution: EXECUTION,
        id,
        name: "activity".to_owned(),
        input: payload,
        attempt: 1,
        call: id,
        labels: None,
    };
    TurnCommit {
        key: key.clone(),
        execution: EXECUTION,
        turn_number: number,
        consumed: Consumed {
            tasks: id.checked_sub(1).into_iter().collect(),
            ..Consumed::default()
        },
        turn: Turn {
            events: kinds.into_iter().map(|kind| Event { at, kind }).collect(),
            tasks: vec![task],
            timers: Vec::new(),
            canceled_timers: Vec::new(),
            messages: Vec::new(),
            custom_status: None,
            after: After::Waiting,
        },
        revision: None,
        now: at,
    }
}

struct Committer {
    key: InstanceKey,
    lease: Lease,
    next: u64,
}

async fn committers(store: &SqliteStore, count: usize) -> Vec<Committer> {
    let (now, until) = (Timestamp::from_millis(0), Timestamp::from_millis(1));
    let leases = store.lease_shards(NodeId(1), 16, now, until).await;
    let leases = leases.expect("nobody else has them");
    let mut committers = Vec::new();
    for number in 0..count {
        let id = format!("i{count}-{number}");
        let key = InstanceKey::new(AppId::default(), id.parse().expect("a valid id"));
        let start = Start::new(EXECUTION, "flow", Payload::null());
        let new = NewInstance {
            key: key.clone(),
            start,
            reuse: IdReuse::never(),
            now,
        };
        store.create(new).await.expect("the id is new");
        let lease = leases[usize::from(Shard::of(&key).index())];
        committers.push(Committer {
            key,
            lease,
            next: 0,
        });
    }
    committers
}

/// Shares `turns` among the committers, each waiting for its own before the next.
async fn commit(store: &Arc<SqliteStore>, committers: &mut Vec<Committer>, turns: u64) -> Duration {
    let left = Arc::new(AtomicU64::new(turns));
    let began = Instant::now();
    let tasks: Vec<_> = std::mem::take(committers)
        .into_iter()
        .map(|mut committer| {
            let (store, left) = (Arc::clone(store), Arc::clone(&left));
            tokio::spawn(async move {
                let take = |left: u64| left.checked_sub(1);
                while left
                    .fetch_update(Ordering::Relaxed, Ordering::Relaxed, take)
                    .is_ok()
                {
                    let turn = step(&committer.key, committer.next);
                    let result = store.commit_turn(committer.lease, turn).await;
                    result.expect("the turn is the next one");
                    committer.next += 1;
                }
                committer
            })
        })
        .collect();
    for task in tasks {
        committers.push(task.await.expect("no committer panics"));
    }
    began.elapsed()
}

fn turns(criterion: &mut Criterion) {
    let runtime = Runtime::new().expect("a runtime starts");
    let dir = tempfile::tempdir().expect("there is room for a directory");
    let store = Arc::new(SqliteStore::open(dir.path()).expect("the directory is new"));
    let mut group = criterion.benchmark_group("turns");
    group.throughput(Throughput::Elements(1));
    group.sample_size(10);
    for count in [1, 16, 64] {
        let mut waiting = runtime.block_on(committers(&store, count));
        let before = store.commits();
        group.bench_function(format!("{count} committers"), |bencher| {
            bencher.iter_custom(|turns| runtime.block_on(commit(&store, &mut waiting, turns)));
        });
        let after = store.commits();
        let writes = after.writes - before.writes;
        let transactions = (after.transactions - before.transactions).max(1);
        println!("{count} committers: {writes} turns in {transactions} fsyncs");
    }
    group.finish();
}

criterion_group!(benches, turns);
criterion_main!(benches);
