//! Looking at entities.

use async_trait::async_trait;
use rusqlite::types::Value;
use rusqlite::{OptionalExtension, Row, Transaction};
use weft_id::{AppId, EntityId};
use weft_orchestration::EntityRecord;
use weft_store::{Entities, EntityFilter, EntityPage, EntityView, Error, PageRequest};

use crate::SqliteStore;
use crate::column::{of_time, of_u64, payload, to_name, to_optional, to_time};
use crate::fault::Fault;

/// Begins a query whose rows [`to_view`] reads.
const SELECT: &str = "\
    SELECT i.id, i.updated_at, e.state, e.scheduler, \
           (SELECT count(*) FROM inbox m WHERE m.instance = i.row) AS arrived \
    FROM app a JOIN instance i ON i.app = a.row JOIN entity e ON e.instance = i.row \
    WHERE a.tenant = ?1 AND a.name = ?2";

#[async_trait]
impl Entities for SqliteStore {
    async fn entity(&self, app: &AppId, id: &EntityId) -> Result<Option<EntityView>, Error> {
        let params = [app.tenant.to_string(), app.app.to_string(), id.to_string()];
        self.read(move |tx| {
            let mut statement = tx.prepare_cached(&format!("{SELECT} AND i.id = ?3"))?;
            let mut rows = statement.query(params)?;
            rows.next()?.map(to_view).transpose()
        })
        .await
    }

    async fn entities(
        &self,
        app: &AppId,
        filter: &EntityFilter,
        page: &PageRequest,
    ) -> Result<EntityPage, Error> {
        let limit = page.limit.max(1);
        let mut params: Vec<Value> =
            vec![app.tenant.to_string().into(), app.app.to_string().into()];
        let mut param = |value: Value| {
            params.push(value);
            format!("?{}", params.len())
        };
        let mut sql = SELECT.to_owned();
        // In the order of bytes all ids of entities stand between these, and so does a prefix.
        let from = EntityPage::after(page)?.map_or_else(|| "@".to_owned(), |id| id.to_string());
        sql.push_str(&format!(
            " AND i.id > {} AND i.id < 'A'",
            param(from.into())
        ));
        if let Some(prefix) = &filter.id_prefix {
            let prefix = param(prefix.clone().into());
            sql.push_str(&format!(
                " AND i.id >= {prefix} AND substr(i.id, 1, length({prefix})) = {prefix}"
            ));
        }
        if let Some(from) = filter.updated_from {
            let from = param(of_time(from).into());
            sql.push_str(&format!(" AND i.updated_at >= {from}"));
        }
        if let Some(to) = filter.updated_to {
            let to = param(of_time(to).into());
            sql.push_str(&format!(" AND i.updated_at < {to}"));
        }
        if !filter.transient {
            sql.push_str(" AND e.state IS NOT NULL");
        }
        let most = param(of_u64(u64::from(limit) + 1).into());
        sql.push_str(&format!(" ORDER BY i.id LIMIT {most}"));
        self.read(move |tx| {
            let mut statement = tx.prepare_cached(&sql)?;
            let mut rows = statement.query(rusqlite::params_from_iter(params))?;
            let mut found = Vec::new();
            while let Some(row) = rows.next()? {
                found.push(to_view(row)?);
            }
            Ok(EntityPage::cut(found, limit))
        })
        .await
    }
}

fn to_view(row: &Row<'_>) -> Result<EntityView, Fault> {
    let scheduler: Option<EntityRecord> = to_optional(row, "scheduler")?;
    let scheduler = scheduler.unwrap_or_default();
    let arrived: u64 = row.get("arrived")?;
    let state: Option<String> = row.get("state")?;
    Ok(EntityView {
        id: to_name(row, "id")?,
        state: state.map(payload).transpose()?,
        locked_by: scheduler.lock.map(|owner| owner.instance),
        queued: arrived + scheduler.queue.len() as u64,
        updated_at: to_time(row, "updated_at")?,
    })
}

/// What the entity in `row` keeps.
pub(crate) fn kept(tx: &Transaction<'_>, row: i64) -> Result<EntityRecord, Fault> {
    let sql = "SELECT state, scheduler FROM entity WHERE instance = ?1";
    let mut statement = tx.prepare_cached(sql)?;
    let found = statement.query_row([row], |row| {
        let state: Option<String> = row.get("state")?;
        Ok((state, to_optional(row, "scheduler")))
    });
    let Some((state, scheduler)) = found.optional()? else {
        return Ok(EntityRecord::default());
    };
    let scheduler: Option<EntityRecord> = scheduler?;
    Ok(EntityRecord {
        state: state.map(payload).transpose()?,
        ..scheduler.unwrap_or_default()
    })
}
