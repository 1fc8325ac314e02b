//! Secrets and connections: sealed before they reach the store, opened for those who use them.
//!
//! A value is bound to its app, its kind and its name, so that one that was moved in the store does
//! not open. The key is 32 bytes: `WEFT_SECRETS_KEY` in 64 hexadecimal digits, else the file
//! `secrets.key` of the data directory, which the first start makes. A backup does not hold it.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use lru::LruCache;
use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use weft_id::AppId;
use weft_sandbox::Secrets;
use weft_store::{Error, Sealed, SealedKind, Store};

/// Tells this way of sealing from any later one.
const VERSION: u8 = 1;
const APPS_MAX: NonZeroUsize = NonZeroUsize::new(1024).expect("not zero");

/// Encrypts and decrypts.
pub(crate) struct Sealer(LessSafeKey);

impl Sealer {
    pub(crate) fn new(key: &[u8; 32]) -> Self {
        let key = UnboundKey::new(&CHACHA20_POLY1305, key).expect("the key has 32 bytes");
        Self(LessSafeKey::new(key))
    }

    pub(crate) fn seal(&self, app: &AppId, kind: SealedKind, name: &str, plain: &str) -> Vec<u8> {
        let nonce: [u8; NONCE_LEN] = rand::random();
        let mut sealed = plain.as_bytes().to_vec();
        self.0
            .seal_in_place_append_tag(
                Nonce::assume_unique_for_key(nonce),
                place(app, kind, name),
                &mut sealed,
            )
            .expect("a value is far shorter than what the cipher can take");
        [&[VERSION], nonce.as_slice(), &sealed].concat()
    }

    /// # Errors
    /// For a person, without what was sealed.
    pub(crate) fn unseal(
        &self,
        app: &AppId,
        kind: SealedKind,
        sealed: &Sealed,
    ) -> Result<String, String> {
        let name = &sealed.name;
        let why = || {
            let kind = kind.as_str();
            format!(
                "the {kind} {name} of {app} was sealed with another key: start the node with its \
                 secrets.key or WEFT_SECRETS_KEY, or write it again"
            )
        };
        let (head, rest) = sealed
            .value
            .split_at_checked(1 + NONCE_LEN)
            .ok_or_else(why)?;
        let nonce = head.strip_prefix(&[VERSION]).ok_or_else(why)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| why())?;
        let mut opened = rest.to_vec();
        let place = place(app, kind, name);
        let plain = self.0.open_in_place(nonce, place, &mut opened);
        let plain = plain.map_err(|_| why())?;
        String::from_utf8(plain.to_vec()).map_err(|_| why())
    }
}

/// No name holds a line break, so that places do not run into each other.
fn place(app: &AppId, kind: SealedKind, name: &str) -> Aad<Vec<u8>> {
    Aad::from(format!("{app}\n{}\n{name}", kind.as_str()).into_bytes())
}

/// What apps keep sealed, opened once and kept at hand.
pub(crate) struct Vaults {
    store: Arc<dyn Store>,
    sealer: Sealer,
    kept: Mutex<LruCache<AppId, Arc<OfApp>>>,
    /// Apart from these, which may not open while the keys of workflows do.
    access_keys: Mutex<LruCache<AppId, Arc<AccessKeys>>>,
}

/// What the keys of workflows are told from each other by, by the names of the workflows.
pub(crate) type AccessKeys = BTreeMap<String, String>;

/// By name, opened.
#[derive(Default)]
pub(crate) struct OfApp {
    pub(crate) secrets: Arc<BTreeMap<String, String>>,
    pub(crate) connections: Arc<BTreeMap<String, String>>,
}

/// Why what an app keeps cannot be had.
#[derive(Debug, thiserror::Error)]
pub(crate) enum VaultError {
    #[error(transparent)]
    Store(#[from] Error),
    #[error("{0}")]
    Sealed(String),
}

impl Vaults {
    pub(crate) fn new(store: Arc<dyn Store>, sealer: Sealer) -> Self {
        Self {
            store,
            sealer,
            kept: Mutex::new(LruCache::new(APPS_MAX)),
            access_keys: Mutex::new(LruCache::new(APPS_MAX)),
        }
    }

    pub(crate) fn sealer(&self) -> &Sealer {
        &self.sealer
    }

    pub(crate) async fn of_app(&self, app: &AppId) -> Result<Arc<OfApp>, VaultError> {
        if let Some(kept) = locked(&self.kept).get(app) {
            return Ok(Arc::clone(kept));
        }
        let of_app = Arc::new(OfApp {
            secrets: Arc::new(self.open(app, SealedKind::Secret).await?),
            connections: Arc::new(self.open(app, SealedKind::Connection).await?),
        });
        locked(&self.kept).put(app.clone(), Arc::clone(&of_app));
        Ok(of_app)
    }

