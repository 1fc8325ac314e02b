//! Long payloads: kept apart, and no longer than somebody names them.

use weft_orchestration::{
    After, Carries, Event, EventKind, Kept, Message, NewTask, Operation, Outcome, Payload, Start,
    Waiting,
};

use super::{
    Worker, app, at, completed, execution, key, new_instance, seqs, start, task, text, to, turn,
};
use crate::{
    Error, Family, Filter, INLINE_BYTES_MAX, IdReuse, NewInstance, PageRequest, Store, fill_in,
    keep_apart, with_text,
};

/// More than any store writes in one piece, with characters of several bytes throughout.
const VERY_LONG: usize = 3 << 20;

fn long(mark: &str, bytes: usize) -> Payload {
    let unit = format!("{mark}-ü€-");
    Payload::from(format!("{:?}", unit.repeat(bytes / unit.len() + 1)))
}

fn started(number: u128, input: &Payload) -> Start {
    Start {
        input: input.clone(),
        ..start(number)
    }
}

fn raised(payload: &Payload) -> Message {
    Message::Event {
        name: "long".to_owned(),
        payload: payload.clone(),
    }
}

fn name_of(payload: &Payload) -> Kept {
    let kept = payload
        .kept()
        .expect("a long payload is handed out as a name");
    kept.clone()
}

async fn create(store: &(impl Store + ?Sized), id: &str, input: &Payload) -> Kept {
    let start = started(1, input);
    let new = NewInstance {
        start,
        ..new_instance(&key(id), 1, at(0))
    };
    store.create(new).await.unwrap();
    name_of(&store.instance(&key(id)).await.unwrap().unwrap().input)
}

/// Gives the store occasion to remove what nothing names, until it has.
async fn until_gone(store: &(impl Store + ?Sized), kept: &Kept) {
    let worker = Worker::new(store).await;
    for round in 0..300 {
        match store.large(kept).await {
            Err(Error::NotFound) => return,
            Err(error) => panic!("{error}"),
            Ok(_) => {}
        }
        let churn = key(&format!("churn{round}"));
        create(
            store,
            churn.id.as_str(),
            &long(churn.id.as_str(), INLINE_BYTES_MAX),
        )
        .await;
        worker
            .begin(&churn, 1, |turn| turn.after = completed())
            .await;
        store.purge(&churn, Family::Stays).await.unwrap();
    }
    panic!("{kept} stays although nothing names it");
}

pub async fn long_payloads_are_handed_out_as_names(store: &(impl Store + ?Sized)) {
    let worker = Worker::new(store).await;
    let (input, sent, output) = (
        long("input", VERY_LONG),
        long("sent", INLINE_BYTES_MAX),
        long("output", 2 * INLINE_BYTES_MAX),
    );
    let key = key("a");
    create(store, "a", &input).await;
    store.send(&key, raised(&sent), at(1)).await.unwrap();
    let mut loaded = worker.load(&key).await;
    assert_eq!(loaded.all_kept().len(), 2);
    assert_eq!(loaded.inbox.len(), 2);
    let names = loaded.clone();
    fill_in(store, &mut loaded).await.unwrap();
    assert_eq!(loaded.instance.input, input);
    assert_eq!(loaded.inbox[0].1, Message::Start(started(1, &input)));
    assert_eq!(loaded.inbox[1].1, raised(&sent));

    // As a worker does: what was received is recorded as it was handed out, what the code gives is
    // text.
    let mut first = turn(&key, 1, 0);
    first.consumed.messages = seqs(&names.inbox);
    let event = |kind| Event { at: at(2), kind };
    let scheduled = EventKind::TaskScheduled {
        id: 1,
        name: "activity".to_owned(),
        input: output.clone(),
        attempt: 1,
        call: 1,
        labels: None,
    };
    first.turn.events = vec![
        event(EventKind::ExecutionStarted(started(
            1,
            &names.instance.input,
        ))),
        event(scheduled),
    ];
    first.turn.tasks = vec![NewTask {
        input: output.clone(),
        ..task(1, 1)
    }];
    worker.commit(first).await.unwrap();
    let mut recorded = store.history(&key, 0, 10).await.unwrap();
    assert_eq!(recorded.all_kept().len(), 2);
    fill_in(store, &mut recorded).await.unwrap();
    let kinds: Vec<_> = recorded.events.iter().map(|event| &event.kind).collect();
    assert_eq!(*kinds[0], EventKind::ExecutionStarted(started(1, &input)));
    let tasks = worker.tasks(&key).await;
    name_of(&tasks[0].input);
    assert_eq!(with_text(store, &tasks[0].input).await.unwrap(), output);

    let result = Ok(output.clone());
    let lease = worker.lease(&key);
    let finish = store.finish_task(lease, &key, execution(1), 1, result, at(3));
    finish.await.unwrap();
    let mut inbox = worker.inbox(&key).await;
    fill_in(store, &mut inbox).await.unwrap();
    let done = Message::TaskDone {
        execution: execution(1),
        task: 1,
        result: Ok(output.clone()),
    };
    assert_eq!(inbox, [done]);

    let mut last = turn(&key, 1, 1);
    last.turn.after = After::Ended(Outcome::Completed(output.clone()));
    worker.commit(last).await.unwrap();
    let page = PageRequest {
        limit: 10,
        after: None,
    };
    let (app, filter) = (app("app"), Filter::default());
    let listed = store.instances(&app, &filter, &page).await;
    let mut listed = listed.unwrap().instances.remove(0);
    assert_eq!(listed.all_kept().len(), 2);
    fill_in(store, &mut listed).await.unwrap();
    assert_eq!(listed.outcome, Some(Outcome::Completed(output)));
}

