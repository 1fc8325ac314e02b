//! What one execution asked for and got, and running it again from that.

use std::cell::{Cell, RefCell};
use std::time::Duration;

use crate::orchestration::{Engine, Task};
use crate::{Failure, RetryPolicy};

/// Something that an orchestrator asked for, in words; compared on replay.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Command(String);

impl Command {
    pub(super) fn activity(name: &str, input: &str) -> Self {
        Self(format!("the activity `{name}` with {input}"))
    }

    pub(super) fn sub_orchestration(name: &str, input: &str, id: Option<&str>) -> Self {
        Self(format!(
            "the child `{name}` ({}) with {input}",
            id.unwrap_or("unnamed")
        ))
    }

    pub(super) fn timer(delay: Duration) -> Self {
        Self(format!("a timer of {delay:?}"))
    }

    pub(super) fn event(name: &str) -> Self {
        Self(format!("the event `{name}`"))
    }

    pub(super) fn cancel(task: Task) -> Self {
        Self(format!("the end of task {task}"))
    }

    pub(super) fn send(instance_id: &str, name: &str, payload: &str) -> Self {
        Self(format!(
            "the event `{name}` to {instance_id} with {payload}"
        ))
    }

    pub(super) fn operation(entity: &str, operation: &str, input: &str) -> Self {
        Self(format!("`{operation}` of {entity} with {input}"))
    }

    pub(super) fn lock(entities: &[String]) -> Self {
        Self(format!("a lock over {}", entities.join(", ")))
    }

    pub(super) fn unlock(lock: Task) -> Self {
        Self(format!("the release of lock {lock}"))
    }

    pub(super) fn continue_as_new(input: &str) -> Self {
        Self(format!("a new execution with {input}"))
    }
}

#[derive(Clone)]
pub(super) struct Recording {
    start_ms: f64,
    instance_id: &'static str,
    commands: Vec<Command>,
    tasks: Task,
    completions: Vec<Completion>,
    guids: u32,
}

#[derive(Clone)]
struct Completion {
    task: Task,
    result: Result<String, Failure>,
    at_ms: f64,
    visible: Visible,
}

/// When a completion is seen.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Visible {
    /// As soon as the task begins: the event had come before.
    AtOnce,
    /// In a wait.
    Waiting,
}

impl Recording {
    pub(super) fn new(start_ms: f64, instance_id: &'static str) -> Self {
        Self {
            start_ms,
            instance_id,
            commands: Vec::new(),
            tasks: 0,
            completions: Vec::new(),
            guids: 0,
        }
    }

    pub(super) fn act(&mut self, command: Command) {
        self.commands.push(command);
    }

    pub(super) fn begin(&mut self, command: Command) -> Task {
        self.act(command);
        self.tasks += 1;
        self.tasks
    }

    pub(super) fn complete(
        &mut self,
        task: Task,
        result: Result<String, Failure>,
        at_ms: f64,
        visible: Visible,
    ) {
        self.completions.push(Completion {
            task,
            result,
            at_ms,
            visible,
        });
    }

    /// The place of the task's completion among all.
    pub(super) fn position(&self, task: Task) -> Option<usize> {
        let mut completions = self.completions.iter();
        completions.position(|completion| completion.task == task)
    }

    /// Which of the tasks was done first.
    pub(super) fn first_of(&self, tasks: &[Task]) -> Option<usize> {
        let mut completions = self.completions.iter();
        completions.find_map(|done| tasks.iter().position(|&task| task == done.task))
    }

    pub(super) fn result(&self, task: Task) -> Result<String, Failure> {
        let at = self
            .position(task)
            .expect("the executor asks for ready tasks only");
        self.completions[at].result.clone()
    }

    /// The clock of the current turn: when the last completion came.
    pub(super) fn now_ms(&self) -> f64 {
        self.completions
            .last()
            .map_or(self.start_ms, |done| done.at_ms)
    }

    pub(super) fn new_guid(&mut self) -> String {
        self.guids += 1;
        let execution = self.start_ms.to_bits() >> 16;
        format!("{:08x}-0000-4000-8000-{execution:012x}", self.guids)
    }
}

/// Answers from a recording and checks that the same is asked for.
pub(super) struct Replay {
    recording: Recording,
    /// What has been asked for and has become visible so far.
    so_far: RefCell<Recording>,
    asked: Cell<usize>,
}

