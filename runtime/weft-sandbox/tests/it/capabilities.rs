//! What a function may reach: what it asks for, within what its tenant is granted.

use serde_json::json;
use weft_app::Grants;
use weft_id::Tenant;
use weft_orchestration::Payload;
use weft_sandbox::{ActivityCall, Invocation};

use crate::fixture::{Fixture, change};

const CANARY: &str = "canary-5d41402abc";

fn grants(value: serde_json::Value) -> Grants {
    Grants::from_json(&value).unwrap()
}

async fn run(fixture: &Fixture, call: Invocation, input: &str) -> String {
    let input = Payload::from(input);
    let ran = fixture
        .sandbox
        .activity(call, input, ActivityCall::direct());
    let result = ran.await.unwrap().result.unwrap();
    result.text().unwrap().to_owned()
}

#[tokio::test]
async fn a_store_is_reached_where_all_agree_and_no_longer() {
    let fixture = Fixture::new();
    let call = fixture.call("guest_activity", "store");
    assert!(run(&fixture, call.clone(), "5").await.starts_with("Ok("));
    let asking = |stores: serde_json::Value| {
        let capabilities = grants(json!({"key_value": stores}));
        change(call.clone(), |function| {
            function.capabilities = capabilities
        })
    };
    let denied = run(&fixture, asking(json!(["other"])), "5").await;
    assert!(denied.contains("AccessDenied"), "{denied}");
    let logs = fixture.logs().join("\n");
    assert!(
        logs.contains("the key-value store box is not among"),
        "{logs}"
    );
    assert!(
        run(&fixture, asking(json!(["bo*"])), "5")
            .await
            .starts_with("Ok(")
    );
    // The tenant loses it, although the function asks for it.
    let (metering, tenant) = (&fixture.world.metering, Tenant::default());
    metering.set_grants(&tenant, &grants(json!({"key_value": ["carts"]})));
    for call in [call.clone(), asking(json!(["box"]))] {
        let denied = run(&fixture, call, "5").await;
        assert!(denied.contains("AccessDenied"), "{denied}");
    }
    metering.set_grants(&tenant, &Grants::default());
    assert!(run(&fixture, call, "5").await.starts_with("Ok("));
}

#[tokio::test]
async fn a_container_is_reached_where_that_is_granted() {
    let fixture = Fixture::new();
    let call = fixture.call("guest_activity", "objects");
    let capabilities = grants(json!({"blob_containers": ["other"]}));
    let asks = change(call.clone(), |function| {
        function.capabilities = capabilities
    });
    let why = "the blob container box is not among";
    let denied = run(&fixture, asks, "5").await;
    assert!(denied.contains(why), "{denied}");
    let of_tenant = grants(json!({"blob_containers": ["carts"]}));
    let (metering, tenant) = (&fixture.world.metering, Tenant::default());
    metering.set_grants(&tenant, &of_tenant);
    let denied = run(&fixture, call.clone(), "5").await;
    assert!(denied.contains("box is not granted"), "{denied}");
    metering.set_grants(&tenant, &Grants::default());
    assert!(run(&fixture, call, "5").await.starts_with("Ok("));
}

#[tokio::test]
async fn functions_are_started_where_that_is_granted() {
    let fixture = Fixture::new();
    let call = fixture.call("guest_activity", "start");
    assert_eq!(run(&fixture, call.clone(), "5").await, "made");
    let capabilities = grants(json!({"functions": ["other"]}));
    let asks = change(call.clone(), |function| {
        function.capabilities = capabilities
    });
    let denied = run(&fixture, asks, "5").await;
    assert!(
        denied.contains("the function child is not among"),
        "{denied}"
    );
    let of_tenant = grants(json!({"functions": []}));
    fixture
        .world
        .metering
        .set_grants(&Tenant::default(), &of_tenant);
    let denied = run(&fixture, call, "5").await;
    assert!(
        denied.contains("the function child is not granted to the tenant"),
        "{denied}"
    );
}

#[tokio::test]
async fn a_secret_is_given_by_name_and_told_to_nobody_else() {
    let fixture = Fixture::new();
    let canary = ("COLOUR".to_owned(), CANARY.to_owned());
    fixture.world.secrets.lock().unwrap().extend([canary]);
    let call = fixture.call("guest_activity", "env");
    let none = run(&fixture, call.clone(), "null").await;
    assert!(none.starts_with("(None, Ok(None)"), "{none}");
    let asks = |name: &str| {
        let capabilities = grants(json!({"secrets": [name]}));
        change(call.clone(), |function| {
            function.capabilities = capabilities
        })
    };
    let none = run(&fixture, asks("OTHER"), "null").await;
    assert!(none.starts_with("(None, Ok(None)"), "{none}");
    // It reads it, and what it returns and would be recorded does not hold it.
    let read = run(&fixture, asks("COLOUR"), "null").await;
    assert!(
        read.contains("Ok(Some(") && read.contains("(hidden)"),
        "{read}"
    );
    assert!(!read.contains(CANARY), "{read}");
    let of_tenant = grants(json!({"secrets": []}));
    fixture
        .world
        .metering
        .set_grants(&Tenant::default(), &of_tenant);
    let none = run(&fixture, asks("COLOUR"), "null").await;
    assert!(none.starts_with("(None, Ok(None)"), "{none}");
    assert!(!fixture.logs().join("\n").contains(CANARY));
}
