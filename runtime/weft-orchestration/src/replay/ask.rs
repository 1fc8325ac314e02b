//! What the orchestrator's code may ask for.
//!
//! Every error here ends the execution: the caller stops the code, and the next
//! [`Replay::take_turn`] fails the instance with it.

use weft_id::InstanceId;

use super::task::{Answer, Call, Look, Target, TaskHandle, TaskKind};
use super::{Continuation, Error, Replay};
use crate::{
    Carries, EventKind, Failure, Message, NewTask, NewTimer, Outgoing, Payload, RetryPolicy, Start,
    Timestamp,
};

impl Replay {
    /// Schedules an activity.
    ///
    /// # Errors
    /// The code left its history, or passed a limit.
    pub fn call_activity(
        &mut self,
        name: &str,
        input: Payload,
        retry: Option<RetryPolicy>,
    ) -> Result<TaskHandle, Error> {
        self.call(name, input, Target::Activity, retry)
    }

    /// Starts a child, named `{parent}:{number}` without an `instance` of its own.
    ///
    /// # Errors
    /// The code left its history, or passed a limit.
    pub fn call_sub_orchestration(
        &mut self,
        name: &str,
        input: Payload,
        instance: Option<InstanceId>,
        retry: Option<RetryPolicy>,
    ) -> Result<TaskHandle, Error> {
        let instance = match instance.map(InstanceId::of_orchestration).transpose() {
            Ok(instance) => instance,
            Err(error) => return self.refuse(Error::Misuse(error.to_string())),
        };
        if self.in_critical_section() {
            let text = "a sub-orchestration may not be started in a critical section: release the \
                        lock first";
            return self.refuse(Error::Misuse(text.to_owned()));
        }
        if crate::is_reserved(name) {
            return self.refuse(Error::Misuse(crate::Reserved::Name.to_string()));
        }
        let child = match instance.or_else(|| self.instance.child(self.next_id)) {
            Some(child) => child,
            None => {
                let deep = "the child's id would be too long: give it one of its own";
                return self.refuse(Error::Misuse(deep.to_owned()));
            }
        };
        self.call(name, input, Target::Child(child), retry)
    }

    fn call(
        &mut self,
        name: &str,
        input: Payload,
        target: Target,
        retry: Option<RetryPolicy>,
    ) -> Result<TaskHandle, Error> {
        self.check_name(name)?;
        self.check_payload("a payload's length in bytes", &input)?;
        let call = Call {
            name: name.to_owned(),
            input,
            target,
            retry,
            attempt: 1,
            first_id: self.next_id,
            first_at: self.queue.now(),
        };
        let handle = self.push(TaskKind::Call(Box::new(call.clone())))?;
        self.attempt(handle, call)?;
        Ok(handle)
    }

    /// Makes one attempt at a call.
    fn attempt(&mut self, handle: TaskHandle, call: Call) -> Result<(), Error> {
        let id = self.take_id();
        self.tasks.expect(id, Answer::Done(handle));
        let execution = self.execution();
        match call.target {
            Target::Activity => {
                let decision = EventKind::TaskScheduled {
                    id,
                    name: call.name.clone(),
                    input: call.input.clone(),
                    attempt: call.attempt,
                    call: call.first_id,
                    labels: None,
                };
                if self.decide(decision)? {
                    self.live.tasks.push(NewTask {
                        execution,
                        id,
                        name: call.name,
                        input: call.input,
                        attempt: call.attempt,
                        call: call.first_id,
                        labels: None,
                    });
                }
            }
            Target::Child(child) => {
                let decision = EventKind::SubOrchestrationCreated {
                    id,
                    name: call.name.clone(),
                    instance: child.clone(),
                    input: call.input.clone(),
                    labels: None,
                };
                if self.decide(decision)? {
                    let start = self.child_start(&child, id, call.name, call.input);
                    self.live.messages.push(Outgoing {
                        to: child,
                        message: Message::Start(start),
                    });
                }
            }
        }
        Ok(())
    }

    fn child_start(&self, child: &InstanceId, id: u32, name: String, input: Payload) -> Start {
        let parent = self.start.as_ref().expect("code runs after the start");
        let execution = super::child_execution(parent.execution, id, 0, child);
        Start {
            parent: Some(crate::Parent {
                instance: self.instance.clone(),
                execution: parent.execution,
                task: id,
                name: Some(parent.name.clone()),
            }),
            trace_parent: parent.trace_parent.clone(),
            trace_state: parent.trace_state.clone(),
            ..Start::new(execution, name, input)
        }
    }

