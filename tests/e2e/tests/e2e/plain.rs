//! A component that knows nothing of weft: its functions over REST and as activities of others.

use reqwest::Method;
use serde_json::{Value, json};
use weft_e2e::Session;
use weft_testkit::guests::{component, guest};
use weft_testkit::node::Node;

const APP: &str = "shop";

/// The component with the documentation of its WIT, as build tools attach it.
fn documented() -> Vec<u8> {
    let docs = json!({"interfaces": {"pricing": {
        "funcs": {"price": {"docs": "What all of it costs."}},
        "types": {"item": {"docs": "A thing.", "items": {"pieces": "How many."}}},
    }}});
    let mut body = vec![12];
    body.extend(b"package-docs\x01");
    body.extend(docs.to_string().into_bytes());
    let mut wasm = guest("guest_plain");
    wasm.push(0);
    let mut len = body.len();
    while len > 0x7f {
        wasm.push(u8::try_from(len & 0x7f).unwrap() | 0x80);
        len >>= 7;
    }
    wasm.push(u8::try_from(len).unwrap());
    wasm.extend(body);
    wasm
}

async fn shop() -> Session {
    let session = Session::new(Node::in_memory());
    session.upload(APP, "shop", documented()).await;
    session
}

fn of<'a>(functions: &'a Value, name: &str) -> &'a Value {
    let functions = functions["functions"].as_array().unwrap();
    let found = functions.iter().find(|function| function["name"] == name);
    found.unwrap_or_else(|| panic!("{name} is not among {functions:#?}"))
}

#[tokio::test]
async fn its_functions_are_listed_with_schemas_of_their_types() {
    let session = Session::new(Node::in_memory());
    let uploaded = session.upload(APP, "shop", documented()).await;
    let count = uploaded["functions"].as_array().unwrap().len();
    assert_eq!(count, 5, "{uploaded:#}");
    let price = of(&uploaded, "pricing.price");
    assert_eq!(price["kind"], "activity");
    assert_eq!(price["description"], "What all of it costs.");
    let item = &price["input_schema"]["properties"]["items"]["items"];
    assert_eq!(item["description"], "A thing.");
    assert_eq!(item["properties"]["pieces"]["description"], "How many.");
    assert_eq!(item["properties"]["pieces"]["maximum"], u32::MAX);
    assert_eq!(item["required"], json!(["name", "pieces"]));
    let extras = &price["input_schema"]["properties"]["extras"]["items"];
    assert_eq!(extras["enum"], json!(["gift", "express", "insured"]));
    assert!(price["output_schema"]["properties"]["cents"].is_object());
    of(&uploaded, "greet");
    of(&uploaded, "sessions.count");
}

#[tokio::test]
async fn json_goes_in_and_comes_out() {
    let session = shop().await;
    let greeted = session.invoke(APP, "greet", &json!({"name": "Ada"})).await;
    assert_eq!(greeted.expect(200).json(), "Hello, Ada!");
    let greeted = session.invoke(APP, "greet", &json!(["Alan"])).await;
    assert_eq!(greeted.expect(200).json(), "Hello, Alan!");
    let order = json!({
        "items": [{"name": "tea", "pieces": 2}, {"name": "cup", "pieces": 1, "note": "blue"}],
        "delivery": {"shipped": ["Bern", 500]},
        "extras": ["express"],
    });
    let quote = session.invoke(APP, "pricing.price", &order).await;
    let quote = quote.expect(200).json();
    let expected = json!({
        "cents": 1800, "currency": "chf", "factor": "NaN",
        "history": [null, {"some": null}, {"some": -1}], "checked": {"ok": false},
    });
    assert_eq!(quote, expected);
    let mut most = quote;
    most["cents"] = json!(u64::MAX);
    most["factor"] = json!(-0.5);
    most["checked"] = json!({"err": "no"});
    let turned = session
        .invoke(APP, "pricing.turn", &json!({"quote": most}))
        .await;
    assert_eq!(turned.expect(200).json(), most);
}

#[tokio::test]
async fn faults_of_inputs_and_errors_of_functions_are_told() {
    let session = shop().await;
    let invoke = async |name: &str, input: Value| {
        let answer = session.invoke(APP, name, &input).await;
        assert!(!answer.status.is_success(), "{answer:?}");
        answer.text().to_owned()
    };
    let told = invoke("greet", json!({"nmae": "x"})).await;
    assert!(
        told.contains("it has no \\\"nmae\\\" (known names: name)"),
        "{told}"
    );
    let told = invoke("pricing.price", json!([[{"name": "tea"}], "pickup", []])).await;
    assert!(told.contains("it.items[0] lacks \\\"pieces\\\""), "{told}");
    let told = invoke("pricing.price", json!([[], "pickup", []])).await;
    assert!(told.contains("closed"), "{told}");
    let moon = json!([[{"name": "moon", "pieces": 1}], "pickup", []]);
    let told = invoke("pricing.price", moon).await;
    assert!(told.contains("unknown-item"), "{told}");
    let told = invoke("greet", json!([""])).await;
    assert!(told.contains("somebody has to be greeted"), "{told}");
    let get = session.admin(Method::GET, &format!("/apps/{APP}/functions/sessions.open"));
    session.send(get).await.expect_problem(404, "not-found");
}

#[tokio::test]
async fn orchestrators_call_them_as_activities() {
    let session = shop().await;
    let patterns = component("samples/rust/patterns", "patterns");
    session.upload(APP, "patterns", patterns).await;
    // It calls what it is told with the number 1, which is no object with parameters.
    session
        .start(APP, "call-by-name", "one", &json!("greet"))
        .await;
    let failed = session.until_status(APP, "one", "Failed").await;
    assert_eq!(failed["failure"]["kind"], "invalid-input", "{failed}");
    session
        .start(APP, "call-by-name", "two", &json!("sessions.twice"))
        .await;
    let ended = session.until_status(APP, "two", "Completed").await;
    assert_eq!(ended["output"], 2);
    session.replays_alike(APP).await;
}
