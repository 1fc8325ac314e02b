//! `weft revisions check`

use anyhow::{Result, bail};
use serde_json::Value;

use crate::context::Target;
use crate::output::{self, Table, cell};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Its number; `weft revisions list` shows those there are
    revision: u32,
}

pub(super) async fn run(args: &Args, target: &Target) -> Result<()> {
    let path = format!("{}/revisions/{}/check", target.app_path()?, args.revision);
    let answer = target.client()?.post(&path, &Value::Null).await?;
    if target.json {
        output::print_json(&answer);
    } else {
        print(&answer);
    }
    if answer["compatible"] != true {
        bail!(
            "the code of revision {} does not follow all histories",
            args.revision
        );
    }
    Ok(())
}

/// The answer of the replay gate.
pub(super) fn print(check: &Value) {
    let mut table = Table::new(&["instance", "orchestrator", "status", "verdict", "detail"]);
    let instances = check["instances"].as_array().into_iter().flatten();
    let mut count = 0;
    for instance in instances {
        count += 1;
        table.row([
            cell(instance, "id"),
            cell(instance, "orchestrator"),
            cell(instance, "runtime_status"),
            cell(instance, "verdict"),
            cell(instance, "detail"),
        ]);
    }
    table.print();
    if check["complete"] == false {
        output::note(format!("{count} instances were looked at, there are more"));
    }
}
