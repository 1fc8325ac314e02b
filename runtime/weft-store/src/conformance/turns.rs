//! Committing turns.

use weft_orchestration::{After, Message, Status, Turn, failure_kind};

use super::{
    NODE, Worker, app, at, child_start, completed, event, execution, key, recorded, seqs, start,
    task, text, timer, to, turn,
};
use crate::{Error, Lease, NodeId, RevisionId, Shard, Store};

pub async fn a_turn_is_appended_and_counted(store: &(impl Store + ?Sized)) {
    let worker = Worker::new(store).await;
    let key = key("a");
    worker.create(&key, 1).await;
    let events = vec![recorded("one"), recorded("two")];
    worker
        .begin(&key, 1, |turn| turn.events = events.clone())
        .await;
    worker.commit(turn(&key, 1, 1)).await.unwrap();

    let loaded = worker.load(&key).await;
    let expected = [recorded("one"), recorded("two"), recorded("turn")];
    assert_eq!(loaded.history, expected);
    let instance = loaded.instance;
    assert_eq!(instance.status, Status::Running);
    assert_eq!((instance.turns, instance.history_len), (2, 3));
    assert_eq!((instance.created_at, instance.updated_at), (at(0), at(5)));
    assert!(loaded.inbox.is_empty());
    assert!(!worker.is_ready(&key).await);
}

pub async fn a_stale_turn_writes_nothing(store: &(impl Store + ?Sized)) {
    let worker = Worker::new(store).await;
    let (key, other) = (key("a"), super::key("other"));
    worker.created_and_begun(&key, 1, |_| {}).await;
    worker.created_and_begun(&other, 1, |_| {}).await;
    store.send(&key, event("e"), at(1)).await.unwrap();
    let before = (
        worker.everything(&key).await,
        worker.everything(&other).await,
    );

    let full = || {
        let mut commit = turn(&key, 1, 1);
        commit.turn.tasks = vec![task(1, 1)];
        commit.turn.timers = vec![timer(1, 2, at(9))];
        commit.turn.messages = vec![
            to("other", event("e")),
            to("child", Message::Start(child_start(9, &key, 3))),
        ];
        commit.turn.custom_status = Some(text("s"));
        commit.turn.after = completed();
        commit.revision = Some(RevisionId(4));
        commit
    };
    let lease = worker.lease(&key);
    let stale_epoch = Lease {
        epoch: lease.epoch - 1,
        ..lease
    };
    let later_epoch = Lease {
        epoch: lease.epoch + 1,
        ..lease
    };
    let wrong_shard = worker.leases[usize::from((Shard::of(&key).index() + 1) % 16)];
    let mut repeated = full();
    repeated.turn_number = 0;
    let mut early = full();
    early.turn_number = 2;
    let mut other_execution = full();
    other_execution.execution = execution(2);
    let mut missing = full();
    missing.key = super::key("missing");
    let missing_lease = worker.lease(&missing.key);
    let mut consuming = full();
    consuming.turn_number = 0;
    consuming.consumed.messages = seqs(&store.inbox(&key).await.unwrap());
    for (lease, commit) in [
        (stale_epoch, full()),
        (later_epoch, full()),
        (wrong_shard, full()),
        (lease, repeated),
        (lease, early),
        (lease, other_execution),
        (missing_lease, missing),
        (lease, consuming),
    ] {
        let refused = store.commit_turn(lease, commit).await;
        assert!(matches!(refused, Err(Error::LeaseLost)), "{refused:?}");
    }
    let after = (
        worker.everything(&key).await,
        worker.everything(&other).await,
    );
    assert_eq!(after, before);
    assert_eq!(store.instance(&super::key("child")).await.unwrap(), None);

    // Another node takes the shard over: what the first one still computes is lost.
    let taken = store.lease_shards(NodeId(2), u16::MAX, at(5_000), at(6_000));
    assert_eq!(taken.await.unwrap().len(), 16);
    let refused = store.commit_turn(lease, full()).await;
    assert!(matches!(refused, Err(Error::LeaseLost)));
    assert_eq!(worker.everything(&key).await, before.0);

    // An ended instance takes no turn.
    let worker = Worker {
        store,
        leases: store
            .lease_shards(NODE, u16::MAX, at(9_000), at(9_900))
            .await
            .unwrap(),
    };
    worker.commit(full()).await.unwrap();
    let refused = worker.commit(turn(&key, 1, 2)).await;
    assert!(matches!(refused, Err(Error::LeaseLost)));
}

