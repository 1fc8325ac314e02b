//! A ZIP of photographs becomes a contact sheet: an orchestration decodes and measures every
//! picture in an activity of its own and puts the thumbnails together.

mod album;
mod analyse;
mod archive;
mod colours;
mod develop;
mod metadata;
mod sheet;
#[cfg(test)]
mod tests;
mod web;

weft_sdk::export! {
    http: [web::upload, web::album, web::sheet],
    orchestrators: [develop::develop],
    activities: [analyse::analyse, sheet::combine],
}
