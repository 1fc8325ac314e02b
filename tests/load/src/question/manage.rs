//! What does it cost to look among a million orchestrations, to purge a part of them, and to run
//! code over a history?

use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context;
use futures::stream::{self, StreamExt, TryStreamExt};
use serde_json::Value;
use weft_id::{AppId, ExecutionId, InstanceKey};
use weft_orchestration::{
    After, Event, EventKind, Outcome, Payload, Start, Status, Timestamp, Turn,
};
use weft_store::{
    Consumed, Family, Filter, IdReuse, Instances, Lease, NewInstance, NodeId, PageRequest, Shard,
    TurnCommit, Work,
};
use weft_store_sqlite::SqliteStore;

use super::millis;
use crate::node::Subject;
use crate::report::{Figure, Report};

const INSTANCES: u64 = 1_000_000;
/// How many are purged while others begin.
const PURGED: u64 = 100_000;
/// How many writers fill the store.
const WRITERS: usize = 128;
const PORTION: u32 = 500;
const REPEATS: usize = 20;
const STEPS: u32 = 1000;

pub(crate) async fn measure(report: &mut Report) -> anyhow::Result<()> {
    let dir = tempfile::tempdir()?;
    let store = Arc::new(SqliteStore::open(dir.path())?);
    let full = Full::new(store).await?;
    eprintln!("filling a store with {INSTANCES} orchestrations");
    stream::iter(0..INSTANCES)
        .map(Ok)
        .try_for_each_concurrent(WRITERS, |number| full.add(number))
        .await?;
    let mut figures = full.look().await?;
    figures.extend(full.purge().await?);
    report.add("Among a million orchestrations", figures);
    drop(full);
    report.add("Code over a history", vec![rehearse().await?]);
    Ok(())
}

/// A store of many orchestrations that have ended, each after one turn.
struct Full {
    store: Arc<SqliteStore>,
    leases: Vec<Lease>,
    app: AppId,
}

impl Full {
    async fn new(store: Arc<SqliteStore>) -> anyhow::Result<Self> {
        let until = Timestamp::from_millis(u64::MAX / 4);
        let leases = store
            .lease_shards(NodeId(1), u16::MAX, Timestamp::from_millis(0), until)
            .await?;
        Ok(Self {
            store,
            leases,
            app: AppId::default(),
        })
    }

    async fn add(&self, number: u64) -> anyhow::Result<()> {
        let id = format!("order-{number}").parse()?;
        let key = InstanceKey::new(self.app.clone(), id);
        let execution = ExecutionId::from_u128(u128::from(number));
        let now = Timestamp::from_millis(number);
        let mut start = Start::new(execution, "fulfil", Payload::from("{\"order\":17}"));
        if number.is_multiple_of(1000) {
            start.tags.insert("shop".to_owned(), "berlin".to_owned());
        }
        let new = NewInstance {
            key: key.clone(),
            start,
            reuse: IdReuse::never(),
            now,
        };
        self.store.create(new).await?;
        let outcome = match number % 1000 {
            1 => Outcome::Terminated {
                reason: "not needed".to_owned(),
            },
            _ => Outcome::Completed(Payload::from("{\"shipped\":true}")),
        };
        let inbox = self.store.inbox(&key).await?;
        let commit = TurnCommit {
            execution,
            turn_number: 0,
            consumed: Consumed {
                messages: inbox.into_iter().map(|(seq, _)| seq).collect(),
                ..Consumed::default()
            },
            turn: Turn {
                events: vec![Event {
                    at: now,
                    kind: EventKind::ExecutionCompleted {
                        outcome: outcome.clone(),
                    },
                }],
                tasks: Vec::new(),
                timers: Vec::new(),
                canceled_timers: Vec::new(),
                messages: Vec::new(),
                custom_status: None,
                after: After::Ended(outcome),
            },
            revision: None,
            now,
            key: key.clone(),
        };
        let shard = usize::from(Shard::of(&key).index());
        self.store.commit_turn(self.leases[shard], commit).await?;
        Ok(())
    }

