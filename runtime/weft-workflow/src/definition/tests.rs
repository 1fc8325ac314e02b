//! Documents in, workflows out.

use expect_test::{Expect, expect};

use super::*;
use crate::value::Value;

fn value(json: &str) -> Value {
    serde_json::from_str(json).unwrap_or_else(|error| panic!("{error}: {json}"))
}

/// Each workflow's name, kind, pointer, parameters and definition.
#[track_caller]
fn check(document: &str, options: &Options, expected: Expect) {
    let loaded = load_text(document, options).expect("a document that is sound");
    let mut shown = format!("{:?}\n", loaded.form);
    for workflow in &loaded.workflows {
        shown.push_str(&format!(
            "{} {} at {:?}\n{}\n{}\n",
            workflow.name.as_deref().unwrap_or("-"),
            workflow.kind,
            workflow.pointer,
            Value::Object(workflow.parameters.clone()),
            workflow.definition,
        ));
    }
    for warning in &loaded.warnings {
        shown.push_str(&format!("{}: {}\n", warning.pointer, warning.message));
    }
    expected.assert_eq(&shown);
}

fn refused(document: &str) -> String {
    let faults = load_text(document, &Options::default()).expect_err("a document that is refused");
    let shown = faults
        .iter()
        .map(|fault| format!("{}: {}", fault.pointer, fault.message));
    shown.collect::<Vec<_>>().join("\n")
}

