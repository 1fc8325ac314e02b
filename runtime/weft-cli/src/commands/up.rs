//! `weft up`

use std::net::SocketAddr;
use std::path::PathBuf;

use anyhow::{Context as _, Result, bail};
use clap::ValueEnum;
use tokio::signal::unix::{Signal, SignalKind, signal};
use weft_server::{Config, Node, Settings};

use crate::output;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    node: NodeArgs,
}

/// The settings of a node as options and variables.
#[derive(Debug, clap::Args)]
pub(crate) struct NodeArgs {
    /// Settings in TOML; ./weft.server.toml if there is one
    #[arg(long, env = "WEFT_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
    /// The folder for everything that the node keeps [default: ./.weft]
    #[arg(long, env = "WEFT_DATA", value_name = "DIR", conflicts_with = "memory")]
    data: Option<PathBuf>,
    /// Keep no files at all
    #[arg(long)]
    memory: bool,
    /// Address of the data plane; port 0 picks one [default: 127.0.0.1:7071]
    #[arg(long, env = "WEFT_HTTP", value_name = "ADDR")]
    http: Option<SocketAddr>,
    /// Address of the control plane [default: 127.0.0.1:7072]
    #[arg(long, env = "WEFT_ADMIN_ADDR", value_name = "ADDR")]
    admin: Option<SocketAddr>,
    /// Address of the gRPC service for Durable Task SDKs [default: 127.0.0.1:4001, where it is free]
    #[arg(long, env = "WEFT_GRPC", value_name = "ADDR")]
    grpc: Option<SocketAddr>,
    /// A private range that functions may reach where their grants allow it, as 127.0.0.0/8
    #[arg(
        long,
        env = "WEFT_EGRESS_ALLOW",
        value_name = "CIDR",
        value_delimiter = ','
    )]
    egress_allow: Vec<String>,
    /// What links to the data plane begin with
    #[arg(long, env = "WEFT_PUBLIC_URL", value_name = "URL")]
    public_url: Option<String>,
    /// MiB of one input, output, event or entity state, up to 512 [default: 64]
    #[arg(long, env = "WEFT_PAYLOAD_MAX", value_name = "MIB")]
    payload_max: Option<u32>,
    /// For how many days the audit log is kept [default: 365]
    #[arg(long, env = "WEFT_AUDIT_DAYS", value_name = "DAYS")]
    audit_days: Option<u32>,
    /// How the node's own log is written [default: text]
    #[arg(long, env = "WEFT_LOG_FORMAT", value_enum)]
    log_format: Option<LogFormat>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum LogFormat {
    Text,
    Json,
}

impl NodeArgs {
    /// What is said here, and what the file says besides.
    ///
    /// # Errors
    /// When the file cannot be read or has a fault.
    pub(crate) fn settings(self) -> Result<Settings> {
        let file = Settings::from_file(self.config.as_deref())?;
        let variable = |name| std::env::var(name).ok().filter(|text| !text.is_empty());
        let said = Settings {
            data: self.data,
            memory: self.memory.then_some(true),
            http: self.http,
            admin: self.admin,
            grpc: self.grpc,
            egress_allow: self.egress_allow,
            public_url: self.public_url,
            payload_max: self.payload_max,
            log_format: self.log_format.map(|format| match format {
                LogFormat::Text => weft_server::LogFormat::Text,
                LogFormat::Json => weft_server::LogFormat::Json,
            }),
            // For the file alone: these are tables.
            quota: weft_app::Quota::default(),
            policy: weft_app::Grants::default(),
            tenants: std::collections::BTreeMap::new(),
            isolation: None,
            audit_days: self.audit_days,
            secrets_key: variable("WEFT_SECRETS_KEY"),
            // As hosts of the peer tell the programs on them.
            identity: variable("IDENTITY_ENDPOINT").zip(variable("IDENTITY_HEADER")),
        };
        Ok(said.over(file))
    }
}

pub(crate) fn run(args: Args) -> Result<()> {
    let settings = args.node.settings()?;
    let format = match settings.log_format {
        None | Some(weft_server::LogFormat::Text) => weft_telemetry::Format::Text,
        Some(weft_server::LogFormat::Json) => weft_telemetry::Format::Json,
    };
    weft_telemetry::init(format, "info")?;
    let config = config(settings)?;
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?
        .block_on(serve(config))
}

/// Settles the settings; this program compiles for the node.
pub(crate) fn config(settings: Settings) -> Result<Config> {
    let program = std::env::current_exe().context("find this program, which also compiles")?;
    Ok(settings.resolve(program)?)
}

async fn serve(config: Config) -> Result<()> {
    // Listening begins before the node does, so that no signal is lost in between.
    let mut stops = Stops::new()?;
    let node = Node::start(config).await?;
    output::print_text(&serde_json::to_string(node.ready())?);
    let (asked, stop) = tokio::sync::oneshot::channel::<()>();
    let at_once = async {
        stops.asked().await;
        // A node that ends by itself no longer wants to know.
        let _ = asked.send(());
        stops.asked().await;
    };
    // A sender that is dropped is a node that ends.
    let stop = async { drop(stop.await) };
    tokio::select! {
        ended = node.run(stop) => Ok(ended?),
        () = at_once => bail!("ended at once, without waiting for what was under way"),
    }
}

/// The signals that ask the process to end.
struct Stops {
    terminate: Signal,
    interrupt: Signal,
}

impl Stops {
    fn new() -> Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    async fn asked(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

/// Completes when the process is asked to end.
pub(crate) fn stop_asked() -> Result<impl Future<Output = ()>> {
    let mut stops = Stops::new()?;
    Ok(async move { stops.asked().await })
}
