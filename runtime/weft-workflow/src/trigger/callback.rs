//! The URL by which a trigger is fired from outside.

use crate::run::{Settings, encode};

/// A trigger as its URL names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TriggerCallback {
    workflow: String,
    trigger: String,
}

impl TriggerCallback {
    #[must_use]
    pub fn new(workflow: &str, trigger: &str) -> Self {
        Self {
            workflow: workflow.to_owned(),
            trigger: trigger.to_owned(),
        }
    }

    /// What the URL allows.
    #[must_use]
    pub fn allows(&self) -> String {
        format!("/triggers/{}/run", self.trigger)
    }

    /// What the signature is made over. `base` is the path of the data plane with tenant and app, so
    /// that a URL of one app is of no use in another.
    #[must_use]
    pub fn signed_text(&self, base: &str) -> String {
        let workflow = self.workflow.to_lowercase();
        format!("{base}\n{workflow}\n{}", self.allows())
    }

    /// The URL. It is of use where what it begins with leads to the app of the settings, and as long as
    /// the workflow has the key that `access_key` tells from its others.
    #[must_use]
    pub fn url(&self, base_url: &str, settings: &Settings, access_key: &str) -> String {
        let text = self.signed_text(&settings.base_path);
        let signature = settings.callback_key.derived(access_key).sign(&text);
        format!(
            "{base_url}/api/{}/triggers/{}/invoke?api-version=2022-05-01&sp={}&sv=1.0&sig={signature}",
            encode(&self.workflow),
            encode(&self.trigger),
            encode(&self.allows()),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::CallbackKey;

    #[test]
    fn a_signature_is_of_one_trigger_in_one_app() {
        let key = CallbackKey::new(b"secret");
        let callback = TriggerCallback::new("Orders", "When told");
        let settings = Settings {
            base_path: "/@t/a".into(),
            callback_key: key.clone(),
            ..Settings::default()
        };
        let url = callback.url("http://localhost:7071/@t/a", &settings, "");
        let (path, signature) = url.split_once("&sig=").unwrap();
        assert_eq!(
            path,
            "http://localhost:7071/@t/a/api/Orders/triggers/When%20told/invoke\
             ?api-version=2022-05-01&sp=%2Ftriggers%2FWhen%20told%2Frun&sv=1.0"
        );
        assert!(key.verify(&callback.signed_text("/@t/a"), signature));
        assert!(!key.verify(&callback.signed_text(""), signature));
        let other = TriggerCallback::new("Orders", "Other");
        assert!(!key.verify(&other.signed_text("/@t/a"), signature));

        // What somebody has put into a state makes no signature for another app.
        let url = callback.url("https://x/@victim/shop", &settings, "");
        let (_, signature) = url.split_once("&sig=").unwrap();
        assert!(!key.verify(&callback.signed_text("/@victim/shop"), signature));
        assert!(key.verify(&callback.signed_text("/@t/a"), signature));

        let url = callback.url("http://h", &settings, "2");
        let (_, signature) = url.split_once("&sig=").unwrap();
        assert!(!key.verify(&callback.signed_text("/@t/a"), signature));
        let second = key.derived("2");
        assert!(second.verify(&callback.signed_text("/@t/a"), signature));
    }
}
