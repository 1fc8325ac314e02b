//! Orchestrations as data, and the reference that says what they come to.

use rand::{Rng, RngExt};
use serde::{Deserialize, Serialize};

/// One orchestration: its steps run in order, `rounds` times with continue-as-new in between.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Program {
    pub steps: Vec<Step>,
    pub rounds: u32,
    /// What the rounds before have come to.
    pub carried: u64,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum Step {
    Activity {
        input: u64,
    },
    /// Fails `failures` times before it succeeds; the retry policy allows that many.
    Flaky {
        input: u64,
        failures: u32,
    },
    /// Fails for good.
    Broken {
        input: u64,
    },
    FanOut {
        inputs: Vec<u64>,
    },
    Timer {
        ms: u64,
    },
    /// An event that somebody raises.
    Event {
        name: String,
        value: u64,
    },
    /// An event that nobody raises, with a deadline.
    Deadline {
        ms: u64,
    },
    Child(Program),
}

/// What an activity makes of its input.
#[must_use]
pub fn worked(input: u64) -> u64 {
    input.wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(17)
}

/// How the results of steps are put together; depends on their order.
#[must_use]
pub fn fold(sum: u64, value: u64) -> u64 {
    sum.wrapping_mul(31).wrapping_add(value)
}

/// The part that a failure of a step plays in the result.
pub const FAILED: u64 = 7;
/// The part that a passed deadline plays.
pub const TIMED_OUT: u64 = 11;

impl Program {
    /// A random program; events get names of their own from `names`.
    pub fn random(rng: &mut impl Rng, depth: u32, names: &mut u32) -> Self {
        let len = rng.random_range(1..6);
        Self {
            steps: (0..len).map(|_| Step::random(rng, depth, names)).collect(),
            // Events are raised once, so that only programs without them have several rounds.
            rounds: 1,
            carried: 0,
        }
        .with_rounds(rng)
    }

    fn with_rounds(mut self, rng: &mut impl Rng) -> Self {
        if self.events().is_empty() && rng.random_bool(0.3) {
            self.rounds = rng.random_range(2..4);
        }
        self
    }

    /// What the program comes to when nothing goes wrong around it: the reference model.
    #[must_use]
    pub fn result(&self) -> u64 {
        (0..self.rounds).fold(self.carried, |carried, _| {
            self.steps.iter().fold(carried, |sum, step| match step {
                Step::Activity { input } | Step::Flaky { input, .. } => fold(sum, worked(*input)),
                Step::Broken { .. } => fold(sum, FAILED),
                Step::FanOut { inputs } => inputs.iter().fold(sum, |s, i| fold(s, worked(*i))),
                Step::Timer { .. } => fold(sum, 0),
                Step::Event { value, .. } => fold(sum, *value),
                Step::Deadline { .. } => fold(sum, TIMED_OUT),
                Step::Child(program) => fold(sum, program.result()),
            })
        })
    }

    /// The events of the program itself that somebody has to raise.
    #[must_use]
    pub fn events(&self) -> Vec<(String, u64)> {
        let own = self.steps.iter().filter_map(|step| match step {
            Step::Event { name, value } => Some((name.clone(), *value)),
            _ => None,
        });
        own.collect()
    }
}

impl Step {
    fn random(rng: &mut impl Rng, depth: u32, names: &mut u32) -> Self {
        match rng.random_range(0..if depth == 0 { 9 } else { 10 }) {
            0..=2 => Self::Activity {
                input: rng.random(),
            },
            3 => Self::Flaky {
                input: rng.random(),
                failures: rng.random_range(1..4),
            },
            4 => Self::Broken {
                input: rng.random(),
            },
            5 | 6 => Self::FanOut {
                inputs: (0..rng.random_range(1..12)).map(|_| rng.random()).collect(),
            },
            7 => Self::Timer {
                ms: rng.random_range(0..20_000),
            },
            8 if depth == 0 => Self::Deadline {
                ms: rng.random_range(1..5_000),
            },
            8 => {
                *names += 1;
                Self::Event {
                    name: format!("event-{names}"),
                    value: rng.random(),
                }
            }
            _ => Self::Child(Self::child(rng, names)),
        }
    }

    /// A child has no events: its id is not known to those who raise them.
    fn child(rng: &mut impl Rng, names: &mut u32) -> Program {
        Program::random(rng, 0, names)
    }
}
