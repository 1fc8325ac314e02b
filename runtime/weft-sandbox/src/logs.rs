//! What one invocation writes to standard output, standard error and `wasi:logging`.
//!
//! Lines go to the sink as they end. Past a bound the rest is counted and not kept. Control
//! characters are taken out, so that no guest can forge a line or steer a terminal.

use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use async_trait::async_trait;
use bytes::Bytes;
use tokio::io::AsyncWrite;
use wasmtime_wasi::cli::{IsTerminal, StdoutStream};
use wasmtime_wasi::p2::{OutputStream, Pollable, StreamResult};
use weft_id::InstanceId;

use crate::config::Invocation;
use crate::metering::CallMeter;
use crate::services::{LogLevel, LogRecord, LogSink};

/// A line that does not end is cut here.
const LINE_BYTES_MAX: usize = 8 << 10;
/// How much of standard error is kept to explain a trap.
const TAIL_BYTES_MAX: usize = 2 << 10;
const WRITE_BYTES_MAX: usize = 64 << 10;
/// Shorter ones would blot out half of a text, and are no secrets.
const SECRET_LEN_MIN: usize = 4;
const HIDDEN: &str = "(hidden)";

/// The log of one invocation; clones share it.
#[derive(Clone)]
pub(crate) struct Logs(Arc<Shared>);

struct Shared {
    sink: Arc<dyn LogSink>,
    /// Whose log it is; of which orchestration, the state says.
    call: Invocation,
    bytes_max: usize,
    meter: CallMeter,
    /// Secrets that the guest has read, the longest first.
    hidden: Mutex<Vec<String>>,
    state: Mutex<State>,
}

struct State {
    /// The orchestration that the call belongs to.
    instance: Option<InstanceId>,
    /// Bytes that may still be written.
    left: usize,
    dropped: u64,
    stdout: Vec<u8>,
    stderr: Vec<u8>,
    tail: VecDeque<u8>,
}

impl Logs {
    pub(crate) fn new(
        sink: Arc<dyn LogSink>,
        mut call: Invocation,
        bytes_max: usize,
        meter: CallMeter,
    ) -> Self {
        Self(Arc::new(Shared {
            state: Mutex::new(State {
                instance: call.instance.take(),
                left: bytes_max,
                dropped: 0,
                stdout: Vec::new(),
                stderr: Vec::new(),
                tail: VecDeque::new(),
            }),
            sink,
            call,
            bytes_max,
            meter,
            hidden: Mutex::default(),
        }))
    }

    /// A call begins, of this orchestration if of any.
    pub(crate) fn begin(&self, instance: Option<InstanceId>) {
        self.0.state().instance = instance;
    }

    /// The invocation is over: what it has left unfinished is written, and the next one, where
    /// the instance serves another, may write as much again.
    pub(crate) fn end(&self) {
        self.0.end();
    }

    /// Keeps a secret out of everything that is written or told from now on: as a whole, and each
    /// line of one that has several.
    pub(crate) fn hide(&self, secret: &str) {
        let mut hidden = self.0.hidden();
        for part in std::iter::once(secret).chain(secret.lines().map(str::trim)) {
            if part.len() >= SECRET_LEN_MIN && !hidden.iter().any(|known| known == part) {
                hidden.push(part.to_owned());
            }
        }
        // One that is part of another must not uncover the rest of it.
        hidden.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
    }

    /// A text without the secrets that the guest has read.
    pub(crate) fn redact(&self, text: String) -> String {
        self.0.redact(text)
    }

    pub(crate) fn stream(&self, level: LogLevel) -> LogStream {
        LogStream {
            logs: self.clone(),
            level,
        }
    }

    /// One message of `wasi:logging`.
    pub(crate) fn message(&self, level: LogLevel, context: &str, message: &str) {
        let len = context.len() + message.len();
        {
            let mut state = self.0.state();
            if len > state.left || !self.0.meter.log(len as u64) {
                state.dropped += len as u64;
                return;
            }
            state.left -= len;
        }
        let mut text = clean(message);
        if !context.is_empty() {
            text = format!("{}: {text}", clean(context));
        }
        self.0.emit(level, text);
    }

    /// The end of standard error, which is where guests say why they trap.
    pub(crate) fn tail(&self) -> Option<String> {
        let state = self.0.state();
        let bytes: Vec<u8> = state.tail.iter().copied().collect();
        let text = String::from_utf8_lossy(&bytes);
        let lines = text.lines().map(clean).filter(|line| !line.is_empty());
        let lines: Vec<String> = lines.collect();
        (!lines.is_empty()).then(|| self.redact(lines.join(" ")))
    }
}

