//! History in, decisions out.

use weft_id::{ExecutionId, InstanceId};

use super::{Error, Next, Replay, TaskHandle};
use crate::{
    After, Event, EventKind, Failure, Limits, Message, Outcome, Payload, RetryPolicy, Start,
    Timestamp, Turn, failure_kind,
};

const EXECUTION: ExecutionId = ExecutionId::from_u128(0xe);

fn instance() -> InstanceId {
    "i".parse().unwrap()
}

fn start() -> Message {
    Message::Start(Start::new(EXECUTION, "o", Payload::from("1")))
}

fn done(task: u32, output: &str) -> Message {
    Message::TaskDone {
        execution: EXECUTION,
        task,
        result: Ok(Payload::from(output)),
    }
}

fn failed(task: u32, failure: Failure) -> Message {
    Message::TaskDone {
        execution: EXECUTION,
        task,
        result: Err(failure),
    }
}

fn fired(timer: u32) -> Message {
    Message::TimerFired {
        execution: EXECUTION,
        timer,
    }
}

fn raised(name: &str, payload: &str) -> Message {
    Message::Event {
        name: name.to_owned(),
        payload: Payload::from(payload),
    }
}

/// Keeps the history of one execution as a store would.
struct Recorder {
    history: Vec<Event>,
    now: u64,
}

impl Recorder {
    fn new() -> Self {
        Self {
            history: Vec::new(),
            now: 0,
        }
    }

    fn replay(&self) -> Replay {
        Replay::new(instance(), self.history.clone(), Limits::default())
    }

    /// Runs a turn of `code` from the recorded history and records what it adds.
    fn turn(
        &mut self,
        messages: Vec<Message>,
        code: impl FnOnce(&mut Replay) -> Result<(), Error>,
    ) -> Turn {
        let mut replay = self.replay();
        self.now += 1_000;
        if replay.deliver(messages, Timestamp::from_millis(self.now)) == Next::Run {
            replay.begin();
            // Errors stay in the replay and come out with the turn.
            let _ = code(&mut replay);
        }
        let turn = replay.take_turn();
        self.history.extend(turn.events.clone());
        turn
    }
}

fn activity(replay: &mut Replay, name: &str) -> Result<TaskHandle, Error> {
    replay.call_activity(name, Payload::from("0"), None)
}

fn kinds(turn: &Turn) -> Vec<&'static str> {
    turn.events
        .iter()
        .map(|event| match &event.kind {
            EventKind::OrchestratorStarted => "turn",
            EventKind::ExecutionStarted(_) => "start",
            EventKind::TaskScheduled { .. } => "task",
            EventKind::TaskCompleted { .. } => "task-done",
            EventKind::TaskFailed { .. } => "task-failed",
            EventKind::TimerCreated { .. } => "timer",
            EventKind::TimerFired { .. } => "fired",
            EventKind::EventRaised { .. } => "event",
            EventKind::ExecutionSuspended { .. } => "suspended",
            EventKind::ExecutionResumed { .. } => "resumed",
            EventKind::ExecutionCompleted { .. } => "end",
            EventKind::ContinuedAsNew { .. } => "again",
            _ => "other",
        })
        .collect()
}

fn failure_of(turn: &Turn) -> &Failure {
    match &turn.after {
        After::Ended(Outcome::Failed(failure)) => failure,
        other => panic!("expected a failure, got {other:?}"),
    }
}

#[test]
fn a_turn_is_what_was_received_and_then_what_was_decided() {
    let mut recorder = Recorder::new();
    let first = recorder.turn(vec![start()], |r| {
        let a = activity(r, "a")?;
        assert_eq!(r.wait_any(&[a])?, None);
        Ok(())
    });
    assert_eq!(kinds(&first), ["turn", "start", "task"]);
    assert_eq!(first.tasks.len(), 1);
    assert_eq!(first.after, After::Waiting);
    let second = recorder.turn(vec![done(0, "7")], |r| {
        let a = activity(r, "a")?;
        assert!(r.is_replaying());
        assert_eq!(r.wait_any(&[a])?, Some(0));
        assert!(!r.is_replaying());
        assert_eq!(r.now(), Timestamp::from_millis(2_000));
        let output = r.result(a)?.unwrap();
        r.finish(output);
        Ok(())
    });
    assert_eq!(kinds(&second), ["turn", "task-done", "end"]);
    assert!(
        second.tasks.is_empty(),
        "replayed decisions are not made again"
    );
    assert_eq!(
        second.after,
        After::Ended(Outcome::Completed(Payload::from("7")))
    );
}

