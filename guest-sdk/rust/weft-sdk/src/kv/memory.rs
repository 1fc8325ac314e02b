//! Buckets in the memory of one thread, for native tests.

use std::cell::RefCell;
use std::collections::BTreeMap;

use super::Error;

type Buckets = BTreeMap<String, BTreeMap<String, Vec<u8>>>;

thread_local! {
    static BUCKETS: RefCell<Buckets> = RefCell::default();
}

pub(super) struct Bucket(String);

impl Bucket {
    #[expect(clippy::unnecessary_wraps, reason = "the platform can refuse")]
    pub(super) fn open(name: &str) -> Result<Self, Error> {
        Ok(Self(name.to_owned()))
    }

    fn with<T>(&self, act: impl FnOnce(&mut BTreeMap<String, Vec<u8>>) -> T) -> Result<T, Error> {
        Ok(BUCKETS.with_borrow_mut(|buckets| act(buckets.entry(self.0.clone()).or_default())))
    }

    pub(super) fn get(&self, key: &str) -> Result<Option<Vec<u8>>, Error> {
        self.with(|keys| keys.get(key).cloned())
    }

    pub(super) fn set(&self, key: &str, value: &[u8]) -> Result<(), Error> {
        self.with(|keys| keys.insert(key.to_owned(), value.to_vec()))?;
        Ok(())
    }

    pub(super) fn delete(&self, key: &str) -> Result<(), Error> {
        self.with(|keys| keys.remove(key))?;
        Ok(())
    }

    pub(super) fn exists(&self, key: &str) -> Result<bool, Error> {
        self.with(|keys| keys.contains_key(key))
    }

    pub(super) fn list_keys(
        &self,
        _cursor: Option<u64>,
    ) -> Result<(Vec<String>, Option<u64>), Error> {
        self.with(|keys| (keys.keys().cloned().collect(), None))
    }

    pub(super) fn increment(&self, key: &str, delta: u64) -> Result<u64, Error> {
        self.with(|keys| {
            let old = match keys.get(key) {
                Some(bytes) => std::str::from_utf8(bytes).ok().and_then(|n| n.parse().ok()),
                None => Some(0),
            };
            let sum = old
                .and_then(|old: u64| old.checked_add(delta))
                .ok_or_else(|| Error::Other(format!("the value of {key} is no number")))?;
            keys.insert(key.to_owned(), sum.to_string().into_bytes());
            Ok(sum)
        })?
    }
}
