//! Grants of outbound HTTP: `scheme://host[:port]`.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// One destination that a function may send requests to.
///
/// The scheme is `http`, `https` or `*`; the host is a name, an address, `*.name` (every name
/// below, not the name itself) or `*`; the port is a number or `*`, and where absent the default of
/// the scheme.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct OutboundHost {
    /// `None` for any.
    https: Option<bool>,
    host: Host,
    port: Port,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Host {
    Any,
    /// With the leading dot.
    Below(String),
    Exactly(String),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Port {
    Any,
    OfScheme,
    Exactly(u16),
}

/// Why a text is no grant.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is no outbound host: {fault}")]
pub struct InvalidOutboundHost {
    text: String,
    fault: &'static str,
}

impl OutboundHost {
    /// Whether a request to that host and port is covered. `host` may be in any case; IPv6
    /// addresses come in brackets.
    #[must_use]
    pub fn allows(&self, https: bool, host: &str, port: u16) -> bool {
        let host = host.to_ascii_lowercase();
        let named = match &self.host {
            Host::Any => true,
            Host::Below(suffix) => host.len() > suffix.len() && host.ends_with(suffix.as_str()),
            Host::Exactly(name) => host == *name,
        };
        let reached = match self.port {
            Port::Any => true,
            Port::OfScheme => port == if https { 443 } else { 80 },
            Port::Exactly(own) => port == own,
        };
        named && reached && self.https.is_none_or(|own| own == https)
    }
}

impl OutboundHost {
    /// What both cover; `None` where that is nothing.
    pub(crate) fn meet(&self, other: &Self) -> Option<Self> {
        let https = match (self.https, other.https) {
            (None, own) | (own, None) => own,
            (Some(a), Some(b)) => (a == b).then_some(Some(a))?,
        };
        let host = self.host.meet(&other.host)?;
        Some(Self {
            https,
            host,
            port: self.port.meet(other.port, https)?,
        })
    }
}

impl Host {
    fn meet(&self, other: &Self) -> Option<Self> {
        match (self, other) {
            (Self::Any, one) | (one, Self::Any) => Some(one.clone()),
            (Self::Below(a), Self::Below(b)) if a.ends_with(b.as_str()) => Some(self.clone()),
            (Self::Below(a), Self::Below(b)) if b.ends_with(a.as_str()) => Some(other.clone()),
            (Self::Below(suffix), Self::Exactly(name))
            | (Self::Exactly(name), Self::Below(suffix)) => {
                let below = name.len() > suffix.len() && name.ends_with(suffix.as_str());
                below.then(|| Self::Exactly(name.clone()))
            }
            (Self::Exactly(a), Self::Exactly(b)) => (a == b).then(|| self.clone()),
            (Self::Below(_), Self::Below(_)) => None,
        }
    }
}

impl Port {
    fn meet(self, other: Self, https: Option<bool>) -> Option<Self> {
        match (self, other) {
            (Self::Any, one) | (one, Self::Any) => Some(one),
            (Self::OfScheme, Self::OfScheme) => Some(Self::OfScheme),
            (Self::Exactly(a), Self::Exactly(b)) => (a == b).then_some(self),
            (Self::OfScheme, Self::Exactly(port)) | (Self::Exactly(port), Self::OfScheme) => {
                let fits = match https {
                    Some(true) => port == 443,
                    Some(false) => port == 80,
                    // Of one of both schemes: a grant has no way to say so, and less is safe.
                    None => false,
                };
                fits.then_some(Self::Exactly(port))
            }
        }
    }
}

impl FromStr for OutboundHost {
    type Err = InvalidOutboundHost;

    fn from_str(text: &str) -> Result<Self, InvalidOutboundHost> {
        let fault = |fault| InvalidOutboundHost {
            text: text.to_owned(),
            fault,
        };
        let (scheme, rest) = text
            .split_once("://")
            .ok_or_else(|| fault("write it as scheme://host, for instance https://example.com"))?;
        let https = match scheme {
            "https" => Some(true),
            "http" => Some(false),
            "*" => None,
            _ => return Err(fault("the scheme must be http, https or *")),
        };
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        // The colons of an IPv6 address stand in brackets.
        let split_from = rest.find(']').map_or(0, |end| end + 1);
        let (host, port) = match rest[split_from..].find(':') {
            Some(colon) => (
                &rest[..split_from + colon],
                Some(&rest[split_from + colon + 1..]),
            ),
            None => (rest, None),
        };
        let port = match port {
            None => Port::OfScheme,
            Some("*") => Port::Any,
            Some(digits) => Port::Exactly(
                digits
                    .parse()
                    .map_err(|_| fault("the port must be a number from 0 to 65535, or *"))?,
            ),
        };
        let host = parse_host(host).ok_or_else(|| {
            fault("the host must be a name, an address, *.name or *, without a path")
        })?;
        Ok(Self { https, host, port })
    }
}

fn parse_host(text: &str) -> Option<Host> {
    let text = text.to_ascii_lowercase();
    if text == "*" {
        return Some(Host::Any);
    }
    if let Some(address) = text.strip_prefix('[').and_then(|t| t.strip_suffix(']')) {
        let address: std::net::Ipv6Addr = address.parse().ok()?;
        return Some(Host::Exactly(format!("[{address}]")));
    }
    let name = text.strip_prefix("*.").unwrap_or(&text);
    let letter = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    let label = |label: &str| !label.is_empty() && label.chars().all(letter);
    if name.len() > 253 || !name.split('.').all(label) {
        return None;
    }
    if name.len() == text.len() {
        Some(Host::Exactly(text))
    } else {
        Some(Host::Below(format!(".{name}")))
    }
}

impl fmt::Display for OutboundHost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.https {
            Some(true) => "https://",
            Some(false) => "http://",
            None => "*://",
        })?;
        match &self.host {
            Host::Any => f.write_str("*")?,
            Host::Below(suffix) => write!(f, "*{suffix}")?,
            Host::Exactly(name) => f.write_str(name)?,
        }
        match self.port {
            Port::Any => f.write_str(":*"),
            Port::OfScheme => Ok(()),
            Port::Exactly(port) => write!(f, ":{port}"),
        }
    }
}

