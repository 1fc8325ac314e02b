//! The warehouse: it has twenty of everything and delivers to a few countries.

use weft_sdk::{Call, Failure, kv};

use crate::order::{Order, Parcel, Reservation};

const STOCK: u32 = 20;
const DELIVERS_TO: [&str; 5] = ["AT", "CH", "DE", "FR", "NL"];

/// Puts the goods of an order aside.
#[weft_sdk::activity]
pub(crate) fn reserve(call: Call, order: Order) -> Result<Reservation, Failure> {
    if order.quantity == 0 || order.quantity > STOCK {
        let message = format!(
            "There are {STOCK} of {}, not {}.",
            order.item, order.quantity
        );
        return Err(Failure::permanent("out-of-stock", message));
    }
    let reservation = Reservation {
        id: format!("reservation/{}/{}", order.id, call.idempotency_key),
    };
    kv::open("default")?.set_json(&reservation.id, &order.quantity)?;
    Ok(reservation)
}

/// Puts reserved goods back; goods that are back stay there.
#[weft_sdk::activity]
pub(crate) fn release(reservation: Reservation) -> Result<(), Failure> {
    kv::open("default")?.delete(&reservation.id)?;
    Ok(())
}

/// Sends the goods of an order.
#[weft_sdk::activity]
pub(crate) fn ship(order: Order) -> Result<Parcel, Failure> {
    if !DELIVERS_TO.contains(&order.country.as_str()) {
        let message = format!("Nothing is delivered to {}.", order.country);
        return Err(Failure::permanent("undeliverable", message));
    }
    Ok(Parcel {
        tracking: format!("{}-{}", order.country, order.id),
    })
}
