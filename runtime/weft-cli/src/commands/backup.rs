//! `weft backup` and `weft restore`: on the machine that holds the data.

use std::path::PathBuf;

use anyhow::{Context as _, Result};
use serde_json::json;
use weft_server::Copied;

use crate::context::{Target, data_dir};
use crate::output;

#[derive(Debug, clap::Args)]
pub(crate) struct BackupArgs {
    /// A folder that is absent or empty
    #[arg(value_name = "FOLDER")]
    to: PathBuf,
    /// The data of the node, which may be running; default ./.weft
    #[arg(long, env = "WEFT_DATA", value_name = "DIR")]
    data: Option<PathBuf>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct RestoreArgs {
    /// What `weft backup` wrote
    #[arg(value_name = "FOLDER")]
    from: PathBuf,
    /// The folder to make, absent or empty; default ./.weft
    #[arg(long, env = "WEFT_DATA", value_name = "DIR")]
    data: Option<PathBuf>,
}

pub(crate) fn backup(args: &BackupArgs, target: &Target) -> Result<()> {
    let data = args.data.clone().unwrap_or_else(data_dir);
    let copied = weft_server::backup(&data, &args.to).context("no backup was made")?;
    report(copied, target);
    if !target.json {
        output::note(format!(
            "`weft restore {}` makes a node's data of it",
            args.to.display()
        ));
        output::note(
            "secrets of apps are in it encrypted: keep secrets.key (or WEFT_SECRETS_KEY) elsewhere",
        );
    }
    Ok(())
}

pub(crate) fn restore(args: &RestoreArgs, target: &Target) -> Result<()> {
    let data = args.data.clone().unwrap_or_else(data_dir);
    let copied = weft_server::restore(&args.from, &data).context("nothing was restored")?;
    report(copied, target);
    if !target.json {
        output::note(format!(
            "`weft up --data {}` starts a node over it",
            data.display()
        ));
    }
    Ok(())
}

fn report(copied: Copied, target: &Target) {
    let Copied {
        instances,
        components,
        bytes,
    } = copied;
    if target.json {
        let copied = json!({"instances": instances, "components": components, "bytes": bytes});
        output::print_json(&copied);
    } else {
        let size = output::bytes(bytes);
        output::print_text(&format!(
            "{instances} instances and {components} components, {size}"
        ));
    }
}
