//! `weft:functions/entity-context`: what an operation of an entity reads and leaves.

use std::sync::{Arc, MutexGuard};

use weft_app::Reach;
use weft_id::InstanceId;
use weft_orchestration::{Effect, check_start};

use super::client::{check_name, parse, payload};
use super::entities::{entity_id, time};
use crate::bindings::weft::functions::client::Error;
use crate::bindings::weft::functions::entity_context::Host;
use crate::entity::{Left, Operating};
use crate::state::{Refused, Role, State, Unreadable, text_of};

/// More messages than one operation may send.
const EFFECTS_MAX: usize = 1_000;

impl State {
    fn operating(&self) -> wasmtime::Result<&Arc<Operating>> {
        match &self.role {
            Role::Entity(operating) => Ok(operating),
            Role::Http | Role::Activity | Role::Orchestrator(_) | Role::Describe => {
                Err(Refused(format!(
                    "weft:functions/entity-context is not for {}: an orchestrator uses \
                     weft:functions/entities, HTTP functions and activities entity-client",
                    self.role.plural()
                ))
                .into())
            }
        }
    }

    fn left(&self) -> wasmtime::Result<MutexGuard<'_, Left>> {
        Ok(self.operating()?.left())
    }

    fn leave(&self, effect: Effect) -> wasmtime::Result<()> {
        let mut left = self.left()?;
        if left.effects.len() >= EFFECTS_MAX {
            let why = format!("an operation sends at most {EFFECTS_MAX} messages");
            return Err(Refused(why).into());
        }
        left.effects.push(effect);
        Ok(())
    }
}

impl Host for State {
    async fn get_state(&mut self) -> wasmtime::Result<Option<String>> {
        let left = self.left()?;
        let state = left.state.as_ref().map(text_of).transpose();
        let state = state.map_err(Unreadable)?;
        Ok(state.map(str::to_owned))
    }

    async fn set_state(&mut self, state: Option<String>) -> wasmtime::Result<()> {
        let max = self.bounds.payload_bytes_max;
        let state = state.map(|state| payload(max, state)).transpose();
        let state = state.map_err(refused)?;
        self.left()?.state = state;
        Ok(())
    }

    async fn signal(
        &mut self,
        entity: String,
        operation: String,
        input: String,
        at_ms: Option<f64>,
    ) -> wasmtime::Result<()> {
        let target = entity_id(&entity).map_err(Refused)?;
        self.may(Reach::Function, target.name()).map_err(Refused)?;
        let at = time(at_ms).map_err(Refused)?;
        check_name("an operation", &operation).map_err(refused)?;
        let input = payload(self.bounds.payload_bytes_max, input).map_err(refused)?;
        self.leave(Effect::Signal {
            target,
            operation,
            input,
            at,
        })
    }

    async fn start(
        &mut self,
        name: String,
        input: String,
        instance: Option<String>,
    ) -> wasmtime::Result<String> {
        check_name("an orchestrator", &name).map_err(refused)?;
        self.may(Reach::Function, &name).map_err(Refused)?;
        let input = payload(self.bounds.payload_bytes_max, input).map_err(refused)?;
        check_start(&name, &input).map_err(|reserved| Refused(reserved.to_string()))?;
        let instance = match instance {
            Some(instance) => parse(&instance).map_err(refused)?,
            None => InstanceId::of_random(rand::random()),
        };
        let instance = instance.of_orchestration();
        let instance = instance.map_err(|error| Refused(error.to_string()))?;
        let id = instance.to_string();
        self.leave(Effect::Start {
            name,
            input,
            instance,
            scheduled_at: None,
        })?;
        Ok(id)
    }
}

/// These calls have no way to return an error.
fn refused(error: Error) -> Refused {
    Refused(match error {
        Error::Invalid(why) | Error::Unavailable(why) => why,
        Error::NotFound => "not found".to_owned(),
        Error::AlreadyExists => "it exists already".to_owned(),
        Error::Ended => "it has ended".to_owned(),
    })
}
