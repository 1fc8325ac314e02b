//! What is the node's own: names that nobody outside starts, and inputs that only the node writes.
//!
//! The core refuses the names wherever code starts something. The inputs can be told from others
//! only where they come in, since the node's workflows start each other the way foreign code does;
//! there [`check_start`] is called.

use std::fmt;

use serde::de::{self, Deserializer as _, IgnoredAny, MapAccess, Visitor};

use crate::Payload;

/// What the names of orchestrations and activities begin with that are the node's own: nobody outside
/// starts one.
pub const RESERVED_NAMES: &str = "workflow/";
/// The member of an input that only the node writes: it tells the envelope of a run from what
/// somebody has sent.
pub const RESERVED_MEMBER: &str = "$weft-run";

/// A start that only the node may make.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Reserved {
    #[error("names that begin with {RESERVED_NAMES} are the node's own")]
    Name,
    #[error("inputs with the member {RESERVED_MEMBER} are the node's own")]
    Input,
}

/// Whether only the node starts what has this name.
#[must_use]
pub fn is_reserved(name: &str) -> bool {
    name.starts_with(RESERVED_NAMES)
}

/// Judges a start that comes from outside or from the code of an app.
///
/// # Errors
/// It poses as one of the node's.
pub fn check_start(name: &str, input: &Payload) -> Result<(), Reserved> {
    if is_reserved(name) {
        return Err(Reserved::Name);
    }
    match input.text().is_some_and(has_reserved_member) {
        true => Err(Reserved::Input),
        false => Ok(()),
    }
}

fn has_reserved_member(text: &str) -> bool {
    // An escape may stand for any letter of the name.
    if !text.contains(RESERVED_MEMBER) && !text.contains("\\u") {
        return false;
    }
    let mut found = Members(false);
    let mut json = serde_json::Deserializer::from_str(text);
    // What is no object has no members, and what is no JSON is refused by whoever reads it.
    let _ = json.deserialize_any(&mut found);
    found.0
}

/// Looks at the names of the outermost object.
struct Members(bool);

impl<'de> Visitor<'de> for &mut Members {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<(), A::Error> {
        while let Some(name) = members.next_key::<String>()? {
            self.0 |= name == RESERVED_MEMBER;
            members.next_value::<IgnoredAny>()?;
        }
        Ok(())
    }

    fn visit_unit<E: de::Error>(self) -> Result<(), E> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_only_the_node_starts() {
        let check = |name: &str, input: &str| check_start(name, &Payload::from(input.to_owned()));
        assert_eq!(check("workflow/trigger", "null"), Err(Reserved::Name));
        assert_eq!(check("flow", r#"{"$weft-run": 1}"#), Err(Reserved::Input));
        let escaped = r#" {"a": [], "\u0024weft-r\u0075n": null}"#;
        assert_eq!(check("flow", escaped), Err(Reserved::Input));
        for other in [
            "null",
            r#""$weft-run""#,
            r#"["$weft-run"]"#,
            r#"{"x": {"$weft-run": 1}}"#,
            r#"{"x": "\u0024weft-run"}"#,
        ] {
            assert_eq!(check("flow", other), Ok(()), "{other}");
        }
    }
}
