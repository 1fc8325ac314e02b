//! What this program carries: the SDKs of all languages, and the interfaces. Paths are those in a
//! project's `sdk` folder, or in a folder of WIT.

include!(concat!(env!("OUT_DIR"), "/embedded.rs"));

/// The version of Python's build tool that the SDK is tested with.
pub(crate) const COMPONENTIZE_PY: &str = "0.25.1";
