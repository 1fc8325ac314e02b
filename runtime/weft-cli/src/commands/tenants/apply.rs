//! `weft tenants apply`

use std::collections::BTreeMap;
use std::path::PathBuf;

use anyhow::{Context as _, Result};
use reqwest::Method;
use serde_json::json;
use weft_id::Tenant;
use weft_server::TenantSettings;

use crate::context::Target;
use crate::output;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// TOML with a table [tenants.NAME] for each, as weft.server.toml has them
    file: PathBuf,
}

/// What is read of the file; all else in it is for others.
#[derive(Debug, serde::Deserialize)]
struct Tenants {
    tenants: BTreeMap<Tenant, TenantSettings>,
}

/// Tenants that the file does not name stay as they are.
pub(super) async fn run(args: &Args, target: &Target) -> Result<()> {
    let file = args.file.display();
    let text = std::fs::read_to_string(&args.file).with_context(|| format!("read {file}"))?;
    let read: Tenants = toml::from_str(&text).with_context(|| format!("{file} has a fault"))?;
    let client = target.client()?;
    for (tenant, settings) in &read.tenants {
        let path = format!("/admin/v1/tenants/{tenant}");
        client.json(client.request(Method::PUT, &path)).await?;
        if let Some(quota) = &settings.quota {
            let request = client.request(Method::PUT, &format!("{path}/quota"));
            client.json(request.json(quota)).await?;
        }
        if let Some(grants) = &settings.grants {
            let request = client.request(Method::PUT, &format!("{path}/grants"));
            client.json(request.json(grants)).await?;
        }
    }
    let names: Vec<String> = read.tenants.keys().map(ToString::to_string).collect();
    if target.json {
        output::print_json(&json!({"applied": names}));
    } else {
        output::note(format!("applied {}", names.join(", ")));
    }
    Ok(())
}
