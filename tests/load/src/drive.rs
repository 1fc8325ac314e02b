//! A load generator for fixed HTTP/1.1 requests over connections that are kept.
//!
//! Closed loop: each connection sends its next request when it has read the answer to the last.
//! It does as little as it can for each request, since it shares the machine with the server.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

const HEADERS_MAX: usize = 32;
const ANSWER_MAX: usize = 1 << 20;

/// One request, as it goes over the wire.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    address: SocketAddr,
    bytes: Arc<[u8]>,
    /// Any other status ends the run.
    status: u16,
}

impl Request {
    /// `url` is `http://ADDRESS/PATH`; the key goes into `x-functions-key`.
    pub(crate) fn new(
        method: &str,
        url: &str,
        key: Option<&str>,
        body: &str,
    ) -> anyhow::Result<Self> {
        let rest = url.strip_prefix("http://").context("plain HTTP only")?;
        let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
        let key = key.map_or_else(String::new, |key| format!("x-functions-key: {key}\r\n"));
        let len = body.len();
        let text = format!(
            "{method} /{path} HTTP/1.1\r\nhost: {host}\r\n{key}content-type: application/json\r\n\
             content-length: {len}\r\n\r\n{body}"
        );
        Ok(Self {
            address: host.parse()?,
            bytes: text.into_bytes().into(),
            status: 200,
        })
    }

    /// The same request, answered with another status.
    pub(crate) fn answered_with(self, status: u16) -> Self {
        Self { status, ..self }
    }
}

/// When a connection stops.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Until {
    Passed(Duration),
    /// So many requests on each connection.
    Sent(u64),
}

/// What one run saw.
#[derive(Debug, Default)]
pub(crate) struct Sample {
    pub(crate) elapsed: Duration,
    /// Of each request, from its first byte to the last of its answer; sorted.
    pub(crate) latencies: Vec<Duration>,
}

impl Sample {
    pub(crate) fn per_second(&self) -> f64 {
        self.latencies.len() as f64 / self.elapsed.as_secs_f64()
    }

    /// The latency that this share of all requests did not exceed; zero of an empty sample.
    pub(crate) fn quantile(&self, share: f64) -> Duration {
        let last = self.latencies.len().saturating_sub(1);
        let index = (last as f64 * share).round() as usize;
        self.latencies.get(index).copied().unwrap_or_default()
    }
}

/// Sends the request over and over on so many connections at once.
pub(crate) async fn drive(
    request: &Request,
    connections: usize,
    until: Until,
) -> anyhow::Result<Sample> {
    drive_in_turn(std::slice::from_ref(request), connections, until).await
}

/// Sends requests to one server, one after the other and over again, on so many connections at once;
/// each begins with another.
pub(crate) async fn drive_in_turn(
    requests: &[Request],
    connections: usize,
    until: Until,
) -> anyhow::Result<Sample> {
    let requests: Arc<[Request]> = requests.into();
    let mut open = Vec::new();
    for number in 0..connections {
        let first = number * requests.len() / connections;
        open.push(Connection::open(&requests, first).await?);
    }
    let started = Instant::now();
    let mut running = JoinSet::new();
    for connection in open {
        running.spawn(connection.run(started, until));
    }
    let mut sample = Sample::default();
    while let Some(latencies) = running.join_next().await {
        sample.latencies.extend(latencies??);
    }
    sample.elapsed = started.elapsed();
    sample.latencies.sort_unstable();
    Ok(sample)
}

struct Connection {
    requests: Arc<[Request]>,
    /// Which of them is sent next.
    next: usize,
    stream: TcpStream,
    /// What was read and belongs to no answer yet.
    read: Vec<u8>,
}

impl Connection {
    async fn open(requests: &Arc<[Request]>, next: usize) -> anyhow::Result<Self> {
        let stream = TcpStream::connect(requests[next].address).await?;
        stream.set_nodelay(true)?;
        Ok(Self {
            requests: Arc::clone(requests),
            next,
            stream,
            read: Vec::with_capacity(4096),
        })
    }

    async fn run(mut self, started: Instant, until: Until) -> anyhow::Result<Vec<Duration>> {
        let mut latencies = Vec::new();
        loop {
            let done = match until {
                Until::Passed(time) => started.elapsed() >= time,
                Until::Sent(count) => latencies.len() as u64 >= count,
            };
            if done {
                return Ok(latencies);
            }
            let sent = Instant::now();
            let bytes = &self.requests[self.next].bytes;
            self.stream.write_all(bytes).await?;
            self.answer().await?;
            latencies.push(sent.elapsed());
            self.next = (self.next + 1) % self.requests.len();
        }
    }

    async fn answer(&mut self) -> anyhow::Result<()> {
        loop {
            if let Some(len) = self.whole_answer()? {
                self.read.drain(..len);
                return Ok(());
            }
            ensure!(self.read.len() < ANSWER_MAX, "the answer is too long");
            if self.stream.read_buf(&mut self.read).await? == 0 {
                bail!("the server closed the connection");
            }
        }
    }

    /// The length of the first answer, once it is there in full.
    fn whole_answer(&self) -> anyhow::Result<Option<usize>> {
        let mut headers = [httparse::EMPTY_HEADER; HEADERS_MAX];
        let mut head = httparse::Response::new(&mut headers);
        let httparse::Status::Complete(head_len) = head.parse(&self.read)? else {
            return Ok(None);
        };
        let len = head
            .headers
            .iter()
            .find(|header| header.name.eq_ignore_ascii_case("content-length"))
            .context("an answer without content-length")?;
        let len: usize = std::str::from_utf8(len.value)?.parse()?;
        let whole = head_len + len;
        if self.read.len() < whole {
            return Ok(None);
        }
        if head.code != Some(self.requests[self.next].status) {
            let body = String::from_utf8_lossy(&self.read[head_len..whole]);
            bail!("unexpected status {:?}: {body}", head.code);
        }
        Ok(Some(whole))
    }
}
