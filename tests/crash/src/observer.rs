//! Where activities tell that they run: HTTP on a loopback port, one request a connection or many.
//!
//! An entry is in the record before its answer is written. After a node was killed, what it had
//! sent may still be on its way; [`Observer::settle`] waits for that, so that it is not taken for
//! an execution of the next process.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, ensure};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use crate::record::{Execution, Record};

const HEAD_BYTES_MAX: u64 = 16 << 10;
const SETTLE_MAX: Duration = Duration::from_secs(30);

/// A listening observer; ends with the runtime.
#[derive(Debug, Clone)]
pub struct Observer {
    address: SocketAddr,
    /// Numbers of the connections that are open, and of the next one.
    open: watch::Receiver<(BTreeSet<u64>, u64)>,
}

impl Observer {
    /// # Errors
    /// When no port can be had.
    pub async fn start(record: Arc<Record>) -> anyhow::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let (open, watched) = watch::channel((BTreeSet::new(), 0));
        tokio::spawn(accept(listener, record, Arc::new(open)));
        Ok(Self {
            address,
            open: watched,
        })
    }

    /// The address to report to.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Waits until everything that was sent by now by processes that are gone is recorded.
    ///
    /// # Errors
    /// When something stays open; such a process is not gone.
    pub async fn settle(&mut self) -> anyhow::Result<()> {
        // Connections are accepted in the order in which they were made: once this one is, all
        // before it are.
        let mut own = TcpStream::connect(self.address).await?;
        own.write_all(b"GET /settle HTTP/1.1\r\n\r\n").await?;
        let mut number = String::new();
        let read = own.read_to_string(&mut number);
        tokio::time::timeout(SETTLE_MAX, read)
            .await
            .context("the observer does not answer")??;
        let own: u64 = number.trim().parse()?;
        let settled = self
            .open
            .wait_for(|(open, _)| open.first().is_none_or(|first| *first > own));
        tokio::time::timeout(SETTLE_MAX, settled)
            .await
            .context("the node still reports")??;
        Ok(())
    }
}

type Open = Arc<watch::Sender<(BTreeSet<u64>, u64)>>;

async fn accept(listener: TcpListener, record: Arc<Record>, open: Open) {
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            // Out of descriptors: one of those that are open will be closed.
            tokio::time::sleep(Duration::from_millis(5)).await;
            continue;
        };
        let mut number = 0;
        open.send_modify(|(open, next)| {
            number = *next;
            *next += 1;
            open.insert(number);
        });
        let (record, open) = (Arc::clone(&record), Arc::clone(&open));
        tokio::spawn(async move {
            // A node that is killed while it reports has not reported.
            let _ = serve(stream, number, &record, &open).await;
            open.send_modify(|(open, _)| {
                open.remove(&number);
            });
        });
    }
}

async fn serve(stream: TcpStream, number: u64, record: &Record, open: &Open) -> anyhow::Result<()> {
    let mut stream = BufReader::new(stream);
    loop {
        let mut line = String::new();
        let mut head = (&mut stream).take(HEAD_BYTES_MAX);
        if head.read_line(&mut line).await? == 0 {
            return Ok(());
        }
        let target = line
            .split(' ')
            .nth(1)
            .context("no request line")?
            .to_owned();
        if target == "/settle" {
            open.send_modify(|(open, _)| {
                open.remove(&number);
            });
            stream.write_all(number.to_string().as_bytes()).await?;
            return Ok(());
        }
        loop {
            line.clear();
            ensure!(head.read_line(&mut line).await? > 0, "half a request");
            if line == "\r\n" {
                break;
            }
        }
        record.executed(parse(&target)?);
        stream.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").await?;
    }
}

fn parse(target: &str) -> anyhow::Result<Execution> {
    let (_, query) = target.split_once('?').context("no query")?;
    let field = |name: &str| {
        let mut fields = query.split('&').filter_map(|field| field.split_once('='));
        let found = fields.find(|(key, _)| *key == name);
        found
            .map(|(_, value)| value.to_owned())
            .with_context(|| format!("no {name} in {target}"))
    };
    Ok(Execution {
        root: field("root")?,
        at: field("at")?.parse()?,
        instance: field("instance")?,
        key: field("key")?,
        attempt: field("attempt")?.parse()?,
    })
}