#[test]
fn completions_become_visible_one_at_a_time() {
    let code = |r: &mut Replay| {
        let (a, b) = (activity(r, "a")?, activity(r, "b")?);
        if r.wait_any(&[a])?.is_some() {
            assert!(!r.is_ready(b)?, "b came later, and nobody has waited since");
            activity(r, "c")?;
            assert_eq!(r.wait_any(&[a, b])?, Some(0), "the one done first");
            assert_eq!(r.wait_any(&[b])?, Some(0));
        }
        Ok(())
    };
    let mut recorder = Recorder::new();
    recorder.turn(vec![start()], code);
    let live = recorder.turn(vec![done(0, "1"), done(1, "2")], code);
    assert_eq!(kinds(&live), ["turn", "task-done", "task-done", "task"]);
    // The same code over the recorded history decides nothing new.
    let again = recorder.turn(vec![raised("x", "1")], code);
    assert_eq!(kinds(&again), ["turn", "event"]);
}

#[test]
fn divergence_names_what_history_has_and_what_the_code_asks_for() {
    let mut recorder = Recorder::new();
    recorder.turn(vec![start()], |r| activity(r, "a").map(|_| ()));
    let check = |code: fn(&mut Replay) -> Result<(), Error>, expected: &str| {
        let mut replay = recorder.replay();
        replay.deliver(vec![done(0, "1")], Timestamp::from_millis(5));
        replay.begin();
        let _ = code(&mut replay);
        let turn = replay.take_turn();
        let failure = failure_of(&turn);
        assert_eq!(failure.kind, failure_kind::NON_DETERMINISM);
        assert_eq!(failure.message, expected);
    };
    check(
        |r| activity(r, "b").map(|_| ()),
        "the code does not follow its history: event 3 has activity \"a\" as number 0, \
         the code asks for activity \"b\" as number 0",
    );
    check(
        |r| {
            let event = r.wait_for_event("x")?;
            r.wait_any(&[event]).map(|_| ())
        },
        "the code does not follow its history: event 3 has activity \"a\" as number 0, \
         the code asks for a wait",
    );
    check(
        |r| {
            r.finish(Ok(Payload::null()));
            Ok(())
        },
        "the code does not follow its history: event 3 has activity \"a\" as number 0, \
         the code asks for completion",
    );
    check(
        |r| {
            activity(r, "a")?;
            activity(r, "more").map(|_| ())
        },
        "the code does not follow its history: event 4 has the end of a turn, \
         the code asks for activity \"more\" as number 1",
    );
}

#[test]
fn retries_are_durable_timers_and_keep_the_number_of_the_call() {
    let policy = RetryPolicy {
        max_attempts: 2,
        first_interval_ms: 500,
        coefficient: 1.0,
        max_interval_ms: None,
        total_timeout_ms: None,
        non_retryable_kinds: Vec::new(),
    };
    let code = |r: &mut Replay| {
        let a = r.call_activity("a", Payload::from("0"), Some(policy.clone()))?;
        if r.wait_any(&[a])?.is_some() {
            let result = r.result(a)?.unwrap();
            r.finish(result);
        }
        Ok(())
    };
    let busy = || Failure::transient("busy", "later");
    let mut recorder = Recorder::new();
    recorder.turn(vec![start()], code);
    let waits = recorder.turn(vec![failed(0, busy())], code);
    assert_eq!(kinds(&waits), ["turn", "task-failed", "timer"]);
    assert_eq!(waits.timers[0].fire_at, Timestamp::from_millis(2_500));
    let again = recorder.turn(vec![fired(1)], code);
    assert_eq!(kinds(&again), ["turn", "fired", "task"]);
    let attempt = &again.tasks[0];
    assert_eq!((attempt.id, attempt.attempt, attempt.call), (2, 2, 0));
    let last = recorder.turn(vec![failed(2, busy())], code);
    assert_eq!(failure_of(&last).kind, "busy");
}

