//! An album: what is said about it, and where its pictures are stored.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use weft_sdk::kv;

use crate::colours::Colours;
use crate::metadata::Exif;

/// An uploaded album.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Album {
    pub(crate) id: String,
    /// The names of its pictures, in the order of the archive.
    pub(crate) pictures: Vec<String>,
}

/// One picture of an album.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct PictureRef {
    pub(crate) album: String,
    pub(crate) position: usize,
    pub(crate) name: String,
}

/// What was found out about a picture.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Picture {
    /// The format by its contents, whatever the name says: `jpeg` or `png`.
    pub(crate) format: String,
    pub(crate) width: u32,
    pub(crate) height: u32,
    pub(crate) colours: Colours,
    pub(crate) exif: Exif,
}

/// A picture in the album's report: a picture that cannot be read does not spoil the others.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Entry {
    pub(crate) name: String,
    #[serde(flatten)]
    pub(crate) found: Found,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Found {
    Picture(Picture),
    /// Why there is none.
    Problem(String),
}

/// What to put on a contact sheet.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct SheetOrder {
    pub(crate) album: String,
    /// The positions of the pictures that have a thumbnail.
    pub(crate) positions: Vec<usize>,
}

/// A contact sheet that was stored.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Sheet {
    pub(crate) width: u32,
    pub(crate) height: u32,
    pub(crate) bytes: usize,
}

/// The finished album.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Developed {
    pub(crate) pictures: Vec<Entry>,
    /// Absent where no picture could be read.
    pub(crate) sheet: Option<Sheet>,
}

/// The storage of one album.
pub(crate) struct Storage {
    bucket: kv::Bucket,
    album: String,
}

impl Storage {
    pub(crate) fn open(album: &str) -> Result<Self, kv::Error> {
        Ok(Self {
            bucket: kv::open("default")?,
            album: album.to_owned(),
        })
    }

    pub(crate) fn set_original(&self, position: usize, bytes: &[u8]) -> Result<(), kv::Error> {
        self.bucket.set(&self.key(position, "original"), bytes)
    }

    pub(crate) fn original(&self, position: usize) -> Result<Option<Vec<u8>>, kv::Error> {
        self.bucket.get(&self.key(position, "original"))
    }

    pub(crate) fn set_thumbnail(&self, position: usize, png: &[u8]) -> Result<(), kv::Error> {
        self.bucket.set(&self.key(position, "thumbnail"), png)
    }

    pub(crate) fn thumbnail(&self, position: usize) -> Result<Option<Vec<u8>>, kv::Error> {
        self.bucket.get(&self.key(position, "thumbnail"))
    }

    pub(crate) fn set_sheet(&self, png: &[u8]) -> Result<(), kv::Error> {
        self.bucket.set(&self.sheet_key(), png)
    }

    pub(crate) fn sheet(&self) -> Result<Option<Vec<u8>>, kv::Error> {
        self.bucket.get(&self.sheet_key())
    }

    fn key(&self, position: usize, what: &str) -> String {
        format!("albums/{}/{position}/{what}", self.album)
    }

    fn sheet_key(&self) -> String {
        format!("albums/{}/sheet", self.album)
    }
}
