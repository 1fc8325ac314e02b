//! Objects of guests.

use async_trait::async_trait;
use rusqlite::{OptionalExtension, params};
use weft_id::AppId;
use weft_orchestration::Timestamp;
use weft_store::{Blob, BlobId, BlobLimits, BlobUsage, Blobs, Error, NewBlob};

use crate::SqliteStore;
use crate::column::{of_time, of_u64, to_time, to_u64};
use crate::fault::Fault;
use crate::payloads::PART_BYTES;
use crate::write::Tx;

// Parts of objects lie among those of long payloads, which are removed so many at a time.
const _: () = assert!(BlobLimits::PART_BYTES == PART_BYTES);

#[async_trait]
impl Blobs for SqliteStore {
    async fn create_container(
        &self,
        app: &AppId,
        container: &str,
        now: Timestamp,
    ) -> Result<(), Error> {
        BlobLimits::check_name(container)?;
        let (app, container) = (app.clone(), container.to_owned());
        self.write(move |tx| {
            if tx.container(&app, &container)?.is_some() {
                return Ok(());
            }
            if let Some(app) = tx.app(&app)? {
                let sql = "SELECT count(*) FROM container WHERE app = ?1";
                let others = tx.number(sql, [app])?.unwrap_or_default();
                BlobLimits::check_containers(others.unsigned_abs())?;
            }
            let app = tx.app_or_new(&app)?;
            let sql = "INSERT INTO container (app, name, created_at) VALUES (?1, ?2, ?3)";
            tx.execute(sql, params![app, container, of_time(now)])?;
            Ok(())
        })
        .await
    }

    async fn container_created(
        &self,
        app: &AppId,
        container: &str,
    ) -> Result<Option<Timestamp>, Error> {
        let (app, container) = (app.clone(), container.to_owned());
        self.read(move |tx| {
            let sql = "SELECT c.created_at FROM app a JOIN container c ON c.app = a.row \
                       WHERE a.tenant = ?1 AND a.name = ?2 AND c.name = ?3";
            let mut statement = tx.prepare_cached(sql)?;
            let params = params![app.tenant.as_str(), app.app.as_str(), container];
            let mut rows = statement.query(params)?;
            let row = rows.next()?;
            row.map(|row| to_time(row, "created_at")).transpose()
        })
        .await
    }

    async fn delete_container(&self, app: &AppId, container: &str) -> Result<(), Error> {
        let (app, container) = (app.clone(), container.to_owned());
        self.write(move |tx| {
            if let Some(container) = tx.container(&app, &container)? {
                tx.execute("DELETE FROM container WHERE row = ?1", [container])?;
                tx.leave_litter();
            }
            Ok(())
        })
        .await
    }

    async fn begin_blob(&self, app: &AppId) -> Result<BlobId, Error> {
        let app = app.clone();
        self.write(move |tx| {
            if let Some(app) = tx.app(&app)? {
                BlobLimits::check_room(tx.blob_usage(app)?, 0)?;
            }
            let app = tx.app_or_new(&app)?;
            let number = tx.next_number();
            let sql = "INSERT INTO blob_begun (number, app, bytes) VALUES (?1, ?2, 0)";
            tx.execute(sql, [number, app])?;
            Ok(BlobId(number.unsigned_abs()))
        })
        .await
    }

    async fn append_blob(
        &self,
        app: &AppId,
        blob: BlobId,
        part: u32,
        bytes: Vec<u8>,
    ) -> Result<(), Error> {
        let (app, number) = (app.clone(), of_u64(blob.0));
        self.write(move |tx| {
            let app = tx.app(&app)?.ok_or(Error::NotFound)?;
            let sql = "SELECT 1 FROM blob_begun WHERE number = ?1 AND app = ?2";
            tx.number(sql, [number, app])?.ok_or(Error::NotFound)?;
            let size = bytes.len() as u64;
            BlobLimits::check_room(tx.blob_usage(app)?, size)?;
            tx.insert_bytes(number, part, &bytes)?;
            let sql = "UPDATE blob_begun SET bytes = bytes + ?2 WHERE number = ?1";
            tx.execute(sql, params![number, of_u64(size)])?;
            Ok(())
        })
        .await
    }

    async fn put_blob(&self, app: &AppId, new: NewBlob) -> Result<(), Error> {
        BlobLimits::check_name(&new.name)?;
        let app = app.clone();
        self.write(move |tx| put(tx, &app, &new)).await
    }

    fn give_up_blob(&self, _app: &AppId, blob: BlobId) {
        self.give_up(vec![of_u64(blob.0)]);
    }

    async fn blob(&self, app: &AppId, container: &str, name: &str) -> Result<Option<Blob>, Error> {
        let (app, container) = (app.clone(), container.to_owned());
        let name = name.to_owned();
        self.read(move |tx| {
            let sql = "SELECT b.number, b.size, b.created_at FROM app a \
                       JOIN container c ON c.app = a.row JOIN blob b ON b.container = c.row \
                       WHERE a.tenant = ?1 AND a.name = ?2 AND c.name = ?3 AND b.name = ?4";
            let mut statement = tx.prepare_cached(sql)?;
            let params = params![app.tenant.as_str(), app.app.as_str(), container, name];
            let mut rows = statement.query(params)?;
            let Some(row) = rows.next()? else {
                return Ok(None);
            };
            Ok(Some(Blob {
                id: BlobId(to_u64(row, "number")?),
                size: to_u64(row, "size")?,
                created_at: to_time(row, "created_at")?,
            }))
        })
        .await
    }

