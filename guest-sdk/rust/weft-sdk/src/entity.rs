//! Entities: small pieces of state with operations that run one after another.
//!
//! ```
//! use serde::{Deserialize, Serialize};
//! use weft_sdk::entity::{Answer, Entity, Operation};
//! use weft_sdk::Failure;
//!
//! #[derive(Default, Serialize, Deserialize)]
//! struct Counter {
//!     value: i64,
//! }
//!
//! impl Entity for Counter {
//!     const NAME: &'static str = "counter";
//!
//!     fn operate(&mut self, operation: &Operation) -> Result<Answer, Failure> {
//!         match operation.name() {
//!             "add" => self.value += operation.input::<i64>()?,
//!             "get" => {}
//!             _ => return operation.unknown(),
//!         }
//!         operation.answer(&self.value)
//!     }
//! }
//! ```
//!
//! It is exported by `weft_sdk::export! { entities: [Counter] }`. Orchestrators call it by
//! [`Context::call_entity`](crate::Context::call_entity); HTTP functions and activities use
//! [`signal`] and [`state`].

use std::cell::{Cell, RefCell};
use std::fmt;
use std::rc::Rc;
use std::time::{SystemTime, UNIX_EPOCH};

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::activity::parse_input;
use crate::bindings::imports::weft::functions::{entity_client, entity_context, types};
use crate::client::Error;
use crate::{Failure, Orchestrator};

/// What an operation answers, as JSON.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer(String);

/// The state of an entity, with what its operations do. Where there is none, an operation begins
/// with the default.
pub trait Entity: Default + Serialize + DeserializeOwned {
    /// The name that callers use, `[a-z0-9-]{1,63}`.
    const NAME: &'static str;

    /// Runs one operation. Where it fails, the state stays what it was, and nothing is sent.
    ///
    /// The operation `delete` never comes here: it leaves the entity without a state.
    ///
    /// # Errors
    /// What the caller gets instead of an answer.
    fn operate(&mut self, operation: &Operation) -> Result<Answer, Failure>;
}

/// Names an entity of the same app.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EntityId {
    name: String,
    key: String,
}

impl EntityId {
    /// The entity of that name (in lower case) and key. The platform refuses names and keys that
    /// are too long or have control characters or any of `/ \\ # ?`.
    #[must_use]
    pub fn new(name: &str, key: impl Into<String>) -> Self {
        Self {
            name: name.to_lowercase(),
            key: key.into(),
        }
    }

    /// An entity of this crate by its type.
    #[must_use]
    pub fn of<E: Entity>(key: impl Into<String>) -> Self {
        Self::new(E::NAME, key)
    }

    /// What tells it from others of its name.
    #[must_use]
    pub fn key(&self) -> &str {
        &self.key
    }
}

impl fmt::Display for EntityId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "@{}@{}", self.name, self.key)
    }
}

/// An operation that runs, and what it may ask of the platform.
pub struct Operation {
    key: String,
    name: String,
    input: String,
    deleted: Cell<bool>,
    outbox: Rc<dyn Outbox>,
}

impl Operation {
    /// The operation's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The key of the entity that it runs on.
    #[must_use]
    pub fn key(&self) -> &str {
        &self.key
    }

    /// What the caller has given.
    ///
    /// # Errors
    /// It is not of that type.
    pub fn input<T: DeserializeOwned>(&self) -> Result<T, Failure> {
        parse_input(&self.input)
    }

    /// An answer.
    ///
    /// # Errors
    /// The value cannot be written as JSON.
    pub fn answer(&self, value: &impl Serialize) -> Result<Answer, Failure> {
        Ok(Answer(serde_json::to_string(value)?))
    }

    /// The failure of an operation that the entity does not have.
    ///
    /// # Errors
    /// Always.
    pub fn unknown(&self) -> Result<Answer, Failure> {
        let message = format!("the entity has no operation {}", self.name);
        Err(Failure::permanent("unknown-operation", message))
    }

    /// Leaves the entity without a state when the operation has succeeded.
    pub fn delete(&self) {
        self.deleted.set(true);
    }

