//! Finding, reading and purging many instances.

use std::collections::VecDeque;

use futures::stream;
use prost::Message as _;
use tonic::Status;
use weft_id::{AppId, InstanceId, InstanceKey};
use weft_orchestration::{Event, Status as RunStatus, Timestamp};
use weft_store::{
    Error, Family, Filter, PageRequest, Store, conceal, fill_in, filled_instances, fitting,
};

use super::instances::batch;
use super::{SHOWN_BYTES_MAX, Service, Streamed, key, refused};
use crate::convert::history::{Reader, Recorder};
use crate::convert::state::of_instance;
use crate::convert::{to_duration, to_statuses, to_time};
use crate::proto::{self, purge_instances_request::Request as Purge};

const PAGE_DEFAULT: u32 = 100;
const PAGE_MAX: u32 = 1000;
const PURGE_BATCH: u32 = 500;
/// Turns that are read at one time.
const TURNS: u64 = 200;
/// Of one message; clients take 4 MiB by default. A larger event goes alone.
const CHUNK_BYTES_MAX: usize = 1 << 20;
const CHUNK_EVENTS_MAX: usize = 1000;

impl Service {
    pub(super) async fn query(
        &self,
        app: AppId,
        asked: proto::QueryInstancesRequest,
    ) -> Result<proto::QueryInstancesResponse, Status> {
        let query = asked.query.unwrap_or_default();
        let Some(statuses) = to_statuses(&query.runtime_status)? else {
            return Ok(proto::QueryInstancesResponse::default());
        };
        let filter = Filter {
            statuses,
            id_prefix: query.instance_id_prefix.filter(|prefix| !prefix.is_empty()),
            created_from: query.created_time_from.map(to_time),
            created_to: query.created_time_to.map(to_time),
            ..Filter::default()
        };
        let page = PageRequest {
            limit: limit(query.max_instance_count),
            after: query.continuation_token.filter(|token| !token.is_empty()),
        };
        let page = self.store.instances(&app, &filter, &page).await;
        let mut page = page.map_err(bad_page)?;
        if query.fetch_inputs_and_outputs {
            page.bound(SHOWN_BYTES_MAX);
            let filled = filled_instances(&*self.store, page.instances).await;
            page.instances = filled.map_err(refused)?;
        }
        let found = page.instances.iter();
        Ok(proto::QueryInstancesResponse {
            orchestration_state: found
                .map(|found| of_instance(found, query.fetch_inputs_and_outputs))
                .collect(),
            continuation_token: page.next,
        })
    }

    /// Ended instances in the order of their ends. The store lists by creation, so that every one
    /// that matches is looked at.
    pub(super) async fn list_ids(
        &self,
        app: AppId,
        asked: proto::ListInstanceIdsRequest,
    ) -> Result<proto::ListInstanceIdsResponse, Status> {
        let Some(mut statuses) = to_statuses(&asked.runtime_status)? else {
            return Ok(proto::ListInstanceIdsResponse::default());
        };
        if statuses.is_empty() {
            statuses = RunStatus::ALL.to_vec();
        }
        statuses.retain(|status| status.is_terminal());
        if statuses.is_empty() {
            return Ok(proto::ListInstanceIdsResponse::default());
        }
        let filter = Filter {
            statuses,
            updated_from: asked.completed_time_from.map(to_time),
            updated_to: asked.completed_time_to.map(to_time),
            ..Filter::default()
        };
        let after = asked.last_instance_key.filter(|key| !key.is_empty());
        let after = after.as_deref().map(parse_last).transpose()?;
        let mut found = Vec::new();
        let mut page = PageRequest {
            limit: PAGE_MAX,
            after: None,
        };
        loop {
            let listed = self.store.instances(&app, &filter, &page).await;
            let listed = listed.map_err(refused)?;
            let ended = listed.instances.into_iter();
            found.extend(ended.map(|instance| (instance.updated_at, instance.key.id)));
            match listed.next {
                None => break,
                next => page.after = next,
            }
        }
        found.sort_unstable();
        found.retain(|of| after.as_ref().is_none_or(|after| of > after));
        let limit = usize::try_from(limit(asked.page_size)).unwrap_or(usize::MAX);
        let more = found.len() > limit;
        found.truncate(limit);
        let last = found.last().filter(|_| more);
        Ok(proto::ListInstanceIdsResponse {
            last_instance_key: last.map(|(at, id)| format!("{}/{id}", at.as_millis())),
            instance_ids: found.iter().map(|(_, id)| id.to_string()).collect(),
        })
    }

    pub(super) async fn purge(
        &self,
        app: AppId,
        asked: proto::PurgeInstancesRequest,
    ) -> Result<proto::PurgeInstancesResponse, Status> {
        let family = match asked.recursive {
            true => Family::Goes,
            false => Family::Stays,
        };
        let purged = match asked.request {
            Some(Purge::InstanceId(id)) => self.purge_ids(&app, vec![id], family).await?,
            Some(Purge::InstanceBatch(ids)) => {
                self.purge_ids(&app, batch(Some(ids))?, family).await?
            }
            Some(Purge::PurgeInstanceFilter(filter)) => {
                return self.purge_matching(&app, filter, family).await;
            }
            None => {
                let text = "neither an instance, nor a batch, nor a filter is given";
                return Err(Status::invalid_argument(text));
            }
        };
        Ok(purged_view(purged, true))
    }

