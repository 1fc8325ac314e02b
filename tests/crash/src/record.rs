//! What an observer knows of the executions of activities, and what it may conclude from them.
//!
//! Two things prove that a step was completed for good: a step of a later stage has run, which
//! needed its result, or the history has shown its completion. Whatever runs again after that is a
//! violation. Everything else may run again: an activity runs at least once.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt;
use std::str::FromStr;
use std::sync::{Mutex, MutexGuard};
use std::time::{Duration, Instant};

use serde_json::Value;
use tokio::sync::watch;

/// Violations kept in full; the rest is counted.
const VIOLATIONS_MAX: usize = 50;

/// Where a step stands in its root's work: a stage, a lane in it, a stage in that lane and so on.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place(Vec<u32>);

impl Place {
    /// Whether a step here can only begin once the one at `other` is completed: where the two
    /// part, this one is in a later stage.
    #[must_use]
    pub fn needs(&self, other: &Self) -> bool {
        let parted = self.0.iter().zip(&other.0).position(|(a, b)| a != b);
        parted.is_some_and(|level| level % 2 == 0 && self.0[level] > other.0[level])
    }
}

impl FromStr for Place {
    type Err = std::num::ParseIntError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.split('.')
            .map(str::parse)
            .collect::<Result<_, _>>()
            .map(Self)
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts: Vec<String> = self.0.iter().map(u32::to_string).collect();
        f.write_str(&parts.join("."))
    }
}

/// That an activity began to run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Execution {
    pub root: String,
    pub at: Place,
    pub instance: String,
    /// The same for every attempt at one call.
    pub key: String,
    pub attempt: u32,
}

/// The instance, the key and the attempt.
type Attempt = (String, String, u32);

/// Everything that was observed. Entries are judged when they come, so the order in which they
/// come must be the order in which things happened: whoever reports waits for the answer.
#[derive(Debug, Default)]
pub struct Record {
    inner: Mutex<Inner>,
    executions: watch::Sender<u64>,
}

#[derive(Debug, Default)]
struct Inner {
    /// By root and place, the key and the attempts with how often each began.
    begun: HashMap<String, BTreeMap<Place, Begun>>,
    /// What histories have shown to be completed.
    completed: HashSet<Attempt>,
    violations: Vec<String>,
    tally: Tally,
    restarted: Option<Instant>,
    first_steps: Vec<Duration>,
}

#[derive(Debug, Default)]
struct Begun {
    key: String,
    attempts: BTreeMap<u32, u32>,
}

/// Numbers of what was observed.
#[derive(Debug, Clone, Copy, Default)]
pub struct Tally {
    pub executions: u64,
    /// Executions that repeat one whose completion was not known to be durable.
    pub repeated: u64,
    pub violations: u64,
}

impl Record {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().expect("no holder of the lock panics")
    }

    /// An activity began to run.
    pub fn executed(&self, execution: Execution) {
        let mut inner = self.lock();
        inner.executed(execution);
        self.executions.send_replace(inner.tally.executions);
    }

    /// The number of executions as it grows; told before the activity has its answer.
    #[must_use]
    pub fn executions(&self) -> watch::Receiver<u64> {
        self.executions.subscribe()
    }

    /// The history of an instance as the node has shown it, of one execution from its start.
    pub fn history(&self, instance: &str, events: &[Value]) {
        self.lock().history(instance, events);
    }

    /// Something that must not be.
    pub fn violation(&self, what: String) {
        self.lock().violation(what);
    }

    /// The node has been started again; the next execution shows how long that took.
    pub fn restarted(&self, at: Instant) {
        self.lock().restarted = Some(at);
    }

    #[must_use]
    pub fn tally(&self) -> Tally {
        self.lock().tally
    }

    /// What is wrong, at most so many as are kept.
    #[must_use]
    pub fn violations(&self) -> Vec<String> {
        self.lock().violations.clone()
    }

    /// From each restart to the first execution after it.
    #[must_use]
    pub fn first_steps(&self) -> Vec<Duration> {
        self.lock().first_steps.clone()
    }
}

