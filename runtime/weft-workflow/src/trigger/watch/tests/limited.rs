//! Triggers of which only so many runs may be open at a time.

use super::*;

fn limited(extra: serde_json::Value) -> serde_json::Value {
    let mut trigger = every(10);
    trigger
        .as_object_mut()
        .unwrap()
        .extend(extra.as_object().unwrap().clone());
    trigger
}

#[test]
fn runs_at_one_time_are_limited_and_the_others_wait() {
    let mut world = World::new(limited(json!({"runtimeConfiguration":
        {"concurrency": {"runs": 2, "maximumWaitingRuns": 1}}})));
    world.until(45_000, || Crash::None);
    assert_eq!(world.fired_at(), [0, 10_000]);
    let first = world.runs[0].1.clone();
    world.end_run(&first);
    world.until(46_000, || Crash::None);
    assert_eq!(world.fired_at(), [0, 10_000, 45_000]);
    assert_eq!(
        world.entries()[3..],
        ["Skipped MaximumWaitingRunsExceeded 0"; 2]
    );
}

#[test]
fn runs_are_counted_over_a_cut_of_the_history() {
    let mut world = World::new(limited(json!({"operationOptions": "SingleInstance"})));
    world.until(1_500_000, || Crash::None);
    assert_eq!(world.fired_at(), [0]);
    assert!(world.executions > 1);
    let first = world.runs[0].1.clone();
    world.end_run(&first);
    world.until(1_520_000, || Crash::None);
    assert_eq!(world.runs.len(), 2, "it fires again when the run has ended");
}

#[test]
fn a_run_in_memory_counts_also_while_its_start_is_tried_again() {
    let mut world = World::new(json!({"type": "HttpWebhook", "inputs": {},
        "runtimeConfiguration": {"concurrency": {"runs": 2}}}));
    let mut state = WatchState::new("flow", "when", 1, "http://host");
    state.stateless = true;
    let execution = ExecutionId::from_u128(7);
    let start = Start::new(execution, WATCH.to_owned(), Payload::from(state.to_text()));
    world.inbox = [Message::Start(start)].into();
    world.until(100, || Crash::None);
    world.starts_fail = 1;
    for n in 0..4 {
        world.tell(json!({ "body": n }));
    }
    world.until(60_000, || Crash::None);
    let bodies = world
        .runs
        .iter()
        .map(|(_, _, t)| t.pointer("/outputs/body").cloned());
    assert_eq!(
        bodies.collect::<Vec<_>>(),
        [Some(Value::Int(1)), Some(Value::Int(0))]
    );
    let first = world.runs[0].1.clone();
    world.end_run(&first);
    world.until(70_000, || Crash::None);
    assert_eq!(world.runs.len(), 3);
}

#[test]
fn a_poll_for_which_there_is_no_room_is_told_of_once() {
    let mut polled = poll();
    polled["splitOn"] = json!(null);
    polled["runtimeConfiguration"] = json!({"concurrency": {"runs": 1}});
    let mut world = World::new(polled).answering(|_| json!({"statusCode": 200}));
    world.until(40_000, || Crash::None);
    assert_eq!(world.called.len(), 1);
    let expected = ["Succeeded OK 1", "Skipped MaximumConcurrentRunsReached 0"];
    assert_eq!(world.entries(), expected);
    let first = world.runs[0].1.clone();
    world.end_run(&first);
    world.until(45_000, || Crash::None);
    assert_eq!(world.entries().last().unwrap(), "Succeeded OK 1");
    let state = world.live.as_ref().unwrap().state();
    let held_up = state.entries[1]
        .end_time
        .millis_since(state.entries[1].start_time);
    assert!((9_000..=11_000).contains(&held_up), "{held_up}");
}

#[test]
fn whoever_names_a_firing_is_told_what_has_come_of_it() {
    let mut world = World::new(json!({"type": "HttpWebhook", "inputs": {},
        "runtimeConfiguration": {"concurrency": {"runs": 1, "maximumWaitingRuns": 1}}}));
    world.until(100, || Crash::None);
    for n in 0..250 {
        world.tell_all(&Told {
            name: (n != 7).then(|| format!("n{n}")),
            ..Told::of(Value::Null)
        });
        world.until(100, || Crash::None);
    }
    let found = std::mem::take(&mut world.decided);
    // All of them, although the history keeps a hundred.
    let names: Vec<_> = found.iter().map(|entry| entry.name.clone()).collect();
    let expected = (0..250).filter(|n| *n != 7).map(|n| format!("n{n}"));
    assert_eq!(names, expected.collect::<Vec<_>>());
    let fired: Vec<_> = found.iter().filter(|entry| entry.fired).collect();
    assert_eq!(fired.len(), 2);
    assert_eq!(found[100].code, TOO_MANY_RUNS);
}
