//! Runs workflows on the nodes of a simulated cluster, and counts what they ask of the outside.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use weft_id::{ExecutionId, InstanceKey};
use weft_orchestration::{
    BatchDone, EventKind, Failure, Message, Payload, Replay, Timestamp, Turn,
};
use weft_store::{MemoryStore, RevisionId, fill_in};
use weft_worker::{
    ActivityCall, EntityBatch, Execution, Open, OpenError, Opened, Ran, Runner, TurnError,
};
use weft_workflow::run::Run;

use super::end::Workflows;
use super::outside::{Exchange, Exchanges, answer};
use crate::crash::Crash;
use crate::faults::Plant;
use crate::runner::runs_again;

/// An attempt at an activity.
type Attempt = (InstanceKey, ExecutionId, u32, u32);

pub(super) struct WorkflowRunner {
    pub(super) store: Arc<MemoryStore>,
    pub(super) workflows: Workflows,
    /// The same with a bug, for histories that are replayed.
    pub(super) on_replay: Workflows,
    pub(super) plant: Option<Plant>,
    /// Whether code is refused now and then.
    pub(super) refuses: bool,
    pub(super) rng: Mutex<StdRng>,
    /// How often each attempt was started, and what it asked for.
    pub(super) started: Mutex<BTreeMap<Attempt, (Option<Exchange>, u32)>>,
    pub(super) violations: Mutex<Vec<String>>,
    /// Where the node dies that runs now.
    pub(super) crash: Mutex<Option<Arc<Crash>>>,
}

impl WorkflowRunner {
    pub(super) fn new(store: Arc<MemoryStore>, workflows: Workflows, seed: u64) -> Self {
        Self {
            store,
            on_replay: workflows.clone(),
            workflows,
            plant: None,
            refuses: false,
            rng: Mutex::new(StdRng::seed_from_u64(seed)),
            started: Mutex::default(),
            violations: Mutex::default(),
            crash: Mutex::default(),
        }
    }

    /// The requests that were made, each counted once however often it was repeated.
    pub(super) fn exchanges(&self) -> Exchanges {
        let mut exchanges = Exchanges::new();
        for (exchange, _) in self.started.lock().unwrap().values() {
            if let Some(exchange) = exchange {
                *exchanges.entry(exchange.clone()).or_default() += 1;
            }
        }
        exchanges
    }

    /// How many attempts at activities were started, and how many more than once.
    pub(super) fn started(&self) -> (usize, usize) {
        let started = self.started.lock().unwrap();
        let repeated = started.values().filter(|(_, times)| *times > 1);
        (started.len(), repeated.count())
    }

    fn lot(&self) -> u64 {
        self.rng.lock().unwrap().random_range(0..1_000)
    }

    fn refusal(&self) -> Option<TurnError> {
        match self.lot() {
            _ if !self.refuses => None,
            0..10 => Some(TurnError::Host("the code is not at hand".to_owned())),
            10..60 => Some(TurnError::Busy("no room".to_owned())),
            _ => None,
        }
    }

    async fn pass(&self) {
        let crash = self.crash.lock().unwrap().clone();
        if let Some(crash) = crash {
            crash.pass().await;
        }
    }

    async fn attempt(&self, call: ActivityCall) -> Result<Payload, Failure> {
        if let Some(violation) = runs_again(&self.store, &call).await {
            self.violations.lock().unwrap().push(violation);
        }
        let mut input = call.input.clone();
        let filled = fill_in(&*self.store, &mut input).await;
        filled.map_err(|error| Failure::transient("store", error.to_string()))?;
        self.pass().await;
        {
            let attempt = (call.key.clone(), call.execution, call.call, call.attempt);
            let mut started = self.started.lock().unwrap();
            let exchange = || (Exchange::of(&call.name, &input), 0);
            started.entry(attempt).or_insert_with(exchange).1 += 1;
        }
        tokio::time::sleep(Duration::from_millis(self.lot() / 10)).await;
        let answer = answer(&call.name, &input);
        self.pass().await;
        answer
    }
}

#[async_trait]
impl Runner for WorkflowRunner {
    async fn open(&self, open: Open) -> Result<Opened, OpenError> {
        if let Some(refused) = self.refusal() {
            return Err(OpenError::Transient(refused));
        }
        let workflows = match open.history.is_empty() {
            true => &self.workflows,
            false => &self.on_replay,
        };
        let (program, settings) = &workflows[open.name.as_str()];
        let mut history = open.history;
        let filled = fill_in(&*self.store, &mut history).await;
        filled.map_err(|error| OpenError::Transient(TurnError::Busy(error.to_string())))?;
        let scheduled = history.iter().filter_map(|event| match &event.kind {
            EventKind::TaskScheduled { id, .. } => Some(*id),
            _ => None,
        });
        let mut tasks: BTreeSet<u32> = scheduled.collect();
        for event in &history {
            if let EventKind::TaskCompleted { task, .. } | EventKind::TaskFailed { task, .. } =
                &event.kind
            {
                tasks.remove(task);
            }
        }
        let replay = Replay::new(open.key.id, history, open.limits);
        let refusal = self.refusal().map(|refused| (self.lot() % 4, refused));
        Ok(Opened {
            execution: Box::new(Interpreted {
                run: Run::new(Arc::clone(program), Arc::clone(settings), replay),
                store: Arc::clone(&self.store),
                refusal,
                taken_twice: self.plant == Some(Plant::ResultTakenTwice),
                tasks,
            }),
            revision: Some(RevisionId(1)),
        })
    }

    async fn activity(&self, call: ActivityCall) -> Ran {
        Ran::Ended(self.attempt(call).await)
    }

    async fn operate(&self, _: EntityBatch) -> Result<BatchDone, TurnError> {
        Err(TurnError::Host("there are no entities".to_owned()))
    }
}

/// A run between turns.
struct Interpreted {
    run: Run,
    store: Arc<MemoryStore>,
    /// After how many turns it is refused another, and why.
    refusal: Option<(u64, TurnError)>,
    /// A planted bug: a result is another's as well.
    taken_twice: bool,
    /// Activities without an answer.
    tasks: BTreeSet<u32>,
}

#[async_trait]
impl Execution for Interpreted {
    async fn turn(
        &mut self,
        mut messages: Vec<Message>,
        now: Timestamp,
    ) -> Result<Turn, TurnError> {
        match &mut self.refusal {
            Some((0, refused)) => return Err(refused.clone()),
            Some((turns, _)) => *turns -= 1,
            None => {}
        }
        let filled = fill_in(&*self.store, &mut messages).await;
        filled.map_err(|error| TurnError::Busy(error.to_string()))?;
        let mut again = Vec::new();
        for message in &messages {
            let Message::TaskDone {
                execution,
                task,
                result,
            } = message
            else {
                continue;
            };
            self.tasks.remove(task);
            if self.taken_twice
                && let Some(task) = self.tasks.pop_first()
            {
                again.push(Message::TaskDone {
                    execution: *execution,
                    task,
                    result: result.clone(),
                });
            }
        }
        messages.extend(again);
        let turn = self.run.turn(messages, now);
        self.tasks.extend(turn.tasks.iter().map(|task| task.id));
        Ok(turn)
    }
}
