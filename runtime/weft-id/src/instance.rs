//! Identifiers of orchestration instances.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use crate::{AppId, EntityId, Error, serde_as_text};

const INSTANCE_ID_LEN_MAX: usize = 256;

/// Names an orchestration instance within its app: 1 to 256 characters, no control characters,
/// none of `/ \ # ?`. With a leading `@` it is an entity's, which [`Self::entity`] tells.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct InstanceId(Arc<str>);

impl InstanceId {
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// An id of 32 hexadecimal digits, for an instance whose caller names none; `random` is.
    #[must_use]
    pub fn of_random(random: u128) -> Self {
        Self(format!("{random:032x}").into())
    }

    /// The id itself where an orchestration may have it.
    ///
    /// # Errors
    /// [`Error::Entity`].
    pub fn of_orchestration(self) -> Result<Self, Error> {
        match self.is_entity() {
            true => Err(Error::Entity),
            false => Ok(self),
        }
    }

    pub(crate) fn of_entity(entity: &EntityId) -> Self {
        Self(entity.as_str().into())
    }

    /// The entity that has this id; `None` for an orchestration.
    #[must_use]
    pub fn entity(&self) -> Option<EntityId> {
        let text = self.0.starts_with('@').then_some(&self.0)?;
        Some(
            text.parse()
                .expect("an id with a leading @ was made of an entity's"),
        )
    }

    #[must_use]
    pub fn is_entity(&self) -> bool {
        self.0.starts_with('@')
    }

    /// The id of the child that a parent starts as its action number `id`, where the code gives
    /// none: `{parent}:{id:04x}`. Grows with depth; a parent whose id leaves no room gives `None`.
    #[must_use]
    pub fn child(&self, id: u32) -> Option<Self> {
        format!("{self}:{id:04x}").parse().ok()
    }
}

impl FromStr for InstanceId {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        const WHAT: &str = "an instance id";
        let len = text.chars().count();
        if len == 0 || len > INSTANCE_ID_LEN_MAX {
            return Err(Error::Length {
                what: WHAT,
                max: INSTANCE_ID_LEN_MAX,
                len,
            });
        }
        if text.starts_with('@') {
            return text.parse().map(|entity| Self::of_entity(&entity));
        }
        let refused = |c: char| c.is_control() || matches!(c, '/' | '\\' | '#' | '?');
        match text.chars().find(|c| refused(*c)) {
            Some(found) => Err(Error::Character {
                what: WHAT,
                found,
                allowed: "no control characters, none of / \\ # ?",
            }),
            None => Ok(Self(text.into())),
        }
    }
}

impl fmt::Display for InstanceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

serde_as_text!(InstanceId);

/// An instance together with the app that it belongs to: unique on a node and in a cluster.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct InstanceKey {
    pub app: AppId,
    pub id: InstanceId,
}

impl InstanceKey {
    #[must_use]
    pub fn new(app: AppId, id: InstanceId) -> Self {
        Self { app, id }
    }
}

impl fmt::Display for InstanceKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.app, self.id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refuses_what_would_break_a_path_or_pose_as_an_entity() {
        for good in ["a", "order 1", "Ärger", "x@y", "@x@y", &"é".repeat(256)] {
            assert!(good.parse::<InstanceId>().is_ok(), "{good:?}");
        }
        for bad in [
            "",
            "@x",
            "a/b",
            "a\\b",
            "a#b",
            "a?b",
            "a\0b",
            &"é".repeat(257),
        ] {
            assert!(bad.parse::<InstanceId>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn an_orchestration_may_not_pose_as_an_entity() {
        let entity: InstanceId = "@x@y".parse().unwrap();
        assert_eq!(entity.of_orchestration(), Err(Error::Entity));
        let random = InstanceId::of_random(0xab);
        assert_eq!(random.as_str(), "000000000000000000000000000000ab");
        assert_eq!(random.clone().of_orchestration(), Ok(random));
    }

    #[test]
    fn children_are_numbered_in_hexadecimal() {
        let parent: InstanceId = "p".parse().unwrap();
        assert_eq!(parent.child(10).unwrap().as_str(), "p:000a");
        let long: InstanceId = "p".repeat(256).parse().unwrap();
        assert_eq!(long.child(1), None);
    }
}
