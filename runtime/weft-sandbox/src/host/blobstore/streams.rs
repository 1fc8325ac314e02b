//! Objects on their way in and out, a part at a time.

use std::future::{Future as _, poll_fn};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Poll, ready};

use bytes::Bytes;
use tokio::task::JoinHandle;
use wasmtime_wasi::p2::{InputStream, OutputStream, Pollable, StreamError, StreamResult};
use weft_id::AppId;
use weft_orchestration::Timestamp;
use weft_store::{Blob, BlobId, BlobLimits, Blobs, NewBlob};

use super::said;

/// Bytes that a guest may hand over, or take, at once.
const CHUNK_BYTES: usize = 64 << 10;

/// Reads a portion of an object, part by part.
pub(super) struct Reader {
    blobs: Arc<dyn Blobs>,
    blob: Blob,
    from: u64,
    to: u64,
    read: Result<Bytes, String>,
    /// Counts the readers of an instance while it is there.
    _reading: Arc<()>,
}

impl Reader {
    /// Reads `blob` from one position up to another; `reading` is the instance's.
    pub(super) fn new(
        blobs: Arc<dyn Blobs>,
        blob: Blob,
        (from, to): (u64, u64),
        reading: &Arc<()>,
    ) -> Self {
        Self {
            blobs,
            blob,
            from,
            to,
            read: Ok(Bytes::new()),
            _reading: Arc::clone(reading),
        }
    }

    /// The rest of the part that the position is in; empty at the end.
    pub(super) async fn next_part(&mut self) -> Result<Bytes, String> {
        if self.from >= self.to {
            return Ok(Bytes::new());
        }
        const PART: u64 = BlobLimits::PART_BYTES as u64;
        let part = u32::try_from(self.from / PART).map_err(|error| error.to_string())?;
        let bytes = self.blobs.blob_part(self.blob.id, part).await;
        let bytes = bytes.map_err(|error| match error {
            weft_store::Error::NotFound => {
                "the object was replaced or deleted while it was read".to_owned()
            }
            other => said(other),
        })?;
        let begin = usize::try_from(self.from % PART).expect("a part fits into memory");
        let rest = usize::try_from(self.to - self.from).unwrap_or(usize::MAX);
        let end = bytes.len().min(begin.saturating_add(rest));
        if begin >= end {
            return Err("the object is damaged".to_owned());
        }
        self.from += (end - begin) as u64;
        Ok(Bytes::from(bytes).slice(begin..end))
    }
}

#[wasmtime_wasi::async_trait]
impl Pollable for Reader {
    async fn ready(&mut self) {
        if self.read.as_ref().is_ok_and(Bytes::is_empty) {
            // A position moves only with what was read, so that giving up in between loses nothing.
            self.read = self.next_part().await;
        }
    }
}

#[wasmtime_wasi::async_trait]
impl InputStream for Reader {
    fn read(&mut self, size: usize) -> StreamResult<Bytes> {
        let at_end = self.from >= self.to;
        match &mut self.read {
            Err(why) => {
                let error = wasmtime::format_err!("{why}");
                Err(StreamError::LastOperationFailed(error))
            }
            Ok(bytes) if bytes.is_empty() && at_end => Err(StreamError::Closed),
            Ok(bytes) => Ok(bytes.split_to(size.min(bytes.len()).min(CHUNK_BYTES))),
        }
    }
}

/// What is written of an object that nobody sees yet.
pub(super) struct Draft {
    blobs: Arc<dyn Blobs>,
    app: AppId,
    state: Mutex<DraftState>,
}

#[derive(Default)]
struct DraftState {
    begun: Option<Begun>,
    buffer: Vec<u8>,
    /// A part on its way into the store. In a task, since whoever waits for it may give up waiting
    /// and wait again.
    writing: Option<JoinHandle<Result<Begun, String>>>,
    failed: Option<String>,
    closed: bool,
}

/// An object in the store that was begun. Given up where nothing comes of it.
struct Begun {
    blobs: Arc<dyn Blobs>,
    app: AppId,
    id: BlobId,
    parts: u32,
}

impl Drop for Begun {
    fn drop(&mut self) {
        // Where it was put into a container, this does nothing.
        self.blobs.give_up_blob(&self.app, self.id);
    }
}

