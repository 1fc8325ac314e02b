//! Requests of the node's own making, under the same checks as those of guests: what workflows ask
//! of the outside world.
//!
//! Any public host is granted; private ranges are those that the operator has opened. Redirects are
//! answers like others: whoever follows one makes a new request, which is checked again.

use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::{HeaderValue, Request, Response, Uri, header};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use super::send::{Asked, Denied, Unconnected, asked};
use super::{Cidr, Egress, tls_builder};
use crate::metering::TenantMeter;

const CONNECT_MAX: Duration = Duration::from_secs(30);

/// Sends requests. Cheap to clone.
#[derive(Clone)]
pub struct Outbound {
    egress: Arc<Egress>,
    /// In whose name they are sent.
    tenant: Option<Arc<TenantMeter>>,
}

/// Bounds of one request, and as whom it is sent.
#[derive(Debug, Clone)]
pub struct OutboundOptions {
    /// From the look-up of the host to the end of the response.
    pub timeout: Duration,
    /// Of the response's body.
    pub response_bytes_max: usize,
    /// For servers that ask for a certificate.
    pub identity: Option<ClientIdentity>,
}

/// A certificate with those that lead to its root, and its key.
#[derive(Debug, Clone)]
pub struct ClientIdentity(Arc<ClientConfig>);

impl ClientIdentity {
    /// # Errors
    /// Why these are of no use, for a person.
    pub fn new(chain_der: Vec<Vec<u8>>, key_der: &[u8]) -> Result<Self, String> {
        let chain = chain_der.into_iter().map(CertificateDer::from).collect();
        let key = PrivateKeyDer::try_from(key_der.to_vec())?;
        let config = tls_builder().with_client_auth_cert(chain, key);
        let config = config.map_err(|error| error.to_string())?;
        Ok(Self(Arc::new(config)))
    }
}

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OutboundError {
    /// It may not go there, or the URL leads nowhere. Another try changes nothing.
    #[error("{0}")]
    Denied(String),
    #[error("{0}")]
    Unreachable(String),
    #[error("there was no answer within {} ms", .0.as_millis())]
    TimedOut(Duration),
    #[error("the answer has more than {0} bytes")]
    TooLarge(usize),
}

impl Outbound {
    #[must_use]
    pub fn new(allow: Vec<Cidr>) -> Self {
        Self {
            egress: Arc::new(Egress::new(allow, None)),
            tenant: None,
        }
    }

    /// The same in the name of a tenant: only where that may go, counted against its quota.
    #[must_use]
    pub fn of_tenant(&self, tenant: Arc<TenantMeter>) -> Self {
        Self {
            egress: Arc::clone(&self.egress),
            tenant: Some(tenant),
        }
    }

    /// Sends a request whose URI is absolute, and reads the whole answer, whatever its status.
    ///
    /// # Errors
    /// [`OutboundError`].
    pub async fn send(
        &self,
        request: Request<Bytes>,
        options: OutboundOptions,
    ) -> Result<Response<Bytes>, OutboundError> {
        let timeout = options.timeout;
        if let Some(tenant) = &self.tenant {
            asked(request.uri())?.check_tenant(&tenant.grants())?;
            let limited = tenant.admit_egress();
            limited.map_err(|limited| OutboundError::Unreachable(limited.to_string()))?;
            tenant.egress(request.body().len() as u64);
        }
        let sent = tokio::time::timeout(timeout, self.exchange(request, options)).await;
        let answer = sent.unwrap_or(Err(OutboundError::TimedOut(timeout)));
        if let (Some(tenant), Ok(answer)) = (&self.tenant, &answer) {
            tenant.egress(answer.body().len() as u64);
        }
        answer
    }

    async fn exchange(
        &self,
        request: Request<Bytes>,
        options: OutboundOptions,
    ) -> Result<Response<Bytes>, OutboundError> {
        let asked: Asked<'_> = asked(request.uri())?;
        let connect = CONNECT_MAX.min(options.timeout);
        let target = self.egress.resolve(&asked, connect).await?;
        let place = format!("{}:{}", asked.host, asked.port);
        let tls = options
            .identity
            .as_ref()
            .map_or(&self.egress.tls, |own| &own.0);
        let stream = tokio::time::timeout(connect, self.egress.connect(&target, tls)).await;
        let stream = stream
            .map_err(|_| OutboundError::TimedOut(connect))?
            .map_err(|error| unconnected(&place, &error))?;
        let broken =
            |error: hyper::Error| OutboundError::Unreachable(format!("{place} broke off: {error}"));
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream))
            .await
            .map_err(broken)?;
        let request = origin_form(request);
        let exchange = async {
            let response = sender.send_request(request).await.map_err(broken)?;
            let (parts, mut body) = response.into_parts();
            let mut read = BytesMut::new();
            while let Some(frame) = body.frame().await {
                let frame = frame.map_err(broken)?;
                let data = frame.into_data().unwrap_or_default();
                if read.len() + data.len() > options.response_bytes_max {
                    return Err(OutboundError::TooLarge(options.response_bytes_max));
                }
                read.extend_from_slice(&data);
            }
            Ok(Response::from_parts(parts, read.freeze()))
        };
        tokio::pin!(exchange);
        tokio::select! {
            biased;
            answer = &mut exchange => answer,
            // The response may have arrived as a whole before the connection ended.
            _ = connection => exchange.await,
        }
    }
}

/// The path alone, as origin servers take it, and the authority in `Host`.
fn origin_form(request: Request<Bytes>) -> Request<Full<Bytes>> {
    let mut request = request.map(Full::new);
    let uri = std::mem::take(request.uri_mut());
    let authority = uri.authority().map(|authority| authority.as_str());
    let host = authority.and_then(|text| HeaderValue::from_str(text).ok());
    if let Some(host) = host {
        request.headers_mut().insert(header::HOST, host);
    }
    *request.uri_mut() = uri
        .path_and_query()
        .map_or_else(|| Uri::from_static("/"), |path| path.clone().into());
    request
}

impl From<Denied> for OutboundError {
    fn from(denied: Denied) -> Self {
        let text = denied.to_string();
        match denied {
            Denied::Private { .. } => Self::Denied(format!(
                "{text}; the operator of the node opens such ranges with --egress-allow"
            )),
            Denied::Url(_) | Denied::NotGranted(_) | Denied::NotForTenant(_) => Self::Denied(text),
            Denied::Unknown { .. } | Denied::LookupTimeout(_) => Self::Unreachable(text),
        }
    }
}

fn unconnected(place: &str, error: &Unconnected) -> OutboundError {
    OutboundError::Unreachable(match error {
        Unconnected::Name => format!("{place} has no name that a certificate could have"),
        Unconnected::Connect(error) => format!("{place} cannot be reached: {error}"),
        Unconnected::Tls(error) => format!("{place} cannot be trusted: {error}"),
    })
}
