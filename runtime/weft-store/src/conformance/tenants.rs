//! Tenants, their terms and what they keep.

use weft_id::{AppId, Tenant};
use weft_orchestration::{After, Payload};

use super::{Worker, app, at, key, text};
use crate::{
    Error, KeyId, KeyRecord, NewBlob, NewRevision, Role, Sealed, SealedKind, SetTerms, Store,
    Stored, Terms,
};

pub async fn tenants_are_listed_by_name(store: &(impl Store + ?Sized)) {
    let names = |tenants: Vec<Tenant>| {
        let names = tenants.iter().map(Tenant::to_string);
        names.collect::<Vec<_>>()
    };
    assert_eq!(names(store.tenants().await.unwrap()), ["default"]);
    for name in ["z", "a", "default", "a"] {
        let tenant = name.parse().unwrap();
        store.put_tenant(&tenant, at(0)).await.unwrap();
    }
    let tenants = store.tenants().await.unwrap();
    assert_eq!(names(tenants), ["a", "default", "z"]);
    for (name, known) in [("a", true), ("default", true), ("b", false)] {
        let tenant = name.parse().unwrap();
        assert_eq!(store.has_tenant(&tenant).await.unwrap(), known, "{name}");
    }
}

pub async fn terms_are_set_one_by_one(store: &(impl Store + ?Sized)) {
    let [a, absent]: [Tenant; 2] = ["a", "absent"].map(|name| name.parse().unwrap());
    store.put_tenant(&a, at(0)).await.unwrap();
    assert!(store.terms().await.unwrap().is_empty());
    let quota = |text: &str| SetTerms::Quota(Some(Payload::from(text)));
    let refused = store.set_terms(&absent, quota("{}")).await;
    assert!(matches!(refused, Err(Error::NotFound)), "{refused:?}");
    for tenant in [&a, &Tenant::default()] {
        store.set_terms(tenant, quota("{\"n\":1}")).await.unwrap();
    }
    let grants = SetTerms::Grants(Some(Payload::from("[]")));
    store.set_terms(&a, grants).await.unwrap();
    let terms = |quota: &str, grants: Option<&str>| Terms {
        quota: Some(Payload::from(quota)),
        grants: grants.map(Payload::from),
    };
    let all = store.terms().await.unwrap();
    let expected = [
        (a.clone(), terms("{\"n\":1}", Some("[]"))),
        (Tenant::default(), terms("{\"n\":1}", None)),
    ];
    assert_eq!(all, expected);
    // Adding it again takes nothing away.
    store.put_tenant(&a, at(1)).await.unwrap();
    for taken_back in [SetTerms::Quota(None), SetTerms::Grants(None)] {
        store.set_terms(&a, taken_back).await.unwrap();
    }
    assert_eq!(store.terms().await.unwrap(), expected[1..]);
}

