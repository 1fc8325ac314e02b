//! Reading JSON by hand, so that every fault is found in one pass and carries its place; serde
//! would stop at the first.

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::fault::{Fault, join};

/// An object whose keys have been checked.
pub(crate) struct Object<'a> {
    members: &'a Map<String, Value>,
    pointer: String,
}

impl<'a> Object<'a> {
    /// `None`, with a fault, for what is no object. Keys that are not `known` are faults too.
    pub(crate) fn open(
        value: &'a Value,
        pointer: &str,
        known: &[&str],
        faults: &mut Vec<Fault>,
    ) -> Option<Self> {
        let members = table(value, pointer, faults)?;
        for key in members.keys().filter(|key| !known.contains(&key.as_str())) {
            let hint = format!("known keys: {}", known.join(", "));
            faults.push(Fault::new(join(pointer, key), "unknown key").hint(hint));
        }
        Some(Self {
            members,
            pointer: pointer.to_owned(),
        })
    }

    pub(crate) fn pointer(&self) -> &str {
        &self.pointer
    }

    /// `null` counts as absent.
    pub(crate) fn get(&self, key: &str) -> Option<&'a Value> {
        self.members.get(key).filter(|value| !value.is_null())
    }

    /// `None` when the member is absent, and, with a fault, when it has another type.
    pub(crate) fn field<T: DeserializeOwned>(
        &self,
        key: &str,
        faults: &mut Vec<Fault>,
    ) -> Option<T> {
        let value = self.get(key)?;
        serde_json::from_value(value.clone())
            .map_err(|error| faults.push(Fault::new(join(&self.pointer, key), error.to_string())))
            .ok()
    }

    /// As [`Self::field`], for what must be there.
    pub(crate) fn required<T: DeserializeOwned>(
        &self,
        key: &str,
        faults: &mut Vec<Fault>,
    ) -> Option<T> {
        if self.get(key).is_none() {
            faults.push(Fault::new(
                &*self.pointer,
                format!("the key `{key}` is missing"),
            ));
        }
        self.field(key, faults)
    }
}

/// The members of a table with free keys.
pub(crate) fn table<'a>(
    value: &'a Value,
    pointer: &str,
    faults: &mut Vec<Fault>,
) -> Option<&'a Map<String, Value>> {
    let members = value.as_object();
    if members.is_none() {
        faults.push(Fault::new(pointer, "must be an object (a table in TOML)"));
    }
    members
}