#[test]
fn a_bare_definition_keeps_its_order() {
    check(
        r#"{"triggers": {"z": {}, "a": {}}, "actions": {"text": "[1, 2]", "also": "[[x]"}}"#,
        &Options::default(),
        expect![[r#"
            Bare
            - Stateful at ""
            {}
            {"triggers":{"z":{},"a":{}},"actions":{"text":"[1, 2]","also":"[[x]"}}
        "#]],
    );
}

#[test]
fn standard_and_the_body_of_a_deployment() {
    check(
        r#"{"definition": {"actions": {}}, "kind": "stateless"}"#,
        &Options::default(),
        expect![[r#"
            Standard
            - Stateless at "/definition"
            {}
            {"actions":{}}
        "#]],
    );
    check(
        r#"{"definition": {"actions": {}}, "kind": "Odd",
            "parameters": {"a": {"type": "Int", "value": 5}, "b": {"type": "String"}, "c": [1]},
            "connections": null, "appSettings": {"s": "v"}}"#,
        &Options {
            parameters: [("a", Value::from("less")), ("d", Value::from("more"))]
                .into_iter()
                .collect(),
            ..Options::default()
        },
        expect![[r#"
            Body
            - Stateful at "/definition"
            {"a":5,"c":[1],"d":"more"}
            {"actions":{}}
            /kind: The kind 'odd' is not known; the workflow is stateful.
        "#]],
    );
}

#[test]
fn a_template_with_its_parameters_and_variables() {
    let document = r#"{
        "$schema": "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#",
        "parameters": {
            "name": {"type": "string", "defaultValue": "orders"},
            "hours": {"type": "int"},
            "key": {"type": "securestring"}
        },
        "variables": {"prefix": "[toLower(concat(parameters('name'), '-'))]", "list": ["[parameters('hours')]"]},
        "resources": [
            {"type": "Microsoft.Storage/storageAccounts", "name": "x"},
            {"type": "Microsoft.Logic/workflows", "name": "[concat(variables('prefix'), 'flow')]",
             "properties": {
                "parameters": {"$connections": {"value": {"blob": {"connectionId": "[resourceId('Microsoft.Web/connections', 'blob')]"}}}},
                "definition": {"actions": {
                    "A": "[variables('list')]",
                    "B": "[[not an expression]",
                    "C": "[concat('@{body(''', parameters('name'), ''')}')]",
                    "D": "[parameters('key')]",
                    "E": "[listKeys(variables('prefix'), '2019').keys[0].value]",
                    "F": "@parameters('untouched')",
                    "G": "[if(equals(parameters('name'), 'orders'), uri('https://a/', '/b'), 'no')]",
                    "H": "[format('{0}-{1}', 'x', 5)]"
                }}
             }}
        ]}"#;
    let given = value(r#"{"parameters": {"hours": {"value": 3}}}"#);
    let mut options = Options::default().with_template_parameters(&given);
    options.facts = vec![
        ("subscriptionId".to_owned(), "sub".to_owned()),
        ("resourceGroup".to_owned(), "group".to_owned()),
    ];
    check(
        document,
        &options,
        expect![[r#"
            Template
            orders-flow Stateful at "/resources/1/properties/definition"
            {"$connections":{"blob":{"connectionId":"/subscriptions/sub/resourceGroups/group/providers/Microsoft.Web/connections/blob"}}}
            {"actions":{"A":[3],"B":"[not an expression]","C":"@{body('orders')}","D":"__unresolved.parameters.key__","E":"__unresolved.listKeys.keys.0.value__","F":"@parameters('untouched')","G":"https://a/b","H":"x-5"}}
            /resources/1/properties/definition/actions/D: What the deployment alone knows was replaced by '__unresolved.parameters.key__'.
            /resources/1/properties/definition/actions/E: What the deployment alone knows was replaced by '__unresolved.listKeys__', '__unresolved.listKeys.keys__', '__unresolved.listKeys.keys.0__', '__unresolved.listKeys.keys.0.value__'.
        "#]],
    );
}

#[test]
fn nested_deployments_conditions_and_several_workflows() {
    let document = r#"{
        "parameters": {"p": {"defaultValue": "outer"}},
        "resources": {
            "one": {"type": "microsoft.logic/workflows", "name": "one", "kind": "Stateless",
                "properties": {"definition": {"actions": {"A": "[parameters('p')]"}}}},
            "never": {"type": "Microsoft.Logic/workflows", "condition": "[equals(1, 2)]",
                "properties": {"definition": {"actions": {}}}},
            "inner": {"type": "Microsoft.Resources/deployments", "properties": {
                "expressionEvaluationOptions": {"scope": "inner"},
                "parameters": {"p": {"value": "[concat(parameters('p'), '+')]"}},
                "template": {"parameters": {"p": {"type": "string"}}, "resources": [
                    {"type": "Microsoft.Logic/workflows", "name": "two",
                     "properties": {"definition": {"actions": {"A": "[parameters('p')]"}}}}]}}},
            "outer": {"type": "Microsoft.Resources/deployments", "properties": {
                "template": {"parameters": {"p": {"defaultValue": "shadow"}}, "resources": [
                    {"type": "Microsoft.Logic/workflows", "name": "three",
                     "properties": {"definition": {"actions": {"A": "[parameters('p')]"}}}}]}}}
        }}"#;
    check(
        document,
        &Options::default(),
        expect![[r#"
            Template
            one Stateless at "/resources/one/properties/definition"
            {}
            {"actions":{"A":"outer"}}
            two Stateful at "/resources/inner/properties/template/resources/0/properties/definition"
            {}
            {"actions":{"A":"outer+"}}
            three Stateful at "/resources/outer/properties/template/resources/0/properties/definition"
            {}
            {"actions":{"A":"outer"}}
        "#]],
    );
    let loaded = load_text(document, &Options::default()).expect("sound");
    let fault = loaded.single().expect_err("there are three");
    assert_eq!(fault.message, "The document holds 3 workflows, not one.");
}

#[test]
fn a_definition_cut_out_of_a_template() {
    check(
        r#"{"actions": {
            "A": "[parameters('url')]",
            "B": "[concat('/@{encodeURIComponent(', variables('$singleQuote'), parameters('q'), variables('$singleQuote'), ')}/x')]",
            "C": "[concat('@{body(', variables('unknown'), ')}')]"}}"#,
        &Options::default(),
        expect![[r#"
            Bare
            - Stateful at ""
            {}
            {"actions":{"A":"__unresolved.parameters.url__","B":"/@{encodeURIComponent('__unresolved.parameters.q__')}/x","C":"__unresolved.concat.__body___"}}
            /actions/A: What the deployment alone knows was replaced by '__unresolved.parameters.url__'.
            /actions/B: What the deployment alone knows was replaced by '__unresolved.parameters.q__'.
            /actions/C: What the deployment alone knows was replaced by '__unresolved.concat.__body___'.
        "#]],
    );
}

#[test]
fn placeholders_of_templates_become_the_name() {
    check(
        r#"{"definition": {"actions": {"A_#workflowname#": "@parameters('Url_#workflowname#')"}},
            "parameters": {"Url_#workflowname#": {"value": "u"}}}"#,
        &Options {
            name: Some("flow".to_owned()),
            ..Options::default()
        },
        expect![[r#"
            Body
            - Stateful at "/definition"
            {"Url_flow":"u"}
            {"actions":{"A_flow":"@parameters('Url_flow')"}}
        "#]],
    );
}

#[test]
fn what_is_refused() {
    assert!(refused("{").starts_with(": The document is not JSON"));
    assert_eq!(refused("[]"), ": A definition is a JSON object.");
    assert_eq!(
        refused("{}"),
        ": The document holds no workflow definition."
    );
    assert_eq!(
        refused(r#"{"definition": 5, "parameters": [], "kind": "Stateful"}"#),
        "/definition: The definition should be an object; it is of type 'Integer'.\n\
         /parameters: 'parameters' should be an object; it is of type 'Array'."
    );
    assert_eq!(
        refused(r#"{"resources": []}"#),
        "/resources: The template holds no resource of type 'Microsoft.Logic/workflows'."
    );
    assert_eq!(
        refused(r#"{"resources": [{"type": "Microsoft.Logic/workflows", "properties": {}}]}"#),
        "/resources/0/properties/definition: The workflow has no definition."
    );
    assert!(refused(&"[".repeat(5_000)).contains("not JSON"));
}

/// Variables that lead to themselves, and those that grow, end.
#[test]
fn templates_that_never_end() {
    let template = |variables: &str| {
        format!(
            r#"{{"variables": {variables}, "resources": [{{"type": "Microsoft.Logic/workflows",
                "properties": {{"definition": {{"actions": {{"A": "[variables('a')]"}}}}}}}}]}}"#
        )
    };
    let loops = template(r#"{"a": "[concat(variables('b'), 'x')]", "b": "[variables('a')]"}"#);
    let loaded = load_text(&loops, &Options::default()).expect("sound");
    let found = loaded.workflows[0]
        .definition
        .pointer("/actions/A")
        .cloned();
    let text = found.expect("is there").to_text();
    assert!(text.contains("__unresolved."), "{text}");
    let names: Vec<String> = ('a'..='z').map(String::from).collect();
    let grows = names.windows(2).map(|pair| {
        let name = &pair[1];
        format!(
            r#""{}": "[concat(variables('{name}'), variables('{name}'))]""#,
            pair[0]
        )
    });
    let grows: Vec<String> = grows.collect();
    let variables = format!("{{{}, \"z\": \"{}\"}}", grows.join(","), "z".repeat(1_000));
    let loaded = load_text(&template(&variables), &Options::default()).expect("sound");
    assert!(loaded.workflows[0].definition.weight() < 1 << 20);
}
