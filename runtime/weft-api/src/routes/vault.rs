//! Secrets and connections of an app: written, listed, removed; secrets are never read back.

use axum::Json;
use axum::extract::State;
use http::StatusCode;
use weft_id::AppId;
use weft_store::{Sealed, SealedKind};

use crate::auth::{AppAccess, Deploy, Read};
use crate::body::JsonBody;
use crate::model::{
    ConnectionBody, ConnectionList, ConnectionView, SecretBody, SecretList, SecretView,
};
use crate::params::PathParams;
use crate::{Api, Problem};

const SECRET_BYTES_MAX: usize = 64 << 10;

/// The names of an app's secrets.
#[utoipa::path(
    get, path = "/apps/{app}/secrets", tag = "secrets",
    responses((status = 200, body = SecretList))
)]
pub(super) async fn list_secrets(
    State(api): State<Api>,
    access: AppAccess<Read>,
) -> Result<Json<SecretList>, Problem> {
    let sealed = api.store.sealed(&access.app, SealedKind::Secret).await?;
    let secrets = sealed.iter().map(SecretView::new).collect();
    Ok(Json(SecretList { secrets }))
}

/// When a secret was written. Its value is never answered.
#[utoipa::path(
    get, path = "/apps/{app}/secrets/{secret}", tag = "secrets",
    responses((status = 200, body = SecretView))
)]
pub(super) async fn show_secret(
    State(api): State<Api>,
    access: AppAccess<Read>,
) -> Result<Json<SecretView>, Problem> {
    let sealed = find(&api, &access.app, SealedKind::Secret, &access.path).await?;
    Ok(Json(SecretView::new(&sealed)))
}

/// Keeps a secret, encrypted. Workflows read it with `appsetting('NAME')` where their own settings
/// have no such name.
#[utoipa::path(
    put, path = "/apps/{app}/secrets/{secret}", tag = "secrets",
    request_body = SecretBody,
    responses(
        (status = 201, body = SecretView, description = "It is new."),
        (status = 200, body = SecretView, description = "It was there.")
    )
)]
pub(super) async fn put_secret(
    State(api): State<Api>,
    access: AppAccess<Deploy>,
    JsonBody(body): JsonBody<SecretBody>,
) -> Result<(StatusCode, Json<SecretView>), Problem> {
    if body.value.len() > SECRET_BYTES_MAX {
        return Err(Problem::invalid(format!(
            "a secret is limited to {SECRET_BYTES_MAX} bytes"
        )));
    }
    let kind = SealedKind::Secret;
    let (status, sealed) = put(&api, &access.app, kind, &access.path, &body.value).await?;
    Ok((status, Json(SecretView::new(&sealed))))
}

/// Removes a secret.
#[utoipa::path(
    delete, path = "/apps/{app}/secrets/{secret}", tag = "secrets",
    responses((status = 204))
)]
pub(super) async fn delete_secret(
    State(api): State<Api>,
    access: AppAccess<Deploy>,
) -> Result<StatusCode, Problem> {
    delete(&api, &access.app, SealedKind::Secret, &access.path).await
}

/// The connections of an app, without what is secret in them.
#[utoipa::path(
    get, path = "/apps/{app}/connections", tag = "connections",
    responses((status = 200, body = ConnectionList))
)]
pub(super) async fn list_connections(
    State(api): State<Api>,
    access: AppAccess<Read>,
) -> Result<Json<ConnectionList>, Problem> {
    let all = api
        .store
        .sealed(&access.app, SealedKind::Connection)
        .await?;
    let views = all.iter().map(|sealed| view(&api, &access.app, sealed));
    let connections = views.collect::<Result<_, _>>()?;
    Ok(Json(ConnectionList { connections }))
}

/// A connection, without what is secret in it.
#[utoipa::path(
    get, path = "/apps/{app}/connections/{connection}", tag = "connections",
    responses((status = 200, body = ConnectionView))
)]
pub(super) async fn show_connection(
    State(api): State<Api>,
    access: AppAccess<Read>,
) -> Result<Json<ConnectionView>, Problem> {
    let sealed = find(&api, &access.app, SealedKind::Connection, &access.path).await?;
    Ok(Json(view(&api, &access.app, &sealed)?))
}

