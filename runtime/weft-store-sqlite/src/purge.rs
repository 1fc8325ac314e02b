//! Removing ended instances: found by reading, removed in small transactions, so that neither a
//! large portion nor a large family holds up other writers.

use rusqlite::Transaction;
use weft_id::InstanceKey;
use weft_store::{Error, Family, Purged};

use crate::SqliteStore;
use crate::fault::Fault;
use crate::instances::{Query, one};

/// How many instances one transaction removes.
const AT_ONCE: usize = 100;

impl SqliteStore {
    pub(crate) async fn purge_one(
        &self,
        key: &InstanceKey,
        family: Family,
    ) -> Result<Purged, Error> {
        let sought = key.clone();
        let read = move |tx: &Transaction<'_>| {
            let (row, instance) = one(tx, &sought)?.ok_or(Error::NotFound)?;
            let status = instance.status;
            if !status.is_terminal() {
                return Err(Error::StillOpen { status }.into());
            }
            with_families(tx, vec![row], family)
        };
        let rows = self.read(read).await?;
        let purged = self.remove(rows).await?;
        // Somebody else was faster.
        match purged.instances {
            0 => Err(Error::NotFound),
            _ => Ok(purged),
        }
    }

    pub(crate) async fn purge_found(
        &self,
        query: Query,
        family: Family,
        limit: u32,
    ) -> Result<Purged, Error> {
        let rows = self
            .read(move |tx| {
                let rows = query.rows(tx, limit)?;
                with_families(tx, rows, family)
            })
            .await?;
        self.remove(rows).await
    }

    async fn remove(&self, rows: Vec<i64>) -> Result<Purged, Error> {
        let mut instances = 0;
        for portion in rows.chunks(AT_ONCE) {
            let portion = portion.to_vec();
            instances += self.write(move |tx| Ok(tx.remove_ended(&portion)?)).await?;
        }
        Ok(Purged { instances })
    }
}

/// The rows, and where families go those of all ended descendants: everybody after the own
/// descendants.
fn with_families(tx: &Transaction<'_>, rows: Vec<i64>, family: Family) -> Result<Vec<i64>, Fault> {
    match family {
        Family::Stays => return Ok(rows),
        Family::Goes => {}
    }
    let sql = "WITH RECURSIVE member (row, app, id) AS ( \
                 SELECT row, app, id FROM instance WHERE row = ?1 \
                 UNION \
                 SELECT i.row, i.app, i.id FROM member m \
                 JOIN detail d ON d.parent_id = m.id \
                 JOIN instance i ON i.row = d.instance \
                 WHERE i.app = m.app AND i.status >= 3 \
               ) SELECT row FROM member";
    let mut statement = tx.prepare_cached(sql)?;
    let mut all = Vec::with_capacity(rows.len());
    for row in rows {
        // The rows come in the order in which they were found, parents first.
        let members = statement.query_map([row], |row| row.get(0))?;
        let mut members = members.collect::<Result<Vec<i64>, _>>()?;
        members.reverse();
        all.append(&mut members);
    }
    Ok(all)
}
