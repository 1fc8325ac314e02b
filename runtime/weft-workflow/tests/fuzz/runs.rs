//! Definitions nobody would write, run: triggers and runs come to an end or to an error of their own.

use std::collections::BTreeMap;
use std::sync::Arc;

use proptest::prelude::*;
use weft_id::ExecutionId;
use weft_orchestration::{
    After, Event, Failure, Limits, Message, Outcome, Payload, Replay, Start, Timestamp,
};
use weft_workflow::definition::{Options, load};
use weft_workflow::program::Program;
use weft_workflow::run::{Callee, Run, RunStart, Settings};
use weft_workflow::trigger::{
    CallbackUrl, Fired, Firing, Recurrence, Watch, WatchState, fingerprint, is_watched,
};
use weft_workflow::value::Value;

use super::{DEFINITIONS, cases, json, mutate, mutation};

const EXECUTION: ExecutionId = ExecutionId::from_u128(7);
/// 2026-03-29, when some clocks change.
const NOW: Timestamp = Timestamp::from_millis(1_774_746_000_000);
/// Turns that one run gets here.
const TURNS_MAX: usize = 60;

fn settings() -> Arc<Settings> {
    let callees = [("other".to_owned(), Callee::Workflow { responds: true })];
    Arc::new(Settings {
        workflow: "flow".into(),
        callees: callees.into(),
        ..Settings::default()
    })
}

fn replay(history: &[Event]) -> Replay {
    let instance = "run".parse().unwrap();
    Replay::new(instance, history.to_vec(), Limits::default())
}

/// Answers of services that keep to nothing.
fn answers() -> impl Strategy<Value = Vec<Result<Payload, Failure>>> {
    let answer = prop_oneof![
        json().prop_map(|value| Ok(Payload::from(value.to_string()))),
        (100_u16..600, json()).prop_map(|(status, body)| {
            let headers = serde_json::json!({ "Location": "/next", "Retry-After": body });
            let answer =
                serde_json::json!({ "statusCode": status, "headers": headers, "body": body });
            Ok(Payload::from(answer.to_string()))
        }),
        "[ -~]{0,20}".prop_map(|text| Ok(Payload::from(text))),
        any::<bool>().prop_map(|retryable| Err(Failure {
            retryable,
            ..Failure::permanent("Refused", "no")
        })),
    ];
    prop::collection::vec(answer, 1..6)
}

/// Feeds whatever is asked for back into what asks, as far as it goes; the history.
fn drive(
    input: Payload,
    answers: &[Result<Payload, Failure>],
    mut turn: impl FnMut(Vec<Message>, Timestamp) -> weft_orchestration::Turn,
) -> Vec<Event> {
    let start = Message::Start(Start::new(EXECUTION, "flow", input));
    let mut due = BTreeMap::from([((NOW.as_millis(), 0), start)]);
    let mut history = Vec::new();
    for number in 0..TURNS_MAX {
        let Some(((at, _), message)) = due.pop_first() else {
            break;
        };
        let turn = turn(vec![message], Timestamp::from_millis(at));
        history.extend(turn.events);
        for timer in turn.timers {
            let fired = Message::TimerFired {
                execution: EXECUTION,
                timer: timer.id,
            };
            due.insert((timer.fire_at.as_millis().max(at), due.len()), fired);
        }
        for task in turn.tasks {
            let answer = &answers[number % answers.len()];
            let done = Message::TaskDone {
                execution: EXECUTION,
                task: task.id,
                result: answer.clone(),
            };
            due.insert((at, usize::try_from(task.id).unwrap() + 1_000), done);
        }
        match turn.after {
            After::Ended(Outcome::Failed(failure)) => {
                let ours = ["non-determinism", "InternalError"];
                assert!(!ours.contains(&failure.kind.as_str()), "{failure:?}");
                break;
            }
            After::Waiting | After::Suspended => {}
            After::Ended(_) | After::ContinuedAsNew { .. } | After::Entity(_) => break,
        }
    }
    history
}

const URL: CallbackUrl<'_> = CallbackUrl {
    base: "http://node",
    access_key: "",
};

