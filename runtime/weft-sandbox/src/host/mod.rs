//! What guests import beyond WASI's own basics, one file per interface.
//!
//! Every component is linked against everything, once; what an import does is decided by the role
//! in the store, so that one component may hold functions of several roles and is loaded once.

pub(crate) mod blobstore;
mod client;
mod config;
mod durable;
mod entities;
mod entity_context;
pub(crate) mod keyvalue;
mod logging;
mod management;

use wasmtime::Engine;
use wasmtime::component::{HasSelf, Linker};

use crate::bindings::wasi::{
    blobstore as wasi_blobstore, config as wasi_config, keyvalue as wasi_keyvalue,
    logging as wasi_log,
};
use crate::bindings::weft::functions;
use crate::state::State;

/// The linker of all components.
pub(crate) fn linker(engine: &Engine) -> wasmtime::Result<Linker<State>> {
    let mut linker = Linker::new(engine);
    let l = &mut linker;
    wasmtime_wasi::p2::add_to_linker_async(l)?;
    wasmtime_wasi_http::p2::add_only_http_to_linker_async(l)?;
    wasi_log::logging::add_to_linker::<_, HasSelf<_>>(l, |state| state)?;
    wasi_config::store::add_to_linker::<_, HasSelf<_>>(l, |state| state)?;
    wasi_keyvalue::store::add_to_linker::<_, HasSelf<_>>(l, |state| state)?;
    wasi_keyvalue::atomics::add_to_linker::<_, HasSelf<_>>(l, |state| state)?;
    wasi_blobstore::types::add_to_linker::<_, HasSelf<_>>(l, |state| state)?;
    wasi_blobstore::container::add_to_linker::<_, HasSelf<_>>(l, |state| state)?;
    wasi_blobstore::blobstore::add_to_linker::<_, HasSelf<_>>(l, |state| state)?;
    functions::types::add_to_linker::<_, HasSelf<_>>(l, |state| state)?;
    functions::client::add_to_linker::<_, HasSelf<_>>(l, |state| state)?;
    functions::durable::add_to_linker::<_, HasSelf<_>>(l, |state| state)?;
    functions::entities::add_to_linker::<_, HasSelf<_>>(l, |state| state)?;
    functions::entity_client::add_to_linker::<_, HasSelf<_>>(l, |state| state)?;
    functions::entity_context::add_to_linker::<_, HasSelf<_>>(l, |state| state)?;
    functions::management::add_to_linker::<_, HasSelf<_>>(l, |state| state)?;
    Ok(linker)
}

impl functions::types::Host for State {}
