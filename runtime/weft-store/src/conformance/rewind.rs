//! Rewinding.

use weft_id::InstanceKey;
use weft_orchestration::{
    After, Event, EventKind, Message, Outcome, Payload, RewindError, Status, Turn,
};

use super::{
    Worker, at, child_start, completed, event, execution, failed, key, seqs, start, text, to, turn,
};
use crate::{Error, Family, RevisionId, Store};

fn events(kinds: Vec<EventKind>) -> Vec<Event> {
    let started = std::iter::once(EventKind::OrchestratorStarted);
    let all = started.chain(kinds);
    all.map(|kind| Event { at: at(0), kind }).collect()
}

fn created(id: u32, child: &InstanceKey) -> EventKind {
    EventKind::SubOrchestrationCreated {
        id,
        name: "flow".to_owned(),
        instance: child.id.clone(),
        input: text("input"),
        labels: None,
    }
}

/// A parent that has started a child as its decision 4 and then called an activity as number 5.
async fn begin_parent<S: Store + ?Sized>(
    worker: &Worker<'_, S>,
    parent: &InstanceKey,
    child: &InstanceKey,
) {
    worker
        .created_and_begun(parent, 1, |turn| {
            turn.events = events(vec![
                EventKind::ExecutionStarted(start(1)),
                created(4, child),
                EventKind::TaskScheduled {
                    id: 5,
                    name: "activity".to_owned(),
                    input: text("task"),
                    attempt: 2,
                    call: 5,
                    labels: None,
                },
            ]);
            let start = Message::Start(child_start(2, parent, 4));
            turn.messages = vec![to(child.id.as_str(), start)];
            turn.tasks = vec![super::task(1, 5)];
        })
        .await;
}

fn fail(turn: &mut Turn, failed_task: u32) {
    let failure = failed("boom");
    turn.events = events(vec![
        EventKind::TaskFailed {
            task: failed_task,
            failure: failure.clone(),
        },
        EventKind::ExecutionCompleted {
            outcome: Outcome::Failed(failure.clone()),
        },
    ]);
    turn.after = After::Ended(Outcome::Failed(failure));
}

pub async fn a_failed_instance_is_rewound_with_its_failed_child(store: &(impl Store + ?Sized)) {
    let worker = Worker::new(store).await;
    let (parent, child) = (key("parent"), key("child"));
    begin_parent(&worker, &parent, &child).await;
    worker
        .begin(&child, 2, |turn| {
            turn.events = events(vec![EventKind::ExecutionStarted(child_start(
                2, &parent, 4,
            ))]);
        })
        .await;
    let mut ends = turn(&child, 2, 1);
    fail(&mut ends.turn, 9);
    worker.commit(ends).await.unwrap();
    // An event and a failure that came just before the end, and were not taken any more.
    store.send(&parent, event("kept"), at(5)).await.unwrap();
    let late = Message::TaskDone {
        execution: execution(1),
        task: 5,
        result: Err(failed("boom")),
    };
    store.send(&parent, late, at(5)).await.unwrap();
    let mut ends = turn(&parent, 1, 1);
    fail(&mut ends.turn, 5);
    worker.commit(ends).await.unwrap();

    let again = store
        .rewind(
            &parent,
            execution(50),
            "why".into(),
            Some(RevisionId(3)),
            at(7),
        )
        .await;
    again.unwrap();
    let loaded = worker.load(&parent).await;
    assert_eq!(loaded.instance.execution, execution(50));
    assert_eq!(loaded.instance.status, Status::Running);
    assert_eq!(loaded.instance.outcome, None);
    assert_eq!(loaded.instance.revision, Some(RevisionId(3)));
    assert_eq!(loaded.instance.turns, 2);
    assert_eq!(loaded.history.len() as u64, loaded.instance.history_len);
    let rewind = Message::Rewind {
        reason: "why".to_owned(),
        former: execution(1),
    };
    assert_eq!(worker.inbox(&parent).await, [rewind, event("kept")]);
    let tasks = worker.tasks(&parent).await;
    assert_eq!((tasks.len(), tasks[0].id), (1, 5));
    assert_eq!(tasks[0].execution, execution(50));
    let loaded = worker.load(&child).await;
    assert_eq!(loaded.instance.status, Status::Running);
    assert_eq!(loaded.inbox.len(), 1);
    assert!(worker.is_ready(&parent).await && worker.is_ready(&child).await);

    // It goes on as any other does.
    let mut next = turn(&parent, 50, 2);
    next.consumed.messages = seqs(&worker.load(&parent).await.inbox);
    next.consumed.tasks = vec![5];
    worker.commit(next).await.unwrap();
    assert!(worker.tasks(&parent).await.is_empty());
}

