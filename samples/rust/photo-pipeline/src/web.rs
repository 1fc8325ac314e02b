//! The HTTP functions: upload an album, see how far it is, fetch its contact sheet.

use serde::Serialize;
use weft_sdk::client::{self, RuntimeStatus};
use weft_sdk::http::{Error, Request, Response};

use crate::album::{Album, Developed, Storage};
use crate::archive::{self, ARCHIVE_BYTES_MAX};
use crate::develop::develop;

#[derive(Serialize)]
struct Accepted {
    id: String,
    pictures: usize,
    status_url: String,
    sheet_url: String,
}

#[derive(Serialize)]
struct AlbumStatus {
    id: String,
    /// `pending`, `running`, `completed`, ...
    status: String,
    /// Absent until the album is developed.
    album: Option<Developed>,
}

impl From<archive::Error> for Error {
    fn from(error: archive::Error) -> Self {
        Self::new(400, "bad-archive", error.to_string())
    }
}

/// Takes a ZIP of JPEG and PNG photographs and begins to develop it.
#[weft_sdk::http(route = "photos", methods = ["POST"])]
pub(crate) fn upload(mut request: Request) -> Result<Response, Error> {
    let archive = request.body(ARCHIVE_BYTES_MAX)?;
    let id = new_id();
    let storage = Storage::open(&id)?;
    let pictures = archive::unpack(&archive, |position, _name, bytes| {
        storage.set_original(position, bytes).map_err(Error::from)
    })?;
    let album = Album {
        id: id.clone(),
        pictures,
    };
    client::start_orchestrator::<develop>(&album, Some(&id))?;
    let status_url = format!("{}/{id}", request.public_path().trim_end_matches('/'));
    let accepted = Accepted {
        pictures: album.pictures.len(),
        sheet_url: format!("{status_url}/sheet"),
        status_url: status_url.clone(),
        id,
    };
    let response = Response::json(&accepted)?.with_status(202);
    Ok(response.with_header("location", status_url))
}

/// Says how far an album is, and what is known of its pictures when it is developed.
#[weft_sdk::http(route = "photos/{id}", methods = ["GET"])]
pub(crate) fn album(request: Request) -> Result<Response, Error> {
    let id = album_id(&request)?;
    let status = client::get_status(id)?;
    let album = AlbumStatus {
        id: id.to_owned(),
        status: name_of(status.runtime_status).to_owned(),
        album: status.output()?,
    };
    let response = Response::json(&album)?;
    Ok(if status.has_ended() {
        response
    } else {
        response.with_status(202).with_header("retry-after", "1")
    })
}

/// Gives the contact sheet of an album as a PNG.
#[weft_sdk::http(route = "photos/{id}/sheet", methods = ["GET"])]
pub(crate) fn sheet(request: Request) -> Result<Response, Error> {
    let id = album_id(&request)?;
    match Storage::open(id)?.sheet()? {
        Some(png) => Ok(Response::bytes("image/png", png)),
        None => Err(Error::not_found("The album has no contact sheet (yet).")),
    }
}

/// Only what could be the id of an album goes into keys.
fn album_id(request: &Request) -> Result<&str, Error> {
    let id = request.param("id").unwrap_or_default();
    let valid = id.len() == ID_DIGITS && id.bytes().all(|byte| byte.is_ascii_hexdigit());
    valid
        .then_some(id)
        .ok_or_else(|| Error::not_found("There is no such album."))
}

const ID_DIGITS: usize = 32;

/// 128 random bits: nobody finds another's album by trying.
fn new_id() -> String {
    let bytes = wasip2::random::random::get_random_bytes(ID_DIGITS as u64 / 2);
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn name_of(status: RuntimeStatus) -> &'static str {
    match status {
        RuntimeStatus::Pending => "pending",
        RuntimeStatus::Running => "running",
        RuntimeStatus::Suspended => "suspended",
        RuntimeStatus::Completed => "completed",
        RuntimeStatus::Failed => "failed",
        RuntimeStatus::Terminated => "terminated",
    }
}
