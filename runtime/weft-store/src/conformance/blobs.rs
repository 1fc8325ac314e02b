//! Objects.

use weft_id::AppId;

use super::{app, at};
use crate::{BlobId, BlobLimits, Error, NewBlob, Store};

const PART: usize = BlobLimits::PART_BYTES;

fn new(container: &str, name: &str, rest: &[u8]) -> NewBlob {
    NewBlob {
        container: container.to_owned(),
        name: name.to_owned(),
        begun: None,
        rest: rest.to_vec(),
        now: at(7),
    }
}

async fn read(
    store: &(impl Store + ?Sized),
    app: &AppId,
    container: &str,
    name: &str,
) -> Option<Vec<u8>> {
    let blob = store.blob(app, container, name).await.unwrap()?;
    let mut bytes = Vec::new();
    while (bytes.len() as u64) < blob.size {
        let part = u32::try_from(bytes.len() / PART).unwrap();
        bytes.extend(store.blob_part(blob.id, part).await.unwrap());
    }
    assert_eq!(bytes.len() as u64, blob.size);
    assert_eq!(blob.created_at, at(7));
    Some(bytes)
}

pub async fn objects_are_kept_by_app_and_container(store: &(impl Store + ?Sized)) {
    let (here, there) = (app("here"), app("there"));
    let refused = store.put_blob(&here, new("c", "o", b"one")).await;
    assert!(matches!(refused, Err(Error::NotFound)), "{refused:?}");
    store.create_container(&here, "c", at(3)).await.unwrap();
    store.create_container(&here, "c", at(4)).await.unwrap();
    let created = store.container_created(&here, "c").await.unwrap();
    assert_eq!(created, Some(at(3)));
    assert_eq!(store.container_created(&there, "c").await.unwrap(), None);
    store.put_blob(&here, new("c", "o", b"one")).await.unwrap();
    store.put_blob(&here, new("c", "", b"")).await.unwrap();
    assert_eq!(read(store, &here, "c", "o").await.unwrap(), b"one");
    assert_eq!(read(store, &here, "c", "").await.unwrap(), b"");
    assert_eq!(store.blob(&there, "c", "o").await.unwrap(), None);
    assert_eq!(store.blob(&here, "d", "o").await.unwrap(), None);

    // Who reads what is replaced does not get half of each.
    let before = store.blob(&here, "c", "o").await.unwrap().unwrap();
    store.put_blob(&here, new("c", "o", b"two")).await.unwrap();
    assert_eq!(read(store, &here, "c", "o").await.unwrap(), b"two");
    let gone = store.blob_part(before.id, 0).await;
    assert!(matches!(gone, Err(Error::NotFound)), "{gone:?}");

    let names = vec!["o".to_owned(), "absent".to_owned()];
    let deleted = store.delete_blobs(&here, "c", Some(names)).await;
    deleted.unwrap();
    assert_eq!(store.blob(&here, "c", "o").await.unwrap(), None);
    assert!(store.blob(&here, "c", "").await.unwrap().is_some());
    store.delete_container(&here, "c").await.unwrap();
    store.delete_container(&here, "c").await.unwrap();
    assert_eq!(store.container_created(&here, "c").await.unwrap(), None);
    store.create_container(&here, "c", at(5)).await.unwrap();
    assert_eq!(store.blob(&here, "c", "").await.unwrap(), None);
}

