//! The command line, from an empty folder to a finished orchestration.

use std::path::Path;
use std::process::{Command, Output};

use serde_json::{Value, json};
use weft_testkit::node::{Node, weft_binary};

struct Shell<'a> {
    node: &'a Node,
    dir: &'a Path,
}

impl Shell<'_> {
    fn run(&self, args: &[&str]) -> Output {
        Command::new(weft_binary())
            .args(args)
            .current_dir(self.dir)
            .env("WEFT_ADMIN", self.node.admin())
            .env("WEFT_KEY", self.node.key())
            // As on a machine that has the program and no source tree.
            .env_remove("WEFT_SDK")
            .output()
            .unwrap()
    }

    /// What a verb that succeeds prints.
    fn done(&self, args: &[&str]) -> String {
        let output = self.run(args);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{args:?}: {said}");
        String::from_utf8(output.stdout).unwrap()
    }

    fn json(&self, args: &[&str]) -> Value {
        let mut all = args.to_vec();
        all.push("--json");
        serde_json::from_str(&self.done(&all)).unwrap()
    }

    /// What a verb that fails says, and its exit code.
    fn refused(&self, args: &[&str]) -> (i32, String) {
        let output = self.run(args);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.stdout.is_empty(), "{args:?} printed data");
        (output.status.code().unwrap(), said)
    }
}

#[test]
fn from_new_to_a_finished_orchestration() {
    let node = Node::in_memory();
    let dir = tempfile::tempdir().unwrap();
    let outside = Shell {
        node: &node,
        dir: dir.path(),
    };
    outside.done(&["new", "party"]);
    let (code, said) = outside.refused(&["new", "party"]);
    assert_eq!((code, said.contains("exists already")), (1, true), "{said}");
    let project = dir.path().join("party");
    let shell = Shell {
        node: &node,
        dir: &project,
    };
    shell.done(&["build"]);
    let deployed = shell.json(&["deploy"]);
    assert_eq!(deployed["revision"], 1);
    let input = r#"{"names": ["Ada", "Alan"]}"#;
    let ended = shell.json(&[
        "start",
        "greetings",
        "--input",
        input,
        "--id",
        "p1",
        "--wait",
    ]);
    assert_eq!(ended["output"], json!(["Hello, Ada!", "Hello, Alan!"]));
    let listed = shell.done(&["instances", "list"]);
    assert!(
        listed.contains("p1") && listed.contains("Completed"),
        "{listed}"
    );
    assert_eq!(shell.json(&["instances", "wait", "p1"]), ended);
    let nobody = r#"{"names": [""]}"#;
    let start = ["start", "greetings", "--input", nobody, "--id", "p2"];
    shell.done(&start);
    let (code, said) = shell.refused(&["instances", "wait", "p2"]);
    assert_eq!((code, said.contains("history p2")), (1, true), "{said}");
    let timeline = shell.done(&["instances", "history", "p1"]);
    assert!(timeline.contains("task completed"), "{timeline}");
    let greeted = shell.json(&["functions", "invoke", "greet", "--input", "\"Bo\""]);
    assert_eq!(greeted["output"], "Hello, Bo!");
    let wasm = "target/wasm32-wasip2/release/party.wasm";
    let inspected = shell.json(&["inspect", wasm]);
    assert_eq!(inspected["functions"].as_array().unwrap().len(), 3);
    shell.done(&["instances", "purge", "p1"]);
    let (code, said) = shell.refused(&["instances", "show", "p1"]);
    assert_eq!((code, said.contains("no instance p1")), (1, true), "{said}");
}

#[test]
fn a_new_project_tests_itself_natively() {
    let dir = tempfile::tempdir().unwrap();
    let made = Command::new(weft_binary())
        .args(["new", "party"])
        .current_dir(dir.path())
        .env_remove("WEFT_SDK")
        .status();
    assert!(made.unwrap().success());
    let tested = Command::new("cargo")
        .arg("test")
        .current_dir(dir.path().join("party"))
        .env_remove("CARGO_TARGET_DIR")
        .output()
        .unwrap();
    let printed = String::from_utf8_lossy(&tested.stdout);
    assert!(printed.contains("1 passed"), "{printed}");
    let said = String::from_utf8_lossy(&tested.stderr);
    assert!(tested.status.success(), "{said}");
    assert!(!said.contains("warning"), "{said}");
}

