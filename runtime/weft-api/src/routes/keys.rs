//! Keys of a tenant: for its owner and the operator.

use axum::Json;
use axum::extract::State;
use http::StatusCode;
use weft_store::KeyId;

use crate::auth::{NewKey, Own, TenantAccess, create};
use crate::body::JsonBody;
use crate::model::{CreatedKey, KeyList, KeyView, NewKeyBody};
use crate::{Api, Problem, time};

const LABEL_LEN_MAX: usize = 200;

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
) -> Result<(StatusCode, Json<CreatedKey>), Problem> {
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
        label: body.label,
        expires_at,
    };
    let (record, key) = create(&*api.store, new, api.host.now()).await?;
    let record = KeyView::new(record);
    Ok((StatusCode::CREATED, Json(CreatedKey { key, record })))
}

/// Deletes a key; it stops working at once.
#[utoipa::path(delete, path = "/keys/{key}", tag = "keys", responses((status = 204)))]
pub(super) async fn delete_key(
    State(api): State<Api>,
    access: TenantAccess<Own>,
) -> Result<StatusCode, Problem> {
    let id = KeyId(access.path.get("key")?);
    let absent = || Problem::not_found(format!("key {}", id.0));
    let record = api.store.key(&id).await?;
    // A key of another tenant is as absent as one that never was.
    if record.is_none_or(|record| record.tenant.as_ref() != Some(&access.tenant)) {
        return Err(absent());
    }
    api.store
        .delete_key(&id)
        .await
        .map_err(|error| match error {
            weft_store::Error::NotFound => absent(),
            error => error.into(),
        })?;
    Ok(StatusCode::NO_CONTENT)
}
