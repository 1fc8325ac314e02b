//! Runs programs as orchestrators, straight against the replay, and their activities.

use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use async_trait::async_trait;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use tokio::time::Instant;
use weft_id::{EntityId, ExecutionId, InstanceKey};
use weft_orchestration::{
    BatchDone, Event, EventKind, Failure, Message, Next, Operation, Payload, Replay, RetryPolicy,
    TaskHandle, Timestamp, Turn,
};
use weft_store::MemoryStore;
use weft_store::{Instances, RevisionId};
use weft_worker::{
    ActivityCall, EntityBatch, Execution, Open, OpenError, Opened, Ran, Runner, TurnError,
};

use crate::program::{FAILED, Program, Step, TIMED_OUT, fold, worked};

/// Serves every node of a simulated cluster, and watches what they run.
pub struct SimRunner {
    pub store: Arc<MemoryStore>,
    pub rng: Mutex<StdRng>,
    /// How often each attempt at an activity was started.
    pub started: Mutex<BTreeMap<(InstanceKey, ExecutionId, u32, u32), u32>>,
    /// Calls of activities that have failed once and do so no more.
    failed: Mutex<BTreeSet<(InstanceKey, u32)>>,
    /// What must not have happened.
    pub violations: Mutex<Vec<String>>,
    /// A planted bug: orchestrators that draw lots.
    pub draws_lots: bool,
    /// Until then there is no room for any orchestrator, for longer than an instance gets from
    /// which the host fails time after time.
    full_until: Instant,
}

impl SimRunner {
    #[must_use]
    pub fn new(store: Arc<MemoryStore>, seed: u64, draws_lots: bool) -> Self {
        let mut rng = StdRng::seed_from_u64(seed);
        let full_for = if rng.random_bool(0.1) { 60 } else { 0 };
        Self {
            store,
            rng: Mutex::new(rng),
            started: Mutex::default(),
            failed: Mutex::default(),
            violations: Mutex::default(),
            draws_lots,
            full_until: Instant::now() + Duration::from_secs(full_for),
        }
    }

    fn lot(&self) -> u64 {
        self.rng.lock().unwrap().random_range(0..1_000)
    }

    /// Why code is not run this time, now and then.
    fn refusal(&self) -> Option<TurnError> {
        match self.lot() {
            0..10 => Some(TurnError::Host("the code is not at hand".to_owned())),
            10..60 => Some(TurnError::Busy("no room".to_owned())),
            _ => None,
        }
    }

    async fn attempt(&self, call: ActivityCall) -> Result<Payload, Failure> {
        if let Some(violation) = runs_again(&self.store, &call).await {
            self.violations.lock().unwrap().push(violation);
        }
        *self
            .started
            .lock()
            .unwrap()
            .entry((call.key.clone(), call.execution, call.call, call.attempt))
            .or_default() += 1;
        tokio::time::sleep(Duration::from_millis(self.lot() / 10)).await;
        let input: u64 = serde_json::from_str(call.input.text().unwrap()).unwrap();
        let failures = match call.name.split_once('-') {
            Some(("flaky", failures)) => failures.parse().unwrap(),
            _ => 0,
        };
        if call.name == "broken" {
            return Err(Failure::permanent("broken", "never works"));
        }
        let of = (call.key.clone(), call.call);
        if call.name == "brittle" && self.failed.lock().unwrap().insert(of) {
            return Err(Failure::permanent("brittle", "not the first time"));
        }
        if call.attempt <= failures {
            return Err(Failure::transient("flaky", "not yet"));
        }
        Ok(Payload::from(worked(input).to_string()))
    }
}

/// What is wrong where a step that is recorded as complete runs again.
pub(crate) async fn runs_again(store: &MemoryStore, call: &ActivityCall) -> Option<String> {
    let recorded = store.history(&call.key, 0, u64::MAX).await.unwrap();
    let same_execution = recorded.events.iter().any(|event| {
        matches!(&event.kind, EventKind::ExecutionStarted(start) if start.execution == call.execution)
    });
    let complete = same_execution && attempt_is_complete(&recorded.events, call);
    complete.then(|| {
        format!(
            "{}: activity call {} attempt {} ran again after it was recorded as complete",
            call.key, call.call, call.attempt
        )
    })
}

