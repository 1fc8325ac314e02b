//! Containers that the platform keeps.

use std::io;
use std::ops::Range;
use std::time::{Duration, UNIX_EPOCH};

use super::{Error, Info};
use crate::bindings::imports::wasi::blobstore::{blobstore, container, types};
use crate::bindings::imports::wasi::io::streams::{InputStream, OutputStream, StreamError};

/// As much as one call writes.
const WRITE_BYTES: usize = 4096;
const READ_BYTES: usize = 64 << 10;
const PAGE: u64 = 1000;

pub(super) struct Container(container::Container);

impl Container {
    pub(super) fn open(name: &str) -> Result<Self, Error> {
        blobstore::create_container(name).map(Self).map_err(Error)
    }

    pub(super) fn remove(name: &str) -> Result<(), Error> {
        blobstore::delete_container(name).map_err(Error)
    }

    pub(super) fn read(&self, name: &str, range: Range<u64>) -> Result<Option<Reader>, Error> {
        if !self.0.has_object(name).map_err(Error)? {
            return Ok(None);
        }
        if range.is_empty() {
            return Ok(Some(Reader(None)));
        }
        let value = self.0.get_data(name, range.start, range.end - 1);
        let value = value.map_err(Error)?;
        let stream = types::IncomingValue::incoming_value_consume_async(value);
        Ok(Some(Reader(Some(stream.map_err(Error)?))))
    }

    pub(super) fn write(&self, name: &str) -> Result<Writer, Error> {
        let value = types::OutgoingValue::new_outgoing_value();
        self.0.write_data(name, &value).map_err(Error)?;
        let stream = value.outgoing_value_write_body();
        let stream =
            stream.map_err(|()| Error("too many objects are written at a time".to_owned()))?;
        Ok(Writer { stream, value })
    }

    pub(super) fn info(&self, name: &str) -> Result<Option<Info>, Error> {
        if !self.0.has_object(name).map_err(Error)? {
            return Ok(None);
        }
        let found = self.0.object_info(name).map_err(Error)?;
        Ok(Some(Info {
            size: found.size,
            created: UNIX_EPOCH + Duration::from_secs(found.created_at),
        }))
    }

    pub(super) fn delete(&self, name: &str) -> Result<(), Error> {
        self.0.delete_object(name).map_err(Error)
    }

    pub(super) fn names(&self) -> Result<Vec<String>, Error> {
        let listing = self.0.list_objects().map_err(Error)?;
        let mut names = Vec::new();
        loop {
            let (page, ended) = listing.read_stream_object_names(PAGE).map_err(Error)?;
            names.extend(page);
            if ended {
                return Ok(names);
            }
        }
    }
}

/// Nothing to read where there is no stream.
pub(super) struct Reader(Option<InputStream>);

impl Reader {
    pub(super) fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let bytes = self.next(into.len().min(READ_BYTES))?;
        into[..bytes.len()].copy_from_slice(&bytes);
        Ok(bytes.len())
    }

    pub(super) fn read_to_end(&mut self, into: &mut Vec<u8>) -> io::Result<usize> {
        let before = into.len();
        loop {
            let bytes = self.next(READ_BYTES)?;
            if bytes.is_empty() {
                return Ok(into.len() - before);
            }
            into.extend(bytes);
        }
    }

    /// Empty at the end.
    fn next(&mut self, most: usize) -> io::Result<Vec<u8>> {
        let Some(stream) = self.0.as_ref().filter(|_| most > 0) else {
            return Ok(Vec::new());
        };
        match stream.blocking_read(most as u64) {
            Err(StreamError::Closed) => Ok(Vec::new()),
            read => read.map_err(failed),
        }
    }
}

fn failed(error: StreamError) -> io::Error {
    match error {
        StreamError::Closed => io::ErrorKind::BrokenPipe.into(),
        StreamError::LastOperationFailed(error) => io::Error::other(error.to_debug_string()),
    }
}

// Fields drop in this order, and the stream is a child of the value.
pub(super) struct Writer {
    stream: OutputStream,
    value: types::OutgoingValue,
}

impl Writer {
    pub(super) fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let chunk = &bytes[..bytes.len().min(WRITE_BYTES)];
        if !chunk.is_empty() {
            let written = self.stream.blocking_write_and_flush(chunk);
            written.map_err(failed)?;
        }
        Ok(chunk.len())
    }

    pub(super) fn finish(self) -> Result<(), Error> {
        drop(self.stream);
        types::OutgoingValue::finish(self.value).map_err(Error)
    }
}
