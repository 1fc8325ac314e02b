//! Reasons of terminations: text here, and JSON text (or a reference to it) to the SDKs.

use serde_json::value::RawValue;

/// Ends what is no JSON and was not quoted.
const MARK: char = ' ';

fn is_json(text: &str) -> bool {
    serde_json::from_str::<&RawValue>(text).is_ok()
}

fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// The text of a JSON string, for people to read; anything else as it is.
pub(crate) fn to_reason(sent: Option<String>) -> String {
    let Some(mut sent) = sent.filter(|sent| !sent.is_empty()) else {
        return String::new();
    };
    let plain = |text: &str| !text.is_empty() && !text.ends_with(MARK) && !is_json(text);
    match serde_json::from_str::<String>(&sent) {
        Ok(text) if plain(&text) && quoted(&text) == sent => return text,
        Ok(_) => {}
        Err(_) if is_json(&sent) => {}
        Err(_) => sent.push(MARK),
    }
    sent
}

/// What was sent, of what [`to_reason`] made of it.
pub(crate) fn of_reason(reason: &str) -> Option<String> {
    if reason.is_empty() {
        return None;
    }
    if is_json(reason) {
        return Some(reason.to_owned());
    }
    Some(match reason.strip_suffix(MARK) {
        Some(raw) => raw.to_owned(),
        None => quoted(reason),
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn reasons_are_read_by_people() {
        assert_eq!(to_reason(Some("\"enough\"".into())), "enough");
        assert_eq!(to_reason(Some("{\"a\":1}".into())), "{\"a\":1}");
        assert_eq!(of_reason("of ours").as_deref(), Some("\"of ours\""));
        assert_eq!(of_reason(""), None);
    }

    #[test]
    fn what_was_sent_comes_back() {
        for sent in [
            "\"enough\"",
            "\"42\"",
            "42",
            "null",
            "\"\"",
            "blob:v1:a",
            "\"\\u00e9\"",
            "\" \"",
        ] {
            let back = of_reason(&to_reason(Some(sent.to_owned())));
            assert_eq!(back.as_deref(), Some(sent));
        }
    }

    proptest! {
        #[test]
        fn any_json_string_comes_back(text in ".{0,8}") {
            let sent = serde_json::Value::from(text).to_string();
            prop_assert_eq!(of_reason(&to_reason(Some(sent.clone()))), Some(sent));
        }
    }
}
