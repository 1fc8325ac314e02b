//! The parts of a document.

use std::collections::BTreeMap;
use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::Value;
use serde_json::value::RawValue;

use super::{WorkflowParts, members};

/// The members of an object in their order, each as the text that it is.
#[derive(Debug)]
pub(super) struct Members<'a>(pub(super) Vec<(String, &'a RawValue)>);

impl<'de: 'a, 'a> Deserialize<'de> for Members<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct InOrder;
        impl<'de> Visitor<'de> for InOrder {
            type Value = Members<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members<'de>, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(InOrder)
    }
}

/// The member of that name; the last one where it stands twice.
pub(super) fn member<'a>(members: &[(String, &'a RawValue)], name: &str) -> Option<&'a str> {
    let found = members.iter().rev().find(|(own, _)| own == name);
    found
        .map(|(_, value)| value.get())
        .filter(|text| *text != "null")
}

pub(super) fn parts(document: &str) -> WorkflowParts<'_> {
    let all = members(document).unwrap_or_default();
    let Some(definition) = member(&all, "definition") else {
        return WorkflowParts {
            definition: document,
            ..WorkflowParts::default()
        };
    };
    WorkflowParts {
        definition,
        parameters: member(&all, "parameters"),
        connections: member(&all, "connections"),
        app_settings: app_settings(member(&all, "appSettings")),
        artifacts: artifacts(member(&all, "artifacts")),
    }
}

fn app_settings(text: Option<&str>) -> BTreeMap<String, String> {
    let table: BTreeMap<String, Value> = text.map_or_else(BTreeMap::new, |text| {
        serde_json::from_str(text).unwrap_or_default()
    });
    table
        .into_iter()
        .map(|(name, value)| match value {
            Value::String(text) => (name, text),
            other => (name, other.to_string()),
        })
        .collect()
}

fn artifacts(text: Option<&str>) -> BTreeMap<String, BTreeMap<String, String>> {
    text.map_or_else(BTreeMap::new, |text| {
        serde_json::from_str(text).unwrap_or_default()
    })
}
