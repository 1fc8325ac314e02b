//! `weft tenants grants`

use anyhow::Result;
use reqwest::Method;

use crate::client::segment;
use crate::commands::json_argument;
use crate::context::Target;
use crate::output;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The tenant's name
    name: String,
    /// What it is granted from now on, as JSON; @FILE, or - for stdin
    #[arg(long, value_name = "JSON")]
    set: Option<String>,
    /// Take the grants back: the operator's policy alone holds
    #[arg(long, conflicts_with = "set")]
    clear: bool,
}

pub(super) async fn run(args: &Args, target: &Target) -> Result<()> {
    let client = target.client()?;
    let path = format!("/admin/v1/tenants/{}/grants", segment(&args.name));
    if args.clear {
        client.delete(&path).await?;
    }
    if let Some(grants) = &args.set {
        let grants = json_argument(grants)?;
        let request = client.request(Method::PUT, &path).json(&grants);
        client.json(request).await?;
    }
    output::print_json(&client.get(&path).await?);
    Ok(())
}
