//! What the orchestrations of triggers ask of the node, as activities.

use serde_json::json;
use weft_id::{AppId, InstanceKey};
use weft_orchestration::{Failure, Payload, Start};
use weft_store::{Error, IdReuse, NewInstance};
use weft_workflow::definition::Kind;
use weft_workflow::trigger::{CallbackUrl, LOOK, OPEN_RUNS, START, WATCH, fingerprint};
use weft_workflow::value::Value;

use super::Triggers;

impl Triggers {
    /// Answers an activity of what watches a trigger; `None` where it is not one of these, or is
    /// called by something else.
    pub(crate) async fn serve(
        &self,
        key: &InstanceKey,
        name: &str,
        input: &Payload,
    ) -> Option<Result<Payload, Failure>> {
        if ![LOOK, OPEN_RUNS, START].contains(&name) {
            return None;
        }
        let app = &key.app;
        match self.store.instance(key).await {
            Ok(caller) if caller.as_ref().is_none_or(|caller| caller.name != WATCH) => return None,
            Ok(_) => {}
            Err(error) => return Some(Err(Failure::transient("unavailable", error.to_string()))),
        }
        let input: Value =
            serde_json::from_str(input.text().unwrap_or_default()).unwrap_or_default();
        let answer = match name {
            LOOK => self.look(app, &input).await,
            OPEN_RUNS => self.ended_runs(app, &input).await,
            _ => self.start(app, &input).await,
        };
        let answer = answer.map(|answer| Payload::from(answer.to_string()));
        Some(answer.map_err(|error| Failure::transient("unavailable", error.to_string())))
    }

    /// The active revision, as the store has it now, and what it has of a trigger.
    async fn look(&self, app: &AppId, input: &Value) -> Result<Value, Error> {
        let text = |name: &str| input.get(name).map(Value::to_text).unwrap_or_default();
        let base_url = self.base_url(app);
        self.deployments.reload(app).await?;
        let Some((revision, _)) = self.deployments.revision(app, None).await? else {
            return Ok(json!({"revision": 0, "baseUrl": base_url}).into());
        };
        let workflow = text("workflow");
        let found = self.workflows.find(app, Some(revision), &workflow).await?;
        let deployed = found.and_then(Result::ok).filter(|own| !own.is_disabled());
        self.vaults.forget(app);
        let access_keys = self.vaults.access_keys(app).await?;
        let access_key = access_keys.get(&workflow).cloned().unwrap_or_default();
        let url = CallbackUrl {
            base: &base_url,
            access_key: &access_key,
        };
        let fingerprint = deployed.as_ref().and_then(|deployed| {
            let (program, settings) = (&deployed.program, &deployed.settings);
            fingerprint(program, settings, &text("trigger"), &url)
        });
        let stateless = deployed.is_some_and(|own| own.workflow.kind == Kind::Stateless);
        Ok(json!({
            "revision": revision.0,
            "baseUrl": base_url,
            "accessKey": access_key,
            "fingerprint": fingerprint,
            "stateless": stateless,
        })
        .into())
    }

    /// Which of some runs have ended, or are no more.
    async fn ended_runs(&self, app: &AppId, input: &Value) -> Result<Value, Error> {
        let mut ended = Vec::new();
        let runs = input.get("runs").and_then(Value::as_array);
        for run in runs.into_iter().flat_map(|runs| runs.iter()) {
            let Ok(id) = run.to_text().parse() else {
                continue;
            };
            let key = InstanceKey::new(app.clone(), id);
            let found = match self.store.instance(&key).await? {
                Some(found) => Some(found),
                None => self.stateless.instance(&key).await?,
            };
            if found.is_none_or(|instance| instance.status.is_terminal()) {
                ended.push(run.clone());
            }
        }
        Ok([("ended", Value::from(ended))].into_iter().collect())
    }

    /// Starts a run of a stateless workflow, once however often it is asked for.
    async fn start(&self, app: &AppId, input: &Value) -> Result<Value, Error> {
        let text = |name: &str| input.get(name).map(Value::to_text).unwrap_or_default();
        let Ok(id) = text("run").parse() else {
            return Ok(Value::Null);
        };
        let execution = weft_id::ExecutionId::from_u128(rand::random());
        let begins_with = input.get("input").cloned().unwrap_or_default();
        let new = NewInstance {
            key: InstanceKey::new(app.clone(), id),
            start: Start::new(
                execution,
                text("workflow"),
                Payload::from(begins_with.to_string()),
            ),
            reuse: IdReuse::never(),
            now: self.clock.now(),
        };
        match self.stateless.create(new).await {
            Ok(()) | Err(Error::AlreadyExists { .. }) => Ok(Value::Null),
            Err(error) => Err(error),
        }
    }
}
