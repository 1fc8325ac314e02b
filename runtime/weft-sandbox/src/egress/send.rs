//! Checks where a request goes, connects there, and sends it.

use std::future::{Future, poll_fn};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response, Uri};
use http_body::{Body, Frame};
use http_body_util::BodyExt;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::Sleep;
use tokio_rustls::TlsConnector;
use wasmtime_wasi_http::{Error, WasiBody};
use weft_app::{Grants, OutboundHost};

use super::Egress;
use super::address::is_public;

/// Bounds on the waits of one request.
#[derive(Debug, Clone, Copy)]
pub(super) struct Timeouts {
    pub(super) connect: Duration,
    pub(super) first_byte: Duration,
    pub(super) between_bytes: Duration,
}

/// Where a request may go: checked addresses of a granted host.
#[derive(Debug)]
pub(super) struct Target {
    https: bool,
    /// Without brackets.
    host: String,
    addresses: Vec<SocketAddr>,
}

/// Why a request does not go out.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Denied {
    #[error("the request's URL is not usable: {0}")]
    Url(&'static str),
    #[error("the request to {0} is not granted: add that to the function's allowed_outbound_hosts")]
    NotGranted(String),
    #[error("the request to {0} is not granted to the tenant")]
    NotForTenant(String),
    #[error("{host} leads to {address}, which is a private or special address")]
    Private { host: String, address: IpAddr },
    #[error("{host} is not known: {why}")]
    Unknown { host: String, why: String },
    #[error("looking up {0} took too long")]
    LookupTimeout(String),
}

impl Denied {
    pub(super) fn into_code(self) -> Error {
        match self {
            Self::Url(_) => Error::HttpRequestUriInvalid,
            Self::NotGranted(_) | Self::NotForTenant(_) => Error::HttpRequestDenied,
            Self::Private { .. } => Error::DestinationIpProhibited,
            Self::Unknown { why, .. } => Error::DnsError {
                rcode: Some(why),
                info_code: None,
            },
            Self::LookupTimeout(_) => Error::DnsTimeout,
        }
    }
}

/// What a URL asks for, in the form that grants are compared with.
pub(super) struct Asked<'a> {
    pub(super) https: bool,
    /// IPv6 addresses in brackets.
    pub(super) host: &'a str,
    pub(super) port: u16,
}

impl Asked<'_> {
    pub(super) fn check_tenant(&self, grants: &Grants) -> Result<(), Denied> {
        let &Asked { https, host, port } = self;
        if grants.allows_host(https, host, port) {
            return Ok(());
        }
        let scheme = if https { "https" } else { "http" };
        Err(Denied::NotForTenant(format!("{scheme}://{host}:{port}")))
    }
}

/// Why there is no connection.
#[derive(Debug)]
pub(super) enum Unconnected {
    /// The host is no name of a server's certificate.
    Name,
    Connect(io::Error),
    Tls(io::Error),
}

impl From<Unconnected> for Error {
    fn from(error: Unconnected) -> Self {
        match error {
            Unconnected::Name => Self::HttpRequestUriInvalid,
            Unconnected::Connect(error) => Self::Connect(error),
            Unconnected::Tls(error) => Self::Tls(error),
        }
    }
}

pub(super) fn asked(uri: &Uri) -> Result<Asked<'_>, Denied> {
    let https = match uri.scheme_str() {
        Some("https") => true,
        Some("http") => false,
        Some(_) | None => return Err(Denied::Url("the scheme must be http or https")),
    };
    let authority = uri.authority().ok_or(Denied::Url("there is no host"))?;
    if authority.as_str().contains('@') {
        return Err(Denied::Url("a user name or password does not belong there"));
    }
    let default = if https { 443 } else { 80 };
    let port = match authority.as_str().strip_prefix(authority.host()) {
        Some("") => default,
        _ => authority
            .port_u16()
            .ok_or(Denied::Url("the port is no number"))?,
    };
    if port == 0 || authority.host().is_empty() {
        return Err(Denied::Url("there is no host or no port"));
    }
    Ok(Asked {
        https,
        host: authority.host(),
        port,
    })
}

