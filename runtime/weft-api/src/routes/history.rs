//! The history of an instance: in pages, or as a stream that holds no more of it than a few turns.

use std::collections::VecDeque;

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures::stream;
use http::{HeaderMap, header};
use serde::Deserialize;
use serde_json::{Value, json};
use utoipa::IntoParams;
use weft_id::{ExecutionId, InstanceKey};
use weft_orchestration::{Carries as _, Event};
use weft_store::{Error, Recorded, conceal, fill_in};

use super::instances::instance_key;
use crate::auth::{AppAccess, ReadInstances};
use crate::model::{HistoryView, event_view};
use crate::params::QueryParams;
use crate::wait::{absent, present};
use crate::{Api, Kind, Problem};

const TURNS_DEFAULT: u64 = 200;
const TURNS_MAX: u64 = 1000;
/// Bytes of payloads in one page.
const PAGE_BYTES_MAX: usize = 64 << 20;
/// Turns that a stream reads at one time.
const TURNS_PER_READ: u64 = 100;
/// Bytes of lines that a stream sends at one time; a longer event is sent by itself.
const PIECE_BYTES: usize = 64 << 10;
const NDJSON: &str = "application/x-ndjson";

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct HistoryQuery {
    /// The number of the first turn, from 0 (default 0).
    from_turn: Option<u64>,
    /// At most this many turns, 1 to 1000 (default 200); fewer where their payloads are long. A
    /// stream has all of them unless this is given.
    limit: Option<u64>,
    /// Payloads of more than 64 KiB as well (default). Without them they are told of:
    /// `{"$payload": {"bytes": ..., "sha256": ...}}`.
    #[serde(default = "yes")]
    long_payloads: bool,
}

fn yes() -> bool {
    true
}

/// The history of the current execution as it was recorded, with inputs and outputs. Asked for as
/// `application/x-ndjson` it comes as a stream with one event a line, however long it is; a stream
/// that cannot be continued ends with a line that has the member `problem`.
#[utoipa::path(
    get, path = "/apps/{app}/instances/{instance}/history", tag = "instances",
    params(HistoryQuery), responses((status = 200, body = HistoryView))
)]
pub(super) async fn show_history(
    State(api): State<Api>,
    access: AppAccess<ReadInstances>,
    headers: HeaderMap,
    QueryParams(query): QueryParams<HistoryQuery>,
) -> Result<Response, Problem> {
    let key = instance_key(&access.app, &access.path)?;
    let instance = present(&api, &key).await?;
    let concealed = api.host.conceals(&instance).await?;
    let from = query.from_turn.unwrap_or(0);
    let accepted = headers
        .get(header::ACCEPT)
        .and_then(|value| value.to_str().ok());
    if accepted.is_some_and(|accepted| accepted.contains(NDJSON)) {
        let reading = Reading {
            api,
            key,
            execution: instance.execution,
            turn: from,
            left: query.limit.unwrap_or(u64::MAX),
            long_payloads: query.long_payloads,
            concealed,
            unsent: VecDeque::new(),
            over: false,
        };
        let lines = stream::unfold(reading, Reading::next);
        return Ok(([(header::CONTENT_TYPE, NDJSON)], Body::from_stream(lines)).into_response());
    }
    let limit = query.limit.unwrap_or(TURNS_DEFAULT).clamp(1, TURNS_MAX);
    let mut recorded = page(&api, &key, from, limit).await?;
    if concealed {
        conceal(&mut recorded);
    }
    if query.long_payloads {
        fill_in(&*api.store, &mut recorded).await?;
    }
    let next = from.saturating_add(recorded.turns);
    Ok(Json(HistoryView {
        events: recorded.events.into_iter().map(event_view).collect(),
        next_turn: (recorded.turns > 0 && next < instance.turns).then_some(next),
    })
    .into_response())
}

/// As many turns as have room in one page; `limit` is at least 1.
async fn page(api: &Api, key: &InstanceKey, from: u64, limit: u64) -> Result<Recorded, Problem> {
    let mut limit = limit;
    loop {
        let recorded = api.store.history(key, from, limit).await?;
        let mut bytes = 0;
        recorded.each(&mut |payload| bytes += payload.len());
        if bytes <= PAGE_BYTES_MAX {
            return Ok(recorded);
        }
        if limit == 1 {
            let detail = format!(
                "turn {from} has {bytes} bytes of payloads, a page has at most {PAGE_BYTES_MAX}: \
                 ask for {NDJSON}, or with long_payloads=false"
            );
            return Err(Problem::new(Kind::TooLarge, detail));
        }
        limit = limit.min(recorded.turns) / 2;
        limit = limit.max(1);
    }
}

/// How far a stream has come.
struct Reading {
    api: Api,
    key: InstanceKey,
    execution: ExecutionId,
    turn: u64,
    /// Turns that are still wanted.
    left: u64,
    long_payloads: bool,
    concealed: bool,
    /// What was read and not sent yet.
    unsent: VecDeque<Event>,
    over: bool,
}

impl Reading {
    /// The next lines.
    async fn next(mut self) -> Option<(Result<Bytes, std::convert::Infallible>, Self)> {
        if self.over {
            return None;
        }
        let mut lines = Vec::new();
        if let Err(problem) = self.add_to(&mut lines).await {
            tracing::warn!(instance = %self.key, problem = problem.detail(), "history broke off");
            append(&mut lines, &json!({"problem": problem.document()}));
            self.over = true;
        }
        (!lines.is_empty()).then(|| (Ok(Bytes::from(lines)), self))
    }

    async fn add_to(&mut self, lines: &mut Vec<u8>) -> Result<(), Problem> {
        while lines.len() < PIECE_BYTES {
            if self.unsent.is_empty() {
                self.read().await?;
            }
            let Some(mut event) = self.unsent.pop_front() else {
                break;
            };
            if self.long_payloads {
                let filled = fill_in(&*self.api.store, &mut event).await;
                filled.map_err(|error| self.gone_on(error))?;
            }
            append(lines, &event_view(event));
        }
        Ok(())
    }

    async fn read(&mut self) -> Result<(), Problem> {
        let limit = TURNS_PER_READ.min(self.left);
        if limit == 0 {
            return Ok(());
        }
        let store = &self.api.store;
        let mut recorded = store.history(&self.key, self.turn, limit).await?;
        if self.concealed {
            conceal(&mut recorded);
        }
        // Only what is of the execution that the stream began with is its history.
        let instance = store.instance(&self.key).await?;
        let instance = instance.ok_or_else(|| absent(&self.key))?;
        if instance.execution != self.execution {
            return Err(self.gone_on(Error::NotFound));
        }
        self.turn += recorded.turns;
        self.left -= recorded.turns.min(self.left);
        self.unsent = recorded.events.into();
        Ok(())
    }

    fn gone_on(&self, error: Error) -> Problem {
        match error {
            Error::NotFound => {
                let id = &self.key.id;
                let detail = format!("instance {id} has begun anew while its history was read");
                Problem::new(Kind::Conflict, detail)
            }
            error => error.into(),
        }
    }
}

fn append(lines: &mut Vec<u8>, view: &Value) {
    serde_json::to_writer(&mut *lines, view).expect("a vector takes every byte of a JSON value");
    lines.push(b'\n');
}
