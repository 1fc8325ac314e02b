//! Keys of a tenant: for its owner and the operator.

use axum::extract::State;
use axum::{Extension, Json};
use http::StatusCode;
use weft_id::App;
use weft_store::{KeyId, KeyRecord};

use crate::audit::Made;
use crate::auth::{NewKey, Own, TenantAccess, create, rotate};
use crate::body::{JsonBody, OptionalJsonBody};
use crate::model::{CreatedKey, KeyList, KeyView, NewKeyBody, RotateBody};
use crate::{Api, Problem, time};

const LABEL_LEN_MAX: usize = 200;
const APPS_MAX: usize = 100;

/// The keys of a tenant without their secrets, oldest first.
#[utoipa::path(get, path = "/keys", tag = "keys", responses((status = 200, body = KeyList)))]
pub(super) async fn list_keys(
    State(api): State<Api>,
    access: TenantAccess<Own>,
) -> Result<Json<KeyList>, Problem> {
    let keys = api.store.keys(Some(&access.tenant)).await?;
    let keys = keys.into_iter().map(KeyView::new).collect();
    Ok(Json(KeyList { keys }))
}

/// Makes a key. The answer alone holds its secret.
#[utoipa::path(
    post, path = "/keys", tag = "keys",
    request_body = NewKeyBody, responses((status = 201, body = CreatedKey))
)]
pub(super) async fn create_key(
    State(api): State<Api>,
    access: TenantAccess<Own>,
    JsonBody(body): JsonBody<NewKeyBody>,
) -> Result<Created, Problem> {
    if body.label.chars().count() > LABEL_LEN_MAX || body.label.chars().any(char::is_control) {
        let detail = format!("a label has at most {LABEL_LEN_MAX} characters, none of control");
        return Err(Problem::invalid(detail));
    }
    let expires_at = body
        .expires_at
        .map(|text| time::parse("expires_at", &text))
        .transpose()?;
    let new = NewKey {
        tenant: Some(access.tenant),
        role: body.role.into(),
        apps: body.apps.map(|names| apps(&names)).transpose()?,
        label: body.label,
        expires_at,
    };
    let (record, key) = create(&*api.store, new, api.host.now()).await?;
    Ok(created(record, key))
}

type Created = (StatusCode, Extension<Made>, Json<CreatedKey>);

fn created(record: KeyRecord, key: String) -> Created {
    let made = Made(format!("key {}", record.id.0));
    let record = KeyView::new(record);
    let created = CreatedKey { key, record };
    (StatusCode::CREATED, Extension(made), Json(created))
}

fn apps(names: &[String]) -> Result<Vec<App>, Problem> {
    if names.is_empty() || names.len() > APPS_MAX {
        let detail = format!("a key is for 1 to {APPS_MAX} apps, or for all where none is named");
        return Err(Problem::invalid(detail).with("parameter", "apps"));
    }
    let apps = names.iter().map(|name| {
        let app: Result<App, weft_id::Error> = name.parse();
        app.map_err(|error| Problem::invalid(error.to_string()).with("parameter", "apps"))
    });
    apps.collect()
}

/// A key without its secret.
#[utoipa::path(get, path = "/keys/{key}", tag = "keys", responses((status = 200, body = KeyView)))]
pub(super) async fn show_key(
    State(api): State<Api>,
    access: TenantAccess<Own>,
) -> Result<Json<KeyView>, Problem> {
    Ok(Json(KeyView::new(find(&api, &access).await?)))
}

/// Makes a key in place of another one, for the same role and apps and as long as that was to last.
/// The old one stops working, at once or after a while. The answer alone holds the secret.
#[utoipa::path(
    post, path = "/keys/{key}/rotate", tag = "keys",
    request_body = RotateBody, responses((status = 201, body = CreatedKey))
)]
pub(super) async fn rotate_key(
    State(api): State<Api>,
    access: TenantAccess<Own>,
    OptionalJsonBody(body): OptionalJsonBody<RotateBody>,
) -> Result<Created, Problem> {
    let old = find(&api, &access).await?;
    let (id, now) = (old.id.clone(), api.host.now());
    let until = now.plus_millis(u64::from(body.grace_s) * 1000);
    let rotated = rotate(&*api.store, old, until, now).await;
    let (record, key) = rotated.map_err(|error| match error {
        weft_store::Error::NotFound => absent(&id),
        error => error.into(),
    })?;
    Ok(created(record, key))
}

/// Deletes a key; it stops working at once.
#[utoipa::path(delete, path = "/keys/{key}", tag = "keys", responses((status = 204)))]
pub(super) async fn delete_key(
    State(api): State<Api>,
    access: TenantAccess<Own>,
) -> Result<StatusCode, Problem> {
    let id = find(&api, &access).await?.id;
    api.store
        .delete_key(&id)
        .await
        .map_err(|error| match error {
            weft_store::Error::NotFound => absent(&id),
            error => error.into(),
        })?;
    Ok(StatusCode::NO_CONTENT)
}

/// A key of another tenant is as absent as one that never was.
async fn find(api: &Api, access: &TenantAccess<Own>) -> Result<KeyRecord, Problem> {
    let id = KeyId(access.path.get("key")?);
    let record = api.store.key(&id).await?;
    record
        .filter(|record| record.tenant.as_ref() == Some(&access.tenant))
        .ok_or_else(|| absent(&id))
}

fn absent(id: &KeyId) -> Problem {
    Problem::not_found(format!("key {}", id.0))
}
