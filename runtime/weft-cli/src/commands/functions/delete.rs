//! `weft functions delete`

use anyhow::Result;
use serde_json::{Value, json};

use super::path;
use crate::client::segment;
use crate::context::{Target, Usage};
use crate::output;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The function's name
    name: String,
    /// Also remove the other functions of the same component
    #[arg(long)]
    with_others: bool,
}

pub(super) async fn run(args: &Args, target: &Target) -> Result<()> {
    let client = target.client()?;
    let function = client.get(&path(target, &args.name)?).await?;
    let component = output::cell(&function, "component");
    let place = format!("{}/components/{}", target.app_path()?, segment(&component));
    let held = client.get(&place).await?;
    let held = held["functions"].as_array().into_iter().flatten();
    let names: Vec<&str> = held.filter_map(|f| f["name"].as_str()).collect();
    if names.len() > 1 && !args.with_others {
        let all = names.join(", ");
        let message =
            format!("the component {component} holds {all}; --with-others removes all of them");
        return Err(Usage(message).into());
    }
    client.delete(&place).await?;
    if target.json {
        let names: Vec<Value> = names.into_iter().map(Value::from).collect();
        output::print_json(&json!({"component": component, "functions": names}));
    } else {
        output::note(format!("removed {}", names.join(", ")));
    }
    Ok(())
}