    async fn look(&self) -> anyhow::Result<Vec<Figure>> {
        let any = Filter::default;
        let time = Timestamp::from_millis;
        let questions = [
            ("the newest 50", any()),
            (
                "50 of an hour's",
                Filter {
                    created_from: Some(time(INSTANCES / 2)),
                    created_to: Some(time(INSTANCES / 2 + 10_000)),
                    ..any()
                },
            ),
            (
                "50 of the one in 1000 that was terminated",
                Filter {
                    statuses: vec![Status::Terminated],
                    ..any()
                },
            ),
            (
                "50 of the one in 1000 with a tag",
                Filter {
                    tags: [("shop".to_owned(), "berlin".to_owned())].into(),
                    ..any()
                },
            ),
            (
                "those whose id begins so (11)",
                Filter {
                    id_prefix: Some("order-77777".to_owned()),
                    ..any()
                },
            ),
        ];
        let page = PageRequest {
            limit: 50,
            after: None,
        };
        let mut figures = Vec::new();
        for (name, filter) in questions {
            let mut rounds = Vec::new();
            for _ in 0..REPEATS {
                let listed = timed(self.store.instances(&self.app, &filter, &page)).await;
                rounds.push(millis(listed.1));
                listed.0?;
            }
            figures.push(Figure::of(name, "ms", rounds));
        }
        let key = InstanceKey::new(self.app.clone(), "order-4711".parse()?);
        let mut rounds = Vec::new();
        for _ in 0..REPEATS {
            let (found, took) = timed(self.store.instance(&key)).await;
            found?.context("it is there")?;
            rounds.push(millis(took));
        }
        figures.push(Figure::of("one by its id", "ms", rounds));
        Ok(figures)
    }

    /// Purges a part while others begin one after another.
    async fn purge(&self) -> anyhow::Result<Vec<Figure>> {
        let mut alone = Vec::new();
        for number in 0..200 {
            alone.push(self.begin(INSTANCES + number).await?);
        }
        let filter = Filter {
            created_to: Some(Timestamp::from_millis(PURGED)),
            ..Filter::default()
        };
        let purge = async {
            let begun = Instant::now();
            let mut removed = 0;
            loop {
                let purged = self
                    .store
                    .purge_matching(&self.app, &filter, Family::Stays, PORTION);
                match purged.await?.instances {
                    0 => return anyhow::Ok((removed, begun.elapsed())),
                    some => removed += some,
                }
            }
        };
        tokio::pin!(purge);
        let mut beside = Vec::new();
        let (removed, took) = loop {
            let number = 2 * INSTANCES + beside.len() as u64;
            tokio::select! {
                done = &mut purge => break done?,
                begun = self.begin(number) => beside.push(begun?),
            }
        };
        anyhow::ensure!(removed == PURGED, "{removed} were purged");
        Ok(vec![
            Figure::of("purging 100000", "s", vec![took.as_secs_f64()]),
            Figure::of("beginning and ending one, alone", "ms", alone),
            Figure::of("the same while others are purged", "ms", beside),
        ])
    }

    async fn begin(&self, number: u64) -> anyhow::Result<f64> {
        let (added, took) = timed(self.add(number)).await;
        added.map(|()| millis(took))
    }
}

async fn timed<T>(work: impl Future<Output = T>) -> (T, Duration) {
    let begun = Instant::now();
    let done = work.await;
    (done, begun.elapsed())
}

/// The replay gate over one orchestration of a thousand steps.
async fn rehearse() -> anyhow::Result<Figure> {
    let subject = Subject::start();
    subject.orchestrations().await?;
    let id = subject.start_one("sequence", &STEPS.into()).await?;
    let ended = subject.ended(&id).await?;
    let events = ended["history_length"].as_f64().context("a history")?;
    let mut rounds = Vec::new();
    for _ in 0..REPEATS {
        let (check, took) = timed(subject.check_revision(1)).await;
        let check: Value = check?;
        anyhow::ensure!(check["compatible"] == true, "{check}");
        rounds.push(millis(took) / events * 1000.0);
    }
    Ok(Figure::of("1000 events", "ms", rounds))
}
