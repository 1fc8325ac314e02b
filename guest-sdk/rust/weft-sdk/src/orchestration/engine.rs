//! What a context asks of the world: the platform in a component, a simulation in tests.

use std::time::Duration;

use crate::bindings::imports::weft::functions::{durable, entities};
use crate::{Failure, RetryPolicy, millis};

/// A task of one execution. Numbers grow in the order in which tasks are started.
pub(crate) type Task = u32;

/// The durable interface of the WIT. Only `wait_any` may take time: everything else answers at
/// once, and what `is_ready` says changes in `wait_any` alone.
pub(crate) trait Engine {
    fn call_activity(&self, name: &str, input: &str, retry: Option<&RetryPolicy>) -> Task;
    fn call_sub_orchestrator(
        &self,
        name: &str,
        input: &str,
        instance_id: Option<&str>,
        retry: Option<&RetryPolicy>,
    ) -> Task;
    fn create_timer(&self, delay: Duration) -> Task;
    fn cancel(&self, task: Task);
    fn wait_for_event(&self, name: &str) -> Task;
    fn send_event(&self, instance_id: &str, name: &str, payload: &str);
    fn call_entity(&self, entity: &str, operation: &str, input: &str) -> Task;
    fn signal_entity(&self, entity: &str, operation: &str, input: &str, at_ms: Option<f64>);
    fn lock(&self, entities: &[String]) -> Task;
    fn unlock(&self, lock: Task);
    fn is_ready(&self, task: Task) -> bool;
    /// The position of the task that was done first; `tasks` is not empty.
    fn wait_any(&self, tasks: &[Task]) -> usize;
    /// The result of a task that is ready.
    fn result(&self, task: Task) -> Result<String, Failure>;
    fn continue_as_new(&self, input: &str, keep_events: bool);
    fn set_custom_status(&self, status: &str);
    /// Milliseconds since 1970.
    fn now_ms(&self) -> f64;
    fn new_guid(&self) -> String;
    fn is_replaying(&self) -> bool;
    fn instance_id(&self) -> String;
}

/// The platform that runs this component.
pub(crate) struct Platform;

impl Engine for Platform {
    fn call_activity(&self, name: &str, input: &str, retry: Option<&RetryPolicy>) -> Task {
        durable::call_activity(name, input, retry.map(RetryPolicy::to_wit).as_ref())
    }

    fn call_sub_orchestrator(
        &self,
        name: &str,
        input: &str,
        instance_id: Option<&str>,
        retry: Option<&RetryPolicy>,
    ) -> Task {
        let retry = retry.map(RetryPolicy::to_wit);
        durable::call_sub_orchestrator(name, input, instance_id, retry.as_ref())
    }

    fn create_timer(&self, delay: Duration) -> Task {
        durable::create_timer(millis(delay))
    }

    fn cancel(&self, task: Task) {
        durable::cancel(task);
    }

    fn wait_for_event(&self, name: &str) -> Task {
        durable::wait_for_event(name)
    }

    fn send_event(&self, instance_id: &str, name: &str, payload: &str) {
        durable::send_event(instance_id, name, payload);
    }

    fn call_entity(&self, entity: &str, operation: &str, input: &str) -> Task {
        entities::call(entity, operation, input)
    }

    fn signal_entity(&self, entity: &str, operation: &str, input: &str, at_ms: Option<f64>) {
        entities::signal(entity, operation, input, at_ms);
    }

    fn lock(&self, set: &[String]) -> Task {
        entities::lock(set)
    }

    fn unlock(&self, lock: Task) {
        entities::unlock(lock);
    }

    fn is_ready(&self, task: Task) -> bool {
        durable::is_ready(task)
    }

    fn wait_any(&self, tasks: &[Task]) -> usize {
        durable::wait_any(tasks) as usize
    }

    fn result(&self, task: Task) -> Result<String, Failure> {
        durable::wait(task).map_err(Failure::from_wit)
    }

    fn continue_as_new(&self, input: &str, keep_events: bool) {
        durable::continue_as_new(input, keep_events);
    }

    fn set_custom_status(&self, status: &str) {
        durable::set_custom_status(status);
    }

    fn now_ms(&self) -> f64 {
        durable::now_ms()
    }

    fn new_guid(&self) -> String {
        durable::new_guid()
    }

    fn is_replaying(&self) -> bool {
        durable::is_replaying()
    }

    fn instance_id(&self) -> String {
        durable::instance_id()
    }
}
