//! Orchestrators written as users write them, run by the testing module.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use weft_sdk::testing::Orchestration;
use weft_sdk::{Call, Context, Either, Failure, RetryPolicy, join_all, kv, select};

const SECOND: Duration = Duration::from_secs(1);

#[weft_sdk::activity]
fn double(number: u32) -> Result<u32, Failure> {
    Ok(number * 2)
}

#[weft_sdk::orchestrator]
async fn sequence(ctx: Context, number: u32) -> Result<u32, Failure> {
    let once = ctx.call::<double>(&number).await?;
    ctx.set_custom_status(&"halfway");
    ctx.call::<double>(&once).await
}

#[test]
fn a_sequence_hands_results_on() {
    let report = Orchestration::new(sequence, 3)
        .real_activity::<double>()
        .run();
    assert_eq!(report.result, Ok(12));
    assert_eq!(report.names(), ["double", "double"]);
    assert_eq!(report.statuses, ["halfway"]);
    assert_eq!(report.calls[1].input, 6);
}

async fn fan_out(ctx: Context, count: u32) -> Result<u32, Failure> {
    let calls = (0..count).map(|number| ctx.activity::<u32>("double", &number));
    let results: Result<Vec<_>, _> = join_all(calls).await.into_iter().collect();
    Ok(results?.iter().sum())
}

#[test]
fn joined_calls_run_side_by_side() {
    // From 31 futures on, `join_all` polls only those that were woken.
    for count in [0, 1, 30, 31, 500] {
        let report = Orchestration::new(fan_out, count)
            .activity_taking("double", SECOND, |number: u32| Ok(number * 2))
            .run();
        assert_eq!(report.result, Ok((0..count).map(|n| n * 2).sum()));
        assert_eq!(
            report.elapsed,
            if count == 0 { Duration::ZERO } else { SECOND }
        );
    }
}

async fn approval(ctx: Context, (): ()) -> Result<String, Failure> {
    match select(ctx.event::<String>("Approval"), ctx.timer(60 * SECOND)).await {
        Either::Left((who, _)) => Ok(format!("approved by {}", who?)),
        Either::Right(((), _)) => Ok("too late".to_owned()),
    }
}

#[test]
fn an_event_wins_over_a_later_timer() {
    let report = Orchestration::new(approval, ())
        .event_after(59 * SECOND, "approval", "Ann")
        .run();
    assert_eq!(report.result.as_deref(), Ok("approved by Ann"));
    assert_eq!(report.elapsed, 59 * SECOND);
}

#[test]
fn a_timer_wins_over_a_later_event() {
    let report = Orchestration::new(approval, ())
        .event_after(61 * SECOND, "approval", "Ann")
        .run();
    assert_eq!(report.result.as_deref(), Ok("too late"));
    assert_eq!(report.elapsed, 60 * SECOND);
}

#[test]
fn an_event_may_come_before_it_is_waited_for() {
    let report = Orchestration::new(approval, ())
        .event("approval", "Ann")
        .run();
    assert_eq!(report.result.as_deref(), Ok("approved by Ann"));
    assert_eq!(report.elapsed, Duration::ZERO);
}

async fn deadline(ctx: Context, (): ()) -> Result<Option<u32>, Failure> {
    let answer = ctx.event::<u32>("answer").with_deadline(SECOND).await?;
    // The deadline was cancelled or has passed: only this timer holds the clock.
    ctx.timer(SECOND).await;
    Ok(answer)
}

#[test]
fn a_deadline_passes_or_is_cancelled() {
    let report = Orchestration::new(deadline, ()).event("answer", 42).run();
    assert_eq!((report.result, report.elapsed), (Ok(Some(42)), SECOND));
    let report = Orchestration::new(deadline, ()).run();
    assert_eq!((report.result, report.elapsed), (Ok(None), 2 * SECOND));
}

#[test]
fn an_event_of_another_type_is_a_failure() {
    let report = Orchestration::new(deadline, ())
        .event("answer", "soon")
        .run();
    assert_eq!(report.result.unwrap_err().kind, Failure::INVALID_OUTPUT);
}

async fn retried(ctx: Context, (): ()) -> Result<u32, Failure> {
    let policy = RetryPolicy::new(4, SECOND)
        .with_coefficient(2.0)
        .with_max_interval(3 * SECOND);
    ctx.activity("charge", &()).with_retry(policy).await
}

fn failing(times: u32, then: Result<u32, Failure>) -> impl FnMut(()) -> Result<u32, Failure> {
    let mut left = times;
    move |()| match left {
        0 => then.clone(),
        _ => {
            left -= 1;
            Err(Failure::transient("busy", "The bank is busy."))
        }
    }
}

#[test]
fn a_retry_waits_longer_each_time() {
    let report = Orchestration::new(retried, ())
        .activity("charge", failing(3, Ok(7)))
        .run();
    assert_eq!(report.result, Ok(7));
    let at: Vec<_> = report
        .calls
        .iter()
        .map(|call| (call.attempt, call.at.as_secs()))
        .collect();
    assert_eq!(at, [(1, 0), (2, 1), (3, 3), (4, 6)]);
}