async fn append(
    blobs: Arc<dyn Blobs>,
    app: AppId,
    begun: Option<Begun>,
    part: Vec<u8>,
) -> Result<Begun, String> {
    let mut begun = match begun {
        Some(begun) => begun,
        None => Begun {
            id: blobs.begin_blob(&app).await.map_err(said)?,
            parts: 0,
            blobs,
            app,
        },
    };
    let written = begun
        .blobs
        .append_blob(&begun.app, begun.id, begun.parts, part)
        .await;
    written.map_err(said)?;
    begun.parts += 1;
    Ok(begun)
}

impl Draft {
    pub(super) fn new(blobs: Arc<dyn Blobs>, app: AppId) -> Self {
        Self {
            blobs,
            app,
            state: Mutex::default(),
        }
    }

    fn state(&self) -> MutexGuard<'_, DraftState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes a whole part, or the last one, where nothing else is written.
    pub(super) async fn write_part(&self, part: Bytes) -> Result<(), String> {
        self.state().buffer = part.into();
        self.settle().await
    }

    /// Waits until there is room in the buffer: a whole part goes into the store.
    async fn settle(&self) -> Result<(), String> {
        {
            let state = &mut *self.state();
            let full = state.buffer.len() >= BlobLimits::PART_BYTES;
            if full && state.writing.is_none() && state.failed.is_none() {
                let part = std::mem::take(&mut state.buffer);
                let (blobs, app) = (Arc::clone(&self.blobs), self.app.clone());
                let writing = append(blobs, app, state.begun.take(), part);
                state.writing = Some(tokio::spawn(writing));
            }
        }
        poll_fn(|context| {
            let state = &mut *self.state();
            if let Some(writing) = &mut state.writing {
                let written = ready!(Pin::new(writing).poll(context));
                state.writing = None;
                match written {
                    Ok(Ok(begun)) => state.begun = Some(begun),
                    Ok(Err(why)) => state.failed = Some(why),
                    Err(_) => state.failed = Some("the object could not be written".to_owned()),
                }
            }
            Poll::Ready(match &state.failed {
                Some(why) => Err(why.clone()),
                None => Ok(()),
            })
        })
        .await
    }

    /// Puts what was written into a container.
    pub(super) async fn finish(
        &self,
        container: String,
        name: String,
        now: Timestamp,
    ) -> Result<(), String> {
        self.settle().await?;
        let (begun, rest) = {
            let mut state = self.state();
            state.closed = true;
            (state.begun.take(), std::mem::take(&mut state.buffer))
        };
        let missing = format!("there is no container {container:?}");
        let new = NewBlob {
            container,
            name,
            begun: begun.as_ref().map(|begun| (begun.id, begun.parts)),
            rest,
            now,
        };
        let put = self.blobs.put_blob(&self.app, new).await;
        put.map_err(|error| match error {
            weft_store::Error::NotFound => missing,
            other => said(other),
        })
    }
}

pub(super) struct Writer(pub(super) Arc<Draft>);

#[wasmtime_wasi::async_trait]
impl Pollable for Writer {
    async fn ready(&mut self) {
        // A failure is told at the next call.
        let _ = self.0.settle().await;
    }
}

#[wasmtime_wasi::async_trait]
impl OutputStream for Writer {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        let mut state = self.0.state();
        if state.writing.is_some() || bytes.len() > BlobLimits::PART_BYTES - state.buffer.len() {
            return Err(StreamError::trap("more was written than was allowed"));
        }
        state.buffer.extend_from_slice(&bytes);
        Ok(())
    }

    fn flush(&mut self) -> StreamResult<()> {
        // Nothing is on disk before the object is finished.
        self.check_write().map(drop)
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        let state = self.0.state();
        if let Some(why) = &state.failed {
            let error = wasmtime::format_err!("{why}");
            return Err(StreamError::LastOperationFailed(error));
        }
        if state.closed {
            return Err(StreamError::Closed);
        }
        if state.writing.is_some() {
            return Ok(0);
        }
        Ok(CHUNK_BYTES.min(BlobLimits::PART_BYTES - state.buffer.len()))
    }
}
