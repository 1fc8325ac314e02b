//! What a tenant uses, beside what it may.

use axum::Json;
use axum::extract::State;

use crate::auth::{Read, TenantAccess};
use crate::model::UsageView;
use crate::{Api, Problem};

/// What a tenant uses and keeps, in all and by function, beside its quota. What is used is counted
/// from the start of the node; what is kept is counted now.
#[utoipa::path(get, path = "/usage", tag = "usage", responses((status = 200, body = UsageView)))]
pub(super) async fn show_usage(
    State(api): State<Api>,
    access: TenantAccess<Read>,
) -> Result<Json<UsageView>, Problem> {
    let mut usage = api.host.usage(&access.tenant).await?;
    if let Some(apps) = &access.caller.apps {
        usage.by_function.retain(|used| apps.contains(&used.app));
    }
    Ok(Json(UsageView::new(&access.tenant, usage)))
}
