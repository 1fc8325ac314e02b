//! What a start may carry, and what may be replaced.

use std::collections::BTreeMap;

use weft_orchestration::{Start, Status};

use super::{Worker, app, at, completed, execution, key, new_instance, start};
use crate::{Error, Filter, IdReuse, NewInstance, PageRequest, START_TIMER, Store};

fn tags(tags: &[(&str, &str)]) -> BTreeMap<String, String> {
    let owned = tags.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned()));
    owned.collect()
}

pub async fn a_start_keeps_tags_version_and_time(store: &(impl Store + ?Sized)) {
    let worker = Worker::new(store).await;
    let key = key("later");
    let start = Start {
        tags: tags(&[("a", "1"), ("b\"'.", "é")]),
        version: Some("2.0".to_owned()),
        scheduled_at: Some(at(500)),
        ..start(1)
    };
    let new = NewInstance {
        start: start.clone(),
        ..new_instance(&key, 1, at(0))
    };
    store.create(new).await.unwrap();
    let instance = store.instance(&key).await.unwrap().unwrap();
    assert_eq!(instance.tags, start.tags);
    assert_eq!(instance.version, start.version);
    assert_eq!(instance.scheduled_at, start.scheduled_at);
    let timers = worker.timers(&key).await;
    assert_eq!(timers.len(), 1);
    assert_eq!((timers[0].id, timers[0].fire_at), (START_TIMER, at(500)));
    assert_eq!(timers[0].execution, execution(1));
}

pub async fn an_instance_is_found_by_tags_and_by_its_last_change(store: &(impl Store + ?Sized)) {
    let worker = Worker::new(store).await;
    for (id, color) in [("a", "red"), ("b", "blue"), ("c", "red")] {
        let key = key(id);
        let new = NewInstance {
            start: Start {
                tags: tags(&[("color", color), ("id", id)]),
                ..start(1)
            },
            ..new_instance(&key, 1, at(0))
        };
        store.create(new).await.unwrap();
    }
    worker.begin(&key("c"), 1, |_| {}).await;
    let found = async |filter: Filter| {
        let page = PageRequest {
            limit: 100,
            after: None,
        };
        let found = store.instances(&app("app"), &filter, &page).await.unwrap();
        let ids = found.instances.iter().map(|i| i.key.id.to_string());
        ids.collect::<Vec<_>>()
    };
    let by_tags = |wanted: &[(&str, &str)]| Filter {
        tags: tags(wanted),
        ..Filter::default()
    };
    assert_eq!(found(by_tags(&[("color", "red")])).await, ["c", "a"]);
    let both = [("color", "red"), ("id", "a")];
    assert_eq!(found(by_tags(&both)).await, ["a"]);
    assert!(found(by_tags(&[("color", "a")])).await.is_empty());
    let since = Filter {
        updated_from: Some(at(5)),
        ..Filter::default()
    };
    assert_eq!(found(since).await, ["c"]);
    let before = Filter {
        updated_to: Some(at(5)),
        ..Filter::default()
    };
    assert_eq!(found(before).await, ["b", "a"]);
}

pub async fn the_statuses_that_may_be_replaced_are_replaced(store: &(impl Store + ?Sized)) {
    assert_eq!(IdReuse::of([Status::Running]), None);
    let running = IdReuse::of([Status::Running, Status::Terminated]).unwrap();
    let worker = Worker::new(store).await;
    let key = key("a");
    worker.created_and_begun(&key, 1, |_| {}).await;
    let with = |reuse: &IdReuse, number| NewInstance {
        reuse: reuse.clone(),
        ..new_instance(&key, number, at(3))
    };
    let completed_only = IdReuse::of([Status::Completed]).unwrap();
    let refused = store.create(with(&completed_only, 2)).await;
    assert!(matches!(
        refused,
        Err(Error::AlreadyExists {
            status: Status::Running
        })
    ));
    store.create(with(&running, 2)).await.unwrap();
    let instance = store.instance(&key).await.unwrap().unwrap();
    assert_eq!(
        (instance.execution, instance.status),
        (execution(2), Status::Pending)
    );
    worker.begin(&key, 2, |turn| turn.after = completed()).await;
    let refused = store.create(with(&running, 3)).await;
    assert!(matches!(
        refused,
        Err(Error::AlreadyExists {
            status: Status::Completed
        })
    ));
    store.create(with(&completed_only, 3)).await.unwrap();
}
