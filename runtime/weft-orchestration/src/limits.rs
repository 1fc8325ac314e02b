//! Bounds on what one orchestration may ask for.

/// Each bound fails the instance with a message that names it; none truncates.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Events in one execution's history. Past it, continue-as-new is due.
    pub history_events_max: usize,
    /// Bytes of one input, output or event.
    pub payload_bytes_max: usize,
    /// Bytes of the message and the details of one failure.
    pub failure_bytes_max: usize,
    /// Tasks that are open at one time.
    pub open_tasks_max: usize,
    /// Bytes of the custom status; the peers' 16 KiB.
    pub custom_status_bytes_max: usize,
    /// Bytes of a name of an activity, orchestrator or event.
    pub name_bytes_max: usize,
    /// Entities in one lock.
    pub locked_entities_max: usize,
}

impl Limits {
    /// Bytes of all payloads that one turn hands over: each decision may hold the longest one, and
    /// all of them are in memory until the turn is committed.
    #[must_use]
    pub fn turn_bytes_max(&self) -> usize {
        const LEAST: usize = 128 << 20;
        self.payload_bytes_max.saturating_mul(2).max(LEAST)
    }

    /// Decisions of one turn: past a history's length nothing good can come.
    #[must_use]
    pub fn turn_decisions_max(&self) -> usize {
        self.history_events_max
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            history_events_max: 100_000,
            payload_bytes_max: 64 << 20,
            failure_bytes_max: 1 << 20,
            open_tasks_max: 20_000,
            custom_status_bytes_max: 16 << 10,
            name_bytes_max: 256,
            locked_entities_max: 100,
        }
    }
}
