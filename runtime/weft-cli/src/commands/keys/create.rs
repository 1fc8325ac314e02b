//! `weft keys create`

use anyhow::Result;
use clap::ValueEnum;
use serde_json::json;

use crate::context::Target;
use crate::output::{self, cell};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// What the holder may do
    #[arg(long, value_enum)]
    role: Role,
    /// An app that the key is for; all of the tenant if absent
    #[arg(long = "for-app", value_name = "APP")]
    apps: Vec<String>,
    /// What you call it
    #[arg(long, default_value = "")]
    label: String,
    /// When it stops working, as in 2027-01-31T00:00:00Z
    #[arg(long)]
    expires_at: Option<String>,
}

/// What the holder may do.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum Role {
    /// See what is deployed, logs and instances
    Reader,
    /// Call functions, start and manage instances
    Invoker,
    /// Also deploy
    Deployer,
    /// Also manage keys
    Owner,
}

pub(super) async fn run(args: &Args, target: &Target) -> Result<()> {
    let role = args.role.to_possible_value().expect("no role is hidden");
    let mut body = json!({"role": role.get_name(), "label": args.label});
    if let Some(expires_at) = &args.expires_at {
        body["expires_at"] = expires_at.as_str().into();
    }
    if !args.apps.is_empty() {
        body["apps"] = args.apps.clone().into();
    }
    let path = format!("{}/keys", target.tenant_path()?);
    let created = target.client()?.post(&path, &body).await?;
    if target.json {
        output::print_json(&created);
        return Ok(());
    }
    output::print_text(&cell(&created, "key"));
    output::note("keep it now: it cannot be shown again");
    Ok(())
}
