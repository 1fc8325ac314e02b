//! Payloads, which are text to the SDKs and JSON to everyone else here.
//!
//! What a client or worker sends comes back as it was sent: nothing differs from `null`, and text that
//! is no JSON (SDKs that keep large payloads elsewhere send such references) is not quoted on its way.
//! White space after JSON says nothing to those who parse it, so a blank at the end tells what the
//! JSON before it stands for.

use serde_json::value::RawValue;
use weft_orchestration::Payload;

const MARK: char = ' ';

/// As the wire has it; what is shown was filled in before.
pub(crate) fn of_payload(payload: &Payload) -> Option<String> {
    let text = payload.text()?;
    if text == "null" {
        return None;
    }
    let Some(marked) = text.strip_suffix(MARK) else {
        return Some(text.to_owned());
    };
    if marked == "null" || marked.ends_with(MARK) {
        return Some(marked.to_owned());
    }
    let raw = serde_json::from_str(marked);
    Some(raw.unwrap_or_else(|_| text.to_owned()))
}

/// JSON, of which [`of_payload`] makes the same text again.
pub(crate) fn to_payload(text: Option<String>) -> Payload {
    let Some(mut text) = text.filter(|text| !text.is_empty()) else {
        return Payload::null();
    };
    if serde_json::from_str::<&RawValue>(&text).is_err() {
        text = serde_json::Value::from(text).to_string();
        text.push(MARK);
    } else if text == "null" || text.ends_with(MARK) {
        text.push(MARK);
    }
    Payload::from(text)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(sent: Option<&str>, kept: &str) {
        let payload = to_payload(sent.map(str::to_owned));
        assert_eq!(payload.text(), Some(kept));
        assert_eq!(of_payload(&payload).as_deref(), sent);
    }

    #[test]
    fn what_was_sent_comes_back() {
        check(None, "null");
        check(Some("null"), "null ");
        check(Some("{\"a\": 1}"), "{\"a\": 1}");
        check(Some("\"a\" "), "\"a\"  ");
        check(Some("blob:v1:a/b"), "\"blob:v1:a/b\" ");
    }

    proptest! {
        #[test]
        fn any_text_comes_back_and_is_kept_as_json(text in "[ \"a1nul{}\n]{1,8}|null ?") {
            let payload = to_payload(Some(text.clone()));
            prop_assert_eq!(of_payload(&payload), Some(text));
            prop_assert!(serde_json::from_str::<&RawValue>(payload.text().unwrap()).is_ok());
        }
    }
}
