//! Finds out that a project has changed, by looking.
//!
//! Looking costs little for the few files of a project, and works on every file system, shared
//! folders of virtual machines among them, where notifications do not.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::context::OPERATOR_KEY;

const PAUSE: Duration = Duration::from_millis(300);
/// Folders that builds and nodes write to, besides those that hold a node's key.
const IGNORED: [&str; 4] = ["target", "node_modules", ".git", ".weft"];
/// Written by builds.
const IGNORED_FILE: &str = "Cargo.lock";

pub(super) struct Watch {
    dir: PathBuf,
    seen: u64,
}

impl Watch {
    pub(super) fn start(dir: &Path) -> Self {
        Self {
            dir: dir.to_owned(),
            seen: fingerprint(dir),
        }
    }

    /// Waits until something differs from the start of the watch and has come to rest.
    pub(super) async fn changed(&mut self) {
        let mut last = self.seen;
        loop {
            let now = fingerprint(&self.dir);
            if now != self.seen && now == last {
                return;
            }
            last = now;
            tokio::time::sleep(PAUSE).await;
        }
    }
}

/// Over the names, lengths and times of all files. What cannot be read counts as absent.
fn fingerprint(dir: &Path) -> u64 {
    let mut hasher = DefaultHasher::new();
    let mut folders = vec![dir.to_owned()];
    while let Some(folder) = folders.pop() {
        let Ok(entries) = std::fs::read_dir(&folder) else {
            continue;
        };
        let mut entries: Vec<_> = entries.flatten().collect();
        entries.sort_by_key(std::fs::DirEntry::file_name);
        for entry in entries {
            let name = entry.file_name();
            let Ok(metadata) = entry.metadata() else {
                continue;
            };
            if metadata.is_dir() {
                let of_a_node = entry.path().join(OPERATOR_KEY).exists();
                if !of_a_node && !IGNORED.iter().any(|ignored| name == *ignored) {
                    folders.push(entry.path());
                }
            } else if name != IGNORED_FILE {
                entry.path().hash(&mut hasher);
                metadata.len().hash(&mut hasher);
                metadata.modified().ok().hash(&mut hasher);
            }
        }
    }
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn sees_changes_of_sources_and_not_of_builds() {
        let dir = tempfile::tempdir().unwrap();
        let write = |path: &str| std::fs::write(dir.path().join(path), path).unwrap();
        std::fs::create_dir_all(dir.path().join("src")).unwrap();
        std::fs::create_dir_all(dir.path().join("target")).unwrap();
        let before = fingerprint(dir.path());
        write("target/out.wasm");
        write("Cargo.lock");
        std::fs::create_dir_all(dir.path().join("kept")).unwrap();
        write("kept/operator.key");
        write("kept/data.db");
        assert_eq!(fingerprint(dir.path()), before);
        let mut watch = Watch::start(dir.path());
        write("src/lib.rs");
        let changed = tokio::time::timeout(Duration::from_secs(5), watch.changed());
        changed.await.unwrap();
    }
}
