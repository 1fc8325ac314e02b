//! As whom a request is sent, where the action or its connection says it in full.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::value::Value;

use super::{Refused, text};

/// The value of the header `Authorization` for the types `Basic` and `Raw`; `None` for those that
/// need none or that somebody else has to give (certificates, tokens).
///
/// # Errors
/// A `Raw` without a value.
pub fn credentials(stated: &Value) -> Result<Option<String>, Refused> {
    let kind = text(stated, "type").unwrap_or_default();
    Ok(match kind.to_ascii_lowercase().as_str() {
        "basic" => {
            let user = text(stated, "username").unwrap_or_default();
            let password = text(stated, "password").unwrap_or_default();
            let encoded = STANDARD.encode(format!("{user}:{password}"));
            Some(format!("Basic {encoded}"))
        }
        // Connections write it in two parts.
        "raw" => match (text(stated, "value"), text(stated, "scheme")) {
            (Some(value), _) => Some(value),
            (None, Some(scheme)) => Some(format!(
                "{scheme} {}",
                text(stated, "parameter").unwrap_or_default()
            )),
            (None, None) => {
                return Err(Refused::invalid(
                    "an authentication of the type Raw has a `value`, or a `scheme` and a \
                     `parameter`",
                ));
            }
        },
        _ => None,
    })
}
