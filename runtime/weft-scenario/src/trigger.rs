//! The request that sets a scenario off, and what its caller is answered.

use jiff::Timestamp;
use percent_encoding::percent_decode_str;
use weft_id::InstanceId;
use weft_orchestration::{Message, Payload};
use weft_workflow::http::{Answer, answer, match_path, trigger_outputs};
use weft_workflow::program::Trigger;
use weft_workflow::run::Callback;
use weft_workflow::trigger::{Fate, Fired, Firing};
use weft_workflow::value::Value;

use crate::case::{BASE, Case};
use crate::mock::number;
use crate::world::{BEGIN_MS, World};

/// How long a caller waits for a Response.
const WAIT_MAX_MS: u64 = 230_000;

/// A trigger that was set off.
pub(crate) struct Call {
    runs: Vec<InstanceId>,
    kind: Kind,
}

enum Kind {
    /// Answered at once: with a refusal, or with 202.
    AtOnce(Answer),
    /// 202 with a location, and later the Response.
    Asynchronous {
        accepted: Answer,
    },
    Synchronous {
        shows_run: bool,
    },
    /// Each message is answered with 202; the runs are started when their batch is complete.
    Messages,
}

/// What the caller got.
#[derive(Debug, Default)]
pub(crate) struct Answered {
    pub(crate) accepted: Option<Answer>,
    pub(crate) answer: Option<Answer>,
    pub(crate) at_ms: Option<u64>,
    pub(crate) runs: Vec<InstanceId>,
}

/// Sets off the trigger of a scenario.
pub(crate) fn call(case: &Case, world: &mut World) -> Call {
    match try_call(case, world) {
        Ok(call) => call,
        Err(refused) => Call {
            runs: Vec::new(),
            kind: Kind::AtOnce(refused),
        },
    }
}

fn try_call(case: &Case, world: &mut World) -> Result<Call, Answer> {
    let deployed = &world.deployed[&case.id];
    let program = std::sync::Arc::clone(&deployed.program);
    let settings = std::sync::Arc::clone(&deployed.settings);
    let name = case.trigger.get("name").map(Value::to_text);
    let mut triggers = program.triggers().iter();
    let trigger = match &name {
        None => triggers.next(),
        Some(name) => triggers.find(|trigger| trigger.name.eq_ignore_ascii_case(name)),
    };
    let missing = || refusal(404, "WorkflowTriggerNotFound", "There is no such trigger.");
    let trigger = trigger.ok_or_else(missing)?;
    if let Some(messages) = case.trigger.get("messages").and_then(Value::as_array) {
        if !trigger.kind.eq_ignore_ascii_case("Batch") {
            let message = "Messages are for a trigger of the type Batch.";
            return Err(refusal(400, "WorkflowTriggerIsNotEnabled", message));
        }
        world.watch(&case.id, &trigger.name);
        for message in messages.iter() {
            let mut body = message.as_object().cloned().unwrap_or_default();
            let after_ms = body.remove("afterMs").as_ref().and_then(number);
            world.tell(after_ms.unwrap_or_default(), Value::Object(body));
        }
        return Ok(Call {
            runs: Vec::new(),
            kind: Kind::Messages,
        });
    }
    let firing = Firing::of(trigger).map_err(|faults| {
        let faults: Vec<String> = faults.iter().map(ToString::to_string).collect();
        refusal(400, "InvalidTemplate", &faults.join("; "))
    })?;
    let request = Request::new(&case.trigger);
    let outputs = request.outputs(trigger)?;
    check_schema(trigger, &outputs)?;
    let tracking = request.header("x-ms-client-tracking-id");
    let millis = i64::try_from(BEGIN_MS).unwrap_or_default();
    let fired = Fired {
        inputs: trigger.definition.get("inputs").cloned(),
        outputs,
        client_tracking_id: tracking,
        base_url: BASE.to_owned(),
        scheduled: None,
        now: Timestamp::from_millisecond(millis).unwrap_or_default(),
        seed: 1,
    };
    let awaited = program.responds() && !firing.splits() && is_request(trigger);
    let mut starts = match firing.fire(&program, &settings, &fired) {
        Fate::Runs(starts) => starts,
        Fate::Skipped { .. } => Vec::new(),
        Fate::Failed { code, message } => return Err(refusal(400, code, &message)),
    };
    for start in &mut starts {
        start.awaited = awaited;
    }
    let runs: Vec<InstanceId> = starts
        .iter()
        .map(|start| world.start(&case.id, &start.to_value()))
        .collect();
    let options = trigger.definition.get("operationOptions");
    let options = options.map(Value::to_text).unwrap_or_default();
    let shows_run = !options.contains("SuppressWorkflowHeadersOnResponse");
    let mut accepted = Answer {
        status: 202,
        headers: runs.first().map(run_headers).unwrap_or_default(),
        body: Vec::new(),
    };
    let kind = match (awaited, program.responds_asynchronously()) {
        (false, _) => Kind::AtOnce(accepted),
        (true, true) => {
            let run = runs.first().map(ToString::to_string).unwrap_or_default();
            let location = format!("{BASE}/runs/{run}/operations/{run}");
            accepted.headers.push(("Location".to_owned(), location));
            accepted
                .headers
                .push(("Retry-After".to_owned(), "1".to_owned()));
            Kind::Asynchronous { accepted }
        }
        (true, false) => Kind::Synchronous { shows_run },
    };
    Ok(Call { runs, kind })
}