pub async fn consumed_messages_are_gone_and_others_stay(store: &(impl Store + ?Sized)) {
    let worker = Worker::new(store).await;
    let key = key("a");
    worker.create(&key, 1).await;
    for name in ["a", "b", "c"] {
        store.send(&key, event(name), at(0)).await.unwrap();
    }
    let inbox = worker.load(&key).await.inbox;
    let mut commit = turn(&key, 1, 0);
    commit.consumed.messages = vec![inbox[0].0, inbox[2].0];
    worker.commit(commit).await.unwrap();
    assert_eq!(worker.inbox(&key).await, [event("a"), event("c")]);
    assert!(worker.is_ready(&key).await);
}

pub async fn the_revision_is_pinned_and_the_custom_status_kept(store: &(impl Store + ?Sized)) {
    let worker = Worker::new(store).await;
    let key = key("a");
    worker.create(&key, 1).await;
    let mut first = turn(&key, 1, 0);
    first.revision = Some(RevisionId(3));
    first.turn.custom_status = Some(text("half"));
    first.turn.tasks = vec![task(1, 1)];
    worker.commit(first).await.unwrap();
    worker.commit(turn(&key, 1, 1)).await.unwrap();
    let instance = store.instance(&key).await.unwrap().unwrap();
    assert_eq!(instance.revision, Some(RevisionId(3)));
    assert_eq!(instance.custom_status, Some(text("half")));
    assert_eq!(worker.tasks(&key).await[0].revision, Some(RevisionId(3)));
}

pub async fn a_suspended_instance_is_ready_for_resume_and_terminate_only(
    store: &(impl Store + ?Sized),
) {
    let worker = Worker::new(store).await;
    let suspend = |turn: &mut Turn| turn.after = After::Suspended;
    let reason = || "why".to_owned();
    let resume = Message::Resume { reason: reason() };
    let terminate = Message::Terminate {
        reason: reason(),
        recursive: true,
    };
    for (id, control) in [("r", resume), ("t", terminate)] {
        let key = key(id);
        worker.created_and_begun(&key, 1, suspend).await;
        let instance = store.instance(&key).await.unwrap().unwrap();
        assert_eq!(instance.status, Status::Suspended);
        assert!(!worker.is_ready(&key).await);
        store.send(&key, event("e"), at(0)).await.unwrap();
        assert!(!worker.is_ready(&key).await);
        store.send(&key, control.clone(), at(0)).await.unwrap();
        assert!(worker.is_ready(&key).await);

        let inbox = worker.load(&key).await.inbox;
        let mut commit = turn(&key, 1, 1);
        commit.consumed.messages = vec![inbox[1].0];
        worker.commit(commit).await.unwrap();
        assert_eq!(worker.inbox(&key).await, [event("e")]);
        assert!(worker.is_ready(&key).await);
    }
}

pub async fn a_start_creates_a_child(store: &(impl Store + ?Sized)) {
    let worker = Worker::new(store).await;
    let (parent, child) = (key("p"), key("c"));
    let child_of_parent = child_start(7, &parent, 3);
    let message = to("c", Message::Start(child_of_parent.clone()));
    worker
        .created_and_begun(&parent, 1, |turn| {
            turn.messages = vec![message, to("c", event("e"))]
        })
        .await;
    let instance = store.instance(&child).await.unwrap().unwrap();
    assert_eq!(instance.execution, execution(7));
    assert_eq!(instance.status, Status::Pending);
    assert_eq!(instance.parent, child_of_parent.parent);
    assert_eq!(instance.created_at, at(5));
    let expected = [Message::Start(child_of_parent), event("e")];
    assert_eq!(worker.inbox(&child).await, expected);
    assert!(worker.is_ready(&child).await);
    assert!(worker.inbox(&parent).await.is_empty());
    // Of the sender's app only.
    let mut foreign = child.clone();
    foreign.app = app("other");
    assert_eq!(store.instance(&foreign).await.unwrap(), None);
}

