//! The file system under SQLite: passes everything to the one that SQLite uses otherwise, and
//! tells a [`Disk`] of every change and sync.
//!
//! Once installed it is the default of the process, so that a store opened by its path runs on it
//! without knowing. Syncs go no further than the disk of ours: what the real disk holds does not
//! matter. The shared memory of a write-ahead log is passed through; a crash loses it anyway, and
//! SQLite makes it anew from the log.
#![expect(
    unsafe_code,
    reason = "SQLite takes a file system as a table of C functions"
)]

use std::ffi::{CStr, c_char, c_int, c_void};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use rusqlite::ffi::{
    self, SQLITE_ERROR, SQLITE_IOERR, SQLITE_OK, sqlite3_file, sqlite3_filename,
    sqlite3_io_methods, sqlite3_vfs,
};

use super::disk::{Change, Disk};

const NAME: &CStr = c"weft-power";

/// Makes it the default of this process; the disk belongs to all that use it.
pub(super) fn install() -> &'static Disk {
    static DISK: OnceLock<Disk> = OnceLock::new();
    DISK.get_or_init(|| {
        // SAFETY: SQLite initialises itself here, and its file systems live as long as the process.
        let real = unsafe { ffi::sqlite3_vfs_find(std::ptr::null()) };
        assert!(!real.is_null(), "SQLite has a file system of its own");
        // SAFETY: it is not null, and nobody changes it.
        let inner = unsafe { &*real };
        let ours = Box::leak(Box::new(sqlite3_vfs {
            // Without the system calls of version 3.
            iVersion: inner.iVersion.min(2),
            szOsFile: REAL_AT as c_int + inner.szOsFile,
            pNext: std::ptr::null_mut(),
            zName: NAME.as_ptr(),
            pAppData: real.cast(),
            xOpen: Some(open),
            xDelete: Some(delete),
            ..*inner
        }));
        // What is taken over from the real one uses nothing of the table that it gets. The unix
        // functions keep to that but for the path of a file's full name and its access, which are
        // told to the real one.
        ours.xAccess = Some(access);
        ours.xFullPathname = Some(full_pathname);
        // SAFETY: the table lives for ever and its functions are those below.
        let registered = unsafe { ffi::sqlite3_vfs_register(ours, 1) };
        assert_eq!(registered, SQLITE_OK, "a file system can be added");
        Disk::default()
    });
    DISK.get().expect("made above")
}

/// An open file: ours, and behind it the real one.
#[repr(C)]
struct Handle {
    base: sqlite3_file,
    /// Owned. Null for a file that nobody wants to know of, such as a temporary one.
    path: *mut PathBuf,
}

/// Where the real file begins; aligned as an allocation is.
const REAL_AT: usize = size_of::<Handle>().next_multiple_of(16);

static METHODS: sqlite3_io_methods = sqlite3_io_methods {
    // With shared memory, without mapped files: those would change unseen.
    iVersion: 2,
    xClose: Some(close),
    xRead: Some(read),
    xWrite: Some(write),
    xTruncate: Some(truncate),
    xSync: Some(sync),
    xFileSize: Some(file_size),
    xLock: Some(lock),
    xUnlock: Some(unlock),
    xCheckReservedLock: Some(check_reserved_lock),
    xFileControl: Some(file_control),
    xSectorSize: Some(sector_size),
    xDeviceCharacteristics: Some(device_characteristics),
    xShmMap: Some(shm_map),
    xShmLock: Some(shm_lock),
    xShmBarrier: Some(shm_barrier),
    xShmUnmap: Some(shm_unmap),
    xFetch: None,
    xUnfetch: None,
};

/// The real file with its functions.
///
/// # Safety
/// `file` was opened by [`open`] and is not closed.
unsafe fn real<'a>(file: *mut sqlite3_file) -> (*mut sqlite3_file, &'a sqlite3_io_methods) {
    // SAFETY: SQLite has reserved `szOsFile` bytes for each file, so the real one lies there; its
    // functions are static.
    unsafe {
        let real: *mut sqlite3_file = file.cast::<u8>().add(REAL_AT).cast();
        (real, &*(*real).pMethods)
    }
}

