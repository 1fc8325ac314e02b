//! Creating instances and sending to them.

use weft_orchestration::{Message, Status};

use super::{
    Worker, app, at, completed, event, execution, key, new_instance, start, task, text, timer,
};
use crate::{Error, Family, Filter, IdReuse, NewInstance, PageRequest, Store};

pub async fn an_instance_is_created_with_its_start_in_the_inbox(store: &(impl Store + ?Sized)) {
    let worker = Worker::new(store).await;
    let key = key("a");
    assert_eq!(store.instance(&key).await.unwrap(), None);
    assert_eq!(store.load(&key).await.unwrap(), None);
    assert!(store.inbox(&key).await.unwrap().is_empty());
    store.create(new_instance(&key, 1, at(3))).await.unwrap();

    let instance = store.instance(&key).await.unwrap().unwrap();
    assert_eq!(instance.key, key);
    assert_eq!(instance.execution, execution(1));
    assert_eq!(instance.name, "flow");
    assert_eq!(instance.status, Status::Pending);
    assert_eq!(instance.input, text("input"));
    assert_eq!(instance.outcome, None);
    assert_eq!(instance.custom_status, None);
    assert_eq!(instance.parent, None);
    assert_eq!(instance.revision, None);
    assert_eq!(instance.created_at, at(3));
    assert_eq!(instance.updated_at, at(3));
    assert_eq!((instance.turns, instance.history_len), (0, 0));

    let loaded = worker.load(&key).await;
    assert_eq!(loaded.instance, instance);
    assert!(loaded.history.is_empty());
    assert_eq!(worker.inbox(&key).await, [Message::Start(start(1))]);
    assert!(worker.is_ready(&key).await);
}

pub async fn an_id_in_use_is_refused(store: &(impl Store + ?Sized)) {
    let worker = Worker::new(store).await;
    let key = key("a");
    worker.create(&key, 1).await;
    let before = worker.everything(&key).await;
    for reuse in [IdReuse::never(), IdReuse::ended()] {
        let new = NewInstance {
            reuse,
            ..new_instance(&key, 2, at(9))
        };
        let error = store.create(new).await.unwrap_err();
        let status = Status::Pending;
        assert!(matches!(error, Error::AlreadyExists { status: s } if s == status));
    }
    assert_eq!(worker.everything(&key).await, before);

    worker.begin(&key, 1, |turn| turn.after = completed()).await;
    let error = store.create(new_instance(&key, 2, at(9))).await;
    let status = Status::Completed;
    assert!(matches!(error, Err(Error::AlreadyExists { status: s }) if s == status));
}

pub async fn an_ended_instance_makes_way_with_all_that_belongs_to_it(
    store: &(impl Store + ?Sized),
) {
    let worker = Worker::new(store).await;
    let key = key("a");
    let end = |turn: &mut weft_orchestration::Turn| {
        turn.tasks = vec![task(1, 7)];
        turn.custom_status = Some(text("half"));
        turn.after = completed();
    };
    worker.created_and_begun(&key, 1, end).await;
    assert_eq!(worker.tasks(&key).await.len(), 1);
    let new = NewInstance {
        reuse: IdReuse::ended(),
        ..new_instance(&key, 2, at(9))
    };
    store.create(new).await.unwrap();

    let instance = store.instance(&key).await.unwrap().unwrap();
    assert_eq!(instance.execution, execution(2));
    assert_eq!(instance.status, Status::Pending);
    assert_eq!(instance.outcome, None);
    assert_eq!(instance.custom_status, None);
    assert_eq!(instance.created_at, at(9));
    assert_eq!((instance.turns, instance.history_len), (0, 0));
    assert!(worker.tasks(&key).await.is_empty());
    assert_eq!(store.history(&key, 0, 9).await.unwrap().turns, 0);
    assert_eq!(worker.inbox(&key).await, [Message::Start(start(2))]);
    // The predecessor's task ends nowhere.
    let result = Ok(text("late"));
    let finished = store.finish_task(worker.lease(&key), &key, execution(1), 7, result, at(9));
    finished.await.unwrap();
    assert_eq!(worker.inbox(&key).await.len(), 1);
}

