//! Leases, readiness and wakeups.

use std::collections::BTreeSet;

use tokio::sync::broadcast::error::TryRecvError;
use weft_orchestration::{After, Message};

use super::{Worker, at, child_start, event, execution, key, start, task, text, to, turn};
use crate::{Error, Lease, NodeId, SHARDS, Shard, Store, Wakeup};

fn shards(leases: &[Lease]) -> BTreeSet<Shard> {
    leases.iter().map(|lease| lease.shard).collect()
}

pub async fn leases_are_taken_shared_and_renewed(store: &(impl Store + ?Sized)) {
    let (one, two) = (NodeId(1), NodeId(2));
    let first = store.lease_shards(one, 10, at(0), at(100)).await.unwrap();
    assert_eq!(shards(&first).len(), 10);
    assert!(first.iter().all(|l| l.until == at(100) && l.epoch >= 1));
    let second = store.lease_shards(two, 16, at(1), at(101)).await.unwrap();
    assert_eq!(shards(&second).len(), usize::from(SHARDS) - 10);
    assert!(shards(&first).is_disjoint(&shards(&second)));
    let third = store.lease_shards(NodeId(3), 16, at(2), at(102)).await;
    assert!(third.unwrap().is_empty());

    let renewed = store.lease_shards(one, 16, at(50), at(150)).await.unwrap();
    let expected: Vec<_> = first
        .iter()
        .map(|lease| Lease {
            until: at(150),
            ..*lease
        })
        .collect();
    assert_eq!(renewed, expected);
    // Its own expired lease, which nobody took meanwhile, is renewed as well.
    let late = store.lease_shards(two, 6, at(140), at(240)).await.unwrap();
    let epochs = |leases: &[Lease]| leases.iter().map(|l| l.epoch).collect::<Vec<_>>();
    assert_eq!(epochs(&late), epochs(&second));
}

pub async fn an_expired_lease_is_taken_over_with_a_higher_epoch(store: &(impl Store + ?Sized)) {
    let (one, two) = (NodeId(1), NodeId(2));
    let first = store.lease_shards(one, 16, at(0), at(100)).await.unwrap();
    let early = store.lease_shards(two, 16, at(99), at(200)).await.unwrap();
    assert!(early.is_empty());
    let some = store.lease_shards(two, 5, at(100), at(200)).await.unwrap();
    assert_eq!(some.len(), 5);
    let all = store.lease_shards(two, 16, at(100), at(200)).await.unwrap();
    assert_eq!(shards(&all), shards(&first));
    for (old, new) in first.iter().zip(&all) {
        assert_eq!(old.shard, new.shard);
        assert!(new.epoch > old.epoch);
    }
    // What the first node thinks it holds is of no use any more.
    let renewed = store.lease_shards(one, 16, at(150), at(250)).await.unwrap();
    assert!(renewed.is_empty());
    store.release_shards(one, &first).await.unwrap();
    let third = store.lease_shards(NodeId(3), 16, at(150), at(250)).await;
    assert!(third.unwrap().is_empty());
}

pub async fn a_released_shard_is_free_at_once(store: &(impl Store + ?Sized)) {
    let worker = Worker::new(store).await;
    let key = key("a");
    worker.create(&key, 1).await;
    let lease = worker.lease(&key);
    store.release_shards(super::NODE, &[lease]).await.unwrap();
    let late = store.commit_turn(lease, turn(&key, 1, 0)).await;
    assert!(matches!(late, Err(Error::LeaseLost)));
    let taken = store.lease_shards(NodeId(2), 16, at(1), at(100)).await;
    let taken = taken.unwrap();
    assert_eq!(shards(&taken), BTreeSet::from([lease.shard]));
    assert!(taken[0].epoch > lease.epoch);
    store.commit_turn(taken[0], turn(&key, 1, 0)).await.unwrap();
}

pub async fn ready_instances_are_read_in_pages(store: &(impl Store + ?Sized)) {
    let worker = Worker::new(store).await;
    let mut expected = BTreeSet::new();
    for id in ["b", "a", "é", "Z", "a 1", "c", "d", "e", "f", "g"] {
        let key = key(id);
        worker.create(&key, 1).await;
        store.send(&key, event("e"), at(0)).await.unwrap();
        expected.insert(key);
    }
    let mut idle = key("idle");
    idle.app.app = "before".parse().unwrap();
    worker.created_and_begun(&idle, 1, |_| {}).await;
    let mut read = BTreeSet::new();
    for shard in Shard::all() {
        let mut after = None;
        loop {
            let page = store.ready(shard, after.as_ref(), 2).await.unwrap();
            assert!(page.len() <= 2);
            assert!(page.is_sorted());
            assert!(after.is_none() || page.iter().all(|key| Some(key) > after.as_ref()));
            let Some(last) = page.last() else {
                break;
            };
            after = Some(last.clone());
            for key in page {
                assert_eq!(Shard::of(&key), shard);
                assert!(read.insert(key));
            }
        }
    }
    assert_eq!(read, expected);
}

pub async fn inboxes_wake_their_workers(store: &(impl Store + ?Sized)) {
    let worker = Worker::new(store).await;
    let mut wakeups = store.wakeups();
    let (key, child) = (key("a"), super::key("c"));
    let woken = |key: &weft_id::InstanceKey| Ok(Wakeup::of(key.clone()));
    worker.create(&key, 1).await;
    // Whoever is told of a new instance need not load it.
    let created = wakeups.try_recv().unwrap();
    assert_eq!(created.created.as_deref(), Some(&worker.load(&key).await));
    assert_eq!(created.key, key);
    store.send(&key, event("e"), at(0)).await.unwrap();
    assert_eq!(wakeups.try_recv(), woken(&key));

    // A turn wakes whom it sends to, not the instance itself.
    let begin = |turn: &mut weft_orchestration::Turn| {
        let start = child_start(7, &super::key("a"), 3);
        turn.messages = vec![to("c", Message::Start(start))];
        turn.tasks = vec![task(1, 1)];
    };
    worker.begin(&key, 1, begin).await;
    let created = wakeups.try_recv().unwrap();
    assert_eq!(created.created.as_deref(), Some(&worker.load(&child).await));
    assert_eq!(wakeups.try_recv(), Err(TryRecvError::Empty));
    let lease = worker.lease(&key);
    for _ in 0..2 {
        let result = Ok(text("r"));
        let finish = store.finish_task(lease, &key, execution(1), 1, result, at(7));
        finish.await.unwrap();
    }
    assert_eq!(wakeups.try_recv(), woken(&key));
    assert_eq!(wakeups.try_recv(), Err(TryRecvError::Empty));

    let mut anew = turn(&key, 1, 1);
    anew.turn.after = After::ContinuedAsNew {
        start: start(2),
        carried: Vec::new(),
    };
    worker.commit(anew).await.unwrap();
    assert_eq!(wakeups.try_recv(), woken(&key));
    // What is refused wakes nobody.
    store
        .send(&super::key("x"), event("e"), at(0))
        .await
        .unwrap_err();
    worker.commit(turn(&key, 1, 1)).await.unwrap_err();
    assert_eq!(wakeups.try_recv(), Err(TryRecvError::Empty));
}
