//! The definitions in a document, as the workflow language judges them.

use weft_workflow::definition::{self, Options, State};

use crate::fault::Fault;

/// What is wrong with the definitions of a document.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct WorkflowFaults {
    /// They keep the document from being deployed.
    pub errors: Vec<Fault>,
    /// It is deployed, and may surprise its author.
    pub warnings: Vec<Fault>,
}

/// Every fault of every definition, with pointers from the root of the document.
pub(super) fn faults(document: &str) -> WorkflowFaults {
    let mut found = match definition::load_text(document, &Options::default()) {
        Ok(loaded) => {
            let of_workflows = loaded.workflows.iter().flat_map(|w| w.validate());
            let mut all: Vec<_> = of_workflows.collect();
            all.extend(loaded.warnings);
            all
        }
        Err(faults) => faults,
    };
    let warnings = found.extract_if(.., |fault| !fault.is_error());
    let warnings = warnings.map(fault).collect();
    WorkflowFaults {
        errors: found.into_iter().map(fault).collect(),
        warnings,
    }
}

pub(super) fn state(document: &str, name: &weft_id::Function) -> Option<State> {
    let loaded = definition::load_text(document, &Options::default()).ok()?;
    loaded.single().ok()?.state(name)
}

fn fault(fault: definition::Fault) -> Fault {
    Fault {
        pointer: fault.pointer,
        offset: fault.offset,
        message: fault.message,
        hint: fault.hint,
    }
}
