//! Shared commits, and what happens when one fails.

use std::sync::mpsc;

use rusqlite::ffi;
use tempfile::TempDir;
use weft_id::AppId;
use weft_store::{Error, KeyValue as _};

use crate::SqliteStore;
use crate::fault::Fault;

fn open() -> (SqliteStore, TempDir) {
    let dir = TempDir::new().unwrap();
    (SqliteStore::open(dir.path()).unwrap(), dir)
}

async fn set(store: &SqliteStore, key: &str, len: usize) -> Result<(), Error> {
    let value = vec![1; len];
    store.kv_set(&AppId::default(), "b", key, &value).await
}

async fn get(store: &SqliteStore, key: &str) -> Result<Option<usize>, Error> {
    let value = store.kv_get(&AppId::default(), "b", key).await;
    value.map(|value| value.map(|value| value.len()))
}

/// Occupies the writer until the sender is dropped, so that what is queued meanwhile meets.
async fn occupy(store: &SqliteStore, held: mpsc::Receiver<()>) {
    let wait = move |_: &mut super::Tx<'_>| {
        let _ = held.recv();
        Ok(())
    };
    store.write(wait).await.unwrap();
}

#[tokio::test]
async fn writes_that_wait_share_one_commit() {
    let (store, _dir) = open();
    let (hold, held) = mpsc::channel();
    let before = store.commits();
    let release = async { drop(hold) };
    let ((), a, b, c, ()) = tokio::join!(
        occupy(&store, held),
        set(&store, "a", 1),
        set(&store, "b", 1),
        set(&store, "c", 1),
        release
    );
    for result in [a, b, c] {
        result.unwrap();
    }
    let after = store.commits();
    assert_eq!(after.writes - before.writes, 4);
    assert_eq!(after.transactions - before.transactions, 1);
}

#[tokio::test]
async fn a_write_that_fails_leaves_those_beside_it_whole() {
    let (store, _dir) = open();
    let (hold, held) = mpsc::channel();
    let twice = |tx: &mut super::Tx<'_>| {
        tx.execute("INSERT INTO tenant VALUES ('t', 0)", [])?;
        tx.execute("INSERT INTO tenant VALUES ('t', 0)", [])?;
        Ok(())
    };
    let release = async { drop(hold) };
    let ((), a, failed, b, ()) = tokio::join!(
        occupy(&store, held),
        set(&store, "a", 1),
        store.write(twice),
        set(&store, "b", 2),
        release
    );
    for result in [a, b] {
        result.unwrap();
    }
    assert!(
        matches!(failed, Err(Error::Unavailable { .. })),
        "{failed:?}"
    );
    assert_eq!(get(&store, "a").await.unwrap(), Some(1));
    assert_eq!(get(&store, "b").await.unwrap(), Some(2));
    let count = "SELECT count(*) FROM tenant";
    let tenants = store.write(move |tx| Ok(tx.number(count, [])?)).await;
    assert_eq!(tenants.unwrap(), Some(0));
    assert_eq!(*store.failed().borrow(), None);
}

#[tokio::test]
async fn a_full_disk_refuses_writes_and_goes_on_reading() {
    let (store, _dir) = open();
    set(&store, "before", 1).await.unwrap();
    let limit = |pages: i64| {
        store.write(move |tx| {
            let sql = format!("PRAGMA max_page_count = {pages}");
            Ok(tx.number(&sql, [])?)
        })
    };
    limit(100).await.unwrap();
    let refused = set(&store, "large", 1 << 20).await;
    assert!(matches!(refused, Err(Error::Full)), "{refused:?}");
    assert_eq!(get(&store, "before").await.unwrap(), Some(1));
    assert_eq!(get(&store, "large").await.unwrap(), None);
    assert_eq!(*store.failed().borrow(), None);
    limit(1_000_000).await.unwrap();
    set(&store, "large", 1 << 20).await.unwrap();
    assert_eq!(get(&store, "large").await.unwrap(), Some(1 << 20));
}

