//! Log lines of an app: what is kept, and what comes as server-sent events.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use http::HeaderMap;
use serde::Deserialize;
use serde_json::json;
use tokio_stream::StreamExt as _;
use tokio_stream::wrappers::BroadcastStream;
use tokio_stream::wrappers::errors::BroadcastStreamRecvError;
use utoipa::IntoParams;

use crate::auth::{AppAccess, Read};
use crate::logs::{Level, Numbered};
use crate::model::{LogLine, LogLines};
use crate::params::QueryParams;
use crate::{Api, Problem, deploy};

const LINES_DEFAULT: usize = 100;

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct LogQuery {
    /// Go on with the lines to come, as server-sent events.
    #[serde(default)]
    follow: bool,
    /// At most this many of the lines kept (default 100).
    limit: Option<usize>,
    /// Only lines of this function.
    function: Option<String>,
    /// Only lines of this instance.
    instance: Option<String>,
    /// Only lines as grave as this: `trace`, `debug`, `info`, `warn`, `error`.
    level: Option<String>,
}

/// Which lines are wanted.
struct Wanted {
    function: Option<String>,
    instance: Option<String>,
    level: Level,
}

impl Wanted {
    fn new(query: &LogQuery) -> Result<Self, Problem> {
        let level = match &query.level {
            None => Level::Trace,
            Some(name) => {
                let named = |level: &Level| level.as_str().eq_ignore_ascii_case(name);
                Level::ALL.into_iter().find(named).ok_or_else(|| {
                    Problem::invalid(format!("{name:?} is no level")).with("parameter", "level")
                })?
            }
        };
        Ok(Self {
            function: query.function.clone(),
            instance: query.instance.clone(),
            level,
        })
    }

    fn takes(&self, line: &Numbered) -> bool {
        let record = &line.record;
        let same = |wanted: &Option<String>, own: Option<&str>| {
            wanted.is_none() || wanted.as_deref() == own
        };
        record.level >= self.level
            && same(&self.function, record.function.as_ref().map(|f| f.as_str()))
            && same(&self.instance, record.instance.as_ref().map(|i| i.as_str()))
    }
}

/// Log lines of an app's functions. With `follow=true` a stream of server-sent events: `log` with
/// a line, `dropped` with the number of lines lost to a slow reader. `Last-Event-ID` continues
/// after a line.
#[utoipa::path(
    get, path = "/apps/{app}/logs", tag = "logs",
    params(LogQuery), responses((status = 200, body = LogLines))
)]
pub(super) async fn show_logs(
    State(api): State<Api>,
    access: AppAccess<Read>,
    headers: HeaderMap,
    QueryParams(query): QueryParams<LogQuery>,
) -> Result<Response, Problem> {
    let wanted = Wanted::new(&query)?;
    deploy::require_app(&api, &access.app).await?;
    let limit = query.limit.unwrap_or(LINES_DEFAULT);
    if !query.follow {
        let kept = last(api.logs.recent(&access.app), &wanted, limit);
        let lines = kept.iter().map(|line| LogLine::new(line)).collect();
        return Ok(Json(LogLines { lines }).into_response());
    }
    let seen: Option<u64> = headers
        .get("last-event-id")
        .and_then(|id| id.to_str().ok()?.parse().ok());
    let (kept, next) = api.logs.follow(&access.app);
    let kept = match seen {
        Some(seen) => kept
            .into_iter()
            .filter(|line| line.seq > seen && wanted.takes(line))
            .collect(),
        None => last(kept, &wanted, limit),
    };
    let kept = tokio_stream::iter(kept).map(|line| sse(&line));
    let next = BroadcastStream::new(next).filter_map(move |line| match line {
        Ok(line) => wanted.takes(&line).then(|| sse(&line)),
        Err(BroadcastStreamRecvError::Lagged(count)) => {
            let data = json!({"count": count}).to_string();
            Some(Event::default().event("dropped").data(data))
        }
    });
    // A reader that follows does not keep the node from shutting down.
    let events = kept.chain(next).map(Ok::<_, Infallible>);
    let events = futures::StreamExt::take_until(events, api.stopping.clone().asked());
    let alive = KeepAlive::new().interval(Duration::from_secs(15));
    Ok(Sse::new(events).keep_alive(alive).into_response())
}

fn last(lines: Vec<Arc<Numbered>>, wanted: &Wanted, limit: usize) -> Vec<Arc<Numbered>> {
    let mut kept: Vec<_> = lines.into_iter().filter(|l| wanted.takes(l)).collect();
    kept.drain(..kept.len().saturating_sub(limit));
    kept
}

fn sse(line: &Numbered) -> Event {
    let data = serde_json::to_string(&LogLine::new(line)).expect("strings and numbers only");
    Event::default()
        .event("log")
        .id(line.seq.to_string())
        .data(data)
}
