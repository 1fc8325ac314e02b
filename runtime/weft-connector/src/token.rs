//! Tokens of OAuth 2: asked for with a client's secret or with the node's own identity, and used
//! until shortly before they end.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use http::{Method, Request, Uri};
use sha2::{Digest as _, Sha256};
use url::Url;
use url::form_urlencoded::Serializer;
use weft_sandbox::OutboundOptions;
use weft_workflow::value::Value;

use crate::answer::Answer;
use crate::request::text;
use crate::{Connector, Failed};

const AUTHORITY: &str = "https://login.microsoftonline.com";
const TIMEOUT: Duration = Duration::from_secs(30);
const TOKEN_BYTES_MAX: usize = 256 << 10;
/// How long before its end a token is replaced.
const EARLY: Duration = Duration::from_secs(120);
/// More would be a sign of audiences that are made up for each request.
const TOKENS_MAX: usize = 1000;

/// Where the node gets tokens for itself; nowhere by default.
#[derive(Debug, Clone, Default)]
pub struct IdentityEndpoint(pub Option<Identity>);

/// An endpoint as hosts of the peer offer it: `GET URL?resource=AUDIENCE&api-version=2019-08-01`.
#[derive(Debug, Clone)]
pub struct Identity {
    pub url: String,
    /// For the header `X-IDENTITY-HEADER`.
    pub header: String,
}

pub(crate) struct Tokens {
    endpoint: IdentityEndpoint,
    /// By a digest of everything that a token was asked for with.
    kept: Mutex<HashMap<[u8; 32], (String, Instant)>>,
}

impl Tokens {
    pub(crate) fn new(endpoint: IdentityEndpoint) -> Self {
        Self {
            endpoint,
            kept: Mutex::default(),
        }
    }

    /// For `ActiveDirectoryOAuth` with a client's secret.
    pub(crate) async fn oauth(
        &self,
        connector: &Connector,
        stated: &Value,
    ) -> Result<String, Failed> {
        let needed = |name: &str| {
            text(stated, name)
                .filter(|own| !own.is_empty())
                .ok_or_else(|| Failed::invalid(format!("the authentication has no {name:?}")))
        };
        let authority = text(stated, "authority").filter(|own| !own.is_empty());
        let authority = authority.unwrap_or_else(|| AUTHORITY.to_owned());
        let tenant = needed("tenant")?;
        if text(stated, "pfx").is_some() {
            return Err(Failed::unsupported(
                "ActiveDirectoryOAuth with a certificate is not supported: use a client secret",
            ));
        }
        let url = format!("{}/{tenant}/oauth2/token", authority.trim_end_matches('/'));
        let form = Serializer::new(String::new())
            .append_pair("grant_type", "client_credentials")
            .append_pair("client_id", &needed("clientId")?)
            .append_pair("client_secret", &needed("secret")?)
            .append_pair("resource", &needed("audience")?)
            .finish();
        let mut request = Request::new(Bytes::from(form.clone()));
        *request.method_mut() = Method::POST;
        let kind = HeaderValue::from_static("application/x-www-form-urlencoded");
        request.headers_mut().insert(CONTENT_TYPE, kind);
        self.token(connector, request, &url, &form).await
    }

    /// For `ManagedServiceIdentity`.
    pub(crate) async fn identity(
        &self,
        connector: &Connector,
        stated: &Value,
        audience: &str,
    ) -> Result<String, Failed> {
        let IdentityEndpoint(Some(identity)) = &self.endpoint else {
            return Err(Failed::unconfigured(
                "this node has no identity of its own: start it with IDENTITY_ENDPOINT and \
                 IDENTITY_HEADER set, or use another type of authentication",
            ));
        };
        let mut url = Url::parse(&identity.url).map_err(|error| {
            Failed::unconfigured(format!("IDENTITY_ENDPOINT is no URL: {error}"))
        })?;
        url.query_pairs_mut()
            .append_pair("resource", audience)
            .append_pair("api-version", "2019-08-01");
        if let Some(own) = text(stated, "identity").filter(|own| own.starts_with('/')) {
            url.query_pairs_mut().append_pair("mi_res_id", &own);
        }
        let mut request = Request::new(Bytes::new());
        let secret = HeaderValue::from_str(&identity.header)
            .map_err(|_| Failed::unconfigured("IDENTITY_HEADER is no value of a header"))?;
        let name = HeaderName::from_static("x-identity-header");
        request.headers_mut().insert(name, secret);
        self.token(connector, request, url.as_str(), "").await
    }

    async fn token(
        &self,
        connector: &Connector,
        mut request: Request<Bytes>,
        url: &str,
        with: &str,
    ) -> Result<String, Failed> {
        let key: [u8; 32] = Sha256::digest(format!("{url}\n{with}")).into();
        if let Some(token) = self.kept(&key) {
            return Ok(token);
        }
        let uri: Uri = url.parse().map_err(|error| {
            Failed::invalid(format!(
                "the authority of the authentication is no URL: {error}"
            ))
        })?;
        *request.uri_mut() = uri;
        let options = OutboundOptions {
            timeout: TIMEOUT,
            response_bytes_max: TOKEN_BYTES_MAX,
            identity: None,
        };
        let answer = Answer::new(connector.outbound.send(request, options).await?);
        let value: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
        let token = text(&value, "access_token").filter(|_| answer.status.is_success());
        let Some(token) = token else {
            let status = answer.status;
            let why = text(&value, "error_description").or_else(|| text(&value, "error"));
            let why = why.map_or_else(String::new, |why| format!(": {why}"));
            let retryable = status.is_server_error() || status.as_u16() == 429;
            return Err(Failed::unauthorized(
                format!("no token was given, the authority answered {status}{why}"),
                retryable,
            ));
        };
        let seconds = value.get("expires_in").and_then(|own| match own.as_str() {
            Some(text) => text.parse().ok(),
            None => own.as_i64().and_then(|own| u64::try_from(own).ok()),
        });
        let lasts = Duration::from_secs(seconds.unwrap_or_default()).saturating_sub(EARLY);
        if let Some(until) = Instant::now().checked_add(lasts) {
            let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
            if kept.len() >= TOKENS_MAX {
                kept.clear();
            }
            kept.insert(key, (token.clone(), until));
        }
        Ok(token)
    }

    fn kept(&self, key: &[u8; 32]) -> Option<String> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let (token, until) = kept.get(key)?;
        (Instant::now() < *until).then(|| token.clone())
    }
}
