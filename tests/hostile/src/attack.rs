//! What an attack is, and what may come of it.

use std::sync::Arc;

use futures::future::BoxFuture;

use crate::scene::Scene;

/// What became of an attack.
#[derive(Debug, Clone)]
pub enum Outcome {
    /// As expected; what the node did.
    Refused(String),
    /// It reached something; what.
    Through(String),
}

/// What an attack is to the victim beside it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Beside {
    /// Over at once: the victim may not notice, but nothing is measured.
    Quiet,
    /// It goes on for a while: the victim's latency and throughput are judged.
    Noisy,
    /// The same with the node on one processor.
    Pinned,
    /// Against a node of its own.
    Elsewhere,
}

type Run = Box<dyn Fn(Arc<Scene>) -> BoxFuture<'static, anyhow::Result<Outcome>> + Send + Sync>;

/// One attack.
pub struct Attack {
    /// `group/name`.
    pub name: String,
    /// What the node must do.
    pub expected: String,
    pub beside: Beside,
    pub run: Run,
}

impl Attack {
    pub fn new<F>(
        name: impl Into<String>,
        expected: impl Into<String>,
        beside: Beside,
        run: impl Fn(Arc<Scene>) -> F + Send + Sync + 'static,
    ) -> Self
    where
        F: Future<Output = anyhow::Result<Outcome>> + Send + 'static,
    {
        Self {
            name: name.into(),
            expected: expected.into(),
            beside,
            run: Box::new(move |scene| Box::pin(run(scene))),
        }
    }
}

impl Outcome {
    /// Refused where it holds.
    pub fn of(refused: bool, happened: impl Into<String>) -> Self {
        match refused {
            true => Self::Refused(happened.into()),
            false => Self::Through(happened.into()),
        }
    }
}