    /// A timer that fires `delay_ms` after the current time.
    ///
    /// # Errors
    /// The code left its history, or passed a limit.
    pub fn create_timer(&mut self, delay_ms: u64) -> Result<TaskHandle, Error> {
        let id = self.next_id;
        let handle = self.push(TaskKind::Timer { id })?;
        self.start_timer(delay_ms, Answer::Done(handle))?;
        Ok(handle)
    }

    fn start_timer(&mut self, delay_ms: u64, answer: Answer) -> Result<(), Error> {
        let id = self.take_id();
        let fire_at = self.queue.now().plus_millis(delay_ms);
        self.tasks.expect(id, answer);
        if self.decide(EventKind::TimerCreated { id, fire_at })? {
            let execution = self.execution();
            self.live.timers.push(NewTimer {
                execution,
                id,
                fire_at,
            });
        }
        Ok(())
    }

    /// Cancels a timer, or gives up waiting for an event; no effect on anything else.
    pub fn cancel(&mut self, task: TaskHandle) {
        let Some(timer) = self.tasks.cancel(task) else {
            return;
        };
        let created = self.live.timers.len();
        self.live.timers.retain(|new| new.id != timer);
        if self.live.timers.len() == created && !self.queue.is_replaying() {
            self.live.canceled_timers.push(timer);
        }
    }

    /// A task for the next external event of that name, compared without regard to case.
    ///
    /// # Errors
    /// The code passed a limit.
    pub fn wait_for_event(&mut self, name: &str) -> Result<TaskHandle, Error> {
        self.check_name(name)?;
        self.check_open()?;
        Ok(self.tasks.wait_for_event(name))
    }

    /// Sends an event to another instance.
    ///
    /// # Errors
    /// The code left its history, or passed a limit.
    pub fn send_event(
        &mut self,
        target: InstanceId,
        name: &str,
        payload: Payload,
    ) -> Result<(), Error> {
        self.check_name(name)?;
        self.check_payload("a payload's length in bytes", &payload)?;
        let id = self.take_id();
        let decision = EventKind::EventSent {
            id,
            target: target.clone(),
            name: name.to_owned(),
            payload: payload.clone(),
        };
        if self.decide(decision)? {
            let name = name.to_owned();
            let message = Message::Event { name, payload };
            let to = target;
            self.live.messages.push(Outgoing { to, message });
        }
        Ok(())
    }

    /// Whether a task is done, as far as the code may know.
    ///
    /// # Errors
    /// There is no such task.
    pub fn is_ready(&mut self, task: TaskHandle) -> Result<bool, Error> {
        match self.tasks.look(task) {
            Look::Open | Look::Canceled => Ok(false),
            Look::Done { .. } => Ok(true),
            Look::Unknown => self.refuse(unknown(task)),
        }
    }

    /// The position in `tasks` of the one that was done first, or `None` when the code has to be
    /// parked until the next delivery.
    ///
    /// # Errors
    /// The code left its history, or waits for something that cannot happen.
    pub fn wait_any(&mut self, tasks: &[TaskHandle]) -> Result<Option<usize>, Error> {
        loop {
            if let Some(error) = &self.error {
                return Err(error.clone());
            }
            let mut first: Option<(u64, usize)> = None;
            let mut open = false;
            for (position, task) in tasks.iter().enumerate() {
                match self.tasks.look(*task) {
                    Look::Open => open = true,
                    Look::Canceled => {}
                    Look::Done { order, .. } => {
                        if first.is_none_or(|(earliest, _)| order < earliest) {
                            first = Some((order, position));
                        }
                    }
                    Look::Unknown => return self.refuse(unknown(*task)),
                }
            }
            if let Some((_, position)) = first {
                return Ok(Some(position));
            }
            if !open {
                let endless = "waits for nothing: the list is empty or all of it is canceled";
                return self.refuse(Error::Misuse(endless.to_owned()));
            }
            if !self.advance() {
                return self.error.clone().map_or(Ok(None), Err);
            }
        }
    }

