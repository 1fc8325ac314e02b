//! `weft up` with a defence less. Tests run it in place of the real program, to see that their attacks
//! come through.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use clap::{Parser, ValueEnum};
use weft_hostile::disarmed::{REBINDING_HOST, VARIABLE, Weakness};
use weft_sandbox::{Resolver, SystemResolver, UploadLimits};
use weft_server::{Node, Settings};

const NEVER: Duration = Duration::from_secs(3600);

/// What the tests say of `weft up`.
#[derive(Parser)]
enum Verb {
    Up(Up),
}

#[derive(clap::Args)]
struct Up {
    #[arg(long)]
    data: PathBuf,
    #[arg(long)]
    http: SocketAddr,
    #[arg(long)]
    admin: SocketAddr,
    #[arg(long)]
    grpc: SocketAddr,
}

/// Another answer whenever it is asked for the one name; the system's for all others.
#[derive(Debug, Default)]
struct Fickle {
    asked: AtomicUsize,
}

#[async_trait]
impl Resolver for Fickle {
    async fn lookup(&self, host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
        if host != REBINDING_HOST {
            return SystemResolver.lookup(host, port).await;
        }
        let address = match self.asked.fetch_add(1, Ordering::Relaxed) {
            0 => [127, 7, 0, 1],
            _ => [127, 0, 0, 1],
        };
        Ok(vec![SocketAddr::from((address, port))])
    }
}

fn main() -> anyhow::Result<ExitCode> {
    // The node runs this program to compile uploads.
    if std::env::args().skip(1).eq(["compile"]) {
        return Ok(weft_server::compile());
    }
    let Verb::Up(up) = Verb::parse();
    weft_telemetry::init(weft_telemetry::Format::Text, "info")?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    runtime.block_on(serve(up))?;
    Ok(ExitCode::SUCCESS)
}

async fn serve(up: Up) -> anyhow::Result<()> {
    let weakness = std::env::var(VARIABLE).unwrap_or_else(|_| Weakness::None.name());
    let weakness = Weakness::from_str(&weakness, false).map_err(anyhow::Error::msg)?;
    let open: &[&str] = if weakness == Weakness::EgressOpen {
        &["0.0.0.0/0", "::/0"]
    } else {
        &["127.7.0.0/16"]
    };
    let settings = Settings {
        data: Some(up.data),
        http: Some(up.http),
        admin: Some(up.admin),
        grpc: Some(up.grpc),
        egress_allow: open.iter().map(ToString::to_string).collect(),
        ..Settings::default()
    };
    let mut config = settings.resolve(std::env::current_exe()?)?;
    if weakness == Weakness::HeadsPatient {
        config.header_timeout = NEVER;
    }
    let node = Node::start_rigged(config, |mut parts| {
        let sandbox = &mut parts.sandbox;
        sandbox.resolver = Arc::new(Fickle::default());
        match weakness {
            Weakness::None | Weakness::EgressOpen | Weakness::HeadsPatient => {}
            Weakness::TickerStopped => sandbox.tick = NEVER,
            Weakness::HandlesUnbounded => sandbox.guest.resources_max = 100_000_000,
            Weakness::ScanOff => {
                sandbox.upload = UploadLimits {
                    functions_max: u32::MAX,
                    body_bytes_max: usize::MAX,
                    locals_max: u32::MAX,
                    imports_max: u32::MAX,
                    instances_max: u64::MAX,
                    nesting_max: usize::MAX,
                    ..sandbox.upload
                };
            }
        }
        parts
    })
    .await?;
    println!("{}", serde_json::to_string(node.ready())?);
    node.run(std::future::pending()).await?;
    Ok(())
}
