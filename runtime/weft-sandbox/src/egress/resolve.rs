//! From the name of a host to its addresses.

use std::fmt;
use std::io;
use std::net::SocketAddr;

use async_trait::async_trait;

/// Finds the addresses of hosts. It is asked once for each request: what it says is checked, and
/// connected to.
#[async_trait]
pub trait Resolver: fmt::Debug + Send + Sync {
    /// # Errors
    /// When the name is not known.
    async fn lookup(&self, host: &str, port: u16) -> io::Result<Vec<SocketAddr>>;
}

/// As every other program of the machine finds them.
#[derive(Debug)]
pub struct SystemResolver;

#[async_trait]
impl Resolver for SystemResolver {
    async fn lookup(&self, host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
        Ok(tokio::net::lookup_host((host, port)).await?.collect())
    }
}
