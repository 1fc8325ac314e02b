//! What is started, and what must come out of it: the model of the guest's orchestrators.
//!
//! The model is written apart from the guest, as plain loops.

use rand::{Rng, RngExt};
use serde_json::{Value, json};

/// An orchestrator of the guest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Chain,
    FanOut,
    Timers,
    Again,
    Retries,
    Deadlines,
    Gather,
    Roll,
    Family,
    Saga,
}

impl Kind {
    pub const ALL: [Self; 10] = [
        Self::Chain,
        Self::FanOut,
        Self::Timers,
        Self::Again,
        Self::Retries,
        Self::Deadlines,
        Self::Gather,
        Self::Roll,
        Self::Family,
        Self::Saga,
    ];

    /// The orchestrator's name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Chain => "chain",
            Self::FanOut => "fan-out",
            Self::Timers => "timers",
            Self::Again => "again",
            Self::Retries => "retries",
            Self::Deadlines => "deadlines",
            Self::Gather => "gather",
            Self::Roll => "roll",
            Self::Family => "family",
            Self::Saga => "saga",
        }
    }

    /// Whether it waits for the events `go`.
    #[must_use]
    pub fn takes_events(self) -> bool {
        match self {
            Self::Gather | Self::Roll => true,
            Self::Chain
            | Self::FanOut
            | Self::Timers
            | Self::Again
            | Self::Retries
            | Self::Deadlines
            | Self::Family
            | Self::Saga => false,
        }
    }

    /// Whether an instance has one execution only.
    #[must_use]
    pub fn stays(self) -> bool {
        !matches!(self, Self::Again | Self::Roll)
    }

    fn size_max(self) -> u32 {
        match self {
            Self::FanOut => 16,
            Self::Chain | Self::Gather | Self::Roll => 8,
            Self::Timers | Self::Again | Self::Deadlines | Self::Family | Self::Saga => 5,
            // The last step fails one time less than there are attempts.
            Self::Retries => 4,
        }
    }
}

/// One instance to start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Job {
    pub id: String,
    pub kind: Kind,
    pub value: u32,
    pub size: u32,
}

impl Job {
    /// A job of any kind.
    #[must_use]
    pub fn random(number: u64, rng: &mut impl Rng) -> Self {
        let kind = Kind::ALL[rng.random_range(0..Kind::ALL.len())];
        Self {
            id: format!("{}-{number}", kind.name()),
            kind,
            value: rng.random(),
            size: rng.random_range(1..=kind.size_max()),
        }
    }

    /// The orchestrator's input.
    #[must_use]
    pub fn input(&self) -> Value {
        json!({"root": self.id, "value": self.value, "size": self.size})
    }

    /// The output of a run without faults. Of orchestrations that take events, the part that does
    /// not depend on how often an event had to be raised.
    #[must_use]
    pub fn expected(&self) -> Value {
        match self.kind {
            Kind::Chain | Kind::Timers | Kind::Retries | Kind::Deadlines => {
                json!(chain(self.value, self.size))
            }
            Kind::Again => json!(chain(self.value, 2 * self.size)),
            Kind::FanOut => {
                let lanes =
                    (0..self.size).map(|lane| mix(self.value.wrapping_add(lane), &[0, lane]));
                json!(mix(lanes.fold(0, u32::wrapping_add), &[1, 0]))
            }
            Kind::Gather | Kind::Roll => {
                let value = (0..self.size).fold(self.value, |value, number| {
                    mix(value.wrapping_add(number), &[number, 0])
                });
                json!({"value": value})
            }
            Kind::Family => {
                let sum = (0..self.size).fold(0_u32, |sum, lane| {
                    let first = mix(self.value.wrapping_add(lane), &[0, lane, 0, 0]);
                    let second = mix(first, &[0, lane, 1, 0]);
                    sum.wrapping_add(first).wrapping_add(second)
                });
                json!(mix(sum, &[1, 0]))
            }
            Kind::Saga => self.expected_of_saga(),
        }
    }

    fn expected_of_saga(&self) -> Value {
        let mut done = Vec::new();
        let mut value = self.value;
        for stage in 0..self.size {
            value = mix(value, &[stage, 0]);
            done.push(value);
        }
        let undone = (self.size + 1..).zip(done.into_iter().rev());
        let values: Vec<u32> = undone
            .map(|(stage, value)| mix(value, &[stage, 0]))
            .collect();
        json!({"reason": "refused", "values": values})
    }

    /// What is wrong with an output, if anything.
    #[must_use]
    pub fn fault_of(&self, output: &Value) -> Option<String> {
        let expected = self.expected();
        let pure = if self.kind.takes_events() {
            json!({"value": output["value"]})
        } else {
            output.clone()
        };
        (pure != expected).then(|| {
            format!(
                "{}: the result is {output}, without faults it is {expected}",
                self.id
            )
        })
    }
}

fn chain(value: u32, steps: u32) -> u32 {
    (0..steps).fold(value, |value, stage| mix(value, &[stage, 0]))
}

/// What a step makes of a value.
fn mix(value: u32, at: &[u32]) -> u32 {
    let mut place = 7_u32;
    for part in at {
        place = place.wrapping_mul(31).wrapping_add(*part);
    }
    value.wrapping_mul(1_664_525).wrapping_add(1_013_904_223) ^ place
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_result_is_a_fault_and_a_repeated_event_is_none() {
        let job = Job {
            id: "gather-1".to_owned(),
            kind: Kind::Gather,
            value: 5,
            size: 2,
        };
        let value = job.expected()["value"].clone();
        let good = json!({"value": value, "events": [[0, 0], [0, 1], [1, 0]]});
        assert_eq!(job.fault_of(&good), None);
        assert!(job.fault_of(&json!({"value": 0, "events": []})).is_some());
    }
}