#[test]
fn events_are_kept_until_awaited_first_come_first_served() {
    let code = |r: &mut Replay| {
        let timer = r.create_timer(10)?;
        if r.wait_any(&[timer])?.is_some() {
            let (first, second) = (r.wait_for_event("GO")?, r.wait_for_event("go")?);
            assert_eq!(r.result(first)?, Some(Ok(Payload::from("1"))));
            assert_eq!(r.result(second)?, Some(Ok(Payload::from("2"))));
            r.finish(Ok(Payload::null()));
        }
        Ok(())
    };
    let mut recorder = Recorder::new();
    recorder.turn(vec![start(), raised("go", "1"), raised("Go", "2")], code);
    let ended = recorder.turn(vec![fired(0)], code);
    assert_eq!(
        ended.after,
        After::Ended(Outcome::Completed(Payload::null()))
    );
}

#[test]
fn continue_as_new_carries_events_and_takes_a_new_execution() {
    let mut recorder = Recorder::new();
    let messages = vec![start(), raised("kept", "1")];
    let turn = recorder.turn(messages, |r| {
        r.continue_as_new(Payload::from("2"), true)?;
        r.finish(Ok(Payload::null()));
        Ok(())
    });
    let After::ContinuedAsNew { start, carried } = &turn.after else {
        panic!("expected to continue, got {:?}", turn.after);
    };
    assert_ne!(start.execution, EXECUTION);
    assert_eq!(start.input, Payload::from("2"));
    assert_eq!(carried, &[raised("kept", "1")]);
    assert_eq!(kinds(&turn), ["turn", "start", "event", "again"]);
}

#[test]
fn a_suspension_outlives_the_execution_that_it_reached() {
    let mut recorder = Recorder::new();
    let suspend = Message::Suspend {
        reason: "wait".to_owned(),
    };
    let messages = vec![start(), raised("kept", "1"), suspend.clone()];
    let turn = recorder.turn(messages, |r| {
        r.continue_as_new(Payload::from("2"), true)?;
        r.finish(Ok(Payload::null()));
        Ok(())
    });
    let After::ContinuedAsNew { carried, .. } = &turn.after else {
        panic!("expected to continue, got {:?}", turn.after);
    };
    assert_eq!(carried, &[suspend, raised("kept", "1")]);
}

#[test]
fn a_second_suspension_or_resumption_leaves_no_trace() {
    let code = |r: &mut Replay| {
        let timer = r.create_timer(10)?;
        r.wait_any(&[timer]).map(|_| ())
    };
    let reason = String::new();
    let suspend = Message::Suspend {
        reason: reason.clone(),
    };
    let resume = Message::Resume { reason };
    let mut recorder = Recorder::new();
    recorder.turn(vec![start(), resume.clone()], code);
    let turn = recorder.turn(vec![suspend.clone(), suspend], code);
    assert_eq!(turn.after, After::Suspended);
    assert_eq!(kinds(&turn), ["turn", "suspended"]);
    let turn = recorder.turn(vec![resume.clone(), resume], code);
    assert_eq!(kinds(&turn), ["turn", "resumed"]);
    assert_eq!(turn.after, After::Waiting);
}

#[test]
fn code_that_waits_after_asking_to_continue_has_not_ended() {
    let mut recorder = Recorder::new();
    let turn = recorder.turn(vec![start()], |r| {
        r.continue_as_new(Payload::from("2"), true)?;
        let timer = r.create_timer(10)?;
        r.wait_any(&[timer]).map(|_| ())
    });
    assert_eq!(turn.after, After::Waiting);
}

#[test]
fn strangers_and_second_answers_are_dropped_on_arrival() {
    let code = |r: &mut Replay| {
        let a = activity(r, "a")?;
        r.wait_any(&[a]).map(|_| ())
    };
    let mut recorder = Recorder::new();
    recorder.turn(vec![start()], code);
    let foreign = Message::TaskDone {
        execution: ExecutionId::from_u128(1),
        task: 0,
        result: Ok(Payload::null()),
    };
    let turn = recorder.turn(
        vec![foreign, done(9, "0"), done(0, "1"), done(0, "2"), start()],
        code,
    );
    assert_eq!(kinds(&turn), ["turn", "task-done"]);
}

