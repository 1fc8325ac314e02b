//! Tasks and timers.

use weft_orchestration::{After, Message};

use super::{Worker, at, execution, failed, key, start, task, text, timer, turn};
use crate::{Error, Lease, Shard, Store};

pub async fn tasks_are_created_and_consumed(store: &(impl Store + ?Sized)) {
    let worker = Worker::new(store).await;
    let key = key("a");
    worker
        .created_and_begun(&key, 1, |t| t.tasks = vec![task(1, 1), task(1, 2)])
        .await;
    let tasks = worker.tasks(&key).await;
    assert_eq!(tasks.len(), 2);
    assert!(tasks[0].seq < tasks[1].seq);
    assert_eq!((tasks[0].id, tasks[1].id), (1, 2));
    assert_eq!(tasks[0].key, key);
    assert_eq!(tasks[0].execution, execution(1));
    assert_eq!(tasks[0].name, "activity");
    assert_eq!(tasks[0].input, text("task"));
    assert_eq!((tasks[0].attempt, tasks[0].call), (2, 1));

    let mut commit = turn(&key, 1, 1);
    // Number 9 has been finished already, by other means.
    commit.consumed.tasks = vec![1, 9];
    commit.turn.tasks = vec![task(1, 3)];
    worker.commit(commit).await.unwrap();
    let ids: Vec<_> = worker.tasks(&key).await.iter().map(|t| t.id).collect();
    assert_eq!(ids, [2, 3]);
}

pub async fn tasks_are_read_in_pages(store: &(impl Store + ?Sized)) {
    let worker = Worker::new(store).await;
    let shard = Shard::of(&key("a"));
    let same_shard = (0..).map(|n| key(&format!("a{n}")));
    let keys: Vec<_> = same_shard
        .filter(|k| Shard::of(k) == shard)
        .take(3)
        .collect();
    for key in &keys {
        worker
            .created_and_begun(key, 1, |t| t.tasks = vec![task(1, 1), task(1, 2)])
            .await;
    }
    let mut read = Vec::new();
    let mut after = None;
    loop {
        let page = store.pending_tasks(shard, after, 4).await.unwrap();
        assert!(page.len() <= 4);
        let Some(last) = page.last() else {
            break;
        };
        after = Some(last.seq);
        read.extend(page);
    }
    assert!(read.is_sorted_by(|a, b| a.seq < b.seq));
    let found: Vec<_> = read.iter().map(|t| (t.key.clone(), t.id)).collect();
    let expected: Vec<_> = keys
        .iter()
        .flat_map(|key| [(key.clone(), 1), (key.clone(), 2)])
        .collect();
    assert_eq!(found, expected);
    for other in Shard::all().filter(|other| *other != shard) {
        let tasks = store.pending_tasks(other, None, 9).await.unwrap();
        assert!(tasks.is_empty());
    }
}

pub async fn timers_are_created_canceled_and_consumed(store: &(impl Store + ?Sized)) {
    let worker = Worker::new(store).await;
    let key = key("a");
    let timers = [(1, 30), (2, 10), (3, 20)].map(|(id, ms)| timer(1, id, at(ms)));
    worker
        .created_and_begun(&key, 1, |turn| turn.timers = timers.into())
        .await;
    let pending = worker.timers(&key).await;
    let ids: Vec<_> = pending.iter().map(|t| t.id).collect();
    assert_eq!(ids, [2, 3, 1]);
    assert_eq!(pending[0].key, key);
    assert_eq!(pending[0].execution, execution(1));
    assert_eq!(pending[0].fire_at, at(10));

    let mut commit = turn(&key, 1, 1);
    commit.consumed.timers = vec![2];
    commit.turn.canceled_timers = vec![3, 9];
    commit.turn.timers = vec![timer(1, 4, at(40))];
    worker.commit(commit).await.unwrap();
    let ids: Vec<_> = worker.timers(&key).await.iter().map(|t| t.id).collect();
    assert_eq!(ids, [1, 4]);
}

