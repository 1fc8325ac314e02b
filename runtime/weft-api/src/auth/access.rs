//! Extractors that let a handler run only when the caller may: a route cannot forget to ask,
//! since the app that it works on comes out of the check.

use std::marker::PhantomData;

use axum::extract::FromRequestParts;
use http::request::Parts;
use weft_id::{App, AppId, Tenant};

use super::caller::{Caller, Permission, authenticate};
use crate::params::PathParams;
use crate::{Api, Kind, Problem};

/// A permission as a type.
pub(crate) trait Needs: Send + Sync + 'static {
    const PERMISSION: Permission;
}

macro_rules! needs {
    ($($name:ident),*) => {$(
        pub(crate) struct $name;

        impl Needs for $name {
            const PERMISSION: Permission = Permission::$name;
        }
    )*};
}

needs!(Read, ReadInstances, Invoke, Deploy, Own, Operate);

/// The tenant that the request is for: the one in the path, else the caller's own (the operator's
/// own is `default`). A key for some apps only sees which of these there are, and no more of the
/// tenant.
pub(crate) struct TenantAccess<P> {
    pub(crate) caller: Caller,
    pub(crate) tenant: Tenant,
    pub(crate) path: PathParams,
    _needs: PhantomData<P>,
}

impl<P: Needs> FromRequestParts<Api> for TenantAccess<P> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, Problem> {
        let (caller, tenant, path) = tenant_of(parts, api).await?;
        caller.require(P::PERMISSION)?;
        if caller.apps.is_some() && P::PERMISSION != Permission::Read {
            return Err(Problem::new(
                Kind::Forbidden,
                "a key for some apps may not do this to their tenant",
            ));
        }
        Ok(Self {
            caller,
            tenant,
            path,
            _needs: PhantomData,
        })
    }
}

/// The app that the request is for.
pub(crate) struct AppAccess<P> {
    pub(crate) app: AppId,
    pub(crate) path: PathParams,
    _needs: PhantomData<P>,
}

impl<P: Needs> FromRequestParts<Api> for AppAccess<P> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, Problem> {
        let (caller, tenant, path) = tenant_of(parts, api).await?;
        let app: App = path.get("app")?;
        let app = AppId::new(tenant, app);
        if !caller.reaches_app(&app) {
            return Err(Problem::not_found(format!("app {}", app.app)));
        }
        caller.require(P::PERMISSION)?;
        Ok(Self {
            app,
            path,
            _needs: PhantomData,
        })
    }
}

async fn tenant_of(parts: &mut Parts, api: &Api) -> Result<(Caller, Tenant, PathParams), Problem> {
    let caller = identified(parts, api).await?;
    let path = PathParams::from_request_parts(parts, api).await?;
    let tenant = match path.find("tenant") {
        Some(name) => named_tenant(&caller, name, api).await?,
        None => caller.tenant.clone().unwrap_or_default(),
    };
    Ok((caller, tenant, path))
}

/// The node's operator, whoever it is that the path names.
pub(crate) struct OperatorAccess {
    pub(crate) path: PathParams,
}

impl FromRequestParts<Api> for OperatorAccess {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, Problem> {
        let caller = identified(parts, api).await?;
        caller.require(Permission::Operate)?;
        let path = PathParams::from_request_parts(parts, api).await?;
        Ok(Self { path })
    }
}

/// Who calls; asked for once in a request.
pub(crate) async fn identified(parts: &mut Parts, api: &Api) -> Result<Caller, Problem> {
    if let Some(caller) = parts.extensions.get::<Caller>() {
        return Ok(caller.clone());
    }
    let caller = authenticate(&*api.store, &parts.headers, &parts.uri, api.host.now()).await?;
    let caller = caller.ok_or_else(|| {
        Problem::new(
            Kind::Unauthenticated,
            "send a key as `Authorization: Bearer KEY`, `x-functions-key: KEY` or `?code=KEY`",
        )
    })?;
    // The operator is bounded by nobody's quota.
    if let Some(tenant) = &caller.tenant {
        api.host.admit(tenant)?;
    }
    parts.extensions.insert(caller.clone());
    Ok(caller)
}

/// A foreign tenant and an absent one give the same answer.
async fn named_tenant(caller: &Caller, name: &str, api: &Api) -> Result<Tenant, Problem> {
    let absent = || Problem::not_found(format!("tenant {name}"));
    let tenant: Tenant = name.parse().map_err(|_| absent())?;
    if !caller.reaches(&tenant) {
        return Err(absent());
    }
    let exists = caller.tenant.as_ref() == Some(&tenant) || api.store.has_tenant(&tenant).await?;
    if exists { Ok(tenant) } else { Err(absent()) }
}
