//! What happens to an upload: inspected, compiled, linked, asked what it holds.

use std::time::{Duration, Instant};

use bytes::Bytes;
use sha2::{Digest as _, Sha256};
use weft_app::{DescribedFunction, FunctionKind};
use weft_id::Tenant;
use weft_store::Digest;

use crate::quarantine::Cause;
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
    /// caller. A component that was quarantined since it failed while it ran is released by this.
    ///
    /// # Errors
    /// See [`UploadError`].
    pub async fn prepare(
        &self,
        tenant: &Tenant,
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
        if let Some(quarantine) = self.ward().of(tenant, digest)
            && quarantine.cause == Cause::Compiler
        {
            return Err(UploadError::Quarantined(quarantine));
        }
        let started = Instant::now();
        let (loaded, native_len) = self.compile(tenant, digest, &wasm).await?;
        let compile_time = started.elapsed();
        let apart = self.apart(tenant);
        let functions = match apart.filter(|_| loaded.is_asked()) {
            Some(apart) => apart.describe(self, tenant, name, digest).await?,
            None => self.describe(tenant, name, digest, &loaded, &wasm).await?,
        };
        if apart.is_some() {
            check_kinds(&functions)?;
        }
        self.ward().release(tenant, digest);
        Ok(Prepared {
            digest,
            wasm_len: wasm.len() as u64,
            native_len,
            compile_time,
            functions,
        })
    }
}

/// Whether all of these can run in a process of their tenant.
fn check_kinds(functions: &[DescribedFunction]) -> Result<(), UploadError> {
    let kept = |kind| match kind {
        FunctionKind::Orchestrator | FunctionKind::Entity => true,
        FunctionKind::Http | FunctionKind::Activity => false,
    };
    match functions.iter().find(|function| kept(function.kind)) {
        Some(function) => Err(UploadError::Isolated {
            name: function.name.clone(),
            kind: function.kind.as_str(),
        }),
        None => Ok(()),
    }
}

pub(crate) fn digest(wasm: &[u8]) -> Digest {
    Digest(Sha256::digest(wasm).into())
}
