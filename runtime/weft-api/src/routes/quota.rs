//! How much a tenant may use: its readers see it, the operator sets it.

use axum::Json;
use axum::extract::State;
use http::StatusCode;
use serde_json::Value;
use weft_app::Quota;
use weft_id::Tenant;
use weft_orchestration::Payload;
use weft_store::SetTerms;

use crate::auth::{Operate, Read, TenantAccess};
use crate::body::JsonBody;
use crate::{Api, Kind, Problem};

/// The quota that was set for a tenant; what is absent is bounded by the default of the node, where
/// that has one.
#[utoipa::path(
    get, path = "/quota", tag = "tenants",
    responses((status = 200, body = ref("#/components/schemas/Quota")))
)]
pub(super) async fn show_quota(
    State(api): State<Api>,
    access: TenantAccess<Read>,
) -> Result<Json<Quota>, Problem> {
    Ok(Json(own(&api, &access.tenant).await?))
}

/// Sets the quota of a tenant in place of the one before. It holds at once; what is there already
/// stays.
#[utoipa::path(
    put, path = "/quota", tag = "tenants",
    request_body(content = ref("#/components/schemas/Quota")),
    responses((status = 200, body = ref("#/components/schemas/Quota")))
)]
pub(super) async fn put_quota(
    State(api): State<Api>,
    access: TenantAccess<Operate>,
    JsonBody(quota): JsonBody<Value>,
) -> Result<Json<Quota>, Problem> {
    let quota = Quota::from_json(&quota);
    let quota = quota.map_err(|faults| Problem::faults(Kind::InvalidDocument, &faults))?;
    set(&api, &access.tenant, Some(quota)).await?;
    Ok(Json(quota))
}

/// Takes the quota of a tenant back: the default of the node holds.
#[utoipa::path(delete, path = "/quota", tag = "tenants", responses((status = 204)))]
pub(super) async fn delete_quota(
    State(api): State<Api>,
    access: TenantAccess<Operate>,
) -> Result<StatusCode, Problem> {
    set(&api, &access.tenant, None).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn own(api: &Api, tenant: &Tenant) -> Result<Quota, Problem> {
    let terms = api.store.terms().await?;
    let own = terms.into_iter().find(|(of, _)| of == tenant);
    let quota = own.and_then(|(_, terms)| terms.quota);
    let Some(quota) = quota else {
        return Ok(Quota::default());
    };
    serde_json::from_str(quota.text().unwrap_or_default()).map_err(Problem::internal)
}

async fn set(api: &Api, tenant: &Tenant, quota: Option<Quota>) -> Result<(), Problem> {
    let quota = quota.map(|quota| Payload::from(quota.to_json()));
    api.store
        .set_terms(tenant, SetTerms::Quota(quota))
        .await
        .map_err(|error| match error {
            weft_store::Error::NotFound => Problem::not_found(format!("tenant {tenant}")),
            error => error.into(),
        })?;
    Ok(api.host.terms_changed(tenant).await?)
}
