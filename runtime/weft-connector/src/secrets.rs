//! Secrets that a call has met are kept out of its messages.

use weft_workflow::value::Value;

use crate::Failed;

/// Shorter ones would blot out half of a message, and are no secrets.
const SECRET_LEN_MIN: usize = 4;
const HIDDEN: &str = "(hidden)";

/// The secrets that a call has met.
#[derive(Debug, Default)]
pub(crate) struct Known(Vec<String>);

impl Known {
    pub(crate) fn add(&mut self, secret: &str) {
        if secret.len() >= SECRET_LEN_MIN && !self.0.iter().any(|known| known == secret) {
            self.0.push(secret.to_owned());
        }
    }

    /// Every text in a value.
    pub(crate) fn add_all(&mut self, value: &Value) {
        match value {
            Value::String(text) => self.add(text),
            Value::Array(items) => items.iter().for_each(|item| self.add_all(item)),
            Value::Object(object) => object.iter().for_each(|(_, value)| self.add_all(value)),
            Value::Null | Value::Bool(_) | Value::Int(_) | Value::Float(_) | Value::Decimal(_) => {}
        }
    }

    pub(crate) fn redact(&self, failed: Failed) -> Failed {
        let mut secrets: Vec<_> = self.0.iter().collect();
        // A secret that is part of another must not uncover the rest of it.
        secrets.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
        let message = secrets
            .into_iter()
            .fold(failed.message, |text, secret| text.replace(secret, HIDDEN));
        Failed { message, ..failed }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_text_of_what_is_secret_is_hidden() {
        let mut known = Known::default();
        let secret = r#"["Key s3cret", {"a": "s3cret"}, 5]"#;
        known.add_all(&serde_json::from_str(secret).unwrap());
        let failed = known.redact(Failed::invalid("Key s3cret and s3cret"));
        assert_eq!(failed.message, "(hidden) and (hidden)");
    }
}