fn attempt_is_complete(events: &[Event], call: &ActivityCall) -> bool {
    let id = events.iter().find_map(|event| match &event.kind {
        EventKind::TaskScheduled {
            id,
            attempt,
            call: of,
            ..
        } if *attempt == call.attempt && *of == call.call => Some(*id),
        _ => None,
    });
    events.iter().any(|event| match &event.kind {
        EventKind::TaskCompleted { task, .. } | EventKind::TaskFailed { task, .. } => {
            Some(*task) == id
        }
        _ => false,
    })
}

#[async_trait]
impl Runner for SimRunner {
    async fn open(&self, open: Open) -> Result<Opened, OpenError> {
        if Instant::now() < self.full_until {
            return Err(OpenError::Transient(TurnError::Busy("no room".to_owned())));
        }
        if let Some(refused) = self.refusal() {
            return Err(OpenError::Transient(refused));
        }
        let lots = self.draws_lots.then(|| self.lot());
        // Some get through a few turns before the host fails over them.
        let refusal = self.refusal().map(|refused| (self.lot() % 4, refused));
        Ok(Opened {
            execution: Box::new(Running::new(&self.store, open.into_replay(), lots, refusal)),
            revision: Some(RevisionId(1)),
        })
    }

    async fn activity(&self, call: ActivityCall) -> Ran {
        Ran::Ended(self.attempt(call).await)
    }

    async fn operate(&self, batch: EntityBatch) -> Result<BatchDone, TurnError> {
        if let Some(refused) = self.refusal() {
            return Err(refused);
        }
        tokio::time::sleep(Duration::from_millis(self.lot() / 50)).await;
        let state = batch.batch.state.as_ref();
        let state = state.map(|state| state.text().unwrap());
        let mut state: u64 = state.map_or(0, |text| serde_json::from_str(text).unwrap());
        // Now and then the time is up before all of them have run.
        let most = if self.lot() < 200 { 1 } else { usize::MAX };
        let operations = batch.batch.operations.iter().take(most);
        let results = operations.map(|o| operate(&mut state, o)).collect();
        Ok(BatchDone {
            results,
            state: Some(Payload::from(state.to_string())),
            effects: Vec::new(),
        })
    }
}

/// A number to add to, to read and to write.
fn operate(state: &mut u64, operation: &Operation) -> Result<Payload, Failure> {
    let input = || serde_json::from_str::<u64>(operation.input.text().unwrap()).unwrap();
    match operation.name.as_str() {
        "add" => *state = state.wrapping_add(input()),
        "get" => {}
        "set" => *state = input(),
        other => return Err(Failure::permanent("unknown", other)),
    }
    Ok(Payload::from(state.to_string()))
}

type Shared = Arc<Mutex<Replay>>;
type Code = Pin<Box<dyn Future<Output = Result<Payload, Failure>> + Send>>;

/// A program between turns: a future that is polled once per turn.
struct Running {
    replay: Shared,
    code: Option<Code>,
    /// After how many turns it is refused another, and why.
    refusal: Option<(u64, TurnError)>,
}

impl Running {
    fn new(
        store: &Arc<MemoryStore>,
        replay: Replay,
        lots: Option<u64>,
        refusal: Option<(u64, TurnError)>,
    ) -> Self {
        let replay = Arc::new(Mutex::new(replay));
        let code = Box::pin(run(Arc::clone(store), Arc::clone(&replay), lots));
        Self {
            replay,
            code: Some(code),
            refusal,
        }
    }
}

#[async_trait]
impl Execution for Running {
    async fn turn(&mut self, messages: Vec<Message>, now: Timestamp) -> Result<Turn, TurnError> {
        match &mut self.refusal {
            Some((0, refused)) => return Err(refused.clone()),
            Some((turns, _)) => *turns -= 1,
            None => {}
        }
        let next = self.replay.lock().unwrap().deliver(messages, now);
        if let (Next::Run, Some(code)) = (next, &mut self.code) {
            let poll = code.as_mut().poll(&mut Context::from_waker(Waker::noop()));
            if let Poll::Ready(result) = poll {
                self.code = None;
                self.replay.lock().unwrap().finish(result);
            }
        }
        Ok(self.replay.lock().unwrap().take_turn())
    }
}

