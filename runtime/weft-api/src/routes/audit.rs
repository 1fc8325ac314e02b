//! The audit log: for the owner of a tenant, and all of it for the operator.

use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use utoipa::IntoParams;
use weft_store::{AuditFilter, AuditSeq};

use crate::auth::{Own, Permission, TenantAccess};
use crate::model::{AuditEntryView, AuditList};
use crate::params::QueryParams;
use crate::{Api, Problem, time};

const PAGE_DEFAULT: u32 = 50;
const PAGE_MAX: u32 = 1000;

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct AuditQuery {
    /// At most this many, 1 to 1000 (default 50).
    limit: Option<u32>,
    /// `next` of the page before.
    after: Option<String>,
    /// RFC 3339, inclusive.
    from: Option<String>,
    /// Of all tenants; for the operator.
    #[serde(default)]
    all: bool,
}

/// Who managed what in a tenant, the newest first, in pages: with which key, what was done to what,
/// when, and what came of it. An entry without a status is under way, or its answer was lost in a
/// crash.
#[utoipa::path(
    get, path = "/audit", tag = "audit",
    params(AuditQuery), responses((status = 200, body = AuditList))
)]
pub(super) async fn list_audit(
    State(api): State<Api>,
    access: TenantAccess<Own>,
    QueryParams(query): QueryParams<AuditQuery>,
) -> Result<Json<AuditList>, Problem> {
    if query.all {
        access.caller.require(Permission::Operate)?;
    }
    let before = query.after.as_deref().map(str::parse).transpose();
    let before = before.map_err(|_| Problem::invalid("no page begins there"))?;
    let from = query.from.map(|text| time::parse("from", &text));
    let filter = AuditFilter {
        tenant: (!query.all).then_some(access.tenant),
        before: before.map(AuditSeq),
        from: from.transpose()?,
    };
    let limit = query.limit.unwrap_or(PAGE_DEFAULT).clamp(1, PAGE_MAX);
    let entries = api.store.audit(&filter, limit).await?;
    let full = entries.len() == limit as usize;
    let next = entries.last().filter(|_| full);
    Ok(Json(AuditList {
        next: next.map(|entry| entry.seq.0.to_string()),
        entries: entries.into_iter().map(AuditEntryView::new).collect(),
    }))
}
