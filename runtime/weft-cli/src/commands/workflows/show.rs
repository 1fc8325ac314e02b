//! `weft workflows show`

use anyhow::Result;
use reqwest::Method;

use super::{Args, path};
use crate::context::Target;
use crate::output;

/// The text is JSON, so that `--json` changes nothing.
pub(super) async fn run(args: &Args, target: &Target) -> Result<()> {
    let client = target.client()?;
    let request = client.request(Method::GET, &path(target, &args.name)?);
    let text = client.send(request).await?.text().await?;
    output::print_text(text.trim_end());
    Ok(())
}
