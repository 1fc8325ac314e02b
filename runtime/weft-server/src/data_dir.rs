//! The small files of a data directory: the operator's key, the secret that signs native code and the
//! one that seals what apps keep secret.
//!
//! All are readable by their owner only and appear whole or not at all. What the store keeps in
//! the same directory is its own business.

use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use weft_api::auth::{NewKey, create};
use weft_orchestration::Timestamp;
use weft_store::{Role, Store};

/// # Errors
/// When the directory cannot be made.
pub(crate) fn create_private(dir: &Path) -> io::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(dir)
}

/// The secret that native code is signed with; made on the first start.
///
/// # Errors
/// When the file cannot be read or written, or is not 32 bytes long.
pub(crate) fn signing_key(dir: &Path) -> io::Result<[u8; 32]> {
    key_file(&dir.join("native.key"), "remove it")
}

/// The secret that what apps keep secret is sealed with; made on the first start.
///
/// # Errors
/// When the file cannot be read or written, or is not 32 bytes long.
pub(crate) fn secrets_key(dir: &Path) -> io::Result<[u8; 32]> {
    let advice = "nothing that was sealed with it can be read; bring back a copy of it";
    key_file(&dir.join("secrets.key"), advice)
}

fn key_file(path: &Path, advice: &str) -> io::Result<[u8; 32]> {
    match std::fs::read(path) {
        Ok(bytes) => bytes.try_into().map_err(|_| {
            let what = format!("{} is damaged; {advice}", path.display());
            io::Error::new(io::ErrorKind::InvalidData, what)
        }),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let key: [u8; 32] = rand::random();
            write_private(path, &key)?;
            Ok(key)
        }
        Err(error) => Err(error),
    }
}

/// Why there is no key for the operator.
#[derive(Debug, thiserror::Error)]
pub(crate) enum KeyError {
    #[error("the operator's key cannot be written")]
    File(#[from] io::Error),
    #[error("the operator's key cannot be stored")]
    Store(#[from] weft_store::Error),
}

/// Makes sure that `operator.key` holds a key: makes one on the first start, and another one where
/// the file or the store has lost it. Another key replaces every operator's key before it.
pub(crate) async fn ensure_operator_key(
    dir: &Path,
    store: &dyn Store,
    now: Timestamp,
) -> Result<PathBuf, KeyError> {
    let path = dir.join("operator.key");
    let known = match std::fs::read_to_string(&path) {
        Ok(text) => {
            let id = text.split('.').next().unwrap_or_default().to_owned();
            store.key(&weft_store::KeyId(id)).await?.is_some()
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => false,
        Err(error) => return Err(error.into()),
    };
    if !known {
        let key = new_operator_key(store, now).await?;
        write_private(&path, format!("{key}\n").as_bytes())?;
        // A lost key may be in wrong hands, and there is no other way to be rid of it.
        let new = key.split('.').next().unwrap_or_default();
        for other in store.keys(None).await? {
            if other.id.0 != new {
                store.delete_key(&other.id).await?;
            }
        }
    }
    Ok(path)
}

/// A new key of the operator.
pub(crate) async fn new_operator_key(
    store: &dyn Store,
    now: Timestamp,
) -> Result<String, weft_store::Error> {
    let new = NewKey {
        tenant: None,
        role: Role::Operator,
        apps: None,
        label: "made by the node".to_owned(),
        expires_at: None,
    };
    let (_, key) = create(store, new, now).await?;
    Ok(key)
}

/// Writes beside the file and renames, so that no reader sees half of it.
fn write_private(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let dir = path.parent().expect("the file lies in the data directory");
    let name = path.file_name().expect("the path names a file");
    let draft = dir.join(format!(".{}.new", name.to_string_lossy()));
    let mut options = std::fs::File::options();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(&draft)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    std::fs::rename(&draft, path)?;
    std::fs::File::open(dir)?.sync_all()
}

#[cfg(test)]
mod tests {
    use weft_store::{Keys, MemoryStore};

    use super::*;

    #[tokio::test]
    async fn a_lost_key_is_replaced_and_a_kept_one_stays() {
        let dir = tempfile::tempdir().unwrap();
        let store = MemoryStore::new();
        let now = Timestamp::default();
        let path = ensure_operator_key(dir.path(), &store, now).await.unwrap();
        let first = std::fs::read_to_string(&path).unwrap();
        ensure_operator_key(dir.path(), &store, now).await.unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), first);
        std::fs::remove_file(&path).unwrap();
        ensure_operator_key(dir.path(), &store, now).await.unwrap();
        assert_ne!(std::fs::read_to_string(&path).unwrap(), first);
        assert_eq!(
            store.keys(None).await.unwrap().len(),
            1,
            "the lost one is void"
        );
    }

    #[cfg(unix)]
    #[test]
    fn secrets_are_readable_by_their_owner_only() {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().unwrap();
        let key = signing_key(dir.path()).unwrap();
        assert_eq!(signing_key(dir.path()).unwrap(), key);
        let mode = std::fs::metadata(dir.path().join("native.key")).unwrap();
        assert_eq!(mode.permissions().mode() & 0o777, 0o600);
    }
}