/// # Safety
/// As [`real`].
unsafe fn path<'a>(file: *mut sqlite3_file) -> Option<&'a Path> {
    // SAFETY: it begins with a `Handle`, whose path is owned by it and not changed.
    unsafe { (*file.cast::<Handle>()).path.as_ref().map(PathBuf::as_path) }
}

fn disk() -> &'static Disk {
    install()
}

fn to_path(name: &CStr) -> PathBuf {
    PathBuf::from(std::ffi::OsStr::from_bytes(name.to_bytes()))
}

unsafe extern "C" fn open(
    vfs: *mut sqlite3_vfs,
    name: sqlite3_filename,
    file: *mut sqlite3_file,
    flags: c_int,
    out_flags: *mut c_int,
) -> c_int {
    // SAFETY: SQLite gives the table that was registered, memory of `szOsFile` bytes, and a name
    // that lives as long as the file. The real file system gets its own part of that memory.
    unsafe {
        (*file).pMethods = std::ptr::null();
        let inner: *mut sqlite3_vfs = (*vfs).pAppData.cast();
        let real: *mut sqlite3_file = file.cast::<u8>().add(REAL_AT).cast();
        (*real).pMethods = std::ptr::null();
        let Some(open) = (*inner).xOpen else {
            return SQLITE_ERROR;
        };
        let result = open(inner, name, real, flags, out_flags);
        if result != SQLITE_OK {
            if let Some(methods) = (*real).pMethods.as_ref()
                && let Some(close) = methods.xClose
            {
                close(real);
            }
            return result;
        }
        let watched =
            ffi::SQLITE_OPEN_MAIN_DB | ffi::SQLITE_OPEN_WAL | ffi::SQLITE_OPEN_MAIN_JOURNAL;
        let path = if name.is_null() || flags & watched == 0 {
            std::ptr::null_mut()
        } else {
            Box::into_raw(Box::new(to_path(CStr::from_ptr(name))))
        };
        let handle: *mut Handle = file.cast();
        (*handle).path = path;
        (*file).pMethods = &raw const METHODS;
        SQLITE_OK
    }
}

unsafe extern "C" fn delete(vfs: *mut sqlite3_vfs, name: *const c_char, sync_dir: c_int) -> c_int {
    // SAFETY: SQLite gives the table that was registered and a name.
    unsafe {
        let inner: *mut sqlite3_vfs = (*vfs).pAppData.cast();
        let Some(delete) = (*inner).xDelete else {
            return SQLITE_ERROR;
        };
        let result = delete(inner, name, sync_dir);
        if result == SQLITE_OK {
            disk().deleted(&to_path(CStr::from_ptr(name)));
        }
        result
    }
}

unsafe extern "C" fn access(
    vfs: *mut sqlite3_vfs,
    name: *const c_char,
    flags: c_int,
    out: *mut c_int,
) -> c_int {
    // SAFETY: passed on as it came, with the table that it is meant for.
    unsafe {
        let inner: *mut sqlite3_vfs = (*vfs).pAppData.cast();
        match (*inner).xAccess {
            Some(access) => access(inner, name, flags, out),
            None => SQLITE_ERROR,
        }
    }
}

unsafe extern "C" fn full_pathname(
    vfs: *mut sqlite3_vfs,
    name: *const c_char,
    len: c_int,
    out: *mut c_char,
) -> c_int {
    // SAFETY: passed on as it came, with the table that it is meant for.
    unsafe {
        let inner: *mut sqlite3_vfs = (*vfs).pAppData.cast();
        match (*inner).xFullPathname {
            Some(full) => full(inner, name, len, out),
            None => SQLITE_ERROR,
        }
    }
}

