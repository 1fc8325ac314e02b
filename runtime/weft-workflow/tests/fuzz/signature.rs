//! URLs that work without a key: each is good for one thing only, whatever the names in it.

use percent_encoding::percent_decode_str;
use proptest::prelude::*;
use weft_workflow::run::{Callback, CallbackKey, Settings};
use weft_workflow::trigger::TriggerCallback;

use super::cases;

/// Names that differ little, with what separates and what escapes.
fn name() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a\n%]{0,3}",
        "(a|\n|%0A|%250A|0){0,3}",
        "\\PC{0,6}",
        any::<String>()
    ]
}

fn callback() -> impl Strategy<Value = Callback> {
    (name(), name(), name(), name()).prop_map(|(workflow, run, action, repetition)| Callback {
        workflow,
        run,
        action,
        repetition,
    })
}

fn settings() -> Settings {
    Settings {
        base_path: "/@t/a".into(),
        callback_key: CallbackKey::new(b"secret"),
        ..Settings::default()
    }
}

fn decoded(text: &str) -> String {
    percent_decode_str(text).decode_utf8().unwrap().into_owned()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases() * 10, ..ProptestConfig::default() })]

    #[test]
    fn a_signature_is_of_one_callback(
        one in callback(),
        other in callback(),
        bases in ("(/@[a-z]/[a-z])?", "(/@[a-z]/[a-z])?"),
    ) {
        let same = one == other && bases.0 == bases.1;
        prop_assert_eq!(one.signed_text(&bases.0) == other.signed_text(&bases.1), same);
    }

    #[test]
    fn parts_cannot_be_moved(
        parts in prop::array::uniform4("[ab]{0,2}"),
        shifted in 0_usize..3,
    ) {
        let of = |[workflow, run, action, repetition]: [String; 4]| {
            Callback { workflow, run, action, repetition }
        };
        let mut moved = parts.clone();
        let next = std::mem::take(&mut moved[shifted + 1]);
        moved[shifted] = format!("{}\n{next}", moved[shifted]);
        prop_assert_ne!(of(parts).signed_text(""), of(moved).signed_text(""));
    }

    #[test]
    fn a_url_says_what_was_signed(callback in callback()) {
        let callback = Callback { repetition: "0-12".into(), ..callback };
        let key = CallbackKey::new(b"secret");
        let url = callback.url("https://host:1/@t/a", &settings());
        prop_assert!(url.is_ascii() && !url.contains(char::is_whitespace));
        let (path, query) = url.split_once('?').unwrap();
        let segments: Vec<&str> = path.split('/').collect();
        let at = |name: &str| segments.iter().position(|s| *s == name).unwrap() + 1;
        let read = Callback {
            workflow: decoded(segments[at("workflows")]),
            run: decoded(segments[at("runs")]),
            action: decoded(segments[at("actions")]),
            repetition: callback.repetition.clone(),
        };
        prop_assert_eq!(&read, &callback);
        let signature = query.rsplit_once("sig=").unwrap().1;
        prop_assert!(key.verify(&read.signed_text("/@t/a"), signature));
        prop_assert!(!CallbackKey::new(b"Secret").verify(&read.signed_text("/@t/a"), signature));
    }

    #[test]
    fn no_other_signature_passes(
        text in any::<String>(),
        at in any::<prop::sample::Index>(),
        by in 0_u8..64,
        other in prop_oneof![any::<String>(), "[A-Za-z0-9_-]{43}=?"],
    ) {
        let key = CallbackKey::new(b"secret");
        let signature = key.sign(&text);
        prop_assert!(key.verify(&text, &signature));
        const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
        let mut changed = signature.clone().into_bytes();
        let at = at.index(changed.len());
        changed[at] = ALPHABET[usize::from(by)];
        let changed = String::from_utf8(changed).unwrap();
        prop_assert_eq!(key.verify(&text, &changed), changed == signature);
        prop_assert_eq!(key.verify(&text, &other), other.trim_end_matches('=') == signature);
        prop_assert!(!key.verify(&text, &signature[..signature.len() - 1]));
    }

    #[test]
    fn a_trigger_has_a_url_of_its_own(
        workflows in ("[a-z]{1,2}", "[a-z]{1,2}"),
        triggers in (name(), name()),
    ) {
        let one = TriggerCallback::new(&workflows.0, &triggers.0);
        let other = TriggerCallback::new(&workflows.1, &triggers.1);
        prop_assert_eq!(one.signed_text("/@t/a") == other.signed_text("/@t/a"), one == other);
        let url = one.url("http://h", &settings(), "k");
        prop_assert!(url.is_ascii() && !url.contains(char::is_whitespace));
    }
}
