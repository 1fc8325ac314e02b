//! `weft expr`

use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

use crate::context::Target;
use crate::output;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// An expression of the workflow language, as concat('a', 'b'), or a text that holds some, as
    /// "@{variables('n')} items"; - reads it from stdin
    expression: String,
    /// A JSON file with what a run would know: parameters, variables, trigger, actions, items, ...
    #[arg(long, value_name = "FILE")]
    context: Option<PathBuf>,
}

pub(crate) fn run(args: &Args, target: &Target) -> Result<()> {
    let expression = match args.expression.as_str() {
        "-" => std::io::read_to_string(std::io::stdin())?
            .trim_end()
            .to_owned(),
        text => text.to_owned(),
    };
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
    match weft_server::evaluate(&expression, &context, now) {
        Ok(value) if target.json => {
            let value: Value = serde_json::from_str(&value).context("the value is not JSON")?;
            output::print_json(&json!({"value": value}));
            Ok(())
        }
        Ok(value) => {
            output::print_text(&value);
            Ok(())
        }
        Err(fault) => {
            if target.json {
                output::print_json(&json!({"error": {
                    "message": fault.message,
                    "offset": fault.offset,
                    "hint": fault.hint,
                }}));
            }
            bail!(told(&expression, &fault))
        }
    }
}

/// The message, the character that it is about, and what would help.
fn told(expression: &str, fault: &weft_server::ExpressionFault) -> String {
    let mut told = fault.message.clone();
    let pointed = fault.offset.and_then(|at| output::pointed(expression, at));
    if let Some(pointed) = pointed {
        told.push_str(&format!("\n{pointed}"));
    }
    if let Some(hint) = &fault.hint {
        told.push_str(&format!("\n  hint: {hint}"));
    }
    told
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_failing_character_is_pointed_at() {
        let expression = "concat('a', lenth('b'))";
        let fault = weft_server::evaluate(expression, "{}", std::time::UNIX_EPOCH).unwrap_err();
        assert_eq!(
            told(expression, &fault),
            "The template function 'lenth' is not defined or not valid.\n  \
             concat('a', lenth('b'))\n              ^\n  hint: Did you mean 'length'?"
        );
    }
}