pub async fn a_start_replaces_an_ended_child(store: &(impl Store + ?Sized)) {
    let worker = Worker::new(store).await;
    let (parent, child) = (key("p"), key("c"));
    let end = |turn: &mut Turn| {
        turn.tasks = vec![task(1, 1)];
        turn.after = completed();
    };
    worker.created_and_begun(&child, 1, end).await;
    let message = to("c", Message::Start(child_start(7, &parent, 3)));
    worker
        .created_and_begun(&parent, 1, |turn| turn.messages = vec![message])
        .await;
    let instance = store.instance(&child).await.unwrap().unwrap();
    assert_eq!(instance.execution, execution(7));
    assert_eq!(instance.outcome, None);
    assert!(worker.tasks(&child).await.is_empty());
    assert_eq!(store.history(&child, 0, 9).await.unwrap().turns, 0);
}

pub async fn a_start_over_an_open_child_fails_the_call(store: &(impl Store + ?Sized)) {
    let worker = Worker::new(store).await;
    let (parent, child) = (key("p"), key("c"));
    worker.create(&child, 1).await;
    let before = worker.everything(&child).await;
    let message = to("c", Message::Start(child_start(7, &parent, 3)));
    worker
        .created_and_begun(&parent, 1, |turn| turn.messages = vec![message])
        .await;
    assert_eq!(worker.everything(&child).await, before);
    let inbox = worker.inbox(&parent).await;
    let [
        Message::ChildDone {
            execution: of,
            task: 3,
            result: Err(failure),
        },
    ] = inbox.as_slice()
    else {
        panic!("{inbox:?}");
    };
    assert_eq!(*of, execution(1));
    assert_eq!(failure.kind, failure_kind::ALREADY_EXISTS);
    assert!(!failure.retryable);
    assert!(worker.is_ready(&parent).await);
}

pub async fn other_messages_to_absent_and_ended_instances_are_dropped(
    store: &(impl Store + ?Sized),
) {
    let worker = Worker::new(store).await;
    let (sender, ended, open) = (key("s"), key("ended"), key("open"));
    worker
        .created_and_begun(&ended, 1, |t| t.after = completed())
        .await;
    worker.created_and_begun(&open, 1, |_| {}).await;
    let done = Message::ChildDone {
        execution: execution(1),
        task: 4,
        result: Err(super::failed("k")),
    };
    let messages = vec![
        to("absent", event("e")),
        to("ended", done.clone()),
        to("open", done.clone()),
        to("open", event("e")),
    ];
    worker
        .created_and_begun(&sender, 1, |turn| turn.messages = messages)
        .await;
    assert_eq!(store.instance(&key("absent")).await.unwrap(), None);
    assert!(worker.inbox(&ended).await.is_empty());
    assert_eq!(worker.inbox(&open).await, [done, event("e")]);
}

pub async fn messages_to_oneself_arrive(store: &(impl Store + ?Sized)) {
    let worker = Worker::new(store).await;
    let key = key("a");
    let messages = vec![to("a", event("self"))];
    worker
        .created_and_begun(&key, 1, |turn| turn.messages = messages)
        .await;
    assert_eq!(worker.inbox(&key).await, [event("self")]);
    let mut again = turn(&key, 1, 1);
    again.turn.messages = vec![to("a", Message::Start(child_start(7, &key, 3)))];
    worker.commit(again).await.unwrap();
    let inbox = worker.inbox(&key).await;
    assert!(
        matches!(inbox[1], Message::ChildDone { task: 3, .. }),
        "{inbox:?}"
    );
    assert_ne!(inbox[0], Message::Start(start(7)));
}
