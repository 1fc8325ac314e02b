//! A caller and the role of the key that was presented.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, Uri, header};
use weft_app::Auth;
use weft_id::{App, AppId, Tenant};
use weft_orchestration::Timestamp;
use weft_store::{KeyId, Role, Store};

use super::key;
use crate::params::query_value;
use crate::{Kind, Problem};

/// The holder of a genuine key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// Tells whose key it was.
    pub key: KeyId,
    /// `None` for the node's operator.
    pub tenant: Option<Tenant>,
    pub role: Role,
    /// The apps that the key is for; `None` for all of its tenant.
    pub apps: Option<Arc<[App]>>,
}

/// What a route needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Permission {
    /// See what is deployed, and logs.
    Read,
    /// See instances.
    ReadInstances,
    /// Call functions, start and manage instances.
    Invoke,
    /// Change what is deployed.
    Deploy,
    /// Manage the keys of a tenant.
    Own,
    /// Manage tenants.
    Operate,
}

impl Caller {
    /// Whether the role allows it, within the tenant that the caller may act for.
    #[must_use]
    pub fn may(&self, permission: Permission) -> bool {
        use Permission as P;
        match self.role {
            Role::Reader => matches!(permission, P::Read | P::ReadInstances),
            Role::Invoker => matches!(permission, P::Invoke | P::ReadInstances),
            Role::Deployer => !matches!(permission, P::Own | P::Operate),
            Role::Owner => permission != P::Operate,
            Role::Operator => true,
        }
    }

    /// Whether the caller may act for the tenant at all; if not, all of it is absent to them.
    #[must_use]
    pub fn reaches(&self, tenant: &Tenant) -> bool {
        match self.role {
            Role::Operator => true,
            Role::Reader | Role::Invoker | Role::Deployer | Role::Owner => {
                self.tenant.as_ref() == Some(tenant)
            }
        }
    }

    /// Whether the caller may act for the app; if not, it is absent to them.
    #[must_use]
    pub fn reaches_app(&self, app: &AppId) -> bool {
        let named = |apps: &Arc<[App]>| apps.contains(&app.app);
        self.reaches(&app.tenant) && self.apps.as_ref().is_none_or(named)
    }

    /// # Errors
    /// [`Kind::Forbidden`].
    pub fn require(&self, permission: Permission) -> Result<(), Problem> {
        if self.may(permission) {
            return Ok(());
        }
        let role = format!("{:?}", self.role).to_lowercase();
        Err(Problem::new(
            Kind::Forbidden,
            format!("a key of the role {role} may not do this"),
        ))
    }

    /// Whether an HTTP function of the app with this setting answers the caller.
    #[must_use]
    pub fn may_call(&self, app: &AppId, auth: Auth) -> bool {
        let allowed = match auth {
            Auth::Anonymous => true,
            Auth::Function => self.may(Permission::Invoke),
            Auth::Admin => self.may(Permission::Own),
        };
        allowed && self.reaches_app(app)
    }
}

/// Finds out who calls by `Authorization: Bearer`, `x-functions-key` or `?code=`, in this order.
/// `None` when no key was presented.
///
/// # Errors
/// [`Kind::Unauthenticated`] for a key that is not genuine or has expired, and the store's.
pub async fn authenticate(
    store: &dyn Store,
    headers: &HeaderMap,
    uri: &Uri,
    now: Timestamp,
) -> Result<Option<Caller>, Problem> {
    match presented(headers, uri) {
        Some(presented) => verified(store, &presented, now).await,
        None => Ok(None),
    }
}

/// Finds out who calls by the password of `Authorization: Basic`, which is what becomes of a key in
/// the user information of a URL. Only for paths that no guest answers: to guests that header is
/// their own business.
///
/// # Errors
/// As [`authenticate`].
pub(crate) async fn authenticate_basic(
    store: &dyn Store,
    headers: &HeaderMap,
    now: Timestamp,
) -> Result<Option<Caller>, Problem> {
    match password(headers) {
        Some(password) => verified(store, &password, now).await,
        None => Ok(None),
    }
}

fn password(headers: &HeaderMap) -> Option<String> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, encoded) = value.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let decoded = STANDARD.decode(encoded.trim()).ok()?;
    let (_, password) = std::str::from_utf8(&decoded).ok()?.split_once(':')?;
    (!password.is_empty()).then(|| password.to_owned())
}

async fn verified(
    store: &dyn Store,
    presented: &str,
    now: Timestamp,
) -> Result<Option<Caller>, Problem> {
    match key::verify(store, presented, now).await? {
        Some(record) => Ok(Some(Caller {
            key: record.id,
            tenant: record.tenant,
            role: record.role,
            apps: record.apps.map(Arc::from),
        })),
        None => Err(Problem::new(
            Kind::Unauthenticated,
            "the key is unknown or has expired",
        )),
    }
}

fn presented(headers: &HeaderMap, uri: &Uri) -> Option<String> {
    let bearer = headers.get(header::AUTHORIZATION).and_then(|value| {
        let (scheme, key) = value.to_str().ok()?.split_once(' ')?;
        scheme
            .eq_ignore_ascii_case("bearer")
            .then(|| key.trim().to_owned())
    });
    bearer
        .or_else(|| {
            let value = headers.get("x-functions-key")?;
            Some(value.to_str().ok()?.to_owned())
        })
        .or_else(|| query_value(uri, "code"))
        .filter(|key| !key.is_empty())
}