impl TryFrom<String> for OutboundHost {
    type Error = InvalidOutboundHost;

    fn try_from(text: String) -> Result<Self, InvalidOutboundHost> {
        text.parse()
    }
}

impl From<OutboundHost> for String {
    fn from(host: OutboundHost) -> Self {
        host.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allows(grant: &str, https: bool, host: &str, port: u16) -> bool {
        let grant: OutboundHost = grant.parse().unwrap();
        grant.allows(https, host, port)
    }

    #[test]
    fn a_grant_covers_its_scheme_host_and_port_only() {
        assert!(allows("https://Pay.example", true, "pay.EXAMPLE", 443));
        assert!(!allows("https://pay.example", false, "pay.example", 443));
        assert!(!allows("https://pay.example", true, "pay.example", 8443));
        assert!(!allows("https://pay.example", true, "evilpay.example", 443));
        assert!(allows("http://127.0.0.1:8080", false, "127.0.0.1", 8080));
        assert!(allows("http://[::1]:*", false, "[::1]", 9));
        assert!(allows("*://*:*", false, "anything", 1));
    }

    #[test]
    fn a_wildcard_covers_what_is_below_a_name_and_not_the_name() {
        assert!(allows("https://*.a.example", true, "b.a.example", 443));
        assert!(!allows("https://*.a.example", true, "a.example", 443));
        assert!(!allows("https://*.a.example", true, "ba.example", 443));
    }

    #[test]
    fn refuses_what_is_no_origin() {
        for bad in [
            "example.com",
            "ftp://example.com",
            "https://",
            "https://a/b",
            "https://a:99999",
            "https://a.*.b",
            "https://user@host",
            "https://[::1",
            "https://a b",
        ] {
            assert!(bad.parse::<OutboundHost>().is_err(), "{bad}");
        }
    }

    #[test]
    fn is_written_as_it_was_read() {
        for text in ["https://*.a.example:*", "*://*", "http://[::1]:80"] {
            assert_eq!(text.parse::<OutboundHost>().unwrap().to_string(), text);
        }
    }
}
