//! `wasi:config`: the function's environment, and the secrets that it asks for by name.
//!
//! A secret that was read is kept out of the call's log, its failures, its output and what it
//! starts: see [`crate::logs::Logs::hide`].

use std::collections::BTreeMap;
use std::sync::Arc;

use weft_app::Reach;

use crate::bindings::wasi::config::store::{Error, Host};
use crate::state::{Role, State};

impl State {
    /// The secrets of the app, for those who may have some. Takes the state as a whole, since a
    /// reference to it cannot go to another thread.
    async fn secrets(&mut self) -> Result<Option<Arc<BTreeMap<String, String>>>, Error> {
        let asks = self.call.function.capabilities.secrets.is_some();
        match self.role {
            Role::Http | Role::Activity if asks => {
                let found = self.services.secrets.of_app(&self.call.app).await;
                found.map(Some).map_err(Error::Io)
            }
            // What the others read would be in their histories and states.
            Role::Http
            | Role::Activity
            | Role::Entity(_)
            | Role::Orchestrator(_)
            | Role::Describe => Ok(None),
        }
    }
}

impl Host for State {
    async fn get(&mut self, key: String) -> wasmtime::Result<Result<Option<String>, Error>> {
        if let Some(value) = self.call.function.env.get(&key) {
            return Ok(Ok(Some(value.clone())));
        }
        let secrets = match self.secrets().await {
            Ok(secrets) => secrets,
            Err(error) => return Ok(Err(error)),
        };
        let found = secrets.and_then(|secrets| secrets.get(&key).cloned());
        let found = found.filter(|_| self.may(Reach::Secret, &key).is_ok());
        if let Some(secret) = &found {
            self.logs.hide(secret);
        }
        Ok(Ok(found))
    }

    async fn get_all(&mut self) -> wasmtime::Result<Result<Vec<(String, String)>, Error>> {
        let secrets = match self.secrets().await {
            Ok(secrets) => secrets,
            Err(error) => return Ok(Err(error)),
        };
        let mut all = self.call.function.env.clone();
        for (name, secret) in secrets.iter().flat_map(|secrets| secrets.iter()) {
            let named = self.call.function.capabilities.allows(Reach::Secret, name);
            if named && !all.contains_key(name) && self.may(Reach::Secret, name).is_ok() {
                self.logs.hide(secret);
                all.insert(name.clone(), secret.clone());
            }
        }
        Ok(Ok(all.into_iter().collect()))
    }
}
