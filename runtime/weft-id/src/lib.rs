//! Identifiers and names, each a newtype that can only hold a valid value.
//!
//! Owns their syntax and nothing else: no look-up, no storage, no defaults with meaning beyond
//! [`Tenant::default`] and [`App::default`].

mod entity;
mod execution;
mod instance;
mod name;

pub use entity::EntityId;
pub use execution::ExecutionId;
pub use instance::{InstanceId, InstanceKey};
pub use name::{App, AppId, Component, Function, Tenant};

/// Why a text is no valid identifier.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    #[error("{what} must be 1 to {max} characters long, this one has {len}")]
    Length {
        what: &'static str,
        max: usize,
        len: usize,
    },
    #[error("{what} may not contain {found:?}; {allowed}")]
    Character {
        what: &'static str,
        found: char,
        allowed: &'static str,
    },
    #[error("an id with a leading @ is an entity's: give the instance another one")]
    Entity,
    #[error("{what} has the form {form}")]
    Form {
        what: &'static str,
        form: &'static str,
    },
}

/// Serialises through `Display` and deserialises through `FromStr`, so that no invalid value enters
/// by way of serde.
macro_rules! serde_as_text {
    ($type:ty) => {
        impl serde::Serialize for $type {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> serde::Deserialize<'de> for $type {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}
use serde_as_text;
