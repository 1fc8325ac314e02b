//! Opening a directory again, and twice.

use weft_orchestration::Timestamp;
use weft_store::{Error, NodeId, Work as _};
use weft_store_sqlite::SqliteStore;

use crate::turns::{check_whole, create, key, leases, step};

#[tokio::test]
async fn what_was_written_is_there_after_a_restart() {
    let dir = tempfile::TempDir::new().unwrap();
    let key = key("a");
    let epoch = {
        let store = SqliteStore::open(dir.path()).unwrap();
        let leases = leases(&store).await;
        create(&store, &key).await.unwrap();
        for number in 0..3 {
            step(&store, &leases, &key, number).await.unwrap();
        }
        leases[0].epoch
    };
    let store = SqliteStore::open(dir.path()).unwrap();
    assert_eq!(check_whole(&store, &key).await, 3);
    // The node before is gone, whatever time its leases had left; its epochs are not used again.
    let now = Timestamp::from_millis(1);
    let until = Timestamp::from_millis(2);
    let leases = store.lease_shards(NodeId(2), 16, now, until).await.unwrap();
    assert_eq!(leases.len(), 16);
    assert!(leases[0].epoch > epoch);
    step(&store, &leases, &key, 3).await.unwrap();
    assert_eq!(check_whole(&store, &key).await, 4);
}

#[tokio::test]
async fn a_directory_in_use_is_refused_until_it_is_free() {
    let dir = tempfile::TempDir::new().unwrap();
    let first = SqliteStore::open(dir.path()).unwrap();
    let Err(Error::Unavailable { reason }) = SqliteStore::open(dir.path()) else {
        panic!("opened twice");
    };
    assert!(reason.contains("in use"), "{reason}");
    drop(first);
    SqliteStore::open(dir.path()).unwrap();
}

#[tokio::test]
async fn a_file_that_is_no_database_is_refused() {
    let dir = tempfile::TempDir::new().unwrap();
    std::fs::write(dir.path().join("weft.db"), "something else".repeat(100)).unwrap();
    let refused = SqliteStore::open(dir.path());
    assert!(matches!(refused, Err(Error::Broken { .. })), "{refused:?}");
}
