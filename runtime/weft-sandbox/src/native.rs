//! Native code on disk or in anonymous memory, signed.
//!
//! The only module with unsafe code: native code is executed as it stands, so it is loaded only
//! after its signature over the code, the component's digest and the engine's compatibility was
//! verified on the very file that is then mapped. Files are never changed once they have their
//! name; the folder belongs to this process alone.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Write};
use std::os::fd::AsRawFd;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use wasmtime::Engine;
use wasmtime::component::Component;
use weft_store::Digest;

use crate::SetupError;
use crate::compile::rewind;

const TAG_LEN: usize = 32;
const CHUNK: usize = 64 << 10;

type Tag = [u8; TAG_LEN];

/// Numbers drafts of this process, whichever sandbox makes them: two may share a folder.
static DRAFTS: AtomicU64 = AtomicU64::new(0);

#[derive(Debug)]
pub(crate) struct NativeStore {
    place: Place,
    key: [u8; 32],
    compatibility: u64,
}

#[derive(Debug)]
enum Place {
    Dir(PathBuf),
    Memory(Mutex<HashMap<Digest, (Arc<File>, Tag)>>),
}

/// A file that the compiler writes into; gone with this value unless it is kept.
pub(crate) struct Draft {
    pub(crate) file: File,
    path: Option<PathBuf>,
}

impl Drop for Draft {
    fn drop(&mut self) {
        if let Some(path) = &self.path {
            // After it was kept the name is gone, and that is all.
            drop(std::fs::remove_file(path));
        }
    }
}

impl NativeStore {
    pub(crate) fn new(
        dir: Option<&Path>,
        key: [u8; 32],
        compatibility: u64,
    ) -> Result<Self, SetupError> {
        let place = match dir {
            None => Place::Memory(Mutex::new(HashMap::new())),
            Some(dir) => {
                let mut builder = std::fs::DirBuilder::new();
                let made = builder.recursive(true).mode(0o700).create(dir);
                made.map_err(|source| SetupError::NativeDir {
                    path: dir.display().to_string(),
                    source,
                })?;
                Place::Dir(dir.to_owned())
            }
        };
        let store = Self {
            place,
            key,
            compatibility,
        };
        store.tidy();
        Ok(store)
    }

    /// Removes what other versions have compiled, and drafts of processes that died: only one
    /// process has the folder at a time. What cannot be removed is in nobody's way.
    fn tidy(&self) {
        let Place::Dir(dir) = &self.place else {
            return;
        };
        let current = format!("-{:016x}", self.compatibility);
        let own_draft = format!("draft-{}-", std::process::id());
        let Ok(entries) = std::fs::read_dir(dir) else {
            return;
        };
        for path in entries.flatten().map(|entry| entry.path()) {
            let stem = path.file_stem().unwrap_or_default().to_string_lossy();
            let kept = stem.ends_with(&current) || stem.starts_with(&own_draft);
            let ours = stem.starts_with("draft-")
                || path
                    .extension()
                    .is_some_and(|e| e == "native" || e == "sig");
            if ours && !kept {
                drop(std::fs::remove_file(&path));
            }
        }
    }

    pub(crate) fn draft(&self) -> io::Result<Draft> {
        match &self.place {
            Place::Memory(_) => {
                let flags = rustix::fs::MemfdFlags::CLOEXEC;
                let file = rustix::fs::memfd_create("weft-native", flags)?.into();
                Ok(Draft { file, path: None })
            }
            Place::Dir(dir) => {
                let number = DRAFTS.fetch_add(1, Ordering::Relaxed);
                let path = dir.join(format!("draft-{}-{number}", std::process::id()));
                let file = private(&path)?;
                Ok(Draft {
                    file,
                    path: Some(path),
                })
            }
        }
    }