    async fn blob_part(&self, blob: BlobId, part: u32) -> Result<Vec<u8>, Error> {
        let number = of_u64(blob.0);
        self.read(move |tx| {
            // What is removed loses its parts only later.
            let sql = "SELECT p.body FROM blob b JOIN payload_part p ON p.number = b.number \
                       WHERE b.number = ?1 AND p.part = ?2";
            let mut statement = tx.prepare_cached(sql)?;
            let body = statement.query_row(params![number, part], |row| row.get(0));
            Ok(body.optional()?.ok_or(Error::NotFound)?)
        })
        .await
    }

    async fn delete_blobs(
        &self,
        app: &AppId,
        container: &str,
        names: Option<Vec<String>>,
    ) -> Result<(), Error> {
        let (app, container) = (app.clone(), container.to_owned());
        self.write(move |tx| {
            let Some(container) = tx.container(&app, &container)? else {
                return Ok(());
            };
            match &names {
                None => {
                    tx.execute("DELETE FROM blob WHERE container = ?1", [container])?;
                }
                Some(names) => {
                    let sql = "DELETE FROM blob WHERE container = ?1 AND name = ?2";
                    for name in names {
                        tx.execute(sql, params![container, name])?;
                    }
                }
            }
            tx.leave_litter();
            Ok(())
        })
        .await
    }

    async fn blob_names(
        &self,
        app: &AppId,
        container: &str,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Vec<String>, Error> {
        let (app, container) = (app.clone(), container.to_owned());
        let first = after.is_none();
        let after = after.unwrap_or_default().to_owned();
        self.read(move |tx| {
            // An empty name is a name, so that beginning differs from going on after it.
            let sql = "SELECT b.name FROM app a \
                       JOIN container c ON c.app = a.row JOIN blob b ON b.container = c.row \
                       WHERE a.tenant = ?1 AND a.name = ?2 AND c.name = ?3 \
                       AND b.name >= ?4 AND (?5 OR b.name > ?4) ORDER BY b.name LIMIT ?6";
            let mut statement = tx.prepare_cached(sql)?;
            let (tenant, app) = (app.tenant.as_str(), app.app.as_str());
            let params = params![tenant, app, container, after, first, limit];
            let names = statement.query_map(params, |row| row.get(0))?;
            Ok(names.collect::<Result<_, _>>()?)
        })
        .await
    }
}

fn put(tx: &mut Tx<'_>, app: &AppId, new: &NewBlob) -> Result<(), Fault> {
    let container = tx.container(app, &new.container)?.ok_or(Error::NotFound)?;
    let app = tx.app(app)?.ok_or(Error::NotFound)?;
    let mut kept = tx.blob_usage(app)?;
    let begun = match new.begun {
        None => None,
        Some((id, parts)) => {
            let number = of_u64(id.0);
            let sql = "SELECT bytes FROM blob_begun WHERE number = ?1 AND app = ?2";
            let bytes = tx.number(sql, [number, app])?.ok_or(Error::NotFound)?;
            kept.bytes -= bytes.unsigned_abs();
            Some((number, parts))
        }
    };
    BlobLimits::check_room(kept, new.size())?;
    let (number, parts) = begun.unwrap_or_else(|| (tx.next_number(), 0));
    if !new.rest.is_empty() {
        tx.insert_bytes(number, parts, &new.rest)?;
    }
    let sql = "DELETE FROM blob WHERE container = ?1 AND name = ?2";
    if tx.execute(sql, params![container, new.name])? > 0 {
        tx.leave_litter();
    }
    let sql = "INSERT INTO blob (number, container, name, size, created_at) \
               VALUES (?1, ?2, ?3, ?4, ?5)";
    let (size, now) = (of_u64(new.size()), of_time(new.now));
    tx.execute(sql, params![number, container, new.name, size, now])?;
    tx.execute("DELETE FROM blob_begun WHERE number = ?1", [number])?;
    Ok(())
}

impl Tx<'_> {
    fn container(&mut self, app: &AppId, name: &str) -> rusqlite::Result<Option<i64>> {
        let Some(app) = self.app(app)? else {
            return Ok(None);
        };
        let sql = "SELECT row FROM container WHERE app = ?1 AND name = ?2";
        self.number(sql, params![app, name])
    }

    fn blob_usage(&self, app: i64) -> rusqlite::Result<BlobUsage> {
        let sum = |sql| self.number(sql, [app]).map(Option::unwrap_or_default);
        let objects = sum("SELECT coalesce(sum(objects), 0) FROM container WHERE app = ?1")?;
        let bytes = sum("SELECT coalesce(sum(bytes), 0) FROM container WHERE app = ?1")?;
        let begun = sum("SELECT coalesce(sum(bytes), 0) FROM blob_begun WHERE app = ?1")?;
        Ok(BlobUsage {
            objects: objects.unsigned_abs(),
            bytes: bytes.unsigned_abs() + begun.unsigned_abs(),
        })
    }
}