/// The body against the trigger's schema, where the trigger asks for that.
fn check_schema(trigger: &Trigger, outputs: &Value) -> Result<(), Answer> {
    let options = trigger.definition.get("operationOptions");
    let options = options.map(Value::to_text).unwrap_or_default();
    let mut options = options.split(',').map(str::trim);
    let asked = options.any(|option| option.eq_ignore_ascii_case("EnableSchemaValidation"));
    let schema = trigger.definition.pointer("/inputs/schema");
    let Some(schema) = schema.filter(|_| asked) else {
        return Ok(());
    };
    let body = outputs.get("body").cloned().unwrap_or_default();
    let faults = weft_workflow::program::schema_faults(schema, &body);
    match faults.as_slice() {
        [] => Ok(()),
        faults => {
            let message = format!(
                "The input body for the trigger does not match its schema: {}.",
                faults.join("; ")
            );
            Err(refusal(400, "TriggerInputSchemaMismatch", &message))
        }
    }
}

fn is_request(trigger: &Trigger) -> bool {
    trigger.kind.eq_ignore_ascii_case("Request")
}

/// The headers by which a caller finds the run.
fn run_headers(run: &InstanceId) -> Vec<(String, String)> {
    [
        "x-ms-workflow-run-id",
        "x-ms-correlation-id",
        "x-ms-trigger-history-name",
    ]
    .map(|name| (name.to_owned(), run.to_string()))
    .to_vec()
}

fn refusal(status: u16, code: &str, message: &str) -> Answer {
    let members = [
        ("code", Value::from(code)),
        ("message", Value::from(message)),
    ];
    let error: Value = members.into_iter().collect();
    let body: Value = [("error", error)].into_iter().collect();
    Answer {
        status,
        headers: vec![(
            "Content-Type".to_owned(),
            "application/json; charset=utf-8".to_owned(),
        )],
        body: body.to_string().into_bytes(),
    }
}

/// The request of a scenario.
struct Request {
    method: String,
    path: Vec<String>,
    query: Vec<(String, String)>,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
    /// Whether the management API sets the trigger off, whatever its own requests look like.
    by_management: bool,
}

impl Request {
    fn new(stated: &Value) -> Self {
        let text = |name: &str| stated.get(name).map(Value::to_text);
        let pairs = |name: &str| {
            let members = stated.get(name).and_then(Value::as_object);
            let members = members.into_iter().flat_map(|members| members.iter());
            members
                .map(|(name, value)| (name.to_string(), value.to_text()))
                .collect::<Vec<_>>()
        };
        let mut headers = pairs("headers");
        let (body, kind) = match (text("bodyText"), stated.get("body")) {
            (Some(text), _) => (text.into_bytes(), "text/plain; charset=utf-8"),
            (None, Some(body)) => (
                body.to_string().into_bytes(),
                "application/json; charset=utf-8",
            ),
            (None, None) => (Vec::new(), ""),
        };
        let kind = text("contentType").unwrap_or_else(|| kind.to_owned());
        let has_kind = |(name, _): &(String, String)| name.eq_ignore_ascii_case("content-type");
        if !kind.is_empty() && !headers.iter().any(has_kind) {
            headers.push(("Content-Type".to_owned(), kind));
        }
        let path = text("path").unwrap_or_default();
        let path = path.split('/').filter(|part| !part.is_empty());
        Self {
            method: text("method").unwrap_or_else(|| "POST".to_owned()),
            path: path
                .map(|part| percent_decode_str(part).decode_utf8_lossy().into_owned())
                .collect(),
            query: pairs("query"),
            headers,
            body,
            by_management: stated.get("run").and_then(Value::as_bool) == Some(true),
        }
    }

    fn header(&self, name: &str) -> Option<String> {
        let mut all = self.headers.iter();
        all.find(|(own, _)| own.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.clone())
    }

