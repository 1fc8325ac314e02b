//! What is deployed: revisions in the database, components in files.

use async_trait::async_trait;
use rusqlite::{OptionalExtension, Row, params};
use weft_id::{AppId, Tenant};
use weft_store::{Apps, Digest, Error, NewRevision, Revision, RevisionId};

use crate::column::{of_time, to_name, to_payload, to_time};
use crate::fault::Fault;
use crate::write::Tx;
use crate::{SqliteStore, components};

#[async_trait]
impl Apps for SqliteStore {
    async fn put_component(&self, digest: &Digest, wasm: &[u8]) -> Result<(), Error> {
        let (dir, digest, wasm) = (self.directory.components(), *digest, wasm.to_vec());
        blocking(move || components::put(&dir, &digest, &wasm)).await
    }

    async fn component(&self, digest: &Digest) -> Result<Option<Vec<u8>>, Error> {
        let (dir, digest) = (self.directory.components(), *digest);
        blocking(move || components::get(&dir, &digest)).await
    }

    async fn append_revision(&self, app: &AppId, new: NewRevision) -> Result<RevisionId, Error> {
        let app = app.clone();
        self.write(move |tx| append(tx, &app, &new)).await
    }

    async fn activate_revision(&self, app: &AppId, id: RevisionId) -> Result<(), Error> {
        let app = app.clone();
        self.write(move |tx| {
            let row = tx.app(&app)?.ok_or(Error::NotFound)?;
            let sql = "SELECT number FROM revision WHERE app = ?1 AND number = ?2";
            tx.number(sql, params![row, id.0])?.ok_or(Error::NotFound)?;
            Ok(activate(tx, row, id)?)
        })
        .await
    }

    async fn active_revision(&self, app: &AppId) -> Result<Option<Revision>, Error> {
        Ok(self.select(app, "r.active", None).await?.pop())
    }

    async fn revision(&self, app: &AppId, id: RevisionId) -> Result<Option<Revision>, Error> {
        Ok(self.select(app, "r.number = ?3", Some(id)).await?.pop())
    }

    async fn revisions(&self, app: &AppId) -> Result<Vec<Revision>, Error> {
        self.select(app, "true", None).await
    }

    async fn all_apps(&self) -> Result<Vec<AppId>, Error> {
        self.read(|tx| {
            let sql = "SELECT tenant, name FROM app a \
                       WHERE EXISTS (SELECT 1 FROM revision WHERE app = a.row) \
                       ORDER BY tenant, name";
            let mut statement = tx.prepare_cached(sql)?;
            let mut rows = statement.query([])?;
            let mut apps = Vec::new();
            while let Some(row) = rows.next()? {
                apps.push(AppId::new(to_name(row, "tenant")?, to_name(row, "name")?));
            }
            Ok(apps)
        })
        .await
    }

    async fn apps(&self, tenant: &Tenant) -> Result<Vec<AppId>, Error> {
        let tenant = tenant.clone();
        self.read(move |tx| {
            let sql = "SELECT name FROM app a WHERE tenant = ?1 \
                       AND EXISTS (SELECT 1 FROM revision WHERE app = a.row) ORDER BY name";
            let mut statement = tx.prepare_cached(sql)?;
            let mut rows = statement.query([tenant.as_str()])?;
            let mut apps = Vec::new();
            while let Some(row) = rows.next()? {
                apps.push(AppId::new(tenant.clone(), to_name(row, "name")?));
            }
            Ok(apps)
        })
        .await
    }

    async fn delete_app(&self, app: &AppId) -> Result<(), Error> {
        let app = app.clone();
        self.write(move |tx| {
            let row = tx.app(&app)?.ok_or(Error::NotFound)?;
            let sql = "SELECT 1 FROM revision WHERE app = ?1 LIMIT 1";
            tx.number(sql, [row])?.ok_or(Error::NotFound)?;
            tx.execute("DELETE FROM app WHERE row = ?1", [row])?;
            tx.forget_app(&app);
            // What its instances named may be named by nobody now.
            tx.leave_litter();
            Ok(())
        })
        .await
    }
}

impl SqliteStore {
    /// The revisions of an app that fulfil a condition, newest first.
    async fn select(
        &self,
        app: &AppId,
        condition: &'static str,
        id: Option<RevisionId>,
    ) -> Result<Vec<Revision>, Error> {
        let app = app.clone();
        self.read(move |tx| {
            let sql = format!(
                "SELECT r.number, r.deployment, r.created_at, r.active \
                 FROM app a JOIN revision r ON r.app = a.row \
                 WHERE a.tenant = ?1 AND a.name = ?2 AND (?3 IS NULL OR true) AND {condition} \
                 ORDER BY r.number DESC"
            );
            let mut statement = tx.prepare_cached(&sql)?;
            let id = id.map(|id| id.0);
            let mut rows = statement.query(params![app.tenant.as_str(), app.app.as_str(), id])?;
            let mut revisions = Vec::new();
            while let Some(row) = rows.next()? {
                revisions.push(to_revision(row)?);
            }
            Ok(revisions)
        })
        .await
    }
}

fn to_revision(row: &Row<'_>) -> Result<Revision, Fault> {
    Ok(Revision {
        id: RevisionId(row.get("number")?),
        deployment: to_payload(row, "deployment")?,
        created_at: to_time(row, "created_at")?,
        active: row.get("active")?,
    })
}

fn append(tx: &mut Tx<'_>, app: &AppId, new: &NewRevision) -> Result<RevisionId, Fault> {
    let (active, latest) = match tx.app(app)? {
        None => (None, 0),
        Some(row) => {
            let sql = "SELECT max(CASE WHEN active THEN number END), coalesce(max(number), 0) \
                       FROM revision WHERE app = ?1";
            let mut statement = tx.statement(sql)?;
            let found = statement.query_row([row], |row| Ok((row.get(0)?, row.get(1)?)));
            found.optional()?.unwrap_or((None, 0))
        }
    };
    if active.map(RevisionId) != new.expected {
        return Err(Error::Conflict.into());
    }
    let row = tx.app_or_new(app)?;
    let id = RevisionId(latest + 1);
    let sql = "INSERT INTO revision (app, number, deployment, created_at, active) \
               VALUES (?1, ?2, ?3, ?4, false)";
    let deployment = new.deployment.text().unwrap_or_default();
    tx.execute(sql, params![row, id.0, deployment, of_time(new.now)])?;
    activate(tx, row, id)?;
    Ok(id)
}

fn activate(tx: &Tx<'_>, app: i64, id: RevisionId) -> rusqlite::Result<()> {
    let sql = "UPDATE revision SET active = (number = ?2) \
               WHERE app = ?1 AND active <> (number = ?2)";
    tx.execute(sql, params![app, id.0])?;
    Ok(())
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    let result = tokio::task::spawn_blocking(work).await;
    result.map_err(|_| Error::Unavailable {
        reason: "the file operation did not end".to_owned(),
    })?
}
