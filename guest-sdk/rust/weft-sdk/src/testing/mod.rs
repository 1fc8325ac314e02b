//! Runs an orchestrator natively, against scripted activities, events and a simulated clock.
//!
//! No time passes: when the orchestrator waits, the clock jumps to what happens next. After the
//! run the orchestrator is run once more from what was recorded, as the platform does after a
//! crash; code that then asks for something else is found here instead of in production.

mod replay;
mod report;
mod script;
mod simulation;

use std::future::Future;
use std::rc::Rc;
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

pub use report::{Called, Report, Sent};

use crate::{Activity, Call, Context, Entity, Failure, orchestration};
use replay::Replay;
use script::Script;
use simulation::{After, Simulation};

/// How often an orchestration may continue as new before it is taken for an endless loop.
const EXECUTIONS_MAX: u32 = 1000;

/// An orchestration under test.
pub struct Orchestration<F, I> {
    orchestrator: F,
    input: I,
    script: Script,
}

impl<F, I> Orchestration<F, I> {
    /// Prepares a run of an orchestrator: the function itself, or a closure like it.
    pub fn new(orchestrator: F, input: I) -> Self {
        Self {
            orchestrator,
            input,
            script: Script::default(),
        }
    }

    /// What the activity of that name does. It takes no time.
    #[must_use]
    pub fn activity<A, B>(
        self,
        name: &str,
        does: impl FnMut(A) -> Result<B, Failure> + 'static,
    ) -> Self
    where
        A: DeserializeOwned,
        B: Serialize,
    {
        self.activity_taking(name, Duration::ZERO, does)
    }

    /// What the activity of that name does, and how long each attempt takes on the simulated
    /// clock.
    #[must_use]
    pub fn activity_taking<A, B>(
        mut self,
        name: &str,
        duration: Duration,
        mut does: impl FnMut(A) -> Result<B, Failure> + 'static,
    ) -> Self
    where
        A: DeserializeOwned,
        B: Serialize,
    {
        self.script
            .add_activity(name, duration, move |input, _call| {
                let output = does(crate::activity::parse_input(input)?)?;
                Ok(serde_json::to_string(&output)?)
            });
        self
    }

    /// Calls of this activity run the real code. Its [`Call::idempotency_key`] is set as on the
    /// platform; storage is that of [`kv`](crate::kv) in memory.
    #[must_use]
    pub fn real_activity<A: Activity>(mut self) -> Self {
        self.script
            .add_activity(A::NAME, Duration::ZERO, |input, call: Call| {
                let output = A::run(call, crate::activity::parse_input(input)?)?;
                Ok(serde_json::to_string(&output)?)
            });
        self
    }

    /// What the child orchestration of that name does. It takes no time.
    #[must_use]
    pub fn sub_orchestration<A, B>(
        mut self,
        name: &str,
        mut does: impl FnMut(A) -> Result<B, Failure> + 'static,
    ) -> Self
    where
        A: DeserializeOwned,
        B: Serialize,
    {
        self.script
            .add_sub_orchestration(name, move |input, _call| {
                let output = does(crate::activity::parse_input(input)?)?;
                Ok(serde_json::to_string(&output)?)
            });
        self
    }

    /// Operations on entities of this type run the real code, each at once. What they send in turn
    /// goes nowhere.
    #[must_use]
    pub fn entity<E: Entity + 'static>(mut self) -> Self {
        self.script.add_entity::<E>();
        self
    }

    /// An event that is there from the start.
    #[must_use]
    pub fn event(self, name: &str, payload: impl Serialize) -> Self {
        self.event_after(Duration::ZERO, name, payload)
    }

    /// An event that comes at that time after the start.
    ///
    /// # Panics
    /// When the payload cannot be written as JSON.
    #[must_use]
    pub fn event_after(mut self, delay: Duration, name: &str, payload: impl Serialize) -> Self {
        let payload = serde_json::to_string(&payload).expect("the payload can be written as JSON");
        self.script.events.push((delay, name.to_owned(), payload));
        self
    }

    /// Runs it to its end.
    ///
    /// # Panics
    /// When it waits for something that never comes, calls what was not scripted, continues as
    /// new without end, or does something else when it is replayed.
    pub fn run<O, Fut>(self) -> Report<O>
    where
        F: Fn(Context, I) -> Fut,
        Fut: Future<Output = Result<O, Failure>>,
        I: Serialize + DeserializeOwned,
        O: Serialize + DeserializeOwned,
    {
        let mut input =
            serde_json::to_string(&self.input).expect("the input can be written as JSON");
        let simulation = Rc::new(Simulation::new(self.script));
        let run = |engine: Rc<dyn orchestration::Engine>, input: &str| {
            orchestration::run(&Context::new(engine), &self.orchestrator, input)
        };
        for restarts in 0..EXECUTIONS_MAX {
            let result = run(simulation.clone(), &input);
            let replay = Rc::new(Replay::new(simulation.recording()));
            let again = run(replay.clone(), &input);
            replay.check_end();
            assert_eq!(result, again, "the replay ended otherwise than the run");
            match simulation.end() {
                After::Restart(next) => input = next,
                After::End => return simulation.report(result.and_then(read), restarts),
            }
        }
        panic!("the orchestration continued as new {EXECUTIONS_MAX} times");
    }
}

fn read<O: DeserializeOwned>(text: String) -> Result<O, Failure> {
    serde_json::from_str(&text).map_err(|error| {
        Failure::permanent(
            Failure::INVALID_OUTPUT,
            format!("what the orchestrator gave: {error}"),
        )
    })
}

/// JSON text as a value, for reports.
fn value(text: &str) -> Value {
    serde_json::from_str(text).expect("the SDK writes valid JSON")
}
