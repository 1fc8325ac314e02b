//! Key-value pairs.

use super::app;
use crate::{Error, KvLimits, Store};

pub async fn pairs_are_kept_by_app_and_bucket(store: &(impl Store + ?Sized)) {
    let (here, there) = (app("here"), app("there"));
    assert_eq!(store.kv_get(&here, "b", "k").await.unwrap(), None);
    store.kv_delete(&here, "b", "k").await.unwrap();
    store.kv_set(&here, "b", "k", b"one").await.unwrap();
    store.kv_set(&here, "b", "k", b"two\0\xff").await.unwrap();
    store.kv_set(&here, "b", "", b"").await.unwrap();
    assert_eq!(
        store.kv_get(&here, "b", "k").await.unwrap().unwrap(),
        b"two\0\xff"
    );
    assert_eq!(store.kv_get(&here, "b", "").await.unwrap().unwrap(), b"");
    assert_eq!(store.kv_get(&here, "c", "k").await.unwrap(), None);
    assert_eq!(store.kv_get(&there, "b", "k").await.unwrap(), None);
    store.kv_delete(&here, "b", "k").await.unwrap();
    assert_eq!(store.kv_get(&here, "b", "k").await.unwrap(), None);
}

pub async fn pairs_are_bounded(store: &(impl Store + ?Sized)) {
    let app = app("app");
    let fits = "n".repeat(KvLimits::NAME_BYTES_MAX);
    let too_long = format!("{fits}n");
    let large = vec![0; KvLimits::VALUE_BYTES_MAX];
    store.kv_set(&app, &fits, &fits, &large).await.unwrap();
    let stored = store.kv_get(&app, &fits, &fits).await.unwrap();
    assert_eq!(stored.map(|value| value.len()), Some(large.len()));
    let larger = [large.as_slice(), b"x"].concat();
    for (bucket, key, value) in [
        (too_long.as_str(), "k", b"v".as_slice()),
        ("b", &too_long, b"v"),
        ("b", "k", &larger),
    ] {
        let refused = store.kv_set(&app, bucket, key, value).await;
        assert!(matches!(refused, Err(Error::TooLarge(_))), "{refused:?}");
    }
    let refused = store.kv_increment(&app, "b", &too_long, 1).await;
    assert!(matches!(refused, Err(Error::TooLarge(_))));
    assert_eq!(store.kv_get(&app, "b", "k").await.unwrap(), None);
}

pub async fn numbers_are_incremented_at_once(store: &(impl Store + ?Sized)) {
    let app = app("app");
    let add = |delta| store.kv_increment(&app, "b", "n", delta);
    assert_eq!(add(5).await.unwrap(), 5);
    assert_eq!(add(-7).await.unwrap(), -2);
    assert_eq!(store.kv_get(&app, "b", "n").await.unwrap().unwrap(), b"-2");
    let (one, two, three) = tokio::join!(add(1), add(1), add(1));
    let mut sums = [one.unwrap(), two.unwrap(), three.unwrap()];
    sums.sort_unstable();
    assert_eq!(sums, [-1, 0, 1]);
    assert!(matches!(add(i64::MAX).await, Err(Error::TooLarge(_))));
    assert_eq!(add(0).await.unwrap(), 1);
    store.kv_set(&app, "b", "n", b"no number").await.unwrap();
    assert!(matches!(add(1).await, Err(Error::TooLarge(_))));
    let kept = store.kv_get(&app, "b", "n").await.unwrap();
    assert_eq!(kept.unwrap(), b"no number");
}

pub async fn keys_of_a_bucket_are_read_in_pages(store: &(impl Store + ?Sized)) {
    let app = app("app");
    for key in ["b", "", "a", "é", "ab"] {
        store.kv_set(&app, "bucket", key, b"v").await.unwrap();
        store.kv_set(&app, "other", "z", b"v").await.unwrap();
    }
    let keys = |after, limit| store.kv_keys(&app, "bucket", after, limit);
    assert_eq!(keys(None, 9).await.unwrap(), ["", "a", "ab", "b", "é"]);
    assert_eq!(keys(None, 2).await.unwrap(), ["", "a"]);
    assert_eq!(keys(Some("a"), 2).await.unwrap(), ["ab", "b"]);
    assert_eq!(keys(Some(""), 1).await.unwrap(), ["a"]);
    assert!(keys(Some("é"), 9).await.unwrap().is_empty());
    let none = store.kv_keys(&app, "absent", None, 9).await.unwrap();
    assert!(none.is_empty());
}
