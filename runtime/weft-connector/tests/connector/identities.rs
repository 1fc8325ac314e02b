//! Authentication, and that none of its secrets is told.

use serde_json::{Value, json};
use weft_connector::{ScriptLimits, Surroundings};

use crate::server::{
    Seen, Server, connector, connector_with, http, identity, nothing, response, settings,
};

async fn authority() -> Server {
    Server::start(|seen: Seen| async move {
        let known = seen.text().contains("client_secret=s3cret%2Bvalue")
            || seen.header("x-identity-header") == Some("who-asks");
        let json = [("content-type", "application/json")];
        match known {
            true => response(
                200,
                &json,
                r#"{"access_token": "token-1", "expires_in": "3600"}"#,
            ),
            false => response(
                401,
                &json,
                r#"{"error": "invalid_client", "error_description": "not s3cret-wrong"}"#,
            ),
        }
    })
    .await
}

fn oauth(authority: &Server, secret: &str) -> Value {
    json!({
        "type": "ActiveDirectoryOAuth", "authority": authority.url, "tenant": "t",
        "audience": "https://api.example/", "clientId": "c", "secret": secret,
    })
}

#[tokio::test]
async fn a_token_is_asked_for_once_and_sent_along() {
    let (authority, server) = (authority().await, Server::answering(200, &[], b"").await);
    let connector = connector(&["127.0.0.0/8"]);
    let input = json!({"uri": server.url, "authentication": oauth(&authority, "s3cret+value")});
    for _ in 0..2 {
        connector
            .call("workflow/http", &input.to_string(), &nothing())
            .await
            .unwrap();
    }
    assert_eq!(
        server.seen()[1].header("authorization"),
        Some("Bearer token-1")
    );
    let asked = authority.seen();
    assert_eq!(asked.len(), 1);
    assert_eq!(asked[0].path, "/t/oauth2/token");
    let form = asked[0].text();
    assert!(form.contains("grant_type=client_credentials"), "{form}");
    assert!(
        form.contains("resource=https%3A%2F%2Fapi.example%2F"),
        "{form}"
    );
}

#[tokio::test]
async fn a_token_that_is_refused_fails_the_action_and_hides_the_secret() {
    let (authority, server) = (authority().await, Server::answering(200, &[], b"").await);
    let input = json!({"uri": server.url, "authentication": oauth(&authority, "s3cret-wrong")});
    let failed = http(input).await.unwrap_err();
    assert_eq!(
        (failed.code, failed.retryable),
        ("AuthorizationFailed", false)
    );
    assert!(failed.message.contains("401"), "{failed}");
    assert!(!failed.message.contains("s3cret"), "{failed}");
    assert!(server.seen().is_empty());
}

#[tokio::test]
async fn the_nodes_own_identity_is_used_where_it_has_one() {
    let (authority, server) = (authority().await, Server::answering(200, &[], b"").await);
    let input = json!({"uri": server.url, "authentication": {"type": "ManagedServiceIdentity"}});
    let failed = http(input.clone()).await.unwrap_err();
    assert_eq!(failed.code, "ConnectionNotConfigured");
    assert!(failed.message.contains("IDENTITY_ENDPOINT"), "{failed}");
    let endpoint = identity(format!("{}/msi/token", authority.url));
    let connector = connector_with(&["127.0.0.0/8"], endpoint, ScriptLimits::default());
    connector
        .call("workflow/http", &input.to_string(), &nothing())
        .await
        .unwrap();
    assert_eq!(
        server.seen()[0].header("authorization"),
        Some("Bearer token-1")
    );
    let path = authority.seen()[0].path.clone();
    assert!(
        path.starts_with("/msi/token?resource=http%3A%2F%2F127.0.0.1"),
        "{path}"
    );
    assert!(path.ends_with("&api-version=2019-08-01"), "{path}");
}

#[tokio::test]
async fn what_was_left_out_is_put_in_and_hidden_from_messages() {
    let server = Server::answering(200, &[], b"").await;
    let around = Surroundings {
        settings: settings(&[("pw", "pa55word"), ("host", "pa55word.invalid")]),
        ..nothing()
    };
    let connector = connector(&["127.0.0.0/8"]);
    let mut input = json!({
        "uri": server.url, "headers": {"plain": "@appsetting('pw')"},
        "authentication": {"type": "Raw", "value": null},
        "deferred": {
            "/authentication/value": "Key @{appsetting('pw')}",
            "/headers/x-key": "@appsetting('pw')",
        },
    });
    connector
        .call("workflow/http", &input.to_string(), &around)
        .await
        .unwrap();
    let seen = &server.seen()[0];
    assert_eq!(seen.header("authorization"), Some("Key pa55word"));
    assert_eq!(seen.header("x-key"), Some("pa55word"));
    assert_eq!(
        seen.header("plain"),
        Some("@appsetting('pw')"),
        "data stays data"
    );
    input["deferred"]["/uri"] = json!("http://@{appsetting('host')}:1/");
    let failed = connector
        .call("workflow/http", &input.to_string(), &around)
        .await
        .unwrap_err();
    assert!(!failed.message.contains("pa55word"), "{failed}");
}

#[tokio::test]
async fn an_authentication_of_no_use_says_what_there_is() {
    for (authentication, code) in [
        (json!({"type": "Kerberos"}), "NotSupported"),
        (json!({"type": "Raw"}), "BadRequest"),
        (
            json!({"type": "ClientCertificate", "pfx": "AAAA", "password": "x"}),
            "BadRequest",
        ),
        (
            json!({"type": "ActiveDirectoryOAuth", "tenant": "t"}),
            "BadRequest",
        ),
    ] {
        let input = json!({"uri": "http://127.0.0.1:1/", "authentication": authentication});
        let failed = http(input).await.unwrap_err();
        assert_eq!(failed.code, code, "{failed}");
    }
}
