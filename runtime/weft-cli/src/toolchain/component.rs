//! A component of a core module that was built for WASI preview 1 and exports our interfaces by the
//! canonical ABI.

use std::path::Path;

use anyhow::{Context as _, Result};
use wasi_preview1_component_adapter_provider::{
    WASI_SNAPSHOT_PREVIEW1_ADAPTER_NAME as ADAPTER_NAME,
    WASI_SNAPSHOT_PREVIEW1_REACTOR_ADAPTER as ADAPTER,
};
use wasmparser::{Parser, Payload};
use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::Resolve;

/// What a module exports that holds HTTP functions; those of earlier SDKs have none.
const HANDLER: &str = "wasi:http/incoming-handler@0.2.0#handle";

/// # Errors
/// The module exports not what the interfaces say; the message says what.
pub(super) fn of_module(module: &Path, wit: &Path) -> Result<Vec<u8>> {
    let mut module = std::fs::read(module).with_context(|| module.display().to_string())?;
    let mut resolve = Resolve::default();
    let (package, _) = resolve.push_dir(wit)?;
    let world = match exports(&module, HANDLER)? {
        true => "every-role",
        false => "every-role-but-http",
    };
    let world = resolve.select_world(&[package], Some(world))?;
    embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8)?;
    let encoder = ComponentEncoder::default().validate(true).module(&module)?;
    encoder.adapter(ADAPTER_NAME, ADAPTER)?.encode()
}

fn exports(module: &[u8], name: &str) -> Result<bool> {
    for payload in Parser::new(0).parse_all(module) {
        if let Payload::ExportSection(exports) = payload? {
            for export in exports {
                if export?.name == name {
                    return Ok(true);
                }
            }
        }
    }
    Ok(false)
}
