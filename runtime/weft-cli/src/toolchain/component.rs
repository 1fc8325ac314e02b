//! A component of a core module that was built for WASI preview 1 and exports our interfaces by the
//! canonical ABI.

use std::path::Path;

use anyhow::{Context as _, Result};
use wasi_preview1_component_adapter_provider::{
    WASI_SNAPSHOT_PREVIEW1_ADAPTER_NAME as ADAPTER_NAME,
    WASI_SNAPSHOT_PREVIEW1_REACTOR_ADAPTER as ADAPTER,
};
use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::Resolve;

const WORLD: &str = "every-role-but-http";

/// # Errors
/// The module exports not what the interfaces say; the message says what.
pub(super) fn of_module(module: &Path, wit: &Path) -> Result<Vec<u8>> {
    let mut module = std::fs::read(module).with_context(|| module.display().to_string())?;
    let mut resolve = Resolve::default();
    let (package, _) = resolve.push_dir(wit)?;
    let world = resolve.select_world(&[package], Some(WORLD))?;
    embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8)?;
    let encoder = ComponentEncoder::default().validate(true).module(&module)?;
    encoder.adapter(ADAPTER_NAME, ADAPTER)?.encode()
}
