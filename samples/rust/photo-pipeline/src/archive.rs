//! Taking pictures out of a ZIP that a stranger made.
//!
//! Everything is bounded by what is really decompressed, not by what the archive says of itself.

use std::io::{Cursor, Read};

use zip::ZipArchive;
use zip::result::ZipError;

/// The archive itself.
pub(crate) const ARCHIVE_BYTES_MAX: usize = 32 << 20;
/// Entries of any kind; folders and the like count too.
const ENTRIES_MAX: usize = 1_000;
const PICTURES_MAX: usize = 100;
/// One decompressed picture.
const PICTURE_BYTES_MAX: u64 = 24 << 20;
/// All decompressed pictures.
const TOTAL_BYTES_MAX: u64 = 128 << 20;
const NAME_BYTES_MAX: usize = 255;

/// Why an archive is refused.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("The body is no readable ZIP archive: {0}.")]
    Malformed(#[source] ZipError),
    #[error("The archive has more than {ENTRIES_MAX} entries.")]
    TooManyEntries,
    #[error("The archive has more than {PICTURES_MAX} pictures.")]
    TooManyPictures,
    #[error("{0} has more than {PICTURE_BYTES_MAX} bytes.")]
    PictureTooLarge(String),
    #[error("The pictures have more than {TOTAL_BYTES_MAX} bytes together.")]
    TooLarge,
    #[error("{0} is damaged.")]
    Damaged(String),
    #[error("The archive has no JPEG or PNG pictures.")]
    Empty,
}

/// Calls `store` with the name and bytes of each picture, one after the other, so that only one is
/// in memory. Other files are passed over.
///
/// # Errors
/// [`Error`] for the archive, or what `store` fails with.
pub(crate) fn unpack<E: From<Error>>(
    archive: &[u8],
    mut store: impl FnMut(usize, &str, &[u8]) -> Result<(), E>,
) -> Result<Vec<String>, E> {
    let mut archive = ZipArchive::new(Cursor::new(archive)).map_err(Error::Malformed)?;
    if archive.len() > ENTRIES_MAX {
        return Err(Error::TooManyEntries.into());
    }
    let mut names = Vec::new();
    let mut total = 0;
    for index in 0..archive.len() {
        let mut file = archive.by_index(index).map_err(Error::Malformed)?;
        let Some(name) = picture_name(&file) else {
            continue;
        };
        if names.len() == PICTURES_MAX {
            return Err(Error::TooManyPictures.into());
        }
        let bytes = read(&mut file, &name)?;
        total += bytes.len() as u64;
        if total > TOTAL_BYTES_MAX {
            return Err(Error::TooLarge.into());
        }
        store(names.len(), &name, &bytes)?;
        names.push(name);
    }
    if names.is_empty() {
        return Err(Error::Empty.into());
    }
    Ok(names)
}

/// The name of a picture without folders; nothing for anything else. Hidden files are what systems
/// add to archives on their own.
fn picture_name<R: Read>(file: &zip::read::ZipFile<'_, R>) -> Option<String> {
    if !file.is_file() {
        return None;
    }
    let path = file.enclosed_name()?;
    let name = path.file_name()?.to_str()?;
    let (_, extension) = name.rsplit_once('.')?;
    let known = ["jpg", "jpeg", "png"];
    let wanted = !name.starts_with('.')
        && name.len() <= NAME_BYTES_MAX
        && known
            .iter()
            .any(|known| extension.eq_ignore_ascii_case(known));
    wanted.then(|| name.to_owned())
}

fn read(file: &mut impl Read, name: &str) -> Result<Vec<u8>, Error> {
    let mut bytes = Vec::new();
    file.take(PICTURE_BYTES_MAX + 1)
        .read_to_end(&mut bytes)
        .map_err(|_| Error::Damaged(name.to_owned()))?;
    if bytes.len() as u64 > PICTURE_BYTES_MAX {
        return Err(Error::PictureTooLarge(name.to_owned()));
    }
    Ok(bytes)
}
