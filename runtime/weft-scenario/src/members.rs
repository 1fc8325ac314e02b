//! Members of a scenario file that mean nothing here.
//!
//! One that is spelled much like a known one was meant to be it, and would be passed over in silence: it
//! is a fault. Any other may be of use to whoever else reads the file: it is told of.

use strsim::osa_distance;
use weft_workflow::value::Value;

use crate::is_matcher;

const CASE: [&str; 17] = [
    "id",
    "title",
    "workflow",
    "definition",
    "extraWorkflows",
    "files",
    "mocks",
    "mockDefault",
    "trigger",
    "expect",
    "requires",
    // Said about the scenario, and left to its readers.
    "certainty",
    "source",
    "note",
    "slow",
    "timeoutS",
    "$schema",
];
const WORKFLOW: [&str; 2] = ["name", "workflow"];
const FILES: [&str; 4] = ["parameters", "connections", "appSettings", "artifacts"];
const MOCK: [&str; 5] = ["match", "response", "sequence", "times", "callback"];
const MATCH: [&str; 10] = [
    "method",
    "path",
    "query",
    "headers",
    "contentType",
    "action",
    "bodyContains",
    "bodyJson",
    "callNumbers",
    "notCallNumbers",
];
const RESPONSE: [&str; 7] = [
    "status",
    "headers",
    "body",
    "bodyText",
    "contentType",
    "delayMs",
    "drop",
];
const CALLBACK: [&str; 6] = [
    "urlFromBody",
    "afterMs",
    "body",
    "bodyText",
    "contentType",
    "headers",
];
const TRIGGER: [&str; 11] = [
    "name",
    "method",
    "path",
    "query",
    "headers",
    "body",
    "bodyText",
    "contentType",
    "followAsync",
    "run",
    "messages",
];
const MESSAGE: [&str; 5] = [
    "batchName",
    "partitionName",
    "messageId",
    "content",
    "afterMs",
];
const EXPECT: [&str; 18] = [
    "deploy",
    "noRun",
    "workflowStatus",
    "workflowCode",
    "workflowError",
    "workflowOutputs",
    "triggerStatus",
    "clientTrackingId",
    "runs",
    "response",
    "accepted",
    "actions",
    "mockRequests",
    "mockSequence",
    "answeredMs",
    "durationMs",
    "histories",
    "note",
];
const ANSWER: [&str; 4] = ["status", "headers", "json", "text"];
const ACTION: [&str; 12] = [
    "status",
    "code",
    "error",
    "inputs",
    "outputs",
    "trackedProperties",
    "type",
    "retries",
    "repetitionCount",
    "repetitions",
    "at",
    "absent",
];
const REQUEST: [&str; 16] = [
    "method",
    "path",
    "query",
    "action",
    "count",
    "headers",
    "noHeaders",
    "contentType",
    "bodyJson",
    "bodyText",
    "nth",
    "all",
    "bodies",
    "minConcurrent",
    "maxConcurrent",
    "gapMs",
];
const BETWEEN: [&str; 2] = ["min", "max"];
const RUNS: [&str; 3] = ["count", "status", "actionsOf"];
const DEPLOY: [&str; 2] = ["status", "text"];
const HISTORY: [&str; 3] = ["status", "code", "fired"];

/// What is said of the members of a scenario.
#[derive(Debug, Default)]
pub(crate) struct Members {
    /// They were meant to be others.
    pub(crate) faults: Vec<String>,
    /// Nobody here knows them.
    pub(crate) warnings: Vec<String>,
}

impl Members {
    pub(crate) fn of(case: &Value) -> Self {
        let mut found = Self::default();
        found.check("", Some(case), &CASE);
        found.each("extraWorkflows", case.get("extraWorkflows"), &WORKFLOW);
        found.check("files", case.get("files"), &FILES);
        for (at, mock) in items("mocks", case.get("mocks")) {
            found.check(&at, Some(mock), &MOCK);
            found.check(&format!("{at}.match"), mock.get("match"), &MATCH);
            found.check(&format!("{at}.response"), mock.get("response"), &RESPONSE);
            found.each(&format!("{at}.sequence"), mock.get("sequence"), &RESPONSE);
            found.check(&format!("{at}.callback"), mock.get("callback"), &CALLBACK);
        }
        found.check("mockDefault", case.get("mockDefault"), &RESPONSE);
        found.check("trigger", case.get("trigger"), &TRIGGER);
        let messages = case.get("trigger").and_then(|own| own.get("messages"));
        found.each("trigger.messages", messages, &MESSAGE);
        if let Some(expect) = case.get("expect") {
            found.expected(expect);
        }
        found
    }

