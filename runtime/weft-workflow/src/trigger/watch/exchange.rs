//! A request of a trigger to the outside: a poll, a subscription or its end.

use weft_orchestration::{Failure, Timestamp};

use crate::expression::{Budget, Deferred};
use crate::program::{RetryPolicy, Transport};
use crate::run::{below, into_payload, status_name};
use crate::trigger::{Surroundings, TriggerCallback, parameters};
use crate::value::{Object, Value};

use super::plan::Fault;
use super::state::LOCATION_BYTES_MAX;
use super::{Watch, What, moment};

/// The activities that carry requests; the same as those of actions.
const HTTP: &str = "workflow/http";
const CONNECTION: &str = "workflow/connection";
const SERVICE_PROVIDER: &str = "workflow/service-provider";
/// How long one exchange may take.
const TIMEOUT_MS: i64 = 120_000;
/// No answer makes a trigger wait longer.
const RETRY_AFTER_MAX_MS: u64 = 24 * 3_600_000;

/// A request that is under way.
#[derive(Debug, Clone)]
pub(super) struct Exchange {
    pub(super) purpose: Purpose,
    pub(super) activity: &'static str,
    pub(super) payload: Value,
    pub(super) inputs: Value,
    policy: RetryPolicy,
    /// From 1.
    attempt: u32,
    pub(super) started: Timestamp,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    Poll,
    Subscribe,
    Unsubscribe,
}

impl Watch {
    /// The trigger's inputs with their expressions evaluated, but for those that hold secrets.
    pub(super) fn inputs(&mut self) -> Result<Value, Fault> {
        let Some(plan) = &self.plan else {
            return Ok(Value::Null);
        };
        let program = self.program();
        let now = moment(self.now);
        let parameters = parameters(&program, &self.settings, now, 0)?;
        let state = &self.state;
        let url = TriggerCallback::new(&state.workflow, &state.trigger).url(
            &state.base_url,
            &self.settings,
            &state.access_key,
        );
        let here = Surroundings::new(&self.settings, &parameters, now, self.state.firings)
            .with_callback_url(Some(url));
        let evaluated = plan
            .inputs
            .evaluate_deferring(&here, &mut Budget::default());
        let (inputs, deferred) = evaluated?;
        self.deferred = deferred;
        Ok(inputs)
    }

    /// Makes a request, whose inputs are evaluated.
    pub(super) fn request(
        &mut self,
        purpose: Purpose,
        transport: Transport,
        inputs: Value,
    ) -> Result<(), Fault> {
        let policy = RetryPolicy::read(inputs.get("retryPolicy")).map_err(Fault::invalid)?;
        let (activity, payload) = self.payload(purpose, transport, &inputs)?;
        let most = self.replay.limits().payload_bytes_max.saturating_sub(64);
        if payload.to_string().len() > most {
            let message = format!("The request of the trigger is larger than {most} bytes.");
            return Err(Fault::invalid(message));
        }
        self.exchange = Some(Exchange {
            purpose,
            activity,
            payload,
            inputs,
            policy,
            attempt: 1,
            started: self.now,
        });
        self.send();
        Ok(())
    }

    /// Makes the present attempt.
    pub(super) fn send(&mut self) {
        let Some(exchange) = &self.exchange else {
            return;
        };
        let mut payload = exchange.payload.as_object().cloned().unwrap_or_default();
        payload.insert("attempt", Value::from(exchange.attempt));
        let activity = exchange.activity;
        self.call(activity, &Value::Object(payload), What::Answer);
    }

    /// An attempt has ended.
    pub(super) fn answered(&mut self, result: Result<Value, Failure>) {
        let Some(exchange) = &mut self.exchange else {
            return;
        };
        let status = result.as_ref().map_or(0, status_of);
        let again = match &result {
            Ok(_) => matches!(status, 408 | 429 | 500..=599),
            Err(failure) => failure.retryable,
        };
        if let (true, Some(pause)) = (again, exchange.policy.pause_ms(exchange.attempt)) {
            exchange.attempt += 1;
            let asked = result.ok().as_ref().and_then(retry_after_ms);
            return self.sleep(pause.max(asked.unwrap_or_default()), What::SendAgain);
        }
        let Some(exchange) = self.exchange.take() else {
            return;
        };
        let answer = match result {
            Ok(answer) if status < 400 => Ok(answer),
            Ok(_) => Err(Fault {
                code: status_name(status),
                message: format!("The answer has the status {status}."),
            }),
            Err(failure) => Err(Fault {
                code: "RequestFailed",
                message: format!("{}: {}", failure.kind, failure.message),
            }),
        };
        match exchange.purpose {
            Purpose::Poll => self.polled(&exchange, answer, status),
            Purpose::Subscribe => self.subscribed(&exchange, answer),
            // Whoever was told to call no more may say what he will.
            Purpose::Unsubscribe => {}
        }
    }