unsafe extern "C" fn close(file: *mut sqlite3_file) -> c_int {
    // SAFETY: SQLite closes a file once; its path was made by `Box::into_raw`.
    unsafe {
        let (inner, methods) = real(file);
        let handle: *mut Handle = file.cast();
        if !(*handle).path.is_null() {
            drop(Box::from_raw((*handle).path));
            (*handle).path = std::ptr::null_mut();
        }
        methods.xClose.map_or(SQLITE_IOERR, |close| close(inner))
    }
}

unsafe extern "C" fn write(
    file: *mut sqlite3_file,
    bytes: *const c_void,
    len: c_int,
    at: i64,
) -> c_int {
    // SAFETY: an open file, and `len` bytes to read.
    unsafe {
        let (inner, methods) = real(file);
        let result = methods
            .xWrite
            .map_or(SQLITE_IOERR, |write| write(inner, bytes, len, at));
        if result == SQLITE_OK
            && let Some(path) = path(file)
            && let (Ok(at), Ok(len)) = (usize::try_from(at), usize::try_from(len))
        {
            let bytes = std::slice::from_raw_parts(bytes.cast::<u8>(), len).to_vec();
            disk().changed(path, Change::Write { at, bytes });
        }
        result
    }
}

unsafe extern "C" fn truncate(file: *mut sqlite3_file, len: i64) -> c_int {
    // SAFETY: an open file.
    unsafe {
        let (inner, methods) = real(file);
        let result = methods
            .xTruncate
            .map_or(SQLITE_IOERR, |truncate| truncate(inner, len));
        if result == SQLITE_OK
            && let Some(path) = path(file)
            && let Ok(len) = usize::try_from(len)
        {
            disk().changed(path, Change::Truncate { len });
        }
        result
    }
}

unsafe extern "C" fn sync(file: *mut sqlite3_file, _flags: c_int) -> c_int {
    // SAFETY: an open file.
    if let Some(path) = unsafe { path(file) } {
        disk().synced(path);
    }
    SQLITE_OK
}

/// Functions that are passed on as they are: their name, that of the real one, their arguments.
macro_rules! pass_on {
    ($($name:ident: $real:ident($($argument:ident: $kind:ty),*) else $missing:expr;)*) => { $(
        unsafe extern "C" fn $name(file: *mut sqlite3_file $(, $argument: $kind)*) -> c_int {
            // SAFETY: an open file; everything else comes from SQLite and goes as it came.
            unsafe {
                let (inner, methods) = real(file);
                methods.$real.map_or($missing, |call| call(inner $(, $argument)*))
            }
        }
    )* };
}

pass_on! {
    read: xRead(bytes: *mut c_void, len: c_int, at: i64) else SQLITE_IOERR;
    file_size: xFileSize(len: *mut i64) else SQLITE_IOERR;
    lock: xLock(level: c_int) else SQLITE_IOERR;
    unlock: xUnlock(level: c_int) else SQLITE_IOERR;
    check_reserved_lock: xCheckReservedLock(out: *mut c_int) else SQLITE_IOERR;
    file_control: xFileControl(op: c_int, argument: *mut c_void) else ffi::SQLITE_NOTFOUND;
    sector_size: xSectorSize() else 0;
    device_characteristics: xDeviceCharacteristics() else 0;
    shm_map: xShmMap(page: c_int, size: c_int, extend: c_int, out: *mut *mut c_void) else SQLITE_IOERR;
    shm_lock: xShmLock(offset: c_int, n: c_int, flags: c_int) else SQLITE_IOERR;
    shm_unmap: xShmUnmap(delete: c_int) else SQLITE_IOERR;
}

unsafe extern "C" fn shm_barrier(file: *mut sqlite3_file) {
    // SAFETY: an open file.
    unsafe {
        let (inner, methods) = real(file);
        if let Some(barrier) = methods.xShmBarrier {
            barrier(inner);
        }
    }
}
