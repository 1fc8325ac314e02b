//! The services that a scenario mocks: which of them answers a request, and what was asked of them.

use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use percent_encoding::percent_decode_str;
use weft_workflow::value::Value;
use weft_workflow::wire::{Message, answer_json, content};

use crate::case::{BASE, MOCK};
use crate::matcher::{fits, is_matcher};

/// What every answer takes, so that requests made at one time overlap.
const LATENCY_MS: u64 = 1;

/// A request as it arrived.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    pub(crate) method: String,
    /// As it was sent, without the query.
    pub(crate) path: String,
    pub(crate) query: Vec<(String, String)>,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
    pub(crate) started_ms: u64,
    /// When its answer was complete.
    pub(crate) ended_ms: u64,
    /// Whether any mock answered it.
    pub(crate) matched: bool,
}

/// What comes of a request.
pub(crate) struct Answered {
    pub(crate) delay_ms: u64,
    /// `None` where the connection is closed without an answer.
    pub(crate) answer: Option<String>,
    /// URL, delay after the answer, and body of a callback.
    pub(crate) callback: Option<(String, u64, Value)>,
}

pub(crate) struct Mocks {
    mocks: Vec<Mock>,
    default: Option<Value>,
    pub(crate) log: Vec<Asked>,
}

struct Mock {
    criteria: Value,
    responses: Vec<Value>,
    callback: Option<Value>,
    times: Option<u64>,
    /// Requests that fit all but the numbers of calls.
    seen: u64,
    answered: u64,
}

impl Asked {
    fn new(message: &Message, now: u64) -> Self {
        let url = &message.url;
        let prefix = match url.as_str().starts_with(MOCK) {
            true => String::new(),
            // Elsewhere than the mocks: the host is part of what is compared.
            false => url.origin().ascii_serialization(),
        };
        let pairs = url.query_pairs();
        Self {
            method: message.method.as_str().to_owned(),
            path: format!("{prefix}{}", url.path()),
            query: pairs
                .map(|(name, value)| (name.into_owned(), value.into_owned()))
                .collect(),
            headers: message.headers.clone(),
            body: String::from_utf8_lossy(&message.body).into_owned(),
            started_ms: now,
            ended_ms: now,
            matched: false,
        }
    }

    pub(crate) fn decoded_path(&self) -> String {
        percent_decode_str(&self.path)
            .decode_utf8_lossy()
            .into_owned()
    }

    pub(crate) fn header(&self, name: &str) -> Option<String> {
        let value = self.headers.get(name)?;
        Some(String::from_utf8_lossy(value.as_bytes()).into_owned())
    }

    /// The first callback URL in the body, wherever it stands.
    fn callback_url(&self) -> Option<String> {
        let start = self.body.find(BASE)?;
        let rest = &self.body[start..];
        let end = rest.find(['"', ' ', '<', '\\']).unwrap_or(rest.len());
        Some(rest[..end].to_owned())
    }

    pub(crate) fn json(&self) -> Option<Value> {
        serde_json::from_str(&self.body).ok()
    }

    /// Whether the request is one of those that `criteria` describe.
    pub(crate) fn is(&self, criteria: &Value) -> bool {
        let member = |name: &str| criteria.get(name).filter(|value| !value.is_null());
        let one_of = |expected: &Value, found: &str, same: fn(&str, &str) -> bool| match expected {
            Value::String(text) => same(text, found),
            Value::Array(all) => all.iter().any(|text| same(&text.to_text(), found)),
            other => fits(other, Some(&Value::from(found))).is_ok(),
        };
        let exact = |a: &str, b: &str| a == b;
        let ignoring_case = |a: &str, b: &str| a.eq_ignore_ascii_case(b);
        let path = |expected: &Value| {
            one_of(expected, &self.path, exact) || one_of(expected, &self.decoded_path(), exact)
        };
        let each = |expected: &Value, found: &dyn Fn(&str) -> Option<String>| {
            let members = expected.as_object().into_iter().flat_map(|o| o.iter());
            members.into_iter().all(|(name, expected)| {
                let found = found(name);
                match expected {
                    Value::String(any) if &**any == "*" => found.is_some(),
                    matcher if is_matcher(matcher) => {
                        fits(matcher, found.map(Value::from).as_ref()).is_ok()
                    }
                    other => found.as_deref() == Some(other.to_text().as_str()),
                }
            })
        };
        let query = |name: &str| {
            let mut all = self.query.iter();
            all.find(|(own, _)| own == name)
                .map(|(_, value)| value.clone())
        };
        let operation = self.header("x-ms-workflow-operation-name");
        let operation =
            operation.map(|name| percent_decode_str(&name).decode_utf8_lossy().into_owned());
        let content_type = self.header("content-type").unwrap_or_default();
        member("method").is_none_or(|method| one_of(method, &self.method, ignoring_case))
            && member("path").is_none_or(path)
            && member("query").is_none_or(|expected| each(expected, &query))
            && member("headers").is_none_or(|expected| each(expected, &|name| self.header(name)))
            && member("contentType")
                .is_none_or(|expected| one_of(expected, &content_type, ignoring_case))
            && member("action")
                .is_none_or(|expected| operation.is_some_and(|name| one_of(expected, &name, exact)))
            && member("bodyContains").is_none_or(|expected| match expected {
                Value::Array(all) => all.iter().all(|part| self.body.contains(&part.to_text())),
                part => self.body.contains(&part.to_text()),
            })
            && member("bodyJson")
                .is_none_or(|expected| fits(expected, self.json().as_ref()).is_ok())
    }
}