pub async fn messages_reach_open_instances_in_order(store: &(impl Store + ?Sized)) {
    let worker = Worker::new(store).await;
    let key = key("a");
    let missing = store.send(&key, event("x"), at(0)).await;
    assert!(matches!(missing, Err(Error::NotFound)));
    worker.create(&key, 1).await;
    for name in ["b", "a", "c"] {
        store.send(&key, event(name), at(2)).await.unwrap();
    }
    let expected = [Message::Start(start(1)), event("b"), event("a"), event("c")];
    assert_eq!(worker.inbox(&key).await, expected);
    let instance = store.instance(&key).await.unwrap().unwrap();
    assert_eq!(instance.updated_at, at(2));

    worker.begin(&key, 1, |turn| turn.after = completed()).await;
    let ended = store.send(&key, event("late"), at(9)).await;
    let status = Status::Completed;
    assert!(matches!(ended, Err(Error::Ended { status: s }) if s == status));
    assert!(worker.inbox(&key).await.is_empty());
}

pub async fn apps_and_tenants_are_apart(store: &(impl Store + ?Sized)) {
    let here = key("a");
    let mut other_app = here.clone();
    other_app.app = app("other");
    let mut other_tenant = here.clone();
    other_tenant.app.tenant = "stranger".parse().unwrap();
    for (number, key) in [&here, &other_app, &other_tenant].into_iter().enumerate() {
        let new = new_instance(key, number as u128, at(0));
        store.create(new).await.unwrap();
    }
    for (number, key) in [&here, &other_app, &other_tenant].into_iter().enumerate() {
        let instance = store.instance(key).await.unwrap().unwrap();
        assert_eq!(instance.execution, execution(number as u128));
        let request = PageRequest {
            limit: 10,
            after: None,
        };
        let page = store
            .instances(&key.app, &Filter::default(), &request)
            .await;
        assert_eq!(page.unwrap().instances, [instance]);
    }
}

pub async fn an_ended_instance_is_purged_with_all_that_belongs_to_it(
    store: &(impl Store + ?Sized),
) {
    let worker = Worker::new(store).await;
    let key = key("a");
    assert!(matches!(
        store.purge(&key, Family::Stays).await,
        Err(Error::NotFound)
    ));
    let wait = |turn: &mut weft_orchestration::Turn| {
        turn.tasks = vec![task(1, 7)];
        turn.timers = vec![timer(1, 8, at(50))];
    };
    worker.created_and_begun(&key, 1, wait).await;
    let open = store.purge(&key, Family::Stays).await;
    let status = Status::Running;
    assert!(matches!(open, Err(Error::StillOpen { status: s }) if s == status));
    assert_eq!(worker.timers(&key).await.len(), 1);

    let mut end = super::turn(&key, 1, 1);
    end.turn.after = completed();
    worker.commit(end).await.unwrap();
    store.purge(&key, Family::Stays).await.unwrap();
    assert_eq!(store.instance(&key).await.unwrap(), None);
    assert_eq!(store.history(&key, 0, 9).await.unwrap().turns, 0);
    assert!(worker.tasks(&key).await.is_empty());
    assert!(worker.timers(&key).await.is_empty());
    assert!(matches!(
        store.purge(&key, Family::Stays).await,
        Err(Error::NotFound)
    ));
}

pub async fn history_is_read_in_pieces(store: &(impl Store + ?Sized)) {
    let worker = Worker::new(store).await;
    let key = key("a");
    assert_eq!(store.history(&key, 0, 9).await.unwrap().turns, 0);
    worker.create(&key, 1).await;
    for number in 0..4 {
        let mut commit = super::turn(&key, 1, number);
        commit.turn.events = vec![super::recorded(&format!("{number}")); 2];
        worker.commit(commit).await.unwrap();
    }
    let piece = store.history(&key, 1, 2).await.unwrap();
    assert_eq!(piece.turns, 2);
    let expected: Vec<_> = ["1", "1", "2", "2"].map(super::recorded).into();
    assert_eq!(piece.events, expected);
    assert_eq!(store.history(&key, 3, 9).await.unwrap().turns, 1);
    assert_eq!(store.history(&key, 0, u64::MAX).await.unwrap().turns, 4);
    assert_eq!(store.history(&key, 4, 9).await.unwrap().turns, 0);
    assert_eq!(worker.load(&key).await.history.len(), 8);
}
