//! Leases. The thread keeps them in memory as well, so that fencing a turn costs no query; the
//! lock on the data directory makes that sound.

use rusqlite::{Connection, params};
use weft_orchestration::Timestamp;
use weft_store::{Lease, NodeId, SHARDS, Shard};

use super::Tx;
use crate::column::{of_time, of_u64};

#[derive(Debug, Clone)]
pub(super) struct Hold {
    epoch: u64,
    node: Option<NodeId>,
    until: Timestamp,
}

impl Hold {
    pub(super) fn is_current(&self, lease: Lease) -> bool {
        self.node.is_some() && self.epoch == lease.epoch
    }
}

/// The holds of all shards, by index.
pub(super) fn read(conn: &Connection) -> rusqlite::Result<Vec<Hold>> {
    let nobody = Hold {
        epoch: 0,
        node: None,
        until: Timestamp::from_millis(0),
    };
    let mut holds = vec![nobody; usize::from(SHARDS)];
    let mut statement = conn.prepare("SELECT shard, epoch, node, until FROM lease")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let node: Option<[u8; 16]> = row.get(2)?;
        if let Some(hold) = holds.get_mut(row.get::<_, usize>(0)?) {
            *hold = Hold {
                epoch: row.get(1)?,
                node: node.map(|bytes| NodeId(u128::from_be_bytes(bytes))),
                until: Timestamp::from_millis(row.get(3)?),
            };
        }
    }
    Ok(holds)
}

/// Until when the last lease was to last.
pub(crate) fn last_until(conn: &Connection) -> rusqlite::Result<Option<Timestamp>> {
    let sql = "SELECT max(until) FROM lease";
    let until: Option<u64> = conn.query_row(sql, [], |row| row.get(0))?;
    Ok(until.map(Timestamp::from_millis))
}

/// Takes every lease from processes that are gone: whoever opens the directory is alone with it.
pub(crate) fn release_all(conn: &Connection) -> rusqlite::Result<()> {
    conn.execute("UPDATE lease SET node = NULL", [])?;
    Ok(())
}

impl Tx<'_> {
    pub(crate) fn lease(
        &mut self,
        node: NodeId,
        most: u16,
        now: Timestamp,
        until: Timestamp,
    ) -> rusqlite::Result<Vec<Lease>> {
        let held = |hold: &&Hold| hold.node == Some(node);
        let mut room =
            usize::from(most).saturating_sub(self.state.holds.iter().filter(held).count());
        let mut leases = Vec::new();
        for (shard, hold) in Shard::all().zip(&mut self.state.holds) {
            if hold.node != Some(node) {
                let free = hold.node.is_none() || hold.until <= now;
                if !free || room == 0 {
                    continue;
                }
                room -= 1;
                hold.node = Some(node);
                hold.epoch += 1;
            }
            hold.until = until;
            leases.push(Lease {
                shard,
                epoch: hold.epoch,
                until,
            });
        }
        for lease in &leases {
            let sql = "INSERT INTO lease (shard, epoch, node, until) VALUES (?1, ?2, ?3, ?4) \
                       ON CONFLICT DO UPDATE SET epoch = ?2, node = ?3, until = ?4";
            let (shard, epoch) = (lease.shard.index(), of_u64(lease.epoch));
            let node = node.0.to_be_bytes();
            self.execute(sql, params![shard, epoch, node, of_time(until)])?;
        }
        Ok(leases)
    }

    pub(crate) fn release(&mut self, node: NodeId, leases: &[Lease]) -> rusqlite::Result<()> {
        for lease in leases {
            let index = lease.shard.index();
            if let Some(hold) = self.state.holds.get_mut(usize::from(index))
                && hold.node == Some(node)
                && hold.epoch == lease.epoch
            {
                hold.node = None;
                self.execute("UPDATE lease SET node = NULL WHERE shard = ?1", [index])?;
            }
        }
        Ok(())
    }
}