pub async fn what_a_tenant_keeps_is_counted(store: &(impl Store + ?Sized)) {
    let app = app("app");
    let stored = || async { store.stored(&app.tenant).await.unwrap() };
    assert_eq!(stored().await, Stored::default());
    store.kv_set(&app, "b", "key", b"value").await.unwrap();
    store.kv_set(&app, "b", "key", b"other").await.unwrap();
    let sealed = Sealed {
        name: "s".to_owned(),
        value: vec![0; 10],
        updated_at: at(0),
    };
    let kind = SealedKind::Secret;
    store.put_sealed(&app, kind, sealed).await.unwrap();
    assert_eq!(stored().await.data_bytes, 3 + 5 + 10);
    store.create_container(&app, "c", at(0)).await.unwrap();
    let object = |rest: &[u8]| NewBlob {
        container: "c".to_owned(),
        name: "o".to_owned(),
        begun: None,
        rest: rest.to_vec(),
        now: at(0),
    };
    store.put_blob(&app, object(&[0; 40])).await.unwrap();
    store.put_blob(&app, object(&[0; 30])).await.unwrap();
    // What is being written counts as well.
    let begun = store.begin_blob(&app).await.unwrap();
    let appended = store.append_blob(&app, begun, 0, vec![0; 500]).await;
    appended.unwrap();
    assert_eq!(stored().await.data_bytes, 18 + 30 + 500);
    store.delete_container(&app, "c").await.unwrap();
    assert_eq!(stored().await.data_bytes, 18 + 500);

    let worker = Worker::new(store).await;
    worker.created_and_begun(&key("i"), 1, |_| {}).await;
    let begun = stored().await;
    assert_eq!(begun.instances, 1);
    assert!(begun.history_bytes > 0, "{begun:?}");
    let mut commit = super::turn(&key("i"), 1, 1);
    let long = "x".repeat(crate::INLINE_BYTES_MAX + 1);
    commit.turn.events[0].kind = weft_orchestration::EventKind::EventRaised {
        name: "long".to_owned(),
        payload: text(&long),
    };
    worker.commit(commit).await.unwrap();
    let longer = stored().await;
    let added = longer.history_bytes - begun.history_bytes;
    assert!(added >= long.len() as u64, "{added}");
    let mut commit = super::turn(&key("i"), 1, 2);
    commit.turn.after = super::completed();
    worker.commit(commit).await.unwrap();
    assert!(stored().await.history_bytes > longer.history_bytes);
    let family = crate::Family::Stays;
    store.purge(&key("i"), family).await.unwrap();
    let purged = stored().await;
    assert_eq!((purged.instances, purged.history_bytes), (0, 0));

    let anew = |turn: &mut weft_orchestration::Turn| {
        turn.after = After::ContinuedAsNew {
            start: super::start(3),
            carried: Vec::new(),
        };
    };
    worker.created_and_begun(&key("anew"), 2, anew).await;
    assert_eq!(stored().await.instances, 1);
    let other: Tenant = "other".parse().unwrap();
    assert_eq!(store.stored(&other).await.unwrap(), Stored::default());
}

pub async fn a_deleted_tenant_leaves_nothing(store: &(impl Store + ?Sized)) {
    let tenant: Tenant = "tenant".parse().unwrap();
    let refused = store.delete_tenant(&tenant).await;
    assert!(matches!(refused, Err(Error::NotFound)), "{refused:?}");
    store.put_tenant(&tenant, at(0)).await.unwrap();
    let own = AppId::new(tenant.clone(), "app".parse().unwrap());
    let neighbour = AppId::new("other".parse().unwrap(), "app".parse().unwrap());
    for app in [&own, &neighbour] {
        let revision = NewRevision {
            expected: None,
            deployment: Payload::from("{}"),
            now: at(0),
        };
        store.append_revision(app, revision).await.unwrap();
        store.kv_set(app, "b", "k", b"v").await.unwrap();
        let record = KeyRecord {
            id: KeyId(app.tenant.to_string()),
            tenant: Some(app.tenant.clone()),
            role: Role::Owner,
            apps: None,
            hash: [1; 32],
            label: String::new(),
            created_at: at(0),
            expires_at: None,
        };
        store.put_key(record).await.unwrap();
    }
    let undeployed = AppId::new(tenant.clone(), "undeployed".parse().unwrap());
    store.kv_set(&undeployed, "b", "k", b"v").await.unwrap();
    assert!(store.key(&KeyId("tenant".into())).await.unwrap().is_some());
    store.delete_tenant(&tenant).await.unwrap();
    assert_eq!(store.key(&KeyId("tenant".into())).await.unwrap(), None);
    assert!(store.key(&KeyId("other".into())).await.unwrap().is_some());
    assert_eq!(store.apps(&tenant).await.unwrap(), []);
    assert_eq!(store.stored(&tenant).await.unwrap(), Stored::default());
    assert!(!store.tenants().await.unwrap().contains(&tenant));
    assert_eq!(store.apps(&neighbour.tenant).await.unwrap().len(), 1);
    // The name may be given again, to somebody who finds nothing there.
    store.put_tenant(&tenant, at(1)).await.unwrap();
    assert_eq!(store.kv_get(&own, "b", "k").await.unwrap(), None);
}
