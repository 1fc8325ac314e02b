//! URLs of this API and their signatures.
//!
//! A signature is made over the app's path, the workflow and what the URL allows (`sp`), so that it
//! is of no use for anything else, with the key that the workflow has now. Callbacks of runs are signed
//! with the node's key: a run that waits has given its URL away already.

use http::header;
use http::request::Parts;
use percent_encoding::utf8_percent_encode;
use weft_id::AppId;
use weft_workflow::run::CallbackKey;

use super::{Context, WORKFLOW_PATH};
use crate::Api;
use crate::params::SEGMENT;

pub(super) const API_VERSION: &str = "2022-05-01";

pub(crate) struct Links {
    /// Scheme and authority with the app's prefix.
    pub(super) base_url: String,
    /// The app's prefix: empty for the default app.
    prefix: String,
    /// Of callbacks.
    callback_key: CallbackKey,
    /// Of everything else that the workflow of the request has.
    key: CallbackKey,
}

/// What a URL of a trigger allows.
pub(super) fn trigger(name: &str) -> String {
    format!("/triggers/{name}/run")
}

/// What the URL allows that an asynchronous answer is fetched from.
pub(super) fn operation(run: &str) -> String {
    format!("/runs/{run}/operations/read")
}

/// What a URL of contents allows, by the segments of its path.
pub(super) fn contents(path: &[&str]) -> String {
    format!("/{}/read", path.join("/"))
}

/// What paths of an app begin with, and what signatures are made over, however a caller spells it:
/// nothing for the default app.
#[must_use]
pub fn base_path(app: &AppId) -> String {
    match *app == AppId::default() {
        true => String::new(),
        false => format!("/@{}/{}", app.tenant, app.app),
    }
}

impl Links {
    /// `key` is that of the workflow that the request is about.
    pub(super) fn new(api: &Api, parts: &Parts, app: &AppId, key: CallbackKey) -> Self {
        let prefix = base_path(app);
        let origin = api.config.public_url.clone().unwrap_or_else(|| {
            let host = parts.headers.get(header::HOST);
            let host = host.and_then(|value| value.to_str().ok());
            let authority = parts.uri.authority().map(http::uri::Authority::as_str);
            format!("http://{}", host.or(authority).unwrap_or("localhost"))
        });
        Self {
            base_url: format!("{origin}{prefix}"),
            prefix,
            callback_key: api.host.callback_key(),
            key,
        }
    }

    /// Whether a callback of this app carries its signature.
    pub(super) fn is_callback(
        &self,
        callback: &weft_workflow::run::Callback,
        signature: &str,
    ) -> bool {
        self.callback_key
            .verify(&callback.signed_text(&self.prefix), signature)
    }

    /// Whether the request carries a signature for `allows`.
    pub(super) fn is_signed(&self, context: &Context, workflow: &str, allows: &str) -> bool {
        let signature = context.parameter("sig").unwrap_or_default();
        self.key
            .verify(&self.signed_text(workflow, allows), signature)
    }

    pub(super) fn signature(&self, workflow: &str, allows: &str) -> String {
        self.key.sign(&self.signed_text(workflow, allows))
    }

    fn signed_text(&self, workflow: &str, allows: &str) -> String {
        format!("{}\n{}\n{allows}", self.prefix, workflow.to_lowercase())
    }

    /// The query of a signed URL, without `?`.
    pub(super) fn query(&self, workflow: &str, allows: &str) -> String {
        let sp = utf8_percent_encode(allows, SEGMENT);
        let sig = self.signature(workflow, allows);
        format!("api-version={API_VERSION}&sp={sp}&sv=1.0&sig={sig}")
    }

    /// The URL of a Request trigger without its query.
    pub(super) fn trigger_base(&self, workflow: &str, name: &str) -> String {
        let name = utf8_percent_encode(name, SEGMENT);
        format!("{}/api/{workflow}/triggers/{name}/invoke", self.base_url)
    }

    /// Something of a run, by the segments below `workflows/{workflow}`, signed.
    pub(super) fn of_run(&self, workflow: &str, path: &[&str], allows: &str) -> String {
        let segments: Vec<String> = path
            .iter()
            .map(|segment| utf8_percent_encode(segment, SEGMENT).to_string())
            .collect();
        format!(
            "{}{WORKFLOW_PATH}/scaleUnits/prod-00/workflows/{workflow}/{}?{}",
            self.base_url,
            segments.join("/"),
            self.query(workflow, allows)
        )
    }

    /// The management URL of something of a workflow.
    pub(super) fn management(&self, below: &str) -> String {
        format!("{}{WORKFLOW_PATH}/api/management/{below}", self.base_url)
    }
}
