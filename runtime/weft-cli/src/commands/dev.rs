//! `weft dev`: build, run, deploy; again whenever a file changes.

mod watch;

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Result;
use serde_json::{Value, json};
use weft_server::{Node, Storage};

use crate::client::Client;
use crate::commands::functions::functions_table;
use crate::commands::up::{self, NodeArgs};
use crate::commands::{deploy, logs};
use crate::context::{ADMIN_URL, Target, operator_key_in};
use crate::output;
use crate::project::Project;
use watch::Watch;

const FOLLOW_PAUSE: Duration = Duration::from_secs(1);

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The folder of the project
    #[arg(default_value = ".")]
    dir: PathBuf,
    /// Of the node that is started where none answers
    #[command(flatten)]
    node: NodeArgs,
}

pub(crate) fn run(args: Args, target: &Target) -> Result<()> {
    weft_telemetry::init(weft_telemetry::Format::Text, "warn")?;
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?
        .block_on(develop(args, target.clone()))
}

async fn develop(args: Args, mut target: Target) -> Result<()> {
    let project = Project::open(&args.dir)?;
    target
        .app
        .get_or_insert_with(|| project.manifest.name.to_string());
    let stop = up::stop_asked()?;
    let node = ensure_node(&mut target, args.node).await?;
    let http = node.as_ref().map(|node| node.ready().http.clone());
    let session = Session {
        client: target.client()?,
        target,
        dir: args.dir,
        http,
    };
    let (stopped, node_stopping) = tokio::sync::oneshot::channel::<()>();
    let node = node.map(|node| {
        tokio::spawn(node.run(async {
            // A dropped sender is an end as well.
            let _ = node_stopping.await;
        }))
    });
    let result = tokio::select! {
        result = session.work() => result,
        () = session.follow_logs() => Ok(()),
        () = stop => Ok(()),
    };
    drop(stopped);
    if let Some(node) = node {
        node.await??;
    }
    result
}

/// The node at the address given where one answers; otherwise one that lives as long as this.
async fn ensure_node(target: &mut Target, args: NodeArgs) -> Result<Option<Node>> {
    let settings = args.settings()?;
    // One that would be started elsewhere is looked for there, too.
    let mut look = true;
    if let Some(admin) = settings.admin.filter(|_| target.admin_url == ADMIN_URL) {
        target.admin_url = format!("http://{admin}");
        look = admin.port() != 0;
    }
    if look && target.client()?.get("/healthz").await.is_ok() {
        output::note(format!("using the node at {}", target.admin_url));
        return Ok(None);
    }
    let config = up::config(settings)?;
    let storage = config.storage.clone();
    let node = Node::start(config).await?;
    let ready = node.ready();
    target.admin_url.clone_from(&ready.admin);
    // Its own key, whatever is said about those of others.
    target.key = match storage {
        Storage::Memory => ready.key.clone(),
        Storage::Dir(dir) => operator_key_in(&dir)?,
    };
    output::note(format!("a node runs at {} and {}", ready.http, ready.admin));
    Ok(Some(node))
}

struct Session {
    client: Client,
    target: Target,
    dir: PathBuf,
    /// Where the data plane is, if this program knows.
    http: Option<String>,
}

impl Session {
    /// Builds and deploys, now and after every change; faults are told and waited out.
    async fn work(&self) -> Result<()> {
        loop {
            let mut watch = Watch::start(&self.dir);
            if let Err(error) = self.build_and_deploy().await {
                output::print_error(&error, self.target.json);
            }
            output::note("waiting for changes; ctrl-c ends");
            watch.changed().await;
            output::note("a file has changed");
        }
    }

    async fn build_and_deploy(&self) -> Result<()> {
        let dir = self.dir.clone();
        let built = tokio::task::spawn_blocking(move || {
            let project = Project::open(&dir)?;
            project.build()?;
            anyhow::Ok(project)
        });
        let project = built.await??;
        let answer = deploy::deploy_project(&self.client, &self.target, &project).await?;
        if self.target.json {
            output::print_json_line(&json!({"event": "deployed", "deployed": answer}));
        } else {
            functions_table(&answer).print();
            deploy::note_warnings(&answer);
            self.print_urls(&answer);
        }
        Ok(())
    }

    fn print_urls(&self, answer: &Value) {
        let Some(http) = &self.http else {
            return;
        };
        let tenant = self.target.tenant.as_deref().unwrap_or("default");
        let app = self.target.app.as_deref().unwrap_or("default");
        for function in answer["functions"].as_array().into_iter().flatten() {
            if let Some(route) = function["trigger"]["route"].as_str() {
                output::note(format!("  {http}/@{tenant}/{app}/api/{route}"));
            }
        }
    }

    /// Prints what the app logs. Before the first deployment there is no app to follow.
    async fn follow_logs(&self) {
        loop {
            if let Ok(path) = self.target.app_path() {
                // What ends the stream is told by the work that uses the same node.
                let _ = logs::follow_app(&self.client, &path, self.target.json).await;
            }
            tokio::time::sleep(FOLLOW_PAUSE).await;
        }
    }
}
