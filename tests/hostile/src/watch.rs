//! What the operating system says of the node's process, and where it lets it run.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::Context;
use rustix::process::Pid;
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};
use tokio::task::JoinHandle;

const LOOK: Duration = Duration::from_millis(20);

/// Bytes of a process that are in memory.
///
/// # Errors
/// When it is gone.
pub fn resident(pid: u32) -> anyhow::Result<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|line| line.split_whitespace().next());
    let kib: u64 = kib.context("no VmRSS")?.parse()?;
    Ok(kib << 10)
}

/// Looks at a process until it is asked for the most that it has seen.
pub struct Peak {
    most: Arc<AtomicU64>,
    task: JoinHandle<()>,
}

impl Peak {
    #[must_use]
    pub fn of(pid: u32) -> Self {
        let most = Arc::new(AtomicU64::new(0));
        let kept = Arc::clone(&most);
        let task = tokio::spawn(async move {
            // A process that is gone has no more to say.
            while let Ok(bytes) = resident(pid) {
                kept.fetch_max(bytes, Ordering::Relaxed);
                tokio::time::sleep(LOOK).await;
            }
        });
        Self { most, task }
    }

    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.most.load(Ordering::Relaxed)
    }
}

impl Drop for Peak {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Keeps all threads of a process on one processor until it is dropped.
pub struct Pinned {
    pid: u32,
    before: CpuSet,
}

impl Pinned {
    /// # Errors
    /// When the process is gone, or may not be moved.
    pub fn new(pid: u32) -> anyhow::Result<Self> {
        let before = sched_getaffinity(Some(id(pid)?))?;
        let first = (0..CpuSet::MAX_CPU).find(|cpu| before.is_set(*cpu));
        let mut one = CpuSet::new();
        one.set(first.context("a process without a processor")?);
        let pinned = Self { pid, before };
        pinned.move_to(&one)?;
        Ok(pinned)
    }

    fn move_to(&self, set: &CpuSet) -> anyhow::Result<()> {
        for thread in std::fs::read_dir(format!("/proc/{}/task", self.pid))? {
            let name = thread?.file_name();
            let thread = name.to_str().and_then(|name| name.parse().ok());
            // A thread that has ended meanwhile runs nowhere.
            let _ = sched_setaffinity(Some(id(thread.context("no thread id")?)?), set);
        }
        Ok(())
    }
}

impl Drop for Pinned {
    fn drop(&mut self) {
        // The process may be gone.
        let _ = self.move_to(&self.before);
    }
}

fn id(raw: u32) -> anyhow::Result<Pid> {
    Pid::from_raw(i32::try_from(raw)?).context("zero is no process")
}