impl Inner {
    fn executed(&mut self, execution: Execution) {
        self.tally.executions += 1;
        if let Some(restarted) = self.restarted.take() {
            self.first_steps.push(restarted.elapsed());
        }
        let Execution {
            root,
            at,
            instance,
            key,
            attempt,
        } = execution;
        let shown = format!("step {at} of {root} (attempt {attempt}, {instance}, {key})");
        let places = self.begun.entry(root).or_default();
        let later = places.keys().find(|place| place.needs(&at)).cloned();
        let begun = places.entry(at).or_default();
        let mut wrong = Vec::new();
        if let Some(later) = later {
            wrong.push(format!("{shown} ran again although step {later} had begun"));
        }
        if begun.attempts.is_empty() {
            begun.key.clone_from(&key);
        } else if begun.key != key {
            wrong.push(format!(
                "{shown} was called before, by the key {}",
                begun.key
            ));
        }
        if let Some(last) = begun.attempts.keys().next_back()
            && *last > attempt
        {
            wrong.push(format!(
                "{shown} ran again although attempt {last} had begun"
            ));
        }
        let times = begun.attempts.entry(attempt).or_default();
        *times += 1;
        if *times > 1 {
            self.tally.repeated += 1;
        }
        if self.completed.contains(&(instance, key, attempt)) {
            wrong.push(format!(
                "{shown} ran again although its history shows its result"
            ));
        }
        for what in wrong {
            self.violation(what);
        }
    }

    fn history(&mut self, instance: &str, events: &[Value]) {
        let mut execution = None;
        let mut calls = HashMap::new();
        for event in events {
            match event["type"].as_str() {
                Some("execution_started") => execution = event["execution_id"].as_str(),
                Some("task_scheduled") => {
                    let call = (event["call"].as_u64(), event["attempt"].as_u64());
                    calls.insert(event["id"].as_u64(), call);
                }
                Some("task_completed" | "task_failed") => {
                    let call = calls.get(&event["task"].as_u64());
                    let Some((Some(call), Some(attempt))) = call else {
                        self.violation(format!("{instance}: a completion of no task: {event}"));
                        continue;
                    };
                    let key = format!("{}:{call}", execution.unwrap_or_default());
                    let attempt = u32::try_from(*attempt).unwrap_or(u32::MAX);
                    self.completed.insert((instance.to_owned(), key, attempt));
                }
                _ => {}
            }
        }
    }

    fn violation(&mut self, what: String) {
        self.tally.violations += 1;
        if self.violations.len() < VIOLATIONS_MAX {
            self.violations.push(what);
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn place(text: &str) -> Place {
        text.parse().unwrap()
    }

    fn execution(at: &str, attempt: u32) -> Execution {
        Execution {
            root: "r".to_owned(),
            at: place(at),
            instance: "r".to_owned(),
            key: format!("e:{at}"),
            attempt,
        }
    }

    fn violations(executions: &[(&str, u32)]) -> Vec<String> {
        let record = Record::default();
        for (at, attempt) in executions {
            record.executed(execution(at, *attempt));
        }
        record.violations()
    }

    #[test]
    fn stages_follow_each_other_and_lanes_do_not() {
        assert!(place("1.0").needs(&place("0.3")));
        assert!(place("1.0").needs(&place("0.3.5.0")));
        assert!(place("0.3.1.0").needs(&place("0.3.0.7")));
        assert!(!place("0.3.1.0").needs(&place("0.2.0.0")));
        assert!(!place("0.3").needs(&place("0.1")));
        assert!(!place("0.3").needs(&place("1.0")));
        assert!(!place("0.3").needs(&place("0.3")));
    }

    #[test]
    fn a_step_may_run_again_until_a_later_one_has_begun() {
        assert!(violations(&[("0.0", 1), ("0.0", 1), ("1.0", 1), ("1.0", 1)]).is_empty());
        let again = violations(&[("0.0", 1), ("1.0", 1), ("0.0", 1)]);
        assert!(again[0].contains("step 1.0 had begun"), "{again:?}");
        let again = violations(&[("0.0", 1), ("0.0", 2), ("0.0", 1)]);
        assert!(again[0].contains("attempt 2 had begun"), "{again:?}");
    }

    #[test]
    fn a_step_whose_result_the_history_has_shown_may_not_run_again() {
        let record = Record::default();
        record.executed(execution("0.0", 1));
        let history = [
            json!({"type": "execution_started", "execution_id": "e"}),
            json!({"type": "task_scheduled", "id": 4, "call": 4, "attempt": 1}),
            json!({"type": "task_completed", "task": 4}),
        ];
        record.history("r", &history);
        assert_eq!(record.tally().violations, 0);
        record.executed(Execution {
            key: "e:4".to_owned(),
            ..execution("3.0", 1)
        });
        let found = record.violations();
        assert!(found[0].contains("history shows"), "{found:?}");
    }
}
