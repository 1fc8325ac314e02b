//! Key-value pairs.

use async_trait::async_trait;
use rusqlite::{OptionalExtension, params};
use weft_id::AppId;
use weft_store::{Error, KeyValue, KvLimits, incremented};

use crate::SqliteStore;
use crate::fault::Fault;
use crate::write::Tx;

#[async_trait]
impl KeyValue for SqliteStore {
    async fn kv_get(&self, app: &AppId, bucket: &str, key: &str) -> Result<Option<Vec<u8>>, Error> {
        let pair = Pair::new(app, bucket, key);
        self.read(move |tx| {
            let sql = "SELECT p.value FROM app a JOIN pair p ON p.app = a.row \
                       WHERE a.tenant = ?1 AND a.name = ?2 AND p.bucket = ?3 AND p.key = ?4";
            let mut statement = tx.prepare_cached(sql)?;
            let (tenant, app) = (pair.app.tenant.as_str(), pair.app.app.as_str());
            let params = params![tenant, app, pair.bucket, pair.key];
            Ok(statement.query_row(params, |row| row.get(0)).optional()?)
        })
        .await
    }

    async fn kv_set(
        &self,
        app: &AppId,
        bucket: &str,
        key: &str,
        value: &[u8],
    ) -> Result<(), Error> {
        KvLimits::check(bucket, key, value)?;
        let pair = Pair::new(app, bucket, key);
        let value = value.to_vec();
        self.write(move |tx| set(tx, &pair, &value)).await
    }

    async fn kv_delete(&self, app: &AppId, bucket: &str, key: &str) -> Result<(), Error> {
        let pair = Pair::new(app, bucket, key);
        self.write(move |tx| {
            if let Some(app) = tx.app(&pair.app)? {
                let sql = "DELETE FROM pair WHERE app = ?1 AND bucket = ?2 AND key = ?3";
                tx.execute(sql, params![app, pair.bucket, pair.key])?;
            }
            Ok(())
        })
        .await
    }

    async fn kv_increment(
        &self,
        app: &AppId,
        bucket: &str,
        key: &str,
        delta: i64,
    ) -> Result<i64, Error> {
        KvLimits::check(bucket, key, &[])?;
        let pair = Pair::new(app, bucket, key);
        self.write(move |tx| {
            let stored = get(tx, &pair)?;
            let sum = incremented(stored.as_deref(), delta)?;
            set(tx, &pair, sum.to_string().as_bytes())?;
            Ok(sum)
        })
        .await
    }

    async fn kv_keys(
        &self,
        app: &AppId,
        bucket: &str,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Vec<String>, Error> {
        let pair = Pair::new(app, bucket, after.unwrap_or_default());
        let first = after.is_none();
        self.read(move |tx| {
            // An empty key is a key, so that beginning differs from going on after it.
            let sql = "SELECT p.key FROM app a JOIN pair p ON p.app = a.row \
                       WHERE a.tenant = ?1 AND a.name = ?2 AND p.bucket = ?3 \
                       AND p.key >= ?4 AND (?5 OR p.key > ?4) ORDER BY p.key LIMIT ?6";
            let mut statement = tx.prepare_cached(sql)?;
            let (tenant, app) = (pair.app.tenant.as_str(), pair.app.app.as_str());
            let params = params![tenant, app, pair.bucket, pair.key, first, limit];
            let keys = statement.query_map(params, |row| row.get(0))?;
            Ok(keys.collect::<Result<_, _>>()?)
        })
        .await
    }
}

#[derive(Debug)]
struct Pair {
    app: AppId,
    bucket: String,
    key: String,
}

impl Pair {
    fn new(app: &AppId, bucket: &str, key: &str) -> Self {
        Self {
            app: app.clone(),
            bucket: bucket.to_owned(),
            key: key.to_owned(),
        }
    }
}

fn get(tx: &mut Tx<'_>, pair: &Pair) -> Result<Option<Vec<u8>>, Fault> {
    let Some(app) = tx.app(&pair.app)? else {
        return Ok(None);
    };
    let sql = "SELECT value FROM pair WHERE app = ?1 AND bucket = ?2 AND key = ?3";
    let mut statement = tx.statement(sql)?;
    let params = params![app, pair.bucket, pair.key];
    Ok(statement.query_row(params, |row| row.get(0)).optional()?)
}

fn set(tx: &mut Tx<'_>, pair: &Pair, value: &[u8]) -> Result<(), Fault> {
    let app = tx.app_or_new(&pair.app)?;
    let sql = "INSERT INTO pair (app, bucket, key, value) VALUES (?1, ?2, ?3, ?4) \
               ON CONFLICT DO UPDATE SET value = ?4";
    tx.execute(sql, params![app, pair.bucket, pair.key, value])?;
    Ok(())
}