/// Waits for the first of some tasks, or stays pending until the next turn.
struct WaitAny(Shared, Vec<TaskHandle>);

impl Future for WaitAny {
    type Output = usize;

    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<usize> {
        // An error fails the instance when the turn is taken; the code goes no further.
        match self.0.lock().unwrap().wait_any(&self.1) {
            Ok(Some(position)) => Poll::Ready(position),
            Ok(None) | Err(_) => Poll::Pending,
        }
    }
}

async fn wait(replay: &Shared, task: TaskHandle) -> Result<Payload, Failure> {
    WaitAny(Arc::clone(replay), vec![task]).await;
    let result = replay.lock().unwrap().result(task);
    result.unwrap().expect("the task is done")
}

/// What the replay answers, or forever pending where it refuses: the turn then fails the instance.
async fn ask<T, E>(replay: &Shared, ask: impl FnOnce(&mut Replay) -> Result<T, E>) -> T {
    let answer = ask(&mut replay.lock().unwrap());
    match answer {
        Ok(answer) => answer,
        Err(_) => std::future::pending().await,
    }
}

async fn run(
    store: Arc<MemoryStore>,
    replay: Shared,
    lots: Option<u64>,
) -> Result<Payload, Failure> {
    let start = replay.lock().unwrap().begin();
    let Some(input) = store.text_now(&start.unwrap().input) else {
        // Somebody else has the instance by now, or it is gone: the commit of this turn fails.
        return std::future::pending().await;
    };
    let mut program: Program = serde_json::from_str(input.text().unwrap()).unwrap();
    let mut sum = program.carried;
    if lots.is_some_and(|lot| lot < 500) {
        let task = ask(&replay, |r| r.create_timer(1)).await;
        let _ = wait(&replay, task).await;
    }
    for step in program.steps.clone() {
        sum = run_step(&replay, step, sum).await?;
    }
    if program.rounds > 1 {
        program.rounds -= 1;
        program.carried = sum;
        let input = Payload::from(serde_json::to_string(&program).unwrap());
        ask(&replay, |r| r.continue_as_new(input, true)).await;
    }
    Ok(Payload::from(sum.to_string()))
}

