//! Turns after which an execution is over.

use weft_orchestration::{After, Message, Outcome, Start, Status};

use super::{
    Worker, at, child_start, completed, event, execution, key, recorded, start, task, text, timer,
    to, turn,
};
use crate::{Error, RevisionId, Store};

pub async fn a_continued_instance_begins_anew(store: &(impl Store + ?Sized)) {
    let worker = Worker::new(store).await;
    let key = key("a");
    worker.create(&key, 1).await;
    let mut first = turn(&key, 1, 0);
    first.consumed.messages = super::seqs(&worker.load(&key).await.inbox);
    first.revision = Some(RevisionId(2));
    first.turn.custom_status = Some(text("half"));
    first.turn.tasks = vec![task(1, 1)];
    first.turn.timers = vec![timer(1, 2, at(50))];
    worker.commit(first).await.unwrap();
    store.send(&key, event("in flight"), at(6)).await.unwrap();

    let next = Start {
        input: text("next"),
        ..start(2)
    };
    let mut anew = turn(&key, 1, 1);
    anew.turn.tasks = vec![task(1, 3)];
    anew.turn.timers = vec![timer(1, 4, at(60))];
    anew.turn.after = After::ContinuedAsNew {
        start: next.clone(),
        carried: vec![event("carried 1"), event("carried 2")],
    };
    anew.now = at(8);
    worker.commit(anew).await.unwrap();

    let loaded = worker.load(&key).await;
    assert!(loaded.history.is_empty());
    let instance = loaded.instance;
    assert_eq!(instance.execution, execution(2));
    assert_eq!(instance.input, text("next"));
    assert_eq!(instance.status, Status::Running);
    assert_eq!((instance.turns, instance.history_len), (0, 0));
    assert_eq!((instance.created_at, instance.updated_at), (at(0), at(8)));
    assert_eq!(instance.revision, Some(RevisionId(2)));
    assert_eq!(instance.custom_status, Some(text("half")));
    let expected = [
        Message::Start(next),
        event("carried 1"),
        event("carried 2"),
        event("in flight"),
    ];
    assert_eq!(worker.inbox(&key).await, expected);
    assert!(worker.is_ready(&key).await);
    assert!(worker.timers(&key).await.is_empty());
    let tasks = worker.tasks(&key).await;
    let numbers: Vec<_> = tasks.iter().map(|t| (t.execution, t.id)).collect();
    assert_eq!(numbers, [(execution(1), 1), (execution(1), 3)]);
    let old = worker.commit(turn(&key, 1, 2)).await;
    assert!(matches!(old, Err(Error::LeaseLost)));

    // Again, with the earlier messages still there: the newest come first.
    let mut anew = turn(&key, 2, 0);
    anew.turn.after = After::ContinuedAsNew {
        start: start(3),
        carried: vec![event("last")],
    };
    worker.commit(anew).await.unwrap();
    let inbox = worker.inbox(&key).await;
    assert_eq!(inbox[..2], [Message::Start(start(3)), event("last")]);
    assert_eq!(inbox[5], event("in flight"));
    worker.begin(&key, 3, |_| {}).await;
    assert_eq!(worker.load(&key).await.history, [recorded("turn")]);
}

pub async fn an_ended_instance_loses_inbox_and_timers_but_no_tasks(store: &(impl Store + ?Sized)) {
    let worker = Worker::new(store).await;
    let outcomes = [
        Outcome::Completed(text("output")),
        Outcome::Failed(super::failed("k")),
        Outcome::Terminated {
            reason: "why".to_owned(),
        },
    ];
    for (number, outcome) in outcomes.into_iter().enumerate() {
        let key = key(&format!("i{number}"));
        let wait = |turn: &mut weft_orchestration::Turn| {
            turn.timers = vec![timer(1, 2, at(50))];
            turn.tasks = vec![task(1, 1)];
        };
        worker.created_and_begun(&key, 1, wait).await;
        store.send(&key, event("late"), at(6)).await.unwrap();
        let mut end = turn(&key, 1, 1);
        end.turn.tasks = vec![task(1, 3)];
        end.turn.timers = vec![timer(1, 4, at(60))];
        end.turn.after = After::Ended(outcome.clone());
        worker.commit(end).await.unwrap();

        assert_eq!(store.load(&key).await.unwrap(), None);
        let instance = store.instance(&key).await.unwrap().unwrap();
        assert_eq!(instance.status, outcome.status());
        assert_eq!(instance.outcome, Some(outcome));
        assert_eq!((instance.turns, instance.history_len), (2, 2));
        assert_eq!(store.history(&key, 0, 9).await.unwrap().turns, 2);
        assert!(worker.inbox(&key).await.is_empty());
        assert!(worker.timers(&key).await.is_empty());
        assert!(!worker.is_ready(&key).await);
        let ids: Vec<_> = worker.tasks(&key).await.iter().map(|t| t.id).collect();
        assert_eq!(ids, [1, 3]);

        let finish = store.finish_task(
            worker.lease(&key),
            &key,
            execution(1),
            1,
            Ok(text("r")),
            at(9),
        );
        finish.await.unwrap();
        assert!(worker.inbox(&key).await.is_empty());
        assert_eq!(worker.tasks(&key).await.len(), 1);
    }
}

pub async fn an_instance_may_not_restart_itself(store: &(impl Store + ?Sized)) {
    let worker = Worker::new(store).await;
    let key = key("a");
    let message = to("a", Message::Start(child_start(7, &key, 3)));
    let end = |turn: &mut weft_orchestration::Turn| {
        turn.messages = vec![message, to("a", event("e"))];
        turn.after = completed();
    };
    worker.created_and_begun(&key, 1, end).await;
    let instance = store.instance(&key).await.unwrap().unwrap();
    assert_eq!(instance.status, Status::Completed);
    assert_eq!(instance.execution, execution(1));
    assert!(worker.inbox(&key).await.is_empty());
}

pub async fn an_end_is_told_to_those_who_wait(store: &(impl Store + ?Sized)) {
    let worker = Worker::new(store).await;
    let (key, other) = (key("a"), key("b"));
    worker.create(&key, 1).await;
    worker.create(&other, 2).await;
    let (mut ending, mut still) = (store.ending(&key), store.ending(&other));
    worker.commit(turn(&key, 1, 0)).await.unwrap();
    let soon = std::time::Duration::from_millis(20);
    let early = tokio::time::timeout(soon, ending.outcome()).await;
    assert!(early.is_err(), "a turn is no end");
    let mut last = turn(&key, 1, 1);
    last.turn.after = completed();
    worker.commit(last).await.unwrap();
    assert_eq!(ending.outcome().await, Outcome::Completed(text("output")));
    assert_eq!(
        store.instance(&key).await.unwrap().unwrap().status,
        Status::Completed
    );
    assert!(tokio::time::timeout(soon, still.outcome()).await.is_err());
}
