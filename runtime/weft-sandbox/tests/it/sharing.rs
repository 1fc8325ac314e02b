//! Tenants beside each other: the processor, what one leaves in memory, and failures of the host.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt, Full};
use tokio::task::JoinSet;
use weft_orchestration::Payload;
use weft_sandbox::{ActivityCall, CallError, Cause, Invocation};

use crate::fixture::{Fixture, change, of_tenant};

async fn get(fixture: &Fixture, call: Invocation, path: &str) -> Result<String, CallError> {
    let request = Request::builder().uri(path).header("host", "localhost");
    let request = request.body(Full::<Bytes>::default()).unwrap();
    let body = fixture.sandbox.http(call, request).await?.into_body();
    let bytes = body.collect().await?.to_bytes();
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// Everything of a test runs on its thread, of which this is the time: what other processes of the
/// machine do is not in it.
fn processor_time() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Duration::try_from(time).unwrap()
}

/// Requests of one tenant at a steady rate.
struct Steady {
    sent: u32,
    answered: usize,
    p99: Duration,
}

const EVERY: Duration = Duration::from_millis(20);

/// Sends a request every 20 ms for so long, whether or not those before were answered.
async fn steady(fixture: &Arc<Fixture>, call: &Invocation, length: Duration) -> Steady {
    let mut requests = JoinSet::new();
    let started = Instant::now();
    let mut sent = 0;
    while started.elapsed() < length {
        let (fixture, call, asked) = (Arc::clone(fixture), call.clone(), processor_time());
        requests.spawn(async move {
            get(&fixture, call, "/hello").await.unwrap();
            processor_time() - asked
        });
        sent += 1;
        tokio::time::sleep_until((started + EVERY * sent).into()).await;
    }
    let mut took = Vec::new();
    while let Some(one) = requests.try_join_next() {
        took.push(one.unwrap());
    }
    took.sort();
    Steady {
        sent,
        answered: took.len(),
        p99: took[took.len() * 99 / 100],
    }
}

/// So many loops of a tenant at a time, each of which is followed by another when it is stopped.
/// Tells how long after its time each was stopped.
fn spin(
    fixture: &Arc<Fixture>,
    call: &Invocation,
    loops: usize,
    length: Duration,
) -> JoinSet<Vec<Duration>> {
    let mut spinners = JoinSet::new();
    let until = Instant::now() + length;
    let timeout = Duration::from_millis(call.function.limits.timeout_ms.into());
    for _ in 0..loops {
        let (fixture, call) = (Arc::clone(fixture), call.clone());
        spinners.spawn(async move {
            let mut late = Vec::new();
            while Instant::now() < until {
                let started = Instant::now();
                let error = get(&fixture, call.clone(), "/loop").await.unwrap_err();
                assert!(matches!(error, CallError::Timeout(_)), "{error}");
                late.push(started.elapsed().saturating_sub(timeout));
            }
            late
        });
    }
    spinners
}

/// Everything runs on the one thread of this test.
async fn beside_spinners(timeout_ms: u32) {
    let fixture = Arc::new(Fixture::with(|config| config.pool.instances = 256));
    let call = fixture.call("guest_http", "web");
    let victim = of_tenant(call.clone(), "victim");
    let spinner = change(of_tenant(call, "spinner"), |function| {
        function.limits.timeout_ms = timeout_ms;
    });
    get(&fixture, victim.clone(), "/hello").await.unwrap();
    let length = Duration::from_secs(2);
    let alone = steady(&fixture, &victim, length).await;
    let spinners = spin(&fixture, &spinner, 40, length);
    // The flood is there before the victim is.
    tokio::time::sleep(Duration::from_millis(300)).await;
    let beside = steady(&fixture, &victim, length - Duration::from_millis(500)).await;
    let late = spinners.join_all().await.concat();
    let aim = (alone.p99 * 2).max(alone.p99 + Duration::from_millis(20));
    let (alone_ms, beside_ms) = (alone.p99.as_millis(), beside.p99.as_millis());
    let late_max = late.iter().max().unwrap();
    println!(
        "loops of {timeout_ms} ms: p99 {alone_ms} ms alone, {beside_ms} ms beside; {} of {} \
         answered; stopped {} ms late at most",
        beside.answered,
        beside.sent,
        late_max.as_millis()
    );
    assert!(
        beside.p99 <= aim,
        "{:?} alone, {:?} beside",
        alone.p99,
        beside.p99
    );
    assert!(beside.answered as f64 >= 0.8 * f64::from(beside.sent));
    let used = fixture.sandbox.processor_time(&spinner.app.tenant);
    assert!(used > length / 10, "the loops were there: {used:?}");
}

#[tokio::test]
async fn endless_loops_of_one_tenant_leave_others_their_answers() {
    beside_spinners(500).await;
}

#[tokio::test]
async fn many_short_calls_of_one_tenant_leave_others_their_answers() {
    beside_spinners(8).await;
}

