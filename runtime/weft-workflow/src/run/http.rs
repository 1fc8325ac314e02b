//! What comes of the answers to requests: attempts, polling, paging, the end of the action.

use std::sync::Arc;

use weft_orchestration::Failure;

use crate::expression::Deferred;
use crate::program::{Action, ActionId, RetryPolicy, Transport, Webhook};
use crate::value::{Object, Value};

use super::deferred::{below, elsewhere, into_payload};
use super::location;
use super::request::Request;
use super::state::{End, FrameId, Progress, Retry, error, member, object};
use super::{Run, Status, What, error_of};

pub(super) const HTTP: &str = "workflow/http";
const CONNECTION: &str = "workflow/connection";
const SERVICE_PROVIDER: &str = "workflow/service-provider";

/// Between polls where the answer does not say.
const POLL_MS: u64 = 10_000;
/// No answer makes a run wait longer for its next poll or attempt.
const RETRY_AFTER_MAX_MS: u64 = 24 * 3_600_000;
/// How long one exchange may take where the definition does not say.
const TIMEOUT_MS: u64 = 120_000;
/// Pages of one request.
const PAGES_MAX: usize = 5_000;

impl Run {
    pub(super) fn begin_request(
        &mut self,
        frame: FrameId,
        id: ActionId,
        transport: Transport,
        inputs: &Value,
    ) -> Option<End> {
        let program = Arc::clone(&self.program);
        let action = program.action(id);
        let policy = match RetryPolicy::read(member(inputs, "retryPolicy")) {
            Ok(policy) => policy,
            Err(fault) => return Some(End::failed("InvalidTemplate", fault)),
        };
        let deferred = self.slot_mut(frame, id).record.deferred.clone();
        let (activity, payload) = match self.payload(action, transport, inputs, &deferred) {
            Ok(made) => made,
            Err(end) => return Some(end),
        };
        let request = Request {
            activity,
            payload,
            policy,
            attempt: 1,
            attempt_started: self.now,
            asynchronous: !action.options.disable_async_pattern,
            items_wanted: action.pagination,
            gathered: Vec::new(),
            pages: 0,
            webhook: false,
        };
        self.slot_mut(frame, id).progress = Progress::Request(Box::new(request));
        self.send(frame, id);
        None
    }

    /// Subscribes, then waits for the callback.
    pub(super) fn begin_webhook(
        &mut self,
        frame: FrameId,
        id: ActionId,
        webhook: Webhook,
        inputs: &Value,
    ) -> Option<End> {
        let program = Arc::clone(&self.program);
        let action = program.action(id);
        let transport = match webhook {
            Webhook::Http => Transport::Http,
            Webhook::ApiConnection => Transport::ApiConnection,
        };
        let subscribe = match webhook {
            Webhook::Http => member(inputs, "subscribe").cloned().unwrap_or_default(),
            Webhook::ApiConnection => {
                // The peer posts the subscription.
                let mut subscribe = inputs.as_object().cloned().unwrap_or_default();
                if subscribe.get("method").is_none() {
                    subscribe.insert("method", Value::from("post"));
                }
                Value::Object(subscribe)
            }
        };
        let deferred = self.slot_mut(frame, id).record.deferred.clone();
        let deferred = match webhook {
            Webhook::Http => below(&deferred, "subscribe"),
            Webhook::ApiConnection => deferred,
        };
        let (activity, payload) = match self.payload(action, transport, &subscribe, &deferred) {
            Ok(made) => made,
            Err(end) => return Some(end),
        };
        let policy = match RetryPolicy::read(member(&subscribe, "retryPolicy")) {
            Ok(policy) => policy,
            Err(fault) => return Some(End::failed("InvalidTemplate", fault)),
        };
        let event = self.callback(frame, id).event();
        if let Ok(task) = self.replay.wait_for_event(&event) {
            self.wait_for(task, frame, id, What::Callback);
        }
        let request = Request {
            activity,
            payload,
            policy,
            attempt: 1,
            attempt_started: self.now,
            asynchronous: false,
            items_wanted: None,
            gathered: Vec::new(),
            pages: 0,
            webhook: true,
        };
        self.slot_mut(frame, id).progress = Progress::Request(Box::new(request));
        self.send(frame, id);
        None
    }

