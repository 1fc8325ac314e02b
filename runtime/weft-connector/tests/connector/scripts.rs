//! `workflow/javascript`

use std::time::Duration;

use serde_json::{Value, json};
use weft_connector::{Failed, IdentityEndpoint, ScriptLimits};

use crate::server::{call, connector_with, nothing};

async fn run(code: &str, context: Value) -> Result<Value, Failed> {
    let input = json!({"code": code, "workflowContext": context});
    call("workflow/javascript", input).await
}

#[tokio::test]
async fn a_script_returns_what_it_makes_of_the_run() {
    let context = json!({
        "trigger": {"outputs": {"body": {"text": "a@b.example and c@d.example"}}},
        "actions": {"List": {"outputs": {"body": [3, 1, 2]}}},
    });
    let code = r"
        var text = workflowContext.trigger.outputs.body.text;
        console.log('nobody listens');
        const found = text.match(/[a-z]+@[a-z.]+/gi);
        return { found, sorted: workflowContext.actions.List.outputs.body.sort(), half: 0.5 };";
    assert_eq!(
        run(code, context).await.unwrap(),
        json!({"found": ["a@b.example", "c@d.example"], "sorted": [1, 2, 3], "half": 0.5})
    );
    assert_eq!(run("return;", json!({})).await.unwrap(), Value::Null);
    assert_eq!(
        run("return await Promise.resolve(7);", json!({}))
            .await
            .unwrap(),
        7
    );
}

#[tokio::test]
async fn what_a_script_does_wrong_is_its_failure() {
    for (code, part) in [
        (
            "throw new TypeError('no such thing');",
            "TypeError: no such thing",
        ),
        ("return nothing.at.all;", "ReferenceError"),
        ("return (;", "SyntaxError"),
        ("await new Promise(() => {});", "never happens"),
        ("return require('fs');", "ReferenceError"),
        (
            "function f() { return f(); } return f();",
            "RuntimeLimitError",
        ),
    ] {
        let failed = run(code, json!({})).await.unwrap_err();
        assert_eq!(
            failed.code, "InlineCodeScriptRuntimeFailure",
            "{code}: {failed}"
        );
        assert!(failed.message.contains(part), "{code}: {failed}");
    }
}

#[tokio::test]
async fn a_script_that_takes_too_much_is_ended() {
    let limits = ScriptLimits {
        cpu_max: Duration::from_secs(1),
        wall_max: Duration::from_secs(30),
        output_bytes_max: 1000,
        ..ScriptLimits::default()
    };
    let connector = connector_with(&[], IdentityEndpoint::default(), limits);
    for (code, part) in [
        ("for (;;) {}", "processor time"),
        (
            "const all = []; for (;;) all.push(new Array(100000).fill(1.5));",
            "memory",
        ),
        ("return 'x'.repeat(2000);", "more than 1000 bytes"),
    ] {
        let input = json!({"code": code}).to_string();
        let failed = connector
            .call("workflow/javascript", &input, &nothing())
            .await;
        let failed = failed.unwrap_err();
        assert_eq!(failed.code, "InlineCodeScriptRuntimeFailure", "{code}");
        assert!(failed.message.contains(part), "{code}: {failed}");
    }
}

/// It has much more to say than a pipe holds, and waits for nobody to hear it.
#[tokio::test]
async fn a_script_that_returns_too_much_is_told_so() {
    let code = "return 'x'.repeat(5 * 1024 * 1024);";
    let failed = run(code, json!({})).await.unwrap_err();
    assert_eq!(failed.code, "InlineCodeScriptRuntimeFailure");
    let told = "the script returns more than 3145728 bytes";
    assert!(failed.message.contains(told), "{failed}");
}