impl Egress {
    /// Checks the grant, resolves the host and checks all of its addresses.
    pub(super) async fn target(
        &self,
        uri: &Uri,
        grants: &[OutboundHost],
        of_tenant: &Grants,
        timeout: Duration,
    ) -> Result<Target, Denied> {
        let asked = asked(uri)?;
        let Asked { https, host, port } = asked;
        let granted = |grant: &OutboundHost| grant.allows(https, host, port);
        if !grants.iter().any(granted) {
            let scheme = if https { "https" } else { "http" };
            return Err(Denied::NotGranted(format!("{scheme}://{host}:{port}")));
        }
        asked.check_tenant(of_tenant)?;
        self.resolve(&asked, timeout).await
    }

    /// Resolves the host and checks all of its addresses.
    pub(super) async fn resolve(
        &self,
        &Asked { https, host, port }: &Asked<'_>,
        timeout: Duration,
    ) -> Result<Target, Denied> {
        let bare = host.strip_prefix('[').and_then(|h| h.strip_suffix(']'));
        let bare = bare.unwrap_or(host);
        let found = tokio::time::timeout(timeout, self.resolver.lookup(bare, port)).await;
        let unknown = |why: String| Denied::Unknown {
            host: host.to_owned(),
            why,
        };
        let addresses: Vec<SocketAddr> = match found {
            Ok(Ok(addresses)) => addresses,
            Ok(Err(error)) => return Err(unknown(error.to_string())),
            Err(_) => return Err(Denied::LookupTimeout(host.to_owned())),
        };
        if addresses.is_empty() {
            return Err(unknown("it has no address".to_owned()));
        }
        self.check(host, &addresses)?;
        Ok(Target {
            https,
            host: bare.to_owned(),
            addresses,
        })
    }

    /// One address that is not to be reached refuses the name: it could be chosen next time.
    fn check(&self, host: &str, addresses: &[SocketAddr]) -> Result<(), Denied> {
        let open = |ip: IpAddr| is_public(ip) || self.allow.iter().any(|range| range.contains(ip));
        match addresses.iter().find(|address| !open(address.ip())) {
            Some(address) => Err(Denied::Private {
                host: host.to_owned(),
                address: address.ip(),
            }),
            None => Ok(()),
        }
    }

    pub(super) async fn send(
        &self,
        target: Target,
        mut request: Request<WasiBody>,
        timeouts: Timeouts,
    ) -> Result<
        (
            Response<WasiBody>,
            Box<dyn Future<Output = Result<(), Error>> + Send>,
        ),
        Error,
    > {
        let connect = tokio::time::timeout(timeouts.connect, self.connect(&target, &self.tls));
        let stream = connect.await.map_err(|_| Error::ConnectionTimeout)??;
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        // In the origin form: an absolute one would speak to a proxy.
        let path = request.uri().path_and_query();
        *request.uri_mut() = path.map_or_else(|| Uri::from_static("/"), |p| p.clone().into());
        let mut connection = Box::pin(connection);
        let mut open = true;
        let response = {
            let send = sender.send_request(request);
            let mut send = pin!(tokio::time::timeout(timeouts.first_byte, send));
            poll_fn(|cx| {
                if let Poll::Ready(answer) = send.as_mut().poll(cx) {
                    return Poll::Ready(match answer {
                        Ok(response) => response.map_err(Error::from),
                        Err(_) => Err(Error::ConnectionReadTimeout),
                    });
                }
                if open && let Poll::Ready(ended) = connection.as_mut().poll(cx) {
                    open = false;
                    if let Err(error) = ended {
                        return Poll::Ready(Err(error.into()));
                    }
                    cx.waker().wake_by_ref();
                }
                Poll::Pending
            })
            .await?
        };
        let response = response.map(|body| TimedBody::new(body, timeouts.between_bytes));
        let io = async move {
            if open {
                connection.await?;
            }
            Ok(())
        };
        Ok((response.map(BodyExt::boxed_unsync), Box::new(io)))
    }

