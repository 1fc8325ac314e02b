//! What a tenant may reach: its readers see it, the operator sets it.

use axum::Json;
use axum::extract::State;
use http::StatusCode;
use serde_json::Value;
use weft_app::Grants;
use weft_id::Tenant;
use weft_orchestration::Payload;
use weft_store::SetTerms;

use crate::auth::{Operate, Read, TenantAccess};
use crate::body::JsonBody;
use crate::{Api, Kind, Problem};

/// What a tenant is granted; a kind that is absent is open as far as the policy of the operator
/// goes.
#[utoipa::path(
    get, path = "/grants", tag = "tenants",
    responses((status = 200, body = ref("#/components/schemas/Grants")))
)]
pub(super) async fn show_grants(
    State(api): State<Api>,
    access: TenantAccess<Read>,
) -> Result<Json<Grants>, Problem> {
    Ok(Json(own(&api, &access.tenant).await?))
}

/// Grants a tenant what it may reach, in place of what it was granted before. It holds at once, at
/// every use.
#[utoipa::path(
    put, path = "/grants", tag = "tenants",
    request_body(content = ref("#/components/schemas/Grants")),
    responses((status = 200, body = ref("#/components/schemas/Grants")))
)]
pub(super) async fn put_grants(
    State(api): State<Api>,
    access: TenantAccess<Operate>,
    JsonBody(grants): JsonBody<Value>,
) -> Result<Json<Grants>, Problem> {
    let grants = Grants::from_json(&grants);
    let grants = grants.map_err(|faults| Problem::faults(Kind::InvalidDocument, &faults))?;
    set(&api, &access.tenant, Some(&grants)).await?;
    Ok(Json(grants))
}

/// Takes the grants of a tenant back: the policy of the operator alone holds.
#[utoipa::path(delete, path = "/grants", tag = "tenants", responses((status = 204)))]
pub(super) async fn delete_grants(
    State(api): State<Api>,
    access: TenantAccess<Operate>,
) -> Result<StatusCode, Problem> {
    set(&api, &access.tenant, None).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn own(api: &Api, tenant: &Tenant) -> Result<Grants, Problem> {
    let terms = api.store.terms().await?;
    let own = terms.into_iter().find(|(of, _)| of == tenant);
    let grants = own.and_then(|(_, terms)| terms.grants);
    let Some(grants) = grants else {
        return Ok(Grants::default());
    };
    serde_json::from_str(grants.text().unwrap_or_default()).map_err(Problem::internal)
}

async fn set(api: &Api, tenant: &Tenant, grants: Option<&Grants>) -> Result<(), Problem> {
    let grants = grants.map(|grants| Payload::from(grants.to_json()));
    api.store
        .set_terms(tenant, SetTerms::Grants(grants))
        .await
        .map_err(|error| match error {
            weft_store::Error::NotFound => Problem::not_found(format!("tenant {tenant}")),
            error => error.into(),
        })?;
    Ok(api.host.terms_changed(tenant).await?)
}
