//! API keys and tenants.

use weft_id::Tenant;

use super::at;
use crate::{Error, KeyId, KeyRecord, Role, Store};

fn record(id: &str, tenant: Option<&str>, millis: u64) -> KeyRecord {
    KeyRecord {
        id: KeyId(id.to_owned()),
        tenant: tenant.map(|name| name.parse().unwrap()),
        role: Role::Invoker,
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
}
