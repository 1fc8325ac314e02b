//! Fulfils orders: reserve, have large ones approved, charge, ship; whatever fails, everything
//! done before is undone.

mod bank;
mod fulfil;
mod order;
#[cfg(test)]
mod tests;
mod warehouse;

weft_sdk::export! {
    orchestrators: [fulfil::fulfil],
    activities: [
        warehouse::reserve,
        warehouse::release,
        warehouse::ship,
        bank::charge,
        bank::refund,
    ],
}
