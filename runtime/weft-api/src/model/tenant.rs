//! Tenants: usage and the audit log.

use serde::Serialize;
use utoipa::ToSchema;
use weft_app::Quota;
use weft_id::Tenant;
use weft_store::AuditEntry;

use crate::time::rfc3339;
use crate::{FunctionUsage, Kept, TenantUsage, Used};

#[derive(Serialize, ToSchema)]
pub(crate) struct TenantList {
    pub(crate) tenants: Vec<TenantView>,
}

#[derive(Serialize, ToSchema)]
pub(crate) struct TenantView {
    pub(crate) name: String,
}

#[derive(Serialize, ToSchema)]
pub(crate) struct UsageView {
    tenant: String,
    /// When counting began: the start of the node.
    since: String,
    /// What bounds the tenant, defaults of the node included.
    #[schema(value_type = Object)]
    quota: Quota,
    /// What was used since then.
    #[serde(flatten)]
    total: Used,
    /// Calls that run now.
    running: u64,
    /// Linear memory of all instances now.
    memory_bytes: u64,
    /// What is kept now.
    #[serde(flatten)]
    kept: Kept,
    /// Functions that were called since then.
    by_function: Vec<FunctionUsageView>,
}

#[derive(Serialize, ToSchema)]
struct FunctionUsageView {
    app: String,
    function: String,
    #[serde(flatten)]
    used: Used,
}

impl UsageView {
    pub(crate) fn new(tenant: &Tenant, usage: TenantUsage) -> Self {
        let view = |FunctionUsage {
                        app,
                        function,
                        used,
                    }| FunctionUsageView {
            app: app.to_string(),
            function: function.to_string(),
            used,
        };
        Self {
            tenant: tenant.to_string(),
            since: rfc3339(usage.since),
            quota: usage.quota,
            total: usage.total,
            running: usage.running,
            memory_bytes: usage.memory_bytes,
            kept: usage.kept,
            by_function: usage.by_function.into_iter().map(view).collect(),
        }
    }
}

#[derive(Serialize, ToSchema)]
pub(crate) struct AuditList {
    pub(crate) entries: Vec<AuditEntryView>,
    /// Where the next page begins; absent at the end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) next: Option<String>,
}

/// One action of management.
#[derive(Serialize, ToSchema)]
pub(crate) struct AuditEntryView {
    seq: i64,
    at: String,
    /// Absent for the node as a whole.
    #[serde(skip_serializing_if = "Option::is_none")]
    tenant: Option<String>,
    /// The public part of the key; absent where the node itself acted.
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<String>,
    role: &'static str,
    /// A verb and a noun: `put secret`.
    action: String,
    /// What it was done to, below `/admin/v1/`.
    target: String,
    /// As the caller was answered.
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<u16>,
    /// The kind of problem, or what was made.
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<String>,
}

impl AuditEntryView {
    pub(crate) fn new(entry: AuditEntry) -> Self {
        let (status, detail) = match entry.outcome {
            Some(outcome) => (Some(outcome.status), outcome.detail),
            None => (None, None),
        };
        Self {
            seq: entry.seq.0,
            at: rfc3339(entry.of.at),
            tenant: entry.of.tenant.map(|tenant| tenant.to_string()),
            key: entry.of.key.map(|key| key.0),
            role: super::key::role_name(entry.of.role),
            action: entry.of.action,
            target: entry.of.target,
            status,
            detail,
        }
    }
}
