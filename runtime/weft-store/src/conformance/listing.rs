//! Listings, and purging by filter.

use weft_orchestration::{After, Failure, Outcome, Start, Status};

use super::{Worker, app, at, child_start, completed, key, new_instance, start};
use crate::{Error, Family, Filter, NewInstance, PageRequest, Store};

async fn ids(store: &(impl Store + ?Sized), filter: &Filter) -> Vec<String> {
    let request = PageRequest {
        limit: 100,
        after: None,
    };
    let page = store.instances(&app("app"), filter, &request).await;
    let page = page.unwrap();
    assert_eq!(page.next, None);
    let ids = page.instances.iter().inspect(|instance| {
        assert!(filter.matches(instance), "{instance:?}");
    });
    ids.map(|instance| instance.key.id.to_string()).collect()
}

pub async fn listings_are_filtered(store: &(impl Store + ?Sized)) {
    let worker = Worker::new(store).await;
    for (n, (id, name)) in [("x1", "f"), ("x2", "g"), ("y%", "f"), ("y_", "g")]
        .into_iter()
        .enumerate()
    {
        let new = NewInstance {
            start: Start {
                name: name.to_owned(),
                ..start(1)
            },
            ..new_instance(&key(id), 1, at(n as u64))
        };
        store.create(new).await.unwrap();
    }
    worker.begin(&key("x1"), 1, |t| t.after = completed()).await;
    worker
        .begin(&key("x2"), 1, |t| t.after = After::Suspended)
        .await;
    let failed = After::Ended(Outcome::Failed(Failure::permanent("k", "m")));
    worker.begin(&key("y%"), 1, |t| t.after = failed).await;

    let all = Filter::default();
    assert_eq!(ids(store, &all).await, ["y_", "y%", "x2", "x1"]);
    let statuses = |statuses: &[Status]| Filter {
        statuses: statuses.to_vec(),
        ..Filter::default()
    };
    let found = ids(store, &statuses(&[Status::Completed, Status::Pending])).await;
    assert_eq!(found, ["y_", "x1"]);
    assert_eq!(ids(store, &statuses(&[Status::Suspended])).await, ["x2"]);
    assert_eq!(ids(store, &statuses(&[Status::Failed])).await, ["y%"]);
    assert!(
        ids(store, &statuses(&[Status::Terminated]))
            .await
            .is_empty()
    );
    let prefix = |prefix: &str| Filter {
        id_prefix: Some(prefix.to_owned()),
        ..Filter::default()
    };
    assert_eq!(ids(store, &prefix("x")).await, ["x2", "x1"]);
    assert_eq!(ids(store, &prefix("y%")).await, ["y%"]);
    assert!(ids(store, &prefix("X")).await.is_empty());
    let name = Filter {
        name: Some("g".to_owned()),
        ..Filter::default()
    };
    assert_eq!(ids(store, &name).await, ["y_", "x2"]);
    let created = Filter {
        created_from: Some(at(1)),
        created_to: Some(at(3)),
        ..Filter::default()
    };
    assert_eq!(ids(store, &created).await, ["y%", "x2"]);
    let both = Filter {
        name: Some("f".to_owned()),
        ..created
    };
    assert_eq!(ids(store, &both).await, ["y%"]);
}

/// Reads a page of three; returns its ids and the token of the next.
async fn page(
    store: &(impl Store + ?Sized),
    after: Option<String>,
) -> (Vec<String>, Option<String>) {
    let request = PageRequest { limit: 3, after };
    let page = store
        .instances(&app("app"), &Filter::default(), &request)
        .await;
    let page = page.unwrap();
    let ids = page.instances.iter().map(|i| i.key.id.to_string());
    (ids.collect(), page.next)
}

async fn create(store: &(impl Store + ?Sized), id: &str, millis: u64) {
    let new = new_instance(&key(id), 1, at(millis));
    store.create(new).await.unwrap();
}

pub async fn listings_are_paged_newest_first(store: &(impl Store + ?Sized)) {
    assert_eq!(page(store, None).await, (Vec::new(), None));
    for (id, millis) in [("a", 1), ("b", 2), ("c", 2), ("d", 2), ("e", 3), ("f", 0)] {
        create(store, id, millis).await;
    }
    let (first, next) = page(store, None).await;
    assert_eq!(first, ["e", "d", "c"]);
    // The end is known without reading an empty page.
    let (second, next) = page(store, Some(next.unwrap())).await;
    assert_eq!(second, ["b", "a", "f"]);
    assert_eq!(next, None);
}