pub async fn a_long_payload_stays_while_an_instance_names_it(store: &(impl Store + ?Sized)) {
    let worker = Worker::new(store).await;
    let input = long("shared", VERY_LONG);
    let kept = create(store, "a", &input).await;
    assert_eq!(create(store, "b", &input).await, kept);
    for id in ["a", "b"] {
        let end = |turn: &mut weft_orchestration::Turn| turn.after = completed();
        worker.begin(&key(id), 1, end).await;
    }
    store.purge(&key("a"), Family::Stays).await.unwrap();
    // Other writes come and go.
    let other = create(store, "c", &long("other", INLINE_BYTES_MAX)).await;
    assert_eq!(store.large(&kept).await.unwrap(), input);

    // Restarted under its own id with the name of its own input.
    let instance = store.instance(&key("b")).await.unwrap().unwrap();
    let again = NewInstance {
        start: started(2, &instance.input),
        reuse: IdReuse::ended(),
        ..new_instance(&key("b"), 2, at(4))
    };
    store.create(again).await.unwrap();
    store
        .send(&key("b"), raised(&text("x")), at(5))
        .await
        .unwrap();
    assert_eq!(store.large(&kept).await.unwrap(), input);
    let end = |turn: &mut weft_orchestration::Turn| turn.after = completed();
    worker.begin(&key("b"), 2, end).await;
    store.purge(&key("b"), Family::Stays).await.unwrap();
    until_gone(store, &kept).await;
    store.large(&other).await.unwrap();
}

pub async fn an_instance_that_goes_on_keeps_what_it_names(store: &(impl Store + ?Sized)) {
    let worker = Worker::new(store).await;
    let (key, carried) = (key("a"), long("carried", INLINE_BYTES_MAX));
    let first = create(store, "a", &long("first", INLINE_BYTES_MAX)).await;
    store.send(&key, raised(&carried), at(1)).await.unwrap();
    let inbox = worker.load(&key).await.inbox;
    let second = long("second", INLINE_BYTES_MAX);
    let mut anew = turn(&key, 1, 0);
    anew.consumed.messages = seqs(&inbox);
    anew.turn.after = After::ContinuedAsNew {
        start: started(2, &second),
        carried: vec![inbox[1].1.clone()],
    };
    worker.commit(anew).await.unwrap();
    until_gone(store, &first).await;
    let mut loaded = worker.load(&key).await;
    fill_in(store, &mut loaded).await.unwrap();
    assert_eq!(loaded.instance.input, second);
    assert_eq!(loaded.inbox[1].1, raised(&carried));
}

pub async fn an_entity_keeps_its_long_state_and_no_earlier_one(store: &(impl Store + ?Sized)) {
    let worker = Worker::new(store).await;
    let key = key("@blob@a");
    let operation = Operation {
        name: "set".to_owned(),
        input: long("input", INLINE_BYTES_MAX),
        caller: None,
        reply: None,
        at: None,
        trace_parent: None,
    };
    let message = Message::Operation(operation);
    store.send(&key, message, at(1)).await.unwrap();
    let mut names = Vec::new();
    for (number, mark) in ["one", "two"].into_iter().enumerate() {
        let loaded = worker.load(&key).await;
        let mut commit = turn(&key, 0, number as u64);
        commit.consumed.messages = seqs(&loaded.inbox);
        names.extend(loaded.all_kept());
        let mut record = loaded.entity;
        record.state = Some(long(mark, INLINE_BYTES_MAX));
        commit.turn.events.clear();
        commit.turn.after = After::Entity(record);
        worker.commit(commit).await.unwrap();
    }
    // The input, and the first state.
    assert_eq!(names.len(), 2);
    for name in names {
        until_gone(store, &name).await;
    }
    let entity = store.entity(&app("app"), &key.id.entity().unwrap()).await;
    let state = entity.unwrap().unwrap().state.unwrap();
    name_of(&state);
    let state = with_text(store, &state).await.unwrap();
    assert_eq!(state, long("two", INLINE_BYTES_MAX));
}

/// The name under which a store hands out a long payload.
fn name_for(payload: &Payload) -> Kept {
    let mut payload = payload.clone();
    keep_apart(&mut payload, INLINE_BYTES_MAX);
    name_of(&payload)
}

