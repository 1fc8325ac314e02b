//! What the world around an orchestration does: decided before the run.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::entity::Tested;
use crate::{Call, Entity, Failure};

type Does = Box<dyn FnMut(&str, Call) -> Result<String, Failure>>;

/// What one function does and how long it takes.
pub(super) struct Role {
    pub(super) duration: Duration,
    pub(super) does: Does,
}

/// Which of the two kinds of callee; their names do not meet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Callee {
    Activity,
    SubOrchestration,
    /// Its input is the entity's id, the operation and the input, as a JSON list.
    Entity,
}

#[derive(Default)]
pub(super) struct Script {
    roles: BTreeMap<(Callee, String), Role>,
    /// When after the start, name, payload.
    pub(super) events: Vec<(Duration, String, String)>,
}

impl Script {
    pub(super) fn add_activity(
        &mut self,
        name: &str,
        duration: Duration,
        does: impl FnMut(&str, Call) -> Result<String, Failure> + 'static,
    ) {
        let does = Box::new(does);
        let role = Role { duration, does };
        self.roles.insert((Callee::Activity, name.to_owned()), role);
    }

    pub(super) fn add_sub_orchestration(
        &mut self,
        name: &str,
        does: impl FnMut(&str, Call) -> Result<String, Failure> + 'static,
    ) {
        let (duration, does) = (Duration::ZERO, Box::new(does));
        let role = Role { duration, does };
        self.roles
            .insert((Callee::SubOrchestration, name.to_owned()), role);
    }

    pub(super) fn add_entity<E: Entity + 'static>(&mut self) {
        let mut entities: BTreeMap<String, Tested<E>> = BTreeMap::new();
        let does = move |input: &str, _: Call| {
            let (id, operation, input): (String, String, serde_json::Value) =
                serde_json::from_str(input)?;
            let key = id.rsplit('@').next().unwrap_or_default();
            let entity = entities
                .entry(id.clone())
                .or_insert_with(|| Tested::new(key));
            let answer: serde_json::Value = entity.operate(&operation, &input)?;
            Ok(answer.to_string())
        };
        let (duration, does) = (Duration::ZERO, Box::new(does));
        let role = Role { duration, does };
        self.roles
            .insert((Callee::Entity, E::NAME.to_owned()), role);
    }

    /// # Panics
    /// When the test has not said what that function does.
    pub(super) fn role(&mut self, callee: Callee, name: &str) -> &mut Role {
        let role = self.roles.get_mut(&(callee, name.to_owned()));
        role.unwrap_or_else(|| {
            panic!("the orchestrator calls {callee:?} `{name}`, which the test does not script")
        })
    }
}
