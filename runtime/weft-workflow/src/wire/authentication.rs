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

/// Whether a header tells a server who sends a request, by its name: what it is called everywhere, and
/// words that services put into names of their own (`x-api-key`, `private-token`, ...). One that merely
/// sounds like it is one too: it is held back from servers that it was not meant for, and no others.
#[must_use]
pub fn is_credential(header: &str) -> bool {
    const WORDS: [&str; 9] = [
        "auth",
        "cookie",
        "credential",
        "key",
        "passw",
        "secret",
        "session",
        "signature",
        "token",
    ];
    let name = header.to_ascii_lowercase();
    WORDS.iter().any(|word| name.contains(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_are_told_by_their_names() {
        let secret = [
            "Authorization",
            "PROXY-AUTHORIZATION",
            "Cookie",
            "x-api-key",
            "apikey",
            "Ocp-Apim-Subscription-Key",
            "X-Auth-User",
            "Private-Token",
            "X-Amz-Signature",
            "client_secret",
        ];
        let plain = [
            "Accept",
            "Content-Type",
            "x-ms-version",
            "User-Agent",
            "Prefer",
        ];
        assert!(secret.iter().all(|name| is_credential(name)));
        assert!(!plain.iter().any(|name| is_credential(name)));
    }
}
