//! What an app keeps for the use of its workflows and must not be read: secrets, connections, keys.

use async_trait::async_trait;
use weft_id::AppId;
use weft_orchestration::Timestamp;

use crate::Error;

/// Values that were sealed before they came here: a store sees no secret. An app need not be
/// deployed to have some; they go with it.
#[async_trait]
pub trait Vault: Send + Sync {
    /// Keeps a value, in place of the one of that name; whether there was none.
    ///
    /// # Errors
    /// [`Error::TooLarge`] past a bound of [`Sealed`].
    async fn put_sealed(&self, app: &AppId, kind: SealedKind, new: Sealed) -> Result<bool, Error>;

    /// All of a kind, by name.
    async fn sealed(&self, app: &AppId, kind: SealedKind) -> Result<Vec<Sealed>, Error>;

    /// # Errors
    /// [`Error::NotFound`].
    async fn delete_sealed(&self, app: &AppId, kind: SealedKind, name: &str) -> Result<(), Error>;
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SealedKind {
    Secret,
    Connection,
    /// What tells the key of a workflow's URLs from those that it had before.
    AccessKey,
}

impl SealedKind {
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Secret => "secret",
            Self::Connection => "connection",
            Self::AccessKey => "access key",
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sealed {
    pub name: String,
    pub value: Vec<u8>,
    pub updated_at: Timestamp,
}

impl Sealed {
    pub const NAME_BYTES_MAX: usize = 256;
    pub const VALUE_BYTES_MAX: usize = 256 << 10;

    /// # Errors
    /// [`Error::TooLarge`], naming the bound.
    pub fn check(&self) -> Result<(), Error> {
        for (what, len, max) in [
            ("name", self.name.len(), Self::NAME_BYTES_MAX),
            ("value", self.value.len(), Self::VALUE_BYTES_MAX),
        ] {
            if len > max {
                return Err(Error::TooLarge(format!(
                    "a {what} is limited to {max} bytes"
                )));
            }
        }
        Ok(())
    }
}
