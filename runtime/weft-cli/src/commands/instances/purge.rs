//! `weft instances purge`

use anyhow::Result;
use reqwest::Method;
use serde_json::json;

use super::{Filter, path};
use crate::context::{Target, Usage};
use crate::output;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// One instance; without it the filter or --all says which
    id: Option<String>,
    #[command(flatten)]
    filter: Filter,
    /// Their ended children too, and theirs
    #[arg(long)]
    recursive: bool,
    /// Every ended instance
    #[arg(long)]
    all: bool,
}

pub(super) async fn run(args: &Args, target: &Target) -> Result<()> {
    let client = target.client()?;
    let filter = args.filter.query();
    let mut query = filter.clone();
    if args.recursive {
        query.push(("recursive", "true".to_owned()));
    }
    let purged = match &args.id {
        Some(id) if filter.is_empty() && !args.all => {
            let request = client.request(Method::DELETE, &path(target, id)?);
            client.send(request.query(&query)).await?;
            1
        }
        None if !filter.is_empty() || args.all => {
            let path = format!("{}/instances", target.app_path()?);
            let mut purged = 0;
            loop {
                let request = client.request(Method::DELETE, &path).query(&query);
                let answer = client.json(request).await?;
                match answer["purged"].as_u64().unwrap_or(0) {
                    0 => break purged,
                    some => purged += some,
                }
            }
        }
        Some(_) | None => {
            let message = "give the id of one instance, or a filter, or --all";
            return Err(Usage(message.to_owned()).into());
        }
    };
    if target.json {
        output::print_json(&json!({"purged": purged}));
    } else {
        output::note(format!("{purged} removed"));
    }
    Ok(())
}
