//! Runs, actions and repetitions in the shape of the peer's management API.

use serde_json::{Map, Value as Json, json};
use weft_orchestration::Timestamp;
use weft_workflow::run::{ActionView, RepetitionView, RetryView, RunView, Status};
use weft_workflow::value::Value;

use super::{Context, contents, links};
use crate::host::DeployedWorkflow;
use crate::time::precise;

/// What things of a run are shown with.
pub(super) struct Shape<'a> {
    pub(super) context: &'a Context,
    pub(super) deployed: &'a DeployedWorkflow,
    pub(super) run: &'a str,
    pub(super) client_tracking_id: &'a str,
}

impl Shape<'_> {
    fn workflow(&self) -> &str {
        &self.deployed.settings.workflow
    }

    fn id(&self, below: &str) -> String {
        format!("/workflows/{}/runs/{}{below}", self.workflow(), self.run)
    }

    /// A link to contents below `runs/{run}`.
    fn link(&self, path: &[&str], value: &Value) -> Json {
        let mut whole = vec!["runs", self.run];
        whole.extend(path);
        let allows = links::contents(&whole);
        let text = value.to_string();
        json!({
            "uri": self.context.links.of_run(self.workflow(), &whole, &allows),
            "contentVersion": contents::version(&text),
            "contentSize": text.len(),
            "contentHash": contents::hash(&text),
        })
    }

    /// The run itself, with its actions.
    pub(super) fn run(&self, view: &RunView) -> Json {
        let mut shown = Map::new();
        shown.insert("waitEndTime".into(), precise(view.started).into());
        put_times(&mut shown, Some(view.started), view.ended);
        put_end(
            &mut shown,
            view.status,
            view.code.as_deref(),
            view.error.as_ref(),
        );
        let correlation = json!({"clientTrackingId": view.client_tracking_id});
        shown.insert("correlation".into(), correlation);
        if let Some(earlier) = &view.resubmitted_from {
            shown.insert("originRunId".into(), earlier.as_str().into());
        }
        let version = self.deployed.revision.to_string();
        let workflow = json!({
            "id": format!("/workflows/{}/versions/{version}", self.workflow()),
            "name": version,
            "type": "workflows/versions",
        });
        shown.insert("workflow".into(), workflow);
        shown.insert("trigger".into(), self.trigger(view));
        let actions: Map<String, Json> = view
            .actions
            .iter()
            .filter(|action| action.status != Status::Waiting)
            .map(|action| (action.name.to_string(), self.action_properties(action, &[])))
            .collect();
        shown.insert("actions".into(), actions.into());
        shown.insert("outputs".into(), plain(&view.outputs));
        json!({
            "properties": shown,
            "id": self.id(""),
            "name": self.run,
            "type": "workflows/runs",
        })
    }

    fn trigger(&self, view: &RunView) -> Json {
        let mut trigger = Map::new();
        let names = [
            "name",
            "startTime",
            "endTime",
            "scheduledTime",
            "originHistoryName",
            "status",
        ];
        for name in names {
            if let Some(value) = view.trigger.get(name) {
                trigger.insert(name.to_owned(), value.to_text().into());
            }
        }
        let correlation = json!({"clientTrackingId": view.client_tracking_id});
        trigger.insert("correlation".into(), correlation);
        for (member, name, contents) in [
            ("inputs", "inputsLink", "TriggerInputs"),
            ("outputs", "outputsLink", "TriggerOutputs"),
        ] {
            if let Some(value) = view.trigger.get(member) {
                trigger.insert(name.into(), self.link(&["contents", contents], value));
            }
        }
        trigger.into()
    }

    pub(super) fn action(&self, action: &ActionView) -> Json {
        json!({
            "properties": self.action_properties(action, &[]),
            "id": self.id(&format!("/actions/{}", action.name)),
            "name": &*action.name,
            "type": "workflows/runs/actions",
        })
    }

    pub(super) fn repetition(&self, repetition: &RepetitionView) -> Json {
        let name = repetition_name(repetition);
        let action = &repetition.action;
        let mut properties = self.action_properties(action, &["repetitions", name.as_str()]);
        let indexes = repetition.indexes.iter();
        let indexes =
            indexes.map(|(scope, index)| json!({"scopeName": &**scope, "itemIndex": index}));
        properties["repetitionIndexes"] = indexes.collect::<Vec<_>>().into();
        json!({
            "properties": properties,
            "id": self.id(&format!("/actions/{}/repetitions/{name}", action.name)),
            "name": name,
            "type": "workflows/runs/actions/repetitions",
        })
    }

    fn action_properties(&self, action: &ActionView, below: &[&str]) -> Json {
        let mut shown = Map::new();
        let link = |contents: &str, value: &Value| {
            let path = [&["actions", &*action.name], below, &["contents", contents]].concat();
            self.link(&path, value)
        };
        if let Some(inputs) = &action.inputs {
            shown.insert("inputsLink".into(), link("ActionInputs", inputs));
        } else if let Some(items) = action.items {
            let metadata = json!({"contentSize": 0, "metadata": {"foreachItemsCount": items}});
            shown.insert("inputsLink".into(), metadata);
        } else if action.secure_inputs {
            shown.insert(
                "inputsLink".into(),
                json!({"secureData": {"isSecured": true}}),
            );
        }
        if let Some(outputs) = &action.outputs {
            shown.insert("outputsLink".into(), link("ActionOutputs", outputs));
        } else if action.secure_outputs {
            shown.insert(
                "outputsLink".into(),
                json!({"secureData": {"isSecured": true}}),
            );
        }
        put_times(&mut shown, action.started, action.ended);
        let correlation = json!({
            "actionTrackingId": action.tracking_id,
            "clientTrackingId": self.client_tracking_id,
        });
        shown.insert("correlation".into(), correlation);
        put_end(
            &mut shown,
            action.status,
            Some(&action.code),
            action.error.as_ref(),
        );
        if let Some(tracked) = &action.tracked {
            shown.insert("trackedProperties".into(), plain(tracked));
        }
        if !action.retries.is_empty() {
            let retries: Vec<Json> = action.retries.iter().map(retry).collect();
            shown.insert("retryHistory".into(), retries.into());
        }
        for (name, count) in [
            ("repetitionCount", action.repetitions),
            ("iterationCount", action.iterations),
        ] {
            if let Some(count) = count {
                shown.insert(name.into(), count.into());
            }
        }
        shown.insert("canResubmit".into(), action.can_resubmit.into());
        shown.into()
    }
}

