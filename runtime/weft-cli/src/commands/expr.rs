//! `weft expr`

use std::path::PathBuf;

use anyhow::{Context, Result, bail};

use crate::output;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// An expression of the workflow language, as concat('a', 'b'), or a text that holds some, as
    /// "@{variables('n')} items"
    expression: String,
    /// A JSON file with what a run would know: parameters, variables, trigger, actions, items, ...
    #[arg(long, value_name = "FILE")]
    context: Option<PathBuf>,
}

pub(crate) fn run(args: &Args) -> Result<()> {
    let context = match &args.context {
        Some(path) => std::fs::read_to_string(path)
            .with_context(|| format!("{} cannot be read", path.display()))?,
        None => "{}".to_owned(),
    };
    #[expect(
        clippy::disallowed_methods,
        reason = "there is no run whose time would be asked for"
    )]
    let now = std::time::SystemTime::now();
    match weft_server::evaluate(&args.expression, &context, now) {
        Ok(value) => {
            output::print_text(&value);
            Ok(())
        }
        Err(fault) => {
            let mut message = fault.message;
            if let Some(hint) = fault.hint {
                message.push_str(&format!(" {hint}"));
            }
            if let Some(offset) = fault.offset {
                message.push_str(&format!(
                    "\n  {}\n  {}^",
                    args.expression,
                    " ".repeat(offset)
                ));
            }
            bail!(message)
        }
    }
}
