//! The history of a trigger: what became of each firing, the newest first.
//!
//! A firing that has started a run without anybody watching stands in the store, as that run; whoever
//! watches a trigger remembers its last firings. Of a Request trigger that is watched, both are shown,
//! in the order of their times.

use std::collections::VecDeque;

use axum::Json;
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::StatusCode;
use percent_encoding::utf8_percent_encode;
use serde::{Deserialize, Serialize};
use serde_json::{Value as Shown, json};
use weft_store::{Filter, Instance, PageRequest, filled_instances};
use weft_workflow::program::Trigger;
use weft_workflow::run::RunStart;
use weft_workflow::trigger::{Entry, is_watched};
use weft_workflow::value::Value;

use super::request::is_request;
use super::{Context, Refused, manage, runs};
use crate::host::DeployedWorkflow;
use crate::params::SEGMENT;
use crate::time::precise;

/// Runs that are looked at for one page: those of other triggers are passed over.
const LOOKED_MAX: usize = 1_000;
const STATUSES: [&str; 3] = ["Succeeded", "Skipped", "Failed"];
const SUCCEEDED: &str = "Succeeded";

/// Where the next page begins.
#[derive(Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Cursor {
    /// As the store has it, after the last run that was looked at; absent before the first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    run: Option<String>,
    /// No run is left.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    no_runs: bool,
    /// The last firing that was shown of those that are remembered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    entry: Option<String>,
}

impl Cursor {
    fn encode(&self) -> String {
        let text = serde_json::to_string(self).expect("texts are JSON");
        URL_SAFE_NO_PAD.encode(text)
    }

    fn decode(token: &str) -> Result<Self, Refused> {
        let bytes = URL_SAFE_NO_PAD.decode(token).ok();
        let read = bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok());
        read.ok_or_else(|| {
            let message = "No page begins there.";
            Refused::new(StatusCode::BAD_REQUEST, "InvalidSkipToken", message)
        })
    }
}

/// `GET .../triggers/{trigger}/histories`, with `$top`, `$filter` and `$skiptoken` as for runs.
pub(super) async fn list(
    context: &Context,
    deployed: &DeployedWorkflow,
    name: &str,
) -> Result<Response, Refused> {
    let trigger = runs::trigger(deployed, name)?;
    let top = manage::top(context);
    let wanted = statuses(context.parameter("$filter").unwrap_or_default())?;
    let is_wanted = |status: &str| wanted.is_empty() || wanted.contains(&status);
    let token = context.parameter("$skiptoken");
    let mut cursor = token.map(Cursor::decode).transpose()?.unwrap_or_default();
    let (watched, requests) = (is_watched(trigger), is_request(trigger));
    let mut entries = VecDeque::new();
    if watched {
        // Of a request that has started something, the run tells.
        let shown = |entry: &Entry| !requests || entry.run.is_none();
        let all = remembered(context, deployed, trigger).await?;
        let rest = after(all, cursor.entry.as_deref()).into_iter();
        entries.extend(rest.filter(|entry| shown(entry) && is_wanted(&entry.status)));
    }
    cursor.no_runs |= (watched && !requests) || !is_wanted(SUCCEEDED);
    let mut started = Started {
        trigger: name,
        looked: 0,
        next: None,
    };
    let mut shown = Vec::new();
    let more = loop {
        let run = started.peek(context, deployed, &mut cursor).await?;
        if run.is_none() && !cursor.no_runs {
            break true;
        }
        let (run, entry) = (run.map(|run| run.created_at), entries.front());
        let run_first = match (run, entry) {
            (None, None) => break false,
            (Some(run), Some(entry)) => run >= entry.start_time,
            (run, _) => run.is_some(),
        };
        if shown.len() as u64 == u64::from(top) {
            break true;
        }
        if run_first && let Some((run, next)) = started.next.take() {
            shown.push(of_run(deployed, name, &run)?);
            cursor.no_runs = next.is_none();
            cursor.run = next;
        } else if let Some(entry) = entries.pop_front() {
            shown.push(of_entry(deployed, trigger, &entry));
            cursor.entry = Some(entry.name);
        }
    };
    let mut answer = json!({"value": shown});
    if more {
        let workflow = &deployed.settings.workflow;
        let trigger = utf8_percent_encode(&trigger.name, SEGMENT);
        let mut below = format!(
            "workflows/{workflow}/triggers/{trigger}/histories?$skiptoken={}&$top={top}",
            cursor.encode()
        );
        if let Some(filter) = context.parameter("$filter") {
            below.push_str(&format!(
                "&$filter={}",
                utf8_percent_encode(filter, SEGMENT)
            ));
        }
        answer["nextLink"] = context.links.management(&below).into();
    }
    Ok(Json(answer).into_response())
}