pub async fn an_answer_that_came_too_late_is_given_again(store: &(impl Store + ?Sized)) {
    let worker = Worker::new(store).await;
    let (parent, child) = (key("parent"), key("child"));
    begin_parent(&worker, &parent, &child).await;
    let mut ends = turn(&parent, 1, 1);
    fail(&mut ends.turn, 5);
    worker.commit(ends).await.unwrap();
    worker
        .begin(&child, 2, |turn| turn.after = completed())
        .await;
    let again = store
        .rewind(&parent, execution(50), String::new(), None, at(7))
        .await;
    again.unwrap();
    let inbox = worker.inbox(&parent).await;
    let answer = Message::ChildDone {
        execution: execution(50),
        task: 4,
        result: Ok(Payload::from("\"output\"")),
    };
    assert_eq!(inbox.last(), Some(&answer));

    // Somebody else's instance under the child's id is none of its business.
    let mut ends = turn(&parent, 50, 2);
    ends.consumed.messages = seqs(&worker.load(&parent).await.inbox);
    fail(&mut ends.turn, 5);
    worker.commit(ends).await.unwrap();
    store.purge(&child, Family::Stays).await.unwrap();
    let again = store
        .rewind(&parent, execution(60), String::new(), None, at(8))
        .await;
    again.unwrap();
    let restarted = worker.load(&child).await.instance;
    assert_eq!(restarted.status, Status::Pending);
    assert_eq!(restarted.parent.unwrap().execution, execution(60));
}

/// However deep the children are nested, which whoever writes them decides.
pub async fn a_long_line_of_failed_children_is_rewound(store: &(impl Store + ?Sized)) {
    const DEPTH: usize = 1_000;
    let worker = Worker::new(store).await;
    let keys: Vec<_> = (0..=DEPTH).map(|n| key(&format!("n{n}"))).collect();
    worker.create(&keys[0], 1).await;
    for pair in keys.windows(2) {
        let (parent, child) = (&pair[0], &pair[1]);
        worker
            .begin(parent, 1, |turn| {
                let started = EventKind::ExecutionStarted(start(1));
                turn.events = events(vec![started, created(4, child)]);
                let start = Message::Start(child_start(1, parent, 4));
                turn.messages = vec![to(child.id.as_str(), start)];
                let answer = EventKind::SubOrchestrationFailed {
                    task: 4,
                    failure: failed("boom"),
                };
                turn.events.extend(events(vec![answer]));
                turn.after = After::Ended(Outcome::Failed(failed("boom")));
            })
            .await;
    }
    let last = &keys[DEPTH];
    worker
        .begin(last, 1, |turn| {
            turn.events = events(vec![EventKind::ExecutionStarted(start(1))]);
            turn.after = After::Ended(Outcome::Failed(failed("boom")));
        })
        .await;
    let again = store.rewind(&keys[0], execution(50), String::new(), None, at(7));
    again.await.unwrap();
    for key in &keys {
        assert_eq!(worker.load(key).await.instance.status, Status::Running);
    }
}

pub async fn only_failed_instances_are_rewound(store: &(impl Store + ?Sized)) {
    let worker = Worker::new(store).await;
    let key = key("a");
    let rewind = async || {
        store
            .rewind(&key, execution(9), String::new(), None, at(7))
            .await
    };
    assert!(matches!(rewind().await, Err(Error::NotFound)));
    worker.create(&key, 1).await;
    let open = rewind().await;
    assert!(matches!(
        open,
        Err(Error::StillOpen {
            status: Status::Pending
        })
    ));
    worker.begin(&key, 1, |turn| turn.after = completed()).await;
    let ended = rewind().await;
    assert!(matches!(
        ended,
        Err(Error::Ended {
            status: Status::Completed
        })
    ));

    let empty = super::key("empty");
    worker
        .created_and_begun(&empty, 1, |turn| {
            turn.events = Vec::new();
            turn.after = After::Ended(Outcome::Failed(failed("boom")));
        })
        .await;
    let before = worker.everything(&empty).await;
    let refused = store
        .rewind(&empty, execution(9), String::new(), None, at(7))
        .await;
    let Err(Error::NotRewindable(RewindError::Empty)) = refused else {
        panic!("{refused:?}");
    };
    assert_eq!(worker.everything(&empty).await, before);
}
