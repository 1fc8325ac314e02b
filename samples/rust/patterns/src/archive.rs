//! Objects: bytes that are kept and read in pieces.

use std::io::Write as _;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use weft_sdk::{Failure, blob};

/// What `archive` finds in its container.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Found {
    /// The text of the call before.
    before: Option<String>,
    size: u64,
    middle: String,
    names: Vec<String>,
    absent: bool,
}

/// Keeps a text, and 200,000 times the text, as objects.
#[weft_sdk::activity]
pub(crate) fn archive(text: String) -> Result<Found, Failure> {
    let container = blob::open("archive")?;
    let before = container.get("short")?;
    container.put("short", text.as_bytes())?;
    let mut long = container.write("long")?;
    for _ in 0..200 {
        long.write_all(text.repeat(1000).as_bytes())?;
    }
    long.finish()?;
    container.put("gone", b"")?;
    container.delete("gone")?;
    let middle = text.len() as u64 * 100_000;
    let middle = container.get_range("long", middle..middle + 8)?;
    Ok(Found {
        before: before.map(String::from_utf8).transpose()?,
        size: container.info("long")?.map_or(0, |info| info.size),
        middle: String::from_utf8(middle.unwrap_or_default())?,
        names: container.names()?,
        absent: container.get("gone")?.is_none(),
    })
}