    async fn purge_matching(
        &self,
        app: &AppId,
        filter: proto::PurgeInstanceFilter,
        family: Family,
    ) -> Result<proto::PurgeInstancesResponse, Status> {
        let Some(statuses) = to_statuses(&filter.runtime_status)? else {
            return Ok(purged_view(0, true));
        };
        let until = filter
            .timeout
            .map(to_duration)
            .filter(|timeout| !timeout.is_zero())
            .and_then(|timeout| tokio::time::Instant::now().checked_add(timeout));
        let filter = Filter {
            statuses,
            created_from: filter.created_time_from.map(to_time),
            created_to: filter.created_time_to.map(to_time),
            ..Filter::default()
        };
        let mut purged = 0;
        loop {
            let found = self
                .store
                .purge_matching(app, &filter, family, PURGE_BATCH)
                .await
                .map_err(refused)?;
            purged += found.instances;
            if found.instances == 0 {
                return Ok(purged_view(purged, true));
            }
            if until.is_some_and(|until| tokio::time::Instant::now() >= until) {
                return Ok(purged_view(purged, false));
            }
        }
    }

    pub(super) async fn history(
        &self,
        app: AppId,
        asked: proto::StreamInstanceHistoryRequest,
    ) -> Result<Streamed<proto::HistoryChunk>, Status> {
        let key = key(app, &asked.instance_id)?;
        let found = self.store.instance(&key).await.map_err(refused)?;
        let found = found.ok_or_else(|| refused(Error::NotFound))?;
        let other = |id: &String| !id.is_empty() && *id != found.execution.to_string();
        if asked.execution_id.as_ref().is_some_and(other) {
            return Err(Status::not_found("that execution is over"));
        }
        let concealed = self.node.conceals(&found).await.map_err(refused)?;
        let reading = Reading {
            concealed,
            store: std::sync::Arc::clone(&self.store),
            recorder: Recorder::new(key.id.clone()),
            key,
            turn: 0,
            read: VecDeque::new(),
            unsent: VecDeque::new(),
            reader: match asked.for_work_item_processing {
                true => Reader::Past,
                false => Reader::Client,
            },
        };
        Ok(Box::pin(stream::try_unfold(reading, Reading::next)))
    }
}

/// How far a history has been read.
struct Reading {
    store: std::sync::Arc<dyn Store>,
    key: InstanceKey,
    turn: u64,
    concealed: bool,
    /// Read, and their payloads not filled in yet.
    unsent: VecDeque<Event>,
    /// Not sent yet.
    read: VecDeque<proto::HistoryEvent>,
    recorder: Recorder,
    reader: Reader,
}

impl Reading {
    async fn next(mut self) -> Result<Option<(proto::HistoryChunk, Self)>, Status> {
        while self.read.is_empty() {
            self.fill().await?;
            if self.read.is_empty() && self.unsent.is_empty() && !self.read_on().await? {
                return Ok(None);
            }
        }
        let events = chunk(&mut self.read);
        Ok(Some((proto::HistoryChunk { events }, self)))
    }

    /// Reads further turns; whether there were any.
    async fn read_on(&mut self) -> Result<bool, Status> {
        let read = self.store.history(&self.key, self.turn, TURNS).await;
        let mut read = read.map_err(refused)?;
        if self.concealed {
            conceal(&mut read);
        }
        self.turn += read.turns;
        self.unsent = read.events.into();
        Ok(read.turns > 0)
    }

    /// Makes as many events ready as one message may have: no more long payloads are held at one time.
    async fn fill(&mut self) -> Result<(), Status> {
        if self.unsent.is_empty() {
            return Ok(());
        }
        let fit = fitting(self.unsent.make_contiguous(), CHUNK_BYTES_MAX);
        let mut events: Vec<_> = self.unsent.drain(..fit).collect();
        let filled = fill_in(&*self.store, &mut events).await;
        filled.map_err(refused)?;
        self.read = self.recorder.record(&events, self.reader).into();
        Ok(())
    }
}

/// Takes as many events as one message may have, and at least one where there is one.
fn chunk(read: &mut VecDeque<proto::HistoryEvent>) -> Vec<proto::HistoryEvent> {
    let mut bytes = 0;
    let fits = |event: &&proto::HistoryEvent| {
        bytes += event.encoded_len();
        bytes <= CHUNK_BYTES_MAX
    };
    let fitting = read.iter().take(CHUNK_EVENTS_MAX).take_while(fits).count();
    read.drain(..fitting.max(1).min(read.len())).collect()
}

fn limit(asked: i32) -> u32 {
    let asked = u32::try_from(asked).ok().filter(|asked| *asked > 0);
    asked.unwrap_or(PAGE_DEFAULT).min(PAGE_MAX)
}

fn bad_page(error: Error) -> Status {
    match error {
        Error::NotFound => Status::invalid_argument("no page begins there"),
        error => refused(error),
    }
}

fn parse_last(text: &str) -> Result<(Timestamp, InstanceId), Status> {
    let parse = || {
        let (at, id) = text.split_once('/')?;
        Some((Timestamp::from_millis(at.parse().ok()?), id.parse().ok()?))
    };
    parse().ok_or_else(|| Status::invalid_argument("no page begins there"))
}

fn purged_view(purged: u64, complete: bool) -> proto::PurgeInstancesResponse {
    proto::PurgeInstancesResponse {
        deleted_instance_count: i32::try_from(purged).unwrap_or(i32::MAX),
        is_complete: Some(complete),
    }
}
