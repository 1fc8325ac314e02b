//! `weft tenants create`

use anyhow::Result;
use reqwest::Method;

use crate::client::segment;
use crate::context::Target;
use crate::output;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Lower-case letters, digits and '-'
    name: String,
}

pub(super) async fn run(args: &Args, target: &Target) -> Result<()> {
    let client = target.client()?;
    let path = format!("/admin/v1/tenants/{}", segment(&args.name));
    let created = client.json(client.request(Method::PUT, &path)).await?;
    if target.json {
        output::print_json(&created);
    } else {
        let name = &args.name;
        output::note(format!(
            "tenant {name} is there; make a key: weft keys create --tenant {name} --role owner"
        ));
    }
    Ok(())
}
