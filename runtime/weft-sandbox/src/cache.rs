//! Components that stay loaded: so many, and so many bytes of native code. The least recently used
//! goes first.
//!
//! Calls that run hold what they run themselves; what is dropped here is loaded again by the next
//! call. Whoever loads something asks for [`Loading::turn`] first, so that a crowd of first calls
//! loads it once.

use std::collections::HashMap;
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, MutexGuard, Weak};

use lru::LruCache;
use weft_store::Digest;

/// What is loaded, with the bytes that it stands for.
pub(crate) struct Cache<T> {
    entries: LruCache<Digest, (T, u64)>,
    bytes: u64,
    bytes_max: u64,
}

impl<T: Clone> Cache<T> {
    pub(crate) fn new(max: usize, bytes_max: u64) -> Self {
        let max = NonZeroUsize::new(max).unwrap_or(NonZeroUsize::MIN);
        Self {
            entries: LruCache::new(max),
            bytes: 0,
            bytes_max,
        }
    }

    pub(crate) fn get(&mut self, digest: &Digest) -> Option<T> {
        self.entries.get(digest).map(|(entry, _)| entry.clone())
    }

    /// Keeps an entry and makes room for it; returns what had to go, to be dropped outside of any
    /// lock. The newest entry stays, whatever its size.
    pub(crate) fn put(&mut self, digest: Digest, entry: T, bytes: u64) -> Vec<T> {
        let mut gone = Vec::new();
        self.bytes += bytes;
        if let Some((_, (before, freed))) = self.entries.push(digest, (entry, bytes)) {
            self.bytes -= freed;
            gone.push(before);
        }
        while self.bytes > self.bytes_max && self.entries.len() > 1 {
            if let Some((_, (before, freed))) = self.entries.pop_lru() {
                self.bytes -= freed;
                gone.push(before);
            }
        }
        gone
    }

    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }
}

/// Who loads what now. Entries are as many as components that are being loaded.
#[derive(Default)]
pub(crate) struct Loading(Mutex<HashMap<Digest, Weak<tokio::sync::Mutex<()>>>>);

impl Loading {
    /// To be locked by whoever loads that component.
    pub(crate) fn turn(&self, digest: Digest) -> Arc<tokio::sync::Mutex<()>> {
        let mut all = self.all();
        if let Some(turn) = all.get(&digest).and_then(Weak::upgrade) {
            return turn;
        }
        all.retain(|_, turn| turn.strong_count() > 0);
        let turn = Arc::default();
        all.insert(digest, Arc::downgrade(&turn));
        turn
    }

    fn all(&self) -> MutexGuard<'_, HashMap<Digest, Weak<tokio::sync::Mutex<()>>>> {
        self.0.lock().expect("no panic while it is held")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digest(number: u8) -> Digest {
        Digest([number; 32])
    }

    #[test]
    fn the_least_recently_used_goes_when_the_bytes_are_too_many() {
        let mut cache = Cache::new(10, 100);
        assert!(cache.put(digest(1), 1, 40).is_empty());
        assert!(cache.put(digest(2), 2, 40).is_empty());
        assert_eq!(cache.get(&digest(1)), Some(1));
        assert_eq!(cache.put(digest(3), 3, 40), [2]);
        assert_eq!((cache.len(), cache.bytes()), (2, 80));
        assert_eq!(cache.put(digest(1), 4, 10), [1], "the same again");
        assert_eq!((cache.len(), cache.bytes()), (2, 50));
        assert_eq!(cache.put(digest(5), 5, 1000), [3, 4], "alone, but there");
        assert_eq!((cache.len(), cache.bytes()), (1, 1000));
    }

    #[test]
    fn the_least_recently_used_goes_when_they_are_too_many() {
        let mut cache = Cache::new(2, u64::MAX);
        for number in 0..5 {
            cache.put(digest(number), number, 10);
        }
        assert_eq!((cache.len(), cache.bytes()), (2, 20));
    }

    #[test]
    fn who_loads_the_same_waits_for_the_first() {
        let loading = Loading::default();
        let first = loading.turn(digest(1));
        assert!(Arc::ptr_eq(&first, &loading.turn(digest(1))));
        assert!(!Arc::ptr_eq(&first, &loading.turn(digest(2))));
        drop(first);
        loading.turn(digest(3));
        assert_eq!(loading.all().len(), 1, "who is done is forgotten");
    }
}
