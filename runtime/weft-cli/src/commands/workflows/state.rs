//! `weft workflows enable` and `weft workflows disable`

use anyhow::Result;
use reqwest::Method;

use super::{Args, path};
use crate::context::Target;
use crate::output::{self, cell};

pub(super) async fn run(args: &Args, verb: &str, target: &Target) -> Result<()> {
    let client = target.client()?;
    let path = format!("{}/{verb}", path(target, &args.name)?);
    let answer = client.json(client.request(Method::POST, &path)).await?;
    if target.json {
        output::print_json(&answer);
    } else {
        let (name, state) = (cell(&answer, "name"), cell(&answer, "state"));
        output::note(format!("{name} is {}", state.to_lowercase()));
    }
    Ok(())
}
