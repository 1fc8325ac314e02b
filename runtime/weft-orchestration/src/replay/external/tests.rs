//! Turns of orchestrations whose worker answers what the test says.

use super::*;

fn execution() -> ExecutionId {
    ExecutionId::from_u128(7)
}

fn at(ms: u64) -> Timestamp {
    Timestamp::from_millis(ms)
}

fn started() -> External {
    let mut external = External::new("i".parse().unwrap(), Vec::new(), Limits::default());
    let start = Start::new(execution(), "flow", Payload::null());
    assert_eq!(
        external.deliver(vec![Message::Start(start)], at(1)),
        Next::Run
    );
    external
}

fn task(id: u32) -> Decision {
    Decision::Task {
        id,
        name: "work".to_owned(),
        input: Payload::null(),
        labels: Labels::default(),
    }
}

fn done(task: u32, result: Result<Payload, Failure>) -> Message {
    Message::TaskDone {
        execution: execution(),
        task,
        result,
    }
}

fn kinds(turn: &Turn) -> Vec<&EventKind> {
    turn.events.iter().map(|event| &event.kind).collect()
}

#[test]
fn a_turn_records_what_came_and_what_was_decided() {
    let mut external = started();
    external.decide(vec![task(1)]).unwrap();
    let turn = external.take_turn();
    assert!(matches!(
        kinds(&turn)[..],
        [
            EventKind::OrchestratorStarted,
            EventKind::ExecutionStarted(_),
            EventKind::TaskScheduled { id: 1, .. },
        ]
    ));
    assert_eq!((turn.tasks.len(), turn.after), (1, After::Waiting));

    external.deliver(
        vec![done(1, Ok(Payload::null())), done(9, Ok(Payload::null()))],
        at(2),
    );
    assert_eq!(external.news().len(), 2, "what nobody asked for is dropped");
    let outcome = Outcome::Completed(Payload::from("5"));
    external
        .decide(vec![Decision::Complete(outcome.clone())])
        .unwrap();
    let turn = external.take_turn();
    assert_eq!(turn.after, After::Ended(outcome));
    assert_eq!(external.past().len(), 6);
}

#[test]
fn a_number_is_used_again_once_it_was_answered() {
    let mut external = started();
    external.decide(vec![task(1)]).unwrap();
    let again = external.decide(vec![task(1)]).unwrap_err();
    assert!(again.message.contains("not done yet"), "{again:?}");

    let mut external = started();
    external.decide(vec![task(1)]).unwrap();
    external.take_turn();
    let failure = Failure::transient("oops", "not now");
    external.deliver(vec![done(1, Err(failure))], at(2));
    external.decide(vec![task(1)]).unwrap();
    let turn = external.take_turn();
    assert_eq!((turn.tasks[0].id, turn.tasks[0].attempt), (1, 2));
}

#[test]
fn who_rests_or_is_terminated_is_not_asked() {
    let mut external = started();
    external.take_turn();
    let reason = String::new();
    let next = external.deliver(vec![Message::Suspend { reason }], at(2));
    assert_eq!(next, Next::Stop);
    assert_eq!(external.take_turn().after, After::Suspended);
    let reason = "enough".to_owned();
    let next = external.deliver(
        vec![Message::Terminate {
            reason: reason.clone(),
            recursive: false,
        }],
        at(3),
    );
    assert_eq!(next, Next::Stop);
    let ended = After::Ended(Outcome::Terminated { reason });
    assert_eq!(external.take_turn().after, ended);
}

#[test]
fn suspending_or_resuming_twice_is_told_once() {
    let suspend = || Message::Suspend {
        reason: "first".to_owned(),
    };
    let resume = || Message::Resume {
        reason: String::new(),
    };
    let mut external = started();
    external.take_turn();
    assert_eq!(external.deliver(vec![resume()], at(2)), Next::Run);
    assert_eq!(
        kinds(&external.take_turn()),
        [&EventKind::OrchestratorStarted]
    );

    external.deliver(vec![suspend(), suspend()], at(3));
    assert_eq!(external.take_turn().events.len(), 2);
    assert_eq!(external.deliver(vec![suspend()], at(4)), Next::Stop);
    assert_eq!(external.take_turn().events.len(), 1);
    let next = external.deliver(vec![resume(), resume()], at(5));
    assert_eq!((next, external.news().len()), (Next::Run, 2));
}

#[test]
fn what_is_locked_at_the_end_is_released() {
    let mut external = started();
    let entity = EntityId::new("counter", "a").unwrap();
    let lock = Decision::Lock {
        id: 1,
        set: vec![entity.clone(), entity.clone()],
        request: "section".to_owned(),
    };
    external.decide(vec![lock]).unwrap();
    let unknown = Decision::Unlock {
        id: 2,
        target: entity.clone(),
        request: "another".to_owned(),
    };
    assert!(external.decide(vec![unknown]).is_err());
    external
        .decide(vec![Decision::Complete(
            Outcome::Completed(Payload::null()),
        )])
        .unwrap();
    let turn = external.take_turn();
    let unlocks = turn.messages.iter().filter(|outgoing| {
        outgoing.to == entity.instance() && matches!(outgoing.message, Message::Unlock(_))
    });
    assert_eq!(unlocks.count(), 1);
}

#[test]
fn continue_as_new_keeps_what_it_is_told_to() {
    let mut external = started();
    let carried = vec![("go".to_owned(), Payload::from("1"))];
    external
        .decide(vec![Decision::ContinueAsNew {
            input: Payload::from("2"),
            version: None,
            carried,
        }])
        .unwrap();
    match external.take_turn().after {
        After::ContinuedAsNew { start, carried } => {
            assert_ne!(start.execution, execution());
            assert_eq!(
                (start.name.as_str(), start.input.text()),
                ("flow", Some("2"))
            );
            assert_eq!(carried.len(), 1);
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_worker_starts_nothing_that_is_the_nodes_own() {
    for (name, input) in [
        ("workflow/trigger", "null"),
        ("flow", r#"{"$weft-run": 1, "trigger": {}}"#),
    ] {
        let mut external = started();
        let child = Decision::Child {
            id: 1,
            name: name.to_owned(),
            instance: None,
            input: Payload::from(input.to_owned()),
            labels: Labels::default(),
        };
        let failure = external.decide(vec![child]).unwrap_err();
        assert_eq!(failure.kind, crate::failure_kind::MISUSE);
    }
}
