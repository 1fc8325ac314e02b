//! Managing instances.

use async_trait::async_trait;
use rusqlite::types::Value;
use rusqlite::{OptionalExtension, Transaction, params};
use weft_id::{AppId, ExecutionId, InstanceKey};
use weft_orchestration::{Event, Message, Timestamp};
use weft_store::{
    Cursor, Ending, Error, Family, Filter, Instance, Instances, NewInstance, Page, PageRequest,
    Purged, Recorded, RevisionId,
};

use crate::SqliteStore;
use crate::column::{SELECT_INSTANCE, of_status, of_time, of_u64, to_instance, to_json};
use crate::fault::Fault;
use crate::write::{Entry, StartRow, Tx};

#[async_trait]
impl Instances for SqliteStore {
    async fn create(&self, new: NewInstance) -> Result<(), Error> {
        let prepare = |new: NewInstance| (new.key, StartRow::new(new.start), new.reuse, new.now);
        self.write_apart(new, prepare, |tx, (key, start, reuse, now)| {
            tx.create(key, start, reuse, *now)
        })
        .await
    }

    async fn send(&self, key: &InstanceKey, message: Message, now: Timestamp) -> Result<(), Error> {
        let key = key.clone();
        let prepare = |message| Entry::new(&message);
        let send = move |tx: &mut Tx<'_>, entry: &Entry| tx.send(&key, entry, now);
        self.write_apart(message, prepare, send).await
    }

    async fn rewind(
        &self,
        key: &InstanceKey,
        execution: ExecutionId,
        reason: String,
        revision: Option<RevisionId>,
        now: Timestamp,
    ) -> Result<(), Error> {
        let key = key.clone();
        self.write(move |tx| {
            tx.rewind(&key, execution, &reason, now)?;
            if let Some(revision) = revision {
                tx.pin(&key, revision)?;
            }
            Ok(())
        })
        .await
    }

    async fn instance(&self, key: &InstanceKey) -> Result<Option<Instance>, Error> {
        let key = key.clone();
        let read = move |tx: &Transaction<'_>| Ok(one(tx, &key)?.map(|(_, instance)| instance));
        self.read(read).await
    }

    fn ending(&self, key: &InstanceKey) -> Ending {
        self.reports.endings.of(key)
    }

    async fn history(
        &self,
        key: &InstanceKey,
        from_turn: u64,
        limit: u64,
    ) -> Result<Recorded, Error> {
        let key = key.clone();
        self.read(move |tx| {
            let sql = "SELECT i.row FROM app a JOIN instance i ON i.app = a.row \
                       WHERE a.tenant = ?1 AND a.name = ?2 AND i.id = ?3";
            let row: Option<i64> = tx
                .prepare_cached(sql)?
                .query_row(names(&key), |row| row.get(0))
                .optional()?;
            let row = row.map(|row| turns(tx, row, from_turn, limit));
            row.unwrap_or(Ok(Recorded::default()))
        })
        .await
    }

    async fn instances(
        &self,
        app: &AppId,
        filter: &Filter,
        page: &PageRequest,
    ) -> Result<Page, Error> {
        let after = page.after.as_deref().map(Cursor::decode).transpose()?;
        let limit = page.limit.max(1);
        let mut query = Query::new(app, filter);
        if let Some(after) = after {
            let created_at = query.param(of_time(after.created_at));
            let id = query.param(after.id.to_string());
            let condition = format!("(i.created_at, i.id) < ({created_at}, {id})");
            query.and(&condition);
        }
        let sql = query.finish(u64::from(limit) + 1);
        self.read(move |tx| {
            let mut statement = tx.prepare_cached(&sql)?;
            let mut rows = statement.query(rusqlite::params_from_iter(query.params))?;
            let mut instances = Vec::new();
            while let Some(row) = rows.next()? {
                instances.push(to_instance(row)?);
            }
            let limit = usize::try_from(limit).unwrap_or(usize::MAX);
            let more = instances.len() > limit;
            instances.truncate(limit);
            let last = instances.last().filter(|_| more);
            let next = last.map(|last| Cursor::of(last).encode());
            Ok(Page { instances, next })
        })
        .await
    }

    async fn purge(&self, key: &InstanceKey, family: Family) -> Result<Purged, Error> {
        self.purge_one(key, family).await
    }

    async fn purge_matching(
        &self,
        app: &AppId,
        filter: &Filter,
        family: Family,
        limit: u32,
    ) -> Result<Purged, Error> {
        self.purge_found(Query::of_ended(app, filter), family, limit)
            .await
    }
}

/// Tenant, app and id.
pub(crate) fn names(key: &InstanceKey) -> [&str; 3] {
    let AppId { tenant, app } = &key.app;
    [tenant.as_str(), app.as_str(), key.id.as_str()]
}

