//! What a trigger asks to be watched for, as its definition says.

use std::collections::BTreeMap;

use jiff::Timestamp;
use sha2::{Digest as _, Sha256};

use crate::expression::{Budget, EvalError, Template};
use crate::program::{Program, Transport, Trigger, Webhook, duration_ms};
use crate::run::Settings;
use crate::trigger::{Firing, Recurrence, Surroundings, parameters};
use crate::value::{Value, same_name};

/// Runs that wait for others to end, where the definition does not say.
const WAITING_DEFAULT: usize = 100;
/// Between polls where the definition does not say.
const POLL_DEFAULT: (&str, i64) = ("Minute", 3);

/// A trigger of a type that is watched.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) firing: Firing,
    pub(super) kind: Kind,
    pub(super) inputs: Template,
    /// Runs at one time; `None` for any number.
    pub(super) runs_max: Option<usize>,
    pub(super) waiting_max: usize,
    /// What comes while a run is open is passed over.
    pub(super) single: bool,
}

#[derive(Debug)]
pub(super) enum Kind {
    Recurrence(Recurrence),
    Windows {
        recurrence: Recurrence,
        delay_ms: u64,
    },
    Poll {
        transport: Transport,
        recurrence: Recurrence,
    },
    Webhook(Webhook),
    Batch(BTreeMap<String, Release>),
    /// Fires when it is told to only.
    Told,
}

/// When a batch is complete.
#[derive(Debug, Clone, Default)]
pub(super) struct Release {
    pub(super) count: Option<u64>,
    pub(super) bytes: Option<u64>,
    pub(super) recurrence: Option<Recurrence>,
}

/// Why a trigger cannot be watched.
#[derive(Debug)]
pub(super) struct Fault {
    pub(super) code: &'static str,
    pub(super) message: String,
}

impl Fault {
    pub(super) fn invalid(message: impl ToString) -> Self {
        Self {
            code: EvalError::INVALID,
            message: message.to_string(),
        }
    }
}

impl From<EvalError> for Fault {
    fn from(error: EvalError) -> Self {
        Self {
            code: error.code,
            message: error.message,
        }
    }
}

/// Whether something has to watch a trigger, rather than wait for a request: one that fires of its own
/// accord, and a Request that starts any other number of runs than one for each request.
#[must_use]
pub fn is_watched(trigger: &Trigger) -> bool {
    const WATCHED: [&str; 8] = [
        "Recurrence",
        "SlidingWindow",
        "Http",
        "HttpWebhook",
        "ApiConnection",
        "ApiConnectionWebhook",
        "ServiceProvider",
        "Batch",
    ];
    let divides = || {
        let stated = |pointer: &str| {
            let found = trigger.definition.pointer(pointer);
            found.is_some_and(|value| !value.is_null())
        };
        stated("/conditions") || stated("/splitOn") || stated("/runtimeConfiguration/concurrency")
    };
    WATCHED.iter().any(|kind| same_name(kind, &trigger.kind))
        || (same_name("Request", &trigger.kind) && divides())
}

/// What the URL of a trigger is made of, beside its names.
#[derive(Debug, Clone, Copy)]
pub struct CallbackUrl<'a> {
    /// What it begins with.
    pub base: &'a str,
    /// Tells the key that signs it from others that the workflow had.
    pub access_key: &'a str,
}

/// Tells one meaning of a trigger from another: its definition and what that refers to. `None`
/// where the program has no such trigger that is watched.
#[must_use]
pub fn fingerprint(
    program: &Program,
    settings: &Settings,
    trigger: &str,
    url: &CallbackUrl<'_>,
) -> Option<String> {
    let trigger = find(program, trigger).filter(|trigger| is_watched(trigger))?;
    let mut hash = Sha256::new();
    hash.update(trigger.definition.to_string());
    for (name, value) in settings.parameters.iter().chain(&settings.app_settings) {
        hash.update(format!("\n{name}={value}"));
    }
    match parameters(program, settings, Timestamp::UNIX_EPOCH, 0) {
        Ok(known) => {
            for (name, value) in known.values {
                hash.update(format!("\n{name}:{value}"));
            }
            for (name, rest) in known.deferred {
                hash.update(format!("\n{name}:@{rest}"));
            }
        }
        Err(error) => hash.update(error.message),
    }
    if trigger.kind.to_ascii_lowercase().ends_with("webhook") {
        hash.update(format!("\n{}", url.base));
        if !url.access_key.is_empty() {
            hash.update(format!("\n{}", url.access_key));
        }
    }
    let hash = hash.finalize();
    Some(
        hash.iter()
            .take(16)
            .map(|byte| format!("{byte:02x}"))
            .collect(),
    )
}

/// The id of the instance that watches a trigger, which holds what an id may hold.
#[must_use]
pub fn watch_id(workflow: &str, trigger: &str) -> String {
    const LEN_MAX: usize = 200;
    let plain = |c: char| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_' | '.' | '(' | ')');
    let id = format!("trigger:{workflow}:{trigger}");
    if trigger.chars().all(plain) && id.chars().count() <= LEN_MAX {
        return id;
    }
    let hash = Sha256::digest(trigger.as_bytes());
    let hash: String = hash
        .iter()
        .take(16)
        .map(|byte| format!("{byte:02x}"))
        .collect();
    format!("trigger:{workflow}:{hash}")
}

