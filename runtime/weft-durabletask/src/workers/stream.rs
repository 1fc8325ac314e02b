//! One worker's stream of work.

use std::collections::{HashMap, HashSet};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use futures::Stream;
use prost::Message as _;
use tokio::sync::mpsc;
use tokio::time::{Instant, Interval, MissedTickBehavior, interval_at};
use tonic::Status;
use weft_id::AppId;

use super::{Kind, Workers};
use crate::proto::{self, work_item::Request};

/// Workers take a stream for dead that is silent for two minutes.
const PING_EVERY: Duration = Duration::from_secs(25);
/// Of one kind, at one time, where a worker names no bound of its own.
const CONCURRENT_MAX: usize = 1000;
/// A longer history is left to those who ask for it by themselves.
const INLINE_BYTES_MAX: usize = 1 << 20;

/// The end at which work goes in.
#[derive(Debug)]
pub(super) struct Sender {
    items: mpsc::UnboundedSender<proto::WorkItem>,
    /// How many it takes and has, by kind. Bounds what is in the channel as well.
    room: HashMap<Kind, Room>,
    /// `None` takes everything.
    filter: Option<Filter>,
    /// Whether it asks for long histories by itself.
    reads_history: bool,
}

#[derive(Debug)]
struct Room {
    most: usize,
    busy: usize,
}

/// Names with their versions; no versions are all versions.
#[derive(Debug, Default)]
struct Filter(HashMap<(Kind, String), HashSet<String>>);

/// The end at which work comes out.
#[derive(Debug)]
pub(super) struct Items(mpsc::UnboundedReceiver<proto::WorkItem>);

pub(super) fn channel(asked: &proto::GetWorkItemsRequest) -> (Sender, Items) {
    let (sender, receiver) = mpsc::unbounded_channel();
    let room = [
        (
            Kind::Orchestration,
            asked.max_concurrent_orchestration_work_items,
        ),
        (Kind::Activity, asked.max_concurrent_activity_work_items),
        (Kind::Entity, asked.max_concurrent_entity_work_items),
    ];
    let room = room.map(|(kind, most)| {
        let most = usize::try_from(most).ok().filter(|most| *most > 0);
        let most = most.unwrap_or(CONCURRENT_MAX).min(CONCURRENT_MAX);
        (kind, Room { most, busy: 0 })
    });
    let sender = Sender {
        items: sender,
        room: room.into(),
        filter: asked.work_item_filters.as_ref().map(Filter::new),
        reads_history: asked
            .capabilities
            .contains(&(proto::WorkerCapability::HistoryStreaming as i32)),
    };
    (sender, Items(receiver))
}

impl Filter {
    fn new(filters: &proto::WorkItemFilters) -> Self {
        let mut filter = Self::default();
        for of in &filters.orchestrations {
            filter.add(Kind::Orchestration, &of.name, &of.versions);
        }
        for of in &filters.activities {
            filter.add(Kind::Activity, &of.name, &of.versions);
        }
        for of in &filters.entities {
            // Names of entities are lower-case here.
            filter.add(Kind::Entity, &of.name.to_lowercase(), &[]);
        }
        filter
    }

    fn add(&mut self, kind: Kind, name: &str, versions: &[String]) {
        let known = self.0.entry((kind, name.to_owned())).or_default();
        known.extend(versions.iter().cloned());
    }

    fn takes(&self, kind: Kind, name: &str, version: Option<&str>) -> bool {
        let versions = self.0.get(&(kind, name.to_owned()));
        versions.is_some_and(|versions| {
            // SDKs ask for activities without one, also where they filter by it.
            (kind == Kind::Activity && version.is_none())
                || versions.is_empty()
                || versions.contains(version.unwrap_or_default())
        })
    }
}

impl Sender {
    pub(super) fn takes(&self, kind: Kind, name: &str, version: Option<&str>) -> bool {
        let filter = self.filter.as_ref();
        filter.is_none_or(|filter| filter.takes(kind, name, version))
    }

    pub(super) fn has_room(&self, kind: Kind) -> bool {
        let room = &self.room[&kind];
        room.busy < room.most
    }

    pub(super) fn has_any_room(&self) -> bool {
        self.room.values().any(|room| room.busy < room.most)
    }

    pub(super) fn busy(&self, kind: Kind) -> usize {
        self.room[&kind].busy
    }

    pub(super) fn send(&mut self, kind: Kind, mut request: Request, token: String) {
        if let Request::OrchestratorRequest(turn) = &mut request
            && self.reads_history
            && turn.encoded_len() > INLINE_BYTES_MAX
        {
            turn.past_events.clear();
            turn.requires_history_streaming = true;
        }
        if let Some(room) = self.room.get_mut(&kind) {
            room.busy += 1;
        }
        // A stream whose other end is gone is about to be disconnected, and its work with it.
        let _ = self.items.send(proto::WorkItem {
            request: Some(request),
            completion_token: token,
        });
    }

    pub(super) fn done(&mut self, kind: Kind) {
        if let Some(room) = self.room.get_mut(&kind) {
            room.busy = room.busy.saturating_sub(1);
        }
    }
}

#[cfg(test)]
impl Items {
    pub(super) fn try_next(&mut self) -> Option<proto::WorkItem> {
        self.0.try_recv().ok()
    }
}

/// What a worker reads. When it is dropped, its work goes to others.
pub(crate) struct WorkStream {
    workers: Workers,
    app: AppId,
    id: u64,
    items: Items,
    ping: Interval,
}

impl WorkStream {
    pub(super) fn new(workers: Workers, app: AppId, id: u64, items: Items) -> Self {
        // The first one tells the worker at once that it is connected.
        let mut ping = interval_at(Instant::now(), PING_EVERY);
        ping.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Self {
            workers,
            app,
            id,
            items,
            ping,
        }
    }
}

impl Stream for WorkStream {
    type Item = Result<proto::WorkItem, Status>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if let Poll::Ready(item) = self.items.0.poll_recv(cx) {
            return Poll::Ready(item.map(Ok));
        }
        if self.ping.poll_tick(cx).is_ready() {
            return Poll::Ready(Some(Ok(proto::WorkItem {
                request: Some(Request::HealthPing(proto::HealthPing {})),
                completion_token: String::new(),
            })));
        }
        Poll::Pending
    }
}

impl Drop for WorkStream {
    fn drop(&mut self) {
        self.workers.disconnect(&self.app, self.id);
    }
}
