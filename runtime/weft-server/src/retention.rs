//! Removes ended instances of apps that say how long theirs are kept.
//!
//! It works beside everything else, in portions, and on every node that there is: what one has
//! removed the others do not find.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use weft_app::{Deployment, Retention};
use weft_id::AppId;
use weft_orchestration::{Status, Timestamp};
use weft_store::{Error, Family, Filter, Store};
use weft_worker::Clock;

/// What one request to the store removes.
const PORTION: u32 = 500;
const PAUSE_MIN: Duration = Duration::from_secs(1);
const PAUSE_MAX: Duration = Duration::from_secs(60);
/// An instance stays at most this part of its time longer, where the pauses allow for it.
const PRECISION: u32 = 10;
/// How long an ended run of a stateless workflow can be looked at.
const STATELESS_KEPT: Duration = Duration::from_secs(120);
const AUDIT_PAUSE: Duration = Duration::from_secs(3600);
const STATELESS_PAUSE: Duration = Duration::from_secs(10);

/// Runs until `stopping` says so.
pub(crate) async fn keep(
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    mut stopping: watch::Receiver<bool>,
) {
    loop {
        let pause = tokio::select! {
            swept = sweep(&*store, &*clock) => match swept {
                Ok(shortest) => pause(shortest),
                Err(error) => {
                    tracing::warn!(%error, "ended instances cannot be removed now");
                    PAUSE_MAX
                }
            },
            _ = stopping.changed() => return,
        };
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            _ = stopping.changed() => return,
        }
    }
}

/// Removes ended runs of stateless workflows, which stay for a look at them and no longer. Runs
/// until `stopping` says so; `store` knows the apps.
pub(crate) async fn keep_stateless(
    stateless: Arc<dyn Store>,
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    mut stopping: watch::Receiver<bool>,
) {
    loop {
        tokio::select! {
            swept = sweep_stateless(&*stateless, &*store, &*clock) => if let Err(error) = swept {
                tracing::warn!(%error, "ended runs in memory cannot be removed now");
            },
            _ = stopping.changed() => return,
        }
        tokio::select! {
            () = tokio::time::sleep(STATELESS_PAUSE) => {}
            _ = stopping.changed() => return,
        }
    }
}

/// Removes entries of the audit log that are older than `kept`. Runs until `stopping` says so.
pub(crate) async fn keep_audit(
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    kept: Duration,
    mut stopping: watch::Receiver<bool>,
) {
    let kept = u64::try_from(kept.as_millis()).unwrap_or(u64::MAX);
    loop {
        let before = Timestamp::from_millis(clock.now().as_millis().saturating_sub(kept));
        let trimmed = async {
            while store.trim_audit(before, PORTION).await? > 0 {
                tokio::task::yield_now().await;
            }
            Ok::<_, Error>(())
        };
        tokio::select! {
            trimmed = trimmed => if let Err(error) = trimmed {
                tracing::warn!(%error, "old entries of the audit log cannot be removed now");
            },
            _ = stopping.changed() => return,
        }
        tokio::select! {
            () = tokio::time::sleep(AUDIT_PAUSE) => {}
            _ = stopping.changed() => return,
        }
    }
}

async fn sweep_stateless(
    stateless: &dyn Store,
    store: &dyn Store,
    clock: &dyn Clock,
) -> Result<(), Error> {
    let kept = u64::try_from(STATELESS_KEPT.as_millis()).unwrap_or(u64::MAX);
    let until = Timestamp::from_millis(clock.now().as_millis().saturating_sub(kept));
    let filter = Filter {
        statuses: Status::ALL
            .into_iter()
            .filter(|s| s.is_terminal())
            .collect(),
        updated_to: Some(until),
        ..Filter::default()
    };
    for app in store.all_apps().await? {
        while stateless
            .purge_matching(&app, &filter, Family::Stays, PORTION)
            .await?
            .instances
            > 0
        {
            tokio::task::yield_now().await;
        }
    }
    Ok(())
}

fn pause(shortest: Option<Duration>) -> Duration {
    let wanted = shortest.map_or(PAUSE_MAX, |shortest| shortest / PRECISION);
    wanted.clamp(PAUSE_MIN, PAUSE_MAX)
}

/// Goes over all apps once; returns the shortest time that any of them keeps instances.
async fn sweep(store: &dyn Store, clock: &dyn Clock) -> Result<Option<Duration>, Error> {
    let mut shortest: Option<Duration> = None;
    for app in store.all_apps().await? {
        let Some(revision) = store.active_revision(&app).await? else {
            continue;
        };
        // One that cannot be read is told of by whoever runs it.
        let Ok(deployment) = Deployment::from_json(revision.deployment.text().unwrap_or_default())
        else {
            continue;
        };
        let retention = deployment.retention();
        purge(store, clock.now(), &app, retention).await?;
        shortest = shortest.into_iter().chain(retention.shortest()).min();
    }
    Ok(shortest)
}

async fn purge(
    store: &dyn Store,
    now: Timestamp,
    app: &AppId,
    retention: Retention,
) -> Result<(), Error> {
    for (status, kept) in retention.by_status() {
        let kept = u64::try_from(kept.as_millis()).unwrap_or(u64::MAX);
        let filter = Filter {
            statuses: vec![status],
            updated_to: Some(Timestamp::from_millis(now.as_millis().saturating_sub(kept))),
            ..Filter::default()
        };
        let mut removed = 0;
        loop {
            let purged = store
                .purge_matching(app, &filter, Family::Stays, PORTION)
                .await?;
            removed += purged.instances;
            if purged.instances == 0 {
                break;
            }
            // Requests of the store in memory never wait.
            tokio::task::yield_now().await;
        }
        if removed > 0 {
            let status = status.as_str();
            tracing::info!(%app, removed, status, "ended instances were removed, their time has passed");
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_follow_the_shortest_time() {
        let seconds = |n| Some(Duration::from_secs(n));
        assert_eq!(pause(None), PAUSE_MAX);
        assert_eq!(pause(seconds(2)), PAUSE_MIN);
        assert_eq!(pause(seconds(100)), Duration::from_secs(10));
        assert_eq!(pause(seconds(86_400)), PAUSE_MAX);
    }
}
