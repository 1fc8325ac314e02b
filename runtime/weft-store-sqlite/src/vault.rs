//! Sealed values.

use async_trait::async_trait;
use rusqlite::{Row, params};
use weft_id::AppId;
use weft_store::{Error, Sealed, SealedKind, Vault};

use crate::SqliteStore;
use crate::column::{of_time, to_time};
use crate::fault::Fault;

#[async_trait]
impl Vault for SqliteStore {
    async fn put_sealed(&self, app: &AppId, kind: SealedKind, new: Sealed) -> Result<bool, Error> {
        new.check()?;
        let app = app.clone();
        self.write(move |tx| {
            let app = tx.app_or_new(&app)?;
            let sql = "SELECT 1 FROM sealed WHERE app = ?1 AND kind = ?2 AND name = ?3";
            let before = tx.number(sql, params![app, of_kind(kind), new.name])?;
            let sql = "INSERT INTO sealed (app, kind, name, value, updated_at) \
                       VALUES (?1, ?2, ?3, ?4, ?5) \
                       ON CONFLICT DO UPDATE SET value = ?4, updated_at = ?5";
            let at = of_time(new.updated_at);
            tx.execute(sql, params![app, of_kind(kind), new.name, new.value, at])?;
            Ok(before.is_none())
        })
        .await
    }

    async fn sealed(&self, app: &AppId, kind: SealedKind) -> Result<Vec<Sealed>, Error> {
        let app = app.clone();
        self.read(move |tx| {
            let sql = "SELECT s.name, s.value, s.updated_at FROM app a \
                       JOIN sealed s ON s.app = a.row \
                       WHERE a.tenant = ?1 AND a.name = ?2 AND s.kind = ?3 ORDER BY s.name";
            let mut statement = tx.prepare_cached(sql)?;
            let (tenant, name) = (app.tenant.as_str(), app.app.as_str());
            let mut rows = statement.query(params![tenant, name, of_kind(kind)])?;
            let mut all = Vec::new();
            while let Some(row) = rows.next()? {
                all.push(to_sealed(row)?);
            }
            Ok(all)
        })
        .await
    }

    async fn delete_sealed(&self, app: &AppId, kind: SealedKind, name: &str) -> Result<(), Error> {
        let (app, name) = (app.clone(), name.to_owned());
        self.write(move |tx| {
            let app = tx.app(&app)?.ok_or(Error::NotFound)?;
            let sql = "DELETE FROM sealed WHERE app = ?1 AND kind = ?2 AND name = ?3";
            match tx.execute(sql, params![app, of_kind(kind), name])? {
                0 => Err(Error::NotFound.into()),
                _ => Ok(()),
            }
        })
        .await
    }
}

fn to_sealed(row: &Row<'_>) -> Result<Sealed, Fault> {
    Ok(Sealed {
        name: row.get("name")?,
        value: row.get("value")?,
        updated_at: to_time(row, "updated_at")?,
    })
}

fn of_kind(kind: SealedKind) -> i64 {
    match kind {
        SealedKind::Secret => 0,
        SealedKind::Connection => 1,
        SealedKind::AccessKey => 2,
    }
}