pub async fn what_an_instance_received_goes_when_it_begins_anew(store: &(impl Store + ?Sized)) {
    let worker = Worker::new(store).await;
    let (key, result) = (key("a"), long("result", INLINE_BYTES_MAX));
    worker
        .created_and_begun(&key, 1, |turn| turn.tasks = vec![task(1, 1)])
        .await;
    let lease = worker.lease(&key);
    let finish = store.finish_task(lease, &key, execution(1), 1, Ok(result.clone()), at(3));
    finish.await.unwrap();
    let inbox = worker.load(&key).await.inbox;
    let mut anew = turn(&key, 1, 1);
    anew.consumed.messages = seqs(&inbox);
    // Some code hands back what it was given as text, and makes more of it.
    let made = long("made", INLINE_BYTES_MAX);
    let completed = |output: &Payload| Event {
        at: at(4),
        kind: EventKind::TaskCompleted {
            task: 1,
            output: output.clone(),
        },
    };
    anew.turn.events = vec![completed(&result), completed(&made)];
    anew.turn.after = After::ContinuedAsNew {
        start: started(2, &text("next")),
        carried: Vec::new(),
    };
    worker.commit(anew).await.unwrap();
    until_gone(store, &name_for(&result)).await;
    until_gone(store, &name_for(&made)).await;
}

pub async fn what_comes_too_late_or_reaches_nobody_goes(store: &(impl Store + ?Sized)) {
    let worker = Worker::new(store).await;
    let (key, late) = (key("a"), long("late", INLINE_BYTES_MAX));
    let sent = long("sent", INLINE_BYTES_MAX);
    worker
        .created_and_begun(&key, 1, |turn| {
            turn.tasks = vec![task(1, 1)];
            turn.messages = vec![to("nobody", raised(&sent))];
            turn.after = completed();
        })
        .await;
    let lease = worker.lease(&key);
    let finish = store.finish_task(lease, &key, execution(1), 1, Ok(late.clone()), at(3));
    finish.await.unwrap();
    until_gone(store, &name_for(&late)).await;
    until_gone(store, &name_for(&sent)).await;
}

pub async fn a_task_beside_a_new_beginning_keeps_its_input(store: &(impl Store + ?Sized)) {
    let worker = Worker::new(store).await;
    let input = long("input", INLINE_BYTES_MAX);
    create(store, "a", &input).await;
    worker
        .created_and_begun(&key("b"), 1, |turn| {
            turn.tasks = vec![NewTask {
                input: input.clone(),
                ..task(1, 1)
            }];
            turn.after = After::ContinuedAsNew {
                start: started(2, &text("next")),
                carried: Vec::new(),
            };
        })
        .await;
    worker
        .begin(&key("a"), 1, |turn| turn.after = completed())
        .await;
    store.purge(&key("a"), Family::Stays).await.unwrap();
    let other = create(store, "c", &long("other", INLINE_BYTES_MAX)).await;
    worker
        .begin(&key("c"), 1, |turn| turn.after = completed())
        .await;
    store.purge(&key("c"), Family::Stays).await.unwrap();
    until_gone(store, &other).await;
    let tasks = worker.tasks(&key("b")).await;
    assert_eq!(with_text(store, &tasks[0].input).await.unwrap(), input);
}

pub async fn an_entity_keeps_what_waits_for_it(store: &(impl Store + ?Sized)) {
    let worker = Worker::new(store).await;
    let key = key("@blob@a");
    let marks = ["done", "queued", "arrived"];
    for mark in marks {
        let operation = Operation {
            name: "set".to_owned(),
            input: long(mark, INLINE_BYTES_MAX),
            caller: None,
            reply: None,
            at: None,
            trace_parent: None,
        };
        let message = Message::Operation(operation);
        store.send(&key, message, at(1)).await.unwrap();
    }
    let loaded = worker.load(&key).await;
    let mut commit = turn(&key, 0, 0);
    commit.consumed.messages = seqs(&loaded.inbox[..2]);
    commit.turn.events.clear();
    let Message::Operation(queued) = loaded.inbox[1].1.clone() else {
        panic!("operations were sent");
    };
    let mut record = loaded.entity;
    record.queue.push_back(Waiting::Operation(queued));
    commit.turn.after = After::Entity(record);
    worker.commit(commit).await.unwrap();
    let [done, queued, arrived] = marks.map(|mark| long(mark, INLINE_BYTES_MAX));
    until_gone(store, &name_for(&done)).await;
    for kept in [queued, arrived] {
        assert_eq!(store.large(&name_for(&kept)).await.unwrap(), kept);
    }
}

pub async fn a_name_that_leads_nowhere_is_refused(store: &(impl Store + ?Sized)) {
    let nowhere = Payload::from(Kept {
        sha256: [7; 32],
        bytes: INLINE_BYTES_MAX + 1,
    });
    let new = NewInstance {
        start: started(1, &nowhere),
        ..new_instance(&key("a"), 1, at(0))
    };
    let refused = store.create(new).await;
    assert!(matches!(refused, Err(Error::NotFound)), "{refused:?}");
    assert!(store.instance(&key("a")).await.unwrap().is_none());
}
