//! Evaluating one expression of the workflow language, without a node.

use std::time::SystemTime;

use weft_workflow::expression::{Budget, Context, Template};
use weft_workflow::value::Value;

/// What is wrong with an expression, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct ExpressionFault {
    pub message: String,
    /// In characters from the start of the text; `None` where no place is to blame.
    pub offset: Option<usize>,
    pub hint: Option<String>,
}

/// The value of `text`, as JSON text: of a template where it begins with `@` or holds `@{`, else of an
/// expression. `context` is a JSON object with what a run would know (`parameters`, `variables`,
/// `trigger`, `actions`, `items`, ...).
///
/// # Errors
/// [`ExpressionFault`].
pub fn evaluate(text: &str, context: &str, now: SystemTime) -> Result<String, ExpressionFault> {
    let plain = |message: String| ExpressionFault {
        message,
        offset: None,
        hint: None,
    };
    let document: Value = serde_json::from_str(context)
        .map_err(|error| plain(format!("the context is no JSON: {error}")))?;
    let now = jiff::Timestamp::try_from(now).map_err(|error| plain(error.to_string()))?;
    let template = match text.starts_with('@') || text.contains("@{") {
        true => Template::compile_string(text),
        false => Template::compile_expression(text),
    };
    let template = template.map_err(|faults| {
        let first = faults.into_iter().next();
        first.map_or_else(
            || plain("the expression cannot be read".to_owned()),
            |fault| ExpressionFault {
                message: fault.message,
                offset: Some(fault.offset),
                hint: fault.hint,
            },
        )
    })?;
    let scope = Context::new(document, now, rand::random());
    let value = template.evaluate(&scope, &mut Budget::default());
    let value = value.map_err(|error| {
        let faults = template.faults();
        let known = faults.iter().find(|fault| fault.message == error.message);
        ExpressionFault {
            offset: error.offset,
            hint: known.and_then(|fault| fault.hint.clone()),
            message: error.message,
        }
    })?;
    Ok(value.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn evaluates_templates_and_expressions() {
        let now = SystemTime::UNIX_EPOCH;
        let context = r#"{"variables": {"n": 3}}"#;
        let value = |text| evaluate(text, context, now);
        assert_eq!(value("add(variables('n'), 1)").as_deref(), Ok("4"));
        assert_eq!(
            value("@{variables('n')} items").as_deref(),
            Ok("\"3 items\"")
        );
        assert_eq!(value("utcNow('yyyy')").as_deref(), Ok("\"1970\""));
        let fault = value("concat('a', lenth('b'))").unwrap_err();
        assert_eq!(fault.offset, Some(12), "{fault:?}");
        assert_eq!(fault.hint.as_deref(), Some("Did you mean 'length'?"));
        assert_eq!(value("concat('a'").unwrap_err().offset, Some(10));
    }
}
