//! Waiting until an instance has ended.

use std::time::Duration;

use tokio::time::Instant;
use weft_id::InstanceKey;
use weft_store::Instance;

use crate::{Api, Problem};

const PAUSE_MIN: Duration = Duration::from_millis(1);
const PAUSE_MAX: Duration = Duration::from_millis(250);

/// The instance as it is when it has ended or when `timeout` (capped by the configuration) has
/// passed. Asks the store in growing intervals: whoever ends the instance may be another node.
///
/// # Errors
/// 404 for an absent instance, and the store's.
pub(crate) async fn until_ended(
    api: &Api,
    key: &InstanceKey,
    timeout: Duration,
) -> Result<Instance, Problem> {
    let deadline = Instant::now() + timeout.min(api.config.wait_max);
    let mut pause = PAUSE_MIN;
    loop {
        let instance = api.store.instance(key).await?;
        let instance = instance.ok_or_else(|| absent(key))?;
        let left = deadline.saturating_duration_since(Instant::now());
        if instance.status.is_terminal() || left.is_zero() {
            return Ok(instance);
        }
        tokio::time::sleep(pause.min(left)).await;
        pause = (pause * 3 / 2).min(PAUSE_MAX);
    }
}

pub(crate) fn absent(key: &InstanceKey) -> Problem {
    Problem::not_found(format!("instance {}", key.id))
}
