//! The suite that every store passes.

use std::ops::Deref;

use tempfile::TempDir;
use weft_store_sqlite::SqliteStore;

struct Temporary {
    store: SqliteStore,
    _dir: TempDir,
}

impl Deref for Temporary {
    type Target = SqliteStore;

    fn deref(&self) -> &SqliteStore {
        &self.store
    }
}

fn temporary() -> Temporary {
    let dir = TempDir::new().unwrap();
    let store = SqliteStore::open(dir.path().join("data")).unwrap();
    Temporary { store, _dir: dir }
}

weft_store::conformance_tests!(temporary());
