//! Triggers that ask whether there is something to start runs for.

use crate::expression::Deferred;
use crate::program::Transport;
use crate::run::location;
use crate::value::Value;

use super::exchange::{Exchange, Purpose, location, retry_after_ms};
use super::plan::{Fault, Kind};
use super::{Told, Watch, What};

/// Where a trigger that runs one at a time finds its run still open.
const SINGLE_AGAIN_MS: u64 = 1_000;

impl Watch {
    /// A poll is due.
    pub(super) fn poll(&mut self) {
        let transport = match self.plan.as_ref().map(|plan| &plan.kind) {
            Some(Kind::Poll { transport, .. }) => *transport,
            _ => return,
        };
        if self.has_no_room() {
            // Nothing is asked for that could not be started.
            self.held_up();
            self.state.due = Some(self.now.plus_millis(SINGLE_AGAIN_MS));
            return self.set_clock();
        }
        // Should the execution end before the answer, the next one asks at once.
        self.state.due = Some(self.now);
        let asked = self.inputs().and_then(|inputs| {
            if has_secret_place(&self.deferred) {
                // Nothing was resolved against it.
                self.state.location = None;
            }
            let inputs = self.at_location(inputs, transport);
            self.request(Purpose::Poll, transport, inputs)
        });
        if let Err(fault) = asked {
            self.fault(&fault, self.now);
            self.poll_later(None);
        }
    }

    pub(super) fn polled(
        &mut self,
        exchange: &Exchange,
        answer: Result<Value, Fault>,
        status: i64,
    ) {
        let answer = match answer {
            Ok(answer) => answer,
            Err(fault) => {
                self.fault(&fault, exchange.started);
                return self.poll_later(None);
            }
        };
        if let Some(location) = location(&answer) {
            if of_secret_place(exchange) {
                self.fault(&secret_place(), exchange.started);
                return self.poll_later(None);
            }
            let from = exchange.payload.get("uri").map(Value::to_text);
            let from = from.unwrap_or_default();
            self.state.location = Some(location::resolve(&from, &location));
        }
        self.poll_later(retry_after_ms(&answer));
        match status {
            // There is nothing yet, or nothing new.
            202 | 204 | 300..=399 => {
                self.passed(crate::run::status_name(status), exchange.started);
            }
            _ => self.fire(Some(shown(&exchange.inputs)), Told::of(answer), None),
        }
    }

    /// Sets the time of the next poll: when the answer says, else by the recurrence.
    fn poll_later(&mut self, asked_ms: Option<u64>) {
        self.state.due = match asked_ms {
            Some(millis) => Some(self.now.plus_millis(millis)),
            None => self.next_after(self.now),
        };
        self.set_clock();
    }

    /// The inputs of a poll at the place that the last answer has named. On another server that place
    /// is told neither the credentials of the trigger nor its secrets.
    fn at_location(&mut self, inputs: Value, transport: Transport) -> Value {
        let (Some(location), Value::Object(inputs)) = (&self.state.location, &inputs) else {
            return inputs;
        };
        if transport == Transport::ServiceProvider {
            return Value::Object(inputs.clone());
        }
        let mut inputs = inputs.clone();
        let from = inputs.get("uri").map(Value::to_text).unwrap_or_default();
        if !location::is_same_server(&from, location) {
            location::forget_credentials(&mut inputs);
            self.deferred.clear();
        }
        inputs.insert("uri", Value::from(location.as_str()));
        inputs.remove("queries");
        inputs.remove("path");
        Value::Object(inputs)
    }

    /// Whether an answer is on its way.
    pub(super) fn exchanging(&self) -> bool {
        self.waiters.values().any(|what| *what == What::Answer)
    }
}

/// Whether the place to poll holds a secret, so that it is known to whoever carries the request only.
fn has_secret_place(deferred: &Deferred) -> bool {
    let mut pointers = deferred.iter().map(|(pointer, _)| pointer);
    pointers.any(|pointer| pointer.eq_ignore_ascii_case("/uri"))
}

/// The same of a request that was made.
fn of_secret_place(exchange: &Exchange) -> bool {
    let deferred = exchange.payload.get("deferred");
    deferred.is_some_and(|deferred| deferred.get("/uri").is_some())
}

/// Neither can a path be resolved against it, nor is it known whether a place is on the same server.
fn secret_place() -> Fault {
    Fault {
        code: "LocationNotResolved",
        message: "The answer has a 'Location', which cannot be followed: the 'uri' of the trigger holds \
                  a secret of the app, such as an app setting that is none of the workflow's own, and \
                  is not known here."
            .to_owned(),
    }
}

/// Inputs as a history may show them.
fn shown(inputs: &Value) -> Value {
    match inputs {
        Value::Object(inputs) => {
            let mut shown = inputs.clone();
            shown.remove("authentication");
            Value::Object(shown)
        }
        other => other.clone(),
    }
}
