//! `weft tenants delete`

use anyhow::Result;
use serde_json::json;

use crate::client::segment;
use crate::context::{Target, Usage};
use crate::output;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The tenant's name
    name: String,
    /// Yes: its keys, apps, instances and data are lost
    #[arg(long)]
    yes: bool,
}

pub(super) async fn run(args: &Args, target: &Target) -> Result<()> {
    let name = &args.name;
    if !args.yes {
        let why = format!("the keys, apps, instances and data of {name} would be lost: say --yes");
        return Err(Usage(why).into());
    }
    let path = format!("/admin/v1/tenants/{}", segment(name));
    target.client()?.delete(&path).await?;
    if target.json {
        output::print_json(&json!({"deleted": name}));
    } else {
        output::note(format!("deleted {name}"));
    }
    Ok(())
}
