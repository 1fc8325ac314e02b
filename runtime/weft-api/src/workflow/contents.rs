//! Inputs and outputs of triggers and actions, behind links of their own: they may be large.

use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::header;
use serde_json::{Value as Json, json};
use sha2::{Digest, Sha256};
use weft_workflow::run::ActionView;

use super::shape::repetition_name;
use super::{Context, Refused, runs};

/// What the content is compared by.
pub(super) fn version(text: &str) -> String {
    STANDARD.encode(&Sha256::digest(text.as_bytes())[..16])
}

pub(super) fn hash(text: &str) -> Json {
    json!({"algorithm": "sha256", "value": STANDARD.encode(Sha256::digest(text.as_bytes()))})
}

/// `GET .../runs/{run}/.../contents/{name}`, by the segments from `runs` on. The value comes as it
/// is: with the order of its keys and the digits of its numbers.
pub(super) async fn show(
    context: &Context,
    workflow: &str,
    path: &[&str],
) -> Result<Response, Refused> {
    let absent = || Refused::absent("ContentNotFound", "such content");
    let (deployed, instance) = runs::instance(context, workflow, path[1]).await?;
    let run = runs::over(context, &deployed, &instance).await?;
    let view = runs::view(&run, &instance);
    let name = path.last().copied().unwrap_or_default();
    let of_action = |action: &ActionView| match name {
        "ActionInputs" => action.inputs.clone(),
        "ActionOutputs" => action.outputs.clone(),
        _ => None,
    };
    let value = match path {
        [_, _, "contents", "TriggerInputs"] => view.trigger.get("inputs").cloned(),
        [_, _, "contents", "TriggerOutputs"] => view.trigger.get("outputs").cloned(),
        [_, _, "actions", action, "contents", _] => {
            let mut actions = view.actions.iter();
            let found = actions.find(|own| own.name.eq_ignore_ascii_case(action));
            found.and_then(of_action)
        }
        [
            _,
            _,
            "actions",
            action,
            "repetitions",
            repetition,
            "contents",
            _,
        ] => {
            let all = run.repetitions(action, instance.outcome.is_some());
            let all = all.ok_or_else(absent)?;
            let found = all.iter().find(|own| repetition_name(own) == *repetition);
            found.and_then(|own| of_action(&own.action))
        }
        _ => None,
    };
    let json = [(header::CONTENT_TYPE, "application/json; charset=utf-8")];
    Ok((json, value.ok_or_else(absent)?.to_string()).into_response())
}
