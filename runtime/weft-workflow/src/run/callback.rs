//! URLs by which the outside world answers a webhook action, and their signatures.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::program::ActionId;

use super::state::FrameId;
use super::{Run, Settings};

/// The node's secret for signatures.
#[derive(Clone, Default)]
pub struct CallbackKey(Vec<u8>);

impl CallbackKey {
    #[must_use]
    pub fn new(secret: &[u8]) -> Self {
        Self(secret.to_vec())
    }

    /// Another key, told from this one and from all others that come of it by `id`; the same where that
    /// is empty.
    #[must_use]
    pub fn derived(&self, id: &str) -> Self {
        if id.is_empty() {
            return self.clone();
        }
        let mut mac = self.mac();
        // No text that is signed has a first line like this one.
        mac.update(format!("access key {id}").as_bytes());
        Self(mac.finalize().into_bytes().to_vec())
    }

    /// The signature of a text, in base64 for URLs.
    #[must_use]
    pub fn sign(&self, text: &str) -> String {
        let mut mac = self.mac();
        mac.update(text.as_bytes());
        URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes())
    }

    /// Whether `signature` is that of `text`; takes the same time wherever they differ.
    #[must_use]
    pub fn verify(&self, text: &str, signature: &str) -> bool {
        let Ok(signature) = URL_SAFE_NO_PAD.decode(signature.trim_end_matches('=')) else {
            return false;
        };
        let mut mac = self.mac();
        mac.update(text.as_bytes());
        mac.verify_slice(&signature).is_ok()
    }

    fn mac(&self) -> Hmac<Sha256> {
        Hmac::new_from_slice(&self.0).expect("a key of any length will do")
    }
}

impl fmt::Debug for CallbackKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CallbackKey(..)")
    }
}

/// A webhook action that waits, as its URL names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Callback {
    pub workflow: String,
    pub run: String,
    pub action: String,
    /// The indexes of the loops around the action, from the outside in: `3` or `0-2`; empty where
    /// there are none.
    pub repetition: String,
}

impl Callback {
    /// The name of the event that the run waits for.
    #[must_use]
    pub fn event(&self) -> String {
        format!(
            "callback:{}:{}",
            self.action.to_lowercase(),
            self.repetition
        )
    }

    /// What the signature is made over. `base` is the path of the data plane with tenant and app,
    /// so that a URL of one app is of no use in another. A line of its own for each part: a line
    /// break in a name is escaped, or one callback could be signed as another.
    #[must_use]
    pub fn signed_text(&self, base: &str) -> String {
        let parts = [&self.workflow, &self.run, &self.action, &self.repetition];
        let [workflow, run, action, repetition] =
            parts.map(|part| part.replace('%', "%25").replace('\n', "%0A"));
        format!("POST\n{base}\n{workflow}\n{run}\n{action}\n{repetition}")
    }

    /// The URL. It is of use where what it begins with leads to the app of the settings.
    #[must_use]
    pub fn url(&self, base_url: &str, settings: &Settings) -> String {
        let text = self.signed_text(&settings.base_path);
        let signature = settings.callback_key.sign(&text);
        let encoded = [&self.workflow, &self.run, &self.action].map(|part| encode(part));
        let [workflow, run, action] = encoded;
        format!(
            "{base_url}/runtime/webhooks/workflow/scaleUnits/prod-00/workflows/{workflow}/runs/\
             {run}/actions/{action}/run?api-version=2022-05-01&repetition={}&sp=%2Frun&sv=1.0&\
             sig={signature}",
            self.repetition
        )
    }
}

/// A text as one segment of a path.
pub(crate) fn encode(text: &str) -> String {
    text.bytes()
        .map(|byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => {
                char::from(byte).to_string()
            }
            _ => format!("%{byte:02X}"),
        })
        .collect()
}

impl Run {
    /// Which webhook action waits in a frame.
    pub(super) fn callback(&self, frame: FrameId, id: ActionId) -> Callback {
        let mut indexes: Vec<String> = self
            .around(frame)
            .filter_map(|frame| Some(self.frame(frame).iteration.as_ref()?.index.to_string()))
            .collect();
        indexes.reverse();
        Callback {
            workflow: self.settings.workflow.clone(),
            run: self.replay.instance().to_string(),
            action: self.program.action(id).name.to_string(),
            repetition: indexes.join("-"),
        }
    }

    pub(super) fn callback_url(&self, frame: FrameId, id: ActionId) -> String {
        let callback = self.callback(frame, id);
        callback.url(&self.start.base_url, &self.settings)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_is_of_one_action_in_one_app() {
        let key = CallbackKey::new(b"secret");
        let callback = Callback {
            workflow: "w".into(),
            run: "r".into(),
            action: "Ask the boss".into(),
            repetition: "0-2".into(),
        };
        let settings = Settings {
            base_path: "/@t/a".into(),
            callback_key: key.clone(),
            ..Settings::default()
        };
        let url = callback.url("http://localhost:7071/@t/a", &settings);
        let (path, signature) = url.split_once("&sig=").unwrap();
        assert!(path.contains("/@t/a/runtime/webhooks/workflow/"), "{path}");
        assert!(path.contains("/Ask%20the%20boss/run"), "{path}");
        assert!(key.verify(&callback.signed_text("/@t/a"), signature));
        assert!(!key.verify(&callback.signed_text("/@t/b"), signature));
        let other = Callback {
            repetition: "1".into(),
            ..callback
        };
        assert!(!key.verify(&other.signed_text("/@t/a"), signature));
        assert!(!key.verify("x", "no base64!"));
    }

    #[test]
    fn a_derived_key_signs_like_no_other() {
        let key = CallbackKey::new(b"secret");
        let (one, other) = (key.derived("1"), key.derived("2"));
        let signature = one.sign("text");
        assert!(one.verify("text", &signature));
        assert!(!other.verify("text", &signature) && !key.verify("text", &signature));
        assert!(!one.verify("text", &key.sign("text")));
        assert!(key.derived("").verify("text", &key.sign("text")));
    }

    #[test]
    fn what_a_url_begins_with_is_not_what_is_signed() {
        let key = CallbackKey::new(b"secret");
        let callback = Callback {
            workflow: "w".into(),
            run: "r".into(),
            action: "a".into(),
            repetition: String::new(),
        };
        let settings = Settings {
            base_path: "/@mallory/app".into(),
            callback_key: key.clone(),
            ..Settings::default()
        };
        let url = callback.url("https://x/@victim/shop", &settings);
        let (_, signature) = url.split_once("&sig=").unwrap();
        assert!(!key.verify(&callback.signed_text("/@victim/shop"), signature));
        assert!(key.verify(&callback.signed_text("/@mallory/app"), signature));
    }
}
