//! A component that is ready to be instantiated, and what it exports.

use wasmtime::component::{Component, InstancePre, Linker};
use wasmtime_wasi_http::p2::bindings::ProxyPre;

use crate::bindings::exports::weft::functions::{activity, describe, entity, orchestrator};
use crate::plain::{self, Plain};
use crate::state::State;
use crate::{CallError, UploadError};

pub(crate) struct Loaded {
    pub(crate) pre: InstancePre<State>,
    http: Option<ProxyPre<State>>,
    activity: Option<activity::GuestIndices>,
    orchestrator: Option<orchestrator::GuestIndices>,
    entity: Option<entity::GuestIndices>,
    pub(crate) describe: Option<describe::GuestIndices>,
    /// Of a component without any role of ours.
    pub(crate) plain: Plain,
}

impl Loaded {
    pub(crate) fn new(linker: &Linker<State>, component: &Component) -> Result<Self, UploadError> {
        let pre = linker
            .instantiate_pre(component)
            .map_err(|error| UploadError::Unlinkable(format!("{error:#}")))?;
        let mut loaded = Self {
            http: ProxyPre::new(pre.clone()).ok(),
            activity: activity::GuestIndices::new(&pre).ok(),
            orchestrator: orchestrator::GuestIndices::new(&pre).ok(),
            entity: entity::GuestIndices::new(&pre).ok(),
            describe: describe::GuestIndices::new(&pre).ok(),
            plain: Plain::default(),
            pre,
        };
        let roles = [
            loaded.http.is_some(),
            loaded.activity.is_some(),
            loaded.orchestrator.is_some(),
            loaded.entity.is_some(),
        ];
        if !roles.contains(&true) {
            let (plain, refused) = Plain::of(component);
            if plain.is_empty() {
                let exports = plain::why_nothing(component.engine(), component, &refused);
                return Err(UploadError::WrongWorld { exports });
            }
            loaded.plain = plain;
        }
        Ok(loaded)
    }

    /// Whether finding out what it holds takes running it.
    pub(crate) fn is_asked(&self) -> bool {
        self.plain.is_empty() && (self.describe.is_some() || self.entity.is_some())
    }

    pub(crate) fn http(&self) -> Result<&ProxyPre<State>, CallError> {
        let handler = "HTTP handler (wasi:http/incoming-handler@0.2)";
        self.http.as_ref().ok_or(CallError::NoRole(handler))
    }

    pub(crate) fn activity(&self) -> Result<&activity::GuestIndices, CallError> {
        let role = "activity (weft:functions/activity)";
        self.activity.as_ref().ok_or(CallError::NoRole(role))
    }

    pub(crate) fn orchestrator(&self) -> Result<&orchestrator::GuestIndices, CallError> {
        let role = "orchestrator (weft:functions/orchestrator)";
        self.orchestrator.as_ref().ok_or(CallError::NoRole(role))
    }

    pub(crate) fn entity(&self) -> Result<&entity::GuestIndices, CallError> {
        let role = "entity (weft:functions/entity)";
        self.entity.as_ref().ok_or(CallError::NoRole(role))
    }
}
