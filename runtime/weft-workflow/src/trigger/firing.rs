//! What a trigger that has fired starts: its conditions, `splitOn`, the tracking id.

use std::ops::Range;

use jiff::Timestamp;

use crate::expression::{Budget, CompileError, EvalError, Template};
use crate::program::{Condition, Program, Trigger};
use crate::run::{RunStart, Settings};
use crate::value::{Object, Value};

use super::scope::{Surroundings, parameters};

/// Items that one firing starts runs for; the peer's number.
const ITEMS_MAX: usize = 100_000;

/// How a trigger turns outputs into runs.
#[derive(Debug)]
pub struct Firing {
    name: String,
    conditions: Vec<Condition>,
    split_on: Option<Template>,
    /// `correlation.clientTrackingId`, and the one that each item of `splitOn` has of its own.
    tracking: Option<Template>,
    item_tracking: Option<Template>,
}

/// A trigger that has fired.
#[derive(Debug, Clone)]
pub struct Fired {
    /// As they were evaluated, where the history shows any.
    pub inputs: Option<Value>,
    /// `{headers, body, ...}`.
    pub outputs: Value,
    /// What the caller gives, where the definition names none.
    pub client_tracking_id: Option<String>,
    /// What callback URLs of the runs begin with.
    pub base_url: String,
    /// When it was due, for a trigger that fires by the clock.
    pub scheduled: Option<Timestamp>,
    pub now: Timestamp,
    /// For `guid()` and `rand()`.
    pub seed: u64,
}

