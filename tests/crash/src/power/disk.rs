//! A disk that keeps apart what was synced and what was only written, and what is left of both
//! when the power goes.
//!
//! What was synced stays. Each later write stays, is lost, or stays in some of its sectors, one of
//! them perhaps by half. Names of files are not kept apart: they stay at once.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard};

use anyhow::Context;
use rand::{Rng, RngExt};

const SECTOR: usize = 512;

/// What becomes of a write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Syncs {
    /// Synced files stay as they are.
    Kept,
    /// A planted bug: nothing is ever synced.
    Ignored,
}

/// The files below some folders.
#[derive(Debug, Default)]
pub struct Disk {
    mounts: Mutex<BTreeMap<PathBuf, Mount>>,
}

/// The files below one folder.
#[derive(Debug)]
struct Mount {
    syncs: Syncs,
    files: Files,
    /// Changes and syncs that may still happen before the power goes.
    left: u64,
    /// The files as they were when it went.
    cut: Option<Files>,
    syncs_done: u64,
    checkpoints: u64,
}

type Files = BTreeMap<PathBuf, FileState>;

#[derive(Debug, Clone, Default)]
struct FileState {
    synced: Vec<u8>,
    later: Vec<Change>,
}

#[derive(Debug, Clone)]
pub(super) enum Change {
    Write { at: usize, bytes: Vec<u8> },
    Truncate { len: usize },
}

/// What was done below a folder until the power went.
#[derive(Debug, Clone, Copy)]
pub struct Cut {
    pub syncs: u64,
    /// Syncs of a database's own file, which end a checkpoint.
    pub checkpoints: u64,
    /// Changes that had not been synced.
    pub unsynced: usize,
}

impl Disk {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<PathBuf, Mount>> {
        self.mounts.lock().expect("no holder of the lock panics")
    }

    /// From now on keeps watch of the files in a folder; those that it has are on the disk since
    /// long. The power goes at the change or sync of that number.
    ///
    /// # Errors
    /// When a file cannot be read.
    pub fn mount(&self, folder: &Path, power_for: u64, syncs: Syncs) -> anyhow::Result<()> {
        let mut files = Files::new();
        for entry in std::fs::read_dir(folder)? {
            let path = entry?.path();
            let state = FileState {
                synced: std::fs::read(&path)?,
                later: Vec::new(),
            };
            files.insert(path, state);
        }
        let mount = Mount {
            syncs,
            files,
            left: power_for,
            cut: None,
            syncs_done: 0,
            checkpoints: 0,
        };
        self.lock().insert(folder.to_owned(), mount);
        Ok(())
    }

    /// Whether the power is gone. What is acknowledged before this says so must survive.
    #[must_use]
    pub fn is_cut(&self, folder: &Path) -> bool {
        self.lock()
            .get(folder)
            .is_some_and(|mount| mount.cut.is_some())
    }

    /// Forgets the folder, and writes what is left of its files into another. The power goes now
    /// unless it went before.
    ///
    /// # Errors
    /// When a file cannot be written.
    pub fn unmount(&self, folder: &Path, into: &Path, rng: &mut impl Rng) -> anyhow::Result<Cut> {
        let mount = self
            .lock()
            .remove(folder)
            .context("nothing is mounted there")?;
        let files = mount.cut.unwrap_or(mount.files);
        let mut unsynced = 0;
        for (path, file) in files {
            unsynced += file.later.len();
            let path = into.join(path.strip_prefix(folder)?);
            std::fs::write(path, file.left_over(rng))?;
        }
        Ok(Cut {
            syncs: mount.syncs_done,
            checkpoints: mount.checkpoints,
            unsynced,
        })
    }

    /// What happens to a file, where it lies in a mounted folder.
    fn happens(&self, path: &Path, what: impl FnOnce(&mut Mount)) {
        let mut mounts = self.lock();
        let mut found = mounts.iter_mut();
        let Some((_, mount)) = found.find(|(folder, _)| path.starts_with(folder)) else {
            return;
        };
        match mount.left.checked_sub(1) {
            Some(left) => mount.left = left,
            None if mount.cut.is_none() => mount.cut = Some(mount.files.clone()),
            None => {}
        }
        what(mount);
    }

    pub(super) fn changed(&self, path: &Path, change: Change) {
        self.happens(path, |mount| {
            mount
                .files
                .entry(path.to_owned())
                .or_default()
                .later
                .push(change);
        });
    }

