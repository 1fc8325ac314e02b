//! `weft up` with a planted bug in its store, or with a clock that is wrong from its start on.
//! Tests run it in place of the real program, to see what becomes of it.

mod clock;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use clap::{Parser, ValueEnum};
use weft_crash::plant::{self, Plant};
use weft_server::{Node, Parts, Settings};
use weft_sim::faults::{Fault, FaultyStore, Owners};

use clock::WrongClock;

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
    egress_allow: Vec<String>,
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
    let settings = Settings {
        data: Some(up.data),
        http: Some(up.http),
        admin: Some(up.admin),
        egress_allow: up.egress_allow,
        ..Settings::default()
    };
    let config = settings.resolve(std::env::current_exe()?)?;
    let plant = match std::env::var(plant::VARIABLE) {
        Ok(name) => {
            let plant = Plant::from_str(&name, false).map_err(anyhow::Error::msg)?;
            Some(plant.in_store().context("that bug is in no store")?)
        }
        Err(_) => None,
    };
    let node = Node::start_rigged(config, |parts| Parts {
        store: match plant {
            Some(plant) => FaultyStore::over(
                parts.store,
                rand::random(),
                Fault::default(),
                Some(plant),
                Owners::default(),
                Duration::ZERO,
            ),
            None => parts.store,
        },
        clock: WrongClock::over(parts.clock),
        sandbox: parts.sandbox,
    })
    .await?;
    println!("{}", serde_json::to_string(node.ready())?);
    node.run(std::future::pending()).await?;
    Ok(())
}
