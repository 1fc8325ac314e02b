//! Reading an instance, now or once it has ended.

use std::time::Duration;

use tokio::time::Instant;
use weft_id::InstanceKey;
use weft_store::Instance;

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

pub(crate) fn absent(key: &InstanceKey) -> Problem {
    Problem::not_found(format!("instance {}", key.id))
}
