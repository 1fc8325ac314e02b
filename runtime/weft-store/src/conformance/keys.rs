//! API keys.

use weft_id::Tenant;

use super::at;
use crate::{Error, KeyId, KeyRecord, Role, Store};

fn record(id: &str, tenant: Option<&str>, millis: u64) -> KeyRecord {
    KeyRecord {
        id: KeyId(id.to_owned()),
        tenant: tenant.map(|name| name.parse().unwrap()),
        role: Role::Invoker,
        apps: Some(vec!["a".parse().unwrap(), "b".parse().unwrap()]),
        hash: [7; 32],
        label: "it's a \"label\"".to_owned(),
        created_at: at(millis),
        expires_at: Some(at(99)),
    }
}

pub async fn keys_are_kept_by_id(store: &(impl Store + ?Sized)) {
    let id = KeyId("one".to_owned());
    assert_eq!(store.key(&id).await.unwrap(), None);
    assert!(matches!(store.delete_key(&id).await, Err(Error::NotFound)));
    let roles = [
        Role::Reader,
        Role::Invoker,
        Role::Deployer,
        Role::Owner,
        Role::Operator,
    ];
    for role in roles {
        let key = KeyRecord {
            role,
            ..record("one", Some("t"), 1)
        };
        store.put_key(key.clone()).await.unwrap();
        assert_eq!(store.key(&id).await.unwrap(), Some(key));
    }
    let operator = KeyRecord {
        apps: None,
        expires_at: None,
        ..record("one", None, 2)
    };
    store.put_key(operator.clone()).await.unwrap();
    assert_eq!(store.key(&id).await.unwrap(), Some(operator));
    store.delete_key(&id).await.unwrap();
    assert_eq!(store.key(&id).await.unwrap(), None);
}

pub async fn keys_are_listed_by_tenant(store: &(impl Store + ?Sized)) {
    let tenant: Tenant = "t".parse().unwrap();
    for key in [
        record("a", Some("t"), 3),
        record("b", Some("t"), 1),
        record("c", None, 2),
        record("d", Some("other"), 0),
    ] {
        store.put_key(key).await.unwrap();
    }
    let ids = |keys: Vec<KeyRecord>| keys.into_iter().map(|k| k.id.0).collect::<Vec<_>>();
    assert_eq!(ids(store.keys(Some(&tenant)).await.unwrap()), ["b", "a"]);
    assert_eq!(ids(store.keys(None).await.unwrap()), ["c"]);
}

pub async fn a_key_is_rotated_at_once(store: &(impl Store + ?Sized)) {
    let (old, new) = (record("old", Some("t"), 1), record("new", Some("t"), 2));
    let absent = store.rotate_key(&old.id, new.clone(), at(50)).await;
    assert!(matches!(absent, Err(Error::NotFound)), "{absent:?}");
    assert_eq!(store.key(&new.id).await.unwrap(), None);
    store.put_key(old.clone()).await.unwrap();
    assert!(store.key(&old.id).await.unwrap().is_some());
    for (until, expires) in [(at(50), at(50)), (at(70), at(50))] {
        let rotated = store.rotate_key(&old.id, new.clone(), until).await;
        rotated.unwrap();
        let found = store.key(&old.id).await.unwrap().unwrap();
        assert_eq!(found.expires_at, Some(expires), "never later than before");
        assert_eq!(store.key(&new.id).await.unwrap(), Some(new.clone()));
    }
}
