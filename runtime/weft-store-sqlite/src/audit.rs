//! The audit log.

use async_trait::async_trait;
use rusqlite::{Row, params};
use weft_id::Tenant;
use weft_orchestration::Timestamp;
use weft_store::{Audit, AuditEntry, AuditFilter, AuditOutcome, AuditSeq, Error, KeyId, NewAudit};

use crate::SqliteStore;
use crate::column::{of_time, to_time};
use crate::fault::{Fault, unreadable};
use crate::keys::{of_role, to_role};

#[async_trait]
impl Audit for SqliteStore {
    async fn begin_audit(&self, new: NewAudit) -> Result<AuditSeq, Error> {
        self.write(move |tx| {
            let sql = "INSERT INTO audit (at, tenant, key, role, action, target) \
                       VALUES (?1, ?2, ?3, ?4, ?5, ?6) RETURNING seq";
            let values = params![
                of_time(new.at),
                new.tenant.as_ref().map(Tenant::as_str),
                new.key.as_ref().map(|key| key.0.as_str()),
                of_role(new.role),
                new.action,
                new.target,
            ];
            let seq = tx.number(sql, values)?;
            Ok(AuditSeq(seq.ok_or(rusqlite::Error::QueryReturnedNoRows)?))
        })
        .await
    }

    async fn end_audit(&self, seq: AuditSeq, outcome: AuditOutcome) -> Result<(), Error> {
        self.write(move |tx| {
            let sql = "UPDATE audit SET status = ?2, detail = ?3 WHERE seq = ?1";
            tx.execute(sql, params![seq.0, outcome.status, outcome.detail])?;
            Ok(())
        })
        .await
    }

    async fn audit(&self, filter: &AuditFilter, limit: u32) -> Result<Vec<AuditEntry>, Error> {
        let filter = filter.clone();
        self.read(move |tx| {
            // One condition on the tenant or none, so that each has its index.
            let of_tenant = match filter.tenant {
                Some(_) => "tenant = ?1",
                None => "?1 IS NULL",
            };
            let sql = format!(
                "SELECT seq, at, tenant, key, role, action, target, status, detail FROM audit \
                 WHERE {of_tenant} AND (?2 IS NULL OR seq < ?2) AND (?3 IS NULL OR at >= ?3) \
                 ORDER BY seq DESC LIMIT ?4"
            );
            let mut statement = tx.prepare_cached(&sql)?;
            let mut rows = statement.query(params![
                filter.tenant.as_ref().map(Tenant::as_str),
                filter.before.map(|seq| seq.0),
                filter.from.map(of_time),
                limit,
            ])?;
            let mut entries = Vec::new();
            while let Some(row) = rows.next()? {
                entries.push(to_entry(row)?);
            }
            Ok(entries)
        })
        .await
    }

    async fn trim_audit(&self, before: Timestamp, limit: u32) -> Result<u64, Error> {
        self.write(move |tx| {
            let sql = "DELETE FROM audit WHERE seq IN \
                       (SELECT seq FROM audit WHERE at < ?1 ORDER BY at LIMIT ?2)";
            Ok(tx.execute(sql, params![of_time(before), limit])? as u64)
        })
        .await
    }
}

fn to_entry(row: &Row<'_>) -> Result<AuditEntry, Fault> {
    let tenant: Option<String> = row.get("tenant")?;
    let tenant = tenant.map(|name| name.parse().map_err(unreadable));
    let status: Option<u16> = row.get("status")?;
    let detail = row.get("detail")?;
    Ok(AuditEntry {
        seq: AuditSeq(row.get("seq")?),
        of: NewAudit {
            at: to_time(row, "at")?,
            tenant: tenant.transpose()?,
            key: row.get::<_, Option<String>>("key")?.map(KeyId),
            role: to_role(&row.get::<_, String>("role")?)?,
            action: row.get("action")?,
            target: row.get("target")?,
        },
        outcome: status.map(|status| AuditOutcome { status, detail }),
    })
}
