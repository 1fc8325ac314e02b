//! Running instances.

use async_trait::async_trait;
use rusqlite::{Transaction, params};
use tokio::sync::broadcast;
use weft_id::{ExecutionId, InstanceKey};
use weft_orchestration::{EntityRecord, Failure, Message, Payload, Timestamp};
use weft_store::{
    Error, Lease, Loaded, MessageSeq, NodeId, PendingTask, PendingTimer, RevisionId, Shard,
    TaskSeq, TurnCommit, Wakeup, Work,
};

use crate::SqliteStore;
use crate::column::{to_execution, to_json, to_key, to_optional, to_payload, to_time};
use crate::entities::kept;
use crate::fault::Fault;
use crate::instances::{names, one, turns};
use crate::write::{Entry, TaskRow, TurnRow, Tx, rows_of};

#[async_trait]
impl Work for SqliteStore {
    async fn lease_shards(
        &self,
        node: NodeId,
        most: u16,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<Vec<Lease>, Error> {
        self.write(move |tx| Ok(tx.lease(node, most, now, until)?))
            .await
    }

    async fn release_shards(&self, node: NodeId, leases: &[Lease]) -> Result<(), Error> {
        let leases = leases.to_vec();
        self.write(move |tx| Ok(tx.release(node, &leases)?)).await
    }

    fn wakeups(&self) -> broadcast::Receiver<Wakeup> {
        self.reports.wakeups.subscribe()
    }

    async fn ready(
        &self,
        shard: Shard,
        after: Option<&InstanceKey>,
        limit: u32,
    ) -> Result<Vec<InstanceKey>, Error> {
        let after = after.cloned();
        let (from, to) = rows_of(shard);
        self.read(move |tx| {
            // Starts from the inboxes, which idle instances have empty.
            let sql = "SELECT DISTINCT a.tenant, a.name AS app_name, i.id \
                       FROM inbox m CROSS JOIN instance i ON i.row = m.instance \
                       JOIN app a ON a.row = i.app \
                       WHERE m.instance >= ?1 AND m.instance < ?2 \
                       AND (i.status < 2 OR (i.status = 2 AND m.reaches)) \
                       AND (a.tenant, a.name, i.id) > (?3, ?4, ?5) \
                       ORDER BY a.tenant, a.name, i.id LIMIT ?6";
            let [tenant, app, id] = after.as_ref().map_or(["", "", ""], names);
            let mut statement = tx.prepare_cached(sql)?;
            let mut rows = statement.query(params![from, to, tenant, app, id, limit])?;
            let mut keys = Vec::new();
            while let Some(row) = rows.next()? {
                keys.push(to_key(row)?);
            }
            Ok(keys)
        })
        .await
    }

    async fn pending_tasks(
        &self,
        shard: Shard,
        after: Option<TaskSeq>,
        limit: u32,
    ) -> Result<Vec<PendingTask>, Error> {
        self.read(move |tx| {
            let sql = "SELECT t.seq, a.tenant, a.name AS app_name, i.id, t.execution, \
                       t.id AS task, t.name, t.input, t.attempt, t.call, t.labels, i.revision \
                       FROM task t JOIN instance i ON i.row = t.instance \
                       JOIN app a ON a.row = i.app \
                       WHERE t.shard = ?1 AND t.seq > ?2 ORDER BY t.seq LIMIT ?3";
            let after = after.map_or(0, |after| after.0);
            let mut statement = tx.prepare_cached(sql)?;
            let mut rows = statement.query(params![shard.index(), after, limit])?;
            let mut tasks = Vec::new();
            while let Some(row) = rows.next()? {
                tasks.push(PendingTask {
                    seq: TaskSeq(row.get("seq")?),
                    key: to_key(row)?,
                    execution: to_execution(row, "execution")?,
                    id: row.get("task")?,
                    name: row.get("name")?,
                    input: to_payload(row, "input")?,
                    attempt: row.get("attempt")?,
                    call: row.get("call")?,
                    labels: to_optional(row, "labels")?,
                    revision: row.get::<_, Option<u32>>("revision")?.map(RevisionId),
                });
            }
            Ok(tasks)
        })
        .await
    }

    async fn pending_timers(&self, shard: Shard, limit: u32) -> Result<Vec<PendingTimer>, Error> {
        self.read(move |tx| {
            let sql = "SELECT a.tenant, a.name AS app_name, i.id, i.execution, t.id AS timer, \
                       t.fire_at FROM timer t JOIN instance i ON i.row = t.instance \
                       JOIN app a ON a.row = i.app \
                       WHERE t.shard = ?1 AND i.status <> 2 ORDER BY t.fire_at LIMIT ?2";
            let mut statement = tx.prepare_cached(sql)?;
            let mut rows = statement.query(params![shard.index(), limit])?;
            let mut timers = Vec::new();
            while let Some(row) = rows.next()? {
                timers.push(PendingTimer {
                    key: to_key(row)?,
                    execution: to_execution(row, "execution")?,
                    id: row.get("timer")?,
                    fire_at: to_time(row, "fire_at")?,
                });
            }
            Ok(timers)
        })
        .await
    }

    async fn load(&self, key: &InstanceKey) -> Result<Option<Loaded>, Error> {
        let key = key.clone();
        self.read(move |tx| {
            let Some((row, instance)) = one(tx, &key)? else {
                return Ok(None);
            };
            if instance.status.is_terminal() {
                return Ok(None);
            }
            let entity = match instance.key.id.is_entity() {
                true => kept(tx, row)?,
                false => EntityRecord::default(),
            };
            Ok(Some(Loaded {
                instance,
                entity,
                history: turns(tx, row, 0, u64::MAX)?.events,
                inbox: messages(tx, &key)?,
            }))
        })
        .await
    }

    async fn inbox(&self, key: &InstanceKey) -> Result<Vec<(MessageSeq, Message)>, Error> {
        let key = key.clone();
        self.read(move |tx| messages(tx, &key)).await
    }

    async fn commit_turn(&self, lease: Lease, commit: TurnCommit) -> Result<(), Error> {
        let commit_turn = move |tx: &mut Tx<'_>, turn: &TurnRow| tx.commit_turn(lease, turn);
        self.write_apart(commit, TurnRow::new, commit_turn).await
    }

    async fn finish_task(
        &self,
        lease: Lease,
        key: &InstanceKey,
        execution: ExecutionId,
        task: u32,
        result: Result<Payload, Failure>,
        now: Timestamp,
    ) -> Result<(), Error> {
        let message = Message::TaskDone {
            execution,
            task,
            result,
        };
        let key = key.clone();
        let prepare = move |message: Message| TaskRow {
            key,
            execution,
            task,
            entry: Entry::new(&message),
            now,
        };
        let finish = move |tx: &mut Tx<'_>, done: &TaskRow| tx.finish_task(lease, done);
        self.write_apart(message, prepare, finish).await
    }
}

fn messages(tx: &Transaction<'_>, key: &InstanceKey) -> Result<Vec<(MessageSeq, Message)>, Fault> {
    let sql = "SELECT m.seq, m.message FROM app a JOIN instance i ON i.app = a.row \
               JOIN inbox m ON m.instance = i.row \
               WHERE a.tenant = ?1 AND a.name = ?2 AND i.id = ?3 AND i.status < 3 ORDER BY m.seq";
    let mut statement = tx.prepare_cached(sql)?;
    let mut rows = statement.query(names(key))?;
    let mut messages = Vec::new();
    while let Some(row) = rows.next()? {
        let text = row.get_ref(1)?.as_str().map_err(rusqlite::Error::from)?;
        messages.push((MessageSeq(row.get(0)?), to_json(text)?));
    }
    Ok(messages)
}