/// The statuses of firings that a filter names; none where it names none.
fn statuses(filter: &str) -> Result<Vec<&'static str>, Refused> {
    let named = manage::filtered(filter)?.into_iter().map(|name| {
        let mut all = STATUSES.into_iter();
        let known = all.find(|status| status.eq_ignore_ascii_case(&name));
        known.ok_or_else(|| {
            let message = format!("'{name}' is no status of a firing.");
            Refused::new(StatusCode::BAD_REQUEST, "InvalidFilter", message)
        })
    });
    named.collect()
}

/// What follows a firing. One that nobody remembers any more was followed by none that is remembered.
fn after(entries: Vec<Entry>, last: Option<&str>) -> Vec<Entry> {
    let Some(last) = last else {
        return entries;
    };
    let rest = entries.into_iter().skip_while(|entry| entry.name != last);
    rest.skip(1).collect()
}

/// The runs that a trigger has started, one after another.
struct Started<'a> {
    trigger: &'a str,
    looked: usize,
    /// The next one that was not shown, and where the store goes on behind it.
    next: Option<(Instance, Option<String>)>,
}

impl Started<'_> {
    /// The next run; the cursor moves over those of other triggers.
    async fn peek(
        &mut self,
        context: &Context,
        deployed: &DeployedWorkflow,
        cursor: &mut Cursor,
    ) -> Result<Option<&Instance>, Refused> {
        let filter = Filter {
            name: Some(deployed.settings.workflow.clone()),
            ..Filter::default()
        };
        let store = &**context.api.store_for(deployed);
        while self.next.is_none() && !cursor.no_runs && self.looked < LOOKED_MAX {
            self.looked += 1;
            // One at a time, and no more of it than is looked at: each may be very long.
            let request = PageRequest {
                limit: 1,
                after: cursor.run.clone(),
            };
            let page = store.instances(&context.app, &filter, &request).await;
            let page = page.map_err(crate::routes::bad_page)?;
            let Some(mut instance) = page.instances.into_iter().next() else {
                cursor.no_runs = true;
                break;
            };
            instance.outcome = None;
            instance.custom_status = None;
            let filled = filled_instances(store, vec![instance]).await?;
            // It was purged, or changes too fast to be looked at.
            let read = filled.into_iter().find(|own| own.input.text().is_some());
            match read.filter(|instance| self.is_own(instance)) {
                Some(instance) => self.next = Some((instance, page.next)),
                None => {
                    cursor.no_runs = page.next.is_none();
                    cursor.run = page.next;
                }
            }
        }
        Ok(self.next.as_ref().map(|(instance, _)| instance))
    }

    fn is_own(&self, instance: &Instance) -> bool {
        let input = instance.input.text().unwrap_or_default();
        let start = RunStart::read(input).unwrap_or_default();
        let by = start.trigger.get("name").map(Value::to_text);
        by.is_none_or(|by| by.eq_ignore_ascii_case(self.trigger))
    }
}

