//! Progress of long work on stderr: a line that counts seconds on a terminal, one line at the
//! beginning and one at the end elsewhere.

use std::io::{IsTerminal, Write as _};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

const STEP: Duration = Duration::from_millis(100);
const FRAMES: [char; 8] = ['⠋', '⠙', '⠸', '⠴', '⠦', '⠇', '⠏', '⠛'];

/// Work under way; dropping it ends the line without claiming success.
pub(crate) struct Progress {
    what: String,
    started: Instant,
    ended: Arc<AtomicBool>,
    drawer: Option<JoinHandle<()>>,
}

impl Progress {
    /// Work that writes to stderr itself: only its end is told.
    pub(crate) fn start_quiet(what: impl Into<String>) -> Self {
        Self {
            what: what.into(),
            started: Instant::now(),
            ended: Arc::default(),
            drawer: None,
        }
    }

    /// `what` in the form "Building hello".
    pub(crate) fn start(what: impl Into<String>) -> Self {
        let what = what.into();
        let started = Instant::now();
        let ended = Arc::new(AtomicBool::new(false));
        let drawer = std::io::stderr().is_terminal().then(|| {
            let (what, ended) = (what.clone(), Arc::clone(&ended));
            std::thread::spawn(move || draw(&what, started, &ended))
        });
        if drawer.is_none() {
            eprintln!("{what}...");
        }
        Self {
            what,
            started,
            ended,
            drawer,
        }
    }

    /// Ends with a result, in the form "69.0 KiB in 3 functions".
    pub(crate) fn done(mut self, result: &str) {
        self.stop();
        let seconds = self.started.elapsed().as_secs_f32();
        let separator = if result.is_empty() { "" } else { ": " };
        eprintln!("✓ {}{separator}{result} ({seconds:.1} s)", self.what);
    }

    fn stop(&mut self) {
        self.ended.store(true, Ordering::Relaxed);
        if let Some(drawer) = self.drawer.take() {
            // The drawing thread has nothing that could fail but stderr, which is gone then.
            let _ = drawer.join();
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.stop();
    }
}

fn draw(what: &str, started: Instant, ended: &AtomicBool) {
    let mut stderr = std::io::stderr();
    for frame in FRAMES.iter().cycle() {
        if ended.load(Ordering::Relaxed) {
            break;
        }
        let seconds = started.elapsed().as_secs();
        let _ = write!(stderr, "\r{frame} {what} {seconds} s ");
        let _ = stderr.flush();
        std::thread::sleep(STEP);
    }
    let _ = write!(stderr, "\r\x1b[2K");
    let _ = stderr.flush();
}