/// Keeps a connection, encrypted. It comes before a connection of the same name that a workflow
/// brings along.
#[utoipa::path(
    put, path = "/apps/{app}/connections/{connection}", tag = "connections",
    request_body = ConnectionBody,
    responses(
        (status = 201, body = ConnectionView, description = "It is new."),
        (status = 200, body = ConnectionView, description = "It was there.")
    )
)]
pub(super) async fn put_connection(
    State(api): State<Api>,
    access: AppAccess<Deploy>,
    JsonBody(body): JsonBody<ConnectionBody>,
) -> Result<(StatusCode, Json<ConnectionView>), Problem> {
    match (&body.url, &body.component) {
        (Some(url), None) if is_address(url) => {}
        (None, Some(component)) => {
            let name: Result<weft_id::Function, _> = component.parse();
            name.map_err(|error| {
                Problem::invalid(error.to_string()).with("parameter", "component")
            })?;
        }
        (Some(url), None) => {
            return Err(Problem::invalid(format!("{url:?} is no http or https URL"))
                .with("parameter", "url"));
        }
        (Some(_), Some(_)) | (None, None) => {
            return Err(Problem::invalid(
                "a connection has a `url` or a `component`",
            ));
        }
    }
    let objects = [&body.authentication, &body.headers];
    if objects
        .into_iter()
        .flatten()
        .any(|value| !value.is_object())
    {
        return Err(Problem::invalid(
            "`authentication` and `headers` are objects",
        ));
    }
    let text = serde_json::to_string(&body).map_err(Problem::internal)?;
    let kind = SealedKind::Connection;
    let (status, sealed) = put(&api, &access.app, kind, &access.path, &text).await?;
    Ok((status, Json(ConnectionView::new(&sealed, body))))
}

/// Removes a connection.
#[utoipa::path(
    delete, path = "/apps/{app}/connections/{connection}", tag = "connections",
    responses((status = 204))
)]
pub(super) async fn delete_connection(
    State(api): State<Api>,
    access: AppAccess<Deploy>,
) -> Result<StatusCode, Problem> {
    delete(&api, &access.app, SealedKind::Connection, &access.path).await
}

/// A URL, or a template of one.
fn is_address(text: &str) -> bool {
    text.starts_with('@') || text.starts_with("http://") || text.starts_with("https://")
}

/// As workflows name them: more than the names of functions may have.
fn name(path: &PathParams, kind: SealedKind) -> Result<String, Problem> {
    let name = path
        .find(kind.as_str())
        .expect("the route has this parameter");
    let fits = |c: char| c.is_ascii_alphanumeric() || "_-.:".contains(c);
    if name.is_empty() || name.len() > 127 || !name.chars().all(fits) {
        let detail = format!(
            "{name:?} is no name: 1 to 127 letters, digits and '_', '-', '.', ':' are possible"
        );
        return Err(Problem::invalid(detail).with("parameter", kind.as_str()));
    }
    Ok(name.to_owned())
}

async fn put(
    api: &Api,
    app: &AppId,
    kind: SealedKind,
    path: &PathParams,
    plain: &str,
) -> Result<(StatusCode, Sealed), Problem> {
    let name = name(path, kind)?;
    let sealed = Sealed {
        value: api.host.seal(app, kind, &name, plain),
        updated_at: api.host.now(),
        name,
    };
    let new = api.store.put_sealed(app, kind, sealed.clone()).await?;
    api.host.sealed_changed(app);
    let status = if new {
        StatusCode::CREATED
    } else {
        StatusCode::OK
    };
    Ok((status, sealed))
}

async fn find(
    api: &Api,
    app: &AppId,
    kind: SealedKind,
    path: &PathParams,
) -> Result<Sealed, Problem> {
    let name = name(path, kind)?;
    let all = api.store.sealed(app, kind).await?;
    let found = all.into_iter().find(|sealed| sealed.name == name);
    found.ok_or_else(|| absent(kind, &name))
}

async fn delete(
    api: &Api,
    app: &AppId,
    kind: SealedKind,
    path: &PathParams,
) -> Result<StatusCode, Problem> {
    let name = name(path, kind)?;
    let deleted = api.store.delete_sealed(app, kind, &name).await;
    deleted.map_err(|error| match error {
        weft_store::Error::NotFound => absent(kind, &name),
        error => error.into(),
    })?;
    api.host.sealed_changed(app);
    Ok(StatusCode::NO_CONTENT)
}

fn absent(kind: SealedKind, name: &str) -> Problem {
    Problem::not_found(format!("{} {name}", kind.as_str()))
}

fn view(api: &Api, app: &AppId, sealed: &Sealed) -> Result<ConnectionView, Problem> {
    let text = api.host.unseal(app, SealedKind::Connection, sealed);
    let text = text.map_err(Problem::internal)?;
    let body = serde_json::from_str(&text).map_err(Problem::internal)?;
    Ok(ConnectionView::new(sealed, body))
}