    /// The next task that is done, each once and in the order in which they were; `None` when the
    /// code has to be parked until the next delivery. For code that waits for all of its tasks at any
    /// time: it costs the same however many are open. A task that the code has given up may come too.
    ///
    /// # Errors
    /// The code left its history.
    pub fn wait_next(&mut self) -> Result<Option<TaskHandle>, Error> {
        loop {
            if let Some(error) = &self.error {
                return Err(error.clone());
            }
            if let Some(task) = self.tasks.take_finished() {
                return Ok(Some(task));
            }
            if !self.advance() {
                return self.error.clone().map_or(Ok(None), Err);
            }
        }
    }

    /// The result of a task that is done, `None` while it is not.
    ///
    /// # Errors
    /// There is no such task.
    pub fn result(&mut self, task: TaskHandle) -> Result<Option<Result<Payload, Failure>>, Error> {
        match self.tasks.look(task) {
            Look::Open | Look::Canceled => Ok(None),
            Look::Done { result, .. } => Ok(Some(result.clone())),
            Look::Unknown => self.refuse(unknown(task)),
        }
    }

    /// Starts over with `input` once the code returns without failure.
    ///
    /// # Errors
    /// The input passes the limit.
    pub fn continue_as_new(&mut self, input: Payload, keep_events: bool) -> Result<(), Error> {
        self.check_payload("a payload's length in bytes", &input)?;
        self.continue_with = Some(Continuation { input, keep_events });
        Ok(())
    }

    /// # Errors
    /// The status passes the limit.
    pub fn set_custom_status(&mut self, status: Payload) -> Result<(), Error> {
        let max = self.limits.custom_status_bytes_max;
        self.check("the custom status's length in bytes", max, status.len())?;
        if !self.queue.is_replaying() {
            self.live.custom_status = Some(status);
        }
        Ok(())
    }

