//! Entities.

use weft_id::{EntityId, InstanceKey};
use weft_orchestration::{
    After, Caller, Entity, EntityRecord, LockOwner, LockRequest, Message, Operation, Payload,
    Status, Turn,
};

use super::{
    Worker, app, at, completed, event, execution, key, seqs, start, text, timer, to, turn,
};
use crate::{EntityFilter, Error, PageRequest, Store, TurnCommit};

fn id(key: &str) -> EntityId {
    EntityId::new("counter", key).unwrap()
}

fn entity_key(name: &str) -> InstanceKey {
    InstanceKey::new(app("app"), id(name).instance())
}

fn operation(name: &str) -> Message {
    Message::Operation(Operation {
        name: name.to_owned(),
        input: text(name),
        caller: Some(Caller {
            instance: "o".parse().unwrap(),
            execution: execution(1),
        }),
        reply: Some(3),
        at: None,
        trace_parent: None,
    })
}

fn owner(instance: &str) -> LockOwner {
    LockOwner {
        instance: instance.parse().unwrap(),
        execution: execution(1),
        task: 2,
    }
}

fn kept(record: EntityRecord, of: &InstanceKey, turn_number: u64) -> TurnCommit {
    let commit = turn(of, 0, turn_number);
    TurnCommit {
        execution: Entity::EXECUTION,
        turn: Turn {
            events: Vec::new(),
            after: After::Entity(record),
            ..commit.turn
        },
        ..commit
    }
}

fn with_state(state: &str) -> EntityRecord {
    EntityRecord {
        state: Some(Payload::from(state)),
        ..EntityRecord::default()
    }
}

pub async fn an_operation_creates_its_entity(store: &(impl Store + ?Sized)) {
    let worker = Worker::new(store).await;
    let (sent, called) = (entity_key("sent"), entity_key("called"));
    store.send(&sent, operation("add"), at(1)).await.unwrap();
    let flow = key("flow");
    let call = to("@counter@called", operation("add"));
    worker
        .created_and_begun(&flow, 1, |turn| turn.messages = vec![call])
        .await;
    for key in [sent, called] {
        let loaded = worker.load(&key).await;
        assert_eq!(loaded.instance.status, Status::Running);
        assert_eq!(loaded.entity, EntityRecord::default());
        assert_eq!(worker.inbox(&key).await, [operation("add")]);
        assert!(worker.is_ready(&key).await);
    }
}

pub async fn an_entity_keeps_its_record_and_is_removed_when_nothing_is_left(
    store: &(impl Store + ?Sized),
) {
    let worker = Worker::new(store).await;
    let key = entity_key("a");
    store.send(&key, operation("add"), at(1)).await.unwrap();
    let record = EntityRecord {
        lock: Some(owner("o")),
        next_timer: 3,
        ..with_state("1")
    };
    let mut commit = kept(record.clone(), &key, 0);
    commit.consumed.messages = seqs(&worker.load(&key).await.inbox);
    commit.turn.timers = vec![timer(0, 2, at(9))];
    worker.commit(commit).await.unwrap();
    let loaded = worker.load(&key).await;
    assert_eq!(loaded.entity, record);
    assert!(loaded.inbox.is_empty() && loaded.history.is_empty());
    assert_eq!(worker.timers(&key).await.len(), 1);
    let view = store.entity(&key.app, &id("a")).await.unwrap().unwrap();
    assert_eq!(view.state, Some(Payload::from("1")));
    assert_eq!(view.locked_by, Some("o".parse().unwrap()));

    // What has arrived meanwhile keeps it.
    store.send(&key, operation("add"), at(2)).await.unwrap();
    let mut commit = kept(EntityRecord::default(), &key, 1);
    commit.consumed.timers = vec![2];
    worker.commit(commit).await.unwrap();
    assert_eq!(worker.inbox(&key).await.len(), 1);
    assert_eq!(worker.load(&key).await.entity, EntityRecord::default());
    let mut commit = kept(EntityRecord::default(), &key, 2);
    commit.consumed.messages = seqs(&worker.load(&key).await.inbox);
    worker.commit(commit).await.unwrap();
    assert_eq!(store.load(&key).await.unwrap(), None);
    assert_eq!(store.entity(&key.app, &id("a")).await.unwrap(), None);
}

