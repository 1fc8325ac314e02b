//! `weft:functions/entities` for orchestrators and `weft:functions/entity-client` for HTTP functions
//! and activities.

use weft_app::Reach;
use weft_id::EntityId;
use weft_orchestration::{TaskHandle, Timestamp};

use super::client::{check_name, payload};
use super::durable::millis;
use crate::bindings::weft::functions::client::Error;
use crate::bindings::weft::functions::{entities, entity_client};
use crate::state::{Refused, State};

impl entities::Host for State {
    async fn call(
        &mut self,
        entity: String,
        operation: String,
        input: String,
    ) -> wasmtime::Result<u32> {
        let entity = entity_id(&entity).map_err(Refused)?;
        let mut replay = self.durable()?.replay();
        Ok(replay.call_entity(entity, &operation, input.into())?.0)
    }

    async fn signal(
        &mut self,
        entity: String,
        operation: String,
        input: String,
        at_ms: Option<f64>,
    ) -> wasmtime::Result<()> {
        let entity = entity_id(&entity).map_err(Refused)?;
        let at = time(at_ms).map_err(Refused)?;
        let mut replay = self.durable()?.replay();
        Ok(replay.signal_entity(entity, &operation, input.into(), at)?)
    }

    async fn lock(&mut self, entities: Vec<String>) -> wasmtime::Result<u32> {
        let set: Result<_, _> = entities.iter().map(|entity| entity_id(entity)).collect();
        let set = set.map_err(Refused)?;
        Ok(self.durable()?.replay().lock_entities(set)?.0)
    }

    async fn unlock(&mut self, lock: u32) -> wasmtime::Result<()> {
        Ok(self.durable()?.replay().release_lock(TaskHandle(lock))?)
    }
}

impl entity_client::Host for State {
    async fn signal(
        &mut self,
        entity: String,
        operation: String,
        input: String,
        at_ms: Option<f64>,
    ) -> wasmtime::Result<Result<(), Error>> {
        let (access, max) = (self.client(), self.bounds.payload_bytes_max);
        let found = entity_id(&entity);
        let granted = match &found {
            Ok(entity) => self.may(Reach::Function, entity.name()),
            Err(_) => Ok(()),
        };
        let input = self.logs.redact(input);
        let signal = async {
            let (client, app) = access?;
            let entity = found.map_err(Error::Invalid)?;
            granted.map_err(Error::Invalid)?;
            let at = time(at_ms).map_err(Error::Invalid)?;
            check_name("an operation", &operation)?;
            let input = payload(max, input)?;
            let done = client.signal_entity(&app, &entity, &operation, input, at);
            Ok(done.await?)
        };
        Ok(signal.await)
    }

    async fn get_state(
        &mut self,
        entity: String,
    ) -> wasmtime::Result<Result<Option<String>, Error>> {
        let access = self.client();
        let look = async {
            let (client, app) = access?;
            let entity = entity_id(&entity).map_err(Error::Invalid)?;
            let state = client.entity_state(&app, &entity).await?;
            Ok(state.and_then(super::client::text))
        };
        Ok(look.await)
    }
}

pub(super) fn entity_id(text: &str) -> Result<EntityId, String> {
    text.parse()
        .map_err(|error: weft_id::Error| error.to_string())
}

/// A time as a guest gives it.
pub(super) fn time(ms: Option<f64>) -> Result<Option<Timestamp>, String> {
    ms.map(|ms| millis(ms).map(Timestamp::from_millis))
        .transpose()
}