#[tokio::test]
async fn nothing_is_written_after_a_failure_of_the_disk() {
    let (store, dir) = open();
    set(&store, "a", 1).await.unwrap();
    let mut news = store.failed();
    let fsync = |_: &mut super::Tx<'_>| -> Result<(), Fault> {
        let code = ffi::Error::new(ffi::SQLITE_IOERR_FSYNC);
        Err(rusqlite::Error::SqliteFailure(code, None).into())
    };
    let (hold, held) = mpsc::channel();
    let release = async { drop(hold) };
    let ((), beside, failed, ()) = tokio::join!(
        occupy_that_fails(&store, held),
        set(&store, "b", 1),
        store.write(fsync),
        release
    );
    assert!(matches!(beside, Err(Error::Broken { .. })), "{beside:?}");
    assert!(matches!(failed, Err(Error::Broken { .. })), "{failed:?}");
    assert!(news.has_changed().unwrap());
    assert!(news.borrow_and_update().is_some());
    let after = set(&store, "c", 1).await;
    assert!(matches!(after, Err(Error::Broken { .. })), "{after:?}");
    let read = get(&store, "a").await;
    assert!(matches!(read, Err(Error::Broken { .. })), "{read:?}");

    drop(store);
    let store = SqliteStore::open(dir.path()).unwrap();
    assert_eq!(get(&store, "a").await.unwrap(), Some(1));
    assert_eq!(get(&store, "b").await.unwrap(), None);
}

/// Occupies the writer in a batch that is going to fail.
async fn occupy_that_fails(store: &SqliteStore, held: mpsc::Receiver<()>) {
    let wait = move |_: &mut super::Tx<'_>| {
        let _ = held.recv();
        Ok(())
    };
    store.write(wait).await.unwrap_err();
}

async fn parts(store: &SqliteStore) -> i64 {
    let count = "SELECT count(*) FROM payload_part";
    let counted = store.read(move |tx| Ok(tx.query_row(count, [], |row| row.get(0))?));
    counted.await.unwrap()
}

#[tokio::test]
async fn parts_that_are_given_up_go_although_the_queue_is_full() {
    let (store, _dir) = open();
    let number = store.write(|tx| Ok(tx.begin_text(&[1; 32])?)).await;
    let number = number.unwrap().unwrap();
    let (hold, held) = mpsc::channel::<()>();
    let (begin, begun) = tokio::sync::oneshot::channel();
    let mut begin = Some(begin);
    let occupy = store.write(move |_: &mut super::Tx<'_>| {
        let _ = begin.take().map(|begin| begin.send(()));
        let _ = held.recv();
        Ok(())
    });
    let full = async {
        begun.await.unwrap();
        // Fills the queue behind the write that occupies the thread; the last one is a part.
        let queue = store.writer.queue.as_ref().unwrap();
        let job = |part: Option<usize>| {
            Box::new(super::Write {
                run: move |tx: &mut super::Tx<'_>| match part {
                    Some(part) => Ok(tx.insert_part(number, part, "x")?),
                    None => Ok(()),
                },
                result: None,
                reply: tokio::sync::oneshot::channel().0,
            })
        };
        while queue.capacity() > 1 {
            queue.try_send(job(None)).unwrap();
        }
        queue.try_send(job(Some(0))).unwrap();
        queue.try_send(job(None)).unwrap_err();
        store.writer.give_up(vec![number]);
        drop(hold);
    };
    let (occupied, ()) = tokio::join!(occupy, full);
    occupied.unwrap();
    // Behind everything that was queued.
    set(&store, "a", 1).await.unwrap();
    let gone = async {
        while parts(&store).await > 0 {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
    };
    let gone = tokio::time::timeout(std::time::Duration::from_secs(30), gone).await;
    gone.unwrap();
}
