//! Where a page of a listing begins.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use weft_id::InstanceId;
use weft_orchestration::Timestamp;

use crate::{Error, Instance};

/// The last instance of a page, by what listings are sorted by. Naming it by value instead of by
/// count keeps pages stable while instances come and go.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cursor {
    pub created_at: Timestamp,
    pub id: InstanceId,
}

impl Cursor {
    #[must_use]
    pub fn of(instance: &Instance) -> Self {
        Self {
            created_at: instance.created_at,
            id: instance.key.id.clone(),
        }
    }

    /// The token that [`crate::Page::next`] carries: ASCII, fit for a header and for a query.
    #[must_use]
    pub fn encode(&self) -> String {
        let text = format!("{}/{}", self.created_at.as_millis(), self.id);
        URL_SAFE_NO_PAD.encode(text)
    }

    /// # Errors
    /// [`Error::NotFound`]: no page gave this token.
    pub fn decode(token: &str) -> Result<Self, Error> {
        Self::parse(token).ok_or(Error::NotFound)
    }

    fn parse(token: &str) -> Option<Self> {
        let text = String::from_utf8(URL_SAFE_NO_PAD.decode(token).ok()?).ok()?;
        let (created_at, id) = text.split_once('/')?;
        Some(Self {
            created_at: Timestamp::from_millis(created_at.parse().ok()?),
            id: id.parse().ok()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn round_trips_as_ascii_and_refuses_what_no_page_gave() {
        let cursor = Cursor {
            created_at: Timestamp::from_millis(1_700_000_000_123),
            id: "Ärger 1:00a".parse().unwrap(),
        };
        let token = cursor.encode();
        assert!(token.is_ascii());
        assert_eq!(Cursor::decode(&token).unwrap(), cursor);
        for bad in ["", "!", "aGVsbG8", &format!("{token}A")] {
            assert!(
                matches!(Cursor::decode(bad), Err(Error::NotFound)),
                "{bad:?}"
            );
        }
    }
}
