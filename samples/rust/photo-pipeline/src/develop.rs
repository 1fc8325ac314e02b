//! The orchestration: every picture on its own, then all together.

use std::cell::Cell;
use std::time::Duration;

use serde::Serialize;
use weft_sdk::{Context, Failure, RetryPolicy, join_all};

use crate::album::{Album, Developed, Entry, Found, PictureRef, SheetOrder};
use crate::analyse::analyse;
use crate::sheet::combine;

/// What the custom status shows.
#[derive(Serialize)]
struct Progress {
    analysed: usize,
    of: usize,
}

/// Develops an album: analyses all pictures side by side and makes a contact sheet of those that
/// can be read.
#[weft_sdk::orchestrator]
pub(crate) async fn develop(ctx: Context, album: Album) -> Result<Developed, Failure> {
    let of = album.pictures.len();
    let analysed = Cell::new(0);
    let show = || {
        ctx.set_custom_status(&Progress {
            analysed: analysed.get(),
            of,
        })
    };
    show();

    let pictures = album.pictures.iter().enumerate().map(|(position, name)| {
        let picture = PictureRef {
            album: album.id.clone(),
            position,
            name: name.clone(),
        };
        let call = ctx.call::<analyse>(&picture).with_retry(retry());
        let (analysed, show) = (&analysed, &show);
        async move {
            let found = match call.await {
                Ok(picture) => Found::Picture(picture),
                Err(failure) => Found::Problem(failure.message),
            };
            analysed.set(analysed.get() + 1);
            show();
            Entry {
                name: picture.name,
                found,
            }
        }
    });
    let pictures = join_all(pictures).await;

    let readable = pictures.iter().enumerate();
    let positions: Vec<usize> = readable
        .filter(|(_, entry)| matches!(entry.found, Found::Picture(_)))
        .map(|(position, _)| position)
        .collect();
    let sheet = if positions.is_empty() {
        None
    } else {
        let order = SheetOrder {
            album: album.id.clone(),
            positions,
        };
        Some(ctx.call::<combine>(&order).with_retry(retry()).await?)
    };
    Ok(Developed { pictures, sheet })
}

fn retry() -> RetryPolicy {
    RetryPolicy::new(5, Duration::from_millis(200)).with_coefficient(3.0)
}
