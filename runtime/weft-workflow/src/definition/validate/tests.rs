//! One fault a definition, and what is told about it.

use super::super::fault::Severity;
use super::*;

mod triggers;

/// A definition with a Request trigger and these actions.
fn with_actions(actions: &str) -> Value {
    definition(&format!(
        r#"{{"triggers": {{"manual": {{"type": "Request"}}}}, "actions": {actions}}}"#
    ))
}

fn with_trigger(trigger: &str) -> Value {
    definition(&format!(
        r#"{{"triggers": {{"t": {trigger}}}, "actions": {{"C": {{"type": "Compose", "inputs": 1}}}}}}"#
    ))
}

fn definition(json: &str) -> Value {
    serde_json::from_str(json).unwrap_or_else(|error| panic!("{error}: {json}"))
}

/// `pointer: message` of each error.
fn errors(definition: &Value) -> Vec<String> {
    told(definition, Severity::Error)
}

fn told(definition: &Value, severity: Severity) -> Vec<String> {
    validate(definition, &Known::default())
        .into_iter()
        .filter(|fault| fault.severity == severity)
        .map(|fault| format!("{}: {fault}", fault.pointer))
        .collect()
}

/// The one error of a definition: where it is, and a part of what is said.
#[track_caller]
fn check(definition: &Value, pointer: &str, part: &str) {
    let found = errors(definition);
    let right = |text: &String| {
        text.split_once(": ")
            .is_some_and(|(at, message)| at == pointer && message.contains(part))
    };
    assert!(
        found.len() == 1 && right(&found[0]),
        "expected {pointer}: {part}\nfound {found:#?}"
    );
}

#[track_caller]
fn accepted(definition: &Value) {
    assert_eq!(errors(definition), Vec::<String>::new());
}