    /// The activity for a request and its input. Secrets stand under `deferred`, as expressions by
    /// JSON pointer.
    fn payload(
        &self,
        action: &Action,
        transport: Transport,
        inputs: &Value,
        deferred: &Deferred,
    ) -> Result<(&'static str, Value), End> {
        let mut payload = Object::new();
        let mut put = |name: &str, value: Option<Value>| {
            if let Some(value) = value {
                payload.insert(name, value);
            }
        };
        let given = |name: &str| member(inputs, name).cloned();
        put("action", Some(Value::from(&*action.name)));
        let activity = match transport {
            Transport::Http => {
                let Some(uri) = given("uri").map(|uri| uri.to_text()) else {
                    let message = "An Http action needs 'uri' in its inputs.";
                    return Err(End::failed("InvalidTemplate", message));
                };
                put("uri", Some(Value::from(uri)));
                put("cookie", given("cookie"));
                put("authentication", given("authentication"));
                put("chunk", action.chunked.then(|| Value::from(true)));
                HTTP
            }
            Transport::ApiConnection => {
                let connection = ["/host/connection/referenceName", "/host/connection/name"]
                    .into_iter()
                    .find_map(|pointer| inputs.pointer(pointer))
                    .filter(|name| !name.is_null());
                let Some(connection) = connection else {
                    let message = "The action names no connection: 'host.connection.referenceName' \
                                   is missing.";
                    return Err(End::failed("InvalidTemplate", message));
                };
                put("connection", Some(connection.clone()));
                put("path", given("path"));
                put("authentication", given("authentication"));
                CONNECTION
            }
            Transport::ServiceProvider => {
                let configured = |name: &str| {
                    let at = format!("/serviceProviderConfiguration/{name}");
                    inputs.pointer(&at).cloned()
                };
                put("connection", configured("connectionName"));
                put("operation", configured("operationId"));
                put("provider", configured("serviceProviderId"));
                put("parameters", given("parameters"));
                SERVICE_PROVIDER
            }
        };
        if transport != Transport::ServiceProvider {
            let method = given("method").map_or_else(|| "GET".to_owned(), |m| m.to_text());
            put("method", Some(Value::from(method.to_uppercase())));
            put("queries", given("queries"));
            put("headers", given("headers"));
            put("body", given("body"));
        }
        put("timeoutMs", Some(Value::Int(TIMEOUT_MS.cast_signed())));
        let hidden = action.secure.inputs || action.secure.outputs;
        put("secure", hidden.then(|| Value::from(true)));
        put("run", Some(Value::from(self.replay.instance().to_string())));
        put("workflow", Some(Value::from(&*self.settings.workflow)));
        put("trackingId", Some(Value::from(self.tracking_id())));
        let deferred = into_payload(deferred, &payload);
        let deferred = deferred.map_err(|fault| End::failed("InvalidTemplate", fault))?;
        if !deferred.is_empty() {
            payload.insert("deferred", Value::Object(deferred));
        }
        Ok((activity, Value::Object(payload)))
    }

    /// Makes the present exchange.
    fn send(&mut self, frame: FrameId, id: ActionId) {
        let now = self.now;
        let Progress::Request(request) = &mut self.slot_mut(frame, id).progress else {
            return;
        };
        request.attempt_started = now;
        let mut payload = request.payload.as_object().cloned().unwrap_or_default();
        payload.insert("attempt", Value::from(request.attempt));
        let activity = request.activity;
        self.call(frame, id, activity, &Value::Object(payload), What::Answer);
    }

    /// The pause before an attempt or a poll is over.
    pub(super) fn send_again(&mut self, frame: FrameId, id: ActionId) {
        self.send(frame, id);
    }

    /// An exchange has ended.
    pub(super) fn answered(
        &mut self,
        frame: FrameId,
        id: ActionId,
        result: Result<Value, Failure>,
    ) {
        let status = result.as_ref().ok().map(status_code);
        let again = match (&result, status) {
            (Err(failure), _) => failure.retryable,
            (Ok(_), Some(status)) => matches!(status, 408 | 429 | 500..=599),
            (Ok(_), None) => false,
        };
        if again && self.retry(frame, id, &result) {
            return;
        }
        let answer = match result {
            Ok(answer) => answer,
            Err(failure) => {
                let end = End {
                    status: Status::Failed,
                    code: Some(failure.kind.as_str().into()),
                    error: Some(error_of(&failure)),
                    outputs: None,
                };
                return self.end_action(frame, id, end);
            }
        };
        let status = status.unwrap_or_default();
        if status >= 400 {
            let end = End {
                status: Status::Failed,
                code: Some(status_name(status).into()),
                error: None,
                outputs: Some(answer),
            };
            return self.end_action(frame, id, end);
        }
        if status == 202 && self.poll(frame, id, &answer) {
            return;
        }
        self.succeeded(frame, id, answer, status);
    }

