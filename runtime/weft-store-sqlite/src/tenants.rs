//! Tenants and their terms.

use async_trait::async_trait;
use rusqlite::params;
use weft_id::{AppId, Tenant};
use weft_orchestration::{Payload, Timestamp};
use weft_store::{Error, SetTerms, Stored, Tenants, Terms};

use crate::SqliteStore;
use crate::column::{of_time, to_name, to_u64};
use crate::fault::Fault;
use crate::write::Tx;

/// Only lengths are asked for, which stand in front of long values: none of these is read.
const STORED: &str = "\
    WITH own AS (SELECT row FROM app WHERE tenant = ?1), \
         instances AS (SELECT i.row, i.history_bytes FROM own JOIN instance i ON i.app = own.row), \
         long AS (SELECT i.row, u.sha256 FROM instances i \
                  JOIN payload_use u ON u.instance = i.row \
                  UNION SELECT i.row, x.kept FROM instances i \
                  JOIN inbox x ON x.instance = i.row WHERE x.kept NOT NULL) \
    SELECT (SELECT count(*) FROM instances) AS instances, \
           (SELECT coalesce(sum(i.history_bytes + octet_length(d.input) \
                    + coalesce(octet_length(d.outcome), 0) \
                    + coalesce(octet_length(d.custom_status), 0) \
                    + coalesce(octet_length(e.state), 0)), 0) \
            FROM instances i JOIN detail d ON d.instance = i.row \
            LEFT JOIN entity e ON e.instance = i.row) \
           + (SELECT coalesce(sum(octet_length(x.message)), 0) \
              FROM instances i JOIN inbox x ON x.instance = i.row) \
           + (SELECT coalesce(sum(octet_length(t.body)), 0) \
              FROM long JOIN payload p ON p.sha256 = long.sha256 \
              JOIN payload_part t ON t.number = p.number) AS history_bytes, \
           (SELECT coalesce(sum(octet_length(p.key) + octet_length(p.value)), 0) \
            FROM own JOIN pair p ON p.app = own.row) \
           + (SELECT coalesce(sum(octet_length(s.value)), 0) \
              FROM own JOIN sealed s ON s.app = own.row) \
           + (SELECT coalesce(sum(c.bytes), 0) FROM own JOIN container c ON c.app = own.row) \
           + (SELECT coalesce(sum(b.bytes), 0) \
              FROM own JOIN blob_begun b ON b.app = own.row) AS data_bytes";

#[async_trait]
impl Tenants for SqliteStore {
    async fn put_tenant(&self, tenant: &Tenant, now: Timestamp) -> Result<(), Error> {
        let tenant = tenant.clone();
        self.write(move |tx| Ok(put(tx, &tenant, now)?)).await
    }

    async fn has_tenant(&self, tenant: &Tenant) -> Result<bool, Error> {
        if *tenant == Tenant::default() {
            return Ok(true);
        }
        let tenant = tenant.clone();
        self.read(move |tx| {
            let mut statement = tx.prepare_cached("SELECT 1 FROM tenant WHERE name = ?1")?;
            Ok(statement.exists([tenant.as_str()])?)
        })
        .await
    }

    async fn tenants(&self) -> Result<Vec<Tenant>, Error> {
        self.read(move |tx| {
            let sql = "SELECT name FROM tenant UNION SELECT ?1 ORDER BY name";
            let mut statement = tx.prepare_cached(sql)?;
            let mut rows = statement.query([Tenant::default().as_str()])?;
            let mut tenants = Vec::new();
            while let Some(row) = rows.next()? {
                tenants.push(to_name(row, "name")?);
            }
            Ok(tenants)
        })
        .await
    }

    async fn terms(&self) -> Result<Vec<(Tenant, Terms)>, Error> {
        self.read(move |tx| {
            let sql = "SELECT name, quota, grants FROM tenant \
                       WHERE quota IS NOT NULL OR grants IS NOT NULL ORDER BY name";
            let mut statement = tx.prepare_cached(sql)?;
            let mut rows = statement.query([])?;
            let mut all = Vec::new();
            while let Some(row) = rows.next()? {
                let payload = |text: Option<String>| text.map(Payload::from);
                let terms = Terms {
                    quota: payload(row.get("quota")?),
                    grants: payload(row.get("grants")?),
                };
                all.push((to_name(row, "name")?, terms));
            }
            Ok(all)
        })
        .await
    }

    async fn set_terms(&self, tenant: &Tenant, terms: SetTerms) -> Result<(), Error> {
        let tenant = tenant.clone();
        let (sql, payload) = match terms {
            SetTerms::Quota(quota) => ("UPDATE tenant SET quota = ?2 WHERE name = ?1", quota),
            SetTerms::Grants(grants) => ("UPDATE tenant SET grants = ?2 WHERE name = ?1", grants),
        };
        self.write(move |tx| {
            if tenant == Tenant::default() {
                put(tx, &tenant, Timestamp::default())?;
            }
            let text = payload.as_ref().and_then(Payload::text);
            match tx.execute(sql, params![tenant.as_str(), text])? {
                0 => Err(Error::NotFound.into()),
                _ => Ok(()),
            }
        })
        .await
    }

    async fn delete_tenant(&self, tenant: &Tenant) -> Result<(), Error> {
        let tenant = tenant.clone();
        self.write(move |tx| delete(tx, &tenant)).await
    }

    async fn stored(&self, tenant: &Tenant) -> Result<Stored, Error> {
        let tenant = tenant.clone();
        self.read(move |tx| {
            let mut statement = tx.prepare_cached(STORED)?;
            let mut rows = statement.query([tenant.as_str()])?;
            let row = rows.next()?.ok_or(rusqlite::Error::QueryReturnedNoRows)?;
            Ok(Stored {
                instances: to_u64(row, "instances")?,
                history_bytes: to_u64(row, "history_bytes")?,
                data_bytes: to_u64(row, "data_bytes")?,
            })
        })
        .await
    }
}

fn put(tx: &Tx<'_>, tenant: &Tenant, now: Timestamp) -> rusqlite::Result<()> {
    let sql = "INSERT OR IGNORE INTO tenant (name, created_at) VALUES (?1, ?2)";
    tx.execute(sql, params![tenant.as_str(), of_time(now)])?;
    Ok(())
}

fn delete(tx: &mut Tx<'_>, tenant: &Tenant) -> Result<(), Fault> {
    let name = tenant.as_str();
    let known = tx.execute("DELETE FROM tenant WHERE name = ?1", [name])? > 0;
    if !known && *tenant != Tenant::default() {
        return Err(Error::NotFound.into());
    }
    tx.execute("DELETE FROM key WHERE tenant = ?1", [name])?;
    tx.keys_changed();
    let mut statement = tx.statement("SELECT name FROM app WHERE tenant = ?1")?;
    let mut rows = statement.query([name])?;
    while let Some(row) = rows.next()? {
        tx.forget_app(&AppId::new(tenant.clone(), to_name(row, "name")?));
    }
    tx.execute("DELETE FROM app WHERE tenant = ?1", [name])?;
    // What its instances named may be named by nobody now.
    tx.leave_litter();
    Ok(())
}