    /// Signs what the compiler has written and keeps it under `digest`; returns its length.
    pub(crate) fn keep(&self, digest: Digest, draft: &Draft) -> io::Result<u64> {
        let len = rewind(&draft.file)?;
        let tag: Tag = self
            .mac(digest, &draft.file)?
            .finalize()
            .into_bytes()
            .into();
        match &self.place {
            Place::Memory(files) => {
                let file = Arc::new(draft.file.try_clone()?);
                let mut files = files.lock().expect("no panic while it is held");
                files.insert(digest, (file, tag));
            }
            Place::Dir(dir) => {
                let from = draft.path.as_ref().expect("a draft in a folder has a path");
                let signature = from.with_extension("sig");
                private(&signature)?.write_all(&tag)?;
                // A crash between the two leaves a pair that does not match: it is compiled again.
                std::fs::rename(from, self.path(dir, digest, "native"))?;
                std::fs::rename(&signature, self.path(dir, digest, "sig"))?;
            }
        }
        Ok(len)
    }

    /// Loads the native code of `digest`, with its length. `None` when there is none, or when it is
    /// not exactly what was kept.
    ///
    /// # Errors
    /// Why the engine does not take what was kept.
    pub(crate) fn load(
        &self,
        engine: &Engine,
        digest: Digest,
    ) -> Result<Option<(Component, u64)>, String> {
        let Some((file, len)) = self.verified(digest) else {
            return Ok(None);
        };
        // The descriptor that was verified, not the name, which could lead elsewhere by now.
        let path = format!("/proc/self/fd/{}", file.as_raw_fd());
        match deserialize(engine, &path) {
            Ok(component) => Ok(Some((component, len))),
            Err(error) => Err(format!("{error:#}")),
        }
    }

    /// The file of `digest` with its length, where it is exactly what was kept.
    fn verified(&self, digest: Digest) -> Option<(Arc<File>, u64)> {
        let (file, tag) = self.open(digest)?;
        let mac = self.mac(digest, &file).ok()?;
        let len = file.metadata().ok()?.len();
        if mac.verify_slice(&tag).is_err() {
            tracing::warn!(%digest, "native code was changed; it is compiled again");
            return None;
        }
        Some((file, len))
    }

    /// The native code itself, for a process of ours. `None` as in [`Self::load`].
    pub(crate) fn read(&self, digest: Digest) -> Option<Vec<u8>> {
        let (file, tag) = self.open(digest)?;
        let len = usize::try_from(file.metadata().ok()?.len()).ok()?;
        let mut native = vec![0; len];
        std::os::unix::fs::FileExt::read_exact_at(&*file, &mut native, 0).ok()?;
        let mut mac = self.begin_mac(digest);
        mac.update(&native);
        mac.verify_slice(&tag).ok()?;
        Some(native)
    }

    fn open(&self, digest: Digest) -> Option<(Arc<File>, Tag)> {
        match &self.place {
            Place::Memory(files) => {
                let files = files.lock().expect("no panic while it is held");
                files.get(&digest).cloned()
            }
            Place::Dir(dir) => {
                let tag = std::fs::read(self.path(dir, digest, "sig")).ok()?;
                let file = File::open(self.path(dir, digest, "native")).ok()?;
                Some((Arc::new(file), tag.try_into().ok()?))
            }
        }
    }

    fn path(&self, dir: &Path, digest: Digest, extension: &str) -> PathBuf {
        dir.join(format!("{digest}-{:016x}.{extension}", self.compatibility))
    }

    fn begin_mac(&self, digest: Digest) -> Hmac<Sha256> {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.key).expect("any length is a key");
        mac.update(b"weft native code 1");
        mac.update(&digest.0);
        mac.update(&self.compatibility.to_be_bytes());
        mac
    }

    fn mac(&self, digest: Digest, file: &File) -> io::Result<Hmac<Sha256>> {
        let mut mac = self.begin_mac(digest);
        // `&File` shares the position of its descriptor, which others may hold as well.
        let mut position = 0;
        let mut chunk = vec![0; CHUNK];
        loop {
            let read = std::os::unix::fs::FileExt::read_at(file, &mut chunk, position)?;
            if read == 0 {
                return Ok(mac);
            }
            mac.update(&chunk[..read]);
            position += read as u64;
        }
    }
}

