//! The orchestration of a trigger as the worker drives it.

use std::sync::Arc;

use async_trait::async_trait;
use weft_api::Deciders;
use weft_id::{AppId, InstanceKey};
use weft_orchestration::{EventKind, Failure, Message, Timestamp, Turn};
use weft_store::{RevisionId, Store, fill_in};
use weft_worker::{Execution, Open, TurnError};
use weft_workflow::program::Program;
use weft_workflow::run::Settings;
use weft_workflow::trigger::{Watch, WatchState, watch_id};
use weft_workflow::value::{Object, Value};

use crate::workflows::Workflows;

/// Which definition it interprets stands in its input, which comes with its first turn.
pub(crate) struct Watching {
    app: AppId,
    workflows: Arc<Workflows>,
    /// Of whatever is kept apart.
    store: Arc<dyn Store>,
    deciders: Deciders,
    stage: Stage,
}

enum Stage {
    Closed(Open),
    Open(Box<Watch>),
    /// It was taken apart and has not become a watch: the worker opens another.
    Spent,
}

impl Watching {
    pub(crate) fn new(
        open: Open,
        workflows: Arc<Workflows>,
        store: Arc<dyn Store>,
        deciders: Deciders,
    ) -> Self {
        Self {
            app: open.key.app.clone(),
            workflows,
            store,
            deciders,
            stage: Stage::Closed(open),
        }
    }

    async fn open(&self, mut open: Open, messages: &[Message]) -> Result<Watch, TurnError> {
        let filled = fill_in(&*self.store, &mut open.history).await;
        filled.map_err(|error| TurnError::Busy(error.to_string()))?;
        let Some(state) = state(&open, messages) else {
            let why = "nobody but the node watches triggers, each under the id that is its own";
            let failure = Failure::permanent("NotATrigger", why);
            return Ok(Watch::refused(open.into_replay(), failure));
        };
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
    async fn turn(
        &mut self,
        mut messages: Vec<Message>,
        now: Timestamp,
    ) -> Result<Turn, TurnError> {
        let filled = fill_in(&*self.store, &mut messages).await;
        filled.map_err(|error| TurnError::Busy(error.to_string()))?;
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

    fn committed(&mut self) {
        let Stage::Open(watch) = &mut self.stage else {
            return;
        };
        for entry in watch.take_decided() {
            if let Ok(id) = entry.name.parse() {
                let key = InstanceKey::new(self.app.clone(), id);
                self.deciders.respond(&key, entry);
            }
        }
    }
}

/// What the execution was started with: recorded, or about to be. Only the node starts what watches
/// a trigger: neither the child of another orchestration nor one of another id is heard.
fn state(open: &Open, messages: &[Message]) -> Option<WatchState> {
    let recorded = open.history.iter().find_map(|event| match &event.kind {
        EventKind::ExecutionStarted(start) => Some(start),
        _ => None,
    });
    let arrived = messages.iter().find_map(|message| match message {
        Message::Start(start) => Some(start),
        _ => None,
    });
    let start = recorded.or(arrived)?;
    let state = WatchState::read(start.input.text()?).ok()?;
    let own = *open.key.id.as_str() == watch_id(&state.workflow, &state.trigger);
    (own && start.parent.is_none()).then_some(state)
}

fn nothing() -> Program {
    let nothing = Value::Object(Object::new());
    Program::compile(&nothing).expect("there is nothing to be wrong")
}
