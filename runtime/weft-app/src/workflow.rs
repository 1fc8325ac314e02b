//! A declarative workflow as it was deployed: its author's text and what it consists of.
//!
//! The text is kept as it was written, with the order of its keys. It is a deployment body
//! (`{"definition": ..., "kind": ..., "parameters": ..., "connections": ..., "appSettings": ...,
//! "artifacts": ...}`, of which a `workflow.json` is a short form), a bare definition or an ARM
//! template.

mod body;
mod check;
mod definition;
mod project;

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::fault::Faults;

use body::Members;
pub use definition::WorkflowFaults;
pub use project::{ProjectFiles, assemble};
pub use weft_workflow::definition::State;

/// A workflow of an app.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Workflow {
    /// JSON, as the author wrote it.
    document: String,
    kind: WorkflowKind,
}

/// Where a workflow's runs are kept.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub enum WorkflowKind {
    /// In the store.
    #[default]
    Stateful,
    /// In memory.
    Stateless,
}

impl WorkflowKind {
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Stateful => "Stateful",
            Self::Stateless => "Stateless",
        }
    }
}

/// The parts of a document as they stand in its text.
#[derive(Debug, Clone, Default)]
pub struct WorkflowParts<'a> {
    /// The member `definition`, or the whole text where that is a bare definition or a template.
    pub definition: &'a str,
    /// `{name: {"type": ..., "value": ...}}`.
    pub parameters: Option<&'a str>,
    /// As in `connections.json`.
    pub connections: Option<&'a str>,
    pub app_settings: BTreeMap<String, String>,
    /// By what they are (`maps`, `schemas`, ...) and by their file's name.
    pub artifacts: BTreeMap<String, BTreeMap<String, String>>,
}

/// An outline of a workflow, for listings.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct WorkflowOutline {
    /// Names and types.
    pub triggers: Vec<(String, String)>,
    /// Those inside others included.
    pub actions: usize,
}

impl Workflow {
    /// # Errors
    /// Every fault of the document, with its JSON pointer.
    pub fn parse(document: &str) -> Result<Self, Faults> {
        let document = document.trim_start_matches('\u{feff}');
        Faults::check(Self::examine(document).errors)?;
        Ok(Self {
            document: document.to_owned(),
            kind: check::check(document)?,
        })
    }

    /// Everything that can be said about a document, whether it can be deployed or not.
    #[must_use]
    pub fn examine(document: &str) -> WorkflowFaults {
        let document = document.trim_start_matches('\u{feff}');
        let mut found = definition::faults(document);
        if let Err(faults) = check::check(document) {
            let others = faults.as_slice().iter();
            let new =
                others.filter(|fault| !found.errors.iter().any(|e| e.pointer == fault.pointer));
            found.errors = new.cloned().chain(found.errors.iter().cloned()).collect();
        }
        found
    }

    /// The author's text.
    #[must_use]
    pub fn document(&self) -> &str {
        &self.document
    }

    #[must_use]
    pub fn kind(&self) -> WorkflowKind {
        self.kind
    }

    /// What the document says about whether its triggers fire, as the workflow `name`; `None` where
    /// it says nothing.
    #[must_use]
    pub fn state(&self, name: &weft_id::Function) -> Option<State> {
        definition::state(&self.document, name)
    }

    #[must_use]
    pub fn parts(&self) -> WorkflowParts<'_> {
        body::parts(&self.document)
    }

    #[must_use]
    pub fn outline(&self) -> WorkflowOutline {
        check::outline(&self.document)
    }
}

/// The members of an object in their order; `None` for what is no object.
fn members(text: &str) -> Option<Vec<(String, &RawValue)>> {
    let Members(members) = serde_json::from_str(text).ok()?;
    Some(members)
}

#[cfg(test)]
mod tests;
