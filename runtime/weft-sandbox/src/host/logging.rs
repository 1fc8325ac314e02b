//! `wasi:logging`.

use crate::bindings::wasi::logging::logging::{Host, Level};
use crate::services::LogLevel;
use crate::state::State;

impl Host for State {
    async fn log(
        &mut self,
        level: Level,
        context: String,
        message: String,
    ) -> wasmtime::Result<()> {
        let level = match level {
            Level::Trace => LogLevel::Trace,
            Level::Debug => LogLevel::Debug,
            Level::Info => LogLevel::Info,
            Level::Warn => LogLevel::Warn,
            Level::Error => LogLevel::Error,
            Level::Critical => LogLevel::Critical,
        };
        self.logs.message(level, &context, &message);
        Ok(())
    }
}
