//! Deployments changed step by step, and what is refused.

use serde_json::json;

use super::*;
use crate::{Auth, LimitSettings};

fn described(name: &str, kind: FunctionKind) -> DescribedFunction {
    DescribedFunction {
        name: name.parse().unwrap(),
        kind,
        description: None,
        input_schema: Some(json!({"type": "object"})),
        output_schema: None,
        route: None,
        methods: vec![],
    }
}

fn entry(functions: &[(&str, FunctionKind)]) -> ComponentEntry {
    ComponentEntry {
        digest: "00".repeat(32),
        size: 8,
        functions: functions
            .iter()
            .map(|(name, kind)| described(name, *kind))
            .collect(),
    }
}

fn with(base: &Deployment, name: &str, functions: &[(&str, FunctionKind)]) -> Deployment {
    base.with_component(name.parse().unwrap(), entry(functions))
        .unwrap()
}

fn name(text: &str) -> weft_id::Function {
    text.parse().unwrap()
}

fn settings(value: Value) -> Settings {
    Settings::from_json(&value).unwrap()
}

use FunctionKind::{Activity, Http, Orchestrator};

#[test]
fn resolves_functions_with_defaults_and_finds_them_by_kind() {
    let app = with(&Deployment::default(), "c", &[("f", Http), ("g", Activity)]);
    let f = app.function("f", Http).unwrap();
    assert_eq!(f.auth, Auth::Function);
    assert_eq!(f.limits, LimitSettings::default().resolve());
    assert!(app.function("f", Activity).is_none());
    assert!(app.function("No Name", Activity).is_none());
    let routes: Vec<_> = app.http_routes().map(|(_, r, _)| r.to_string()).collect();
    assert_eq!(routes, ["f"]);
    assert_eq!(Deployment::from_json(&app.to_json()).unwrap(), app);
}

#[test]
fn a_name_belongs_to_one_component() {
    let app = with(&Deployment::default(), "a", &[("f", Http)]);
    let faults = app
        .with_component("b".parse().unwrap(), entry(&[("f", Activity)]))
        .unwrap_err();
    assert_eq!(
        faults.as_slice()[0].message,
        "the components a and b both hold a function f"
    );
}

#[test]
fn settings_outlive_a_new_version_of_the_component_but_not_the_function() {
    let app = with(&Deployment::default(), "c", &[("f", Http), ("g", Http)]);
    let open = settings(json!({"auth": "anonymous"}));
    let app = app.with_settings(&name("f"), open.clone()).unwrap();
    let again = with(&app, "c", &[("f", Http)]);
    assert_eq!(again.function("f", Http).unwrap().auth, Auth::Anonymous);
    let gone = with(&with(&app, "c", &[("g", Http)]), "d", &[("f", Http)]);
    assert_eq!(gone.function("f", Http).unwrap().auth, Auth::Function);
    let other_kind = with(&app, "c", &[("f", Activity)]);
    assert_eq!(other_kind.settings(&name("f")), Settings::default());
}

#[test]
fn removing_a_component_removes_its_functions() {
    let app = with(&Deployment::default(), "c", &[("f", Http)]);
    let app = with(&app, "d", &[("g", Activity)]);
    let less = app.without_component(&"c".parse().unwrap()).unwrap();
    assert_eq!(less.functions().keys().collect::<Vec<_>>(), [&name("g")]);
    assert!(less.without_component(&"c".parse().unwrap()).is_none());
}

#[test]
fn refuses_settings_that_do_not_fit() {
    let app = with(&Deployment::default(), "c", &[("o", Orchestrator)]);
    let unknown = app.with_settings(&name("x"), Settings::default());
    assert_eq!(unknown, Err(SettingsError::UnknownFunction(name("x"))));
    let unfit = settings(json!({"route": "r", "allowed_outbound_hosts": ["https://a"]}));
    let Err(SettingsError::Faults(faults)) = app.with_settings(&name("o"), unfit) else {
        panic!("settings of an HTTP function on an orchestrator");
    };
    let pointers: Vec<_> = faults.as_slice().iter().map(|f| &*f.pointer).collect();
    assert_eq!(pointers, ["/route", "/allowed_outbound_hosts"]);
}