    /// The time of the current turn.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.queue.now()
    }

    #[must_use]
    pub fn is_replaying(&self) -> bool {
        self.queue.is_replaying()
    }

    /// A new UUID, version 5 of the execution's id and a counter.
    pub fn new_guid(&mut self) -> String {
        let namespace = uuid::Uuid::from_u128(self.seed());
        self.guids += 1;
        let name = format!("guid {}", self.guids);
        uuid::Uuid::new_v5(&namespace, name.as_bytes()).to_string()
    }

    /// A seed for whatever randomness the code is given: the same for each replay.
    #[must_use]
    pub fn seed(&self) -> u128 {
        let start = self.start.as_ref().expect("code runs after the start");
        start.seed.unwrap_or(start.execution).as_u128()
    }

    /// What an event of the history means for the tasks.
    pub(super) fn apply(&mut self, event: EventKind, now: Timestamp) -> Result<(), Error> {
        match event {
            EventKind::TaskCompleted { task, output }
            | EventKind::EntityOperationCompleted { task, output }
            | EventKind::SubOrchestrationCompleted { task, output } => {
                if let Some(Answer::Done(handle)) = self.tasks.answer(task) {
                    self.tasks.complete(handle, Ok(output));
                }
                Ok(())
            }
            EventKind::EntityOperationFailed { task, failure } => {
                if let Some(Answer::Done(handle)) = self.tasks.answer(task) {
                    self.tasks.complete(handle, Err(failure));
                }
                Ok(())
            }
            EventKind::EntityLockGranted { task } => {
                if let Some(Answer::Done(handle)) = self.tasks.answer(task) {
                    self.tasks.complete(handle, Ok(Payload::null()));
                }
                Ok(())
            }
            EventKind::TaskFailed { task, failure }
            | EventKind::SubOrchestrationFailed { task, failure } => {
                match self.tasks.answer(task) {
                    Some(Answer::Done(handle)) => self.call_failed(handle, failure, now),
                    Some(Answer::Retry(_)) | None => Ok(()),
                }
            }
            EventKind::TimerFired { timer } => match self.tasks.answer(timer) {
                Some(Answer::Done(handle)) => {
                    self.tasks.complete(handle, Ok(Payload::null()));
                    Ok(())
                }
                Some(Answer::Retry(handle)) => {
                    let call = self.tasks.call_mut(handle).cloned();
                    self.attempt(handle, call.expect("only calls are retried"))
                }
                None => Ok(()),
            },
            EventKind::EventRaised { name, payload } => {
                self.tasks.event(name, payload);
                Ok(())
            }
            EventKind::OrchestratorStarted
            | EventKind::ExecutionStarted(_)
            | EventKind::TaskScheduled { .. }
            | EventKind::SubOrchestrationCreated { .. }
            | EventKind::TimerCreated { .. }
            | EventKind::EventSent { .. }
            | EventKind::ExecutionSuspended { .. }
            | EventKind::ExecutionResumed { .. }
            | EventKind::ExecutionTerminated { .. }
            | EventKind::ContinuedAsNew { .. }
            | EventKind::EntityOperationSignaled { .. }
            | EventKind::EntityOperationCalled { .. }
            | EventKind::EntityLockRequested { .. }
            | EventKind::EntityUnlockSent { .. }
            | EventKind::ExecutionRewound { .. }
            | EventKind::ExecutionMoved { .. }
            | EventKind::ExecutionCompleted { .. } => Ok(()),
        }
    }

    fn call_failed(
        &mut self,
        handle: TaskHandle,
        failure: Failure,
        now: Timestamp,
    ) -> Result<(), Error> {
        let call = self.tasks.call_mut(handle).expect("only calls fail");
        let policy = call.retry.as_ref();
        let delay = policy.and_then(|p| p.delay_after(call.attempt, &failure, call.first_at, now));
        match delay {
            Some(delay) => {
                call.attempt += 1;
                self.start_timer(delay, Answer::Retry(handle))
            }
            None => {
                self.tasks.complete(handle, Err(failure));
                Ok(())
            }
        }
    }

    pub(super) fn push(&mut self, kind: TaskKind) -> Result<TaskHandle, Error> {
        self.check_open()?;
        Ok(self.tasks.push(kind))
    }

    pub(super) fn take_id(&mut self) -> u32 {
        let id = self.next_id;
        self.next_id += 1;
        id
    }

    pub(super) fn decide(&mut self, decision: EventKind) -> Result<bool, Error> {
        let tracked = decision.clone();
        match self.queue.decide(decision) {
            Ok(new) => {
                if new {
                    self.known.track(&tracked);
                    self.count(&tracked)?;
                }
                Ok(new)
            }
            Err(error) => self.refuse(error),
        }
    }

    /// Counts a decision of the live turn.
    fn count(&mut self, decision: &EventKind) -> Result<(), Error> {
        let mut bytes = 0;
        decision.each(&mut |payload| bytes += payload.len());
        self.live.decisions += 1;
        self.live.bytes += bytes;
        let (max, found) = (self.limits.turn_decisions_max(), self.live.decisions);
        self.check("the number of decisions of one turn", max, found)?;
        let (max, found) = (self.limits.turn_bytes_max(), self.live.bytes);
        self.check("the bytes that one turn hands over", max, found)
    }

    fn check_open(&mut self) -> Result<(), Error> {
        let open = self.tasks.open_len() + 1;
        self.check("the number of open tasks", self.limits.open_tasks_max, open)
    }

    pub(super) fn check_name(&mut self, name: &str) -> Result<(), Error> {
        if name.is_empty() {
            return self.refuse(Error::Misuse("a name may not be empty".to_owned()));
        }
        let max = self.limits.name_bytes_max;
        self.check("a name's length in bytes", max, name.len())
    }

    pub(super) fn check_payload(
        &mut self,
        what: &'static str,
        payload: &Payload,
    ) -> Result<(), Error> {
        self.check(what, self.limits.payload_bytes_max, payload.len())
    }

    pub(super) fn check_result_size(&self, result: &Result<Payload, Failure>) -> Result<(), Error> {
        let (what, max, found) = match result {
            Ok(output) => (
                "the output's length in bytes",
                self.limits.payload_bytes_max,
                output.len(),
            ),
            Err(failure) => (
                "the failure's length in bytes",
                self.limits.failure_bytes_max,
                failure.bytes(),
            ),
        };
        if found > max {
            return Err(Error::Limit { what, max, found });
        }
        Ok(())
    }

    pub(super) fn check(
        &mut self,
        what: &'static str,
        max: usize,
        found: usize,
    ) -> Result<(), Error> {
        if let Some(error) = &self.error {
            return Err(error.clone());
        }
        if found > max {
            return self.refuse(Error::Limit { what, max, found });
        }
        Ok(())
    }

    /// Keeps the first error, which is the cause of those after it.
    pub(super) fn refuse<T>(&mut self, error: Error) -> Result<T, Error> {
        Err(self.error.get_or_insert(error).clone())
    }
}

fn unknown(task: TaskHandle) -> Error {
    Error::Misuse(format!("there is no task {}", task.0))
}
