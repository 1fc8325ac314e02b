//! What an app is: its components, its functions, and what each function may do.
//!
//! Pure: text and values in, checked values out. Owns the deployment document that a revision
//! keeps ([`Deployment`]) with the workflows in it ([`Workflow`]), the manifest `weft.toml`
//! ([`Manifest`]), route templates, the syntax of outbound grants and the `/@{tenant}/{app}` prefix of data-plane paths ([`scope`]). It knows
//! neither HTTP servers nor stores nor WebAssembly.
//!
//! Invariants:
//! - a name belongs to one function or one workflow of its app;
//! - a [`Deployment`] holds resolved values only: later changes of a default do not alter it;
//! - whoever writes a manifest or settings gets every fault at once, each with its place.

mod deployment;
mod fault;
mod function;
mod grants;
mod limits;
mod manifest;
mod outbound;
mod quota;
mod read;
mod retention;
mod route;
pub mod scope;
mod settings;
mod workflow;

pub use deployment::{ComponentEntry, Deployment, DescribedFunction, SettingsError};
pub use fault::{Fault, Faults};
pub use function::{Auth, Function, FunctionKind, Trigger};
pub use grants::{Grants, InvalidPattern, NamePattern, Reach};
pub use limits::{LimitSettings, Limits};
pub use manifest::{Engine, Manifest, ManifestComponent, ManifestFunction, ManifestWorkflow};
pub use outbound::{InvalidOutboundHost, OutboundHost};
pub use quota::Quota;
pub use retention::Retention;
pub use route::{Constraint, InvalidRoute, RouteTemplate, Segment};
pub use settings::Settings;
pub use workflow::{
    ProjectFiles, State, Workflow, WorkflowFaults, WorkflowKind, WorkflowOutline, WorkflowParts,
    assemble,
};
