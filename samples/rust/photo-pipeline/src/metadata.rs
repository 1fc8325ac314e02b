//! The EXIF data of a picture.

use std::collections::BTreeMap;
use std::io::Cursor;

use exif::{In, Reader, Tag, Value};

/// Names of tags and their values as text.
pub(crate) type Exif = BTreeMap<String, String>;

/// What is worth showing. Where a picture was taken is left out on purpose: people share albums.
const TAGS: [Tag; 12] = [
    Tag::Make,
    Tag::Model,
    Tag::LensModel,
    Tag::DateTime,
    Tag::DateTimeOriginal,
    Tag::ExposureTime,
    Tag::FNumber,
    Tag::PhotographicSensitivity,
    Tag::FocalLength,
    Tag::Orientation,
    Tag::Software,
    Tag::Artist,
];
const VALUE_CHARS_MAX: usize = 200;

/// The tags of a picture; none where it has no readable EXIF data.
pub(crate) fn read(picture: &[u8]) -> Exif {
    let Ok(found) = Reader::new().read_from_container(&mut Cursor::new(picture)) else {
        return Exif::new();
    };
    let fields = TAGS
        .iter()
        .filter_map(|&tag| found.get_field(tag, In::PRIMARY));
    fields
        .map(|field| {
            let text = match &field.value {
                // Shown as it is; the formatter would add quotes.
                Value::Ascii(lines) => {
                    let lines = lines.iter().map(|line| String::from_utf8_lossy(line));
                    lines.collect::<Vec<_>>().join(" ").trim().to_owned()
                }
                _ => field.display_value().with_unit(&found).to_string(),
            };
            (
                field.tag.to_string(),
                text.chars().take(VALUE_CHARS_MAX).collect(),
            )
        })
        .collect()
}
