//! How many requests per second does the smallest function answer, and how fast, beside a server
//! that has no function to run?
//!
//! The bare server and `wasmtime serve` are processes of their own, as the node is. Everything that
//! a node does in production is on: admission, limits, logs, metrics.

use std::io::{BufRead as _, BufReader};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::Context;
use tokio::io::AsyncReadExt as _;

use super::{Plan, millis};
use crate::drive::{Request, Sample, Until, drive};
use crate::node::Subject;
use crate::report::{Aim, Figure, Report};

const CONNECTIONS: [usize; 3] = [1, 16, 64];
const WARM_UP: Duration = Duration::from_millis(500);

/// A server that is compared.
struct Server {
    name: &'static str,
    request: Request,
    rounds: Vec<Sample>,
    /// Microseconds of the node's processor time for each request, where it is the node.
    processor: Vec<f64>,
}

pub(crate) async fn measure(
    plan: Plan,
    wasmtime: Option<&Path>,
    report: &mut Report,
) -> anyhow::Result<()> {
    let subject = Subject::start();
    let bare = Process::bare()?;
    let mut servers = vec![
        Server::new("bare axum", Request::new("GET", &bare.url, None, "")?),
        Server::new("weft", subject.hello().await?),
        Server::new("weft, instances kept", subject.hello_kept().await?),
    ];
    let mut others = Vec::new();
    if let Some(program) = wasmtime {
        for (name, flags) in WASMTIME {
            let process = Process::wasmtime(program, flags).await?;
            let request = Request::new("GET", &process.url, None, "")?;
            servers.push(Server::new(name, request));
            others.push(process);
        }
    }
    for connections in CONNECTIONS {
        for server in &mut servers {
            server.rounds.clear();
            server.processor.clear();
            drive(&server.request, connections, Until::Passed(WARM_UP)).await?;
        }
        for _ in 0..plan.rounds {
            for server in &mut servers {
                let before = subject.processor_seconds()?;
                let sample = drive(&server.request, connections, Until::Passed(plan.round)).await?;
                let spent = subject.processor_seconds()? - before;
                let each = spent / sample.latencies.len().max(1) as f64;
                server.processor.push(each * 1e6);
                server.rounds.push(sample);
            }
        }
        let question = format!("hello over HTTP, {connections} connections");
        report.add(&question, figures(&servers, connections));
    }
    Ok(())
}

/// Beside what it does by default: what wasmtime 48 was measured fastest with.
const WASMTIME: [(&str, &[&str]); 2] = [
    ("wasmtime serve", &[]),
    (
        "wasmtime serve, tuned",
        &[
            "-O",
            "pooling-memory-keep-resident=2097152",
            "-O",
            "pooling-table-keep-resident=65536",
            "-O",
            "pooling-pagemap-scan=y",
        ],
    ),
];

fn figures(servers: &[Server], connections: usize) -> Vec<Figure> {
    let name =
        |server: &Server, what: &str| format!("{}, {connections} connections, {what}", server.name);
    let mut figures = Vec::new();
    for server in servers {
        let rates = server.each(Sample::per_second);
        figures.push(Figure::of(name(server, "requests"), "/s", rates));
    }
    for server in servers {
        for (share, shown) in [(0.5, "p50"), (0.99, "p99")] {
            let times = server.each(|round| millis(round.quantile(share)));
            let figure = Figure::of(name(server, shown), "ms", times);
            let aimed = server.name.starts_with("weft") && share > 0.9 && connections > 1;
            figures.push(if aimed {
                figure.aiming(Aim::AtMost(2.0))
            } else {
                figure
            });
        }
    }
    let [bare, weft, kept, others @ ..] = servers else {
        return figures;
    };
    for server in [weft, kept] {
        let of = name(server, "processor time of a request");
        figures.push(Figure::of(of, "us", server.processor.clone()));
    }
    // Each round beside the one that ran just before it.
    let ratio_of = |server: &Server, other: &Server| -> Vec<f64> {
        let pairs = server.rounds.iter().zip(&other.rounds);
        pairs
            .map(|(server, other)| server.per_second() / other.per_second())
            .collect()
    };
    let ratio = |other: &Server| ratio_of(weft, other);
    let aimed = |figure: Figure, least: f64| match connections {
        1 => figure,
        _ => figure.aiming(Aim::AtLeast(least)),
    };
    let share = Figure::of(name(weft, "share of bare axum"), "x", ratio(bare));
    figures.push(aimed(share, 0.30));
    let share = Figure::of(name(kept, "share of bare axum"), "x", ratio_of(kept, bare));
    figures.push(aimed(share, 0.50));
    for (other, least) in others.iter().zip([4.0, 1.5]) {
        let what = format!("times {}", other.name);
        figures.push(aimed(
            Figure::of(name(weft, &what), "x", ratio(other)),
            least,
        ));
    }
    figures
}

impl Server {
    fn new(name: &'static str, request: Request) -> Self {
        Self {
            name,
            request,
            rounds: Vec::new(),
            processor: Vec::new(),
        }
    }

    fn each(&self, of: impl Fn(&Sample) -> f64) -> Vec<f64> {
        self.rounds.iter().map(of).collect()
    }
}

/// A server that ends with this value.
struct Process {
    child: Child,
    url: String,
}

impl Process {
    /// This program again, as the bare server.
    fn bare() -> anyhow::Result<Self> {
        let mut child = Command::new(std::env::current_exe()?)
            .arg("bare")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let stdout = child.stdout.take().context("it is piped")?;
        let mut url = String::new();
        let read = BufReader::new(stdout).read_line(&mut url);
        let process = Self {
            child,
            url: url.trim().to_owned(),
        };
        read?;
        Ok(process)
    }

    async fn wasmtime(program: &Path, flags: &[&str]) -> anyhow::Result<Self> {
        // Freed at once: the server itself cannot be asked for any free port.
        let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
        let file = tempfile::NamedTempFile::new()?;
        let wasm = weft_testkit::guests::component("samples/rust/hello-http", "hello_http");
        std::fs::write(file.path(), wasm)?;
        let child = Command::new(program)
            .arg("serve")
            .args(flags)
            .args(["--addr", &address.to_string()])
            .arg(file.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .with_context(|| format!("cannot run {}", program.display()))?;
        let process = Self {
            child,
            url: format!("http://{address}/"),
        };
        let deadline = Instant::now() + Duration::from_secs(20);
        while std::net::TcpStream::connect(address).is_err() {
            anyhow::ensure!(Instant::now() < deadline, "wasmtime serve does not listen");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        // It has read its file by now.
        Ok(process)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Answers what the function answers, with nothing in between; ends when its stdin does.
pub(crate) async fn serve_bare() -> anyhow::Result<()> {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    println!("http://{}/", listener.local_addr()?);
    let app = axum::Router::new().fallback(|| async { "Hello, world!" });
    let parent_gone = async {
        // Whatever comes instead of the end is no reason to go on.
        let _ = tokio::io::stdin().read(&mut [0]).await;
    };
    let serve = axum::serve(
        axum::serve::ListenerExt::tap_io(listener, |stream| {
            // As the node does.
            let _ = stream.set_nodelay(true);
        }),
        app,
    );
    tokio::select! {
        served = async { serve.await } => Ok(served?),
        () = parent_gone => Ok(()),
    }
}
