//! A copy of a data directory, and a data directory made of such a copy.
//!
//! A backup is one state that the database really had, with every component that it names; it is
//! taken beside a node that runs. It holds no secret but the hashes of keys: a node that starts
//! over a restored directory makes itself another operator's key. Neither way ever writes over
//! anything.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use rusqlite::{Connection, OpenFlags};
use sha2::{Digest as _, Sha256};
use weft_store::Error;

use crate::directory::{DATABASE, create};
use crate::{fault, schema};

const COMPONENTS: &str = "components";

/// What was copied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Copied {
    pub instances: u64,
    pub components: u64,
    pub bytes: u64,
}

/// Why nothing was copied.
#[derive(Debug, thiserror::Error)]
pub enum CopyError {
    /// The text names a file or folder that cannot be used.
    #[error("{0}")]
    Unusable(String),
    #[error(transparent)]
    Store(#[from] Error),
}

/// Copies the data directory `data`, in use or not, to `target`, which must be absent or empty.
/// When it returns, the copy is on the disk.
///
/// # Errors
/// [`CopyError::Unusable`] where there is no data or `target` holds something, [`Error::Full`],
/// [`Error::Broken`] for a damaged file or one of another format.
pub fn backup(data: &Path, target: &Path) -> Result<Copied, CopyError> {
    let conn = open(&data.join(DATABASE))?;
    prepare(target)?;
    let copy = target.join(DATABASE);
    // One snapshot of the whole database, written in order and without its free pages.
    let into = copy
        .to_str()
        .ok_or_else(|| unusable(target, "is no UTF-8"))?;
    conn.execute("VACUUM INTO ?1", [into])
        .map_err(fault::of_sql)?;
    File::open(&copy)
        .and_then(|file| file.sync_all())
        .map_err(|error| failed(&copy, &error))?;
    // Components are written before anything names them and never change, so the ones that the
    // snapshot names are all there by now.
    finish(&conn, data, target)
}

/// Makes the data directory `data`, which must be absent or empty, of a backup.
///
/// # Errors
/// As [`backup`]; [`Error::Broken`] also for a component that is not what its name says.
pub fn restore(backup: &Path, data: &Path) -> Result<Copied, CopyError> {
    let conn = open(&backup.join(DATABASE))?;
    let verdict: String = conn
        .query_row("PRAGMA integrity_check(1)", [], |row| row.get(0))
        .map_err(fault::of_sql)?;
    if verdict != "ok" {
        let reason = format!("the backup is damaged: {verdict}");
        return Err(Error::Broken { reason }.into());
    }
    prepare(data)?;
    copy_file(&backup.join(DATABASE), &data.join(DATABASE))?;
    finish(&conn, backup, data)
}

/// Opens a database that may be in use, and changes nothing in it.
fn open(path: &Path) -> Result<Connection, CopyError> {
    if !path.is_file() {
        return Err(unusable(path, "is not there"));
    }
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let conn = Connection::open_with_flags(path, flags).map_err(fault::of_sql)?;
    schema::check_current(&conn)?;
    Ok(conn)
}

fn prepare(target: &Path) -> Result<(), CopyError> {
    let mut entries = match fs::read_dir(target) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return create(target).map_err(|error| failed(target, &error));
        }
        Err(error) => return Err(failed(target, &error)),
    };
    match entries.next() {
        None => Ok(()),
        Some(_) => Err(unusable(target, "is not empty: name a folder that is new")),
    }
}

/// Copies the components, and brings the names of all files to the disk.
fn finish(conn: &Connection, from: &Path, to: &Path) -> Result<Copied, CopyError> {
    let (from, into) = (from.join(COMPONENTS), to.join(COMPONENTS));
    create(&into).map_err(|error| failed(&into, &error))?;
    let mut components = 0;
    let mut bytes = size(&to.join(DATABASE))?;
    for entry in fs::read_dir(&from).map_err(|error| failed(&from, &error))? {
        let path = entry.map_err(|error| failed(&from, &error))?.path();
        // What is left of uploads that were cut off, or are under way.
        if path.extension().is_some() {
            continue;
        }
        let name = path.file_name().unwrap_or_default();
        let copy = into.join(name);
        copy_file(&path, &copy)?;
        let wasm = fs::read(&copy).map_err(|error| failed(&copy, &error))?;
        if weft_store::Digest(Sha256::digest(&wasm).into()).to_string() != name.to_string_lossy() {
            let reason = format!("{} is damaged", path.display());
            return Err(Error::Broken { reason }.into());
        }
        components += 1;
        bytes += wasm.len() as u64;
    }
    for folder in [&into, to] {
        sync_folder(folder)?;
    }
    let instances = conn
        .query_row("SELECT count(*) FROM instance", [], |row| row.get(0))
        .map_err(fault::of_sql)?;
    Ok(Copied {
        instances,
        components,
        bytes,
    })
}

fn copy_file(from: &Path, to: &Path) -> Result<(), CopyError> {
    let copy = || -> io::Result<()> {
        fs::copy(from, to)?;
        File::open(to)?.sync_all()
    };
    copy().map_err(|error| failed(to, &error))
}

fn sync_folder(folder: &Path) -> Result<(), CopyError> {
    let synced = File::open(folder).and_then(|folder| folder.sync_all());
    synced.map_err(|error| failed(folder, &error))
}

fn size(path: &PathBuf) -> Result<u64, CopyError> {
    let metadata = fs::metadata(path).map_err(|error| failed(path, &error))?;
    Ok(metadata.len())
}

fn unusable(path: &Path, why: &str) -> CopyError {
    CopyError::Unusable(format!("{} {why}", path.display()))
}

fn failed(path: &Path, error: &io::Error) -> CopyError {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Error::Full.into(),
        _ => unusable(path, &format!("cannot be copied: {error}")),
    }
}