    /// Waits for another attempt, where the policy has one.
    fn retry(&mut self, frame: FrameId, id: ActionId, result: &Result<Value, Failure>) -> bool {
        let now = self.now;
        let slot = self.slot_mut(frame, id);
        let Progress::Request(request) = &mut slot.progress else {
            return false;
        };
        let Some(pause) = request.policy.pause_ms(request.attempt) else {
            return false;
        };
        let (code, fault, asked) = match result {
            Ok(answer) => {
                let code = status_name(status_code(answer));
                (code.to_owned(), None, retry_after_ms(answer))
            }
            Err(failure) => (failure.kind.clone(), Some(error_of(failure)), None),
        };
        slot.record.retries.push(Retry {
            started: request.attempt_started,
            ended: now,
            code: code.as_str().into(),
            error: fault,
        });
        request.attempt += 1;
        let pause = pause.max(asked.unwrap_or_default());
        self.sleep(frame, id, pause, What::Again);
        true
    }

    /// Asks again at the location that a 202 names, after a pause.
    fn poll(&mut self, frame: FrameId, id: ActionId, answer: &Value) -> bool {
        let location =
            header(answer, "Location").or_else(|| header(answer, "Azure-AsyncOperation"));
        let Some(location) = location else {
            return false;
        };
        let Progress::Request(request) = &mut self.slot_mut(frame, id).progress else {
            return false;
        };
        if !request.asynchronous {
            return false;
        }
        let mut payload = elsewhere(&request.payload, &["body", "queries", "path", "chunk"]);
        let from = request
            .payload
            .get("uri")
            .map(Value::to_text)
            .unwrap_or_default();
        let location = location::resolve(&from, &location);
        if !location::is_same_server(&from, &location) {
            location::forget_credentials(&mut payload);
        }
        payload.insert("uri", Value::from(location));
        payload.insert("method", Value::from("GET"));
        request.payload = Value::Object(payload);
        request.attempt = 1;
        let pause = retry_after_ms(answer).unwrap_or(POLL_MS);
        self.sleep(frame, id, pause, What::Again);
        true
    }

    fn succeeded(&mut self, frame: FrameId, id: ActionId, answer: Value, status: i64) {
        let slot = self.slot_mut(frame, id);
        let Progress::Request(request) = &mut slot.progress else {
            return;
        };
        if request.webhook {
            let inputs = slot.record.inputs.clone().unwrap_or_default();
            let unsubscribe = inputs.get("unsubscribe").cloned().unwrap_or_default();
            slot.progress = Progress::Webhook { unsubscribe };
            return;
        }
        let mut answer = answer;
        if let Some(wanted) = request.items_wanted {
            let items = answer.pointer("/body/value").and_then(Value::as_array);
            request
                .gathered
                .extend(items.into_iter().flat_map(|items| items.iter().cloned()));
            let next = [
                "/body/nextLink",
                "/body/@odata.nextLink",
                "/body/odata.nextLink",
            ]
            .into_iter()
            .find_map(|pointer| answer.pointer(pointer))
            .filter(|link| !link.is_null())
            .map(Value::to_text);
            let enough = request.gathered.len() as u64 >= wanted;
            request.pages += 1;
            if let (Some(next), false, true) = (next, enough, request.pages < PAGES_MAX) {
                let mut payload = elsewhere(&request.payload, &["queries", "path"]);
                let from = request.payload.get("uri");
                let from = from.map(Value::to_text).unwrap_or_default();
                if !location::is_same_server(&from, &next) {
                    location::forget_credentials(&mut payload);
                }
                payload.insert("uri", Value::from(next));
                request.payload = Value::Object(payload);
                request.attempt = 1;
                return self.send(frame, id);
            }
            let gathered = std::mem::take(&mut request.gathered);
            if let (Value::Object(whole), Some(Value::Object(body))) = (&answer, answer.get("body"))
                && body.get("value").is_some()
            {
                let mut body = body.clone();
                body.insert("value", Value::from(gathered));
                let mut whole = whole.clone();
                whole.insert("body", Value::Object(body));
                answer = Value::Object(whole);
            }
        }
        let end = End {
            code: Some(status_name(status).into()),
            ..End::succeeded(Some(answer))
        };
        self.end_action(frame, id, end);
    }

