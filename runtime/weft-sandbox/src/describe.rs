//! Asks a component what it holds.

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use weft_app::{DescribedFunction, Function, FunctionKind};
use weft_id::{AppId, Tenant};
use weft_store::Digest;

use crate::bindings::exports::weft::functions::describe;
use crate::config::Invocation;
use crate::loaded::Loaded;
use crate::plain::Package;
use crate::quarantine::Quarantine;
use crate::running::in_slices;
use crate::state::Role;
use crate::{CallError, Sandbox, UploadError};

const TIMEOUT: Duration = Duration::from_secs(5);
const FUNCTIONS_MAX: usize = 1000;

impl Sandbox {
    pub(crate) async fn describe(
        &self,
        tenant: &Tenant,
        name: &weft_id::Component,
        digest: Digest,
        loaded: &Arc<Loaded>,
        wasm: &[u8],
    ) -> Result<Vec<DescribedFunction>, UploadError> {
        if !loaded.plain.is_empty() {
            return Ok(loaded.plain.describe(&Package::of(wasm)));
        }
        let own_name = name.as_str().parse();
        let own_name = own_name.expect("names of components and functions have one syntax");
        let (indices, entity) = (loaded.describe.as_ref(), loaded.entity().ok());
        if indices.is_none() && entity.is_none() {
            return Ok(undescribed(&own_name, loaded));
        }
        let call = Invocation {
            app: AppId {
                tenant: tenant.clone(),
                ..AppId::default()
            },
            function: Arc::new(asked(&own_name, name)),
            component: digest,
            instance: None,
        };
        let mut store = self.store(call, Role::Describe, TIMEOUT);
        let ask = async {
            let instance = loaded.pre.instantiate_async(&mut store).await?;
            let functions = match indices {
                Some(indices) => {
                    let guest = indices.load(&mut store, &instance)?;
                    guest.call_describe(&mut store).await?
                }
                None => Vec::new(),
            };
            let entities = match entity {
                Some(indices) => {
                    let guest = indices.load(&mut store, &instance)?;
                    guest.call_names(&mut store).await?
                }
                None => Vec::new(),
            };
            wasmtime::Result::Ok((functions, entities))
        };
        let mut share = self.share(tenant);
        let asked = tokio::time::timeout(TIMEOUT, in_slices(&mut share, ask)).await;
        let (answer, entities) = match asked {
            Ok(Ok(Ok(functions))) => functions,
            Ok(Err(panicked)) => {
                return Err(failed(&self.ward().panicked(tenant, digest, panicked)));
            }
            Ok(Ok(Err(error))) => return Err(failed(&store.data().explain(&error))),
            Err(_) => return Err(failed(&CallError::Timeout(TIMEOUT))),
        };
        if answer.is_empty() && entities.is_empty() {
            return Ok(undescribed(&own_name, loaded));
        }
        if answer.len() + entities.len() > FUNCTIONS_MAX {
            let why = format!("it lists more than {FUNCTIONS_MAX} functions");
            return Err(UploadError::Describe(why));
        }
        let described = answer.into_iter().map(check);
        let entities = entities.iter().map(|name| described_entity(name));
        let functions: Result<Vec<_>, _> = described.chain(entities).collect();
        let functions = functions.map_err(UploadError::Describe)?;
        check_roles(&functions, loaded)?;
        Ok(functions)
    }
}

fn failed(error: &CallError) -> UploadError {
    match error {
        CallError::Busy(why) => UploadError::Busy(why.clone()),
        CallError::Limited(limited) => UploadError::Busy(limited.to_string()),
        CallError::Internal(why) => UploadError::Internal(why.clone()),
        CallError::Quarantined(why) => UploadError::Quarantined(Quarantine::clone(why)),
        CallError::NoComponent(_)
        | CallError::NoRole(_)
        | CallError::Timeout(_)
        | CallError::Limit { .. }
        | CallError::Trap(_)
        | CallError::NoResponse
        | CallError::ErrorResponse(_)
        | CallError::BadRequest(_) => UploadError::Describe(error.to_string()),
    }
}

/// The function that a component without `describe` is, one for each role that it exports.
fn undescribed(name: &weft_id::Function, loaded: &Loaded) -> Vec<DescribedFunction> {
    let kinds = [
        (FunctionKind::Http, loaded.http().is_ok()),
        (FunctionKind::Activity, loaded.activity().is_ok()),
        (FunctionKind::Orchestrator, loaded.orchestrator().is_ok()),
        (FunctionKind::Entity, loaded.entity().is_ok()),
    ];
    let kind = kinds.into_iter().find(|(_, exported)| *exported);
    let (kind, _) = kind.expect("a component without any role is not loaded");
    vec![DescribedFunction {
        name: name.clone(),
        kind,
        description: None,
        input_schema: None,
        output_schema: None,
        route: None,
        methods: Vec::new(),
    }]
}

fn asked(name: &weft_id::Function, component: &weft_id::Component) -> Function {
    Function {
        name: name.clone(),
        component: component.clone(),
        kind: FunctionKind::Activity,
        auth: weft_app::Auth::default(),
        trigger: None,
        limits: weft_app::Limits::default(),
        allowed_outbound_hosts: Vec::new(),
        capabilities: weft_app::Grants::default(),
        env: std::collections::BTreeMap::new(),
        description: None,
        input_schema: None,
        output_schema: None,
    }
}

fn check(function: describe::Function) -> Result<DescribedFunction, String> {
    let name = &function.name;
    let schema = |what: &str, text: Option<String>| -> Result<Option<Value>, String> {
        let parsed = text.map(|text| serde_json::from_str(&text)).transpose();
        parsed.map_err(|error| format!("the {what} schema of {name:?} is no JSON: {error}"))
    };
    let route = function.route.map(|route| route.parse()).transpose();
    Ok(DescribedFunction {
        kind: match function.kind {
            describe::Kind::Http => FunctionKind::Http,
            describe::Kind::Activity => FunctionKind::Activity,
            describe::Kind::Orchestrator => FunctionKind::Orchestrator,
        },
        input_schema: schema("input", function.input_schema)?,
        output_schema: schema("output", function.output_schema)?,
        route: route.map_err(|error| format!("the route of {name:?}: {error}"))?,
        methods: function
            .methods
            .iter()
            .map(|method| method.to_ascii_uppercase())
            .collect(),
        description: function.description,
        name: name.parse().map_err(|error| format!("{name:?}: {error}"))?,
    })
}

fn described_entity(name: &str) -> Result<DescribedFunction, String> {
    Ok(DescribedFunction {
        name: name.parse().map_err(|error| format!("{name:?}: {error}"))?,
        kind: FunctionKind::Entity,
        description: None,
        input_schema: None,
        output_schema: None,
        route: None,
        methods: Vec::new(),
    })
}

fn check_roles(functions: &[DescribedFunction], loaded: &Loaded) -> Result<(), UploadError> {
    let mut names = std::collections::BTreeSet::new();
    for function in functions {
        let name = &function.name;
        if !names.insert(name) {
            return Err(UploadError::Describe(format!("{name} is listed twice")));
        }
        let role = match function.kind {
            FunctionKind::Http => loaded.http().map(drop),
            FunctionKind::Activity => loaded.activity().map(drop),
            FunctionKind::Orchestrator => loaded.orchestrator().map(drop),
            FunctionKind::Entity => loaded.entity().map(drop),
        };
        role.map_err(|error| UploadError::Describe(format!("it lists {name}, but {error}")))?;
    }
    Ok(())
}
