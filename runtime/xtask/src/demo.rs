//! The demo: what a newcomer sees first, done as a user would do it, through the `weft` command
//! and HTTP.

use std::io::{Cursor, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use jiff::Timestamp;
use serde_json::Value;
use weft_testkit::node::{Node, weft_binary};
use zip::write::SimpleFileOptions;

use crate::guests::ensure_target;
use crate::process;

#[derive(clap::Args)]
pub(crate) struct Args {
    /// Leave the node up until Ctrl-C
    #[arg(long)]
    keep: bool,
}

/// How long one orchestration may take, on a slow machine and with a debug build.
const PATIENCE: Duration = Duration::from_secs(180);
/// The orders that the node is killed under.
const INTERRUPTED: [&str; 2] = ["slow", "large"];

pub(crate) fn run(args: Args) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Runtime::new()?;
    runtime.block_on(demo(args))
}

async fn demo(args: Args) -> anyhow::Result<()> {
    ensure_target()?;
    title("Building weft (the first time takes several minutes)");
    let binary = weft_binary();
    title("Starting a node on the embedded store");
    let mut demo = Demo {
        binary,
        node: Node::start(&[]),
    };
    println!(
        "functions {}  management {}",
        demo.node.http(),
        demo.node.admin()
    );
    for sample in ["hello-http", "order-fulfilment", "photo-pipeline"] {
        title(&format!("Building and deploying samples/rust/{sample}"));
        demo.weft(sample, &["build"])?;
        demo.weft(sample, &["deploy"])?;
    }
    demo.hello().await?;
    demo.orders().await?;
    let sheet = demo.photos().await?;
    demo.where_next(&sheet);
    if args.keep {
        println!("\nThe node stays up until you press Ctrl-C.");
        tokio::signal::ctrl_c().await?;
    }
    let status = demo.node.terminate();
    ensure!(status.success(), "the node ended with {status}");
    Ok(())
}

struct Demo {
    binary: &'static Path,
    node: Node,
}

impl Demo {
    /// The `weft` command in the folder of a sample.
    fn command(&self, sample: &str, args: &[&str]) -> Command {
        let mut weft = Command::new(self.binary);
        weft.current_dir(process::root().join("samples/rust").join(sample))
            .env("WEFT_ADMIN", self.node.admin())
            .env("WEFT_KEY", self.node.key())
            .env_remove("CARGO_TARGET_DIR")
            .stdin(Stdio::null())
            .args(args);
        weft
    }

    fn weft(&self, sample: &str, args: &[&str]) -> anyhow::Result<()> {
        println!("$ weft {}", args.join(" "));
        let status = self.command(sample, args).status()?;
        ensure!(status.success(), "weft {} failed", args.join(" "));
        Ok(())
    }

    async fn hello(&self) -> anyhow::Result<()> {
        title("hello-http: a plain wasi:http component");
        let url = format!("{}/@default/hello-http/api/hello", self.node.http());
        println!("$ curl {url}");
        let answer = reqwest::get(&url).await?.error_for_status()?;
        println!("{}", answer.text().await?);
        Ok(())
    }