/// `GET .../triggers/{trigger}/histories/{history}`
pub(super) async fn show(
    context: &Context,
    deployed: &DeployedWorkflow,
    name: &str,
    history: &str,
) -> Result<Response, Refused> {
    let trigger = runs::trigger(deployed, name)?;
    if is_watched(trigger) {
        let entries = remembered(context, deployed, trigger).await?;
        let found = entries.iter().find(|entry| named(entry) == history);
        if let Some(found) = found {
            return Ok(Json(of_entry(deployed, trigger, found)).into_response());
        }
    }
    let workflow = &deployed.settings.workflow;
    let (_, instance) = runs::instance(context, workflow, history).await?;
    Ok(Json(of_run(deployed, name, &instance)?).into_response())
}

/// What became of the last firings of a trigger that is watched.
async fn remembered(
    context: &Context,
    deployed: &DeployedWorkflow,
    trigger: &Trigger,
) -> Result<Vec<Entry>, Refused> {
    let workflow = &deployed.settings.workflow;
    let host = &context.api.host;
    let entries = host.trigger_history(&context.app, workflow, &trigger.name);
    Ok(entries.await?)
}

/// A run's name stands for the firing that has started it, so that it can be resubmitted.
fn named(entry: &Entry) -> &str {
    entry.run.as_ref().unwrap_or(&entry.name)
}

fn of_entry(deployed: &DeployedWorkflow, trigger: &Trigger, entry: &Entry) -> Shown {
    let workflow = &deployed.settings.workflow;
    let (name, history) = (utf8_percent_encode(&trigger.name, SEGMENT), named(entry));
    let mut properties = json!({
        "startTime": precise(entry.start_time),
        "endTime": precise(entry.end_time),
        "status": entry.status,
        "code": entry.code,
        "fired": entry.fired,
    });
    if let Some(scheduled) = entry.scheduled_time {
        properties["scheduledTime"] = precise(scheduled).into();
    }
    if let Some(message) = &entry.message {
        properties["error"] = json!({"code": entry.code, "message": message});
    }
    if let Some(run) = &entry.run {
        properties["run"] = json!({
            "id": format!("/workflows/{workflow}/runs/{run}"),
            "name": run,
            "type": "workflows/runs",
        });
    }
    json!({
        "properties": properties,
        "id": format!("/workflows/{workflow}/triggers/{name}/histories/{history}"),
        "name": history,
        "type": "workflows/triggers/histories",
    })
}

fn of_run(deployed: &DeployedWorkflow, name: &str, instance: &Instance) -> Result<Shown, Refused> {
    let workflow = &deployed.settings.workflow;
    let run = instance.key.id.as_str();
    let input = instance.input.text().unwrap_or_default();
    let start = RunStart::read(input).map_err(crate::Problem::internal)?;
    let tracking = start.client_tracking_id.unwrap_or_else(|| run.to_owned());
    let encoded = utf8_percent_encode(name, SEGMENT);
    Ok(json!({
        "properties": {
            "startTime": precise(instance.created_at),
            "endTime": precise(instance.created_at),
            "status": SUCCEEDED,
            "code": "OK",
            "fired": true,
            "correlation": {"clientTrackingId": tracking},
            "run": {
                "id": format!("/workflows/{workflow}/runs/{run}"),
                "name": run,
                "type": "workflows/runs",
            },
        },
        "id": format!("/workflows/{workflow}/triggers/{encoded}/histories/{run}"),
        "name": run,
        "type": "workflows/triggers/histories",
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_survives_its_way() {
        let cursor = Cursor {
            run: Some("1800000000000:a b".into()),
            no_runs: false,
            entry: Some("x".into()),
        };
        assert_eq!(Cursor::decode(&cursor.encode()).unwrap(), cursor);
        for wrong in ["", "x", "e30=", "bnVsbA"] {
            assert!(Cursor::decode(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn what_follows_a_firing_that_is_forgotten_is_forgotten_too() {
        let entry = |name: &str| Entry {
            name: name.to_owned(),
            ..Entry::default()
        };
        let all = || vec![entry("c"), entry("b"), entry("a")];
        assert_eq!(after(all(), None).len(), 3);
        assert_eq!(after(all(), Some("b")), [entry("a")]);
        assert!(after(all(), Some("0")).is_empty());
    }
}
