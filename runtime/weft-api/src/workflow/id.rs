//! Ids of runs, in the form of the peer: the newest sort first.

use weft_id::InstanceId;
use weft_orchestration::Timestamp;

/// The last tick (100 ns) of the year 9999, counted from year 1.
const LAST_TICK: u64 = 3_155_378_975_999_999_999;
/// Ticks from year 1 to 1970.
const EPOCH_TICKS: u64 = 621_355_968_000_000_000;

/// A new id. `random` keeps those of one moment apart.
pub(super) fn run_id(now: Timestamp, random: u64) -> InstanceId {
    let ticks = now
        .as_millis()
        .saturating_mul(10_000)
        .saturating_add(EPOCH_TICKS);
    let text = format!(
        "{:020}{:09}CU00",
        LAST_TICK.saturating_sub(ticks),
        random % 1_000_000_000
    );
    text.parse().expect("digits and letters are an id")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_sort_first() {
        let at = |millis| run_id(Timestamp::from_millis(millis), 7).to_string();
        assert!(at(1_790_000_000_001) < at(1_790_000_000_000));
        assert_eq!(at(1_790_000_000_000).len(), 33);
    }
}
