//! `weft connections show`

use anyhow::Result;

use super::{Args, path};
use crate::context::Target;
use crate::output;

pub(super) async fn run(args: &Args, target: &Target) -> Result<()> {
    let connection = target.client()?.get(&path(target, &args.name)?).await?;
    output::print_json(&connection);
    Ok(())
}
