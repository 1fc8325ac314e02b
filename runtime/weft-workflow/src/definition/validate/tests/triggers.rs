//! Triggers, when they recur, and policies.

use super::*;

#[test]
fn recurrences() {
    let recurrence = |text: &str| format!(r#"{{"type": "Recurrence", "recurrence": {text}}}"#);
    let wrong = |text: &str, pointer: &str, part: &str| {
        trigger(&recurrence(text), &format!("/recurrence{pointer}"), part);
    };
    trigger(r#"{"type": "Recurrence"}"#, "", "has no 'recurrence'");
    wrong(
        r#"{"frequency": "Month", "interval": 17}"#,
        "/interval",
        "from 1 to 16",
    );
    wrong(
        r#"{"frequency": "Day", "interval": 501}"#,
        "/interval",
        "from 1 to 500",
    );
    wrong(
        r#"{"frequency": "Hour", "interval": 12001}"#,
        "/interval",
        "from 1 to 12000",
    );
    wrong(
        r#"{"frequency": "Minute", "interval": 0}"#,
        "/interval",
        "from 1 to 72000",
    );
    wrong(
        r#"{"frequency": "Fortnight", "interval": 1}"#,
        "/frequency",
        "not supported",
    );
    wrong(r#"{"interval": 1}"#, "", "has no 'frequency'");
    wrong(r#"{"frequency": "Day"}"#, "", "has no 'interval'");
    wrong(
        r#"{"frequency": "Day", "interval": 1, "startTime": "2026-01-01T08:00:00"}"#,
        "/startTime",
        "has to end in 'Z'",
    );
    wrong(
        r#"{"frequency": "Day", "interval": 1, "startTime": "tomorrow"}"#,
        "/startTime",
        "is not valid",
    );
    wrong(
        r#"{"frequency": "Day", "interval": 1, "timeZone": "Middle Earth Standard Time"}"#,
        "/timeZone",
        "is not known",
    );
    wrong(
        r#"{"frequency": "Hour", "interval": 1, "schedule": {"hours": [8]}}"#,
        "/schedule/hours",
        "needs the frequency Day or Week",
    );
    wrong(
        r#"{"frequency": "Day", "interval": 1, "schedule": {"weekDays": ["Monday"]}}"#,
        "/schedule/weekDays",
        "needs the frequency Week",
    );
    wrong(
        r#"{"frequency": "Week", "interval": 1, "schedule": {"weekDays": ["Munday"]}}"#,
        "/schedule/weekDays/0",
        "Did you mean 'Monday'?",
    );
    wrong(
        r#"{"frequency": "Day", "interval": 1, "schedule": {"hours": [24]}}"#,
        "/schedule/hours/0",
        "from 0 to 23",
    );
    accepted(&with_trigger(&recurrence(
        r#"{"frequency": "week", "interval": 1, "timeZone": "W. Europe Standard Time",
            "startTime": "2026-01-01T08:00:00", "schedule": {"hours": ["8", 9], "minutes": [0],
            "weekDays": ["monday"]}}"#,
    )));
    trigger(
        r#"{"type": "SlidingWindow", "recurrence": {"frequency": "Day", "interval": 1, "schedule": {}}}"#,
        "/recurrence/schedule",
        "takes no schedule",
    );
}

#[test]
fn triggers() {
    trigger(
        r#"{"type": "Request", "inputs": {"method": "FETCH"}}"#,
        "/inputs/method",
        "'FETCH' is not supported",
    );
    trigger(
        r#"{"type": "Request", "inputs": {"schema": 5}}"#,
        "/inputs/schema",
        "should be an object",
    );
    trigger(
        r#"{"type": "Http", "inputs": {"method": "GET"}, "recurrence": {"frequency": "Day", "interval": 1}}"#,
        "/inputs",
        "'uri' is missing",
    );
    trigger(
        r#"{"type": "Request", "conditions": {"expression": "@true"}}"#,
        "/conditions",
        "should be an array",
    );
    trigger(
        r#"{"type": "Request", "runtimeConfiguration": {"concurrency": {"runs": -1}}}"#,
        "/runtimeConfiguration/concurrency/runs",
        "from 1 to 100",
    );
    trigger(
        r#"{"type": "Request", "inputs": {"x": "@outputs('C')"}}"#,
        "/inputs/x",
        "it runs before every action",
    );
    let split = definition(
        r#"{"triggers": {"t": {"type": "Request", "splitOn": "@triggerBody()"}},
            "actions": {"R": {"type": "Response", "inputs": {"statusCode": 200}}}}"#,
    );
    check(
        &split,
        "/triggers/t/splitOn",
        "should not have triggers with 'splitOn' property",
    );
}

#[test]
fn retry_policies() {
    let retry = |policy: &str| {
        format!(
            r#"{{"type": "Http", "inputs": {{"method": "GET", "uri": "u", "retryPolicy": {policy}}}}}"#
        )
    };
    let at = "/inputs/retryPolicy";
    action(
        &retry(r#"{"type": "linear"}"#),
        &format!("{at}/type"),
        "not supported",
    );
    action(
        &retry(r#"{"type": "fixed", "count": 91, "interval": "PT5S"}"#),
        &format!("{at}/count"),
        "from 1 to 90",
    );
    action(
        &retry(r#"{"type": "fixed", "count": 1, "interval": "PT25H"}"#),
        &format!("{at}/interval"),
        "from PT5S to P1D",
    );
    action(
        &retry(r#"{"type": "fixed", "count": 1}"#),
        at,
        "needs 'interval'",
    );
    action(
        &retry(
            r#"{"type": "exponential", "count": 1, "interval": "PT7S", "minimumInterval": "PT1H", "maximumInterval": "PT5S"}"#,
        ),
        &format!("{at}/minimumInterval"),
        "above its maximum",
    );
    accepted(&with_actions(&format!(
        r#"{{"A": {}}}"#,
        retry(r#"{"type": "None"}"#)
    )));
}