    /// # Errors
    /// The store's; [`Error::Broken`] where one was sealed with another key.
    pub(crate) async fn access_keys(&self, app: &AppId) -> Result<Arc<AccessKeys>, Error> {
        if let Some(kept) = locked(&self.access_keys).get(app) {
            return Ok(Arc::clone(kept));
        }
        let opened = self.open(app, SealedKind::AccessKey).await;
        let opened = opened.map_err(|error| match error {
            VaultError::Store(error) => error,
            VaultError::Sealed(reason) => Error::Broken { reason },
        })?;
        let opened = Arc::new(opened);
        locked(&self.access_keys).put(app.clone(), Arc::clone(&opened));
        Ok(opened)
    }

    async fn open(
        &self,
        app: &AppId,
        kind: SealedKind,
    ) -> Result<BTreeMap<String, String>, VaultError> {
        let mut all = BTreeMap::new();
        for sealed in self.store.sealed(app, kind).await? {
            let opened = self.sealer.unseal(app, kind, &sealed);
            all.insert(sealed.name, opened.map_err(VaultError::Sealed)?);
        }
        Ok(all)
    }

    /// After a change, so that whoever asks next reads it.
    pub(crate) fn forget(&self, app: &AppId) {
        locked(&self.kept).pop(app);
        locked(&self.access_keys).pop(app);
    }
}

fn locked<T>(kept: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    kept.lock().unwrap_or_else(PoisonError::into_inner)
}

#[async_trait]
impl Secrets for Vaults {
    async fn of_app(&self, app: &AppId) -> Result<Arc<BTreeMap<String, String>>, String> {
        let of_app = Self::of_app(self, app).await;
        let of_app = of_app.map_err(|error| error.to_string())?;
        Ok(Arc::clone(&of_app.secrets))
    }
}

/// # Errors
/// Where the text is not 64 hexadecimal digits.
pub(crate) fn key_of(text: &str) -> Result<[u8; 32], String> {
    let wrong = || "WEFT_SECRETS_KEY must have 64 hexadecimal digits".to_owned();
    let digest: weft_store::Digest = text.trim().parse().map_err(|_| wrong())?;
    Ok(digest.0)
}

#[cfg(test)]
mod tests {
    use weft_orchestration::Timestamp;
    use weft_store::{MemoryStore, Vault as _};

    use super::*;

    fn sealed(sealer: &Sealer, app: &AppId, name: &str, plain: &str) -> Sealed {
        Sealed {
            name: name.to_owned(),
            value: sealer.seal(app, SealedKind::Secret, name, plain),
            updated_at: Timestamp::default(),
        }
    }

    #[test]
    fn what_was_sealed_opens_in_its_place_and_nowhere_else() {
        let sealer = Sealer::new(&[7; 32]);
        let app = AppId::default();
        let one = sealed(&sealer, &app, "a", "canary");
        assert!(!String::from_utf8_lossy(&one.value).contains("canary"));
        assert_ne!(one.value, sealed(&sealer, &app, "a", "canary").value);
        let open =
            |sealer: &Sealer, app: &AppId, kind, sealed: &Sealed| sealer.unseal(app, kind, sealed);
        let kind = SealedKind::Secret;
        assert_eq!(open(&sealer, &app, kind, &one).as_deref(), Ok("canary"));
        let moved = Sealed {
            name: "b".to_owned(),
            ..one.clone()
        };
        assert!(open(&sealer, &app, kind, &moved).is_err());
        assert!(open(&sealer, &app, SealedKind::Connection, &one).is_err());
        let other = AppId::new("other".parse().unwrap(), app.app.clone());
        assert!(open(&sealer, &other, kind, &one).is_err());
        assert!(open(&Sealer::new(&[8; 32]), &app, kind, &one).is_err());
        for index in 0..one.value.len() {
            let mut flipped = one.clone();
            flipped.value[index] ^= 1;
            assert!(open(&sealer, &app, kind, &flipped).is_err(), "{index}");
        }
        let short = Sealed {
            value: vec![VERSION],
            ..one
        };
        assert!(open(&sealer, &app, kind, &short).is_err());
    }

    #[tokio::test]
    async fn a_change_is_seen_once_what_was_kept_is_forgotten() {
        let store = Arc::new(MemoryStore::new());
        let vaults = Vaults::new(store.clone(), Sealer::new(&[1; 32]));
        let app = AppId::default();
        assert!(vaults.of_app(&app).await.unwrap().secrets.is_empty());
        let one = sealed(vaults.sealer(), &app, "a", "x");
        store
            .put_sealed(&app, SealedKind::Secret, one)
            .await
            .unwrap();
        vaults.forget(&app);
        assert_eq!(vaults.of_app(&app).await.unwrap().secrets["a"], "x");
    }

    #[test]
    fn a_key_is_64_digits() {
        assert_eq!(key_of(&format!("{}\n", "0a".repeat(32))), Ok([10; 32]));
        assert!(key_of("secret").is_err());
    }
}