    /// Sends an operation to an entity when this one has succeeded.
    ///
    /// # Errors
    /// The input cannot be written as JSON.
    pub fn signal(
        &self,
        entity: &EntityId,
        operation: &str,
        input: &impl Serialize,
    ) -> Result<(), Failure> {
        let input = serde_json::to_string(input)?;
        self.outbox
            .signal(&entity.to_string(), operation, &input, None);
        Ok(())
    }

    /// The same, for that time or later.
    ///
    /// # Errors
    /// The input cannot be written as JSON.
    pub fn signal_at(
        &self,
        at: SystemTime,
        entity: &EntityId,
        operation: &str,
        input: &impl Serialize,
    ) -> Result<(), Failure> {
        let input = serde_json::to_string(input)?;
        let at = Some(since_1970_ms(at));
        self.outbox
            .signal(&entity.to_string(), operation, &input, at);
        Ok(())
    }

    /// Starts an orchestrator of this crate when the operation has succeeded, and returns the id of
    /// the instance: the one that is given, or a new one. Without effect where an open instance has
    /// that id.
    ///
    /// # Errors
    /// The input cannot be written as JSON.
    pub fn start<O: Orchestrator>(
        &self,
        input: &O::Input,
        instance_id: Option<&str>,
    ) -> Result<String, Failure> {
        let input = serde_json::to_string(input)?;
        Ok(self.outbox.start(O::NAME, &input, instance_id))
    }
}

/// Where what an operation asks for goes: to the platform, or into a list in tests.
trait Outbox {
    fn signal(&self, entity: &str, operation: &str, input: &str, at_ms: Option<f64>);
    fn start(&self, name: &str, input: &str, instance_id: Option<&str>) -> String;
}

struct Platform;

impl Outbox for Platform {
    fn signal(&self, entity: &str, operation: &str, input: &str, at_ms: Option<f64>) {
        entity_context::signal(entity, operation, input, at_ms);
    }

    fn start(&self, name: &str, input: &str, instance_id: Option<&str>) -> String {
        entity_context::start(name, input, instance_id)
    }
}

/// Runs one operation from JSON to JSON. The new state is `None` where the entity is deleted.
fn operate<E: Entity>(
    state: Option<&str>,
    operation: &Operation,
) -> Result<(Option<String>, Answer), Failure> {
    if operation.name == "delete" {
        return Ok((None, Answer("null".to_owned())));
    }
    let mut entity = match state {
        Some(state) => serde_json::from_str(state).map_err(|error| {
            let message = format!("the state does not fit the entity {}: {error}", E::NAME);
            Failure::permanent("invalid-state", message)
        })?,
        None => E::default(),
    };
    let answer = entity.operate(operation)?;
    if operation.deleted.get() {
        return Ok((None, answer));
    }
    Ok((Some(serde_json::to_string(&entity)?), answer))
}

#[doc(hidden)]
pub fn run<E: Entity>(key: String, name: String, input: String) -> Result<String, types::Failure> {
    crate::panic::report_briefly();
    let operation = Operation {
        key,
        name,
        input,
        deleted: Cell::new(false),
        outbox: Rc::new(Platform),
    };
    let state = entity_context::get_state();
    let (state, Answer(answer)) =
        operate::<E>(state.as_deref(), &operation).map_err(Failure::into_wit)?;
    entity_context::set_state(state.as_deref());
    Ok(answer)
}

/// Sends an operation to an entity; when this returns, it is on disk. From HTTP functions and
/// activities.
///
/// # Errors
/// The app has no such entity, or the platform does not take it now.
pub fn signal(entity: &EntityId, operation: &str, input: &impl Serialize) -> Result<(), Error> {
    let input = serde_json::to_string(input).map_err(|error| Error::Invalid(error.to_string()))?;
    Ok(entity_client::signal(
        &entity.to_string(),
        operation,
        &input,
        None,
    )?)
}

/// The state of an entity; none where it has none. Operations that are under way are not in it.
/// From HTTP functions and activities.
///
/// # Errors
/// The state is not of that type, or the platform does not answer now.
pub fn state<T: DeserializeOwned>(entity: &EntityId) -> Result<Option<T>, Error> {
    let state = entity_client::get_state(&entity.to_string())?;
    let parse = |text: String| serde_json::from_str(&text);
    let state = state.map(parse).transpose();
    state.map_err(|error| Error::Invalid(format!("the state of {entity}: {error}")))
}

fn since_1970_ms(time: SystemTime) -> f64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    crate::millis(since)
}

