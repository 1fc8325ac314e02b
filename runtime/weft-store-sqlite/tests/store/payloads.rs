//! Long payloads that nothing names go by themselves.

use std::time::Duration;

use weft_id::{AppId, ExecutionId, InstanceKey};
use weft_orchestration::{
    After, Carries as _, Entity, Kept, Message, Operation, Payload, Start, Timestamp, Turn,
};
use weft_store::{
    Apps as _, Consumed, Error, IdReuse, Instances as _, LargePayloads as _, NewInstance,
    NewRevision, Shard, TurnCommit, Work as _,
};
use weft_store_sqlite::SqliteStore;

use crate::turns::leases;

/// Waits while nothing is written.
async fn until_gone(store: &SqliteStore, kept: &Kept) {
    let gone = async {
        loop {
            match store.large(kept).await {
                Err(Error::NotFound) => return,
                Err(error) => panic!("{error}"),
                Ok(_) => tokio::time::sleep(Duration::from_millis(5)).await,
            }
        }
    };
    let gone = tokio::time::timeout(Duration::from_secs(30), gone).await;
    gone.unwrap();
}

/// Creates an instance with a long input; returns its name.
async fn create(store: &SqliteStore, app: &AppId) -> Kept {
    let key = InstanceKey::new(app.clone(), "a".parse().unwrap());
    let input = Payload::from(format!("{:?}", "long".repeat(30_000)));
    let new = NewInstance {
        key: key.clone(),
        start: Start::new(ExecutionId::from_u128(1), "flow", input),
        reuse: IdReuse::never(),
        now: Timestamp::default(),
    };
    store.create(new).await.unwrap();
    let instance = store.instance(&key).await.unwrap().unwrap();
    instance.input.kept().unwrap().clone()
}

#[tokio::test]
async fn texts_of_a_deleted_app_go_at_once() {
    let dir = tempfile::TempDir::new().unwrap();
    let store = SqliteStore::open(dir.path()).unwrap();
    let app = AppId::default();
    let new = NewRevision {
        deployment: Payload::null(),
        expected: None,
        now: Timestamp::default(),
    };
    store.append_revision(&app, new).await.unwrap();
    let kept = create(&store, &app).await;
    store.delete_app(&app).await.unwrap();
    until_gone(&store, &kept).await;
}

#[tokio::test]
async fn texts_that_an_earlier_program_has_left_go_at_the_start() {
    let dir = tempfile::TempDir::new().unwrap();
    let app = AppId::default();
    let kept = create(&SqliteStore::open(dir.path()).unwrap(), &app).await;
    let conn = rusqlite::Connection::open(dir.path().join("weft.db")).unwrap();
    conn.execute_batch("DELETE FROM payload_use; DELETE FROM payload_doubt")
        .unwrap();
    drop(conn);
    let store = SqliteStore::open(dir.path()).unwrap();
    until_gone(&store, &kept).await;
}

/// However much waits: the writer is one thread.
#[tokio::test]
async fn a_turn_of_an_entity_reads_no_message_that_waits() {
    let dir = tempfile::TempDir::new().unwrap();
    let store = SqliteStore::open(dir.path()).unwrap();
    let key = InstanceKey::new(AppId::default(), "@blob@a".parse().unwrap());
    for mark in ["taken", "waiting"] {
        let message = Message::Operation(Operation {
            name: "set".to_owned(),
            input: Payload::from(format!("{:?}", mark.repeat(30_000))),
            caller: None,
            reply: None,
            at: None,
            trace_parent: None,
        });
        let sent = store.send(&key, message, Timestamp::default()).await;
        sent.unwrap();
    }
    let loaded = store.load(&key).await.unwrap().unwrap();
    let name = |at: usize| loaded.inbox[at].1.all_kept().pop_first().unwrap();
    let (taken, waiting) = (name(0), name(1));
    let conn = rusqlite::Connection::open(dir.path().join("weft.db")).unwrap();
    let spoil = "UPDATE inbox SET message = 'unreadable' WHERE seq = (SELECT max(seq) FROM inbox)";
    conn.execute(spoil, []).unwrap();
    drop(conn);
    let mut record = loaded.entity;
    record.state = Some(Payload::from(format!("{:?}", "state".repeat(30_000))));
    let commit = TurnCommit {
        key: key.clone(),
        execution: Entity::EXECUTION,
        turn_number: 0,
        consumed: Consumed {
            messages: vec![loaded.inbox[0].0],
            ..Consumed::default()
        },
        turn: Turn {
            events: Vec::new(),
            tasks: Vec::new(),
            timers: Vec::new(),
            canceled_timers: Vec::new(),
            messages: Vec::new(),
            custom_status: None,
            after: After::Entity(record),
        },
        revision: None,
        now: Timestamp::default(),
    };
    let lease = leases(&store).await[usize::from(Shard::of(&key).index())];
    store.commit_turn(lease, commit).await.unwrap();
    until_gone(&store, &taken).await;
    store.large(&waiting).await.unwrap();
}