#[track_caller]
fn action(action: &str, pointer: &str, part: &str) {
    let actions = format!(r#"{{"A": {action}}}"#);
    check(
        &with_actions(&actions),
        &format!("/actions/A{pointer}"),
        part,
    );
}

#[track_caller]
fn trigger(trigger: &str, pointer: &str, part: &str) {
    check(
        &with_trigger(trigger),
        &format!("/triggers/t{pointer}"),
        part,
    );
}

#[test]
fn what_is_no_definition() {
    check(&Value::Null, "", "is a JSON object");
    check(
        &definition(r#"{"actions": []}"#),
        "/actions",
        "should be an object",
    );
    check(
        &with_actions(r#"{"A": 1}"#),
        "/actions/A",
        "should be an object",
    );
    check(
        &with_actions(r#"{"A": {}}"#),
        "/actions/A",
        "it has no 'type'",
    );
    let mut deep = Value::from(1);
    for _ in 0..200 {
        deep = Value::from(vec![deep]);
    }
    let members = [("actions", deep)];
    check(&members.into_iter().collect(), "", "nests deeper than 128");
    let unknown = definition(r#"{"action": {}, "actions": {}, "triggers": {}}"#);
    let warnings = told(&unknown, Severity::Warning);
    assert!(warnings[0].starts_with("/action: Could not find member 'action'"));
    assert!(
        warnings[0].ends_with("Did you mean 'actions'?"),
        "{warnings:?}"
    );
}

#[test]
fn types_of_actions_and_triggers() {
    action(
        r#"{"type": "Compos", "inputs": 1}"#,
        "/type",
        "Did you mean 'Compose'?",
    );
    trigger(
        r#"{"type": "Requests"}"#,
        "/type",
        "Did you mean 'Request'?",
    );
    accepted(&with_actions(r#"{"A": {"type": "cOMPOSE", "inputs": 1}}"#));
}

#[test]
fn names() {
    let twice = r#"{"A": {"type": "Compose", "inputs": 1},
        "S": {"type": "Scope", "actions": {"a": {"type": "Compose", "inputs": 1}}}}"#;
    check(
        &with_actions(twice),
        "/actions/S/actions/a",
        "used more than once",
    );
    let long = format!(
        r#"{{"{}": {{"type": "Compose", "inputs": 1}}}}"#,
        "n".repeat(81)
    );
    assert!(errors(&with_actions(&long))[0].contains("longer than 80"));
}

#[test]
fn what_runs_after_what() {
    let after = |of_a: &str, of_b: &str| {
        with_actions(&format!(
            r#"{{"A": {{"type": "Compose", "inputs": 1, "runAfter": {of_a}}},
                "B": {{"type": "Compose", "inputs": 1, "runAfter": {of_b}}},
                "S": {{"type": "Scope", "actions": {{"I": {{"type": "Compose", "inputs": 1}}}}}}}}"#
        ))
    };
    accepted(&after("{}", r#"{"a": ["SUCCEEDED", "timedout"]}"#));
    accepted(&after("{}", r#"{"MANUAL": ["Succeeded"]}"#));
    check(
        &after("{}", r#"{"Ab": ["Succeeded"]}"#),
        "/actions/B/runAfter/Ab",
        "The 'runAfter' property of template action 'B' contains non-existent action: 'Ab'. Did you \
         mean 'A'?",
    );
    check(
        &after("{}", r#"{"I": ["Succeeded"]}"#),
        "/actions/B/runAfter/I",
        "the action 'I' must belong to same level as action 'B'. Available actions on same level: 'A, S'",
    );
    check(
        &after("{}", r#"{"A": ["Success"]}"#),
        "/actions/B/runAfter/A/0",
        "'Success' is no status",
    );
    check(
        &after("{}", r#"{"A": "Succeeded"}"#),
        "/actions/B/runAfter/A",
        "should be an array",
    );
    check(
        &after(r#"{"B": ["Succeeded"]}"#, r#"{"A": ["Succeeded"]}"#),
        "/actions/B/runAfter",
        "'B', 'A' run after each other",
    );
    check(
        &after(r#"{"A": ["Succeeded"]}"#, "{}"),
        "/actions/A/runAfter",
        "runs after itself",
    );
}

#[test]
fn every_circle_is_told_once() {
    let compose = |name: &str, after: &str| {
        format!(
            r#""{name}": {{"type": "Compose", "inputs": 1, "runAfter": {{"{after}": ["Succeeded"]}}}}"#
        )
    };
    let actions = [("A", "B"), ("B", "A"), ("C", "A"), ("D", "E"), ("E", "D")];
    let actions: Vec<String> = actions.iter().map(|(a, b)| compose(a, b)).collect();
    let found = errors(&with_actions(&format!("{{{}}}", actions.join(","))));
    assert_eq!(found.len(), 2, "{found:#?}");
}

#[test]
fn nesting_and_counts() {
    let nested = |levels: usize| {
        let mut inner = r#"{"type": "Compose", "inputs": 1}"#.to_owned();
        for level in 0..levels {
            inner = format!(r#"{{"type": "Scope", "actions": {{"n{level}": {inner}}}}}"#);
        }
        with_actions(&format!(r#"{{"A": {inner}}}"#))
    };
    accepted(&nested(7));
    let found = errors(&nested(8));
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].contains("nested deeper than 8 levels"));
    let many = |count: usize| {
        let actions = (0..count).map(|n| format!(r#""a{n}": {{"type": "Compose", "inputs": 1}}"#));
        let actions: Vec<String> = actions.collect();
        with_actions(&format!("{{{}}}", actions.join(",")))
    };
    let warnings = told(&many(501), Severity::Warning);
    assert!(warnings[0].contains("has 501 actions"), "{warnings:?}");
    assert!(errors(&many(10_001))[0].contains("more than 10000 actions"));
    let triggers = (0..11).map(|n| format!(r#""t{n}": {{"type": "Request"}}"#));
    let triggers: Vec<String> = triggers.collect();
    let found = definition(&format!(r#"{{"triggers": {{{}}}}}"#, triggers.join(",")));
    check(&found, "/triggers", "has 11 triggers");
}

#[test]
fn inputs_that_are_missing() {
    action(
        r#"{"type": "Http", "inputs": {"method": "GET"}}"#,
        "/inputs",
        "'uri' is missing",
    );
    action(r#"{"type": "Http"}"#, "", "Property 'inputs' is missing");
    action(
        r#"{"type": "Http", "inputs": [1]}"#,
        "/inputs",
        "is of type 'Array'",
    );
    action(r#"{"type": "Compose"}"#, "", "Property 'inputs' is missing");
    action(
        r#"{"type": "Response", "inputs": {}}"#,
        "/inputs",
        "'statusCode' is missing",
    );
    action(
        r#"{"type": "Response", "inputs": {"statusCode": 99}}"#,
        "/inputs/statusCode",
        "from 200 to 599",
    );
    action(
        r#"{"type": "ParseJson", "inputs": {"content": 1}}"#,
        "/inputs",
        "'schema'",
    );
    action(
        r#"{"type": "Query", "inputs": {"from": []}}"#,
        "/inputs",
        "'where'",
    );
    action(
        r#"{"type": "Select", "inputs": {"from": []}}"#,
        "/inputs",
        "'select'",
    );
    action(
        r#"{"type": "Join", "inputs": {"from": []}}"#,
        "/inputs",
        "'joinWith'",
    );
    action(
        r#"{"type": "Table", "inputs": {"from": [], "format": "XLS"}}"#,
        "/inputs/format",
        "'CSV' or 'HTML'",
    );
    action(
        r#"{"type": "Workflow", "inputs": {"host": {}}}"#,
        "/inputs",
        "Property 'host.workflow' is missing",
    );
    action(
        r#"{"type": "ApiConnection", "inputs": {"host": {}, "path": "/"}}"#,
        "/inputs",
        "'host.connection' is missing",
    );
    action(
        r#"{"type": "HttpWebhook", "inputs": {"subscribe": {"method": "POST"}}}"#,
        "/inputs",
        "'subscribe.uri' is missing",
    );
    action(
        r#"{"type": "Wait", "inputs": {"interval": {"count": 1, "unit": "Fortnight"}}}"#,
        "/inputs/interval",
        "unit of the interval",
    );
    action(
        r#"{"type": "InvokeFunction", "inputs": {}}"#,
        "/inputs",
        "'functionName'",
    );
    accepted(&with_actions(
        r#"{"A": {"type": "Http", "inputs": "@triggerBody()"}}"#,
    ));
}

#[test]
fn conditions_switches_and_loops() {
    action(
        r#"{"type": "If", "actions": {}}"#,
        "",
        "it has no 'expression'",
    );
    action(
        r#"{"type": "If", "expression": {"and": [{"equal": [1, 1]}]}}"#,
        "/expression/and/0/equal",
        "Did you mean 'equals'?",
    );
    action(
        r#"{"type": "If", "expression": {"equals": [1]}}"#,
        "/expression/equals",
        "compares 2 values, not 1",
    );
    action(
        r#"{"type": "Switch", "expression": "@1", "cases": {"x": {"case": [1]}}}"#,
        "/cases/x/case",
        "should be a string or a number",
    );
    action(
        r#"{"type": "Switch", "expression": "@1", "cases": {"x": {"case": 1}, "y": {"case": 1}}}"#,
        "/cases/y/case",
        "more than one case",
    );
    let cases: Vec<String> = (0..26)
        .map(|n| format!(r#""c{n}": {{"case": {n}}}"#))
        .collect();
    let switch = format!(
        r#"{{"type": "Switch", "expression": "@1", "cases": {{{}}}}}"#,
        cases.join(",")
    );
    action(&switch, "/cases", "has 26 cases");
    action(
        r#"{"type": "Foreach", "actions": {}}"#,
        "",
        "it has no 'foreach'",
    );
    action(
        r#"{"type": "Foreach", "foreach": 5}"#,
        "/foreach",
        "an expression or an array",
    );
    action(
        r#"{"type": "Foreach", "foreach": [], "runtimeConfiguration": {"concurrency": {"repetitions": 0}}}"#,
        "/runtimeConfiguration/concurrency/repetitions",
        "from 1 to 50",
    );
    action(
        r#"{"type": "Until", "expression": "@true", "limit": {"count": 5001}}"#,
        "/limit/count",
        "from 1 to 5000",
    );
    action(
        r#"{"type": "Until", "expression": "@true", "limit": {"timeout": "1 hour"}}"#,
        "/limit/timeout",
        "duration of ISO 8601",
    );
}

#[test]
fn what_may_not_stand_in_loops() {
    let inside = |inner: &str| {
        with_actions(&format!(
            r#"{{"L": {{"type": "Until", "expression": "@true", "actions":
                {{"S": {{"type": "Scope", "actions": {{"I": {inner}}}}}}}}}}}"#
        ))
    };
    let at = "/actions/L/actions/S/actions/I";
    check(
        &inside(r#"{"type": "Terminate", "inputs": {"runStatus": "Failed"}}"#),
        at,
        "cannot be nested in an action of type 'Until'",
    );
    check(
        &inside(r#"{"type": "Response", "inputs": {"statusCode": 200}}"#),
        at,
        "cannot be nested in an action of type 'Until'",
    );
    check(
        &inside(
            r#"{"type": "InitializeVariable", "inputs": {"variables": [{"name": "v", "type": "String"}]}}"#,
        ),
        at,
        "cannot be nested in an action of type 'Scope'",
    );
    action(
        r#"{"type": "Terminate", "inputs": {"runStatus": "Done"}}"#,
        "/inputs/runStatus",
        "is not one a run can end with",
    );
}

#[test]
fn responses_that_surprise() {
    let beside = with_actions(
        r#"{"A": {"type": "Compose", "inputs": 1},
            "S": {"type": "Scope", "actions": {"R": {"type": "Response", "inputs": {"statusCode": 200}}}},
            "B": {"type": "Compose", "inputs": 1, "runAfter": {"S": ["Succeeded"]}}}"#,
    );
    accepted(&beside);
    let warnings = told(&beside, Severity::Warning);
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    assert!(
        warnings[0].contains("in a branch beside 'A'"),
        "{warnings:?}"
    );
    let nobody = definition(
        r#"{"triggers": {"t": {"type": "Recurrence", "recurrence": {"frequency": "Day", "interval": 1}}},
            "actions": {"R": {"type": "Response", "inputs": {"statusCode": 200}}}}"#,
    );
    let warnings = told(&nobody, Severity::Warning);
    assert!(warnings[0].contains("answers nobody"), "{warnings:?}");
}

fn with_variable(actions: &str) -> Value {
    with_actions(&format!(
        r#"{{"I": {{"type": "InitializeVariable", "inputs": {{"variables":
            [{{"name": "n", "type": "Integer", "value": 1}}]}}}}, {actions}}}"#
    ))
}

#[test]
fn variables() {
    let set = |name: &str, value: &str, after: &str| {
        with_variable(&format!(
            r#""S": {{"type": "SetVariable", "inputs": {{"name": "{name}", "value": "{value}"}},
                "runAfter": {after}}}"#
        ))
    };
    let behind = r#"{"I": ["Succeeded"]}"#;
    accepted(&set("N", "5", behind));
    check(
        &set("n", "@add(variables('N'), 1)", behind),
        "/actions/S/inputs/value",
        "Self reference is not supported when updating the value of variable 'N'",
    );
    check(
        &set("m", "5", behind),
        "/actions/S/inputs/name",
        "The variable 'm' must be initialized before it can be used inside action 'S'. Did you mean \
         'n'?",
    );
    check(
        &set("n", "@variables('other')", behind),
        "/actions/S/inputs/value",
        "The variable 'other' must be initialized",
    );
    let warnings = told(&set("n", "5", "{}"), Severity::Warning);
    assert!(
        warnings[0].contains("initialises it, but not before"),
        "{warnings:?}"
    );
    let early = r#"{"I": {"type": "InitializeVariable", "runAfter": {"S": ["Succeeded"]},
            "inputs": {"variables": [{"name": "n", "type": "Integer"}]}},
        "S": {"type": "SetVariable", "inputs": {"name": "n", "value": 1}}}"#;
    check(
        &with_actions(early),
        "/actions/S/inputs/name",
        "must be initialized before",
    );
    let twice = r#""J": {"type": "InitializeVariable", "inputs": {"variables":
        [{"name": "N", "type": "String"}]}}"#;
    check(
        &with_variable(twice),
        "/actions/J/inputs/variables/0",
        "initialised more than once",
    );
    check(
        &with_variable(
            r#""J": {"type": "InitializeVariable", "inputs": {"variables": [{"name": "s", "type": "Text"}]}}"#,
        ),
        "/actions/J/inputs/variables/0/type",
        "'Text' of variable 's' is not supported",
    );
    check(
        &with_variable(
            r#""J": {"type": "InitializeVariable", "inputs": {"variables": [{"name": "s", "type": "Array", "value": 5}]}}"#,
        ),
        "/actions/J/inputs/variables/0/value",
        "its value is of type 'Integer'",
    );
    check(
        &with_variable(
            r#""J": {"type": "AppendToArrayVariable", "inputs": {"name": "n", "value": 1}, "runAfter": {"I": ["Succeeded"]}}"#,
        ),
        "/actions/J/inputs/name",
        "the action takes 'array'",
    );
}

#[test]
fn expressions() {
    action(
        r#"{"type": "Compose", "inputs": {"a": "@concat('x'"}}"#,
        "/inputs/a",
        "expected ',' or ')' and found the end",
    );
    action(
        r#"{"type": "Compose", "inputs": {"a": ["@conct('x')"]}}"#,
        "/inputs/a/0",
        "Did you mean 'concat'?",
    );
    action(
        r#"{"type": "Compose", "inputs": "@add(1)"}"#,
        "/inputs",
        "add(",
    );
    let both = r#"{"A": {"type": "Compose", "inputs": ["@bad(", "@worse(", "@{fine('1')}"]}}"#;
    let found = errors(&with_actions(both));
    assert_eq!(found.len(), 3, "{found:#?}");
    let faults = validate(
        &with_actions(r#"{"A": {"type": "Compose", "inputs": "x @{add(1, two)}"}}"#),
        &Known::default(),
    );
    assert_eq!(faults[0].offset, Some(11));
}

#[test]
fn references_to_actions() {
    let pair = |inputs: &str, after: &str| {
        with_actions(&format!(
            r#"{{"A": {{"type": "Scope", "actions": {{"Inner": {{"type": "Compose", "inputs": 1}}}}}},
                "B": {{"type": "Compose", "inputs": "{inputs}", "runAfter": {after}}}}}"#
        ))
    };
    let behind = r#"{"A": ["Succeeded"]}"#;
    accepted(&pair("@outputs('inner')", behind));
    accepted(&pair("@result('A')", behind));
    accepted(&pair("@outputs('manual')", behind));
    check(
        &pair("@body('Innr')", behind),
        "/actions/B/inputs",
        "The action(s) 'Innr' referenced by 'inputs' in action 'B' are not defined in the template. \
         Did you mean 'Inner'?",
    );
    check(
        &pair("@body('Inner')", "{}"),
        "/actions/B/inputs",
        "cannot reference action 'Inner'. Action 'Inner' must either be in 'runAfter' path",
    );
    check(
        &pair("@body('B')", behind),
        "/actions/B/inputs",
        "cannot reference action 'B'",
    );
    let branches = r#"{"If": {"type": "If", "expression": "@true",
        "actions": {"X": {"type": "Compose", "inputs": 1}},
        "else": {"actions": {"Y": {"type": "Compose", "inputs": "@outputs('X')"}}}}}"#;
    check(
        &with_actions(branches),
        "/actions/If/else/actions/Y/inputs",
        "cannot reference action 'X'",
    );
    let until = r#"{"U": {"type": "Until", "expression": "@equals(outputs('X'), iterationIndexes('U'))",
        "actions": {"X": {"type": "Compose", "inputs": 1}}}}"#;
    accepted(&with_actions(until));
}

#[test]
fn references_to_loops() {
    let with = |inner: &str| {
        with_actions(&format!(
            r#"{{"F": {{"type": "Foreach", "foreach": [1], "actions":
                {{"X": {{"type": "Compose", "inputs": "{inner}"}}}}}},
                "B": {{"type": "Compose", "inputs": "@outputs('X')",
                    "runAfter": {{"F": ["Succeeded"]}}}}}}"#
        ))
    };
    accepted(&with("@items('f')"));
    check(
        &with("@items('B')"),
        "/actions/F/actions/X/inputs",
        "Action 'B' must be a parent 'foreach' scope of action 'X' to be referenced by 'repeatItems' \
         or 'items' functions.",
    );
    check(
        &with("@items('G')"),
        "/actions/F/actions/X/inputs",
        "The repetition action(s) 'G' referenced by 'inputs' in action 'X' are not defined",
    );
    check(
        &with("@iterationIndexes('F')"),
        "/actions/F/actions/X/inputs",
        "must be a parent 'until' scope",
    );
    let none = r#"{"A": {"type": "Compose", "inputs": "@item()"}}"#;
    let warnings = told(&with_actions(none), Severity::Warning);
    assert!(warnings[0].contains("stands in no loop"), "{warnings:?}");
}

