//! Orchestrators: parking, replay, determinism, and what they may not do.

use std::time::{Duration, Instant};

use weft_id::ExecutionId;
use weft_orchestration::{
    After, Event, EventKind, Limits, Message, Outcome, Payload, Replay, Start, Timestamp, Turn,
};
use weft_sandbox::Execution;

use crate::fixture::Fixture;

const EXECUTION: ExecutionId = ExecutionId::from_u128(42);

fn start(name: &str, input: &str) -> Message {
    Message::Start(Start::new(EXECUTION, name, Payload::from(input)))
}

fn done(task: u32, output: &str) -> Message {
    Message::TaskDone {
        execution: EXECUTION,
        task,
        result: Ok(Payload::from(output)),
    }
}

fn at(ms: u64) -> Timestamp {
    Timestamp::from_millis(1_700_000_000_000 + ms)
}

async fn open(fixture: &Fixture, name: &str, history: Vec<Event>) -> Execution {
    let call = fixture.call("guest_orchestrator", name);
    let replay = Replay::new("i".parse().unwrap(), history, Limits::default());
    fixture.sandbox.open(call, replay).await.unwrap()
}

fn outcome(turn: &Turn) -> &Outcome {
    match &turn.after {
        After::Ended(outcome) => outcome,
        other => panic!("not ended: {other:?}"),
    }
}

fn failure(turn: &Turn) -> (String, String) {
    match outcome(turn) {
        Outcome::Failed(failure) => (failure.kind.clone(), failure.message.clone()),
        other => panic!("not failed: {other:?}"),
    }
}

#[tokio::test]
async fn parks_between_turns_and_resumes_where_it_was() {
    let fixture = Fixture::new();
    let mut execution = open(&fixture, "sequence", Vec::new()).await;
    let mut turn = execution
        .turn(vec![start("sequence", "20")], at(0))
        .await
        .unwrap();
    for step in 0..20_u32 {
        assert_eq!(turn.after, After::Waiting);
        assert_eq!(turn.tasks.len(), 1);
        assert_eq!(turn.tasks[0].input.text().unwrap(), step.to_string());
        assert_eq!(fixture.sandbox.live_instances(), 1);
        let message = done(turn.tasks[0].id, &(step + 1).to_string());
        turn = execution
            .turn(vec![message], at(u64::from(step) + 1))
            .await
            .unwrap();
    }
    assert_eq!(outcome(&turn), &Outcome::Completed(Payload::from("20")));
    assert!(execution.ended());
    assert_eq!(fixture.sandbox.live_instances(), 0);
}

#[tokio::test]
async fn an_evicted_execution_goes_on_from_its_history() {
    let fixture = Fixture::new();
    let mut history = Vec::new();
    let mut next = start("sequence", "5");
    for step in 0..6_u64 {
        // A new instance for every turn.
        let mut execution = open(&fixture, "sequence", history.clone()).await;
        let turn = execution.turn(vec![next], at(step)).await.unwrap();
        history.extend(turn.events.clone());
        if step == 5 {
            assert_eq!(outcome(&turn), &Outcome::Completed(Payload::from("5")));
            return;
        }
        assert_eq!(turn.tasks.len(), 1, "{turn:?}");
        next = done(turn.tasks[0].id, &(step + 1).to_string());
    }
}

#[tokio::test]
async fn wait_any_takes_what_comes_first() {
    let fixture = Fixture::new();
    let mut execution = open(&fixture, "race", Vec::new()).await;
    let turn = execution
        .turn(vec![start("race", "null")], at(0))
        .await
        .unwrap();
    let timer = turn.timers[0].id;
    let fired = Message::TimerFired {
        execution: EXECUTION,
        timer,
    };
    let turn = execution.turn(vec![fired], at(1000)).await.unwrap();
    assert_eq!(outcome(&turn), &Outcome::Completed(Payload::from("1")));
}

