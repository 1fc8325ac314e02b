//! Workflows of deployed revisions, compiled once and kept at hand.
//!
//! A revision never changes, so what was made of it stays right for as long as it is kept.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, PoisonError};

use lru::LruCache;
use weft_api::DeployedWorkflow;
use weft_app::{Deployment, FunctionKind};
use weft_id::{AppId, InstanceId};
use weft_orchestration::{Event, Failure, Limits, Replay};
use weft_store::{Error, Instance, RevisionId};
use weft_workflow::definition::{Options, State, Workflow, load_text};
use weft_workflow::program::Program;
use weft_workflow::run::{CallbackKey, Callee, Run, Settings};
use weft_workflow::value::Value;

use crate::deployments::Deployments;

/// Apps whose workflows are kept.
const REVISIONS_MAX: NonZeroUsize = NonZeroUsize::new(256).expect("not zero");
/// Why a workflow that is deployed cannot be run.
const NOT_RUNNABLE: &str = "InvalidWorkflow";

pub(crate) struct Workflows {
    deployments: Arc<Deployments>,
    callback_key: CallbackKey,
    kept: Mutex<LruCache<(AppId, RevisionId), Arc<OfRevision>>>,
}

/// The workflows of one revision, by name.
type OfRevision = BTreeMap<String, Result<Arc<DeployedWorkflow>, Failure>>;

/// A run of a workflow over what was recorded of it.
pub(crate) fn run_of(
    deployed: &DeployedWorkflow,
    instance: InstanceId,
    history: Vec<Event>,
    limits: Limits,
) -> Run {
    let replay = Replay::new(instance, history, limits);
    let program = Arc::clone(&deployed.program);
    Run::new(program, Arc::clone(&deployed.settings), replay)
}

impl Workflows {
    pub(crate) fn new(deployments: Arc<Deployments>, callback_key: CallbackKey) -> Self {
        Self {
            deployments,
            callback_key,
            kept: Mutex::new(LruCache::new(REVISIONS_MAX)),
        }
    }

    /// Signs and verifies URLs that work without a key.
    pub(crate) fn callback_key(&self) -> CallbackKey {
        self.callback_key.clone()
    }

    /// Signs and verifies URLs of one workflow.
    pub(crate) fn access_key(&self, id: &str) -> CallbackKey {
        self.callback_key.derived(id)
    }

    /// The names of the active revision's workflows.
    ///
    /// # Errors
    /// The store's.
    pub(crate) async fn names(&self, app: &AppId) -> Result<Vec<String>, Error> {
        let active = self.deployments.active(app).await?;
        let names = active.map(|active| {
            let names = active.deployment.workflows().keys();
            names.map(ToString::to_string).collect()
        });
        Ok(names.unwrap_or_default())
    }

    /// A workflow of an app; of the given revision, else of the active one. `None` where there is
    /// none of that name.
    ///
    /// # Errors
    /// The store's.
    pub(crate) async fn find(
        &self,
        app: &AppId,
        revision: Option<RevisionId>,
        name: &str,
    ) -> Result<Option<Result<Arc<DeployedWorkflow>, Failure>>, Error> {
        let found = self.deployments.revision(app, revision).await?;
        let Some((id, deployment)) = found else {
            return Ok(None);
        };
        let Some((name, _)) = deployment.workflow(name) else {
            return Ok(None);
        };
        let prepared = self.of_revision(app, id, &deployment);
        Ok(prepared.get(name.as_str()).cloned())
    }

    /// Whether an instance is a run of a workflow that secures anything, or that cannot be read.
    ///
    /// # Errors
    /// The store's.
    pub(crate) async fn conceals(&self, instance: &Instance) -> Result<bool, Error> {
        let app = &instance.key.app;
        let found = self.find(app, instance.revision, &instance.name).await?;
        Ok(match found {
            Some(Ok(deployed)) => deployed.program.has_secured(),
            Some(Err(_)) => true,
            None => false,
        })
    }