    /// Somebody has called the URL of a webhook.
    pub(super) fn called_back(&mut self, frame: FrameId, id: ActionId, callback: Value) {
        let status = match callback.get("statusCode") {
            Some(_) => status_code(&callback),
            None => 200,
        };
        let outputs = object([
            ("statusCode", Some(Value::Int(status))),
            ("headers", callback.get("headers").cloned()),
            ("body", callback.get("body").cloned()),
        ]);
        let end = match status >= 400 {
            true => End {
                status: Status::Failed,
                code: Some(status_name(status).into()),
                error: None,
                outputs: Some(outputs),
            },
            false => End {
                code: Some("OK".into()),
                ..End::succeeded(Some(outputs))
            },
        };
        self.end_action(frame, id, end);
    }

    /// `limit.timeout` of an action has passed.
    pub(super) fn timed_out(&mut self, frame: FrameId, id: ActionId) {
        let program = Arc::clone(&self.program);
        let action = program.action(id);
        if let Progress::Webhook { unsubscribe } = &self.slot_mut(frame, id).progress {
            let unsubscribe = unsubscribe.clone();
            let deferred = below(&self.slot_mut(frame, id).record.deferred, "unsubscribe");
            self.unsubscribe(action, &unsubscribe, &deferred);
        }
        let message = format!(
            "The execution of template action '{}' timed out: it took longer than its limit.",
            action.name
        );
        self.end_action(frame, id, End::timed_out(message));
    }

    /// Sends the request that undoes a subscription; nobody waits for its answer.
    fn unsubscribe(&mut self, action: &Action, inputs: &Value, deferred: &Deferred) {
        if member(inputs, "uri").is_none() {
            return;
        }
        if let Ok((activity, payload)) = self.payload(action, Transport::Http, inputs, deferred) {
            let payload = weft_orchestration::Payload::from(payload.to_string());
            // The error, where there is one, stays in the replay and ends the run with this turn.
            let _ = self.replay.call_activity(activity, payload, None);
        }
    }
}

/// The status code of an answer, which connectors may give as text.
pub(super) fn status_code(answer: &Value) -> i64 {
    let code = answer.get("statusCode");
    code.and_then(|code| code.as_i64().or_else(|| code.to_text().parse().ok()))
        .unwrap_or(200)
}

fn header(answer: &Value, name: &str) -> Option<String> {
    let value = answer.get("headers")?.get(name)?;
    Some(value.to_text()).filter(|value| !value.is_empty())
}

/// `Retry-After` in seconds.
fn retry_after_ms(answer: &Value) -> Option<u64> {
    let seconds: u64 = header(answer, "Retry-After")?.trim().parse().ok()?;
    Some(seconds.saturating_mul(1_000).min(RETRY_AFTER_MAX_MS))
}

/// The code that the run history shows for a status: the names of the .NET enumeration.
pub(crate) fn status_name(status: i64) -> &'static str {
    match status {
        200 => "OK",
        201 => "Created",
        202 => "Accepted",
        203 => "NonAuthoritativeInformation",
        204 => "NoContent",
        205 => "ResetContent",
        206 => "PartialContent",
        300 => "MultipleChoices",
        301 => "MovedPermanently",
        302 => "Found",
        303 => "SeeOther",
        304 => "NotModified",
        307 => "TemporaryRedirect",
        308 => "PermanentRedirect",
        400 => "BadRequest",
        401 => "Unauthorized",
        402 => "PaymentRequired",
        403 => "Forbidden",
        404 => "NotFound",
        405 => "MethodNotAllowed",
        406 => "NotAcceptable",
        407 => "ProxyAuthenticationRequired",
        408 => "RequestTimeout",
        409 => "Conflict",
        410 => "Gone",
        411 => "LengthRequired",
        412 => "PreconditionFailed",
        413 => "RequestEntityTooLarge",
        414 => "RequestUriTooLong",
        415 => "UnsupportedMediaType",
        416 => "RequestedRangeNotSatisfiable",
        417 => "ExpectationFailed",
        422 => "UnprocessableEntity",
        423 => "Locked",
        424 => "FailedDependency",
        428 => "PreconditionRequired",
        429 => "TooManyRequests",
        431 => "RequestHeaderFieldsTooLarge",
        500 => "InternalServerError",
        501 => "NotImplemented",
        502 => "BadGateway",
        503 => "ServiceUnavailable",
        504 => "GatewayTimeout",
        505 => "HttpVersionNotSupported",
        507 => "InsufficientStorage",
        _ => "NotSpecified",
    }
}

/// A failed answer of a nested workflow or of a connector without an error of its own.
pub(super) fn failed_answer(status: i64, outputs: Value) -> End {
    End {
        status: Status::Failed,
        code: Some(status_name(status).into()),
        error: Some(error(
            status_name(status),
            format!("The answer has the status {status}."),
        )),
        outputs: Some(outputs),
    }
}
