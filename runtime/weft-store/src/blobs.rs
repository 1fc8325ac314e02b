//! Objects that guests keep: bytes in named containers, too long to be handed over at once.
//!
//! An object is written in parts that nobody sees until all of them are there, and read part by
//! part. One that is replaced or removed while somebody reads it is gone for that reader.

use async_trait::async_trait;
use weft_id::AppId;
use weft_orchestration::Timestamp;

use crate::Error;

/// Objects of one app, in named containers. What returns is durable, except for parts of objects
/// that are not there yet.
#[async_trait]
pub trait Blobs: Send + Sync {
    /// Makes a container where there is none of that name.
    ///
    /// # Errors
    /// [`Error::TooLarge`] past a bound of [`BlobLimits`].
    async fn create_container(
        &self,
        app: &AppId,
        container: &str,
        now: Timestamp,
    ) -> Result<(), Error>;

    /// When a container was made; `None` where there is none.
    async fn container_created(
        &self,
        app: &AppId,
        container: &str,
    ) -> Result<Option<Timestamp>, Error>;

    /// Removes a container with all that is in it. Removing what is absent succeeds.
    async fn delete_container(&self, app: &AppId, container: &str) -> Result<(), Error>;

    /// Begins an object that nobody sees yet.
    ///
    /// # Errors
    /// [`Error::TooLarge`] past a bound of [`BlobLimits`].
    async fn begin_blob(&self, app: &AppId) -> Result<BlobId, Error>;

    /// Writes the next part, of [`BlobLimits::PART_BYTES`], of an object that was begun.
    ///
    /// # Errors
    /// [`Error::NotFound`] where it was given up or is another app's; [`Error::TooLarge`] past a
    /// bound of [`BlobLimits`].
    async fn append_blob(
        &self,
        app: &AppId,
        blob: BlobId,
        part: u32,
        bytes: Vec<u8>,
    ) -> Result<(), Error>;

    /// Puts an object into a container, in place of what has its name there.
    ///
    /// # Errors
    /// [`Error::NotFound`] where there is no such container, or the object was given up;
    /// [`Error::TooLarge`] past a bound of [`BlobLimits`].
    async fn put_blob(&self, app: &AppId, new: NewBlob) -> Result<(), Error>;

    /// Gives up an object that was begun and not put anywhere. Its parts are removed later.
    fn give_up_blob(&self, app: &AppId, blob: BlobId);

    /// What an object is; `None` where there is none of that name.
    async fn blob(&self, app: &AppId, container: &str, name: &str) -> Result<Option<Blob>, Error>;

    /// A part of an object, of [`BlobLimits::PART_BYTES`] unless it is the last.
    ///
    /// # Errors
    /// [`Error::NotFound`] where the object has been replaced or removed, or has no such part.
    async fn blob_part(&self, blob: BlobId, part: u32) -> Result<Vec<u8>, Error>;

    /// Removes objects of a container, or all of them. Removing what is absent succeeds.
    async fn delete_blobs(
        &self,
        app: &AppId,
        container: &str,
        names: Option<Vec<String>>,
    ) -> Result<(), Error>;

    /// At most `limit` names of a container's objects in order, after `after`.
    async fn blob_names(
        &self,
        app: &AppId,
        container: &str,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Vec<String>, Error>;
}

/// What tells the bytes of an object from those that had its name before. Never used twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct BlobId(pub u64);

/// An object that is put into a container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewBlob {
    pub container: String,
    pub name: String,
    /// The object that was begun, with how many parts it has; `None` where `rest` is all of it.
    pub begun: Option<(BlobId, u32)>,
    /// The last part, which may be empty.
    pub rest: Vec<u8>,
    pub now: Timestamp,
}

impl NewBlob {
    /// Bytes of the whole.
    #[must_use]
    pub fn size(&self) -> u64 {
        let parts = self.begun.map_or(0, |(_, parts)| u64::from(parts));
        parts * BlobLimits::PART_BYTES as u64 + self.rest.len() as u64
    }
}

/// An object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Blob {
    pub id: BlobId,
    pub size: u64,
    pub created_at: Timestamp,
}

/// What an app keeps.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct BlobUsage {
    pub objects: u64,
    pub bytes: u64,
}

/// Bounds of every store.
#[derive(Debug, Clone, Copy)]
pub struct BlobLimits;

impl BlobLimits {
    /// Bytes of each part of an object but the last.
    pub const PART_BYTES: usize = 512 << 10;
    /// Bytes of an object.
    pub const OBJECT_BYTES_MAX: u64 = 512 << 20;
    /// Bytes of all objects of an app, those that are being written included.
    pub const APP_BYTES_MAX: u64 = 8 << 30;
    /// Objects of an app.
    pub const OBJECTS_MAX: u64 = 100_000;
    /// Containers of an app.
    pub const CONTAINERS_MAX: u64 = 1000;
    /// Bytes of the name of an object or a container.
    pub const NAME_BYTES_MAX: usize = 512;

    /// # Errors
    /// [`Error::TooLarge`], naming the bound.
    pub fn check_name(name: &str) -> Result<(), Error> {
        let max = Self::NAME_BYTES_MAX;
        if name.len() > max {
            return Err(Error::TooLarge(format!(
                "the name of an object or a container is limited to {max} bytes"
            )));
        }
        Ok(())
    }

    /// # Errors
    /// [`Error::TooLarge`], naming the bound.
    pub fn check_containers(others: u64) -> Result<(), Error> {
        let max = Self::CONTAINERS_MAX;
        if others >= max {
            return Err(Error::TooLarge(format!(
                "an app is limited to {max} containers of objects"
            )));
        }
        Ok(())
    }

    /// Whether an object of `size` bytes has room beside what the app keeps already.
    ///
    /// # Errors
    /// [`Error::TooLarge`], naming the bound.
    pub fn check_room(kept: BlobUsage, size: u64) -> Result<(), Error> {
        if size > Self::OBJECT_BYTES_MAX {
            let max = Self::OBJECT_BYTES_MAX;
            return Err(Error::TooLarge(format!(
                "an object is limited to {max} bytes"
            )));
        }
        if kept.bytes.saturating_add(size) > Self::APP_BYTES_MAX {
            let max = Self::APP_BYTES_MAX;
            return Err(Error::TooLarge(format!(
                "the objects of an app are limited to {max} bytes together"
            )));
        }
        if kept.objects >= Self::OBJECTS_MAX {
            let max = Self::OBJECTS_MAX;
            return Err(Error::TooLarge(format!(
                "an app is limited to {max} objects"
            )));
        }
        Ok(())
    }
}