#[test]
fn terminating_ends_the_instance_its_children_and_the_wait_of_its_parent() {
    let mut recorder = Recorder::new();
    recorder.turn(vec![start()], |r| {
        r.call_sub_orchestration("child", Payload::null(), None, None)?;
        Ok(())
    });
    let turn = recorder.turn(
        vec![Message::Terminate {
            reason: "enough".to_owned(),
            recursive: true,
        }],
        |_| panic!("terminated code does not run"),
    );
    let reason = "enough".to_owned();
    assert_eq!(turn.after, After::Ended(Outcome::Terminated { reason }));
    assert_eq!(turn.messages.len(), 1);
    assert_eq!(turn.messages[0].to.as_str(), "i:0000");
}

#[test]
fn a_canceled_timer_is_taken_back_or_removed() {
    let mut recorder = Recorder::new();
    let same_turn = recorder.turn(vec![start()], |r| {
        let timer = r.create_timer(10)?;
        r.cancel(timer);
        r.create_timer(20)?;
        Ok(())
    });
    assert_eq!(same_turn.timers.len(), 1, "the canceled one is never set");
    let later = recorder.turn(vec![raised("stop", "1")], |r| {
        let canceled = r.create_timer(10)?;
        r.cancel(canceled);
        let timer = r.create_timer(20)?;
        let stop = r.wait_for_event("stop")?;
        r.wait_any(&[stop, timer])?;
        r.cancel(timer);
        Ok(())
    });
    assert_eq!(later.canceled_timers, [1]);
}

#[test]
fn limits_and_misuse_fail_with_a_name() {
    let check = |code: fn(&mut Replay) -> Result<(), Error>, kind: &str, text: &str| {
        let turn = Recorder::new().turn(vec![start()], code);
        let failure = failure_of(&turn);
        assert_eq!(failure.kind, kind);
        assert!(failure.message.contains(text), "{}", failure.message);
    };
    check(
        |r| r.set_custom_status(Payload::from("x".repeat(16 * 1024 + 1))),
        failure_kind::LIMIT,
        "the custom status's length in bytes is limited to 16384",
    );
    check(
        |r| {
            let target: InstanceId = "other".parse().expect("a valid id");
            (0..=100_000).try_for_each(|_| r.send_event(target.clone(), "e", Payload::null()))
        },
        failure_kind::LIMIT,
        "the number of decisions of one turn is limited to 100000",
    );
    check(
        |r| {
            let target: InstanceId = "other".parse().expect("a valid id");
            let long = Payload::from("x".repeat(50 << 20));
            (0..3).try_for_each(|_| r.send_event(target.clone(), "e", long.clone()))
        },
        failure_kind::LIMIT,
        "the bytes that one turn hands over is limited to 134217728",
    );
    check(
        |r| r.wait_any(&[]).map(|_| ()),
        failure_kind::MISUSE,
        "waits for nothing",
    );
    check(
        |r| r.wait_any(&[TaskHandle(3)]).map(|_| ()),
        failure_kind::MISUSE,
        "there is no task 3",
    );
    check(
        |r| activity(r, "").map(|_| ()),
        failure_kind::MISUSE,
        "a name may not be empty",
    );
}

#[test]
fn guids_and_seeds_are_the_same_again() {
    let guids = || {
        let mut replay = Recorder::new().replay();
        replay.deliver(vec![start()], Timestamp::default());
        replay.begin();
        (replay.new_guid(), replay.new_guid(), replay.seed())
    };
    assert_eq!(guids(), guids());
    let (first, second, _) = guids();
    assert_ne!(first, second);
}

#[test]
fn code_starts_nothing_that_is_the_nodes_own() {
    let mut recorder = Recorder::new();
    let turn = recorder.turn(vec![start()], |r| {
        r.call_sub_orchestration("workflow/trigger", Payload::null(), None, None)?;
        Ok(())
    });
    assert!(turn.messages.is_empty());
    let After::Ended(Outcome::Failed(failure)) = turn.after else {
        panic!("it goes on: {:?}", turn.after);
    };
    assert_eq!(failure.kind, crate::failure_kind::MISUSE);
}