pub async fn long_objects_are_written_in_parts_that_nobody_sees(store: &(impl Store + ?Sized)) {
    let app = app("app");
    store.create_container(&app, "c", at(0)).await.unwrap();
    let id = store.begin_blob(&app).await.unwrap();
    for part in 0..3_u8 {
        let bytes = vec![part; PART];
        store
            .append_blob(&app, id, part.into(), bytes)
            .await
            .unwrap();
    }
    let names = store.blob_names(&app, "c", None, 9).await.unwrap();
    assert!(names.is_empty());
    let mut long = new("c", "long", b"end");
    long.begun = Some((id, 3));
    // Another app cannot take it.
    store
        .create_container(&super::app("b"), "c", at(0))
        .await
        .unwrap();
    let stolen = store.put_blob(&super::app("b"), long.clone()).await;
    assert!(matches!(stolen, Err(Error::NotFound)), "{stolen:?}");
    store.put_blob(&app, long.clone()).await.unwrap();
    let whole = read(store, &app, "c", "long").await.unwrap();
    assert_eq!(whole.len(), 3 * PART + 3);
    assert!(whole[PART..2 * PART].iter().all(|byte| *byte == 1));
    assert_eq!(whole[3 * PART..], *b"end");
    // Only once, and what was put somewhere is not given up.
    assert!(matches!(
        store.put_blob(&app, long).await,
        Err(Error::NotFound)
    ));
    store.give_up_blob(&app, id);
    assert!(read(store, &app, "c", "long").await.is_some());

    let given_up = store.begin_blob(&app).await.unwrap();
    assert_ne!(given_up, id);
    store
        .append_blob(&app, given_up, 0, vec![9; PART])
        .await
        .unwrap();
    store.give_up_blob(&app, given_up);
    // It is queued behind whatever was asked for before.
    let mut refused = Ok(());
    for part in 1..100 {
        refused = store.append_blob(&app, given_up, part, vec![9; PART]).await;
        if refused.is_err() {
            break;
        }
    }
    assert!(matches!(refused, Err(Error::NotFound)), "{refused:?}");
    let mut lost = new("c", "lost", b"");
    lost.begun = Some((given_up, 1));
    assert!(matches!(
        store.put_blob(&app, lost).await,
        Err(Error::NotFound)
    ));
    let absent = store
        .append_blob(&app, BlobId(u64::MAX >> 1), 0, Vec::new())
        .await;
    assert!(matches!(absent, Err(Error::NotFound)), "{absent:?}");
}

pub async fn objects_are_bounded(store: &(impl Store + ?Sized)) {
    let app = app("app");
    let fits = "n".repeat(BlobLimits::NAME_BYTES_MAX);
    let too_long = format!("{fits}n");
    store.create_container(&app, &fits, at(0)).await.unwrap();
    store.put_blob(&app, new(&fits, &fits, b"x")).await.unwrap();
    let refused = store.create_container(&app, &too_long, at(0)).await;
    assert!(matches!(refused, Err(Error::TooLarge(_))), "{refused:?}");
    let refused = store.put_blob(&app, new(&fits, &too_long, b"x")).await;
    assert!(matches!(refused, Err(Error::TooLarge(_))), "{refused:?}");
    for number in 1..BlobLimits::CONTAINERS_MAX {
        let name = number.to_string();
        store.create_container(&app, &name, at(0)).await.unwrap();
    }
    let refused = store.create_container(&app, "one more", at(0)).await;
    assert!(matches!(refused, Err(Error::TooLarge(_))), "{refused:?}");
    // One that is there is no further one.
    store.create_container(&app, "1", at(0)).await.unwrap();
    let too_large = NewBlob {
        begun: Some((BlobId(u64::MAX >> 1), 1024)),
        ..new("1", "o", b"x")
    };
    assert!(too_large.size() > BlobLimits::OBJECT_BYTES_MAX);
    assert!(store.put_blob(&app, too_large).await.is_err());
}

pub async fn names_of_objects_are_read_in_pages(store: &(impl Store + ?Sized)) {
    let app = app("app");
    for container in ["c", "other"] {
        store
            .create_container(&app, container, at(0))
            .await
            .unwrap();
    }
    for name in ["b", "", "a", "é", "ab"] {
        store.put_blob(&app, new("c", name, b"v")).await.unwrap();
        store.put_blob(&app, new("other", "z", b"v")).await.unwrap();
    }
    let names = |after, limit| store.blob_names(&app, "c", after, limit);
    assert_eq!(names(None, 9).await.unwrap(), ["", "a", "ab", "b", "é"]);
    assert_eq!(names(None, 2).await.unwrap(), ["", "a"]);
    assert_eq!(names(Some("a"), 2).await.unwrap(), ["ab", "b"]);
    assert_eq!(names(Some(""), 1).await.unwrap(), ["a"]);
    assert!(names(Some("é"), 9).await.unwrap().is_empty());
    store.delete_blobs(&app, "c", None).await.unwrap();
    assert!(names(None, 9).await.unwrap().is_empty());
    assert_eq!(
        store.blob_names(&app, "other", None, 9).await.unwrap(),
        ["z"]
    );
    assert!(store.container_created(&app, "c").await.unwrap().is_some());
}
