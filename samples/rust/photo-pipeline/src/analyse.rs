//! The activity that decodes one picture, measures it and makes its thumbnail.

use std::io::Cursor;

use image::{DynamicImage, ImageDecoder, ImageFormat, ImageReader, Limits};
use weft_sdk::Failure;

use crate::album::{Picture, PictureRef, Storage};
use crate::{colours, metadata};

/// The longer side of a thumbnail.
pub(crate) const THUMBNAIL_PIXELS: u32 = 256;

/// A side of a picture. Together with the allocation this bounds what a small file can cost.
const SIDE_PIXELS_MAX: u32 = 12_000;
const DECODED_BYTES_MAX: u64 = 160 << 20;

/// Decodes a picture of an album, stores its thumbnail and returns its size, colours and EXIF data.
#[weft_sdk::activity]
pub(crate) fn analyse(picture: PictureRef) -> Result<Picture, Failure> {
    let storage = Storage::open(&picture.album)?;
    let original = storage
        .original(picture.position)?
        .ok_or_else(|| Failure::permanent("not-found", "The picture is not in the storage."))?;
    let (format, image) = decode(&original)?;
    let thumbnail = image
        .thumbnail(THUMBNAIL_PIXELS, THUMBNAIL_PIXELS)
        .into_rgb8();
    let mut png = Vec::new();
    thumbnail.write_to(&mut Cursor::new(&mut png), ImageFormat::Png)?;
    storage.set_thumbnail(picture.position, &png)?;
    Ok(Picture {
        format: format.extensions_str().last().unwrap_or(&"").to_string(),
        width: image.width(),
        height: image.height(),
        colours: colours::measure(&image.into_rgb8()),
        exif: metadata::read(&original),
    })
}

/// The picture the right way up. What cannot be decoded now never can.
fn decode(bytes: &[u8]) -> Result<(ImageFormat, DynamicImage), Failure> {
    let unreadable =
        |error: image::ImageError| Failure::permanent("unreadable-picture", error.to_string());
    let mut reader = ImageReader::new(Cursor::new(bytes)).with_guessed_format()?;
    let format = reader.format().ok_or_else(|| {
        Failure::permanent("unreadable-picture", "The file is neither JPEG nor PNG.")
    })?;
    let mut limits = Limits::default();
    limits.max_image_width = Some(SIDE_PIXELS_MAX);
    limits.max_image_height = Some(SIDE_PIXELS_MAX);
    limits.max_alloc = Some(DECODED_BYTES_MAX);
    reader.limits(limits);
    let mut decoder = reader.into_decoder().map_err(unreadable)?;
    let orientation = decoder.orientation().map_err(unreadable)?;
    let mut image = DynamicImage::from_decoder(decoder).map_err(unreadable)?;
    image.apply_orientation(orientation);
    Ok((format, image))
}
