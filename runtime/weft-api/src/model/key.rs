//! Keys.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use weft_store::{KeyRecord, Role};

use crate::time::rfc3339;

#[derive(Serialize, ToSchema)]
pub(crate) struct KeyList {
    pub(crate) keys: Vec<KeyView>,
}

/// A key without its secret.
#[derive(Serialize, ToSchema)]
pub(crate) struct KeyView {
    id: String,
    role: &'static str,
    /// The apps that it is for; absent for all of its tenant.
    #[serde(skip_serializing_if = "Option::is_none")]
    apps: Option<Vec<String>>,
    label: String,
    created_at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_at: Option<String>,
}

impl KeyView {
    pub(crate) fn new(record: KeyRecord) -> Self {
        Self {
            id: record.id.0,
            role: role_name(record.role),
            apps: record
                .apps
                .map(|apps| apps.iter().map(ToString::to_string).collect()),
            label: record.label,
            created_at: rfc3339(record.created_at),
            expires_at: record.expires_at.map(rfc3339),
        }
    }
}

pub(crate) fn role_name(role: Role) -> &'static str {
    match role {
        Role::Reader => "reader",
        Role::Invoker => "invoker",
        Role::Deployer => "deployer",
        Role::Owner => "owner",
        Role::Operator => "operator",
    }
}

#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RotateBody {
    /// Seconds for which the old key works on (default 0: it stops at once).
    #[serde(default)]
    pub(crate) grace_s: u32,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewKeyBody {
    pub(crate) role: TenantRole,
    /// The apps that it is for; all of the tenant where absent.
    #[serde(default)]
    pub(crate) apps: Option<Vec<String>>,
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
