//! Actions that run after one another, and where such a graph stands in the definition.

use super::{ActionId, Program};

/// The actions of one level, in the order of the definition.
#[derive(Debug, Default)]
pub(crate) struct Graph {
    pub(crate) actions: Vec<ActionId>,
}

/// Which of a container's graphs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum GraphRef {
    Root,
    /// The actions of a Scope, Foreach or Until, and those of an If whose condition holds.
    Body(ActionId),
    Else(ActionId),
    Case(ActionId, usize),
    Default(ActionId),
}

impl GraphRef {
    pub(crate) fn owner(self) -> Option<ActionId> {
        match self {
            Self::Root => None,
            Self::Body(id) | Self::Else(id) | Self::Case(id, _) | Self::Default(id) => Some(id),
        }
    }
}

impl Program {
    /// Whether there is such a graph, which may be empty.
    pub(crate) fn has_graph(&self, place: GraphRef) -> bool {
        self.graphs.contains_key(&place)
    }

    /// The actions of a graph.
    pub(crate) fn graph(&self, place: GraphRef) -> &[ActionId] {
        if place == GraphRef::Root {
            return &self.root.actions;
        }
        self.graphs
            .get(&place)
            .map_or(&[], |graph| graph.actions.as_slice())
    }
}