#[tokio::test]
async fn two_runs_see_the_same_world() {
    let fixture = Fixture::new();
    let mut seen = Vec::new();
    for _ in 0..2 {
        let mut execution = open(&fixture, "world", Vec::new()).await;
        seen.push(
            execution
                .turn(vec![start("world", "null")], at(0))
                .await
                .unwrap(),
        );
    }
    assert_eq!(seen[0], seen[1]);
    let text = match outcome(&seen[0]) {
        Outcome::Completed(output) => output.text().unwrap().to_owned(),
        other => panic!("{other:?}"),
    };
    for expected in [
        "wall Ok(1700000000000)",
        "monotonic 1700000000000000000",
        "now 1700000000000",
        "client Err(Error::Invalid(",
        "keyvalue Err(Error::Other(",
        "objects Err(\"wasi:blobstore is not for orchestrators",
        "call an activity that makes the request",
        "socket true",
        "files true",
    ] {
        assert!(text.contains(expected), "{expected} is missing: {text}");
    }
}

#[tokio::test]
async fn code_that_left_its_history_is_told_where() {
    let fixture = Fixture::new();
    let mut execution = open(&fixture, "sequence", Vec::new()).await;
    let turn = execution
        .turn(vec![start("sequence", "3")], at(0))
        .await
        .unwrap();
    let mut history = turn.events;
    for event in &mut history {
        if let EventKind::TaskScheduled { name, .. } = &mut event.kind {
            *name = "renamed".to_owned();
        }
    }
    let mut execution = open(&fixture, "sequence", history).await;
    let turn = execution.turn(vec![done(0, "1")], at(1)).await.unwrap();
    let (kind, message) = failure(&turn);
    assert_eq!(kind, "non-determinism");
    assert!(
        message.contains("renamed") && message.contains("step"),
        "{message}"
    );
}

#[tokio::test]
async fn traps_misuse_and_endless_turns_fail_the_instance() {
    let fixture = Fixture::with(|config| config.guest.turn_max = Duration::from_millis(300));
    for (name, kind, text) in [
        ("panic", "trap", "lost the plot"),
        ("bad-task", "misuse", "there is no task 99"),
        ("loop", "timeout", "300 ms"),
        ("sleep", "timeout", "300 ms"),
        ("doze", "timeout", "300 ms"),
    ] {
        let mut execution = open(&fixture, name, Vec::new()).await;
        let turn = execution
            .turn(vec![start(name, "null")], at(0))
            .await
            .unwrap();
        let (found, message) = failure(&turn);
        assert_eq!(found, kind, "{name}: {message}");
        assert!(message.contains(text), "{name}: {message}");
        assert!(execution.ended());
    }
    assert_eq!(fixture.sandbox.live_instances(), 0);
}

#[tokio::test]
async fn a_host_that_stands_still_is_no_fault_of_the_guest() {
    let turn_max = Duration::from_millis(400);
    let fixture = Fixture::with(|config| config.guest.turn_max = turn_max);
    let mut execution = open(&fixture, "compute", Vec::new()).await;
    // On this runtime's one thread the guest can go on only when nobody else holds it.
    let in_the_way = tokio::spawn(async move {
        for _ in 0..3 {
            tokio::task::yield_now().await;
            std::thread::sleep(turn_max);
        }
    });
    let started = Instant::now();
    let turn = execution
        .turn(vec![start("compute", "null")], at(0))
        .await
        .unwrap();
    assert!(matches!(outcome(&turn), Outcome::Completed(_)), "{turn:?}");
    assert!(started.elapsed() > turn_max, "nothing was in the way");
    in_the_way.abort();
}

#[tokio::test]
async fn terminating_and_dropping_free_a_parked_guest() {
    let fixture = Fixture::new();
    let mut execution = open(&fixture, "sequence", Vec::new()).await;
    execution
        .turn(vec![start("sequence", "3")], at(0))
        .await
        .unwrap();
    let terminate = Message::Terminate {
        reason: "enough".to_owned(),
        recursive: false,
    };
    let turn = execution.turn(vec![terminate], at(1)).await.unwrap();
    assert!(matches!(outcome(&turn), Outcome::Terminated { .. }));
    assert_eq!(fixture.sandbox.live_instances(), 0);
    let mut dropped = open(&fixture, "sequence", Vec::new()).await;
    dropped
        .turn(vec![start("sequence", "3")], at(0))
        .await
        .unwrap();
    assert_eq!(fixture.sandbox.live_instances(), 1);
    drop(dropped);
    assert_eq!(fixture.sandbox.live_instances(), 0);
}

#[test]
fn an_execution_moves_between_threads() {
    fn send<T: Send>() {}
    send::<Execution>();
}