/// A trigger by its name, in whatever letter case.
pub(super) fn find<'a>(program: &'a Program, name: &str) -> Option<&'a Trigger> {
    let mut triggers = program.triggers().iter();
    triggers.find(|trigger| same_name(&trigger.name, name))
}

impl Plan {
    pub(super) fn of(
        trigger: &Trigger,
        program: &Program,
        settings: &Settings,
        now: Timestamp,
    ) -> Result<Self, Fault> {
        let definition = &trigger.definition;
        let first = |faults: Vec<crate::expression::CompileError>| {
            let fault = faults.into_iter().next();
            Fault::invalid(fault.map_or_else(String::new, |fault| {
                format!("{}: {}", fault.pointer, fault.message)
            }))
        };
        let parameters = parameters(program, settings, now, 0)?;
        let evaluate = &|value: &Value| {
            let template = Template::compile(value).map_err(first)?;
            let here = Surroundings::new(settings, &parameters, now, 0);
            Ok::<_, Fault>(template.evaluate(&here, &mut Budget::default())?)
        };
        let at = |pointer: &str| definition.pointer(pointer).filter(|value| !value.is_null());
        let recurrence = || at("/recurrence").or(at("/inputs/recurrence"));
        let recurs = || match recurrence() {
            Some(value) => Recurrence::read(&evaluate(value)?).map_err(Fault::invalid),
            None => Err(Fault::invalid("The trigger has no 'recurrence'.")),
        };
        let polls = |transport| {
            let recurrence = match recurrence() {
                Some(_) => recurs()?,
                None => default_poll(),
            };
            Ok::<_, Fault>(Kind::Poll {
                transport,
                recurrence,
            })
        };
        let kind = match trigger.kind.to_ascii_lowercase().as_str() {
            "recurrence" => Kind::Recurrence(recurs()?),
            "slidingwindow" => {
                let delay = at("/inputs/delay").map(evaluate).transpose()?;
                let delay_ms = match delay.map(|delay| delay.to_text()) {
                    Some(text) if !text.is_empty() => duration_ms(&text).ok_or_else(|| {
                        Fault::invalid(format!("The delay '{text}' is no duration."))
                    })?,
                    _ => 0,
                };
                let recurrence = recurs()?;
                Kind::Windows {
                    recurrence,
                    delay_ms,
                }
            }
            "http" => polls(Transport::Http)?,
            "apiconnection" => polls(Transport::ApiConnection)?,
            "serviceprovider" => polls(Transport::ServiceProvider)?,
            "httpwebhook" => Kind::Webhook(Webhook::Http),
            "apiconnectionwebhook" => Kind::Webhook(Webhook::ApiConnection),
            "batch" => Kind::Batch(releases(at("/inputs"), evaluate)?),
            _ => Kind::Told,
        };
        let count = |pointer: &str| {
            let value = at(pointer).map(evaluate).transpose()?;
            let number = value.and_then(|value| value.as_i64());
            Ok::<_, Fault>(number.and_then(|number| usize::try_from(number).ok()))
        };
        let options = at("/operationOptions")
            .map(Value::to_text)
            .unwrap_or_default();
        let single = options
            .split(',')
            .any(|o| same_name(o.trim(), "SingleInstance"));
        let runs_max = count("/runtimeConfiguration/concurrency/runs")?;
        Ok(Self {
            firing: Firing::of(trigger).map_err(first)?,
            kind,
            inputs: Template::compile(at("/inputs").unwrap_or(&Value::Null)).map_err(first)?,
            runs_max: runs_max.filter(|most| *most > 0).or(single.then_some(1)),
            waiting_max: count("/runtimeConfiguration/concurrency/maximumWaitingRuns")?
                .unwrap_or(WAITING_DEFAULT),
            single,
        })
    }
}

fn default_poll() -> Recurrence {
    let (frequency, interval) = POLL_DEFAULT;
    let members = [
        ("frequency", Value::from(frequency)),
        ("interval", Value::from(interval)),
    ];
    let value: Value = members.into_iter().collect();
    Recurrence::read(&value).expect("it is a recurrence")
}

fn releases(
    inputs: Option<&Value>,
    evaluate: &dyn Fn(&Value) -> Result<Value, Fault>,
) -> Result<BTreeMap<String, Release>, Fault> {
    let inputs = inputs.map(evaluate).transpose()?.unwrap_or_default();
    let configurations = inputs.get("configurations").and_then(Value::as_object);
    let mut all = BTreeMap::new();
    for (name, configuration) in configurations.into_iter().flat_map(|all| all.iter()) {
        let criteria = configuration.get("releaseCriteria").unwrap_or(&Value::Null);
        let number = |member: &str| {
            let number = criteria.get(member).and_then(Value::as_i64)?;
            u64::try_from(number).ok().filter(|number| *number > 0)
        };
        let recurrence = criteria.get("recurrence").filter(|value| !value.is_null());
        let recurrence = recurrence.map(Recurrence::read).transpose();
        let release = Release {
            count: number("messageCount"),
            bytes: number("batchSize"),
            recurrence: recurrence.map_err(Fault::invalid)?,
        };
        all.insert(name.to_string(), release);
    }
    Ok(all)
}
