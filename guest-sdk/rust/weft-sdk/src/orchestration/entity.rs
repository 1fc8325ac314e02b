//! Calls of entities, and locks over them.

use std::future::Future;
use std::marker::PhantomData;
use std::pin::Pin;
use std::task::{Context as Poller, Poll};

use serde::de::DeserializeOwned;

use super::Context;
use super::call::parse_output;
use super::engine::Task;
use super::task::{Started, WhenDropped};
use crate::{EntityId, Failure};

/// A call of an entity's operation. Dropping it does not stop the operation.
#[must_use = "what the entity answers comes when this is awaited"]
pub struct EntityCall<T> {
    entity: String,
    /// Absent once it has given its result, or where there was no input to send.
    started: Option<Started>,
    failed: Option<Failure>,
    output: PhantomData<fn() -> T>,
}

impl<T> EntityCall<T> {
    /// The operation is asked for at once, so that calls reach an entity in the order in which they
    /// are made.
    pub(super) fn new(
        ctx: &Context,
        entity: &EntityId,
        operation: &str,
        input: Result<String, serde_json::Error>,
    ) -> Self {
        let entity = entity.to_string();
        let (started, failed) = match input {
            Ok(input) => {
                let task = ctx.engine().call_entity(&entity, operation, &input);
                (
                    Some(Started::new(ctx.clone(), task, WhenDropped::GoesOn)),
                    None,
                )
            }
            Err(error) => (None, Some(Failure::from(error))),
        };
        Self {
            entity,
            started,
            failed,
            output: PhantomData,
        }
    }
}

impl<T: DeserializeOwned> Future for EntityCall<T> {
    type Output = Result<T, Failure>;

    fn poll(mut self: Pin<&mut Self>, poller: &mut Poller<'_>) -> Poll<Self::Output> {
        if let Some(failure) = self.failed.take() {
            return Poll::Ready(Err(failure));
        }
        let started = self.started.as_mut();
        let started = started.expect("a call is not polled after it has given its result");
        let result = std::task::ready!(started.poll(poller));
        self.started = None;
        Poll::Ready(result.and_then(|output| parse_output(&self.entity, &output)))
    }
}

/// A critical section: ends when this is dropped, at the latest with the orchestrator.
#[must_use = "the entities are released when this is dropped"]
pub struct Lock {
    ctx: Context,
    task: Task,
}

impl Lock {
    /// Ends the critical section.
    pub fn release(self) {
        drop(self);
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        self.ctx.engine().unlock(self.task);
    }
}

/// Waits until all of the entities are locked; gives up waiting when it is dropped.
pub(super) async fn lock(ctx: &Context, entities: &[EntityId]) -> Lock {
    let ids: Vec<String> = entities.iter().map(EntityId::to_string).collect();
    let task = ctx.engine().lock(&ids);
    let lock = Lock {
        ctx: ctx.clone(),
        task,
    };
    let granted = Granted(Started::new(ctx.clone(), task, WhenDropped::GoesOn));
    // A lock has no result: it is granted, or the platform ends the orchestrator.
    let _ = granted.await;
    lock
}

struct Granted(Started);

impl Future for Granted {
    type Output = Result<String, Failure>;

    fn poll(mut self: Pin<&mut Self>, poller: &mut Poller<'_>) -> Poll<Self::Output> {
        self.0.poll(poller)
    }
}