impl Mocks {
    pub(crate) fn new(mocks: &Value, default: Option<Value>) -> Self {
        let all = mocks.as_array();
        let all = all.into_iter().flat_map(|all| all.iter());
        let mocks = all.map(|mock| {
            let sequence = mock.get("sequence").and_then(Value::as_array);
            let single = mock.get("response").cloned();
            Mock {
                criteria: mock.get("match").cloned().unwrap_or_default(),
                responses: match sequence {
                    Some(sequence) => sequence.to_vec(),
                    None => single.into_iter().collect(),
                },
                callback: mock.get("callback").cloned(),
                times: mock.get("times").and_then(number),
                seen: 0,
                answered: 0,
            }
        });
        Self {
            mocks: mocks.collect(),
            default,
            log: Vec::new(),
        }
    }

    /// The first mock that fits answers.
    pub(crate) fn ask(&mut self, message: &Message, now: u64) -> Answered {
        let mut asked = Asked::new(message, now);
        let found = self.mocks.iter_mut().find_map(|mock| mock.take(&asked));
        let (response, callback) = match found {
            Some((response, callback)) => (Some(response), callback),
            None => (self.default.clone(), None),
        };
        asked.matched = response.is_some();
        let response = response.unwrap_or_else(|| {
            let status = [("status", Value::from(404i64))];
            status.into_iter().collect()
        });
        let delay_ms = response.get("delayMs").and_then(number).unwrap_or_default();
        let delay_ms = delay_ms + LATENCY_MS;
        let dropped = response.get("drop").and_then(Value::as_bool) == Some(true);
        asked.ended_ms = now + delay_ms;
        let callback = callback.and_then(|callback| {
            let at = callback.get("urlFromBody")?.to_text();
            let url = match at.as_str() {
                "*" => asked.callback_url()?,
                at => {
                    let pointer = format!("/{}", at.trim_start_matches('/').replace('.', "/"));
                    asked.json()?.pointer(&pointer)?.to_text()
                }
            };
            let after = callback.get("afterMs").and_then(number).unwrap_or_default();
            Some((url, after, callback))
        });
        self.log.push(asked);
        Answered {
            delay_ms,
            answer: (!dropped).then(|| answer_of(&response)),
            callback,
        }
    }
}

impl Mock {
    fn take(&mut self, asked: &Asked) -> Option<(Value, Option<Value>)> {
        if !asked.is(&self.criteria) {
            return None;
        }
        if self.times.is_some_and(|times| self.answered >= times) {
            return None;
        }
        self.seen += 1;
        let numbers = |name: &str| {
            let numbers = self.criteria.get(name)?;
            Some(match numbers {
                Value::Array(all) => all.iter().filter_map(number).collect::<Vec<_>>(),
                one => number(one).into_iter().collect(),
            })
        };
        let excluded = numbers("notCallNumbers").is_some_and(|not| not.contains(&self.seen));
        let included = numbers("callNumbers").is_none_or(|only| only.contains(&self.seen));
        if excluded || !included {
            return None;
        }
        // After the last of a sequence it is repeated.
        let last = self.responses.len().saturating_sub(1);
        let index = usize::try_from(self.answered)
            .unwrap_or(usize::MAX)
            .min(last);
        let response = self.responses.get(index).cloned().unwrap_or_default();
        self.answered += 1;
        Some((response, self.callback.clone()))
    }
}

pub(crate) fn number(value: &Value) -> Option<u64> {
    u64::try_from(value.as_i64()?).ok()
}

/// The answer as a run keeps it, made from what goes over the wire.
fn answer_of(response: &Value) -> String {
    let status = response.get("status").and_then(number).unwrap_or(200);
    let status = u16::try_from(status).ok();
    let status = status.and_then(|status| StatusCode::from_u16(status).ok());
    let mut headers = HeaderMap::new();
    let stated = response.get("headers").and_then(Value::as_object);
    for (name, value) in stated.into_iter().flat_map(|headers| headers.iter()) {
        let name = HeaderName::from_bytes(name.as_bytes());
        let value = HeaderValue::from_str(&value.to_text());
        if let (Ok(name), Ok(value)) = (name, value) {
            headers.append(name, value);
        }
    }
    let text = response.get("bodyText").map(Value::to_text);
    let (body, kind) = match (text, response.get("body")) {
        (Some(text), _) => (
            text.into_bytes(),
            Some("text/plain; charset=utf-8".to_owned()),
        ),
        (None, Some(Value::String(text))) => {
            let json = Value::from(text.clone()).to_string();
            (
                json.into_bytes(),
                Some("application/json; charset=utf-8".to_owned()),
            )
        }
        (None, body) => match content(body) {
            Ok(Some(content)) => (content.bytes.to_vec(), Some(content.content_type)),
            Ok(None) | Err(_) => (Vec::new(), None),
        },
    };
    let kind = response.get("contentType").map(Value::to_text).or(kind);
    if let Some(kind) = kind.filter(|_| !body.is_empty())
        && !headers.contains_key(http::header::CONTENT_TYPE)
        && let Ok(kind) = HeaderValue::from_str(&kind)
    {
        headers.insert(http::header::CONTENT_TYPE, kind);
    }
    answer_json(status.unwrap_or(StatusCode::OK), &headers, &body)
}
