//! What orchestrators do: the context and the futures that it makes.
//!
//! An orchestrator is run again from its history, so it takes time, identifiers and effects from
//! its [`Context`] alone.

mod call;
mod engine;
mod entity;
mod event;
mod executor;
mod task;
mod timer;

use std::future::Future;
use std::pin::pin;
use std::rc::Rc;
use std::time::{Duration, SystemTime};

use futures_util::future::{Either, select};
use serde::Serialize;

pub use call::{ActivityCall, SubOrchestrationCall};
pub(crate) use engine::Engine;
#[cfg(not(target_arch = "wasm32"))]
pub(crate) use engine::Task;
pub use entity::{EntityCall, Lock};
pub use event::Event;
pub(crate) use executor::run;
pub use timer::Timer;

use crate::bindings::imports::weft::functions::types;
use crate::{Activity, EntityId, Failure, Orchestrator};
use executor::Execution;

/// What an orchestrator sees of the world. Clones are the same context.
///
/// The futures that it makes begin their work when they are first polled, or when
/// [`ActivityCall::start`] is called. They work with everything from the crate `futures`, such as
/// [`join_all`](crate::join_all) and [`select`](crate::select); nothing else may be awaited.
#[derive(Clone)]
pub struct Context {
    execution: Rc<Execution>,
}

impl Context {
    pub(crate) fn new(engine: Rc<dyn Engine>) -> Self {
        Self {
            execution: Rc::new(Execution::new(engine)),
        }
    }

    fn engine(&self) -> &dyn Engine {
        &*self.execution.engine
    }

    /// Calls the activity of that name, with its input and output as JSON.
    pub fn activity<T>(&self, name: &str, input: &impl Serialize) -> ActivityCall<T> {
        ActivityCall::new(self.clone(), name, input)
    }

    /// Calls an activity of this crate by its type: `ctx.call::<charge>(&order)`.
    pub fn call<A: Activity>(&self, input: &A::Input) -> ActivityCall<A::Output> {
        self.activity(A::NAME, input)
    }

    /// Starts the orchestrator of that name as a child and waits for its result.
    pub fn sub_orchestration<T>(
        &self,
        name: &str,
        input: &impl Serialize,
    ) -> SubOrchestrationCall<T> {
        SubOrchestrationCall::new(self.clone(), name, input)
    }

    /// Starts an orchestrator of this crate by its type as a child.
    pub fn call_sub<O: Orchestrator>(&self, input: &O::Input) -> SubOrchestrationCall<O::Output> {
        self.sub_orchestration(O::NAME, input)
    }

    /// Runs an operation on an entity, which is created where it does not exist.
    pub fn call_entity<T>(
        &self,
        entity: &EntityId,
        operation: &str,
        input: &impl Serialize,
    ) -> EntityCall<T> {
        EntityCall::new(self, entity, operation, serde_json::to_string(input))
    }

    /// Sends an operation to an entity without waiting for it.
    ///
    /// # Errors
    /// When the input cannot be written as JSON.
    pub fn signal_entity(
        &self,
        entity: &EntityId,
        operation: &str,
        input: &impl Serialize,
    ) -> Result<(), Failure> {
        let input = serde_json::to_string(input)?;
        self.engine()
            .signal_entity(&entity.to_string(), operation, &input, None);
        Ok(())
    }

    /// The same, to run `delay` from now or later.
    ///
    /// # Errors
    /// When the input cannot be written as JSON.
    pub fn signal_entity_after(
        &self,
        delay: Duration,
        entity: &EntityId,
        operation: &str,
        input: &impl Serialize,
    ) -> Result<(), Failure> {
        let input = serde_json::to_string(input)?;
        let at = self.engine().now_ms() + crate::millis(delay);
        let entity = entity.to_string();
        self.engine()
            .signal_entity(&entity, operation, &input, Some(at));
        Ok(())
    }