    fn of_revision(&self, app: &AppId, id: RevisionId, deployment: &Deployment) -> Arc<OfRevision> {
        let key = (app.clone(), id);
        if let Some(kept) = self.kept().get(&key) {
            return Arc::clone(kept);
        }
        let made = Arc::new(self.prepare(app, id, deployment));
        self.kept().put(key, Arc::clone(&made));
        made
    }

    /// Forgets the revisions of an app, which are numbered anew once it was deleted.
    pub(crate) fn forget(&self, app: &AppId) {
        let mut kept = self.kept();
        let gone: Vec<_> = kept
            .iter()
            .filter(|((of, _), _)| of == app)
            .map(|(key, _)| key.clone())
            .collect();
        for key in gone {
            kept.pop(&key);
        }
    }

    fn prepare(&self, app: &AppId, revision: RevisionId, deployment: &Deployment) -> OfRevision {
        let compiled: Vec<_> = deployment
            .workflows()
            .iter()
            .map(|(name, workflow)| {
                (
                    name.to_string(),
                    compile(name.as_str(), workflow.document()),
                )
            })
            .collect();
        let mut callees: BTreeMap<String, Callee> = deployment
            .functions()
            .values()
            .filter(|function| function.kind == FunctionKind::Orchestrator)
            .map(|function| (function.name.to_string(), Callee::Orchestrator))
            .collect();
        callees.extend(compiled.iter().filter_map(|(name, compiled)| {
            let (_, program) = compiled.as_ref().ok()?;
            let responds = program.responds();
            Some((name.clone(), Callee::Workflow { responds }))
        }));
        let prepared = compiled.into_iter().map(|(name, compiled)| {
            let prepared = compiled.map(|(workflow, program)| {
                Arc::new(DeployedWorkflow {
                    revision,
                    state: state(deployment, &name, &workflow),
                    settings: Arc::new(Settings {
                        base_path: weft_api::base_path(app),
                        ..self.settings(&name, &workflow, &callees)
                    }),
                    program: Arc::new(program),
                    workflow,
                })
            });
            (name, prepared)
        });
        prepared.collect()
    }

    fn settings(
        &self,
        name: &str,
        workflow: &Workflow,
        callees: &BTreeMap<String, Callee>,
    ) -> Settings {
        let owned = |(name, value): (&Arc<str>, &Value)| (name.to_string(), value.clone());
        Settings {
            workflow: name.to_owned(),
            parameters: workflow.parameters.iter().map(owned).collect(),
            app_settings: workflow.app_settings.iter().map(owned).collect(),
            callees: callees.clone(),
            callback_key: self.callback_key.clone(),
            ..Settings::default()
        }
    }

    fn kept(&self) -> std::sync::MutexGuard<'_, LruCache<(AppId, RevisionId), Arc<OfRevision>>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether its triggers fire.
fn state(deployment: &Deployment, name: &str, workflow: &Workflow) -> State {
    let Ok(name) = name.parse() else {
        return State::Enabled;
    };
    let given = deployment.given_state(&name);
    let state = given.or_else(|| workflow.state(&name));
    state.unwrap_or(State::Enabled)
}

fn compile(name: &str, document: &str) -> Result<(Workflow, Program), Failure> {
    let options = Options {
        name: Some(name.to_owned()),
        ..Options::default()
    };
    let refused = |why: String| {
        let message = format!("the workflow {name} cannot be run: {why}; deploy it again");
        Failure::permanent(NOT_RUNNABLE, message)
    };
    let loaded = load_text(document, &options).map_err(|faults| {
        let faults: Vec<_> = faults.iter().map(ToString::to_string).collect();
        refused(faults.join("; "))
    })?;
    let workflow = loaded
        .single()
        .map_err(|fault| refused(fault.to_string()))?;
    let program = Program::compile(&workflow.definition).map_err(|faults| {
        let faults = faults
            .iter()
            .map(|fault| format!("{}: {fault}", fault.pointer));
        refused(faults.collect::<Vec<_>>().join("; "))
    })?;
    Ok((workflow, program))
}