    async fn orders(&mut self) -> anyhow::Result<()> {
        const SAMPLE: &str = "order-fulfilment";
        title("order-fulfilment: a saga, with the node killed in the middle");
        let at_stage = |stage: &'static str| {
            move |instance: &Value| instance["custom_status"]["stage"] == stage
        };
        self.start_order("large", "@orders/large.json")?;
        self.wait(SAMPLE, "large", at_stage("awaiting-approval"))
            .await?;
        // Last, since it waits for nobody: its bank is asked again after one second and after two.
        self.start_order("slow", "@orders/slow-bank.json")?;
        self.wait(SAMPLE, "slow", at_stage("charging")).await?;
        for order in INTERRUPTED {
            let instance = self.show(SAMPLE, order)?;
            ensure!(!has_ended(&instance), "{order} ended before the kill");
            println!(
                "order {order}: {} at the stage {}",
                text(&instance, "runtime_status"),
                text(&instance["custom_status"], "stage")
            );
        }
        println!("\n*** SIGKILL: the node is gone while both orders are under way ***");
        self.node.kill();
        let killed = Timestamp::now();
        self.node.restart();
        println!("*** started again over the same folder ***\n");
        let payload = r#"{"approved": true, "by": "Ann"}"#;
        let raise = [
            "instances",
            "raise-event",
            "large",
            "approval",
            "--input",
            payload,
        ];
        self.weft(SAMPLE, &raise)?;
        self.start_order("antarctica", "@orders/antarctica.json")?;
        for order in ["slow", "large", "antarctica"] {
            let ended = self.wait(SAMPLE, order, has_ended).await?;
            let (status, outcome) = (text(&ended, "runtime_status"), &ended["output"]);
            println!("order {order}: {status} {outcome}");
            if INTERRUPTED.contains(&order) {
                // The look before the kill proves it of that moment only; this, of the kill.
                let at: Timestamp = text(&ended, "updated_at").parse()?;
                ensure!(
                    at >= killed,
                    "{order} ended at {at}, killed was at {killed}"
                );
            }
        }
        println!("Both orders that the kill interrupted went on to their end after it.");
        println!("\nThe timeline of the order that the crash interrupted:");
        self.weft(SAMPLE, &["instances", "history", "slow"])
    }

    fn start_order(&self, id: &str, input: &str) -> anyhow::Result<()> {
        let start = ["start", "fulfil", "--id", id, "--input", input];
        self.weft("order-fulfilment", &start)
    }

    async fn photos(&self) -> anyhow::Result<std::path::PathBuf> {
        const SAMPLE: &str = "photo-pipeline";
        title("photo-pipeline: a ZIP of photographs becomes a contact sheet");
        let key = self.node.key();
        let client = reqwest::Client::new();
        let url = format!("{}/@default/photos/api/photos", self.node.http());
        let archive = archive()?;
        println!("POST {url} ({} KiB)", archive.len() / 1024);
        let request = client.post(&url).header("x-functions-key", &key);
        let answer = request.body(archive).send().await?.error_for_status()?;
        let album: Value = serde_json::from_slice(&answer.bytes().await?)?;
        let id = album["id"].as_str().context("the answer has no id")?;
        self.wait(SAMPLE, id, has_ended).await?;
        self.weft(SAMPLE, &["instances", "history", id])?;
        let sheet = format!("{url}/{id}/sheet");
        let request = client.get(&sheet).header("x-functions-key", &key);
        let png = request.send().await?.error_for_status()?.bytes().await?;
        let path = std::env::temp_dir().join(format!("weft-contact-sheet-{id}.png"));
        std::fs::write(&path, &png)?;
        println!(
            "{sheet}: {} KiB, saved as {}",
            png.len() / 1024,
            path.display()
        );
        Ok(path)
    }

    fn show(&self, sample: &str, id: &str) -> anyhow::Result<Value> {
        let mut show = self.command(sample, &["instances", "show", id, "--json"]);
        Ok(serde_json::from_str(&process::output(&mut show)?)?)
    }

    /// Waits until an instance is as wanted, and returns it.
    async fn wait(
        &self,
        sample: &str,
        id: &str,
        wanted: impl Fn(&Value) -> bool,
    ) -> anyhow::Result<Value> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let instance = self.show(sample, id)?;
            if wanted(&instance) {
                return Ok(instance);
            }
            ensure!(
                Instant::now() < deadline,
                "{id} takes too long: {instance:#}"
            );
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    fn where_next(&self, sheet: &Path) {
        title("Where to look next");
        println!("the contact sheet      {}", sheet.display());
        println!("the API                {}/openapi.json", self.node.admin());
        println!("metrics                {}/metrics", self.node.admin());
        println!("your own function      weft new my-app --template rust");
        println!("how it works           ARCHITECTURE.md");
    }
}

fn text<'a>(value: &'a Value, member: &str) -> &'a str {
    value[member].as_str().unwrap_or("?")
}

fn has_ended(instance: &Value) -> bool {
    ["Completed", "Failed", "Terminated"].contains(&text(instance, "runtime_status"))
}

/// The photographs of the sample.
fn archive() -> anyhow::Result<Vec<u8>> {
    let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
    let stored = SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored);
    let folder = process::root().join("samples/rust/photo-pipeline/photos");
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        if !name.ends_with(".md") {
            zip.start_file(name, stored)?;
            zip.write_all(&std::fs::read(&path)?)?;
        }
    }
    Ok(zip.finish()?.into_inner())
}

fn title(text: &str) {
    println!("\n=== {text}");
}