pub async fn an_entity_takes_operations_only_and_an_orchestration_none(
    store: &(impl Store + ?Sized),
) {
    let worker = Worker::new(store).await;
    let (entity, flow) = (entity_key("a"), key("flow"));
    store.send(&entity, operation("add"), at(1)).await.unwrap();
    worker.created_and_begun(&flow, 1, |_| {}).await;
    let refused = store.send(&entity, event("e"), at(1)).await;
    assert!(matches!(refused, Err(Error::NotFound)), "{refused:?}");
    let refused = store.send(&flow, operation("add"), at(1)).await;
    assert!(matches!(refused, Err(Error::NotFound)), "{refused:?}");
    let absent = entity_key("absent");
    let refused = store
        .send(&absent, Message::Unlock(owner("o")), at(1))
        .await;
    assert!(matches!(refused, Err(Error::NotFound)), "{refused:?}");
    let mut commit = turn(&flow, 1, 1);
    commit.turn.messages = vec![
        to("@counter@a", Message::Start(start(7))),
        to("@counter@a", event("e")),
    ];
    worker.commit(commit).await.unwrap();
    assert_eq!(worker.inbox(&entity).await.len(), 1);
}

pub async fn a_lock_granted_to_nobody_is_released(store: &(impl Store + ?Sized)) {
    let worker = Worker::new(store).await;
    let (first, last) = (entity_key("a"), entity_key("b"));
    for (key, position) in [(&first, 0), (&last, 1)] {
        let request = LockRequest {
            owner: owner("gone"),
            set: vec![id("a"), id("b")],
            position,
        };
        let lock = Message::Lock(request);
        store.send(key, lock, at(1)).await.unwrap();
    }
    let record = EntityRecord {
        lock: Some(owner("gone")),
        ..EntityRecord::default()
    };
    let mut commit = kept(record, &last, 0);
    commit.consumed.messages = seqs(&worker.load(&last).await.inbox);
    let grant = Message::LockGranted {
        execution: execution(1),
        task: 2,
        set: vec![id("a"), id("b")],
    };
    commit.turn.messages = vec![to("gone", grant.clone())];
    worker.commit(commit).await.unwrap();
    let unlock = Message::Unlock(owner("gone"));
    assert_eq!(worker.inbox(&last).await, std::slice::from_ref(&unlock));
    assert_eq!(worker.inbox(&first).await.last(), Some(&unlock));

    let open = key("open");
    worker.created_and_begun(&open, 1, |_| {}).await;
    let mut commit = kept(with_state("1"), &last, 1);
    commit.turn.messages = vec![to("open", grant.clone())];
    worker.commit(commit).await.unwrap();
    assert_eq!(worker.inbox(&open).await, [grant]);
}

pub async fn entities_are_listed_by_id_and_no_orchestrations(store: &(impl Store + ?Sized)) {
    let worker = Worker::new(store).await;
    worker
        .created_and_begun(&key("flow"), 1, |turn| {
            turn.after = completed();
        })
        .await;
    for name in ["b", "a", "c", "é"] {
        let key = entity_key(name);
        store.send(&key, operation("add"), at(1)).await.unwrap();
        if name != "c" {
            let mut commit = kept(with_state("5"), &key, 0);
            commit.consumed.messages = seqs(&worker.load(&key).await.inbox);
            worker.commit(commit).await.unwrap();
        }
    }
    let app = app("app");
    let mut filter = EntityFilter::default();
    let mut names = Vec::new();
    let mut page = PageRequest {
        limit: 2,
        after: None,
    };
    loop {
        let found = store.entities(&app, &filter, &page).await.unwrap();
        assert!(found.entities.len() <= 2);
        names.extend(found.entities.into_iter().map(|e| e.id.key().to_owned()));
        page.after = found.next;
        if page.after.is_none() {
            break;
        }
    }
    assert_eq!(names, ["a", "b", "é"]);
    let all = PageRequest {
        limit: 100,
        after: None,
    };
    filter.transient = true;
    let count = async |filter: &EntityFilter| {
        let found = store.entities(&app, filter, &all).await.unwrap();
        found.entities.len()
    };
    assert_eq!(count(&filter).await, 4);
    filter.id_prefix = Some("@counter@a".to_owned());
    assert_eq!(count(&filter).await, 1);
    filter.id_prefix = None;
    filter.updated_from = Some(at(5));
    assert_eq!(count(&filter).await, 3);
    filter.updated_from = None;
    filter.updated_to = Some(at(5));
    assert_eq!(count(&filter).await, 1);
    let instances = store.instances(&app, &crate::Filter::default(), &all).await;
    assert_eq!(instances.unwrap().instances.len(), 1);
    let bad = PageRequest {
        limit: 1,
        after: Some("!".to_owned()),
    };
    let refused = store.entities(&app, &filter, &bad).await;
    assert!(matches!(refused, Err(Error::NotFound)), "{refused:?}");
}