impl Shared {
    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().expect("no panic while it is held")
    }

    fn hidden(&self) -> std::sync::MutexGuard<'_, Vec<String>> {
        self.hidden.lock().expect("no panic while it is held")
    }

    fn redact(&self, text: String) -> String {
        let hidden = self.hidden();
        hidden
            .iter()
            .fold(text, |text, secret| match text.contains(secret) {
                true => text.replace(secret, HIDDEN),
                false => text,
            })
    }

    fn emit(&self, level: LogLevel, text: String) {
        let text = self.redact(text);
        self.sink.log(LogRecord {
            app: self.call.app.clone(),
            function: self.call.function.name.clone(),
            instance: self.state().instance.clone(),
            level,
            text,
        });
    }

    fn write(&self, level: LogLevel, bytes: &[u8]) {
        let mut lines = Vec::new();
        {
            let mut state = self.state();
            let state = &mut *state;
            if level == LogLevel::Error {
                let keep = &bytes[bytes.len().saturating_sub(TAIL_BYTES_MAX)..];
                state.tail.extend(keep);
                let over = state.tail.len().saturating_sub(TAIL_BYTES_MAX);
                state.tail.drain(..over);
            }
            let mut kept = bytes.len().min(state.left);
            if kept > 0 && !self.meter.log(kept as u64) {
                kept = 0;
            }
            state.left -= kept;
            state.dropped += (bytes.len() - kept) as u64;
            let partial = match level {
                LogLevel::Error => &mut state.stderr,
                LogLevel::Trace
                | LogLevel::Debug
                | LogLevel::Info
                | LogLevel::Warn
                | LogLevel::Critical => &mut state.stdout,
            };
            for piece in bytes[..kept].split_inclusive(|byte| *byte == b'\n') {
                partial.extend_from_slice(piece);
                if piece.ends_with(b"\n") || partial.len() > LINE_BYTES_MAX {
                    lines.push(std::mem::take(partial));
                }
            }
        }
        for line in lines {
            self.line(level, &line);
        }
    }

    fn line(&self, level: LogLevel, line: &[u8]) {
        let text = clean(String::from_utf8_lossy(line).trim_end());
        if !text.is_empty() {
            self.emit(level, text);
        }
    }
}

impl Shared {
    fn end(&self) {
        let (stdout, stderr, dropped) = {
            let mut state = self.state();
            state.left = self.bytes_max;
            state.tail.clear();
            let stdout = std::mem::take(&mut state.stdout);
            let stderr = std::mem::take(&mut state.stderr);
            (stdout, stderr, std::mem::take(&mut state.dropped))
        };
        self.line(LogLevel::Info, &stdout);
        self.line(LogLevel::Error, &stderr);
        if dropped > 0 {
            let text = format!("{dropped} bytes of log were dropped: a limit was reached");
            self.emit(LogLevel::Warn, text);
        }
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        self.end();
    }
}

/// Takes out escape sequences and control characters; line ends within become blanks.
pub(crate) fn clean(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match c {
            '\u{1b}' => skip_escape(&mut chars),
            '\t' | '\n' | '\r' => out.push(' '),
            c if c.is_control() => {}
            c => out.push(c),
        }
    }
    out
}

/// After an escape character: a control sequence up to its final byte, else one character.
fn skip_escape(chars: &mut std::str::Chars<'_>) {
    if chars.next() == Some('[') {
        let parameter = |c: char| !('\u{40}'..='\u{7e}').contains(&c);
        while chars.as_str().starts_with(parameter) {
            chars.next();
        }
        chars.next();
    }
}

/// Standard output or standard error of a guest. Never fails and never waits.
#[derive(Clone)]
pub(crate) struct LogStream {
    logs: Logs,
    level: LogLevel,
}

impl IsTerminal for LogStream {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdoutStream for LogStream {
    fn async_stream(&self) -> Box<dyn AsyncWrite + Send + Sync> {
        Box::new(self.clone())
    }

    fn p2_stream(&self) -> Box<dyn OutputStream> {
        Box::new(self.clone())
    }
}

#[async_trait]
impl Pollable for LogStream {
    async fn ready(&mut self) {}
}

impl OutputStream for LogStream {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        self.logs.0.write(self.level, &bytes);
        Ok(())
    }

    fn flush(&mut self) -> StreamResult<()> {
        Ok(())
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        Ok(WRITE_BYTES_MAX)
    }
}

impl AsyncWrite for LogStream {
    fn poll_write(
        self: Pin<&mut Self>,
        _cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.logs.0.write(self.level, bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_cannot_forge_another_or_steer_a_terminal() {
        assert_eq!(clean("a\u{1b}[31mred\u{1b}[0m b"), "ared b");
        assert_eq!(clean("x\r\nERROR forged"), "x  ERROR forged");
        assert_eq!(clean("bell\u{7} del\u{7f} c1\u{9b}2J"), "bell del c12J");
        assert_eq!(clean("cut\u{1b}[12"), "cut");
    }
}