    /// A connection to one of the checked addresses, in their order.
    pub(super) async fn connect(
        &self,
        target: &Target,
        tls: &Arc<ClientConfig>,
    ) -> Result<Stream, Unconnected> {
        let mut last = io::Error::other("there is no address");
        for address in &target.addresses {
            match TcpStream::connect(address).await {
                Ok(tcp) => return secure(target, tcp, tls).await,
                Err(error) => last = error,
            }
        }
        Err(Unconnected::Connect(last))
    }
}

async fn secure(
    target: &Target,
    tcp: TcpStream,
    tls: &Arc<ClientConfig>,
) -> Result<Stream, Unconnected> {
    drop(tcp.set_nodelay(true));
    if !target.https {
        return Ok(Box::new(tcp));
    }
    let name = ServerName::try_from(target.host.clone()).map_err(|_| Unconnected::Name)?;
    let connector = TlsConnector::from(Arc::clone(tls));
    let stream = connector.connect(name, tcp).await;
    Ok(Box::new(stream.map_err(Unconnected::Tls)?))
}

pub(super) trait Duplex: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Duplex for T {}
pub(super) type Stream = Box<dyn Duplex>;

/// A body that fails when nothing comes for a while.
struct TimedBody {
    inner: hyper::body::Incoming,
    sleep: Option<Pin<Box<Sleep>>>,
    max: Duration,
}

impl TimedBody {
    fn new(inner: hyper::body::Incoming, max: Duration) -> Self {
        Self {
            inner,
            sleep: None,
            max,
        }
    }
}

impl Body for TimedBody {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let this = &mut *self;
        if let Poll::Ready(frame) = Pin::new(&mut this.inner).poll_frame(cx) {
            this.sleep = None;
            return Poll::Ready(frame.map(|frame| frame.map_err(Error::from)));
        }
        let max = this.max;
        let sleep = this
            .sleep
            .get_or_insert_with(|| Box::pin(tokio::time::sleep(max)));
        let late = sleep.as_mut().poll(cx);
        late.map(|()| Some(Err(Error::ConnectionReadTimeout)))
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(url: &str) -> Option<(bool, String, u16)> {
        let uri: Uri = url.parse().ok()?;
        let asked = asked(&uri).ok()?;
        Some((asked.https, asked.host.to_owned(), asked.port))
    }

    #[test]
    fn reads_where_a_url_leads() {
        let found = |https, host: &str, port| Some((https, host.to_owned(), port));
        assert_eq!(ask("https://a.example/x"), found(true, "a.example", 443));
        assert_eq!(ask("http://a.example"), found(false, "a.example", 80));
        assert_eq!(ask("http://[::1]:8080/"), found(false, "[::1]", 8080));
        assert_eq!(ask("https://[::1]"), found(true, "[::1]", 443));
        for bad in [
            "/x",
            "ftp://a.example/",
            "http://user@a.example/",
            "http://user:password@a.example/",
            "http://good.example@evil.example/",
            "http://a.example:0/",
            "http://a.example:/",
            "http://a.example:99999/",
            "http://:80/",
        ] {
            assert_eq!(ask(bad), None, "{bad}");
        }
    }

    #[test]
    fn one_private_address_among_several_refuses_the_name() {
        let egress = Egress::new(vec!["10.9.0.0/16".parse().unwrap()], None);
        let check = |texts: &[&str]| {
            let parse = |text: &&str| SocketAddr::new(text.parse().unwrap(), 443);
            let addresses: Vec<_> = texts.iter().map(parse).collect();
            egress.check("name.example", &addresses).is_ok()
        };
        assert!(check(&["8.8.8.8", "2606:4700::1111"]));
        assert!(check(&["8.8.8.8", "10.9.1.1"]));
        assert!(!check(&["8.8.8.8", "10.8.1.1"]));
        assert!(!check(&["8.8.8.8", "::ffff:127.0.0.1"]));
    }
}
