//! A look at a component without a node: what an upload would find.

use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;
use weft_api::LogBook;
use weft_app::DescribedFunction;
use weft_durabletask::Workers;
use weft_id::Tenant;
use weft_sandbox::{Sandbox, Services, SetupError, UploadError};
use weft_store::{MemoryStore, Store};
use weft_telemetry::Metrics;

use crate::clock;
use crate::deployments::Deployments;
use crate::served::Served;
use crate::services::{BookSink, InstanceClient, StoredComponents};
use crate::vault::{Sealer, Vaults};

/// What a component holds and asks for.
#[derive(Debug, Clone)]
pub struct Inspected {
    /// SHA-256 as 64 hexadecimal digits.
    pub digest: String,
    /// Bytes of WebAssembly.
    pub size: u64,
    /// Bytes of native code.
    pub native_size: u64,
    pub compile_ms: u64,
    pub functions: Vec<DescribedFunction>,
    /// Interfaces, in the order of the component.
    pub imports: Vec<String>,
    pub exports: Vec<String>,
}

/// A node would refuse it, too.
#[derive(Debug, thiserror::Error)]
pub enum NotAccepted {
    #[error(transparent)]
    Upload(#[from] UploadError),
    #[error("the sandbox cannot be set up")]
    Sandbox(#[from] SetupError),
}

/// Checks and compiles a component as an upload is, keeping nothing. `name` is the function of a
/// component that does not describe itself; `compiler` as in [`crate::Config`].
///
/// # Errors
/// What an upload would be answered.
pub async fn inspect(
    name: &weft_id::Component,
    wasm: Bytes,
    compiler: PathBuf,
) -> Result<Inspected, NotAccepted> {
    let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
    let clock = clock::start();
    let metrics = Arc::new(Metrics::default());
    let deployments = Arc::new(Deployments::new(Arc::clone(&store), metrics));
    let served = Served {
        deployments,
        workers: Workers::new(Arc::clone(&store)),
    };
    let client = Arc::new(InstanceClient {
        store: Arc::clone(&store),
        served,
        clock: Arc::clone(&clock),
    });
    let services = Services {
        components: Arc::new(StoredComponents(Arc::clone(&store))),
        key_value: Arc::clone(&store) as _,
        blobs: Arc::clone(&store) as _,
        payloads: Arc::clone(&store) as _,
        log: Arc::new(BookSink {
            book: Arc::new(LogBook::default()),
            clock,
        }),
        client: Arc::clone(&client) as _,
        management: client,
        secrets: Arc::new(Vaults::new(
            Arc::clone(&store),
            Sealer::new(&rand::random()),
        )),
        metering: weft_sandbox::Metering::default(),
    };
    let config = weft_sandbox::Config::new(compiler, rand::random());
    let sandbox = Sandbox::new(config, services)?;
    let prepared = sandbox
        .prepare(&Tenant::default(), name, wasm.clone())
        .await?;
    let (imports, exports) = interfaces(&wasm);
    Ok(Inspected {
        digest: prepared.digest.to_string(),
        size: prepared.wasm_len,
        native_size: prepared.native_len,
        compile_ms: u64::try_from(prepared.compile_time.as_millis()).unwrap_or(u64::MAX),
        functions: prepared.functions,
        imports,
        exports,
    })
}

/// Names that a component, known to be valid, imports and exports.
fn interfaces(wasm: &[u8]) -> (Vec<String>, Vec<String>) {
    use wasmparser::{Parser, Payload};
    let (mut imports, mut exports) = (Vec::new(), Vec::new());
    let mut depth = 0_u32;
    for payload in Parser::new(0).parse_all(wasm).map_while(Result::ok) {
        match payload {
            Payload::ModuleSection { .. } | Payload::ComponentSection { .. } => depth += 1,
            Payload::End(_) => depth = depth.saturating_sub(1),
            Payload::ComponentImportSection(section) if depth == 0 => {
                let names = section.into_iter().map_while(Result::ok);
                imports.extend(names.map(|import| import.name.name.to_owned()));
            }
            Payload::ComponentExportSection(section) if depth == 0 => {
                let names = section.into_iter().map_while(Result::ok);
                exports.extend(names.map(|export| export.name.name.to_owned()));
            }
            _ => {}
        }
    }
    (imports, exports)
}
