//! Reading an instance, now or once it has ended.

use std::time::Duration;

use tokio::time::Instant;
use weft_id::InstanceKey;
use weft_orchestration::Payload;
use weft_store::{Error, Instance, fill_in, with_text};

use crate::{Api, Problem};

/// The instance as it is.
///
/// # Errors
/// 404 for an absent instance, and the store's.
pub(crate) async fn present(api: &Api, key: &InstanceKey) -> Result<Instance, Problem> {
    let instance = api.store.instance(key).await?;
    instance.ok_or_else(|| absent(key))
}

/// The instance as it is when it has ended, when `timeout` (capped by the configuration) has passed,
/// or when the node shuts down.
///
/// # Errors
/// 404 for an absent instance, and the store's.
pub(crate) async fn until_ended(
    api: &Api,
    key: &InstanceKey,
    timeout: Duration,
) -> Result<Instance, Problem> {
    let deadline = Instant::now() + timeout.min(api.config.wait_max);
    tokio::select! {
        instance = weft_store::until_ended(&*api.store, key, deadline) => {
            instance?.ok_or_else(|| absent(key))
        }
        () = api.stopping.clone().asked() => present(api, key).await,
    }
}

/// The instance with the texts of its payloads. Where it has gone on meanwhile, as it is now.
///
/// # Errors
/// 404 for an instance that is gone by now, and the store's.
pub(crate) async fn filled(api: &Api, mut instance: Instance) -> Result<Instance, Problem> {
    const TRIES: usize = 3;
    for _ in 0..TRIES {
        match fill_in(&*api.store, &mut instance).await {
            Ok(()) => return Ok(instance),
            Err(Error::NotFound) => instance = present(api, &instance.key).await?,
            Err(error) => return Err(error.into()),
        }
    }
    Err(Error::Conflict.into())
}

/// The text of a payload that was read a moment ago.
///
/// # Errors
/// The store's.
pub(crate) async fn text(api: &Api, payload: &Payload) -> Result<String, Problem> {
    let payload = with_text(&*api.store, payload).await?;
    Ok(payload.text().unwrap_or_default().to_owned())
}

pub(crate) fn absent(key: &InstanceKey) -> Problem {
    Problem::not_found(format!("instance {}", key.id))
}