#[test]
fn routes_collide_unless_their_methods_differ() {
    let app = with(&Deployment::default(), "c", &[("f", Http), ("g", Http)]);
    let at = |methods: &[&str]| settings(json!({"route": "x/{id}", "methods": methods}));
    let app = app.with_settings(&name("f"), at(&["GET"])).unwrap();
    assert!(app.with_settings(&name("g"), at(&["POST"])).is_ok());
    for methods in [&["GET", "POST"][..], &[]] {
        assert!(app.with_settings(&name("g"), at(methods)).is_err());
    }
}

#[test]
fn workflows_share_the_names_of_functions_and_outlive_their_changes() {
    let workflow = crate::Workflow::parse(r#"{"triggers": {}, "actions": {}}"#).unwrap();
    let app = with(&Deployment::default(), "c", &[("f", Activity)]);
    let taken = app.with_workflow(name("f"), workflow.clone()).unwrap_err();
    assert_eq!(taken.as_slice()[0].pointer, "/workflows/f");
    let app = app
        .with_workflow(name("my-flow"), workflow.clone())
        .unwrap();
    assert!(app.workflow("My_Flow").is_some() && app.workflow("f").is_none());
    let app = app
        .with_settings(&name("f"), settings(json!({"limits": {"memory_mib": 64}})))
        .unwrap();
    let app = with(&app, "d", &[("g", Activity)]);
    let clash = entry(&[("my-flow", Activity)]);
    let clash = app.with_component("e".parse().unwrap(), clash).unwrap_err();
    assert_eq!(clash.as_slice()[0].pointer, "/workflows/my-flow");
    let app = app.without_component(&"c".parse().unwrap()).unwrap();
    assert_eq!(app.workflows().len(), 1);
    assert_eq!(Deployment::from_json(&app.to_json()).unwrap(), app);
    let app = app.without_workflow(&name("my-flow")).unwrap();
    assert!(app.without_workflow(&name("my-flow")).is_none());
    let old = r#"{"components": {}, "settings": {}, "functions": {}}"#;
    assert!(Deployment::from_json(old).unwrap().workflows().is_empty());
}

#[test]
fn a_workflow_is_enabled_and_disabled_until_a_document_says_otherwise() {
    let parse = |text: &str| crate::Workflow::parse(text).unwrap();
    let silent = parse(r#"{"definition": {"triggers": {}, "actions": {}}}"#);
    let says = |state: &str| {
        let body = json!({"definition": {"triggers": {}, "actions": {}}, "state": state});
        parse(&body.to_string())
    };
    let flow = name("flow");
    let app = with(&Deployment::default(), "c", &[("f", Activity)]);
    assert!(app.with_state(&flow, State::Disabled).is_none());
    let app = app.with_workflow(flow.clone(), silent.clone()).unwrap();
    assert_eq!(app.state(&flow), State::Enabled);
    assert_eq!(app.with_state(&flow, State::Enabled).as_ref(), Some(&app));
    let disabled = app.with_state(&flow, State::Disabled).unwrap();
    assert_eq!(disabled.state(&flow), State::Disabled);
    assert_eq!(
        Deployment::from_json(&disabled.to_json()).unwrap(),
        disabled
    );
    assert_eq!(disabled.with_state(&flow, State::Enabled).unwrap(), app);

    // Whatever else changes, it stays.
    let limits = settings(json!({"limits": {"memory_mib": 64}}));
    let later = disabled.with_settings(&name("f"), limits).unwrap();
    let later = with(&later, "d", &[("g", Activity)]);
    let later = later.with_workflow(flow.clone(), silent.clone()).unwrap();
    assert_eq!(later.state(&flow), State::Disabled);
    let anew = Deployment::default().with_workflow(flow.clone(), silent);
    let anew = anew.unwrap().with_states_of(&later);
    assert_eq!(anew.state(&flow), State::Disabled);

    let enabled = later.with_workflow(flow.clone(), says("Enabled")).unwrap();
    assert_eq!(enabled.state(&flow), State::Enabled);
    let enabled = later.with_workflow(flow.clone(), says("disabled")).unwrap();
    let enabled = enabled.with_state(&flow, State::Enabled).unwrap();
    assert_eq!(enabled.state(&flow), State::Enabled);
    let gone = later.without_workflow(&flow).unwrap();
    assert_eq!(gone.with_states_of(&later).given_state(&flow), None);
}
