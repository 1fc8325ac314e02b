//! The orchestration of a trigger as the worker drives it.

use std::sync::Arc;

use async_trait::async_trait;
use weft_id::AppId;
use weft_orchestration::{Event, EventKind, Message, Timestamp, Turn};
use weft_store::RevisionId;
use weft_worker::{Execution, Open, TurnError};
use weft_workflow::program::Program;
use weft_workflow::run::Settings;
use weft_workflow::trigger::{Watch, WatchState};
use weft_workflow::value::{Object, Value};

use crate::workflows::Workflows;

/// Which definition it interprets stands in its input, which comes with its first turn.
pub(crate) struct Watching {
    app: AppId,
    workflows: Arc<Workflows>,
    stage: Stage,
}

enum Stage {
    Closed(Open),
    Open(Box<Watch>),
    /// It was taken apart and has not become a watch: the worker opens another.
    Spent,
}

impl Watching {
    pub(crate) fn new(open: Open, workflows: Arc<Workflows>) -> Self {
        Self {
            app: open.key.app.clone(),
            workflows,
            stage: Stage::Closed(open),
        }
    }

    async fn open(&self, open: Open, messages: &[Message]) -> Result<Watch, TurnError> {
        let input = input(&open.history, messages).unwrap_or_default();
        // A state that cannot be read ends the watch with a failure, whatever the program.
        let state = WatchState::read(&input).unwrap_or_default();
        let revision = RevisionId(state.revision);
        let found = self
            .workflows
            .find(&self.app, Some(revision), &state.workflow)
            .await
            .map_err(|error| TurnError::Busy(error.to_string()))?;
        let (program, settings) = match found {
            Some(Ok(deployed)) => (
                Arc::clone(&deployed.program),
                Arc::clone(&deployed.settings),
            ),
            // It looks for another revision then.
            Some(Err(_)) | None => (Arc::new(nothing()), Arc::new(Settings::default())),
        };
        Ok(Watch::new(program, settings, open.into_replay()))
    }
}

#[async_trait]
impl Execution for Watching {
    async fn turn(&mut self, messages: Vec<Message>, now: Timestamp) -> Result<Turn, TurnError> {
        let stage = std::mem::replace(&mut self.stage, Stage::Spent);
        let mut watch = match stage {
            Stage::Open(watch) => watch,
            Stage::Closed(open) => Box::new(self.open(open, &messages).await?),
            Stage::Spent => return Err(TurnError::Busy("the trigger is opened anew".to_owned())),
        };
        let turn = watch.turn(messages, now);
        self.stage = Stage::Open(watch);
        Ok(turn)
    }
}

/// What the execution was started with: recorded, or about to be.
fn input(history: &[Event], messages: &[Message]) -> Option<String> {
    let recorded = history.iter().find_map(|event| match &event.kind {
        EventKind::ExecutionStarted(start) => Some(start),
        _ => None,
    });
    let arrived = messages.iter().find_map(|message| match message {
        Message::Start(start) => Some(start),
        _ => None,
    });
    let start = recorded.or(arrived)?;
    Some(start.input.as_str().to_owned())
}

fn nothing() -> Program {
    let nothing = Value::Object(Object::new());
    Program::compile(&nothing).expect("there is nothing to be wrong")
}