proptest! {
    #![proptest_config(ProptestConfig { cases: cases() / 2, ..ProptestConfig::default() })]

    #[test]
    fn mutated_definitions_run_as_their_history_shows(
        which in any::<usize>(),
        mutations in prop::collection::vec(mutation(), 0..4),
        answers in answers(),
        body in json(),
    ) {
        let mut document = DEFINITIONS[which % DEFINITIONS.len()].clone();
        for (at, mutation) in mutations {
            mutate(&mut document, at, mutation);
        }
        let Ok(loaded) = load(&Value::from(document), &Options::default()) else {
            return Ok(());
        };
        for workflow in loaded.workflows {
            let Ok(program) = Program::compile(&workflow.definition) else {
                continue;
            };
            let (program, settings) = (Arc::new(program), settings());
            let outputs = serde_json::json!({ "outputs": { "body": body, "headers": {} } });
            let start = RunStart {
                trigger: Value::from(outputs),
                awaited: true,
                ..RunStart::default()
            };
            let made = || Run::new(Arc::clone(&program), Arc::clone(&settings), replay(&[]));
            let mut run = made();
            let input = Payload::from(start.to_value().to_string());
            let history = drive(input, &answers, |messages, now| run.turn(messages, now));
            let id = "run".parse().unwrap();
            let (same, of) = (Arc::clone(&program), Arc::clone(&settings));
            let again = Run::over(same, of, id, history, Limits::default());
            let ended = |view: weft_workflow::run::RunView| {
                let actions = view.actions.into_iter();
                actions.map(|a| (a.name, a.status, a.outputs)).collect::<Vec<_>>()
            };
            prop_assert_eq!(ended(again.view(None)), ended(run.view(None)));
            for name in program.action_names() {
                prop_assert_eq!(again.repetitions(name, false), run.repetitions(name, false));
            }
        }
    }

    #[test]
    fn mutated_triggers_fire_or_say_why(
        which in any::<usize>(),
        mutations in prop::collection::vec(mutation(), 0..4),
        answers in answers(),
        body in json(),
    ) {
        let mut document = DEFINITIONS[which % DEFINITIONS.len()].clone();
        for (at, mutation) in mutations {
            mutate(&mut document, at, mutation);
        }
        let Ok(loaded) = load(&Value::from(document), &Options::default()) else {
            return Ok(());
        };
        for workflow in loaded.workflows {
            let Ok(program) = Program::compile(&workflow.definition) else {
                continue;
            };
            let (program, settings) = (Arc::new(program), settings());
            for trigger in program.triggers() {
                let fired = Fired {
                    inputs: None,
                    outputs: Value::from(serde_json::json!({ "body": body })),
                    client_tracking_id: None,
                    base_url: "http://node".into(),
                    scheduled: None,
                    now: jiff::Timestamp::UNIX_EPOCH,
                    seed: 1,
                };
                if let Ok(firing) = Firing::of(trigger) {
                    let fate = firing.fire(&program, &settings, &fired);
                    prop_assert_eq!(&fate, &firing.fire(&program, &settings, &fired));
                }
                let marked = fingerprint(&program, &settings, &trigger.name, &URL);
                prop_assert_eq!(marked.is_some(), is_watched(trigger));
                let state = WatchState::new("flow", &trigger.name, 1, "http://node");
                let (same, of) = (Arc::clone(&program), Arc::clone(&settings));
                let mut watch = Watch::new(same, of, replay(&[]));
                let input = Payload::from(state.to_text());
                drive(input, &answers, |messages, now| watch.turn(messages, now));
            }
        }
    }

    #[test]
    fn a_recurrence_goes_forward(
        unit in prop_oneof![Just("Second"), Just("Minute"), Just("Hour"), Just("Day"), Just("Week"),
            Just("Month"), Just("Year"), Just("Fortnight")],
        interval in prop_oneof![1_i64..20, any::<i64>()],
        start in prop::option::of("20[0-9]{2}-[01][0-9]-[0-3][0-9]T[0-2][0-9]:00:00Z?"),
        zone in prop::option::of(prop_oneof![Just("W. Europe Standard Time"), Just("UTC"), Just("X")]),
        schedule in prop::option::of(json()),
        hours in prop::option::of(prop::collection::vec(-1_i64..25, 0..4)),
        days in prop::option::of(prop::collection::vec("(Mon|Tues|Sun)day", 0..3)),
    ) {
        let schedule = schedule.unwrap_or_else(|| serde_json::json!({ "hours": hours, "weekDays": days }));
        let recurrence = serde_json::json!({ "frequency": unit, "interval": interval,
            "startTime": start, "timeZone": zone, "schedule": schedule });
        if let Ok(recurrence) = Recurrence::read(&Value::from(recurrence)) {
            let now: jiff::Timestamp = "2026-03-29T00:30:00Z".parse().unwrap();
            let anchor = recurrence.anchor(now);
            let mut at = now;
            for _ in 0..20 {
                match recurrence.after(anchor, at) {
                    Some(next) => {
                        prop_assert!(next > at);
                        at = next;
                    }
                    None => break,
                }
            }
        }
    }
}
