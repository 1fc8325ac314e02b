//! What happens to an upload: inspected, compiled, linked, asked what it holds.

use std::time::{Duration, Instant};

use bytes::Bytes;
use sha2::{Digest as _, Sha256};
use weft_app::DescribedFunction;
use weft_store::Digest;

use crate::{Sandbox, UploadError};

/// A component that is accepted and ready to run.
#[derive(Debug, Clone)]
pub struct Prepared {
    pub digest: Digest,
    /// Bytes of WebAssembly.
    pub wasm_len: u64,
    /// Bytes of native code.
    pub native_len: u64,
    /// From the start of the compiler to the loaded component.
    pub compile_time: Duration,
    /// At least one.
    pub functions: Vec<DescribedFunction>,
}

impl Sandbox {
    /// Accepts a component, or says why not. `name` is the one function of a component that does
    /// not describe itself. Nothing but native code is kept: storing the component is up to the
    /// caller.
    ///
    /// # Errors
    /// See [`UploadError`].
    pub async fn prepare(
        &self,
        name: &weft_id::Component,
        wasm: Bytes,
    ) -> Result<Prepared, UploadError> {
        let limits = self.config().upload;
        let bytes = wasm.clone();
        let looked = tokio::task::spawn_blocking(move || {
            crate::inspect(&bytes, &limits)?;
            Ok::<_, UploadError>(digest(&bytes))
        });
        let panicked = |_| UploadError::Invalid("it cannot be parsed".to_owned());
        let digest = looked.await.map_err(panicked)??;
        let started = Instant::now();
        let (loaded, native_len) = self.compile(digest, &wasm).await?;
        let compile_time = started.elapsed();
        let functions = self.describe(name, digest, &loaded, &wasm).await?;
        Ok(Prepared {
            digest,
            wasm_len: wasm.len() as u64,
            native_len,
            compile_time,
            functions,
        })
    }
}

pub(crate) fn digest(wasm: &[u8]) -> Digest {
    Digest(Sha256::digest(wasm).into())
}
