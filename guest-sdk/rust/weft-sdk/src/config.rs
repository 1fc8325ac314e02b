//! Configuration values of the function (`wasi:config`), read-only.
//!
//! Works in a component only: natively every function panics.

use crate::bindings::imports::wasi::config::store as wit;

/// The platform could not read the configuration.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the configuration could not be read: {0}")]
pub struct Error(String);

/// The value of a key; nothing where there is none.
///
/// # Errors
/// When the platform cannot read its configuration.
pub fn get(key: &str) -> Result<Option<String>, Error> {
    wit::get(key).map_err(from_wit)
}

/// All keys and values.
///
/// # Errors
/// When the platform cannot read its configuration.
pub fn get_all() -> Result<Vec<(String, String)>, Error> {
    wit::get_all().map_err(from_wit)
}

fn from_wit(error: wit::Error) -> Error {
    match error {
        wit::Error::Upstream(why) | wit::Error::Io(why) => Error(why),
    }
}
