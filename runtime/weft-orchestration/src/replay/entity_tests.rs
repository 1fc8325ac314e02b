//! Calls, signals and locks of orchestrators.

use weft_id::{EntityId, ExecutionId, InstanceId};

use super::{Next, Replay, TaskHandle};
use crate::{
    After, Event, Failure, Limits, Message, Outcome, Payload, Start, Timestamp, Turn, failure_kind,
};

const EXECUTION: ExecutionId = ExecutionId::from_u128(0xe);

fn entity(key: &str) -> EntityId {
    EntityId::new("account", key).unwrap()
}

fn start() -> Message {
    Message::Start(Start::new(EXECUTION, "o", Payload::null()))
}

fn granted(execution: ExecutionId, keys: &[&str]) -> Message {
    Message::LockGranted {
        execution,
        task: 0,
        set: keys.iter().map(|key| entity(key)).collect(),
    }
}

fn answered(task: u32) -> Message {
    Message::OperationDone {
        execution: EXECUTION,
        task,
        result: Ok(Payload::from("7")),
    }
}

type Code = fn(&mut Replay) -> Option<Result<Payload, Failure>>;

fn turn(history: &mut Vec<Event>, messages: Vec<Message>, code: Code) -> Turn {
    let instance: InstanceId = "i".parse().unwrap();
    let mut replay = Replay::new(instance, history.clone(), Limits::default());
    if replay.deliver(messages, Timestamp::default()) == Next::Run {
        replay.begin();
        if let Some(result) = code(&mut replay) {
            replay.finish(result);
        }
    }
    let turn = replay.take_turn();
    history.extend(turn.events.clone());
    turn
}

fn wait(replay: &mut Replay, task: TaskHandle) -> Option<Payload> {
    replay.wait_any(&[task]).ok()??;
    replay.result(task).ok()??.ok()
}

fn targets(turn: &Turn) -> Vec<&str> {
    turn.messages.iter().map(|m| m.to.as_str()).collect()
}

fn transfer(replay: &mut Replay) -> Option<Result<Payload, Failure>> {
    let set = vec![entity("b"), entity("a"), entity("b")];
    let lock = replay.lock_entities(set).ok()?;
    wait(replay, lock)?;
    let call = replay.call_entity(entity("a"), "add", Payload::from("1"));
    let result = wait(replay, call.ok()?)?;
    replay.release_lock(lock).ok()?;
    replay.release_lock(lock).ok()?;
    let done = replay.signal_entity(entity("a"), "log", Payload::null(), None);
    done.ok()?;
    Some(Ok(result))
}

#[test]
fn a_critical_section_is_asked_for_in_order_and_released_once() {
    let mut history = Vec::new();
    let asked = turn(&mut history, vec![start()], transfer);
    assert_eq!(targets(&asked), ["@account@a"]);
    let Message::Lock(request) = &asked.messages[0].message else {
        panic!("a lock: {asked:?}");
    };
    assert_eq!(request.set, [entity("a"), entity("b")]);
    let called = turn(
        &mut history,
        vec![granted(EXECUTION, &["a", "b"])],
        transfer,
    );
    assert_eq!(targets(&called), ["@account@a"]);
    let ended = turn(&mut history, vec![answered(1)], transfer);
    assert_eq!(targets(&ended), ["@account@a", "@account@b", "@account@a"]);
    assert_eq!(
        ended.after,
        After::Ended(Outcome::Completed(Payload::from("7")))
    );
}

#[test]
fn whatever_ends_the_execution_releases_its_locks() {
    let terminate = Message::Terminate {
        reason: String::new(),
        recursive: false,
    };
    let mut history = Vec::new();
    turn(&mut history, vec![start()], transfer);
    let ended = turn(&mut history, vec![terminate.clone()], transfer);
    assert_eq!(targets(&ended), ["@account@a", "@account@b"]);

    let mut history = Vec::new();
    turn(&mut history, vec![start()], transfer);
    turn(
        &mut history,
        vec![granted(EXECUTION, &["a", "b"])],
        transfer,
    );
    let ended = turn(&mut history, vec![terminate], transfer);
    assert_eq!(targets(&ended), ["@account@a", "@account@b"]);
}

#[test]
fn a_grant_for_an_earlier_execution_is_given_back() {
    let mut history = Vec::new();
    turn(&mut history, vec![start()], transfer);
    let stale = granted(ExecutionId::from_u128(9), &["c"]);
    let given_back = turn(&mut history, vec![stale], transfer);
    assert_eq!(targets(&given_back), ["@account@c"]);
    assert_eq!(given_back.after, After::Waiting);
}

fn refused(code: Code) -> String {
    let mut history = Vec::new();
    turn(&mut history, vec![start()], code);
    let ended = turn(&mut history, vec![granted(EXECUTION, &["a"])], code);
    match ended.after {
        After::Ended(Outcome::Failed(failure)) => {
            assert_eq!(failure.kind, failure_kind::MISUSE);
            failure.message
        }
        after => panic!("the rule was not kept: {after:?}"),
    }
}

fn in_section(replay: &mut Replay) -> Option<()> {
    let lock = replay.lock_entities(vec![entity("a")]).ok()?;
    wait(replay, lock).map(|_| ())
}

#[test]
fn a_critical_section_refuses_what_could_wait_for_itself() {
    let nested = refused(|replay| {
        in_section(replay)?;
        let _ = replay.lock_entities(vec![entity("b")]);
        None
    });
    assert!(nested.contains("nested"), "{nested}");
    let unlocked = refused(|replay| {
        in_section(replay)?;
        let _ = replay.call_entity(entity("b"), "add", Payload::null());
        None
    });
    assert!(unlocked.contains("not locked"), "{unlocked}");
    let signaled = refused(|replay| {
        in_section(replay)?;
        let _ = replay.signal_entity(entity("a"), "add", Payload::null(), None);
        None
    });
    assert!(signaled.contains("is locked"), "{signaled}");
    let child = refused(|replay| {
        in_section(replay)?;
        let _ = replay.call_sub_orchestration("c", Payload::null(), None, None);
        None
    });
    assert!(child.contains("critical section"), "{child}");
}
