//! Log lines with a level (`wasi:logging`). Plain `println!` and `eprintln!` are logged as well.

pub use crate::bindings::imports::wasi::logging::logging::Level;

/// Logs a message. `context` is any text that groups similar messages, often the function's name.
/// Natively the line goes to stderr.
pub fn log(level: Level, context: &str, message: &str) {
    #[cfg(target_arch = "wasm32")]
    crate::bindings::imports::wasi::logging::logging::log(level, context, message);
    #[cfg(not(target_arch = "wasm32"))]
    eprintln!("{level:?} {context}: {message}");
}