pub async fn timers_come_earliest_first(store: &(impl Store + ?Sized)) {
    let worker = Worker::new(store).await;
    let shard = Shard::of(&key("a"));
    let same_shard = (0..).map(|n| key(&format!("a{n}")));
    let mut keys = same_shard.filter(|k| Shard::of(k) == shard);
    for (key, millis) in keys.by_ref().zip([50, 20, 40, 10, 30]) {
        worker
            .created_and_begun(&key, 1, |t| t.timers = vec![timer(1, 1, at(millis))])
            .await;
    }
    let suspended = keys.next().unwrap();
    let begin = worker.created_and_begun(&suspended, 1, |t| {
        t.timers = vec![timer(1, 1, at(1))];
        t.after = After::Suspended;
    });
    begin.await;
    let timers = store.pending_timers(shard, 3).await.unwrap();
    let times: Vec<_> = timers.iter().map(|t| t.fire_at).collect();
    assert_eq!(times, [at(10), at(20), at(30)]);
    let other = Shard::all().find(|other| *other != shard).unwrap();
    assert!(store.pending_timers(other, 3).await.unwrap().is_empty());
}

pub async fn a_finished_task_reaches_its_execution_once(store: &(impl Store + ?Sized)) {
    let worker = Worker::new(store).await;
    let key = key("a");
    worker
        .created_and_begun(&key, 1, |t| t.tasks = vec![task(1, 1), task(1, 2)])
        .await;
    let lease = worker.lease(&key);
    let done = |task, result| Message::TaskDone {
        execution: execution(1),
        task,
        result,
    };
    for result in [Ok(text("first")), Ok(text("second"))] {
        let finish = store.finish_task(lease, &key, execution(1), 1, result, at(7));
        finish.await.unwrap();
    }
    assert_eq!(worker.inbox(&key).await, [done(1, Ok(text("first")))]);
    assert!(worker.is_ready(&key).await);
    let ids: Vec<_> = worker.tasks(&key).await.iter().map(|t| t.id).collect();
    assert_eq!(ids, [2]);
    let failure = Err(failed("k"));
    let finish = store.finish_task(lease, &key, execution(1), 2, failure.clone(), at(7));
    finish.await.unwrap();
    assert_eq!(worker.inbox(&key).await[1], done(2, failure));
    // A task that a turn has consumed, or that never was, has no effect either.
    let finish = store.finish_task(lease, &key, execution(1), 9, Ok(text("x")), at(7));
    finish.await.unwrap();
    let missing = super::key("missing");
    let lease = worker.lease(&missing);
    let finish = store.finish_task(lease, &missing, execution(1), 1, Ok(text("x")), at(7));
    finish.await.unwrap();
    assert_eq!(worker.inbox(&key).await.len(), 2);
}

pub async fn a_finished_task_of_an_earlier_execution_is_dropped(store: &(impl Store + ?Sized)) {
    let worker = Worker::new(store).await;
    let key = key("a");
    let continue_as_new = |turn: &mut weft_orchestration::Turn| {
        turn.tasks = vec![task(1, 1)];
        turn.after = After::ContinuedAsNew {
            start: start(2),
            carried: Vec::new(),
        };
    };
    worker.created_and_begun(&key, 1, continue_as_new).await;
    worker.begin(&key, 2, |t| t.tasks = vec![task(2, 1)]).await;
    let lease = worker.lease(&key);
    let finish = store.finish_task(lease, &key, execution(1), 1, Ok(text("old")), at(7));
    finish.await.unwrap();
    assert!(worker.inbox(&key).await.is_empty());
    let tasks = worker.tasks(&key).await;
    assert_eq!(tasks.len(), 1);
    assert_eq!(tasks[0].execution, execution(2));
}

pub async fn finishing_a_task_needs_the_lease(store: &(impl Store + ?Sized)) {
    let worker = Worker::new(store).await;
    let key = key("a");
    worker
        .created_and_begun(&key, 1, |t| t.tasks = vec![task(1, 1)])
        .await;
    let lease = worker.lease(&key);
    let stale = Lease {
        epoch: lease.epoch - 1,
        ..lease
    };
    let wrong_shard = worker.leases[usize::from((lease.shard.index() + 1) % 16)];
    for lease in [stale, wrong_shard] {
        let finish = store.finish_task(lease, &key, execution(1), 1, Ok(text("x")), at(7));
        assert!(matches!(finish.await, Err(Error::LeaseLost)));
    }
    assert!(worker.inbox(&key).await.is_empty());
    assert_eq!(worker.tasks(&key).await.len(), 1);
}