impl Replay {
    pub(super) fn new(recording: Recording) -> Self {
        let so_far = Recording::new(recording.start_ms, recording.instance_id);
        Self {
            recording,
            so_far: RefCell::new(so_far),
            asked: Cell::new(0),
        }
    }

    /// # Panics
    /// When the run asked for more than the replay.
    pub(super) fn check_end(&self) {
        let left = self.recording.commands.get(self.asked.get());
        assert!(
            left.is_none(),
            "the orchestrator is not deterministic: the replay did not ask for {left:?}"
        );
    }

    fn check(&self, command: &Command) {
        let recorded = self.recording.commands.get(self.asked.get());
        assert_eq!(
            recorded,
            Some(command),
            "the orchestrator is not deterministic: the run (left) and its replay (right) ask for \
             different things"
        );
        self.asked.set(self.asked.get() + 1);
    }

    fn begin(&self, command: Command) -> Task {
        self.check(&command);
        let task = self.so_far.borrow_mut().begin(command);
        self.show_taken_events(task);
        task
    }

    fn act(&self, command: Command) {
        self.check(&command);
    }

    /// An event that had come before it was waited for is visible at once, as in the run.
    fn show_taken_events(&self, task: Task) {
        let mut so_far = self.so_far.borrow_mut();
        let next = self.recording.completions.get(so_far.completions.len());
        let at_once = |next: &&Completion| next.task == task && next.visible == Visible::AtOnce;
        if let Some(next) = next.filter(at_once) {
            so_far.completions.push(next.clone());
        }
    }
}

impl Engine for Replay {
    fn call_activity(&self, name: &str, input: &str, _retry: Option<&RetryPolicy>) -> Task {
        self.begin(Command::activity(name, input))
    }

    fn call_sub_orchestrator(
        &self,
        name: &str,
        input: &str,
        instance_id: Option<&str>,
        _retry: Option<&RetryPolicy>,
    ) -> Task {
        self.begin(Command::sub_orchestration(name, input, instance_id))
    }

    fn create_timer(&self, delay: Duration) -> Task {
        self.begin(Command::timer(delay))
    }

    fn cancel(&self, task: Task) {
        self.act(Command::cancel(task));
    }

    fn wait_for_event(&self, name: &str) -> Task {
        self.begin(Command::event(name))
    }

    fn send_event(&self, instance_id: &str, name: &str, payload: &str) {
        self.act(Command::send(instance_id, name, payload));
    }

    fn call_entity(&self, entity: &str, operation: &str, input: &str) -> Task {
        self.begin(Command::operation(entity, operation, input))
    }

    fn signal_entity(&self, entity: &str, operation: &str, input: &str, _at_ms: Option<f64>) {
        self.act(Command::operation(entity, operation, input));
    }

    fn lock(&self, entities: &[String]) -> Task {
        self.begin(Command::lock(entities))
    }

    fn unlock(&self, lock: Task) {
        // After the end nothing is asked for: what is still locked then is released by itself.
        if self.asked.get() < self.recording.commands.len() {
            self.act(Command::unlock(lock));
        }
    }

    fn is_ready(&self, task: Task) -> bool {
        self.so_far.borrow().position(task).is_some()
    }

    fn wait_any(&self, tasks: &[Task]) -> usize {
        let mut so_far = self.so_far.borrow_mut();
        loop {
            if let Some(first) = so_far.first_of(tasks) {
                return first;
            }
            let next = self.recording.completions.get(so_far.completions.len());
            let next = next.expect(
                "the orchestrator is not deterministic: its replay waits for more than the run",
            );
            so_far.completions.push(next.clone());
        }
    }

    fn result(&self, task: Task) -> Result<String, Failure> {
        self.so_far.borrow().result(task)
    }

    fn continue_as_new(&self, input: &str, _keep_events: bool) {
        self.act(Command::continue_as_new(input));
    }

    /// Shown again in vain, as on the platform.
    fn set_custom_status(&self, _status: &str) {}

    fn now_ms(&self) -> f64 {
        self.so_far.borrow().now_ms()
    }

    fn new_guid(&self) -> String {
        self.so_far.borrow_mut().new_guid()
    }

    fn is_replaying(&self) -> bool {
        self.so_far.borrow().completions.len() < self.recording.completions.len()
    }

    fn instance_id(&self) -> String {
        self.recording.instance_id.to_owned()
    }
}
