//! Tenants and keys.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use weft_store::{KeyRecord, Role};

use crate::time::rfc3339;

#[derive(Serialize, ToSchema)]
pub(crate) struct TenantList {
    pub(crate) tenants: Vec<TenantView>,
}

#[derive(Serialize, ToSchema)]
pub(crate) struct TenantView {
    pub(crate) name: String,
}

#[derive(Serialize, ToSchema)]
pub(crate) struct KeyList {
    pub(crate) keys: Vec<KeyView>,
}

/// A key without its secret.
#[derive(Serialize, ToSchema)]
pub(crate) struct KeyView {
    id: String,
    role: &'static str,
    label: String,
    created_at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_at: Option<String>,
}

impl KeyView {
    pub(crate) fn new(record: KeyRecord) -> Self {
        Self {
            id: record.id.0,
            role: match record.role {
                Role::Reader => "reader",
                Role::Invoker => "invoker",
                Role::Deployer => "deployer",
                Role::Owner => "owner",
                Role::Operator => "operator",
            },
            label: record.label,
            created_at: rfc3339(record.created_at),
            expires_at: record.expires_at.map(rfc3339),
        }
    }
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewKeyBody {
    pub(crate) role: TenantRole,
    /// What a person calls it.
    #[serde(default)]
    pub(crate) label: String,
    /// RFC 3339; never where absent.
    #[serde(default)]
    pub(crate) expires_at: Option<String>,
}

/// A role within one tenant.
#[derive(Debug, Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum TenantRole {
    Reader,
    Invoker,
    Deployer,
    Owner,
}

impl From<TenantRole> for Role {
    fn from(role: TenantRole) -> Self {
        match role {
            TenantRole::Reader => Self::Reader,
            TenantRole::Invoker => Self::Invoker,
            TenantRole::Deployer => Self::Deployer,
            TenantRole::Owner => Self::Owner,
        }
    }
}

#[derive(Serialize, ToSchema)]
pub(crate) struct CreatedKey {
    /// The key itself: shown this once.
    pub(crate) key: String,
    #[serde(flatten)]
    pub(crate) record: KeyView,
}
