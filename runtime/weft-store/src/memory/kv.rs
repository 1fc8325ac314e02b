//! Key-value pairs in memory.

use std::ops::Bound;

use async_trait::async_trait;
use weft_id::AppId;

use super::MemoryStore;
use crate::{Error, KeyValue, KvLimits, incremented};

#[async_trait]
impl KeyValue for MemoryStore {
    async fn kv_get(&self, app: &AppId, bucket: &str, key: &str) -> Result<Option<Vec<u8>>, Error> {
        let state = self.state();
        let pairs = state.pairs.get(&(app.clone(), bucket.to_owned()));
        Ok(pairs.and_then(|pairs| pairs.get(key)).cloned())
    }

    async fn kv_set(
        &self,
        app: &AppId,
        bucket: &str,
        key: &str,
        value: &[u8],
    ) -> Result<(), Error> {
        KvLimits::check(bucket, key, value)?;
        let mut state = self.state();
        let pairs = state.pairs.entry((app.clone(), bucket.to_owned()));
        pairs.or_default().insert(key.to_owned(), value.to_vec());
        Ok(())
    }

    async fn kv_delete(&self, app: &AppId, bucket: &str, key: &str) -> Result<(), Error> {
        let mut state = self.state();
        if let Some(pairs) = state.pairs.get_mut(&(app.clone(), bucket.to_owned())) {
            pairs.remove(key);
        }
        Ok(())
    }

    async fn kv_increment(
        &self,
        app: &AppId,
        bucket: &str,
        key: &str,
        delta: i64,
    ) -> Result<i64, Error> {
        KvLimits::check(bucket, key, &[])?;
        let mut state = self.state();
        let pairs = state.pairs.entry((app.clone(), bucket.to_owned()));
        let pairs = pairs.or_default();
        let sum = incremented(pairs.get(key).map(Vec::as_slice), delta)?;
        pairs.insert(key.to_owned(), sum.to_string().into_bytes());
        Ok(sum)
    }

    async fn kv_keys(
        &self,
        app: &AppId,
        bucket: &str,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Vec<String>, Error> {
        let state = self.state();
        let pairs = state.pairs.get(&(app.clone(), bucket.to_owned()));
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        let keys = pairs
            .into_iter()
            .flat_map(|pairs| pairs.range::<str, _>((from, Bound::Unbounded)))
            .take(usize::try_from(limit).unwrap_or(usize::MAX))
            .map(|(key, _)| key.clone());
        Ok(keys.collect())
    }
}
