//! What the orchestrators let others do.

use weft_sdk::{EntityId, Failure, activity, kv};

use crate::bank::Counter;

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

/// Adds one to a counter from outside of any orchestration, and tells what it had before that.
#[activity]
pub fn count(key: String) -> Result<Option<serde_json::Value>, Failure> {
    let counter = EntityId::of::<Counter>(key);
    let before = weft_sdk::entity::state(&counter)?;
    weft_sdk::entity::signal(&counter, "add", &1)?;
    Ok(before)
}

/// Fails for good the first time that it is asked for a name.
#[activity]
pub fn flaky(name: String) -> Result<u64, Failure> {
    match kv::open("flaky")?.increment(&name, 1)? {
        1 => Err(Failure::permanent("flaky", "not the first time")),
        count => Ok(count),
    }
}
