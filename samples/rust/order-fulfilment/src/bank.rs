//! The payment provider.
//!
//! Like the test mode of a real one, it behaves as the card's token says: `tok-visa` pays,
//! `tok-slow-bank` pays at the third attempt, `tok-offline-bank` never answers and `tok-no-funds`
//! is declined. What it remembers is in key-value storage, so attempts count over crashes.

use weft_sdk::{Call, Failure, kv};

use crate::order::{Order, Receipt};

/// At which attempt the slow bank answers.
const SLOW_BANK_ANSWERS_AT: u64 = 3;

/// Takes the money for an order, once for each call of it.
#[weft_sdk::activity]
pub(crate) fn charge(call: Call, order: Order) -> Result<Receipt, Failure> {
    let bucket = kv::open("default")?;
    let key = format!("charge/{}/{}", order.id, call.idempotency_key);
    // The money was taken and the answer lost: the same receipt again.
    if let Some(receipt) = bucket.get_json(&key)? {
        return Ok(receipt);
    }
    let bank_calls = bucket.increment(&format!("{key}/calls"), 1)?;
    match order.card.as_str() {
        "tok-visa" => {}
        "tok-slow-bank" if bank_calls >= SLOW_BANK_ANSWERS_AT => {}
        "tok-slow-bank" | "tok-offline-bank" => {
            let message = format!("The bank did not answer call {bank_calls}.");
            return Err(Failure::transient("bank-unavailable", message));
        }
        "tok-no-funds" => {
            return Err(Failure::permanent("declined", "The card has no funds."));
        }
        _ => {
            return Err(Failure::permanent(
                "unknown-card",
                "The card's token is not known.",
            ));
        }
    }
    let receipt = Receipt {
        id: key.clone(),
        cents: order.total_cents,
        bank_calls,
    };
    bucket.set_json(&key, &receipt)?;
    Ok(receipt)
}

/// Gives the money back; once given back, nothing happens any more.
#[weft_sdk::activity]
pub(crate) fn refund(receipt: Receipt) -> Result<(), Failure> {
    let bucket = kv::open("default")?;
    bucket.set_json(&format!("{}/refunded", receipt.id), &receipt.cents)?;
    Ok(())
}
