//! `wasi:config`: the function's environment, read by name.

use crate::bindings::wasi::config::store::{Error, Host};
use crate::state::State;

impl Host for State {
    async fn get(&mut self, key: String) -> wasmtime::Result<Result<Option<String>, Error>> {
        Ok(Ok(self.call.function.env.get(&key).cloned()))
    }

    async fn get_all(&mut self) -> wasmtime::Result<Result<Vec<(String, String)>, Error>> {
        let pairs = self.call.function.env.iter();
        Ok(Ok(pairs.map(|(k, v)| (k.clone(), v.clone())).collect()))
    }
}
