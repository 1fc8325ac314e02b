//! What expressions ask of the run they are part of.

use jiff::Timestamp;

use crate::value::Value;

/// The run as expressions see it. Names come as the author wrote them and are to be compared
/// without regard to letter case. `None` means "there is no such thing here" and becomes an error
/// that names what was asked for; the value null is `Some(Value::Null)`.
///
/// `now` and `random` must be the run's own (recorded, seeded): the same run evaluated again must
/// get the same answers.
pub trait Scope {
    /// The value of a parameter of the definition.
    fn parameter(&self, name: &str) -> Option<Value>;

    fn variable(&self, name: &str) -> Option<Value>;

    /// The trigger object: `{name, inputs, outputs: {headers, body, ...}, ...}`.
    /// `triggerOutputs()`, `triggerBody()` and the like are derived from it.
    fn trigger(&self) -> Option<Value>;

    /// The object of an action: `{name, inputs, outputs, status, code, startTime, ...}`, also while
    /// the action has not run (then without outputs). `body`, `outputs` and the like are derived.
    fn action(&self, name: &str) -> Option<Value>;

    /// The object of the action that is running, where `action()` is allowed.
    fn current_action(&self) -> Option<Value> {
        None
    }

    /// The results of the first-level actions of a scope; `None` as name is the enclosing one.
    fn result(&self, scope: Option<&str>) -> Option<Value> {
        let _ = scope;
        None
    }

    /// The item of the innermost array operation.
    fn item(&self) -> Option<Value> {
        None
    }

    /// The present item of the named loop.
    fn items(&self, loop_name: &str) -> Option<Value> {
        let _ = loop_name;
        None
    }

    /// The present iteration of the named Until loop, from 0.
    fn iteration_index(&self, loop_name: &str) -> Option<u64> {
        let _ = loop_name;
        None
    }

    /// The workflow object: `{id, name, type, location, tags, run: {id, name, type}}`.
    fn workflow(&self) -> Option<Value>;

    /// The callback URL of the trigger or of the webhook action that is running.
    fn list_callback_url(&self) -> Option<Value> {
        None
    }

    fn app_setting(&self, name: &str) -> Option<Value> {
        let _ = name;
        None
    }

    /// Whether a setting is secret, or may be: the run is not to know its value.
    fn defers_setting(&self, name: &str) -> bool {
        let _ = name;
        false
    }

    /// The expression over settings, without the `@`, that a parameter stands for whose value the
    /// run is not to know.
    fn deferred_parameter(&self, name: &str) -> Option<String> {
        let _ = name;
        None
    }

    /// What the model chose for a parameter of the agent's tool that is running.
    fn agent_parameter(&self, name: &str) -> Option<Value> {
        let _ = name;
        None
    }

    /// The present moment of the run.
    fn now(&self) -> Timestamp;

    /// The next 64 random bits of the run.
    fn random(&self) -> u64;
}
