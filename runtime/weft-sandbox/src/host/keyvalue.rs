//! `wasi:keyvalue`: pairs of the guest's own app.

use wasmtime::component::Resource;
use weft_app::Reach;

use crate::bindings::wasi::keyvalue::atomics;
use crate::bindings::wasi::keyvalue::store::{Error, Host, HostBucket, KeyResponse};
use crate::state::{Role, State};

/// Keys in one answer of `list-keys`.
const PAGE: u32 = 1000;
/// Listings that one invocation may have open.
const CURSORS_MAX: usize = 10_000;

/// An open bucket: its name. Buckets exist as soon as they are named.
#[expect(unreachable_pub, reason = "generated code re-exports it")]
pub struct Bucket(String);

impl Host for State {
    async fn open(
        &mut self,
        identifier: String,
    ) -> wasmtime::Result<Result<Resource<Bucket>, Error>> {
        match &self.role {
            Role::Http | Role::Activity | Role::Entity(_) => {}
            Role::Orchestrator(_) | Role::Describe => {
                let role = self.role.plural();
                return Ok(Err(Error::Other(format!(
                    "wasi:keyvalue is not for {role}: its answers differ between replays; \
                     call an activity that uses it"
                ))));
            }
        }
        if self.may(Reach::KeyValue, &identifier).is_err() {
            return Ok(Err(Error::AccessDenied));
        }
        Ok(Ok(self.table.push(Bucket(identifier))?))
    }
}

impl State {
    /// The name of a bucket that may still be used.
    fn bucket(&self, bucket: &Resource<Bucket>) -> wasmtime::Result<Result<String, Error>> {
        let name = self.table.get(bucket)?.0.clone();
        let may = self.may(Reach::KeyValue, &name);
        Ok(may.map(|()| name).map_err(|_| Error::AccessDenied))
    }
}

fn failed(error: &weft_store::Error) -> Error {
    Error::Other(error.to_string())
}

impl HostBucket for State {
    async fn get(
        &mut self,
        bucket: Resource<Bucket>,
        key: String,
    ) -> wasmtime::Result<Result<Option<Vec<u8>>, Error>> {
        let bucket = match self.bucket(&bucket)? {
            Ok(bucket) => bucket,
            Err(denied) => return Ok(Err(denied)),
        };
        let store = &self.services.key_value;
        let value = store.kv_get(&self.call.app, &bucket, &key).await;
        Ok(value.map_err(|error| failed(&error)))
    }

    async fn set(
        &mut self,
        bucket: Resource<Bucket>,
        key: String,
        value: Vec<u8>,
    ) -> wasmtime::Result<Result<(), Error>> {
        let bucket = match self.bucket(&bucket)? {
            Ok(bucket) => bucket,
            Err(denied) => return Ok(Err(denied)),
        };
        let store = &self.services.key_value;
        let done = store.kv_set(&self.call.app, &bucket, &key, &value).await;
        Ok(done.map_err(|error| failed(&error)))
    }

    async fn delete(
        &mut self,
        bucket: Resource<Bucket>,
        key: String,
    ) -> wasmtime::Result<Result<(), Error>> {
        let bucket = match self.bucket(&bucket)? {
            Ok(bucket) => bucket,
            Err(denied) => return Ok(Err(denied)),
        };
        let store = &self.services.key_value;
        let done = store.kv_delete(&self.call.app, &bucket, &key).await;
        Ok(done.map_err(|error| failed(&error)))
    }

    async fn exists(
        &mut self,
        bucket: Resource<Bucket>,
        key: String,
    ) -> wasmtime::Result<Result<bool, Error>> {
        let value = self.get(bucket, key).await?;
        Ok(value.map(|value| value.is_some()))
    }

    async fn list_keys(
        &mut self,
        bucket: Resource<Bucket>,
        cursor: Option<u64>,
    ) -> wasmtime::Result<Result<KeyResponse, Error>> {
        let bucket = match self.bucket(&bucket)? {
            Ok(bucket) => bucket,
            Err(denied) => return Ok(Err(denied)),
        };
        let after = match cursor {
            None => None,
            Some(cursor) => {
                let known = usize::try_from(cursor).ok();
                match known.and_then(|cursor| self.cursors.get(cursor)) {
                    Some(key) => Some(key.as_str()),
                    None => return Ok(Err(Error::Other(format!("there is no cursor {cursor}")))),
                }
            }
        };
        let store = &self.services.key_value;
        let keys = store.kv_keys(&self.call.app, &bucket, after, PAGE).await;
        Ok(match keys {
            Err(error) => Err(failed(&error)),
            Ok(_) if self.cursors.len() >= CURSORS_MAX => Err(Error::Other(format!(
                "the number of open listings is limited to {CURSORS_MAX}"
            ))),
            Ok(keys) => {
                let full = keys.len() == PAGE as usize;
                let cursor = keys.last().filter(|_| full).map(|last| {
                    self.cursors.push(last.clone());
                    self.cursors.len() as u64 - 1
                });
                Ok(KeyResponse { keys, cursor })
            }
        })
    }

    async fn drop(&mut self, bucket: Resource<Bucket>) -> wasmtime::Result<()> {
        self.table.delete(bucket)?;
        Ok(())
    }
}

impl atomics::Host for State {
    async fn increment(
        &mut self,
        bucket: Resource<Bucket>,
        key: String,
        delta: u64,
    ) -> wasmtime::Result<Result<u64, Error>> {
        let bucket = match self.bucket(&bucket)? {
            Ok(bucket) => bucket,
            Err(denied) => return Ok(Err(denied)),
        };
        let Ok(delta) = i64::try_from(delta) else {
            return Ok(Err(Error::Other(format!("{delta} is too large a step"))));
        };
        let (app, store) = (&self.call.app, &self.services.key_value);
        let sum = store.kv_increment(app, &bucket, &key, delta).await;
        Ok(sum.map_err(|error| failed(&error)).and_then(|sum| {
            u64::try_from(sum).map_err(|_| Error::Other(format!("the number is below zero: {sum}")))
        }))
    }
}
