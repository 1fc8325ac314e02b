//! Listeners: connections in, requests to a service, a shutdown that lets requests finish.
//!
//! Connections are bounded, and so is every wait for a peer: for its first byte, for the rest of a
//! request's head, and between two requests.

use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::body::Body;
use http::{Request, Response};
use hyper::server::conn::{http1, http2};
use hyper::service::Service;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};

use crate::framing::Framed;
use crate::linger::RequestBody;

/// The beginning of HTTP/2's preface; no method of HTTP/1 begins so.
const HTTP2_START: &[u8] = b"PRI ";
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
const PEEK_PAUSE: Duration = Duration::from_millis(5);
const STREAMS_MAX: u32 = 128;
const HEAD_BYTES_MAX: usize = 64 << 10;

/// What one listener allows.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    pub(crate) connections_max: usize,
    pub(crate) header_timeout: Duration,
    pub(crate) idle_timeout: Duration,
    /// How long open requests may go on after a shutdown has begun.
    pub(crate) drain_max: Duration,
}

/// # Errors
/// The address and why it cannot be had.
pub(crate) async fn bind(address: SocketAddr) -> io::Result<(TcpListener, SocketAddr)> {
    let listener = TcpListener::bind(address).await?;
    let bound = listener.local_addr()?;
    Ok((listener, bound))
}

