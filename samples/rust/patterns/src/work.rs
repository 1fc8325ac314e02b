//! What the orchestrators let others do.

use weft_sdk::{Failure, activity, kv};

/// Twice the number.
#[activity]
pub fn double(number: i64) -> Result<i64, Failure> {
    Ok(number * 2)
}

/// How often it was asked for that name: something outside that changes while it is watched.
#[activity]
pub fn probe(name: String) -> Result<u64, Failure> {
    Ok(kv::open("probes")?.increment(&name, 1)?)
}

/// Fails for good the first time that it is asked for a name.
#[activity]
pub fn flaky(name: String) -> Result<u64, Failure> {
    match kv::open("flaky")?.increment(&name, 1)? {
        1 => Err(Failure::permanent("flaky", "not the first time")),
        count => Ok(count),
    }
}
