//! Components over which the node has failed again and again, and letting them run again.

use axum::Json;
use axum::extract::State;
use http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;
use weft_store::Digest;

use crate::auth::{Operate, Read, TenantAccess};
use crate::model::QuarantineView;
use crate::{Api, Problem};

#[derive(Serialize, ToSchema)]
pub(super) struct QuarantineList {
    quarantined: Vec<QuarantineView>,
}

/// The components of a tenant that this node does not run, or compile, since it failed over them.
#[utoipa::path(
    get, path = "/quarantine", tag = "components",
    responses((status = 200, body = QuarantineList))
)]
pub(super) async fn list_quarantined(
    State(api): State<Api>,
    access: TenantAccess<Read>,
) -> Result<Json<QuarantineList>, Problem> {
    let found = api.host.quarantined(&access.tenant);
    let mut quarantined: Vec<_> = found.into_iter().map(QuarantineView::new).collect();
    quarantined.sort_by(|a, b| a.digest.cmp(&b.digest));
    Ok(Json(QuarantineList { quarantined }))
}

/// Lets a component run again. For operators: a defect of the node is behind it.
#[utoipa::path(
    delete, path = "/quarantine/{digest}", tag = "components",
    responses((status = 204))
)]
pub(super) async fn release_component(
    State(api): State<Api>,
    access: TenantAccess<Operate>,
) -> Result<StatusCode, Problem> {
    let digest: Digest = access.path.get("digest")?;
    match api.host.release(&access.tenant, &digest) {
        true => Ok(StatusCode::NO_CONTENT),
        false => Err(Problem::not_found(format!(
            "quarantined component {digest}"
        ))),
    }
}
