//! The data directory: one process at a time.

use std::fs::{DirBuilder, File, TryLockError};
use std::path::{Path, PathBuf};

use weft_store::Error;

/// The file within it.
pub(crate) const DATABASE: &str = "weft.db";

/// An open data directory. The operating system releases the lock with the process, however that
/// ends.
#[derive(Debug)]
pub(crate) struct Directory {
    path: PathBuf,
    _lock: File,
}

impl Directory {
    /// Creates the directory where it is absent, readable by its owner only: it holds the data of
    /// every tenant.
    ///
    /// # Errors
    /// [`Error::Unavailable`] where another process has it open.
    pub(crate) fn open(path: &Path) -> Result<Self, Error> {
        let failed = |what: &str, error: &dyn std::fmt::Display| Error::Unavailable {
            reason: format!("{what} {}: {error}", path.display()),
        };
        create(&path.join("components")).map_err(|e| failed("cannot create", &e))?;
        let lock = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(path.join("lock"))
            .map_err(|e| failed("cannot open the lock in", &e))?;
        match lock.try_lock() {
            Ok(()) => Ok(Self {
                path: path.to_owned(),
                _lock: lock,
            }),
            Err(TryLockError::WouldBlock) => Err(Error::Unavailable {
                reason: format!(
                    "the data directory {} is in use by another process: stop that node, or \
                     give another directory with --data",
                    path.display()
                ),
            }),
            Err(TryLockError::Error(e)) => Err(failed("cannot lock", &e)),
        }
    }

    pub(crate) fn database(&self) -> PathBuf {
        self.path.join(DATABASE)
    }

    /// One file per component, named by its digest.
    pub(crate) fn components(&self) -> PathBuf {
        self.path.join("components")
    }
}

/// Creates a folder, and those above it, for nobody but the owner.
pub(crate) fn create(path: &Path) -> std::io::Result<()> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_is_opened_once_at_a_time() {
        let dir = tempfile::tempdir().unwrap();
        let data = dir.path().join("a/b");
        let first = Directory::open(&data).unwrap();
        let error = Directory::open(&data).unwrap_err();
        assert!(error.to_string().contains("in use"), "{error}");
        drop(first);
        Directory::open(&data).unwrap();
    }
}
