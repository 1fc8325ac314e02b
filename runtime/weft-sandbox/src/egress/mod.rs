//! Requests that guests make: only to granted hosts, only to addresses that were checked.
//!
//! A name is resolved once, every address it has is checked, and the connection goes to one of
//! those addresses, so that a name which changes its mind gains nothing. Redirects are not
//! followed: a guest that follows one makes a new request.

mod address;
mod client;
mod counted;
mod forward;
mod hooks;
mod resolve;
mod send;

use std::sync::Arc;

use rustls::client::WantsClientCert;
use rustls::{ClientConfig, ConfigBuilder, RootCertStore};

use crate::apart::Way;

pub use address::{Cidr, InvalidCidr};
pub use client::{ClientIdentity, Outbound, OutboundError, OutboundOptions};
pub(crate) use hooks::Hooks;
pub use resolve::{Resolver, SystemResolver};

/// What all requests share.
pub(crate) struct Egress {
    /// Private ranges that the operator has opened.
    allow: Vec<Cidr>,
    resolver: Arc<dyn Resolver>,
    tls: Arc<ClientConfig>,
    /// Through which requests of guests go, where it is not this process that makes them.
    way: Way,
}

impl Egress {
    /// Over what the system finds of names.
    pub(crate) fn new(allow: Vec<Cidr>, way: Way) -> Self {
        Self::with(allow, Arc::new(SystemResolver), way)
    }

    pub(crate) fn with(allow: Vec<Cidr>, resolver: Arc<dyn Resolver>, way: Way) -> Self {
        Self {
            allow,
            resolver,
            tls: Arc::new(tls_builder().with_no_client_auth()),
            way,
        }
    }
}

/// TLS that trusts the roots of the web.
fn tls_builder() -> ConfigBuilder<ClientConfig, WantsClientCert> {
    let roots = RootCertStore {
        roots: webpki_roots::TLS_SERVER_ROOTS.into(),
    };
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("ring supports the default versions")
        .with_root_certificates(roots)
}