    pub(super) fn synced(&self, path: &Path) {
        self.happens(path, |mount| {
            mount.syncs_done += 1;
            if path.extension().is_some_and(|extension| extension == "db") {
                mount.checkpoints += 1;
            }
            if mount.syncs == Syncs::Kept {
                mount.files.entry(path.to_owned()).or_default().sync();
            }
        });
    }

    pub(super) fn deleted(&self, path: &Path) {
        self.happens(path, |mount| {
            mount.files.remove(path);
        });
    }
}

impl FileState {
    fn sync(&mut self) {
        for change in self.later.drain(..) {
            change.apply(&mut self.synced);
        }
    }

    /// What the power leaves of it.
    fn left_over(self, rng: &mut impl Rng) -> Vec<u8> {
        let Self { mut synced, later } = self;
        let kept = match rng.random_range(0..4) {
            0 => return synced,
            1 => later.len(),
            _ => rng.random_range(0..=later.len()),
        };
        let any_order = rng.random_bool(0.5);
        for (number, change) in later.into_iter().enumerate() {
            if number < kept {
                change.apply(&mut synced);
            } else if any_order {
                change.tear(&mut synced, rng);
            }
        }
        synced
    }
}

impl Change {
    fn apply(self, file: &mut Vec<u8>) {
        match self {
            Self::Write { at, bytes } => {
                if file.len() < at + bytes.len() {
                    file.resize(at + bytes.len(), 0);
                }
                file[at..at + bytes.len()].copy_from_slice(&bytes);
            }
            Self::Truncate { len } => file.resize(len.min(file.len()), 0),
        }
    }

    /// Applies some of its sectors; of one that is cut off, the beginning.
    fn tear(self, file: &mut Vec<u8>, rng: &mut impl Rng) {
        match self {
            Self::Write { at, bytes } => {
                for (number, sector) in bytes.chunks(SECTOR).enumerate() {
                    let len = match rng.random_range(0..4) {
                        0 | 1 => 0,
                        2 => sector.len(),
                        _ => rng.random_range(0..=sector.len()),
                    };
                    let bytes = sector[..len].to_vec();
                    let at = at + number * SECTOR;
                    Self::Write { at, bytes }.apply(file);
                }
            }
            Self::Truncate { .. } => {
                if rng.random_bool(0.5) {
                    self.apply(file);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand::rngs::StdRng;

    use super::*;

    fn write(at: usize, text: &str) -> Change {
        Change::Write {
            at,
            bytes: text.as_bytes().to_vec(),
        }
    }

    fn left_over(syncs: Syncs, seed: u64) -> String {
        let disk = Disk::default();
        let (mounted, out) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let folder = mounted.path();
        disk.mount(folder, 100, syncs).unwrap();
        let file = folder.join("f");
        disk.changed(&file, write(0, "one "));
        disk.synced(&file);
        disk.changed(&file, write(4, "two "));
        disk.changed(&file, write(8, "three"));
        let mut rng = StdRng::seed_from_u64(seed);
        let cut = disk.unmount(folder, out.path(), &mut rng).unwrap();
        assert_eq!(cut.syncs, 1);
        String::from_utf8(std::fs::read(out.path().join("f")).unwrap()).unwrap()
    }

    #[test]
    fn what_was_synced_stays_and_what_was_not_may_go() {
        let kept: Vec<String> = (0..100).map(|seed| left_over(Syncs::Kept, seed)).collect();
        assert!(kept.iter().all(|text| text.starts_with("one ")));
        assert!(kept.iter().any(|text| text == "one "));
        assert!(kept.iter().any(|text| text == "one two three"));
        assert!(kept.iter().any(|text| text.contains('\0')), "{kept:?}");
        let lost = (0..100).any(|seed| left_over(Syncs::Ignored, seed).is_empty());
        assert!(lost, "a sync that is ignored keeps nothing");
    }

    #[test]
    fn nothing_that_happens_after_the_power_is_gone_reaches_the_disk() {
        let disk = Disk::default();
        let (mounted, out) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let folder = mounted.path();
        disk.mount(folder, 2, Syncs::Kept).unwrap();
        let file = folder.join("f");
        for (number, text) in ["a", "b"].into_iter().enumerate() {
            assert!(!disk.is_cut(folder));
            disk.changed(&file, write(number, text));
            disk.synced(&file);
        }
        assert!(disk.is_cut(folder));
        let mut rng = StdRng::seed_from_u64(1);
        disk.unmount(folder, out.path(), &mut rng).unwrap();
        assert_eq!(std::fs::read(out.path().join("f")).unwrap(), b"a");
    }
}
