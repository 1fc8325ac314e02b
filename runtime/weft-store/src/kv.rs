//! Key-value pairs that guests keep.

use async_trait::async_trait;
use weft_id::AppId;

use crate::Error;

/// Pairs of one app, in named buckets. Every write is durable when it returns.
#[async_trait]
pub trait KeyValue: Send + Sync {
    async fn kv_get(&self, app: &AppId, bucket: &str, key: &str) -> Result<Option<Vec<u8>>, Error>;

    /// # Errors
    /// [`Error::TooLarge`] past a bound of [`KvLimits`].
    async fn kv_set(&self, app: &AppId, bucket: &str, key: &str, value: &[u8])
    -> Result<(), Error>;

    /// Deleting what is absent succeeds.
    async fn kv_delete(&self, app: &AppId, bucket: &str, key: &str) -> Result<(), Error>;

    /// Adds `delta` to a number kept as decimal text (absent: 0) and returns the sum, atomically.
    ///
    /// # Errors
    /// [`Error::TooLarge`] when the value is no such number or the sum leaves the range.
    async fn kv_increment(
        &self,
        app: &AppId,
        bucket: &str,
        key: &str,
        delta: i64,
    ) -> Result<i64, Error>;

    /// At most `limit` keys of a bucket in order, after `after`.
    async fn kv_keys(
        &self,
        app: &AppId,
        bucket: &str,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Vec<String>, Error>;
}

/// Bounds of every store.
#[derive(Debug, Clone, Copy)]
pub struct KvLimits;

impl KvLimits {
    /// Bytes of one value.
    pub const VALUE_BYTES_MAX: usize = 16 << 20;
    /// Bytes of a key or of a bucket's name.
    pub const NAME_BYTES_MAX: usize = 512;

    /// # Errors
    /// [`Error::TooLarge`], naming the bound.
    pub fn check(bucket: &str, key: &str, value: &[u8]) -> Result<(), Error> {
        if bucket.len().max(key.len()) > Self::NAME_BYTES_MAX {
            let max = Self::NAME_BYTES_MAX;
            return Err(Error::TooLarge(format!(
                "a key or bucket name is limited to {max} bytes"
            )));
        }
        if value.len() > Self::VALUE_BYTES_MAX {
            let (max, len) = (Self::VALUE_BYTES_MAX, value.len());
            return Err(Error::TooLarge(format!(
                "a value is limited to {max} bytes, this one has {len}"
            )));
        }
        Ok(())
    }
}

/// The number after adding `delta` to what is stored, decimal text or nothing (0).
///
/// # Errors
/// [`Error::TooLarge`] when the value is no such number or the sum leaves the range.
pub fn incremented(stored: Option<&[u8]>, delta: i64) -> Result<i64, Error> {
    let number = match stored {
        None => 0,
        Some(bytes) => std::str::from_utf8(bytes)
            .ok()
            .and_then(|text| text.parse::<i64>().ok())
            .ok_or_else(|| Error::TooLarge("the value is no number of 64 bits".to_owned()))?,
    };
    number
        .checked_add(delta)
        .ok_or_else(|| Error::TooLarge(format!("{number} + {delta} leaves the range of 64 bits")))
}