#[test]
fn a_permanent_failure_ends_the_attempts() {
    let declined = Failure::permanent("declined", "No funds.").with_details(&"card");
    let script = failing(1, Err(declined.clone()));
    let report = Orchestration::new(retried, ())
        .activity("charge", script)
        .run();
    assert_eq!(report.result, Err(declined));
    assert_eq!(report.calls.len(), 2);
}

#[test]
fn attempts_run_out() {
    let report = Orchestration::new(retried, ())
        .activity("charge", failing(9, Ok(7)))
        .run();
    assert_eq!(report.result.unwrap_err().kind, "busy");
    assert_eq!(report.calls.len(), 4);
}

/// Sums up events and starts over after each.
async fn collect(ctx: Context, (left, sum): (u32, u32)) -> Result<u32, Failure> {
    if left == 0 {
        return Ok(sum);
    }
    let number: u32 = ctx.event("number").await?;
    ctx.continue_as_new(&(left - 1, sum + number))
}

#[test]
fn continuing_as_new_keeps_events() {
    let report = Orchestration::new(collect, (3, 0))
        .event("number", 1)
        .event("number", 10)
        .event_after(SECOND, "number", 100)
        .run();
    assert_eq!((report.result, report.restarts), (Ok(111), 3));
}

async fn parent(ctx: Context, (): ()) -> Result<String, Failure> {
    let id = ctx.instance_id();
    let child = ctx
        .sub_orchestration("child", &1)
        .with_instance_id(format!("{id}-child"))
        .start();
    ctx.send_event("other", "hello", &ctx.new_guid())?;
    child.await
}

#[test]
fn children_run_and_others_are_told() {
    let report = Orchestration::new(parent, ())
        .sub_orchestration("child", |number: u32| Ok(number.to_string()))
        .run();
    assert_eq!(report.result.as_deref(), Ok("1"));
    assert_eq!(report.sent[0].name, "hello");
}

async fn impatient(ctx: Context, (): ()) -> Result<Option<u32>, Failure> {
    ctx.timeout(SECOND, ctx.activity::<u32>("slow", &()))
        .await
        .transpose()
}

#[test]
fn a_slow_call_is_given_up() {
    let report = Orchestration::new(impatient, ())
        .activity_taking("slow", 2 * SECOND, |()| Ok(1))
        .run();
    assert_eq!((report.result, report.elapsed), (Ok(None), SECOND));
}

async fn timers(ctx: Context, (): ()) -> Result<Duration, Failure> {
    let start = ctx.now();
    let (first, second) = (ctx.timer(2 * SECOND), ctx.timer(3 * SECOND));
    first.await;
    second.await;
    Ok(ctx.now().duration_since(start)?)
}

#[test]
fn the_time_of_a_timer_runs_from_when_it_was_made() {
    let report = Orchestration::new(timers, ()).run();
    assert_eq!(
        (report.result, report.elapsed),
        (Ok(3 * SECOND), 3 * SECOND)
    );
}

#[weft_sdk::activity]
fn count(call: Call, name: String) -> Result<u64, kv::Error> {
    kv::open("default")?.increment(&format!("{name}/{}", call.idempotency_key), 1)
}

async fn counting(ctx: Context, (): ()) -> Result<u64, Failure> {
    ctx.call::<count>(&"a".to_owned()).await?;
    ctx.call::<count>(&"a".to_owned()).await
}

#[test]
fn each_call_has_a_key_of_its_own() {
    let report = Orchestration::new(counting, ())
        .real_activity::<count>()
        .run();
    assert_eq!(report.result, Ok(1));
    assert_eq!(
        kv::open("default").unwrap().list_keys(None).unwrap().0,
        ["a/test:1", "a/test:2"]
    );
}

#[test]
#[should_panic(expected = "waits for ever, for the event `approval`")]
fn waiting_in_vain_is_reported() {
    let _ = Orchestration::new(
        async |ctx: Context, (): ()| ctx.event::<()>("approval").await,
        (),
    )
    .run();
}

#[test]
#[should_panic(expected = "not deterministic")]
fn another_path_on_replay_is_found() {
    let runs = Rc::new(Cell::new(0));
    let orchestrator = async |ctx: Context, (): ()| {
        runs.set(runs.get() + 1);
        ctx.activity::<u32>("double", &runs.get()).await
    };
    let _ = Orchestration::new(orchestrator, ())
        .activity("double", |n: u32| Ok(n))
        .run();
}

#[test]
#[should_panic(expected = "await activities")]
fn foreign_futures_are_refused() {
    let orchestrator =
        async |_: Context, (): ()| std::future::pending::<Result<(), Failure>>().await;
    let _ = Orchestration::new(orchestrator, ()).run();
}

#[test]
fn descriptions_have_schemas() {
    use weft_sdk::Function;
    let described = double::describe();
    assert_eq!(described.name, "double");
    let schema: serde_json::Value = serde_json::from_str(&described.input_schema.unwrap()).unwrap();
    assert_eq!(schema["type"], "integer");
}
