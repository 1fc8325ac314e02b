//! A failed history in, one that can go on out.

use weft_id::{ExecutionId, InstanceId};

use super::{Found, Remedy, RewindError, rewind};
use crate::{
    After, Event, Failure, Limits, Message, Next, Outcome, Payload, Replay, Start, Timestamp, Turn,
};

const OLD: ExecutionId = ExecutionId::from_u128(1);
const NEW: ExecutionId = ExecutionId::from_u128(2);

fn instance() -> InstanceId {
    "i".parse().unwrap()
}

type Code = fn(&mut Replay) -> Option<Result<Payload, Failure>>;

/// Runs `code` over the history with what arrived; its own result ends the execution.
fn turn(history: &mut Vec<Event>, messages: Vec<Message>, code: Code) -> Turn {
    let mut replay = Replay::new(instance(), history.clone(), Limits::default());
    let now = Timestamp::from_millis(history.len() as u64);
    assert_eq!(replay.deliver(messages, now), Next::Run);
    replay.begin();
    if let Some(result) = code(&mut replay) {
        replay.finish(result);
    }
    let turn = replay.take_turn();
    history.extend(turn.events.clone());
    turn
}

fn start() -> Message {
    Message::Start(Start::new(OLD, "o", Payload::null()))
}

fn done(execution: ExecutionId, task: u32, result: Result<&str, &str>) -> Message {
    Message::TaskDone {
        execution,
        task,
        result: result
            .map(Payload::from)
            .map_err(|text| Failure::permanent("boom", text)),
    }
}

/// Waits for one task and passes its failure on.
fn wait(replay: &mut Replay, task: crate::TaskHandle) -> Option<Result<Payload, Failure>> {
    replay.wait_any(&[task]).ok()??;
    replay.result(task).ok()?
}

fn two_steps(replay: &mut Replay) -> Option<Result<Payload, Failure>> {
    for name in ["a", "b"] {
        let task = replay.call_activity(name, Payload::null(), None).ok()?;
        if let Err(failure) = wait(replay, task)? {
            return Some(Err(failure));
        }
    }
    Some(Ok(Payload::from(format!("\"{}\"", replay.new_guid()))))
}

#[test]
fn only_the_failed_step_runs_again_and_randomness_stays() {
    let mut history = Vec::new();
    turn(&mut history, vec![start()], two_steps);
    turn(&mut history, vec![done(OLD, 0, Ok("1"))], two_steps);
    let ended = turn(&mut history, vec![done(OLD, 1, Err("no"))], two_steps);
    assert!(matches!(ended.after, After::Ended(Outcome::Failed(_))));

    let rewound = rewind(&instance(), history, Vec::new(), NEW, "again".into()).unwrap();
    let ids: Vec<_> = rewound.tasks.iter().map(|t| (t.id, t.execution)).collect();
    assert_eq!(ids, [(1, NEW)]);
    let mut history = rewound.history.concat();
    let waits = turn(&mut history, rewound.messages, two_steps);
    assert_eq!(waits.after, After::Waiting);
    let ended = turn(&mut history, vec![done(NEW, 1, Ok("2"))], two_steps);
    let mut fresh = Vec::new();
    let all = vec![start(), done(OLD, 0, Ok("1")), done(OLD, 1, Ok("2"))];
    let mut expected = None;
    for message in all {
        expected = Some(turn(&mut fresh, vec![message], two_steps).after);
    }
    assert_eq!(Some(ended.after), expected);
}

fn compensates(replay: &mut Replay) -> Option<Result<Payload, Failure>> {
    let task = replay.call_activity("a", Payload::null(), None).ok()?;
    let Err(failure) = wait(replay, task)? else {
        return Some(Ok(Payload::null()));
    };
    let task = replay.call_activity("undo", Payload::null(), None).ok()?;
    wait(replay, task)?.ok()?;
    Some(Err(failure))
}

#[test]
fn where_the_code_answered_the_failure_it_decides_anew_from_there() {
    let mut history = Vec::new();
    turn(&mut history, vec![start()], compensates);
    turn(&mut history, vec![done(OLD, 0, Err("no"))], compensates);
    turn(&mut history, vec![done(OLD, 1, Ok("0"))], compensates);
    let rewound = rewind(&instance(), history, Vec::new(), NEW, String::new()).unwrap();
    assert_eq!(rewound.history.len(), 1);
    assert_eq!(rewound.tasks.len(), 1);
    let mut history = rewound.history.concat();
    turn(&mut history, rewound.messages, compensates);
    let ended = turn(&mut history, vec![done(NEW, 0, Ok("0"))], compensates);
    let completed = Outcome::Completed(Payload::null());
    assert_eq!(ended.after, After::Ended(completed));
}

