//! Objects in containers (`wasi:blobstore`): bytes that are too long for key-value storage, or that
//! are read and written piece by piece.
//!
//! In a component the platform keeps the containers. Natively they live in memory, separately for
//! each thread, so that tests of activities need no node and do not see each other.

#[cfg(not(target_arch = "wasm32"))]
mod memory;
#[cfg(not(target_arch = "wasm32"))]
use memory as backend;
#[cfg(target_arch = "wasm32")]
mod platform;
#[cfg(target_arch = "wasm32")]
use platform as backend;

use std::io::{self, Read, Write};
use std::ops::Range;

/// What the storage refused, or why it failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Error(String);

impl From<io::Error> for Error {
    fn from(error: io::Error) -> Self {
        Self(error.to_string())
    }
}

/// What is known of an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Info {
    /// Bytes.
    pub size: u64,
    /// When it was written, to the second.
    pub created: std::time::SystemTime,
}

/// A container of objects.
pub struct Container(backend::Container);

/// Opens a container of the app, and makes it where there is none of that name.
///
/// # Errors
/// [`Error`], as all functions here.
pub fn open(name: &str) -> Result<Container, Error> {
    backend::Container::open(name).map(Container)
}

/// Removes a container with all that is in it. Removing an absent one does nothing.
///
/// # Errors
/// See [`open`].
pub fn remove(name: &str) -> Result<(), Error> {
    backend::Container::remove(name)
}

impl Container {
    /// The whole object; nothing where it is absent.
    ///
    /// # Errors
    /// See [`open`].
    pub fn get(&self, name: &str) -> Result<Option<Vec<u8>>, Error> {
        self.get_range(name, 0..u64::MAX)
    }

    /// The bytes at these positions, as far as there are any; nothing where the object is absent.
    ///
    /// # Errors
    /// See [`open`].
    pub fn get_range(&self, name: &str, range: Range<u64>) -> Result<Option<Vec<u8>>, Error> {
        let Some(mut reader) = self.0.read(name, range)? else {
            return Ok(None);
        };
        let mut bytes = Vec::new();
        reader.read_to_end(&mut bytes)?;
        Ok(Some(bytes))
    }

    /// An object to be read piece by piece; nothing where it is absent. When it is replaced or
    /// deleted meanwhile, reading on fails.
    ///
    /// # Errors
    /// See [`open`].
    pub fn read(&self, name: &str) -> Result<Option<Reader>, Error> {
        let reader = self.0.read(name, 0..u64::MAX)?;
        Ok(reader.map(Reader))
    }

    /// Creates the object or replaces it. When this returns, it is on disk.
    ///
    /// # Errors
    /// See [`open`].
    pub fn put(&self, name: &str, bytes: &[u8]) -> Result<(), Error> {
        let mut writer = self.write(name)?;
        writer.write_all(bytes)?;
        writer.finish()
    }

    /// An object to be written piece by piece. It is there once [`Writer::finish`] has returned.
    ///
    /// # Errors
    /// See [`open`].
    pub fn write(&self, name: &str) -> Result<Writer, Error> {
        self.0.write(name).map(Writer)
    }

    /// What is known of an object; nothing where it is absent.
    ///
    /// # Errors
    /// See [`open`].
    pub fn info(&self, name: &str) -> Result<Option<Info>, Error> {
        self.0.info(name)
    }

    /// Deleting an absent object does nothing.
    ///
    /// # Errors
    /// See [`open`].
    pub fn delete(&self, name: &str) -> Result<(), Error> {
        self.0.delete(name)
    }

    /// All names, in order.
    ///
    /// # Errors
    /// See [`open`].
    pub fn names(&self) -> Result<Vec<String>, Error> {
        self.0.names()
    }
}

/// An object that is read.
pub struct Reader(backend::Reader);

impl Read for Reader {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        self.0.read(into)
    }
}

/// An object that is written; dropped without [`finish`](Self::finish), nothing comes of it.
pub struct Writer(backend::Writer);

impl Writer {
    /// Puts the object where it belongs.
    ///
    /// # Errors
    /// See [`open`].
    pub fn finish(self) -> Result<(), Error> {
        self.0.finish()
    }
}

impl Write for Writer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(all(test, not(target_arch = "wasm32")))]
mod tests {
    use super::*;

    #[test]
    fn objects_are_written_and_read_in_pieces() {
        let container = open("pieces").unwrap();
        let mut writer = container.write("long").unwrap();
        writer.write_all(b"one, ").unwrap();
        assert_eq!(container.get("long").unwrap(), None);
        writer.write_all(b"two").unwrap();
        writer.finish().unwrap();
        assert_eq!(container.get("long").unwrap().unwrap(), b"one, two");
        let range = container.get_range("long", 5..99).unwrap();
        assert_eq!(range.unwrap(), b"two");
        assert_eq!(container.info("long").unwrap().unwrap().size, 8);
        let mut text = String::new();
        let reader = container.read("long").unwrap();
        reader.unwrap().read_to_string(&mut text).unwrap();
        assert_eq!(text, "one, two");
    }

    #[test]
    fn what_is_not_finished_or_deleted_is_absent() {
        let container = open("absent").unwrap();
        drop(container.write("begun").unwrap());
        container.put("deleted", b"x").unwrap();
        container.put("kept", b"").unwrap();
        container.delete("deleted").unwrap();
        assert_eq!(container.names().unwrap(), ["kept"]);
        assert_eq!(container.info("deleted").unwrap(), None);
        remove("absent").unwrap();
        assert!(open("absent").unwrap().names().unwrap().is_empty());
    }
}
