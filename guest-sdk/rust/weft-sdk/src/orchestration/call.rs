//! Calls of activities and sub-orchestrations.

use std::future::Future;
use std::marker::PhantomData;
use std::pin::Pin;
use std::task::{Context as Poller, Poll};

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::Context;
use super::task::{Started, WhenDropped};
use crate::{Failure, RetryPolicy};

/// A call of an activity. Dropping it does not stop an activity that has begun.
#[must_use = "a call is made when it is awaited or started"]
pub struct ActivityCall<T> {
    call: Call,
    output: PhantomData<fn() -> T>,
}

impl<T> ActivityCall<T> {
    pub(super) fn new(ctx: Context, name: &str, input: &impl Serialize) -> Self {
        Self {
            call: Call::new(ctx, name, input),
            output: PhantomData,
        }
    }

    /// Makes a failed call again. Has no effect on a call that was already started.
    pub fn with_retry(mut self, policy: RetryPolicy) -> Self {
        self.call.retry = Some(policy);
        self
    }

    /// Makes the call now instead of when it is first polled.
    pub fn start(mut self) -> Self {
        self.call.start(call_activity);
        self
    }
}

impl<T: DeserializeOwned> Future for ActivityCall<T> {
    type Output = Result<T, Failure>;

    fn poll(mut self: Pin<&mut Self>, poller: &mut Poller<'_>) -> Poll<Self::Output> {
        self.call.poll(poller, call_activity)
    }
}

fn call_activity(call: &Call, input: &str) -> u32 {
    let engine = call.ctx.engine();
    engine.call_activity(&call.name, input, call.retry.as_ref())
}

/// A child orchestration. Dropping it does not stop a child that has begun.
#[must_use = "a sub-orchestration begins when it is awaited or started"]
pub struct SubOrchestrationCall<T> {
    call: Call,
    output: PhantomData<fn() -> T>,
}

impl<T> SubOrchestrationCall<T> {
    pub(super) fn new(ctx: Context, name: &str, input: &impl Serialize) -> Self {
        Self {
            call: Call::new(ctx, name, input),
            output: PhantomData,
        }
    }

    /// Names the child; otherwise it is named `{parent}:{number}`. Has no effect on a call that
    /// was already started.
    pub fn with_instance_id(mut self, instance_id: impl Into<String>) -> Self {
        self.call.instance_id = Some(instance_id.into());
        self
    }

    /// Runs a failed child again. Has no effect on a call that was already started.
    pub fn with_retry(mut self, policy: RetryPolicy) -> Self {
        self.call.retry = Some(policy);
        self
    }

    /// Starts the child now instead of when this is first polled.
    pub fn start(mut self) -> Self {
        self.call.start(call_sub_orchestrator);
        self
    }
}

impl<T: DeserializeOwned> Future for SubOrchestrationCall<T> {
    type Output = Result<T, Failure>;

    fn poll(mut self: Pin<&mut Self>, poller: &mut Poller<'_>) -> Poll<Self::Output> {
        self.call.poll(poller, call_sub_orchestrator)
    }
}

fn call_sub_orchestrator(call: &Call, input: &str) -> u32 {
    let (id, retry) = (call.instance_id.as_deref(), call.retry.as_ref());
    call.ctx
        .engine()
        .call_sub_orchestrator(&call.name, input, id, retry)
}

/// What both have in common.
struct Call {
    ctx: Context,
    name: String,
    instance_id: Option<String>,
    retry: Option<RetryPolicy>,
    stage: Stage,
}

enum Stage {
    /// The input as JSON, or why there is none.
    Planned(Result<String, Failure>),
    Started(Started),
    Ended,
}

impl Call {
    fn new(ctx: Context, name: &str, input: &impl Serialize) -> Self {
        Self {
            ctx,
            name: name.to_owned(),
            instance_id: None,
            retry: None,
            stage: Stage::Planned(serde_json::to_string(input).map_err(Failure::from)),
        }
    }

    fn start(&mut self, make: fn(&Self, &str) -> u32) {
        if let Stage::Planned(Ok(input)) = &self.stage {
            let task = make(self, input);
            let started = Started::new(self.ctx.clone(), task, WhenDropped::GoesOn);
            self.stage = Stage::Started(started);
        }
    }

    fn poll<T: DeserializeOwned>(
        &mut self,
        poller: &Poller<'_>,
        make: fn(&Self, &str) -> u32,
    ) -> Poll<Result<T, Failure>> {
        self.start(make);
        let result = match &mut self.stage {
            Stage::Planned(input) => input.clone(),
            Stage::Started(started) => std::task::ready!(started.poll(poller)),
            Stage::Ended => panic!("a call was polled after it had given its result"),
        };
        self.stage = Stage::Ended;
        Poll::Ready(result.and_then(|output| parse_output(&self.name, &output)))
    }
}

/// Reads what an activity, a child or an event brought.
pub(super) fn parse_output<T: DeserializeOwned>(from: &str, text: &str) -> Result<T, Failure> {
    crate::activity::from_json(text).map_err(|error| {
        Failure::permanent(
            Failure::INVALID_OUTPUT,
            format!("what {from} gave: {error}"),
        )
    })
}
