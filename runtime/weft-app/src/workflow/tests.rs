//! Documents and the files that they come from.

use std::collections::BTreeMap;

use super::*;

const BODY: &str = r#"{
  "kind": "stateless",
  "definition": {"triggers": {"manual": {"type": "Request"}}, "actions": {
    "Loop": {"type": "Foreach", "foreach": [1], "actions": {"If": {"type": "If", "expression": "@true",
      "actions": {"A": {"type": "Scope"}}, "else": {"actions": {"B": {"type": "Scope"}, "C": {"type": "Scope"}}}}}},
    "Switch": {"type": "Switch", "expression": "@1", "cases": {"x": {"case": 1, "actions": {"D": {"type": "Scope"}}}},
      "default": {"actions": {"E": {"type": "Scope"}}}}
  }},
  "appSettings": {"a": "1", "b": 2},
  "artifacts": {"maps": {"m.xslt": "<x/>"}}
}"#;

#[test]
fn keeps_the_text_and_tells_its_parts() {
    let workflow = Workflow::parse(BODY).unwrap();
    assert_eq!(workflow.document(), BODY);
    assert_eq!(workflow.kind(), WorkflowKind::Stateless);
    let parts = workflow.parts();
    assert!(parts.definition.starts_with(r#"{"triggers": {"manual""#));
    assert_eq!(parts.parameters, None);
    assert_eq!(parts.app_settings["b"], "2");
    assert_eq!(parts.artifacts["maps"]["m.xslt"], "<x/>");
    let outline = workflow.outline();
    assert_eq!(
        outline.triggers,
        [("manual".to_owned(), "Request".to_owned())]
    );
    assert_eq!(outline.actions, 8);
    let read: Workflow = serde_json::from_str(&serde_json::to_string(&workflow).unwrap()).unwrap();
    assert_eq!(read, workflow);
}

#[test]
fn a_bare_definition_is_all_of_its_document() {
    let text = r#"{"triggers": {}, "actions": {}, "parameters": {"p": {"type": "String"}}}"#;
    let workflow = Workflow::parse(&format!("\u{feff}{text}")).unwrap();
    assert_eq!(workflow.parts().definition, text);
    assert_eq!(workflow.parts().parameters, None, "those are declarations");
    assert_eq!(workflow.kind(), WorkflowKind::Stateful);
}

#[test]
fn lists_every_fault_of_a_body_with_its_pointer() {
    let pointers = |text: &str| -> Vec<String> {
        let faults = Workflow::parse(text).unwrap_err();
        let faults = faults.as_slice().iter();
        faults.map(|fault| fault.pointer.clone()).collect()
    };
    let mut found = pointers(
        r#"{"definition": {"triggers": {}, "actions": {}}, "kind": "Odd", "parameters": [],
            "connections": 1, "appsettings": {}, "appSettings": {"a": {}},
            "artifacts": {"maps": 1, "schemas": {"s": 2}}}"#,
    );
    found.sort();
    assert_eq!(
        found,
        [
            "/appSettings/a",
            "/appsettings",
            "/artifacts/maps",
            "/artifacts/schemas/s",
            "/connections",
            "/kind",
            "/parameters",
        ]
    );
    let found = pointers(
        r#"{"definition": {"triggers": {"t": {"type": "Requst"}},
            "actions": {"A": {"type": "Compose", "inputs": "@concat('a'", "runAfter": {"B": ["Succeeded"]}}}}}"#,
    );
    assert_eq!(
        found,
        [
            "/definition/triggers/t/type",
            "/definition/actions/A/runAfter/B",
            "/definition/actions/A/inputs",
        ]
    );
    for text in ["", "[]", "{", "1"] {
        assert_eq!(pointers(text), [""], "{text}");
    }
}

struct Files(BTreeMap<&'static str, &'static str>);

impl ProjectFiles for Files {
    fn read(&self, path: &str) -> Option<String> {
        self.0.get(path).map(|text| (*text).to_owned())
    }

    fn list(&self, folder: &str) -> Vec<String> {
        let folder = format!("{folder}/");
        let names = self.0.keys().filter_map(|path| path.strip_prefix(&*folder));
        let names = names.filter(|name| !name.contains('/'));
        names.map(str::to_owned).collect()
    }
}

#[test]
fn the_files_of_a_standard_project_become_one_document() {
    let files = Files(BTreeMap::from([
        (
            "flow/workflow.json",
            "\u{feff}{\n  \"kind\": \"Stateful\",\n  \"definition\": {\"b\": 1, \"a\": 2}\n}\n",
        ),
        (
            "flow/parameters.json",
            r#"{"p": {"type": "String", "value": "x"}}"#,
        ),
        ("flow/code.csx", "return 1;"),
        ("connections.json", r#"{"managedApiConnections": {}}"#),
        ("parameters.json", r#"{"farther": {}}"#),
        (
            "local.settings.json",
            r#"{"IsEncrypted": false, "Values": {"K": "v"}}"#,
        ),
        ("single.json", r#"{"triggers": {}, "actions": {}}"#),
    ]));
    let text = assemble(&files, "flow").unwrap();
    assert_eq!(assemble(&files, "flow/workflow.json").unwrap(), text);
    assert!(
        text.starts_with("{\n  \"kind\": \"Stateful\",\n  \"definition\": {\"b\": 1, \"a\": 2},"),
        "{text}"
    );
    let workflow = Workflow::parse(&text).unwrap();
    let parts = workflow.parts();
    assert_eq!(parts.definition, r#"{"b": 1, "a": 2}"#);
    assert!(parts.parameters.unwrap().contains("\"p\""));
    assert!(parts.connections.unwrap().contains("managed"));
    assert_eq!(parts.app_settings["K"], "v");
    assert_eq!(parts.artifacts["scripts"]["code.csx"], "return 1;");
    let single = assemble(&files, "single.json").unwrap();
    assert_eq!(single, r#"{"triggers": {}, "actions": {}}"#);
    let missing = assemble(&files, "absent").unwrap_err().to_string();
    assert!(missing.contains("absent/workflow.json"), "{missing}");
}

#[test]
fn what_lies_around_a_bare_definition_is_put_beside_it() {
    let files = Files(BTreeMap::from([
        (
            "w/workflow.json",
            r#"{"triggers": {}, "actions": {}, "parameters": {"p": {"type": "Int"}}}"#,
        ),
        ("w/parameters.json", r#"{"p": {"value": 1}}"#),
    ]));
    let workflow = Workflow::parse(&assemble(&files, "w").unwrap()).unwrap();
    assert_eq!(workflow.parts().parameters, Some(r#"{"p": {"value": 1}}"#));
    assert!(workflow.parts().definition.contains(r#""p": {"type""#));
}