    fn outputs(&self, trigger: &Trigger) -> Result<Value, Answer> {
        let inputs = trigger.definition.get("inputs");
        let text = |name: &str| {
            inputs
                .and_then(|inputs| inputs.get(name))
                .map(Value::to_text)
        };
        let mut parameters = Vec::new();
        let template = text("relativePath").unwrap_or_default();
        if is_request(trigger) && self.by_management {
            parameters = match_path(&template, &self.path).unwrap_or_default();
        } else if is_request(trigger) {
            if let Some(method) = text("method").filter(|method| !method.is_empty())
                && !method.eq_ignore_ascii_case(&self.method)
            {
                let message = format!("The trigger takes {}.", method.to_uppercase());
                return Err(refusal(405, "MethodNotAllowed", &message));
            }
            parameters = match_path(&template, &self.path).ok_or_else(|| {
                let message = format!("The path does not fit the trigger's '{template}'.");
                refusal(404, "WorkflowTriggerRelativePathNotMatched", &message)
            })?;
        }
        let headers: Vec<(&str, &str)> = self
            .headers
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect();
        trigger_outputs(headers, &self.query, &parameters, &self.body)
            .map_err(|fault| refusal(400, "InvalidRequestContent", &fault.to_string()))
    }
}

impl Call {
    /// What the caller got, now that everything has happened.
    pub(crate) fn answered(self, world: &World) -> Answered {
        let run = self.runs.first().and_then(|id| world.running(id));
        let given = run.and_then(|run| run.responded.clone());
        let ended = run.and_then(|run| run.ended.as_ref()).map(|(_, at)| *at);
        let no_response = || {
            let message = "The server did not receive a response from an upstream server.";
            refusal(502, "NoResponse", message)
        };
        let (accepted, answer, at_ms) = match self.kind {
            Kind::AtOnce(answer) => (Some(answer.clone()), Some(answer), Some(0)),
            Kind::Messages => {
                let answer = Answer {
                    status: 202,
                    headers: Vec::new(),
                    body: Vec::new(),
                };
                (Some(answer.clone()), Some(answer), Some(0))
            }
            Kind::Asynchronous { accepted } => match (given, ended) {
                (Some((at, given)), _) => (Some(accepted), Some(answer(&given)), Some(at)),
                (None, ended) => (Some(accepted), Some(no_response()), ended),
            },
            Kind::Synchronous { shows_run } => match (given, ended) {
                (Some((at, given)), _) if at <= WAIT_MAX_MS => {
                    let mut answer = answer(&given);
                    if let Some(run) = run.filter(|_| shows_run) {
                        answer.headers.extend(run_headers(&run.id));
                    }
                    (None, Some(answer), Some(at))
                }
                (None, Some(ended)) if ended <= WAIT_MAX_MS => {
                    (None, Some(no_response()), Some(ended))
                }
                _ => {
                    let message = "The workflow has not responded in time.";
                    let late = refusal(504, "GatewayTimeout", message);
                    (None, Some(late), Some(WAIT_MAX_MS))
                }
            },
        };
        let of_batches = world.watched.as_ref();
        let of_batches = of_batches.map(|watched| watched.started.clone());
        Answered {
            accepted,
            answer,
            at_ms,
            runs: of_batches.unwrap_or(self.runs),
        }
    }
}

/// Somebody calls the URL of a webhook action.
pub(crate) fn call_back(world: &mut World, url: &str, stated: &Value) {
    let Some((callback, signature)) = read_url(url) else {
        world.faults.push(format!(
            "a callback goes to {url}, which is no callback URL"
        ));
        return;
    };
    let workflow = world
        .deployed
        .values()
        .find(|deployed| deployed.settings.workflow == callback.workflow);
    let signed = workflow.is_some_and(|deployed| {
        let key = &deployed.settings.callback_key;
        key.verify(&callback.signed_text(""), &signature)
    });
    let id = callback.run.parse::<InstanceId>();
    let (true, Ok(id)) = (signed, id) else {
        world
            .faults
            .push(format!("the signature of {url} is not that of a callback"));
        return;
    };
    let request = Request::new(stated);
    let headers: Vec<(&str, &str)> = request
        .headers
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect();
    match trigger_outputs(headers, &[], &[], &request.body) {
        Ok(payload) => world.send(
            id,
            Message::Event {
                name: callback.event(),
                payload: Payload::from(payload.to_string()),
            },
        ),
        Err(fault) => world.faults.push(fault.to_string()),
    }
}

/// The webhook action that a URL is of, and the signature in it.
fn read_url(url: &str) -> Option<(Callback, String)> {
    let (path, query) = url.strip_prefix(BASE)?.split_once('?')?;
    let decoded = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
    let parts: Vec<String> = path.split('/').map(decoded).collect();
    let after = |word: &str| {
        let at = parts.iter().position(|part| part == word)?;
        parts.get(at + 1).cloned()
    };
    let parameter = |name: &str| {
        let mut pairs = query.split('&').filter_map(|pair| pair.split_once('='));
        pairs
            .find(|(own, _)| *own == name)
            .map(|(_, value)| decoded(value))
    };
    let callback = Callback {
        workflow: after("workflows")?,
        run: after("runs")?,
        action: after("actions")?,
        repetition: parameter("repetition").unwrap_or_default(),
    };
    Some((callback, parameter("sig")?))
}
