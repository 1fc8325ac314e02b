//! The disk fills up under the node and gets room again: writes are refused meanwhile, reads are
//! served, and everything goes on afterwards.
//!
//! Where mounting is allowed the disk is a small tmpfs; otherwise a tracer gives ENOSPC for every
//! write.

use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::Context;
use tokio::time::Instant;

use super::site::{Base, Site};
use super::tracer::{self, Attached, Harm, Injection};
use crate::client::Reply;
use crate::report::Section;
use crate::workload::{Job, Kind};

const DISK_MIB: u32 = 96;
const WORK_MAX: Duration = Duration::from_secs(20);
const REFUSED_MAX: Duration = Duration::from_secs(30);
const FULL: Duration = Duration::from_secs(3);
const INSUFFICIENT_STORAGE: u16 = 507;

/// # Errors
/// When neither mounting nor tracing is allowed, or the node cannot be started or used.
pub async fn run(base: &Base, times: u32) -> anyhow::Result<Section> {
    let dir = tempfile::tempdir()?;
    let disk = Disk::make(dir.path());
    if disk.is_none() {
        tracer::require()
            .await
            .context("mounting is not allowed either")?;
    }
    let root = disk
        .as_ref()
        .map_or(dir.path(), |disk| &disk.path)
        .to_owned();
    let mut site = Site::open(base, &root.join("data")).await?;
    let mut refusals = 0;
    for time in 0..times {
        site.work(200, WORK_MAX).await;
        let full = Full::make(&mut site, disk.as_ref(), &root).await?;
        refusals += until_refused(&mut site, time).await;
        tokio::time::sleep(FULL).await;
        if !matches!(
            site.load.client.instances(None).await,
            Reply::Answered { status: 200, .. }
        ) {
            site.record
                .violation("nothing is read from a full disk".to_owned());
        }
        drop(full);
        if let Some(status) = site.node.try_ended()? {
            let said = site.node.said();
            let what = format!("the node ended on a full disk with {status}: {said}");
            site.record.violation(what);
            site.kill().await?;
            site.start().await?;
        }
        site.work(50, WORK_MAX).await;
    }
    let mut section = site.close("The disk is full").await?;
    section.figure("times the disk was full", times);
    section.figure("on a small tmpfs", disk.is_some());
    section.figure("starts refused with 507", refusals);
    Ok(section)
}

/// Starts instances until one is refused; they are judged by nobody, so they do nothing.
async fn until_refused(site: &mut Site, time: u32) -> u32 {
    let deadline = Instant::now() + REFUSED_MAX;
    let mut number = 0;
    while Instant::now() < deadline {
        let job = Job {
            id: format!("unwatched-{time}-{number}"),
            kind: Kind::Chain,
            value: 0,
            size: 0,
        };
        number += 1;
        match site.load.client.start(&job).await {
            Reply::Answered { status, .. } if status == INSUFFICIENT_STORAGE => {
                return 1;
            }
            Reply::Answered { status: 201, .. } => site.load.also(job),
            Reply::Answered { status, body } => {
                let what = format!("a full disk is answered with {status}: {body}");
                site.record.violation(what);
                return 0;
            }
            Reply::Unknown => {
                site.load.also(job);
            }
        }
    }
    site.record
        .violation("no start was refused on a full disk".to_owned());
    0
}

/// A mounted tmpfs; unmounted when dropped.
struct Disk {
    path: PathBuf,
}

impl Disk {
    fn make(dir: &Path) -> Option<Self> {
        let path = dir.join("disk");
        std::fs::create_dir(&path).ok()?;
        let mut mount = Command::new("mount");
        mount.args([
            "-t",
            "tmpfs",
            "-o",
            &format!("size={DISK_MIB}m"),
            "weft-crash",
        ]);
        let mounted = mount.arg(&path).output().ok()?.status.success();
        mounted.then(|| Self { path })
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // Lazily: a process that was killed a moment ago may still be there.
        let _ = Command::new("umount").arg("-l").arg(&self.path).status();
    }
}

/// While this lives, the disk is full.
enum Full {
    Ballast(PathBuf),
    Traced { _tracer: Attached },
}

impl Full {
    async fn make(site: &mut Site, disk: Option<&Disk>, root: &Path) -> anyhow::Result<Self> {
        if disk.is_none() {
            let injection = Injection {
                calls: "pwrite64,ftruncate,fallocate",
                when: "1+".to_owned(),
                harm: Harm::Error("ENOSPC"),
            };
            let tracer = Attached::to(site.node.pid()?, &injection).await?;
            return Ok(Self::Traced { _tracer: tracer });
        }
        let path = root.join("ballast");
        let mut file = OpenOptions::new().create(true).append(true).open(&path)?;
        fill(&mut file);
        Ok(Self::Ballast(path))
    }
}

/// To the last byte.
fn fill(file: &mut File) {
    let mut block = vec![0; 1 << 20];
    while !block.is_empty() {
        if file.write_all(&block).is_err() {
            block.truncate(block.len() / 2);
        }
    }
}

impl Drop for Full {
    fn drop(&mut self) {
        match self {
            Self::Ballast(path) => {
                let _ = std::fs::remove_file(path);
            }
            Self::Traced { .. } => {}
        }
    }
}
