//! The activity that puts thumbnails together to a contact sheet.

use std::io::Cursor;

use image::{ImageFormat, Rgb, RgbImage, imageops};
use weft_sdk::Failure;

use crate::album::{Sheet, SheetOrder, Storage};
use crate::analyse::THUMBNAIL_PIXELS;

const GAP_PIXELS: u32 = 16;
const BACKGROUND: Rgb<u8> = Rgb([24, 24, 27]);

/// Puts the thumbnails of an album together and stores the contact sheet as a PNG.
#[weft_sdk::activity]
pub(crate) fn combine(order: SheetOrder) -> Result<Sheet, Failure> {
    let storage = Storage::open(&order.album)?;
    let count = u32::try_from(order.positions.len())?;
    let columns = count.isqrt() + u32::from(count.isqrt().pow(2) < count);
    let rows = count.div_ceil(columns.max(1));
    let side = |cells: u32| cells * (THUMBNAIL_PIXELS + GAP_PIXELS) + GAP_PIXELS;
    let mut sheet = RgbImage::from_pixel(side(columns), side(rows), BACKGROUND);
    for (cell, &position) in (0..).zip(&order.positions) {
        let png = storage
            .thumbnail(position)?
            .ok_or_else(|| Failure::permanent("not-found", "A thumbnail is not in the storage."))?;
        let thumbnail = image::load_from_memory_with_format(&png, ImageFormat::Png)?.into_rgb8();
        let corner =
            |cell: u32, length: u32| i64::from(side(cell) + (THUMBNAIL_PIXELS - length) / 2);
        let x = corner(cell % columns, thumbnail.width());
        let y = corner(cell / columns, thumbnail.height());
        imageops::replace(&mut sheet, &thumbnail, x, y);
    }
    let mut png = Vec::new();
    sheet.write_to(&mut Cursor::new(&mut png), ImageFormat::Png)?;
    storage.set_sheet(&png)?;
    Ok(Sheet {
        width: sheet.width(),
        height: sheet.height(),
        bytes: png.len(),
    })
}