#[tokio::test]
async fn who_computes_more_than_another_gets_no_more_by_calling_more() {
    let fixture = Arc::new(Fixture::with(|config| config.pool.instances = 256));
    let call = fixture.call("guest_http", "web");
    let (many, few) = (of_tenant(call.clone(), "many"), of_tenant(call, "few"));
    let length = Duration::from_secs(60);
    let mut of_many = spin(&fixture, &many, 30, length);
    let mut of_few = spin(&fixture, &few, 2, length);
    let used = |call: &Invocation| fixture.sandbox.processor_time(&call.app.tenant);
    let deadline = Instant::now() + Duration::from_secs(15);
    while used(&many) + used(&few) < Duration::from_millis(800) && Instant::now() < deadline {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    of_many.abort_all();
    of_few.abort_all();
    let (many, few) = (used(&many), used(&few));
    let share = few.as_secs_f64() / (few + many).as_secs_f64();
    assert!((0.4..0.6).contains(&share), "few {few:?}, many {many:?}");
}

#[tokio::test]
async fn a_component_over_which_host_code_panics_is_quarantined() {
    let fixture = Fixture::new();
    let run = async |call: Invocation, input: &str| {
        let input = Payload::from(input);
        let run = fixture
            .sandbox
            .activity(call, input, ActivityCall::direct());
        run.await.map(|done| done.result)
    };
    let call = fixture.call("guest_activity", "store");
    let other = of_tenant(call.clone(), "other");
    run(call.clone(), "fine").await.unwrap().unwrap();
    for _ in 0..3 {
        let error = run(call.clone(), "panic").await.unwrap_err();
        let told = matches!(&error, CallError::Internal(why) if why.contains("on fire"));
        assert!(told, "{error}");
    }
    let error = run(call.clone(), "fine").await.unwrap_err();
    let CallError::Quarantined(quarantine) = &error else {
        panic!("{error}");
    };
    assert_eq!((quarantine.cause, quarantine.failures), (Cause::Panic, 3));
    run(other, "fine").await.unwrap().unwrap();
    let (tenant, digest) = (&call.app.tenant, call.component);
    assert!(fixture.sandbox.release(tenant, digest));
    run(call.clone(), "fine").await.unwrap().unwrap();
    for _ in 0..3 {
        run(call.clone(), "panic").await.unwrap_err();
    }
    run(call.clone(), "fine").await.unwrap_err();
    let wasm = weft_testkit::guests::guest("guest_activity");
    let name = "guest".parse().unwrap();
    let again = fixture.sandbox.prepare(tenant, &name, wasm.into());
    again.await.unwrap();
    run(call, "fine").await.unwrap().unwrap();
    fixture.idle().await;
}

#[tokio::test]
async fn nothing_of_one_tenant_is_left_in_the_memory_of_another() {
    let fixture = Fixture::with(|config| config.pool.instances = 8);
    let call = fixture.call("guest_http", "web");
    let count = async |call: &Invocation| -> usize {
        let found = get(&fixture, call.clone(), "/scan").await.unwrap();
        found
            .parse()
            .unwrap_or_else(|error| panic!("{error}: {found}"))
    };
    let [first, second] = ["first", "second"].map(|name| of_tenant(call.clone(), name));
    let constants = count(&second).await;
    for _ in 0..20 {
        get(&fixture, first.clone(), "/mark").await.unwrap();
        assert_eq!(count(&second).await, constants);
    }
    // The same instance finds what it has left: the search finds something where it is.
    let kept = change(first, |function| function.limits.requests_per_instance = 2);
    get(&fixture, kept.clone(), "/mark").await.unwrap();
    assert!(count(&kept).await > constants);
}

/// Polls `work` so often and drops it then; whether it was done.
async fn dropped_after(polls: u32, work: impl Future) -> bool {
    let mut work = pin!(work);
    let mut left = polls;
    poll_fn(|cx| {
        if work.as_mut().poll(cx).is_ready() {
            return Poll::Ready(true);
        }
        left = left.saturating_sub(1);
        if left == 0 {
            Poll::Ready(false)
        } else {
            Poll::Pending
        }
    })
    .await
}

#[tokio::test]
async fn a_call_may_be_dropped_wherever_it_waits() {
    let fixture = Fixture::new();
    let keeps = fixture.call("guest_activity", "store");
    let echoes = fixture.call("guest_http", "web");
    let mut most = 0;
    for polls in 1.. {
        let input = Payload::from("v");
        let run = fixture
            .sandbox
            .activity(keeps.clone(), input, ActivityCall::direct());
        let one = dropped_after(polls, run).await;
        assert_eq!(fixture.sandbox.live_instances(), 0, "after {polls} polls");
        let other = dropped_after(polls, get(&fixture, echoes.clone(), "/big?2")).await;
        assert_eq!(fixture.sandbox.live_instances(), 0, "after {polls} polls");
        most = polls;
        if one && other {
            break;
        }
    }
    assert!(most > 5, "it waits more often than {most} times");
    get(&fixture, echoes, "/hello").await.unwrap();
}