#[test]
fn parameters() {
    let with = |declared: &str| {
        definition(&format!(
            r#"{{"parameters": {declared}, "triggers": {{"t": {{"type": "Request"}}}},
                "actions": {{"A": {{"type": "Compose", "inputs": "@parameters('Url')"}}}}}}"#
        ))
    };
    accepted(&with(r#"{"url": {"type": "string"}}"#));
    check(
        &with(r#"{"uri": {"type": "String"}}"#),
        "/actions/A/inputs",
        "The workflow parameter 'Url' is not found. Did you mean 'uri'?",
    );
    check(
        &with(r#"{"url": {"type": "Text"}}"#),
        "/parameters/url/type",
        "of template parameter 'url' is not supported",
    );
    check(
        &with(r#"{"url": {"type": "Int", "defaultValue": "five"}}"#),
        "/parameters/url/defaultValue",
        "its declared type is 'Int'",
    );
    accepted(&with("{}"));
    let known = |names: &[&str]| Known {
        parameters: Some(names.iter().map(|name| (*name).to_owned()).collect()),
        app_settings: None,
    };
    let count = |names: &[&str]| {
        let faults = validate(&with("{}"), &known(names));
        faults.iter().filter(|fault| fault.is_error()).count()
    };
    assert_eq!(count(&["URL"]), 0);
    assert_eq!(count(&["other"]), 1);
}

#[test]
fn every_fault_is_told() {
    let definition = with_actions(
        r#"{"A": {"type": "Htp", "inputs": "@nosuch()"},
            "B": {"type": "Http", "inputs": {"retryPolicy": {"type": "x"}},
                "runAfter": {"Z": ["Succeded"]}},
            "C": {"type": "SetVariable", "inputs": {"name": "v", "value": "@outputs('Q')"}}}"#,
    );
    let found = errors(&definition);
    assert_eq!(found.len(), 9, "{found:#?}");
}

#[test]
fn what_only_deployment_knows_is_not_judged() {
    accepted(&with_trigger(
        r#"{"type": "Recurrence", "recurrence": {"frequency": "__unresolved.parameters.f__",
            "interval": "__unresolved.parameters.i__", "startTime": "@parameters('x')"}}"#,
    ));
}

#[test]
fn a_schedule_has_no_more_values_than_there_are() {
    let hours = vec!["0"; 25].join(", ");
    trigger(
        &format!(
            r#"{{"type": "Recurrence", "recurrence": {{"frequency": "Day", "interval": 1,
                "schedule": {{"hours": [{hours}]}}}}}}"#
        ),
        "/recurrence/schedule/hours",
        "has 25 values; there are 24 different ones",
    );
}
