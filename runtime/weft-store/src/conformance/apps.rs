//! What is deployed.

use super::{Worker, app, at, event, key, task, text, timer};
use crate::{Digest, Error, Filter, NewBlob, NewRevision, PageRequest, RevisionId, Store};

fn revision(expected: Option<u32>, deployment: &str, millis: u64) -> NewRevision {
    NewRevision {
        expected: expected.map(RevisionId),
        deployment: text(deployment),
        now: at(millis),
    }
}

pub async fn revisions_are_numbered_and_guarded(store: &(impl Store + ?Sized)) {
    let app = app("app");
    assert_eq!(store.active_revision(&app).await.unwrap(), None);
    assert!(store.revisions(&app).await.unwrap().is_empty());
    assert!(store.apps(&app.tenant).await.unwrap().is_empty());
    assert!(store.all_apps().await.unwrap().is_empty());
    let early = store.append_revision(&app, revision(Some(1), "x", 0)).await;
    assert!(matches!(early, Err(Error::Conflict)));
    let none = store.activate_revision(&app, RevisionId(1)).await;
    assert!(matches!(none, Err(Error::NotFound)));

    let first = store.append_revision(&app, revision(None, "one", 1)).await;
    assert_eq!(first.unwrap(), RevisionId(1));
    for stale in [None, Some(2)] {
        let refused = store.append_revision(&app, revision(stale, "x", 0)).await;
        assert!(matches!(refused, Err(Error::Conflict)));
    }
    let second = store
        .append_revision(&app, revision(Some(1), "two", 2))
        .await;
    assert_eq!(second.unwrap(), RevisionId(2));
    let active = store.active_revision(&app).await.unwrap().unwrap();
    assert_eq!((active.id, active.active), (RevisionId(2), true));
    assert_eq!(active.deployment, text("two"));
    assert_eq!(active.created_at, at(2));

    store.activate_revision(&app, RevisionId(1)).await.unwrap();
    let active = store.active_revision(&app).await.unwrap().unwrap();
    assert_eq!((active.id, active.deployment), (RevisionId(1), text("one")));
    let refused = store.append_revision(&app, revision(Some(2), "x", 0)).await;
    assert!(matches!(refused, Err(Error::Conflict)));
    // The number follows the latest revision, not the active one.
    let third = store
        .append_revision(&app, revision(Some(1), "three", 3))
        .await;
    assert_eq!(third.unwrap(), RevisionId(3));
    let missing = store.activate_revision(&app, RevisionId(9)).await;
    assert!(matches!(missing, Err(Error::NotFound)));

    let all = store.revisions(&app).await.unwrap();
    let flags: Vec<_> = all.iter().map(|r| (r.id.0, r.active)).collect();
    assert_eq!(flags, [(3, true), (2, false), (1, false)]);
    let second = store.revision(&app, RevisionId(2)).await.unwrap().unwrap();
    assert_eq!(second, all[1]);
    assert_eq!(store.revision(&app, RevisionId(9)).await.unwrap(), None);

    let other = super::app("another");
    store
        .append_revision(&other, revision(None, "x", 0))
        .await
        .unwrap();
    assert_eq!(store.apps(&app.tenant).await.unwrap(), [other, app]);
    let stranger = "stranger".parse().unwrap();
    assert!(store.apps(&stranger).await.unwrap().is_empty());
}

pub async fn a_deleted_app_leaves_nothing(store: &(impl Store + ?Sized)) {
    let worker = Worker::new(store).await;
    let (gone, stays) = (key("a"), {
        let mut key = key("a");
        key.app = app("stays");
        key
    });
    assert!(matches!(
        store.delete_app(&gone.app).await,
        Err(Error::NotFound)
    ));
    for key in [&gone, &stays] {
        let first = revision(None, "one", 0);
        store.append_revision(&key.app, first).await.unwrap();
        worker
            .created_and_begun(key, 1, |turn| {
                turn.tasks = vec![task(1, 1)];
                turn.timers = vec![timer(1, 2, at(50))];
            })
            .await;
        store.send(key, event("e"), at(0)).await.unwrap();
        store.kv_set(&key.app, "b", "k", b"v").await.unwrap();
        let created = store.create_container(&key.app, "c", at(0)).await;
        created.unwrap();
        let new = NewBlob {
            container: "c".to_owned(),
            name: "o".to_owned(),
            begun: None,
            rest: b"v".to_vec(),
            now: at(0),
        };
        store.put_blob(&key.app, new).await.unwrap();
    }
    let of_gone = store.blob(&gone.app, "c", "o").await.unwrap().unwrap();
    let before = worker.everything(&stays).await;
    store.delete_app(&gone.app).await.unwrap();

    let left = store.apps(&gone.app.tenant).await.unwrap();
    assert!(left.iter().eq([&stays.app]), "{left:?}");
    assert!(store.revisions(&gone.app).await.unwrap().is_empty());
    assert_eq!(store.active_revision(&gone.app).await.unwrap(), None);
    assert_eq!(store.instance(&gone).await.unwrap(), None);
    let request = PageRequest {
        limit: 9,
        after: None,
    };
    let page = store
        .instances(&gone.app, &Filter::default(), &request)
        .await;
    assert!(page.unwrap().instances.is_empty());
    assert!(worker.inbox(&gone).await.is_empty());
    assert!(!worker.is_ready(&gone).await);
    assert!(worker.tasks(&gone).await.is_empty());
    assert!(worker.timers(&gone).await.is_empty());
    assert_eq!(store.kv_get(&gone.app, "b", "k").await.unwrap(), None);
    assert_eq!(store.container_created(&gone.app, "c").await.unwrap(), None);
    let bytes = store.blob_part(of_gone.id, 0).await;
    assert!(matches!(bytes, Err(Error::NotFound)), "{bytes:?}");
    assert!(store.blob(&stays.app, "c", "o").await.unwrap().is_some());
    assert!(matches!(
        store.delete_app(&gone.app).await,
        Err(Error::NotFound)
    ));
    assert_eq!(worker.everything(&stays).await, before);
    assert_eq!(
        store.kv_get(&stays.app, "b", "k").await.unwrap().unwrap(),
        b"v"
    );

    // The name is as good as new.
    let again = store
        .append_revision(&gone.app, revision(None, "x", 0))
        .await;
    assert_eq!(again.unwrap(), RevisionId(1));
    worker.create(&gone, 1).await;
}

pub async fn components_are_kept_by_digest(store: &(impl Store + ?Sized)) {
    let (one, two) = (Digest([1; 32]), Digest([2; 32]));
    assert_eq!(store.component(&one).await.unwrap(), None);
    store.put_component(&one, b"one").await.unwrap();
    store.put_component(&one, b"one").await.unwrap();
    store.put_component(&two, b"").await.unwrap();
    assert_eq!(store.component(&one).await.unwrap().unwrap(), b"one");
    assert_eq!(store.component(&two).await.unwrap().unwrap(), b"");
}
