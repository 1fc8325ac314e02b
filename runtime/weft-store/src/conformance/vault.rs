//! Sealed values.

use weft_orchestration::{Payload, Timestamp};

use super::app;
use crate::{Error, NewRevision, Sealed, SealedKind, Store};

fn sealed(name: &str, value: &[u8], at: u64) -> Sealed {
    Sealed {
        name: name.to_owned(),
        value: value.to_vec(),
        updated_at: Timestamp::from_millis(at),
    }
}

pub async fn sealed_values_are_kept_by_app_and_kind(store: &(impl Store + ?Sized)) {
    use SealedKind::{AccessKey, Connection, Secret};
    let (here, there) = (app("here"), app("there"));
    assert!(store.sealed(&here, Secret).await.unwrap().is_empty());
    let put = |kind, new| store.put_sealed(&here, kind, new);
    assert!(put(Secret, sealed("b", b"\0\xff", 1)).await.unwrap());
    assert!(put(Secret, sealed("a B", b"1", 2)).await.unwrap());
    assert!(put(Connection, sealed("b", b"2", 3)).await.unwrap());
    assert!(put(AccessKey, sealed("b", b"4", 3)).await.unwrap());
    assert!(!put(Secret, sealed("b", b"3", 4)).await.unwrap());
    let secrets = store.sealed(&here, Secret).await.unwrap();
    assert_eq!(secrets, [sealed("a B", b"1", 2), sealed("b", b"3", 4)]);
    assert!(store.sealed(&there, Secret).await.unwrap().is_empty());
    store.delete_sealed(&here, Secret, "b").await.unwrap();
    let again = store.delete_sealed(&here, Secret, "b").await;
    assert!(matches!(again, Err(Error::NotFound)), "{again:?}");
    let absent = store.delete_sealed(&there, Secret, "b").await;
    assert!(matches!(absent, Err(Error::NotFound)), "{absent:?}");
    assert_eq!(store.sealed(&here, Secret).await.unwrap().len(), 1);
    assert_eq!(store.sealed(&here, Connection).await.unwrap().len(), 1);
    let keys = store.sealed(&here, AccessKey).await.unwrap();
    assert_eq!(keys, [sealed("b", b"4", 3)]);
    let large = sealed("x", &vec![0; Sealed::VALUE_BYTES_MAX + 1], 1);
    let refused = put(Secret, large).await;
    assert!(matches!(refused, Err(Error::TooLarge(_))), "{refused:?}");
}

pub async fn sealed_values_go_with_their_app(store: &(impl Store + ?Sized)) {
    let app = app("app");
    let kind = SealedKind::Secret;
    store
        .put_sealed(&app, kind, sealed("s", b"1", 1))
        .await
        .unwrap();
    let revision = NewRevision {
        expected: None,
        deployment: Payload::from("{}"),
        now: Timestamp::from_millis(1),
    };
    store.append_revision(&app, revision).await.unwrap();
    assert_eq!(store.sealed(&app, kind).await.unwrap().len(), 1);
    store.delete_app(&app).await.unwrap();
    assert!(store.sealed(&app, kind).await.unwrap().is_empty());
}