/// Serves until `stop` becomes true, then waits for open requests, at most for the time allowed.
pub(crate) async fn serve<S>(
    listener: TcpListener,
    service: S,
    limits: Limits,
    mut stop: watch::Receiver<bool>,
) where
    S: Service<Request<RequestBody>, Response = Response<Body>, Error = Infallible>
        + Clone
        + Send
        + 'static,
    S::Future: Send,
{
    let places = Arc::new(Semaphore::new(limits.connections_max));
    let graceful = GracefulShutdown::new();
    loop {
        let accept = async {
            let place = Arc::clone(&places).acquire_owned().await;
            let place = place.expect("the semaphore is never closed");
            (listener.accept().await, place)
        };
        let (accepted, place) = tokio::select! {
            accepted = accept => accepted,
            _ = stop.wait_for(|stop| *stop) => break,
        };
        let stream = match accepted {
            Ok((stream, _)) => stream,
            Err(error) => {
                // Out of file descriptors, or the peer has gone: the next try may succeed.
                tracing::warn!(%error, "a connection cannot be accepted");
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        let asked = Arc::new(AtomicBool::new(false));
        let service = Framed(Asked(service.clone(), Arc::clone(&asked)));
        let watcher = graceful.watcher();
        let mut stop = stop.clone();
        tokio::spawn(async move {
            let _place = place;
            // Small answers must not wait for more to come.
            let _ = stream.set_nodelay(true);
            let is_http2 = tokio::select! {
                found = speaks_http2(&stream, limits) => found,
                _ = stop.wait_for(|stop| *stop) => None,
            };
            let Some(is_http2) = is_http2 else {
                return;
            };
            let io = TokioIo::new(stream);
            let served = async {
                if is_http2 {
                    let connection = http2(limits).serve_connection(io, service);
                    watcher.watch(connection).await
                } else {
                    let connection = http1(limits).serve_connection(io, service);
                    watcher.watch(connection).await
                }
            };
            let served = tokio::select! {
                served = served => served,
                () = silent(&asked, limits.header_timeout) => return,
            };
            if let Err(error) = served {
                tracing::debug!(%error, "a connection ended");
            }
        });
    }
    drop(listener);
    if tokio::time::timeout(limits.drain_max, graceful.shutdown())
        .await
        .is_err()
    {
        tracing::warn!("requests were still open at the end of the shutdown");
    }
}

/// Remembers that a connection has asked for something.
#[derive(Clone)]
struct Asked<S>(S, Arc<AtomicBool>);

impl<S: Service<Request<RequestBody>>> Service<Request<RequestBody>> for Asked<S> {
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn call(&self, request: Request<RequestBody>) -> S::Future {
        self.1.store(true, Ordering::Relaxed);
        self.0.call(request)
    }
}

/// Completes when a connection has asked for nothing for that long from its start on: the bound of
/// hyper allows for the pauses between the requests of a connection that is kept.
async fn silent(asked: &AtomicBool, header_timeout: Duration) {
    tokio::time::sleep(header_timeout).await;
    if asked.load(Ordering::Relaxed) {
        std::future::pending().await
    }
}

fn http1(limits: Limits) -> http1::Builder {
    let mut builder = http1::Builder::new();
    builder
        .timer(TokioTimer::new())
        // Covers the wait for the next request on a kept connection as well.
        .header_read_timeout(limits.header_timeout.max(limits.idle_timeout))
        .max_buf_size(HEAD_BYTES_MAX);
    builder
}

fn http2(limits: Limits) -> http2::Builder<TokioExecutor> {
    let mut builder = http2::Builder::new(TokioExecutor::new());
    builder
        .timer(TokioTimer::new())
        .max_concurrent_streams(STREAMS_MAX)
        .max_header_list_size(u32::try_from(HEAD_BYTES_MAX).expect("it is small"))
        .keep_alive_interval(limits.idle_timeout / 3)
        .keep_alive_timeout(limits.header_timeout);
    builder
}

/// Which protocol a peer speaks, by its first bytes; `None` when they do not come in time.
async fn speaks_http2(stream: &TcpStream, limits: Limits) -> Option<bool> {
    let look = async {
        let mut start = [0; HTTP2_START.len()];
        loop {
            let len = stream.peek(&mut start).await.ok()?;
            if len == 0 {
                return None;
            }
            if len == start.len() || !HTTP2_START.starts_with(&start[..len]) {
                return Some(start[..len] == *HTTP2_START);
            }
            // Readiness does not tell of further bytes while some are unread.
            tokio::time::sleep(PEEK_PAUSE).await;
        }
    };
    bounded(limits.header_timeout, look).await.flatten()
}

async fn bounded<T>(limit: Duration, work: impl Future<Output = T>) -> Option<T> {
    tokio::time::timeout(limit, work).await.ok()
}

#[cfg(test)]
mod tests {
    use hyper::service::service_fn;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::task::JoinHandle;

    use super::*;

    struct Server {
        address: SocketAddr,
        stop: watch::Sender<bool>,
        task: JoinHandle<()>,
    }

    /// A server that answers `ok` after `pause`.
    async fn server(pause: Duration) -> Server {
        let (listener, address) = bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
        let (stop, stopping) = watch::channel(false);
        let service = service_fn(move |_: Request<RequestBody>| async move {
            tokio::time::sleep(pause).await;
            Ok(Response::new(Body::from("ok")))
        });
        let limits = Limits {
            connections_max: 2,
            header_timeout: Duration::from_millis(200),
            idle_timeout: Duration::from_millis(200),
            drain_max: Duration::from_secs(5),
        };
        let task = tokio::spawn(serve(listener, service, limits, stopping));
        Server {
            address,
            stop,
            task,
        }
    }

    async fn exchange(address: SocketAddr, sent: &[u8]) -> String {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(sent).await.unwrap();
        let mut answer = Vec::new();
        let read = stream.read_to_end(&mut answer);
        let read = tokio::time::timeout(Duration::from_secs(5), read).await;
        // A reset is an end as well: what was sent may lie there unread.
        let _ = read.expect("the server ends the connection");
        String::from_utf8_lossy(&answer).into_owned()
    }

    #[tokio::test]
    async fn silent_and_slow_peers_lose_their_connections() {
        let server = server(Duration::ZERO).await;
        for sent in ["", "P", "PRI", "GET / HT"] {
            let answer = exchange(server.address, sent.as_bytes()).await;
            assert!(!answer.contains("200 OK"), "{sent:?}: {answer}");
        }
        let whole = "GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
        let answer = exchange(server.address, whole.as_bytes()).await;
        assert!(answer.ends_with("ok"), "{answer}");
    }

    #[tokio::test]
    async fn a_shutdown_lets_open_requests_finish() {
        let server = server(Duration::from_millis(150)).await;
        let request = "GET / HTTP/1.1\r\nhost: x\r\n\r\n";
        let address = server.address;
        let open = tokio::spawn(async move { exchange(address, request.as_bytes()).await });
        tokio::time::sleep(Duration::from_millis(50)).await;
        server.stop.send(true).unwrap();
        assert!(open.await.unwrap().ends_with("ok"));
        server.task.await.unwrap();
        assert!(TcpStream::connect(address).await.is_err());
    }
}
