//! Bounds and addresses of the API.

use std::time::Duration;

/// Settings of the API; every default is safe for a node that faces its tenants.
#[derive(Debug, Clone)]
pub struct Config {
    /// Bytes of one uploaded component.
    pub component_bytes_max: usize,
    /// Bytes of one uploaded bundle, its components included.
    pub bundle_bytes_max: usize,
    /// Uploads that are read and compiled at one time: what they may hold of memory, together with
    /// the bounds above.
    pub uploads_max: usize,
    /// Bytes of every other body: inputs, events, settings.
    pub json_bytes_max: usize,
    /// The longest that a request waits for an instance to end.
    pub wait_max: Duration,
    /// Scheme and authority that links of the data plane begin with, where the `Host` header of
    /// the request must not decide; without a slash at the end.
    pub public_url: Option<String>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            component_bytes_max: 32 << 20,
            bundle_bytes_max: 128 << 20,
            uploads_max: 4,
            json_bytes_max: 4 << 20,
            wait_max: Duration::from_secs(230),
            public_url: None,
        }
    }
}
