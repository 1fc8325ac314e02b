//! Identifiers of entities.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use crate::{Error, InstanceId, serde_as_text};

const NAME_LEN_MAX: usize = 64;
/// The peers refuse 100 characters and more.
const KEY_LEN_MAX: usize = 99;

/// Names an entity within its app: `@{name}@{key}`.
///
/// The name is that of the function, lower-case; 1 to 64 characters, no `@`. The key is up to 99
/// characters, may be empty and is kept as it is. Neither has control characters or any of
/// `/ \ # ?`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EntityId {
    text: Arc<str>,
    /// Where the second `@` stands.
    at: usize,
}

impl EntityId {
    /// Lower-cases the name.
    ///
    /// # Errors
    /// A name or key that is too long or has characters which it may not have.
    pub fn new(name: &str, key: &str) -> Result<Self, Error> {
        let name = name.to_lowercase();
        check("an entity's name", &name, 1, NAME_LEN_MAX, |c| c == '@')?;
        check("an entity's key", key, 0, KEY_LEN_MAX, |_| false)?;
        Ok(Self {
            text: format!("@{name}@{key}").into(),
            at: name.len() + 1,
        })
    }

    #[must_use]
    pub fn name(&self) -> &str {
        &self.text[1..self.at]
    }

    #[must_use]
    pub fn key(&self) -> &str {
        &self.text[self.at + 1..]
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// What the entity is called among the instances.
    #[must_use]
    pub fn instance(&self) -> InstanceId {
        InstanceId::of_entity(self)
    }
}

fn check(
    what: &'static str,
    text: &str,
    min: usize,
    max: usize,
    refused: impl Fn(char) -> bool,
) -> Result<(), Error> {
    let len = text.chars().count();
    if len < min || len > max {
        return Err(Error::Length { what, max, len });
    }
    let refused = |c: &char| c.is_control() || matches!(c, '/' | '\\' | '#' | '?') || refused(*c);
    match text.chars().find(refused) {
        Some(found) => Err(Error::Character {
            what,
            found,
            allowed: "no control characters, none of / \\ # ?, no @ in the name",
        }),
        None => Ok(()),
    }
}

impl FromStr for EntityId {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let parts = text.strip_prefix('@').and_then(|rest| rest.split_once('@'));
        let (name, key) = parts.ok_or(Error::Form {
            what: "an entity's id",
            form: "@name@key",
        })?;
        Self::new(name, key)
    }
}

impl fmt::Display for EntityId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

serde_as_text!(EntityId);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_is_lower_case_and_the_key_is_kept() {
        let id: EntityId = "@Counter@My@Key".parse().unwrap();
        assert_eq!((id.name(), id.key()), ("counter", "My@Key"));
        assert_eq!(id.to_string(), "@counter@My@Key");
        assert_eq!(id.instance().entity(), Some(id));
        assert_eq!(EntityId::new("c", "").unwrap().key(), "");
    }

    #[test]
    fn refuses_what_could_not_be_told_apart_or_stand_in_a_path() {
        for (name, key) in [
            ("", "k"),
            ("a@b", "k"),
            ("a/b", "k"),
            ("a", "k?"),
            ("a", "\n"),
        ] {
            assert!(EntityId::new(name, key).is_err(), "{name} {key}");
        }
        assert!(EntityId::new("a", &"k".repeat(99)).is_ok());
        assert!(EntityId::new("a", &"k".repeat(100)).is_err());
        assert!("counter@k".parse::<EntityId>().is_err());
        assert!("@counter".parse::<EntityId>().is_err());
    }
}