/// `000003`, or one for each loop: `000003-000000`.
pub(super) fn repetition_name(repetition: &RepetitionView) -> String {
    let indexes = repetition.indexes.iter();
    let indexes: Vec<String> = indexes.map(|(_, index)| format!("{index:06}")).collect();
    indexes.join("-")
}

fn retry(retry: &RetryView) -> Json {
    let mut shown = Map::new();
    put_times(&mut shown, Some(retry.started), Some(retry.ended));
    shown.insert("code".into(), (*retry.code).into());
    if let Some(error) = &retry.error {
        shown.insert("error".into(), plain(error));
    }
    shown.into()
}

fn put_times(shown: &mut Map<String, Json>, started: Option<Timestamp>, ended: Option<Timestamp>) {
    for (name, at) in [("startTime", started), ("endTime", ended)] {
        if let Some(at) = at {
            shown.insert(name.into(), precise(at).into());
        }
    }
}

fn put_end(
    shown: &mut Map<String, Json>,
    status: Status,
    code: Option<&str>,
    error: Option<&Value>,
) {
    shown.insert("status".into(), status.as_str().into());
    if let Some(code) = code {
        shown.insert("code".into(), code.into());
    }
    if let Some(error) = error {
        shown.insert("error".into(), plain(error));
    }
}

/// As `serde_json` has it; the order of keys is not kept here.
pub(super) fn plain(value: &Value) -> Json {
    Json::from(value.clone())
}
