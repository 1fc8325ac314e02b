//! Reads: a few connections of their own, used on blocking threads, each read one snapshot.

use std::path::Path;
use std::sync::{Arc, Mutex};

use rusqlite::{Connection, Transaction};
use tokio::sync::Semaphore;
use weft_store::Error;

use crate::fault::{self, Fault};
use crate::schema;

/// Reads at once; more wait.
const CONNECTIONS: usize = 4;

#[derive(Debug)]
pub(crate) struct Readers {
    idle: Arc<Mutex<Vec<Connection>>>,
    permits: Arc<Semaphore>,
}

impl Readers {
    pub(crate) fn open(path: &Path) -> Result<Self, Error> {
        let idle: Result<Vec<_>, _> = (0..CONNECTIONS)
            .map(|_| schema::open_for_reading(path))
            .collect();
        Ok(Self {
            idle: Arc::new(Mutex::new(idle?)),
            permits: Arc::new(Semaphore::new(CONNECTIONS)),
        })
    }

    /// Runs a read. Decoding belongs in `run` too: it may take long.
    pub(crate) async fn read<T: Send + 'static>(
        &self,
        run: impl FnOnce(&Transaction<'_>) -> Result<T, Fault> + Send + 'static,
    ) -> Result<T, Error> {
        let unavailable = |reason: &str| Error::Unavailable {
            reason: reason.to_owned(),
        };
        let permit = Arc::clone(&self.permits).acquire_owned().await;
        let permit = permit.map_err(|_| unavailable("the store is closing"))?;
        let idle = Arc::clone(&self.idle);
        let work = move || {
            let mut conn = take(&idle).ok_or_else(|| unavailable("no connection is left"))?;
            let result = in_snapshot(&mut conn, run);
            give_back(&idle, conn);
            drop(permit);
            result
        };
        let result = tokio::task::spawn_blocking(work).await;
        result.map_err(|_| unavailable("the read did not end"))?
    }
}

fn in_snapshot<T>(
    conn: &mut Connection,
    run: impl FnOnce(&Transaction<'_>) -> Result<T, Fault>,
) -> Result<T, Error> {
    let tx = conn.transaction().map_err(fault::of_sql)?;
    Ok(run(&tx)?)
}

fn take(idle: &Mutex<Vec<Connection>>) -> Option<Connection> {
    idle.lock().expect("no holder of the lock panics").pop()
}

fn give_back(idle: &Mutex<Vec<Connection>>, conn: Connection) {
    idle.lock()
        .expect("no holder of the lock panics")
        .push(conn);
}
