//! The format of keys, and making them.

use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq;
use weft_id::{App, Tenant};
use weft_orchestration::Timestamp;
use weft_store::{Error, KeyId, KeyRecord, Role, Store};

/// No key is longer; longer texts are refused unread.
const KEY_LEN_MAX: usize = 256;

/// What [`create`] takes.
#[derive(Debug, Clone)]
pub struct NewKey {
    /// `None` for a key of the node's operator.
    pub tenant: Option<Tenant>,
    pub role: Role,
    /// The apps that it is for; `None` for all of its tenant.
    pub apps: Option<Vec<App>>,
    /// What a person calls it.
    pub label: String,
    pub expires_at: Option<Timestamp>,
}

/// Makes a key with 256 random bits of secret and stores its hash. The text returned beside the
/// record is the key itself and can never be read again.
///
/// # Errors
/// Those of the store.
pub async fn create(
    store: &dyn Store,
    new: NewKey,
    now: Timestamp,
) -> Result<(KeyRecord, String), Error> {
    let (record, key) = make(new, now);
    store.put_key(record.clone()).await?;
    Ok((record, key))
}

/// Makes a key in place of another one of the same holder, which works until `until`.
///
/// # Errors
/// [`Error::NotFound`] where the other one is gone; those of the store.
pub(crate) async fn rotate(
    store: &dyn Store,
    old: KeyRecord,
    until: Timestamp,
    now: Timestamp,
) -> Result<(KeyRecord, String), Error> {
    let new = NewKey {
        tenant: old.tenant,
        role: old.role,
        apps: old.apps,
        label: old.label,
        expires_at: old.expires_at,
    };
    let (record, key) = make(new, now);
    store.rotate_key(&old.id, record.clone(), until).await?;
    Ok((record, key))
}

fn make(new: NewKey, now: Timestamp) -> (KeyRecord, String) {
    let id = KeyId(hex::encode(rand::random::<[u8; 8]>()));
    let secret = hex::encode(rand::random::<[u8; 32]>());
    let key = format!("{}.{secret}", id.0);
    let record = KeyRecord {
        id,
        tenant: new.tenant,
        role: new.role,
        apps: new.apps,
        hash: Sha256::digest(key.as_bytes()).into(),
        label: new.label,
        created_at: now,
        expires_at: new.expires_at,
    };
    (record, key)
}

/// The record of a presented key, where it is genuine and has not expired.
pub(super) async fn verify(
    store: &dyn Store,
    presented: &str,
    now: Timestamp,
) -> Result<Option<KeyRecord>, Error> {
    if presented.len() > KEY_LEN_MAX {
        return Ok(None);
    }
    let Some((id, _)) = presented.split_once('.') else {
        return Ok(None);
    };
    let Some(record) = store.key(&KeyId(id.to_owned())).await? else {
        return Ok(None);
    };
    let hash: [u8; 32] = Sha256::digest(presented.as_bytes()).into();
    let genuine: bool = hash.ct_eq(&record.hash).into();
    let alive = record.expires_at.is_none_or(|expires| now < expires);
    Ok((genuine && alive).then_some(record))
}
