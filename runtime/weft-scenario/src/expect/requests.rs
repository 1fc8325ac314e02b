//! What was asked of the mocked services.

use weft_workflow::value::{Object, Value};

use super::Faults;
use crate::matcher::{fits, number_of};
use crate::mock::{Asked, number};

pub(super) fn check(faults: &mut Faults, expect: &Value, log: &[Asked]) {
    let all = expect.get("mockRequests").and_then(Value::as_array);
    for expected in all.into_iter().flat_map(|all| all.iter()) {
        requests(faults, expected, log);
    }
    if let Some(sequence) = expect.get("mockSequence").and_then(Value::as_array) {
        let mut seen = log.iter();
        for wanted in sequence.iter() {
            let wanted = wanted.to_text();
            let found = seen.any(|asked| {
                let is = |path: &str| format!("{} {path}", asked.method) == wanted;
                is(&asked.path) || is(&asked.decoded_path())
            });
            if !found {
                let order: Vec<String> = log
                    .iter()
                    .map(|asked| format!("{} {}", asked.method, asked.path))
                    .collect();
                faults.0.push(format!(
                    "mockSequence: {wanted} does not come in its place; there were {}",
                    order.join(", ")
                ));
                return;
            }
        }
    }
}

fn requests(faults: &mut Faults, expected: &Value, log: &[Asked]) {
    let mut criteria = Object::new();
    for name in ["method", "path", "query", "action"] {
        if let Some(value) = expected.get(name) {
            criteria.insert(name, value.clone());
        }
    }
    let criteria = Value::Object(criteria);
    let what = format!("mockRequests {criteria}");
    let found: Vec<&Asked> = log.iter().filter(|asked| asked.is(&criteria)).collect();
    if let Some(count) = expected.get("count") {
        let number = number_of(found.len());
        faults.compare(&format!("{what}.count"), count, Some(&number));
        if found.is_empty() {
            return;
        }
    } else if found.is_empty() {
        faults.0.push(format!("{what}: there was none"));
        return;
    }
    each(faults, &what, expected, &found);
    if let Some(bodies) = expected.get("bodies") {
        let all: Value = found
            .iter()
            .map(|asked| asked.json().unwrap_or_else(|| Value::from(&*asked.body)))
            .collect();
        faults.compare(&format!("{what}.bodies"), bodies, Some(&all));
    }
    let most = most_at_once(&found);
    if let Some(min) = expected.get("minConcurrent").and_then(number)
        && most < min
    {
        faults
            .0
            .push(format!("{what}.minConcurrent: {most} at once, not {min}"));
    }
    if let Some(max) = expected.get("maxConcurrent").and_then(number)
        && most > max
    {
        faults
            .0
            .push(format!("{what}.maxConcurrent: {most} at once, not {max}"));
    }
    if let Some(gap) = expected.get("gapMs") {
        for pair in found.windows(2) {
            let between = pair[1].started_ms.saturating_sub(pair[0].started_ms);
            super::within(faults, &format!("{what}.gapMs"), gap, Some(between));
        }
    }
}

/// The request that has to fit: the n-th, all, or any.
fn each(faults: &mut Faults, what: &str, expected: &Value, found: &[&Asked]) {
    let fault = |asked: &Asked| fault_of(expected, asked);
    if let Some(nth) = expected.get("nth").and_then(number) {
        let at = usize::try_from(nth).unwrap_or(usize::MAX).saturating_sub(1);
        match found.get(at) {
            Some(asked) => {
                if let Some(why) = fault(asked) {
                    faults.0.push(format!("{what}, the {nth}.: {why}"));
                }
            }
            None => faults.0.push(format!("{what}: there is no {nth}. one")),
        }
        return;
    }
    if expected.get("all").and_then(Value::as_bool) == Some(true) {
        let wrong = found.iter().find_map(|asked| fault(asked));
        if let Some(why) = wrong {
            faults.0.push(format!("{what}, one of all: {why}"));
        }
        return;
    }
    let mut why = None;
    for asked in found {
        match fault(asked) {
            None => return,
            Some(fault) => why = why.or(Some(fault)),
        }
    }
    if let Some(why) = why {
        faults.0.push(format!("{what}: none fits: {why}"));
    }
}

fn fault_of(expected: &Value, asked: &Asked) -> Option<String> {
    let members = |name: &str| {
        let members = expected.get(name).and_then(Value::as_object).cloned();
        members.unwrap_or_else(Object::new)
    };
    for (name, expected) in members("headers").iter() {
        let found = asked.header(name).map(Value::from);
        if let Value::String(any) = expected
            && &**any == "*"
            && found.is_some()
        {
            continue;
        }
        if let Err(mismatch) = fits(expected, found.as_ref()) {
            return Some(format!("header {name}: {mismatch}"));
        }
    }
    let unwanted = expected.get("noHeaders").and_then(Value::as_array);
    for name in unwanted.into_iter().flat_map(|names| names.iter()) {
        if asked.header(&name.to_text()).is_some() {
            return Some(format!("the header {} is there", name.to_text()));
        }
    }
    if let Some(expected) = expected.get("contentType") {
        let found = asked.header("content-type").map(Value::from);
        if let Err(mismatch) = fits(expected, found.as_ref()) {
            return Some(format!("content type: {mismatch}"));
        }
    }
    if let Some(expected) = expected.get("bodyJson")
        && let Err(mismatch) = fits(expected, asked.json().as_ref())
    {
        return Some(format!("body: {mismatch}"));
    }
    if let Some(expected) = expected.get("bodyText") {
        let found = Value::from(&*asked.body);
        if let Err(mismatch) = fits(expected, Some(&found)) {
            return Some(format!("body: {mismatch}"));
        }
    }
    None
}

/// The most requests that were under way at one time. One that ends when another begins does not
/// count with it.
fn most_at_once(found: &[&Asked]) -> u64 {
    let mut edges: Vec<(u64, i64)> = Vec::new();
    for asked in found {
        edges.push((asked.started_ms, 1));
        edges.push((asked.ended_ms.max(asked.started_ms), -1));
    }
    edges.sort_unstable();
    let (mut now, mut most) = (0i64, 0i64);
    for (_, change) in edges {
        now += change;
        most = most.max(now);
    }
    most.unsigned_abs()
}