/// An instance with its row.
pub(crate) fn one(
    tx: &Transaction<'_>,
    key: &InstanceKey,
) -> Result<Option<(i64, Instance)>, Fault> {
    let mut statement = tx.prepare_cached(&format!("{SELECT_INSTANCE} AND i.id = ?3"))?;
    let mut rows = statement.query(names(key))?;
    let Some(row) = rows.next()? else {
        return Ok(None);
    };
    Ok(Some((row.get("row")?, to_instance(row)?)))
}

/// The recorded turns of the instance in `row`, in order.
pub(crate) fn turns(
    tx: &Transaction<'_>,
    row: i64,
    from_turn: u64,
    limit: u64,
) -> Result<Recorded, Fault> {
    let sql = "SELECT events FROM turn WHERE instance = ?1 AND number >= ?2 \
               ORDER BY number LIMIT ?3";
    let mut statement = tx.prepare_cached(sql)?;
    let mut rows = statement.query(params![row, of_u64(from_turn), of_u64(limit)])?;
    let mut recorded = Recorded::default();
    while let Some(row) = rows.next()? {
        let text = row.get_ref(0)?.as_str().map_err(rusqlite::Error::from)?;
        recorded.events.extend(to_json::<Vec<Event>>(text)?);
        recorded.turns += 1;
    }
    Ok(recorded)
}

/// A listing of an app, newest first.
pub(crate) struct Query {
    sql: String,
    params: Vec<Value>,
}

impl Query {
    fn new(app: &AppId, filter: &Filter) -> Self {
        Self::selecting(SELECT_INSTANCE, app, filter)
    }

    /// Rows of ended instances, in no order.
    fn of_ended(app: &AppId, filter: &Filter) -> Self {
        let select = "SELECT i.row FROM app a \
                      JOIN instance i INDEXED BY instance_ended ON i.app = a.row \
                      LEFT JOIN detail d ON d.instance = i.row \
                      WHERE a.tenant = ?1 AND a.name = ?2 AND i.status >= 3";
        Self::selecting(select, app, filter)
    }

    fn selecting(select: &str, app: &AppId, filter: &Filter) -> Self {
        let mut query = Self {
            sql: select.to_owned(),
            params: vec![app.tenant.to_string().into(), app.app.to_string().into()],
        };
        // Entities stand among the instances and are none.
        query.and("NOT (i.id >= '@' AND i.id < 'A')");
        if !filter.statuses.is_empty() {
            let codes = filter.statuses.iter().map(|s| of_status(*s).to_string());
            let codes: Vec<_> = codes.collect();
            query.and(&format!("i.status IN ({})", codes.join(", ")));
        }
        if let Some(prefix) = &filter.id_prefix {
            let prefix = query.param(prefix.clone());
            query.and(&format!("substr(i.id, 1, length({prefix})) = {prefix}"));
        }
        if let Some(name) = &filter.name {
            let name = query.param(name.clone());
            query.and(&format!("i.name = {name}"));
        }
        if let Some(from) = filter.created_from {
            let from = query.param(of_time(from));
            query.and(&format!("i.created_at >= {from}"));
        }
        if let Some(to) = filter.created_to {
            let to = query.param(of_time(to));
            query.and(&format!("i.created_at < {to}"));
        }
        if let Some(from) = filter.updated_from {
            let from = query.param(of_time(from));
            query.and(&format!("i.updated_at >= {from}"));
        }
        if let Some(to) = filter.updated_to {
            let to = query.param(of_time(to));
            query.and(&format!("i.updated_at < {to}"));
        }
        for (tag, value) in &filter.tags {
            let (tag, value) = (query.param(tag.clone()), query.param(value.clone()));
            query.and(&format!(
                "EXISTS (SELECT 1 FROM json_each(d.tags) t WHERE t.key = {tag} AND t.value = {value})"
            ));
        }
        query
    }

    /// The placeholder of a new parameter.
    fn param(&mut self, value: impl Into<Value>) -> String {
        self.params.push(value.into());
        format!("?{}", self.params.len())
    }

    fn and(&mut self, condition: &str) {
        self.sql.push_str(" AND ");
        self.sql.push_str(condition);
    }

    /// The first `limit` rows of [`Self::of_ended`].
    pub(crate) fn rows(mut self, tx: &Transaction<'_>, limit: u32) -> Result<Vec<i64>, Fault> {
        let limit = self.param(i64::from(limit));
        let sql = format!("{} LIMIT {limit}", self.sql);
        let mut statement = tx.prepare_cached(&sql)?;
        let rows =
            statement.query_map(rusqlite::params_from_iter(self.params), |row| row.get(0))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    fn finish(&mut self, limit: u64) -> String {
        let limit = self.param(of_u64(limit));
        let sql = &self.sql;
        format!("{sql} ORDER BY i.created_at DESC, i.id DESC LIMIT {limit}")
    }
}
