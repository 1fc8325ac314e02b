//! Key-value storage (`wasi:keyvalue`).
//!
//! In a component the platform keeps the buckets. Natively they live in memory, separately for
//! each thread, so that tests of activities need no node and do not see each other.

#[cfg(not(target_arch = "wasm32"))]
mod memory;
#[cfg(not(target_arch = "wasm32"))]
use memory as backend;
#[cfg(target_arch = "wasm32")]
mod platform;
#[cfg(target_arch = "wasm32")]
use platform as backend;

use serde::Serialize;
use serde::de::DeserializeOwned;

/// Why the storage did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no bucket of that name.
    #[error("there is no such bucket")]
    NoSuchBucket,
    /// This function may not use the bucket.
    #[error("access to the bucket is denied")]
    AccessDenied,
    /// The value under the key is not what is expected of it.
    #[error("the value is no JSON of the expected type")]
    Invalid(#[source] serde_json::Error),
    /// Anything else.
    #[error("{0}")]
    Other(String),
}

/// A bucket of keys and values.
pub struct Bucket(backend::Bucket);

/// Opens a bucket; every app has the bucket `default`.
///
/// # Errors
/// [`Error::NoSuchBucket`], [`Error::AccessDenied`] and [`Error::Other`], as all functions here.
pub fn open(name: &str) -> Result<Bucket, Error> {
    backend::Bucket::open(name).map(Bucket)
}

impl Bucket {
    /// The value under a key; nothing where the key is absent.
    ///
    /// # Errors
    /// See [`open`].
    pub fn get(&self, key: &str) -> Result<Option<Vec<u8>>, Error> {
        self.0.get(key)
    }

    /// Creates the key or replaces its value.
    ///
    /// # Errors
    /// See [`open`].
    pub fn set(&self, key: &str, value: &[u8]) -> Result<(), Error> {
        self.0.set(key, value)
    }

    /// Deleting an absent key does nothing.
    ///
    /// # Errors
    /// See [`open`].
    pub fn delete(&self, key: &str) -> Result<(), Error> {
        self.0.delete(key)
    }

    /// Whether the key is there.
    ///
    /// # Errors
    /// See [`open`].
    pub fn exists(&self, key: &str) -> Result<bool, Error> {
        self.0.exists(key)
    }

    /// One page of keys in no particular order, and where the next begins.
    ///
    /// # Errors
    /// See [`open`].
    pub fn list_keys(&self, cursor: Option<u64>) -> Result<(Vec<String>, Option<u64>), Error> {
        self.0.list_keys(cursor)
    }

    /// Adds to the number under the key (zero where absent) and returns the sum; callers at the
    /// same time do not lose each other's additions.
    ///
    /// # Errors
    /// See [`open`].
    pub fn increment(&self, key: &str, delta: u64) -> Result<u64, Error> {
        self.0.increment(key, delta)
    }

    /// The value under a key, read as JSON.
    ///
    /// # Errors
    /// [`Error::Invalid`] when it is of another type; see [`open`].
    pub fn get_json<T: DeserializeOwned>(&self, key: &str) -> Result<Option<T>, Error> {
        let bytes = self.get(key)?;
        bytes
            .map(|bytes| serde_json::from_slice(&bytes).map_err(Error::Invalid))
            .transpose()
    }

    /// Writes a value as JSON.
    ///
    /// # Errors
    /// [`Error::Invalid`] when it cannot be written as JSON; see [`open`].
    pub fn set_json(&self, key: &str, value: &impl Serialize) -> Result<(), Error> {
        self.set(key, &serde_json::to_vec(value).map_err(Error::Invalid)?)
    }
}