fn private(path: &Path) -> io::Result<File> {
    let mut options = File::options();
    options.read(true).write(true).create(true).truncate(true);
    options.mode(0o600).open(path)
}

#[expect(
    unsafe_code,
    reason = "the one place where our own native code is loaded"
)]
fn deserialize(engine: &Engine, path: &str) -> wasmtime::Result<Component> {
    // SAFETY: the caller has verified that the file holds what our own compiler wrote for an
    // engine of this compatibility, signed with a key that only this process has. Nothing changes
    // a file after it was kept: it is replaced by renaming.
    unsafe { Component::deserialize_file(engine, path) }
}

/// Loads native code in a process that runs guests and nothing else.
#[expect(
    unsafe_code,
    reason = "the one place where our own native code is loaded"
)]
pub(crate) fn adopt(engine: &Engine, native: &[u8]) -> wasmtime::Result<Component> {
    // SAFETY: it came through a socket of which only the node has the other end, and the node has
    // verified it as above.
    unsafe { Component::deserialize(engine, native) }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::FileExt;

    use super::*;

    const DIGEST: Digest = Digest([5; 32]);

    /// A store with the native code of an empty component.
    fn kept(dir: Option<&Path>) -> (NativeStore, Engine, u64) {
        let engine = crate::engine::compiling().unwrap();
        let compatibility = crate::engine::compatibility(&engine);
        let store = NativeStore::new(dir, [1; 32], compatibility).unwrap();
        let native = engine.precompile_component(b"\0asm\x0d\0\x01\0");
        let draft = store.draft().unwrap();
        (&draft.file).write_all(&native.unwrap()).unwrap();
        let len = store.keep(DIGEST, &draft).unwrap();
        (store, engine, len)
    }

    #[test]
    fn is_loaded_as_it_was_kept_and_for_its_digest_only() {
        let dir = tempfile::tempdir().unwrap();
        for dir in [None, Some(dir.path())] {
            let (store, engine, _) = kept(dir);
            assert!(store.load(&engine, DIGEST).unwrap().is_some());
            assert!(store.load(&engine, Digest([6; 32])).unwrap().is_none());
        }
        let names = std::fs::read_dir(dir.path()).unwrap();
        let names = names.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        assert!(names.into_iter().all(|name| !name.starts_with("draft")));
    }

    #[test]
    fn what_others_left_behind_is_removed() {
        let dir = tempfile::tempdir().unwrap();
        kept(Some(dir.path()));
        for name in ["draft-0-7", "00-0000000000000000.native", "notes.txt"] {
            std::fs::write(dir.path().join(name), "x").unwrap();
        }
        let (store, engine, _) = kept(Some(dir.path()));
        assert!(store.load(&engine, DIGEST).unwrap().is_some());
        let names = std::fs::read_dir(dir.path()).unwrap();
        let mut names: Vec<_> = names.map(|e| e.unwrap().file_name()).collect();
        names.sort();
        assert_eq!(names.len(), 3, "{names:?}");
        assert_eq!(names[2], "notes.txt");
    }

    #[test]
    fn every_flipped_bit_is_found() {
        const FLIPS: u64 = 10_000;
        let dir = tempfile::tempdir().unwrap();
        let (store, engine, len) = kept(Some(dir.path()));
        let path = store.path(dir.path(), DIGEST, "native");
        let file = File::options().read(true).write(true).open(path).unwrap();
        let mut random = 88_172_645_463_325_252_u64;
        for _ in 0..FLIPS {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            let (at, bit) = ((random >> 3) % len, random % 8);
            let mut byte = [0];
            file.read_exact_at(&mut byte, at).unwrap();
            file.write_all_at(&[byte[0] ^ (1 << bit)], at).unwrap();
            assert!(
                store.load(&engine, DIGEST).unwrap().is_none(),
                "byte {at}, bit {bit}"
            );
            file.write_all_at(&byte, at).unwrap();
        }
        assert!(store.load(&engine, DIGEST).unwrap().is_some());
    }
}