    /// Begins a critical section over entities as soon as nobody else is in one: until it is
    /// released nobody else calls them. Within it only these may be called and only others
    /// signaled, and neither a second lock nor a sub-orchestration may be asked for.
    pub async fn lock(&self, entities: &[EntityId]) -> Lock {
        entity::lock(self, entities).await
    }

    /// Is done `delay` from now. Dropping it cancels it.
    #[must_use = "a timer runs only while it is awaited"]
    pub fn timer(&self, delay: Duration) -> Timer {
        Timer::new(self.clone(), self.engine().now_ms(), delay)
    }

    /// The payload of the next event of that name (compared without regard to case). Events that
    /// arrived before are kept for whoever waits first. Dropping it stops waiting.
    pub fn event<T>(&self, name: &str) -> Event<T> {
        Event::new(self.clone(), name)
    }

    /// What the future gives within that time, otherwise nothing; the future is then dropped.
    pub async fn timeout<F: Future>(&self, limit: Duration, future: F) -> Option<F::Output> {
        match select(pin!(future), self.timer(limit)).await {
            Either::Left((output, _)) => Some(output),
            Either::Right(((), _)) => None,
        }
    }

    /// Sends an event to another orchestration; it is dropped without notice where that does not
    /// exist or has ended.
    ///
    /// # Errors
    /// When the payload cannot be written as JSON.
    pub fn send_event(
        &self,
        instance_id: &str,
        name: &str,
        payload: &impl Serialize,
    ) -> Result<(), Failure> {
        let payload = serde_json::to_string(payload)?;
        self.engine().send_event(instance_id, name, &payload);
        Ok(())
    }

    /// Starts over with this input and an empty history, as soon as the orchestrator returns:
    /// `return ctx.continue_as_new(&next);`. Events that nobody has waited for are kept.
    ///
    /// # Errors
    /// Always, so that `return` and `?` both end the orchestrator; what is returned beside it
    /// does not matter.
    pub fn continue_as_new<T>(&self, input: &impl Serialize) -> Result<T, Failure> {
        self.start_over(input, true)
    }

    /// The same as [`Context::continue_as_new`], without the events that nobody has waited for.
    ///
    /// # Errors
    /// Always, for the same reason.
    pub fn continue_as_new_without_events<T>(&self, input: &impl Serialize) -> Result<T, Failure> {
        self.start_over(input, false)
    }

    fn start_over<T>(&self, input: &impl Serialize, keep_events: bool) -> Result<T, Failure> {
        let input = serde_json::to_string(input)?;
        self.engine().continue_as_new(&input, keep_events);
        self.execution.continued.set(true);
        Err(Failure::permanent(
            "continued-as-new",
            "the orchestration starts over with a new input",
        ))
    }

    /// Shows a value, at most 16 KiB of JSON, with the status of the instance. A value that
    /// cannot be written as JSON shows why.
    pub fn set_custom_status(&self, status: &impl Serialize) {
        let status = serde_json::to_string(status)
            .unwrap_or_else(|error| serde_json::Value::String(error.to_string()).to_string());
        self.engine().set_custom_status(&status);
    }

    /// The time at which the current turn began; the same on replay.
    #[must_use]
    pub fn now(&self) -> SystemTime {
        crate::time(self.engine().now_ms())
    }

    /// A new random-looking UUID; the same on replay.
    #[must_use]
    pub fn new_guid(&self) -> String {
        self.engine().new_guid()
    }

    /// Whether the code is running over recorded history, for instance to log only once.
    #[must_use]
    pub fn is_replaying(&self) -> bool {
        self.engine().is_replaying()
    }

    /// The name of this orchestration.
    #[must_use]
    pub fn instance_id(&self) -> String {
        self.engine().instance_id()
    }
}

#[doc(hidden)]
pub fn run_in_component<O: Orchestrator>(input: &str) -> Result<String, types::Failure> {
    crate::panic::report_briefly();
    let ctx = Context::new(Rc::new(engine::Platform));
    run(&ctx, O::run, input).map_err(Failure::into_wit)
}
