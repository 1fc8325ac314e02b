//! Rows that every request needs and that seldom change, kept in memory.
//!
//! This process alone writes the file, so what is kept is exact: the writer drops everything kept
//! when it has committed a change, before it answers whoever asked for the change. A value that
//! was read before such a moment is not kept after it.

use std::hash::Hash;
use std::num::NonZeroUsize;
use std::sync::{Mutex, MutexGuard, PoisonError};

use lru::LruCache;

#[derive(Debug)]
pub(crate) struct Cache<K: Hash + Eq, V>(Mutex<Kept<K, V>>);

#[derive(Debug)]
struct Kept<K: Hash + Eq, V> {
    values: LruCache<K, V>,
    /// How often everything was dropped.
    era: u64,
}

/// When a read began, as the cache counts time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Era(u64);

impl<K: Hash + Eq, V: Clone> Cache<K, V> {
    pub(crate) fn new(most: NonZeroUsize) -> Self {
        Self(Mutex::new(Kept {
            values: LruCache::new(most),
            era: 0,
        }))
    }

    /// # Errors
    /// What to give back to [`Self::keep`] with the value that the file has.
    pub(crate) fn get(&self, key: &K) -> Result<V, Era> {
        let mut kept = self.kept();
        let era = Era(kept.era);
        kept.values.get(key).cloned().ok_or(era)
    }

    pub(crate) fn keep(&self, read_in: Era, key: K, value: V) {
        let mut kept = self.kept();
        if Era(kept.era) == read_in {
            kept.values.put(key, value);
        }
    }

    pub(crate) fn drop_all(&self) {
        let mut kept = self.kept();
        kept.era += 1;
        kept.values.clear();
    }

    fn kept(&self) -> MutexGuard<'_, Kept<K, V>> {
        // The cache is whole between any two calls on it.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_read_before_a_change_is_not_kept_after_it() {
        let cache = Cache::new(NonZeroUsize::MIN);
        let before = cache.get(&1).unwrap_err();
        cache.drop_all();
        cache.keep(before, 1, "old");
        let now = cache.get(&1).unwrap_err();
        cache.keep(now, 1, "new");
        assert_eq!(cache.get(&1), Ok("new"));
        cache.drop_all();
        assert!(cache.get(&1).is_err());
    }
}