/// An entity under test: runs operations natively and keeps what they send.
pub struct Tested<E: Entity> {
    key: String,
    state: Option<String>,
    sent: Rc<RefCell<Vec<(String, String, String)>>>,
    entity: std::marker::PhantomData<E>,
}

impl<E: Entity> Tested<E> {
    /// One without a state.
    #[must_use]
    pub fn new(key: &str) -> Self {
        Self {
            key: key.to_owned(),
            state: None,
            sent: Rc::default(),
            entity: std::marker::PhantomData,
        }
    }

    /// Runs an operation and returns its answer.
    ///
    /// # Errors
    /// The operation's.
    ///
    /// # Panics
    /// When the input or the answer is no JSON.
    pub fn operate<T: DeserializeOwned>(
        &mut self,
        name: &str,
        input: &impl Serialize,
    ) -> Result<T, Failure> {
        let sent: Rc<RefCell<Vec<_>>> = Rc::default();
        let operation = Operation {
            key: self.key.clone(),
            name: name.to_owned(),
            input: serde_json::to_string(input).expect("the input can be written as JSON"),
            deleted: Cell::new(false),
            outbox: Rc::new(Kept(Rc::clone(&sent))),
        };
        let (state, Answer(answer)) = operate::<E>(self.state.as_deref(), &operation)?;
        self.state = state;
        self.sent.borrow_mut().append(&mut sent.borrow_mut());
        Ok(serde_json::from_str(&answer).expect("the answer is of that type"))
    }

    /// The state; none where the entity was deleted or never used.
    ///
    /// # Panics
    /// When the state does not fit the type.
    #[must_use]
    pub fn state(&self) -> Option<E> {
        let state = self.state.as_deref();
        state.map(|text| serde_json::from_str(text).expect("it was written by the entity"))
    }

    /// What was sent and started: whom or what, the operation (`start` for an orchestration), the
    /// input as JSON.
    #[must_use]
    pub fn sent(&self) -> Vec<(String, String, String)> {
        self.sent.borrow().clone()
    }
}

struct Kept(Rc<RefCell<Vec<(String, String, String)>>>);

impl Outbox for Kept {
    fn signal(&self, entity: &str, operation: &str, input: &str, _at_ms: Option<f64>) {
        let sent = (entity.to_owned(), operation.to_owned(), input.to_owned());
        self.0.borrow_mut().push(sent);
    }

    fn start(&self, name: &str, input: &str, instance_id: Option<&str>) -> String {
        let started = (name.to_owned(), "start".to_owned(), input.to_owned());
        self.0.borrow_mut().push(started);
        instance_id.unwrap_or("started").to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;

    #[derive(Default, Serialize, Deserialize)]
    struct Counter {
        value: i64,
    }

    impl Entity for Counter {
        const NAME: &'static str = "counter";

        fn operate(&mut self, operation: &Operation) -> Result<Answer, Failure> {
            match operation.name() {
                "add" => self.value += operation.input::<i64>()?,
                "tell" => operation.signal(&EntityId::of::<Self>("other"), "add", &self.value)?,
                "spoil" => {
                    self.value = -1;
                    operation.signal(&EntityId::of::<Self>("other"), "add", &0)?;
                    return operation.unknown();
                }
                "drop" => operation.delete(),
                _ => return operation.unknown(),
            }
            operation.answer(&self.value)
        }
    }

    #[test]
    fn operations_change_the_state_and_failures_do_not() {
        let mut counter = Tested::<Counter>::new("a");
        assert_eq!(counter.operate::<i64>("add", &5).unwrap(), 5);
        assert_eq!(counter.operate::<i64>("tell", &()).unwrap(), 5);
        let failed = counter.operate::<i64>("spoil", &()).unwrap_err();
        assert_eq!(failed.kind, "unknown-operation");
        assert!(counter.operate::<i64>("add", &"text").is_err());
        assert_eq!(counter.state().unwrap().value, 5);
        assert_eq!(counter.sent().len(), 1);
        counter.operate::<i64>("drop", &()).unwrap();
        assert!(counter.state().is_none());
        assert_eq!(counter.operate::<i64>("add", &1).unwrap(), 1);
        counter.operate::<()>("delete", &()).unwrap();
        assert!(counter.state().is_none());
    }
}
