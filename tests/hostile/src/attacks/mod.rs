//! The attacks, by what they are aimed at.

mod calls;
mod egress;
mod flows;
mod generated;
mod handlers;
mod names;
mod native;
mod neighbours;
mod requests;
mod tenants;
mod uploads;
mod wasm;

use crate::attack::Attack;
use crate::scene::Scale;

/// All of them, in the order in which they run.
#[must_use]
pub fn all(seed: u64, scale: Scale) -> Vec<Attack> {
    let mut all = uploads::attacks(scale);
    all.extend(calls::attacks());
    all.extend(handlers::attacks());
    all.extend(names::attacks());
    all.extend(requests::attacks());
    all.extend(egress::attacks());
    all.extend(tenants::attacks());
    all.extend(flows::attacks());
    all.extend(native::attacks());
    all.extend(generated::attacks(seed));
    all.extend(neighbours::attacks());
    all
}