    /// The activity for a request and its input.
    fn payload(
        &self,
        purpose: Purpose,
        transport: Transport,
        inputs: &Value,
    ) -> Result<(&'static str, Value), Fault> {
        let given = |name: &str| inputs.get(name).filter(|value| !value.is_null()).cloned();
        let mut payload = Object::new();
        let mut put = |name: &str, value: Option<Value>| {
            if let Some(value) = value {
                payload.insert(name, value);
            }
        };
        put("action", Some(Value::from(self.state.trigger.as_str())));
        let activity = match transport {
            Transport::Http => {
                let uri = given("uri").map(|uri| uri.to_text());
                let uri = uri
                    .filter(|uri| !uri.is_empty())
                    .ok_or_else(|| Fault::invalid("The trigger needs 'uri' in its inputs."))?;
                put("uri", Some(Value::from(uri)));
                put("cookie", given("cookie"));
                HTTP
            }
            Transport::ApiConnection => {
                let connection = ["/host/connection/referenceName", "/host/connection/name"]
                    .into_iter()
                    .find_map(|pointer| inputs.pointer(pointer).filter(|name| !name.is_null()));
                let connection = connection.ok_or_else(|| {
                    Fault::invalid(
                        "The trigger names no connection: 'host.connection.referenceName' is \
                         missing.",
                    )
                })?;
                put("connection", Some(connection.clone()));
                put("uri", given("uri"));
                put("path", given("path"));
                CONNECTION
            }
            Transport::ServiceProvider => {
                let configured =
                    |name: &str| inputs.pointer(&format!("/serviceProviderConfiguration/{name}"));
                put("connection", configured("connectionName").cloned());
                put("operation", configured("operationId").cloned());
                put("provider", configured("serviceProviderId").cloned());
                put("parameters", given("parameters"));
                SERVICE_PROVIDER
            }
        };
        if transport != Transport::ServiceProvider {
            let method = given("method").map_or_else(|| "GET".to_owned(), |m| m.to_text());
            put("method", Some(Value::from(method.to_uppercase())));
            for name in ["authentication", "queries", "headers", "body"] {
                put(name, given(name));
            }
        }
        put("timeoutMs", Some(Value::Int(TIMEOUT_MS)));
        put("workflow", Some(Value::from(&*self.settings.workflow)));
        let deferred = self.deferred_of(purpose, transport);
        let deferred = into_payload(&deferred, &payload).map_err(Fault::invalid)?;
        if !deferred.is_empty() {
            payload.insert("deferred", Value::Object(deferred));
        }
        Ok((activity, Value::Object(payload)))
    }
}

impl Watch {
    /// What of the trigger's inputs is left for whoever carries the request.
    fn deferred_of(&self, purpose: Purpose, transport: Transport) -> Deferred {
        match (purpose, transport) {
            (Purpose::Subscribe, Transport::Http) => below(&self.deferred, "subscribe"),
            (Purpose::Unsubscribe, Transport::Http) => below(&self.deferred, "unsubscribe"),
            // It goes to where the subscription is, with nothing of the inputs but the connection.
            (Purpose::Unsubscribe, _) => Deferred::new(),
            // The location that an answer has named stands in the place of these.
            (Purpose::Poll, _) if self.state.location.is_some() => {
                let own = self.deferred.iter().filter(|(pointer, _)| {
                    let first = pointer.trim_start_matches('/').split('/').next();
                    !["uri", "queries", "path"].contains(&first.unwrap_or_default())
                });
                own.cloned().collect()
            }
            (Purpose::Poll | Purpose::Subscribe, _) => self.deferred.clone(),
        }
    }
}

/// The status code of an answer; 200 where there is none.
fn status_of(answer: &Value) -> i64 {
    let code = answer.get("statusCode");
    code.and_then(|code| code.as_i64().or_else(|| code.to_text().parse().ok()))
        .unwrap_or(200)
}

pub(super) fn header(answer: &Value, name: &str) -> Option<String> {
    let value = answer.get("headers")?.get(name)?;
    Some(value.to_text()).filter(|value| !value.is_empty())
}

/// Where an answer leads to.
pub(super) fn location(answer: &Value) -> Option<String> {
    header(answer, "Location").filter(|place| place.len() <= LOCATION_BYTES_MAX)
}

/// `Retry-After` in seconds.
pub(super) fn retry_after_ms(answer: &Value) -> Option<u64> {
    let seconds: u64 = header(answer, "Retry-After")?.trim().parse().ok()?;
    Some(seconds.saturating_mul(1_000).min(RETRY_AFTER_MAX_MS))
}