fn child_and_parallel(replay: &mut Replay) -> Option<Result<Payload, Failure>> {
    let name = Some("c".parse().unwrap());
    let child = replay.call_sub_orchestration("child", Payload::null(), name, None);
    let child = child.ok()?;
    let task = replay.call_activity("a", Payload::null(), None).ok()?;
    match wait(replay, task)? {
        Ok(_) => wait(replay, child),
        Err(failure) => Some(Err(failure)),
    }
}

#[test]
fn a_child_may_answer_under_the_old_id() {
    let mut history = Vec::new();
    turn(&mut history, vec![start()], child_and_parallel);
    turn(
        &mut history,
        vec![done(OLD, 1, Err("no"))],
        child_and_parallel,
    );
    let rewound = rewind(&instance(), history, Vec::new(), NEW, String::new()).unwrap();
    let child = &rewound.children[0];
    let parent = child.start.parent.clone();
    assert_eq!(parent.as_ref().map(|parent| parent.task), Some(0));
    assert_eq!(child.instance.as_str(), "c");
    let found = |outcome| Found {
        parent: parent.clone(),
        outcome,
    };
    let failed = Outcome::Failed(Failure::permanent("boom", "no"));
    let stranger = Found {
        parent: None,
        outcome: None,
    };
    assert_eq!(child.remedy(Some(found(None))), Remedy::Wait);
    let rewound_too = child.remedy(Some(found(Some(failed))));
    assert!(matches!(rewound_too, Remedy::Rewind { .. }));
    assert!(matches!(child.remedy(None), Remedy::Start(_)));
    assert!(matches!(child.remedy(Some(stranger)), Remedy::Start(_)));
    let mut history = rewound.history.concat();
    turn(&mut history, rewound.messages, child_and_parallel);
    let answer = Message::ChildDone {
        execution: OLD,
        task: 0,
        result: Ok(Payload::from("5")),
    };
    let messages = vec![answer, done(NEW, 1, Ok("0")), done(OLD, 1, Err("late"))];
    let ended = turn(&mut history, messages, child_and_parallel);
    assert_eq!(
        ended.after,
        After::Ended(Outcome::Completed(Payload::from("5")))
    );
}

fn side_by_side(replay: &mut Replay) -> Option<Result<Payload, Failure>> {
    let mut tasks = Vec::new();
    for name in ["a", "b", "c"] {
        tasks.push(replay.call_activity(name, Payload::null(), None).ok()?);
    }
    for task in tasks {
        if let Err(failure) = wait(replay, task)? {
            return Some(Err(failure));
        }
    }
    Some(Ok(Payload::null()))
}

#[test]
fn of_what_came_too_late_failures_are_dropped_and_results_are_not_asked_for_again() {
    let mut history = Vec::new();
    turn(&mut history, vec![start()], side_by_side);
    turn(&mut history, vec![done(OLD, 0, Err("no"))], side_by_side);
    let terminate = Message::Terminate {
        reason: String::new(),
        recursive: false,
    };
    let late = vec![done(OLD, 1, Err("no")), done(OLD, 2, Ok("2")), terminate];
    let rewound = rewind(&instance(), history, late, NEW, String::new()).unwrap();
    let again: Vec<_> = rewound.tasks.iter().map(|task| task.id).collect();
    assert_eq!(again, [0, 1]);
    let mut history = rewound.history.concat();
    let waits = turn(&mut history, rewound.messages, side_by_side);
    assert_eq!(waits.after, After::Waiting);
    let messages = vec![done(NEW, 0, Ok("0")), done(NEW, 1, Ok("1"))];
    let ended = turn(&mut history, messages, side_by_side);
    let completed = Outcome::Completed(Payload::null());
    assert_eq!(ended.after, After::Ended(completed));
}

fn locks_and_fails(replay: &mut Replay) -> Option<Result<Payload, Failure>> {
    let entity = weft_id::EntityId::new("counter", "a").unwrap();
    let lock = replay.lock_entities(vec![entity]).ok()?;
    wait(replay, lock)?.ok()?;
    Some(Err(Failure::permanent("boom", "in the section")))
}

#[test]
fn a_failure_in_a_critical_section_is_not_rewound() {
    let mut history = Vec::new();
    turn(&mut history, vec![start()], locks_and_fails);
    let granted = Message::LockGranted {
        execution: OLD,
        task: 0,
        set: Vec::new(),
    };
    let ended = turn(&mut history, vec![granted], locks_and_fails);
    assert_eq!(ended.messages.len(), 1, "the lock is released");
    let refused = rewind(&instance(), history, Vec::new(), NEW, String::new());
    assert_eq!(refused.unwrap_err(), RewindError::CriticalSection);
}
