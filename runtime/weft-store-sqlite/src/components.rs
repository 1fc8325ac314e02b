//! Components as files: complete or absent, never half-written.

use std::fs::{self, File};
use std::io::{ErrorKind, Write as _};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use weft_store::{Digest, Error};

/// Tells apart the temporary files of uploads at the same time.
static UPLOADS: AtomicU64 = AtomicU64::new(0);

/// Writes a component durably: the file under another name, its content to the disk, the name,
/// the directory.
pub(crate) fn put(dir: &Path, digest: &Digest, wasm: &[u8]) -> Result<(), Error> {
    let path = dir.join(digest.to_string());
    if path.exists() {
        return Ok(());
    }
    let upload = UPLOADS.fetch_add(1, Ordering::Relaxed);
    let temporary = dir.join(format!("{digest}.{upload}.tmp"));
    let write = || -> std::io::Result<()> {
        let mut file = File::create(&temporary)?;
        file.write_all(wasm)?;
        file.sync_all()?;
        fs::rename(&temporary, &path)?;
        File::open(dir)?.sync_all()
    };
    write().map_err(|error| {
        // What is left of it is of no use; the next start removes it where this cannot.
        let _ = fs::remove_file(&temporary);
        failed(&error)
    })
}

pub(crate) fn get(dir: &Path, digest: &Digest) -> Result<Option<Vec<u8>>, Error> {
    match fs::read(dir.join(digest.to_string())) {
        Ok(wasm) => Ok(Some(wasm)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(failed(&error)),
    }
}

/// Removes what uploads left that a crash cut off.
pub(crate) fn sweep(dir: &Path) -> Result<(), Error> {
    let entries = fs::read_dir(dir).map_err(|error| failed(&error))?;
    for entry in entries {
        let path = entry.map_err(|error| failed(&error))?.path();
        if path.extension().is_some_and(|extension| extension == "tmp") {
            fs::remove_file(&path).map_err(|error| failed(&error))?;
        }
    }
    Ok(())
}

fn failed(error: &std::io::Error) -> Error {
    match error.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => Error::Full,
        _ => Error::Unavailable {
            reason: format!("a component's file: {error}"),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_component_is_there_whole_or_not_at_all() {
        let dir = tempfile::tempdir().unwrap();
        let digest = Digest([7; 32]);
        assert_eq!(get(dir.path(), &digest).unwrap(), None);
        put(dir.path(), &digest, b"wasm").unwrap();
        put(dir.path(), &digest, b"wasm").unwrap();
        assert_eq!(get(dir.path(), &digest).unwrap().unwrap(), b"wasm");

        let cut_off = dir.path().join(format!("{}.9.tmp", Digest([8; 32])));
        fs::write(&cut_off, b"wa").unwrap();
        sweep(dir.path()).unwrap();
        assert!(!cut_off.exists());
        assert_eq!(get(dir.path(), &Digest([8; 32])).unwrap(), None);
        assert_eq!(get(dir.path(), &digest).unwrap().unwrap(), b"wasm");
    }
}
