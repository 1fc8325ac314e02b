//! Tenants: the operator's business.

use axum::Json;
use axum::extract::State;
use http::StatusCode;
use weft_id::Tenant;

use crate::auth::OperatorAccess;
use crate::model::{TenantList, TenantView};
use crate::{Api, Problem};

/// All tenants, by name.
#[utoipa::path(get, path = "/tenants", tag = "tenants", responses((status = 200, body = TenantList)))]
pub(super) async fn list_tenants(
    State(api): State<Api>,
    _: OperatorAccess,
) -> Result<Json<TenantList>, Problem> {
    let tenants = api.store.tenants().await?.into_iter();
    let tenants = tenants
        .map(|tenant| TenantView {
            name: tenant.to_string(),
        })
        .collect();
    Ok(Json(TenantList { tenants }))
}

/// A tenant.
#[utoipa::path(
    get, path = "/tenants/{tenant}", tag = "tenants",
    responses((status = 200, body = TenantView))
)]
pub(super) async fn show_tenant(
    State(api): State<Api>,
    access: OperatorAccess,
) -> Result<Json<TenantView>, Problem> {
    let tenant: Tenant = access.path.get("tenant")?;
    if !api.store.has_tenant(&tenant).await? {
        return Err(Problem::not_found(format!("tenant {tenant}")));
    }
    let name = tenant.to_string();
    Ok(Json(TenantView { name }))
}

/// Adds a tenant; adding one that exists changes nothing.
#[utoipa::path(
    put, path = "/tenants/{tenant}", tag = "tenants",
    responses((status = 201, body = TenantView))
)]
pub(super) async fn put_tenant(
    State(api): State<Api>,
    access: OperatorAccess,
) -> Result<(StatusCode, Json<TenantView>), Problem> {
    let tenant: Tenant = access.path.get("tenant")?;
    api.store.put_tenant(&tenant, api.host.now()).await?;
    let name = tenant.to_string();
    Ok((StatusCode::CREATED, Json(TenantView { name })))
}

/// Removes a tenant with its keys, its apps and all that they keep. Of the tenant `default` the name
/// stays.
#[utoipa::path(
    delete, path = "/tenants/{tenant}", tag = "tenants",
    responses((status = 204))
)]
pub(super) async fn delete_tenant(
    State(api): State<Api>,
    access: OperatorAccess,
) -> Result<StatusCode, Problem> {
    let tenant: Tenant = access.path.get("tenant")?;
    let apps = api.store.apps(&tenant).await?;
    api.store
        .delete_tenant(&tenant)
        .await
        .map_err(|error| match error {
            weft_store::Error::NotFound => Problem::not_found(format!("tenant {tenant}")),
            error => error.into(),
        })?;
    for app in apps {
        api.host.deployed(&app).await;
        api.logs.forget(&app);
    }
    api.host.terms_changed(&tenant).await?;
    Ok(StatusCode::NO_CONTENT)
}