/// What comes of it.
#[derive(Debug, Clone, PartialEq)]
pub enum Fate {
    /// One start; with `splitOn` one for each item, in their order.
    Runs(Vec<RunStart>),
    /// Nothing is to be started, as the definition asks for.
    Skipped { code: &'static str, message: String },
    /// Nothing can be started.
    Failed { code: &'static str, message: String },
}

impl Firing {
    /// Conditions that do not hold.
    pub const CONDITION: &'static str = "TriggerConditionNotMet";
    /// `splitOn` over an empty array.
    pub const NO_ITEMS: &'static str = "SplitOnEmpty";
    /// `splitOn` over more items than may be started at once.
    pub const TOO_MANY_ITEMS: &'static str = "SplitOnLimitExceeded";

    /// Compiles what the definition of a trigger says.
    ///
    /// # Errors
    /// Expressions that do not compile, with pointers into the trigger.
    pub fn of(trigger: &Trigger) -> Result<Self, Vec<CompileError>> {
        let definition = &trigger.definition;
        let template = |pointer: &str| {
            let found = definition.pointer(pointer).filter(|value| !value.is_null());
            let compiled = found.map(Template::compile);
            compiled
                .transpose()
                .map_err(|faults| moved(pointer, faults))
        };
        let conditions = definition.get("conditions").and_then(Value::as_array);
        let conditions = conditions
            .into_iter()
            .flat_map(|all| all.iter().enumerate());
        let conditions = conditions.map(|(index, condition)| {
            let (member, found) = match (condition.get("expression"), condition.get("dependsOn")) {
                (Some(found), _) => ("/expression", found),
                (None, Some(found)) => ("/dependsOn", found),
                (None, None) => ("", condition),
            };
            let at = format!("/conditions/{index}{member}");
            Condition::compile(found).map_err(|faults| moved(&at, faults))
        });
        Ok(Self {
            name: trigger.name.to_string(),
            conditions: conditions.collect::<Result<_, _>>()?,
            split_on: template("/splitOn")?,
            tracking: template("/correlation/clientTrackingId")?,
            item_tracking: template("/splitOnConfiguration/correlation/clientTrackingId")?,
        })
    }

    /// Whether a firing may start several runs, none of which a caller can wait for.
    #[must_use]
    pub fn splits(&self) -> bool {
        self.split_on.is_some()
    }

    /// Decides what the outputs of the trigger start.
    #[must_use]
    pub fn fire(&self, program: &Program, settings: &Settings, fired: &Fired) -> Fate {
        self.fire_items(program, settings, fired, 0..usize::MAX)
    }

    /// The same, of which only some runs are wanted: a firing with many items is started in portions.
    #[must_use]
    pub fn fire_items(
        &self,
        program: &Program,
        settings: &Settings,
        fired: &Fired,
        wanted: Range<usize>,
    ) -> Fate {
        self.decide(&self.conditions, program, settings, fired, wanted)
            .unwrap_or_else(|fault| Fate::Failed {
                code: fault.code,
                message: format!(
                    "Unable to process template language expressions for trigger '{}': {}",
                    self.name, fault.message
                ),
            })
    }

    /// Runs of a firing that was decided to start some, perhaps by another definition: the conditions
    /// are not asked again. Empty where `splitOn` gives no such items.
    pub(super) fn accepted_items(
        &self,
        program: &Program,
        settings: &Settings,
        fired: &Fired,
        wanted: Range<usize>,
    ) -> Vec<RunStart> {
        match self.decide(&[], program, settings, fired, wanted) {
            Ok(Fate::Runs(runs)) => runs,
            Ok(Fate::Skipped { .. } | Fate::Failed { .. }) | Err(_) => Vec::new(),
        }
    }

    fn decide(
        &self,
        conditions: &[Condition],
        program: &Program,
        settings: &Settings,
        fired: &Fired,
        wanted: Range<usize>,
    ) -> Result<Fate, EvalError> {
        let parameters = parameters(program, settings, fired.now, fired.seed)?;
        let trigger = fired.object(&self.name, fired.outputs.clone(), None);
        let here = Surroundings::new(settings, &parameters, fired.now, fired.seed)
            .with_trigger(trigger.clone());
        let mut budget = Budget::default();
        for (index, condition) in conditions.iter().enumerate() {
            if !condition.holds(&here, &mut budget)? {
                return Ok(Fate::Skipped {
                    code: Self::CONDITION,
                    message: format!(
                        "The condition {} of trigger '{}' does not hold.",
                        index + 1,
                        self.name
                    ),
                });
            }
        }
        let tracking =
            |template: Option<&Template>, here: &Surroundings<'_>, budget: &mut Budget| {
                let value = template.map(|template| template.evaluate(here, budget));
                let value = value.transpose()?.filter(|value| !value.is_null());
                Ok::<_, EvalError>(
                    value
                        .map(|value| value.to_text())
                        .filter(|id| !id.is_empty()),
                )
            };
        let start = |trigger: Value, id: Option<String>| RunStart {
            trigger,
            base_url: fired.base_url.clone(),
            client_tracking_id: id.or_else(|| fired.client_tracking_id.clone()),
            ..RunStart::default()
        };
        let Some(split_on) = &self.split_on else {
            let id = tracking(self.tracking.as_ref(), &here, &mut budget)?;
            let only = wanted.contains(&0).then(|| start(trigger, id));
            return Ok(Fate::Runs(only.into_iter().collect()));
        };
        let items = split_on.evaluate(&here, &mut budget)?;
        let Some(items) = items.as_array() else {
            return Ok(Fate::Failed {
                code: EvalError::INVALID,
                message: format!(
                    "The 'splitOn' expression of trigger '{}' must give an array; it gives a value \
                     of type '{}'.",
                    self.name,
                    items.kind()
                ),
            });
        };
        if items.is_empty() {
            return Ok(Fate::Skipped {
                code: Self::NO_ITEMS,
                message: format!("The 'splitOn' of trigger '{}' has no items.", self.name),
            });
        }
        if items.len() > ITEMS_MAX {
            return Ok(Fate::Failed {
                code: Self::TOO_MANY_ITEMS,
                message: format!(
                    "The 'splitOn' of trigger '{}' has {} items; {ITEMS_MAX} are allowed.",
                    self.name,
                    items.len()
                ),
            });
        }
        let of_item = self.item_tracking.as_ref().or(self.tracking.as_ref());
        let mut runs = Vec::new();
        let items = items.iter().enumerate();
        for (index, item) in items.take(wanted.end).skip(wanted.start) {
            let mut outputs = fired.outputs.as_object().cloned().unwrap_or_default();
            outputs.insert("body", item.clone());
            let trigger = fired.object(&self.name, Value::Object(outputs), Some(index));
            // Every item gets random numbers of its own.
            let seed = fired.seed ^ (index as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
            let here = Surroundings::new(settings, &parameters, fired.now, seed)
                .with_trigger(trigger.clone());
            let id = tracking(of_item, &here, &mut budget)?;
            runs.push(start(trigger, id));
        }
        Ok(Fate::Runs(runs))
    }
}

impl Fired {
    /// One run with all outputs of the trigger `name`, whatever its definition makes of them.
    pub(super) fn whole(&self, name: &str) -> RunStart {
        RunStart {
            trigger: self.object(name, self.outputs.clone(), None),
            base_url: self.base_url.clone(),
            client_tracking_id: self.client_tracking_id.clone(),
            ..RunStart::default()
        }
    }

    /// The trigger as the run and its history see it.
    fn object(&self, name: &str, outputs: Value, item: Option<usize>) -> Value {
        let now = Value::from(self.now.to_string());
        let mut object = Object::new();
        object.insert("name", Value::from(name));
        if let Some(inputs) = &self.inputs {
            object.insert("inputs", inputs.clone());
        }
        object.insert("outputs", outputs);
        object.insert("startTime", now.clone());
        object.insert("endTime", now);
        if let Some(scheduled) = self.scheduled {
            object.insert("scheduledTime", Value::from(scheduled.to_string()));
        }
        if let Some(item) = item {
            object.insert(
                "splitOnIndex",
                Value::Int(i64::try_from(item).unwrap_or(i64::MAX)),
            );
        }
        object.insert("status", Value::from("Succeeded"));
        object.insert("code", Value::from("OK"));
        Value::Object(object)
    }
}

fn moved(pointer: &str, faults: Vec<CompileError>) -> Vec<CompileError> {
    let faults = faults.into_iter().map(|fault| CompileError {
        pointer: format!("{pointer}{}", fault.pointer),
        ..fault
    });
    faults.collect()
}

#[cfg(test)]
#[path = "firing_tests.rs"]
mod tests;
