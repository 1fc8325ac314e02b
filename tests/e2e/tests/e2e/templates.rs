//! `weft new`, `build` and `deploy` in every language, outside of the source tree, and what bad input
//! is answered with.

use std::path::Path;
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use weft_testkit::node::{Node, weft_binary};

/// What one of the program's own rebuilds may take beside the language's tools, also in a debug build
/// on a busy machine.
const UNCHANGED_MAX: Duration = Duration::from_secs(5);

fn weft(dir: &Path, args: &[&str]) -> Output {
    let mut command = Command::new(weft_binary());
    command.args(args).current_dir(dir).env_remove("WEFT_SDK");
    command.output().unwrap()
}

fn done(dir: &Path, args: &[&str]) -> String {
    let output = weft(dir, args);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{args:?}: {said}");
    said
}

fn refused(dir: &Path, args: &[&str]) -> String {
    let output = weft(dir, args);
    assert!(!output.status.success(), "{args:?}");
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn succeeds(command: &mut Command) {
    let output = command.output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said);
    assert!(output.status.success(), "{command:?}: {said}");
}

fn post(url: &str, body: &'static str) -> (u16, String) {
    let request = async {
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let answer = client.post(url).body(body).send().await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    };
    tokio::runtime::Runtime::new().unwrap().block_on(request)
}

/// Makes a project and runs its orchestration on a node; then breaks the source at `sound`.
fn works(template: &str, source: &str, sound: &str, unsound: &str, said: &[&str]) {
    let dir = tempfile::tempdir().unwrap();
    done(dir.path(), &["new", "party", "--template", template]);
    let project = dir.path().join("party");
    done(&project, &["build"]);
    let component = project.join("build/party.wasm");
    let built = std::fs::read(&component).unwrap();
    let started = Instant::now();
    done(&project, &["build"]);
    assert!(started.elapsed() < UNCHANGED_MAX, "{:?}", started.elapsed());

    let node = Node::in_memory();
    let on_node = |args: &[&str]| {
        let mut command = Command::new(weft_binary());
        command.args(args).current_dir(&project).arg("--json");
        command.env("WEFT_ADMIN", node.admin());
        let output = command.env("WEFT_KEY", node.key()).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{args:?}: {said}");
        serde_json::from_slice::<Value>(&output.stdout).unwrap()
    };
    on_node(&["deploy"]);
    let input = r#"{"names": ["Ada", "Alan"]}"#;
    let ended = on_node(&["start", "greetings", "--input", input, "--wait"]);
    let expected = json!(["Hello, Ada!", "Hello, Alan!"]);
    assert_eq!(ended["output"], expected, "{ended}");
    // The HTTP function answers with the id of an orchestration that it has started.
    let (status, id) = post(&format!("{}/@default/party/api/start", node.http()), input);
    assert_eq!(status, 202, "{id}");
    let id: String = serde_json::from_str(&id).unwrap();
    let shown = on_node(&["instances", "show", &id]);
    assert_eq!(shown["orchestrator"], "greetings", "{shown}");
    let checks = weft(&project, &["doctor", "--json"]).stdout;
    let checks: Value = serde_json::from_slice(&checks).unwrap();
    let tools = ["data", "key", "node"];
    for check in checks["checks"].as_array().unwrap() {
        let of_the_node = tools.contains(&check["what"].as_str().unwrap());
        assert!(of_the_node || check["ok"] == true, "{check}");
    }

    let source = project.join(source);
    let text = std::fs::read_to_string(&source).unwrap();
    assert!(text.contains(sound));
    std::fs::write(&source, text.replace(sound, unsound)).unwrap();
    let told = refused(&project, &["build"]);
    for part in said {
        assert!(told.contains(part), "{told}");
    }
    // What was built before is still there, and the same source gives the same again.
    assert_eq!(std::fs::read(&component).unwrap(), built);
    std::fs::write(&source, text).unwrap();
    done(&project, &["build"]);
}

#[test]
fn python() {
    let bug = ("async def greetings(ctx", "async def greetings(ctxx(");
    works("python", "app.py", bug.0, bug.1, &["app.py", "SyntaxError"]);
}

#[test]
fn typescript() {
    let bug = ("Promise.all(guests.names", "Promise.all(guests.nmaes");
    let said = ["src/app.ts(", "Property 'nmaes' does not exist"];
    works("typescript", "src/app.ts", bug.0, bug.1, &said);
}

#[test]
fn go() {
    let said = ["main.go:", "undefined: greeet"];
    works(
        "go",
        "main.go",
        "ctx, greet, name",
        "ctx, greeet, name",
        &said,
    );
}

#[test]
fn c() {
    let said = ["app.c:", "greeet"];
    works(
        "c",
        "app.c",
        ".activity = greet",
        ".activity = greeet",
        &said,
    );
}

#[test]
fn the_native_tests_of_projects_run() {
    let dir = tempfile::tempdir().unwrap();
    for template in ["python", "typescript", "go"] {
        done(dir.path(), &["new", template, "--template", template]);
    }
    let (python, typescript) = (dir.path().join("python"), dir.path().join("typescript"));
    succeeds(
        Command::new("python3")
            .args(["-m", "unittest"])
            .env("PYTHONPATH", python.join("sdk/python"))
            .current_dir(&python),
    );
    succeeds(
        Command::new("npm")
            .args(["ci", "--no-audit", "--no-fund"])
            .current_dir(&typescript),
    );
    succeeds(Command::new("npm").arg("test").current_dir(&typescript));
    let go = dir.path().join("go");
    succeeds(Command::new("go").args(["test", "./..."]).current_dir(go));
}

#[test]
fn a_source_of_no_language_and_a_missing_tool_say_what_to_do() {
    let dir = tempfile::tempdir().unwrap();
    done(dir.path(), &["new", "party", "--template", "python"]);
    let project = dir.path().join("party");
    let no_python = Command::new(weft_binary())
        .arg("build")
        .env("PATH", "/nowhere")
        .current_dir(&project)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&no_python.stderr);
    assert!(
        said.contains("Python is missing; install Python 3.10"),
        "{said}"
    );
    let manifest = project.join("weft.toml");
    let text = std::fs::read_to_string(&manifest).unwrap();
    std::fs::write(&manifest, text.replace("app.py", "app.rb")).unwrap();
    std::fs::write(project.join("app.rb"), "").unwrap();
    let said = refused(&project, &["build"]);
    assert!(said.contains("`source` names"), "{said}");
}