#[test]
fn faults_have_their_exit_codes_and_advice() {
    let node = Node::in_memory();
    let dir = tempfile::tempdir().unwrap();
    let shell = Shell {
        node: &node,
        dir: dir.path(),
    };
    for (args, code, hint) in [
        (vec!["frobnicate"], 2, "unrecognized"),
        (vec!["new", "Bad_Name"], 2, "cannot be the name"),
        (vec!["start", "x", "--input", "{nope"], 2, "not JSON"),
        (vec!["deploy"], 2, "weft new"),
        (vec!["instances", "purge"], 2, "--all"),
        (vec!["functions", "list"], 1, "weft deploy"),
        (
            vec!["tenants", "list", "--admin-url", "x"],
            1,
            "such as http",
        ),
        (vec!["logs", "--level", "x"], 2, "debug"),
        (vec!["deploy", "missing.wasm"], 1, "missing.wasm"),
        (vec!["instances", "list", "--key", "wrong"], 1, "--key"),
        (
            vec!["tenants", "list", "--admin-url", "http://127.0.0.1:9"],
            1,
            "weft up",
        ),
    ] {
        let (found, said) = shell.refused(&args);
        assert_eq!(found, code, "{args:?}: {said}");
        assert!(said.contains(hint), "{args:?}: {said}");
    }
    let text = dir.path().join("text.wasm");
    std::fs::write(&text, "hello").unwrap();
    let (code, said) = shell.refused(&["inspect", "text.wasm"]);
    assert_eq!(
        (code, said.contains("not WebAssembly")),
        (1, true),
        "{said}"
    );
}

#[test]
fn keys_and_tenants_are_managed() {
    let node = Node::in_memory();
    let dir = tempfile::tempdir().unwrap();
    let shell = Shell {
        node: &node,
        dir: dir.path(),
    };
    shell.done(&["tenants", "create", "acme"]);
    assert!(shell.done(&["tenants", "list"]).contains("acme"));
    let created = shell.json(&["keys", "create", "--tenant", "acme", "--role", "reader"]);
    let id = created["id"].as_str().unwrap();
    assert!(
        shell
            .done(&["keys", "list", "--tenant", "acme"])
            .contains(id)
    );
    shell.done(&["keys", "delete", id, "--tenant", "acme"]);
    let (code, _) = shell.refused(&["keys", "delete", id, "--tenant", "acme"]);
    assert_eq!(code, 1);
    let completions = shell.done(&["completions", "bash"]);
    assert!(completions.contains("complete -F _weft"), "{completions}");
}

#[test]
fn a_scenario_that_cannot_be_read_fails_by_itself() {
    let dir = tempfile::tempdir().unwrap();
    let made = Command::new(weft_binary())
        .args(["new", "flows", "--template", "workflow"])
        .current_dir(dir.path())
        .status();
    assert!(made.unwrap().success());
    let project = dir.path().join("flows");
    let run = |args: &[&str]| {
        let mut command = Command::new(weft_binary());
        let output = command
            .arg("test")
            .args(args)
            .current_dir(&project)
            .output();
        let output = output.unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        (
            output.status.code(),
            text(output.stdout),
            text(output.stderr),
        )
    };
    let (code, out, said) = run(&[]);
    assert_eq!(
        (code, said.contains("2 passed, 0 failed")),
        (Some(0), true),
        "{out}{said}"
    );

    let write = |name: &str, text: &[u8]| std::fs::write(project.join("tests").join(name), text);
    let refused = std::fs::read_to_string(project.join("tests/refused.json")).unwrap();
    let changed = |from: &str, to: &str| {
        assert!(refused.contains(from), "{from}");
        refused.replacen(from, to, 1).into_bytes()
    };
    write(
        "missing.json",
        &changed("order/workflow.json", "nowhere.json"),
    )
    .unwrap();
    write(
        "slip.json",
        &changed("\"expect\"", "\"mokcs\": [], \"expect\""),
    )
    .unwrap();
    write(
        "owned.json",
        &changed("\"expect\"", "\"owner\": \"me\", \"expect\""),
    )
    .unwrap();
    let mut spoiled = refused.clone().into_bytes();
    spoiled.push(0xff);
    write("spoiled.json", &spoiled).unwrap();
    let (code, out, said) = run(&[]);
    assert_eq!(code, Some(1));
    assert!(said.contains("3 passed, 3 failed"), "{out}{said}");
    assert!(out.contains("there is no file nowhere.json"), "{out}");
    assert!(
        out.contains("mokcs: there is no such member. Did you mean 'mocks'?"),
        "{out}"
    );
    assert!(out.contains("FAILED spoiled"), "{out}");
    assert!(
        said.contains("owned.json: owner: this member means nothing here"),
        "{said}"
    );
    let (code, out, _) = run(&["--filter", "missing", "--json"]);
    let told: Value = serde_json::from_str(&out).unwrap();
    assert_eq!((code, &told["failed"]), (Some(1), &json!(1)), "{told:#}");
}

#[test]
fn expressions_are_evaluated_without_a_node() {
    let dir = tempfile::tempdir().unwrap();
    let context = dir.path().join("context.json");
    std::fs::write(&context, r#"{"variables": {"n": 41}}"#).unwrap();
    let run = |expression: &str| {
        Command::new(weft_binary())
            .args(["expr", expression, "--context"])
            .arg(&context)
            .output()
            .unwrap()
    };
    let output = run("add(variables('n'), 1)");
    assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), "42");
    let output = run("@{variables('n')} items");
    assert_eq!(
        String::from_utf8_lossy(&output.stdout).trim(),
        "\"41 items\""
    );
    let output = run("concat('a', lenth('b'))");
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("Did you mean 'length'?"), "{said}");
    let caret = "  concat('a', lenth('b'))\n              ^";
    assert!(said.contains(caret), "{said}");
}