async fn run_step(replay: &Shared, step: Step, sum: u64) -> Result<u64, Failure> {
    let text = |input: u64| Payload::from(input.to_string());
    let number = |result: Result<Payload, Failure>| match result {
        Ok(output) => serde_json::from_str(output.text().unwrap()).unwrap(),
        Err(failure) if failure.kind == "broken" => FAILED,
        Err(failure) => panic!("a step failed that should not: {failure:?}"),
    };
    Ok(match step {
        Step::Activity { input } => {
            let task = ask(replay, |r| r.call_activity("work", text(input), None)).await;
            fold(sum, number(wait(replay, task).await))
        }
        Step::Flaky { input, failures } => {
            let policy = RetryPolicy {
                max_attempts: failures + 1,
                first_interval_ms: 300,
                coefficient: 2.0,
                max_interval_ms: None,
                total_timeout_ms: None,
                non_retryable_kinds: Vec::new(),
            };
            let name = format!("flaky-{failures}");
            let task = ask(replay, |r| {
                r.call_activity(&name, text(input), Some(policy))
            })
            .await;
            fold(sum, number(wait(replay, task).await))
        }
        Step::Broken { input } => {
            let task = ask(replay, |r| r.call_activity("broken", text(input), None)).await;
            fold(sum, number(wait(replay, task).await))
        }
        Step::FanOut { inputs } => {
            let mut tasks = Vec::new();
            for input in inputs {
                tasks.push(ask(replay, |r| r.call_activity("work", text(input), None)).await);
            }
            let mut sum = sum;
            for task in tasks {
                sum = fold(sum, number(wait(replay, task).await));
            }
            sum
        }
        Step::Timer { ms } => {
            let task = ask(replay, |r| r.create_timer(ms)).await;
            let fired = wait(replay, task).await;
            fold(sum, u64::from(fired.is_err()))
        }
        Step::Event { name, .. } => {
            let task = ask(replay, |r| r.wait_for_event(&name)).await;
            fold(sum, number(wait(replay, task).await))
        }
        Step::Deadline { ms } => {
            let event = ask(replay, |r| r.wait_for_event("never")).await;
            let timer = ask(replay, |r| r.create_timer(ms)).await;
            let first = WaitAny(Arc::clone(replay), vec![event, timer]).await;
            replay.lock().unwrap().cancel(event);
            fold(sum, if first == 1 { TIMED_OUT } else { 0 })
        }
        Step::Child(program) => {
            let input = Payload::from(serde_json::to_string(&program).unwrap());
            let task = ask(replay, |r| {
                r.call_sub_orchestration("program", input, None, None)
            });
            let task = task.await;
            match wait(replay, task).await {
                Err(failure) if failure.kind == "brittle" => return Err(failure),
                result => fold(sum, number(result)),
            }
        }
        Step::Brittle { input } => {
            let task = ask(replay, |r| r.call_activity("brittle", text(input), None)).await;
            fold(sum, number(Ok(wait(replay, task).await?)))
        }
        Step::BrittleFan { inputs } => {
            let mut tasks = Vec::new();
            for (index, input) in inputs.into_iter().enumerate() {
                let name = if index % 2 == 0 { "brittle" } else { "work" };
                tasks.push(ask(replay, |r| r.call_activity(name, text(input), None)).await);
            }
            let mut sum = sum;
            for task in tasks {
                sum = fold(sum, number(Ok(wait(replay, task).await?)));
            }
            sum
        }
        Step::Call { entity, add } => {
            let answer = call(replay, entity, "add", add).await;
            fold(sum, u64::from(answer.is_none()))
        }
        Step::Signal {
            entity,
            add,
            delay_ms,
        } => {
            ask(replay, |r| {
                let at = (delay_ms > 0).then(|| r.now().plus_millis(delay_ms));
                r.signal_entity(counter(entity), "add", text(add), at)
            })
            .await;
            fold(sum, 0)
        }
        Step::Section { entities, add } if !entities.is_empty() => {
            let set = entities.iter().map(|entity| counter(*entity)).collect();
            let lock = ask(replay, |r| r.lock_entities(set)).await;
            let _ = wait(replay, lock).await;
            for entity in entities {
                let found = call(replay, entity, "get", 0).await.unwrap_or(0);
                call(replay, entity, "set", found.wrapping_add(add)).await;
            }
            ask(replay, |r| r.release_lock(lock)).await;
            fold(sum, 0)
        }
        Step::Section { .. } => fold(sum, 0),
        Step::Forever { children, depth } => {
            for _ in 0..children {
                let child = Program {
                    steps: vec![Step::Forever {
                        children: if depth == 0 { 0 } else { children },
                        depth: depth.saturating_sub(1),
                    }],
                    rounds: 1,
                    carried: 0,
                };
                let input = Payload::from(serde_json::to_string(&child).unwrap());
                ask(replay, |r| {
                    r.call_sub_orchestration("program", input, None, None)
                })
                .await;
            }
            let never = ask(replay, |r| r.wait_for_event("never")).await;
            fold(sum, number(wait(replay, never).await))
        }
    })
}

fn counter(entity: u8) -> EntityId {
    EntityId::new("counter", &entity.to_string()).unwrap()
}

/// The entity's number after the operation.
async fn call(replay: &Shared, entity: u8, operation: &str, input: u64) -> Option<u64> {
    let input = Payload::from(input.to_string());
    let task = ask(replay, |r| r.call_entity(counter(entity), operation, input)).await;
    let output = wait(replay, task).await.ok()?;
    serde_json::from_str(output.text()?).ok()
}
