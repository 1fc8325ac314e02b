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
    /// Fails for good the first time, so that the instance fails and has to be rewound.
    Brittle {
        input: u64,
    },
    /// Several of these side by side: the instance fails with the first, while others are under way.
    BrittleFan {
        inputs: Vec<u64>,
    },
    /// Adds to an entity and waits for the answer.
    Call {
        entity: u8,
        add: u64,
    },
    /// Adds to an entity, without waiting, some time later.
    Signal {
        entity: u8,
        add: u64,
        delay_ms: u64,
    },
    /// Reads and writes each of some entities under a lock: lost updates show where the lock does
    /// not hold.
    Section {
        entities: Vec<u8>,
        add: u64,
    },
    /// Starts children that do the same, with one less of depth, and waits until it is terminated.
    Forever {
        children: u8,
        depth: u8,
    },
}

/// How many entities the programs of an app share.
pub const ENTITIES: u8 = 3;

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
            rounds: 1,
            carried: 0,
        }
        .with_rounds(rng)
    }

    fn with_rounds(mut self, rng: &mut impl Rng) -> Self {
        if rng.random_bool(0.3) {
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
                Step::FanOut { inputs } | Step::BrittleFan { inputs } => {
                    inputs.iter().fold(sum, |s, i| fold(s, worked(*i)))
                }
                Step::Timer { .. } => fold(sum, 0),
                Step::Event { value, .. } => fold(sum, *value),
                Step::Deadline { .. } => fold(sum, TIMED_OUT),
                Step::Child(program) => fold(sum, program.result()),
                Step::Brittle { input } => fold(sum, worked(*input)),
                // What they answer depends on who else is there; what they add up to does not.
                Step::Call { .. } | Step::Signal { .. } | Step::Section { .. } => fold(sum, 0),
                Step::Forever { .. } => unreachable!("it comes to nothing"),
            })
        })
    }

    /// What the program adds to each entity: the reference model.
    pub fn add_to(&self, totals: &mut [u64; ENTITIES as usize]) {
        for _ in 0..self.rounds {
            for step in &self.steps {
                match step {
                    Step::Call { entity, add } | Step::Signal { entity, add, .. } => {
                        let total = &mut totals[usize::from(*entity)];
                        *total = total.wrapping_add(*add);
                    }
                    Step::Section { entities, add } => {
                        for entity in entities {
                            let total = &mut totals[usize::from(*entity)];
                            *total = total.wrapping_add(*add);
                        }
                    }
                    Step::Child(program) => program.add_to(totals),
                    Step::Activity { .. }
                    | Step::Flaky { .. }
                    | Step::Broken { .. }
                    | Step::FanOut { .. }
                    | Step::Timer { .. }
                    | Step::Event { .. }
                    | Step::Deadline { .. }
                    | Step::Brittle { .. }
                    | Step::BrittleFan { .. }
                    | Step::Forever { .. } => {}
                }
            }
        }
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
        match rng.random_range(0..if depth == 0 { 13 } else { 14 }) {
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
            9 => Self::Call {
                entity: rng.random_range(0..ENTITIES),
                add: rng.random(),
            },
            10 => Self::Signal {
                entity: rng.random_range(0..ENTITIES),
                add: rng.random(),
                delay_ms: match rng.random_bool(0.5) {
                    true => rng.random_range(0..5_000),
                    false => 0,
                },
            },
            11 => Self::Section {
                entities: (0..ENTITIES).filter(|_| rng.random_bool(0.7)).collect(),
                add: rng.random(),
            },
            12 if rng.random_bool(0.5) => Self::Brittle {
                input: rng.random(),
            },
            12 => Self::BrittleFan {
                inputs: (0..rng.random_range(2..5)).map(|_| rng.random()).collect(),
            },
            _ => Self::Child(Self::child(rng, names)),
        }
    }

    /// A child has no events: its id is not known to those who raise them.
    fn child(rng: &mut impl Rng, names: &mut u32) -> Program {
        Program::random(rng, 0, names)
    }
}
