//! Workflows, secrets and connections from the command line: deployed, shown, kept, encrypted.

use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;
use weft_testkit::node::{Node, weft_binary};

const FLOW: &str = "{\n  \"kind\": \"Stateful\",\n  \"definition\": {\n    \"triggers\": {\"manual\": {\"type\": \"Request\"}},\n    \
    \"actions\": {\"z\": {\"type\": \"Compose\",   \"inputs\": 1.50}}\n  }\n}\n";
const CANARY: &str = "canary-5ecret-value";

struct Shell<'a> {
    node: &'a Node,
    dir: &'a Path,
}

impl Shell<'_> {
    /// Whether it succeeded, and what it wrote to stdout and stderr.
    fn run(&self, args: &[&str], input: &str) -> (bool, String, String) {
        let mut child = Command::new(weft_binary())
            .args(args)
            .current_dir(self.dir)
            .env("WEFT_ADMIN", self.node.admin())
            .env("WEFT_KEY", self.node.key())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdin = child.stdin.take().unwrap();
        std::io::Write::write_all(&mut stdin, input.as_bytes()).unwrap();
        drop(stdin);
        let output = child.wait_with_output().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        (
            output.status.success(),
            text(output.stdout),
            text(output.stderr),
        )
    }

    fn done(&self, args: &[&str]) -> String {
        let (succeeded, out, said) = self.run(args, "");
        assert!(succeeded, "{args:?}: {said}");
        out
    }

    fn json(&self, args: &[&str]) -> Value {
        let mut all = args.to_vec();
        all.push("--json");
        serde_json::from_str(&self.done(&all)).unwrap()
    }
}

fn write(dir: &Path, path: &str, text: &str) {
    let path = dir.join(path);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, text).unwrap();
}

#[test]
fn workflows_are_deployed_from_files_folders_and_projects() {
    let node = Node::in_memory();
    let dir = tempfile::tempdir().unwrap();
    let shell = Shell {
        node: &node,
        dir: dir.path(),
    };
    write(dir.path(), "My_Flow.json", FLOW);
    let (succeeded, _, said) = shell.run(&["deploy", "My_Flow.json", "--app", "a"], "");
    assert!(succeeded && said.contains("deployed as my-flow"), "{said}");
    assert_eq!(
        shell.done(&["workflows", "show", "my-flow", "--app", "a"]),
        FLOW
    );
    let list = shell.json(&["workflows", "list", "--app", "a"]);
    assert_eq!(list["workflows"][0]["triggers"][0]["type"], "Request");

    write(dir.path(), "standard/One/workflow.json", FLOW);
    write(dir.path(), "standard/Two/workflow.json", FLOW);
    write(
        dir.path(),
        "standard/connections.json",
        r#"{"managedApiConnections": {}}"#,
    );
    let all = shell.json(&["deploy", "standard", "--app", "b"]);
    assert_eq!(all["workflows"][1]["name"], "two");
    let shown = shell.done(&["workflows", "show", "one", "--app", "b"]);
    assert!(shown.contains("managedApiConnections"), "{shown}");

    let manifest = "name = \"c\"\n[workflows.three]\npath = \"../standard/One\"\n";
    write(dir.path(), "project/weft.toml", manifest);
    let deployed = shell.json(&["deploy", "project"]);
    assert_eq!(deployed["workflows"][0]["name"], "three");

    let odd = FLOW.replace("\"triggers\"", "\"output\": {}, \"triggers\"");
    write(dir.path(), "odd.json", &odd);
    let (succeeded, out, said) = shell.run(&["deploy", "odd.json", "--app", "a"], "");
    assert!(succeeded && out.contains("odd"), "{said}");
    let place = "warning: /workflows/odd/definition/output\n";
    assert!(
        said.contains(place) && said.contains("hint: Did you mean 'outputs'?"),
        "{said}"
    );
    let validated = shell.done(&["workflows", "validate", "odd.json"]);
    assert!(
        validated.contains("warning: odd.json#/definition/output"),
        "{validated}"
    );
    shell.done(&["workflows", "delete", "odd", "--app", "a"]);

    write(
        dir.path(),
        "bad.json",
        &FLOW.replace("1.50", "\"@nothing()\""),
    );
    let (succeeded, out, said) = shell.run(&["deploy", "bad.json", "--app", "a"], "");
    assert!(!succeeded && out.is_empty());
    assert!(said.contains("definition.actions.z.inputs"), "{said}");
    let (succeeded, _, said) = shell.run(&["workflows", "show", "My_Flow", "--app", "a"], "");
    assert!(!succeeded && said.contains("my-flow would do"), "{said}");
    shell.done(&["workflows", "delete", "my-flow", "--app", "a"]);
    let list = shell.json(&["workflows", "list", "--app", "a"]);
    assert_eq!(list["workflows"].as_array().unwrap().len(), 0);
}

#[test]
fn secrets_stay_secret_and_outlive_the_node() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    let mut node = Node::over(&data, &[]);
    let shell = Shell {
        node: &node,
        dir: dir.path(),
    };
    let set = ["secrets", "set", "mail-key", "--app", "a"];
    let (succeeded, _, said) = shell.run(&set, &format!("{CANARY}\n"));
    assert!(succeeded && !said.contains(CANARY), "{said}");
    let authentication = format!(r#"{{"type": "Raw", "value": "{CANARY}"}}"#);
    shell.done(&[
        "connections",
        "set",
        "office365",
        "--app",
        "a",
        "--url",
        "https://mail.example",
        "--authentication",
        &authentication,
    ]);
    node.kill();
    node.restart();
    let shell = Shell {
        node: &node,
        dir: dir.path(),
    };
    let secrets = shell.done(&["secrets", "list", "--app", "a"]);
    assert!(
        secrets.contains("mail-key") && !secrets.contains(CANARY),
        "{secrets}"
    );
    let shown = shell.json(&["connections", "show", "office365", "--app", "a"]);
    assert_eq!(shown["url"], "https://mail.example");
    assert!(!shown.to_string().contains(CANARY), "{shown}");
    assert!(
        shell
            .done(&["connections", "list", "--app", "a"])
            .contains("Raw")
    );
    for entry in walk(&data) {
        let bytes = std::fs::read(&entry).unwrap();
        let found = bytes
            .windows(CANARY.len())
            .any(|part| part == CANARY.as_bytes());
        assert!(!found, "the secret stands in {}", entry.display());
    }
    let key = std::fs::metadata(data.join("secrets.key")).unwrap();
    let mode = std::os::unix::fs::PermissionsExt::mode(&key.permissions());
    assert_eq!(mode & 0o777, 0o600);
    shell.done(&["secrets", "delete", "mail-key", "--app", "a"]);
    let (succeeded, ..) = shell.run(&["secrets", "delete", "mail-key", "--app", "a"], "");
    assert!(!succeeded);
}

fn walk(dir: &Path) -> Vec<std::path::PathBuf> {
    let entries = std::fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    entries
        .flat_map(|path| match path.is_dir() {
            true => walk(&path),
            false => vec![path],
        })
        .collect()
}
