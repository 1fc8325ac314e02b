//! `workflow/connection` and `workflow/service-provider`

use serde_json::json;
use weft_connector::Surroundings;

use crate::server::{Server, connector, nothing, settings};

fn around(server: &Server) -> Surroundings {
    let own = json!({"managedApiConnections": {
        "salesforce": {
            "connectionRuntimeUrl": "@appsetting('runtime-url')",
            "authentication": {"type": "Raw", "scheme": "Key", "parameter": "@appsetting('key')"},
        },
        "moved": {"connectionRuntimeUrl": "http://127.0.0.1:1/"},
    }});
    let url = format!("{}/salesforce", server.url);
    let moved = json!({"url": format!("{}/new", server.url), "headers": {"x-extra": "1"},
        "authentication": {"type": "Basic", "username": "u", "password": "@appsetting('key')"}});
    Surroundings {
        settings: settings(&[("runtime-url", &url), ("key", "sesame-open")]),
        connections: settings(&[
            ("moved", &moved.to_string()),
            ("local", r#"{"component": "double"}"#),
            ("kettle", r#"{"component": "teapot"}"#),
        ]),
        workflow_connections: Some(own.to_string().into()),
        ..nothing()
    }
}

#[tokio::test]
async fn a_connection_gives_the_address_and_the_key() {
    let server = Server::answering(200, &[("content-type", "application/json")], b"[1]").await;
    let connector = connector(&["127.0.0.0/8"]);
    let call = async |name: &str, input: serde_json::Value| {
        let output = connector
            .call(name, &input.to_string(), &around(&server))
            .await;
        output.map(|output| serde_json::from_str::<serde_json::Value>(&output).unwrap())
    };
    let answer = call(
        "workflow/connection",
        json!({
            "action": "Upsert", "connection": "salesforce", "method": "patch",
            "path": "/v2/tables/Account%255F/1", "queries": {"q": 1}, "body": {"b": 1, "a": 2},
        }),
    );
    let answer = answer.await.unwrap();
    assert_eq!(
        (&answer["statusCode"], &answer["body"]),
        (&json!(200), &json!([1]))
    );
    call(
        "workflow/connection",
        json!({"connection": "moved", "method": "get", "path": "x", "headers": {"own": "2"}}),
    )
    .await
    .unwrap();
    call(
        "workflow/service-provider",
        json!({
            "action": "Send", "connection": "moved", "operation": "sendMessage",
            "provider": "/serviceProviders/serviceBus", "parameters": {"entityName": "q"},
        }),
    )
    .await
    .unwrap();
    let seen = server.seen();
    assert_eq!(seen[0].method, "PATCH");
    assert_eq!(seen[0].path, "/salesforce/v2/tables/Account%255F/1?q=1");
    assert_eq!(seen[0].header("authorization"), Some("Key sesame-open"));
    assert_eq!(
        seen[0].header("x-ms-workflow-operation-name"),
        Some("Upsert")
    );
    assert_eq!(seen[0].text(), r#"{"a":2,"b":1}"#);
    assert_eq!(seen[1].path, "/new/x");
    assert_eq!(seen[1].header("x-extra"), Some("1"));
    assert_eq!(seen[1].header("own"), Some("2"));
    assert_eq!(
        seen[1].header("authorization"),
        Some("Basic dTpzZXNhbWUtb3Blbg==")
    );
    assert_eq!(
        (seen[2].method.as_str(), seen[2].path.as_str()),
        ("POST", "/new/sendMessage")
    );
    assert_eq!(seen[2].text(), r#"{"entityName":"q"}"#);

    let answer = call(
        "workflow/service-provider",
        json!({"connection": "local", "operation": "op", "provider": "p", "parameters": {"n": 1}}),
    );
    let given = json!({"operation": "op", "provider": "p", "parameters": {"n": 1}});
    assert_eq!(answer.await.unwrap()["body"], json!([given, given]));
    let answer = call(
        "workflow/connection",
        json!({"connection": "kettle", "path": "/"}),
    )
    .await;
    assert_eq!(answer.unwrap()["statusCode"], 418);

    let failed = call("workflow/connection", json!({"connection": "sql"}))
        .await
        .unwrap_err();
    assert_eq!(failed.code, "ConnectionNotConfigured");
    assert!(
        failed
            .message
            .contains("weft connections set sql --url URL"),
        "{failed}"
    );
}
