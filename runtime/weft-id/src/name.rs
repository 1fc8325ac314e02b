//! Names that people choose: `[a-z0-9-]{1,63}`, as in a DNS label, so that each may become part of
//! a host name.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use crate::{Error, serde_as_text};

const NAME_LEN_MAX: usize = 63;

/// A function of a component that describes itself by its interfaces is called
/// `interface.function`.
const DOTTED: &str = "a function name";

fn check(what: &'static str, text: &str) -> Result<(), Error> {
    if what == DOTTED
        && let Some((interface, function)) = text.split_once('.')
        && text.len() <= NAME_LEN_MAX
    {
        check("an interface name", interface)?;
        return check("the name of an interface's function", function);
    }
    let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if let Some(found) = text.chars().find(|c| !allowed(*c)) {
        return Err(Error::Character {
            what,
            found,
            allowed: "lower-case letters, digits and '-' are allowed",
        });
    }
    if text.is_empty() || text.len() > NAME_LEN_MAX {
        return Err(Error::Length {
            what,
            max: NAME_LEN_MAX,
            len: text.len(),
        });
    }
    Ok(())
}

fn nearest(text: &str) -> Option<String> {
    let mut name = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_ascii_alphanumeric() {
            name.push(c.to_ascii_lowercase());
        } else if !name.is_empty() && !name.ends_with('-') {
            name.push('-');
        }
        if name.len() == NAME_LEN_MAX {
            break;
        }
    }
    let name = name.trim_end_matches('-');
    (!name.is_empty()).then(|| name.to_owned())
}

macro_rules! name {
    ($(#[$doc:meta])* $type:ident, $what:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $type(Arc<str>);

        impl $type {
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }

            /// The valid name that comes nearest to a text: `My_Flow 2` gives `my-flow-2`. `None`
            /// where the text has no letter or digit.
            #[must_use]
            pub fn nearest(text: &str) -> Option<Self> {
                let valid = text.parse().ok();
                valid.or_else(|| nearest(text).map(|name| Self(name.into())))
            }
        }

        impl FromStr for $type {
            type Err = Error;

            fn from_str(text: &str) -> Result<Self, Error> {
                check($what, text)?;
                Ok(Self(text.into()))
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        serde_as_text!($type);
    };
}

name!(
    /// Who pays and owns: the boundary of isolation.
    Tenant,
    "a tenant name"
);
name!(
    /// A deployable set of functions of one tenant.
    App,
    "an app name"
);
name!(
    /// One uploaded WebAssembly component of an app.
    Component,
    "a component name"
);
name!(
    /// Something callable in an app: an HTTP handler, an activity or an orchestrator.
    Function,
    "a function name"
);

impl Default for Tenant {
    fn default() -> Self {
        Self("default".into())
    }
}

impl Default for App {
    fn default() -> Self {
        Self("default".into())
    }
}

/// An app together with its tenant.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AppId {
    pub tenant: Tenant,
    pub app: App,
}

impl fmt::Display for AppId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.tenant, self.app)
    }
}

impl AppId {
    #[must_use]
    pub fn new(tenant: Tenant, app: App) -> Self {
        Self { tenant, app }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_name_is_valid_and_a_valid_one_is_its_own() {
        let nearest = |text: &str| Function::nearest(text).map(|name| name.to_string());
        for (text, name) in [
            ("My_Flow 2", "my-flow-2"),
            ("order--1-", "order--1-"),
            ("__Über--Weg (alt)", "ber-weg-alt"),
        ] {
            assert_eq!(nearest(text).as_deref(), Some(name));
        }
        assert_eq!(nearest("_ -"), None);
        assert!(
            nearest(&"x ".repeat(99))
                .unwrap()
                .parse::<Function>()
                .is_ok()
        );
    }

    #[test]
    fn accepts_dns_labels_and_names_the_first_fault() {
        assert!("a-0".parse::<App>().is_ok());
        assert!("a".repeat(63).parse::<App>().is_ok());
        assert!(matches!(
            "a".repeat(64).parse::<App>(),
            Err(Error::Length { len: 64, .. })
        ));
        assert!(matches!("".parse::<App>(), Err(Error::Length { .. })));
        for bad in ["A", "a.b", "a/b", "..", "ä", "a b", "a\n"] {
            assert!(
                matches!(bad.parse::<Tenant>(), Err(Error::Character { .. })),
                "{bad:?}"
            );
        }
    }
}