    fn expected(&mut self, expect: &Value) {
        self.check("expect", Some(expect), &EXPECT);
        for (name, known) in [
            ("deploy", DEPLOY.as_slice()),
            ("runs", &RUNS),
            ("response", &ANSWER),
            ("accepted", &ANSWER),
            ("answeredMs", &BETWEEN),
            ("durationMs", &BETWEEN),
        ] {
            self.check(&format!("expect.{name}"), expect.get(name), known);
        }
        let actions = expect.get("actions").and_then(Value::as_object);
        for (name, action) in actions.into_iter().flat_map(|actions| actions.iter()) {
            let at = format!("expect.actions.{name}");
            self.check(&at, Some(action), &ACTION);
            let repetitions = action.get("repetitions");
            self.each(&format!("{at}.repetitions"), repetitions, &ACTION);
        }
        let requests = expect.get("mockRequests");
        for (at, request) in items("expect.mockRequests", requests) {
            self.check(&at, Some(request), &REQUEST);
            self.check(&format!("{at}.gapMs"), request.get("gapMs"), &BETWEEN);
        }
        self.each("expect.histories", expect.get("histories"), &HISTORY);
    }

    fn each(&mut self, at: &str, value: Option<&Value>, known: &[&str]) {
        for (at, item) in items(at, value) {
            self.check(&at, Some(item), known);
        }
    }

    fn check(&mut self, at: &str, value: Option<&Value>, known: &[&str]) {
        let Some(value @ Value::Object(object)) = value else {
            return;
        };
        if is_matcher(value) {
            return;
        }
        for (name, _) in object.iter() {
            if known.iter().any(|own| own.eq_ignore_ascii_case(name)) {
                continue;
            }
            let place = match at {
                "" => name.to_string(),
                at => format!("{at}.{name}"),
            };
            match meant(name, known) {
                Some(meant) => self.faults.push(format!(
                    "{place}: there is no such member. Did you mean '{meant}'?"
                )),
                None => self
                    .warnings
                    .push(format!("{place}: this member means nothing here")),
            }
        }
    }
}

fn items<'a>(
    at: &'a str,
    value: Option<&'a Value>,
) -> impl Iterator<Item = (String, &'a Value)> + 'a {
    let items = value.and_then(Value::as_array);
    let items = items.into_iter().flat_map(|items| items.iter().enumerate());
    items.map(move |(index, item)| (format!("{at}[{index}]"), item))
}

/// The known name that is one slip of the pen away, of a long name two.
fn meant<'a>(name: &str, known: &[&'a str]) -> Option<&'a str> {
    const LONG: usize = 7;
    let name = name.to_lowercase();
    let slips = if name.chars().count() < LONG { 1 } else { 2 };
    let distances = known
        .iter()
        .map(|known| (osa_distance(&name, &known.to_lowercase()), *known));
    let near = distances.filter(|(distance, _)| *distance <= slips);
    near.min_by_key(|(distance, _)| *distance)
        .map(|(_, known)| known)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Members {
        Members::of(&serde_json::from_str(text).unwrap())
    }

    #[test]
    fn slips_are_faults_and_the_rest_is_told_of() {
        let found = of(r#"{
            "titel": "x", "owner": "me", "workflow": "w.json",
            "files": {"parameter": {}, "tables": {}},
            "mocks": [{"match": {"pth": "/a", "Method": "GET"}, "respones": {}, "sequence": [{"staus": 1}]}],
            "trigger": {"mesages": [], "messages": [{"contents": 1}]},
            "expect": {"workflowstatus": "x", "workflowState": "x",
                "actions": {"stauts": {"outputs": {"stauts": 1}, "repetitions": [{"ouputs": 1}]}},
                "mockRequests": [{"conut": 1, "path": {"$any": true}}],
                "response": {"headers": {"anything": 1}, "color": "red"}}
        }"#);
        let places = |all: &[String]| {
            let places = all
                .iter()
                .map(|one| one.split(": ").next().unwrap().to_owned());
            places.collect::<Vec<_>>()
        };
        assert_eq!(
            places(&found.faults),
            [
                "titel",
                "files.parameter",
                "mocks[0].respones",
                "mocks[0].match.pth",
                "mocks[0].sequence[0].staus",
                "trigger.mesages",
                "trigger.messages[0].contents",
                "expect.workflowState",
                "expect.actions.stauts.repetitions[0].ouputs",
                "expect.mockRequests[0].conut",
            ]
        );
        assert_eq!(
            found.faults[0],
            "titel: there is no such member. Did you mean 'title'?"
        );
        assert_eq!(
            found.warnings,
            [
                "owner: this member means nothing here",
                "files.tables: this member means nothing here",
                "expect.response.color: this member means nothing here",
            ]
        );
    }
}
