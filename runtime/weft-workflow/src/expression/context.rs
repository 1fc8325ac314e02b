//! A scope that is a document: what tests and the command line evaluate against.

use std::cell::Cell;

use jiff::Timestamp;

use crate::value::Value;

use super::scope::Scope;

/// Values from one JSON object with the members `parameters`, `variables`, `trigger`, `actions`,
/// `results`, `action`, `item`, `items`, `iterationIndexes`, `workflow`, `callbackUrl`,
/// `appSettings`, `agentParameters` and `outputs` (short for actions that have only outputs). All
/// are optional.
#[derive(Debug, Clone)]
pub struct Context {
    document: Value,
    now: Timestamp,
    random: Cell<u64>,
}

impl Context {
    /// `seed` starts the sequence of random numbers; the same seed gives the same one.
    pub fn new(document: Value, now: Timestamp, seed: u64) -> Context {
        Context {
            document,
            now,
            random: Cell::new(seed),
        }
    }

    fn member(&self, group: &str, name: &str) -> Option<Value> {
        self.document.get(group)?.get(name).cloned()
    }

    fn top(&self, name: &str) -> Option<Value> {
        self.document.get(name).cloned()
    }
}

impl Scope for Context {
    fn parameter(&self, name: &str) -> Option<Value> {
        self.member("parameters", name)
    }

    fn variable(&self, name: &str) -> Option<Value> {
        self.member("variables", name)
    }

    fn trigger(&self) -> Option<Value> {
        self.top("trigger")
    }

    fn action(&self, name: &str) -> Option<Value> {
        self.member("actions", name).or_else(|| {
            let outputs = self.member("outputs", name)?;
            let members = [("name", Value::from(name)), ("outputs", outputs)];
            Some(members.into_iter().collect())
        })
    }

    fn current_action(&self) -> Option<Value> {
        self.top("action")
    }

    fn result(&self, scope: Option<&str>) -> Option<Value> {
        self.member("results", scope?)
    }

    fn item(&self) -> Option<Value> {
        self.top("item")
    }

    fn items(&self, loop_name: &str) -> Option<Value> {
        self.member("items", loop_name)
    }

    fn iteration_index(&self, loop_name: &str) -> Option<u64> {
        let index = self.member("iterationIndexes", loop_name)?.as_i64()?;
        u64::try_from(index).ok()
    }

    fn workflow(&self) -> Option<Value> {
        self.top("workflow")
    }

    fn list_callback_url(&self) -> Option<Value> {
        self.top("callbackUrl")
    }

    fn app_setting(&self, name: &str) -> Option<Value> {
        self.member("appSettings", name)
    }

    fn agent_parameter(&self, name: &str) -> Option<Value> {
        self.member("agentParameters", name)
    }

    fn now(&self) -> Timestamp {
        self.now
    }

    /// SplitMix64: every seed gives a good sequence.
    fn random(&self) -> u64 {
        let state = self.random.get().wrapping_add(0x9e37_79b9_7f4a_7c15);
        self.random.set(state);
        let mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}