pub async fn pages_stay_stable_while_instances_are_added(store: &(impl Store + ?Sized)) {
    let worker = Worker::new(store).await;
    for (id, millis) in [("a", 1), ("b", 2), ("c", 3), ("d", 4), ("e", 5)] {
        create(store, id, millis).await;
    }
    let (first, next) = page(store, None).await;
    assert_eq!(first, ["e", "d", "c"]);
    create(store, "new", 9).await;
    worker.begin(&key("c"), 1, |t| t.after = completed()).await;
    store.purge(&key("c"), Family::Stays).await.unwrap();
    let (second, next) = page(store, next).await;
    assert_eq!(second, ["b", "a"]);
    assert_eq!(next, None);
}

pub async fn a_token_that_no_page_gave_is_refused(store: &(impl Store + ?Sized)) {
    let request = PageRequest {
        limit: 3,
        after: Some("nonsense!".to_owned()),
    };
    let page = store
        .instances(&app("app"), &Filter::default(), &request)
        .await;
    assert!(matches!(page, Err(Error::NotFound)));
}

pub async fn matching_ended_instances_are_purged_in_portions(store: &(impl Store + ?Sized)) {
    let worker = Worker::new(store).await;
    for id in ["a", "b", "c", "open"] {
        worker.create(&key(id), 1).await;
    }
    create(store, "late", 50).await;
    for id in ["a", "b", "c", "late"] {
        worker.begin(&key(id), 1, |t| t.after = completed()).await;
    }
    let filter = Filter {
        created_to: Some(at(50)),
        ..Filter::default()
    };
    let mut portions = Vec::new();
    for _ in 0..3 {
        let purged = store
            .purge_matching(&app("app"), &filter, Family::Stays, 2)
            .await;
        portions.push(purged.unwrap().instances);
    }
    assert_eq!(portions, [2, 1, 0]);
    assert_eq!(ids(store, &Filter::default()).await, ["late", "open"]);
}

pub async fn families_are_purged_where_that_is_asked_for(store: &(impl Store + ?Sized)) {
    let worker = Worker::new(store).await;
    let family = [
        ("parent", None),
        ("child", Some("parent")),
        ("grandchild", Some("child")),
        ("open", Some("parent")),
        ("ended", Some("open")),
        ("other", None),
    ];
    for (id, parent) in family {
        let new = NewInstance {
            start: match parent {
                Some(parent) => child_start(1, &key(parent), 1),
                None => start(1),
            },
            ..new_instance(&key(id), 1, at(0))
        };
        store.create(new).await.unwrap();
        if id != "open" {
            worker.begin(&key(id), 1, |t| t.after = completed()).await;
        }
    }
    let mut elsewhere = key("child");
    elsewhere.app = app("elsewhere");
    store
        .create(NewInstance {
            start: child_start(1, &key("parent"), 1),
            ..new_instance(&elsewhere, 1, at(0))
        })
        .await
        .unwrap();
    worker.begin(&elsewhere, 1, |t| t.after = completed()).await;

    let alone = store.purge(&key("child"), Family::Stays).await.unwrap();
    assert_eq!(alone.instances, 1);
    worker.create(&key("child"), 1).await;
    worker
        .begin(&key("child"), 1, |t| t.after = completed())
        .await;
    // The new one is nobody's child, but the grandchild is still the child of that name.
    let purged = store.purge(&key("child"), Family::Goes).await.unwrap();
    assert_eq!(purged.instances, 2);
    let purged = store.purge(&key("parent"), Family::Goes).await.unwrap();
    assert_eq!(purged.instances, 1);
    let left = ["other", "open", "ended"];
    assert_eq!(ids(store, &Filter::default()).await, left);
    assert!(store.instance(&elsewhere).await.unwrap().is_some());

    let filter = Filter {
        id_prefix: Some("o".to_owned()),
        ..Filter::default()
    };
    let here = app("app");
    let purged = store.purge_matching(&here, &filter, Family::Goes, 9);
    assert_eq!(purged.await.unwrap().instances, 1);
    assert_eq!(ids(store, &Filter::default()).await, ["open", "ended"]);
}

pub async fn a_family_that_is_its_own_ancestor_is_purged(store: &(impl Store + ?Sized)) {
    let worker = Worker::new(store).await;
    for (id, parent) in [("a", "b"), ("b", "a")] {
        let new = NewInstance {
            start: child_start(1, &key(parent), 1),
            ..new_instance(&key(id), 1, at(0))
        };
        store.create(new).await.unwrap();
        worker.begin(&key(id), 1, |t| t.after = completed()).await;
    }
    let purged = store.purge(&key("a"), Family::Goes).await.unwrap();
    assert_eq!(purged.instances, 2);
}
