//! Links to an instance, as clients follow them without knowing the node.

use http::header;
use http::request::Parts;
use percent_encoding::utf8_percent_encode;
use serde_json::{Value, json};
use weft_app::scope::Scope;
use weft_id::InstanceId;

use super::DURABLE_PATH;
use crate::Config;
use crate::params::{SEGMENT, query_value};

pub(super) struct Links {
    /// Up to and with [`DURABLE_PATH`].
    base: String,
    /// Without `?`.
    query: String,
    /// The request itself.
    pub(super) own: String,
}

impl Links {
    pub(super) fn new(config: &Config, parts: &Parts, scope: &Scope<'_>) -> Self {
        let origin = config.public_url.clone().unwrap_or_else(|| {
            let host = parts.headers.get(header::HOST);
            let host = host.and_then(|value| value.to_str().ok());
            let authority = parts.uri.authority().map(http::uri::Authority::as_str);
            format!("http://{}", host.or(authority).unwrap_or("localhost"))
        });
        let parameter = |name: &str| {
            let value = query_value(&parts.uri, name).filter(|value| !value.is_empty());
            value.map(|value| utf8_percent_encode(&value, SEGMENT).to_string())
        };
        let hub = parameter("taskHub").unwrap_or_else(|| scope.app.app.to_string());
        let connection = parameter("connection").unwrap_or_else(|| "Storage".into());
        let mut query = format!("taskHub={hub}&connection={connection}");
        // A key that came in the URL comes back in URLs, so that they work by themselves; one that
        // came in a header stays out of bodies.
        if let Some(code) = parameter("code") {
            query = format!("{query}&code={code}");
        }
        let path = parts.uri.path_and_query();
        let path = path.map_or(parts.uri.path(), http::uri::PathAndQuery::as_str);
        Self {
            own: format!("{origin}{path}"),
            base: format!("{origin}{}{DURABLE_PATH}", scope.prefix),
            query,
        }
    }

    pub(super) fn status(&self, id: &InstanceId) -> String {
        let (base, query) = (&self.base, &self.query);
        let id = utf8_percent_encode(id.as_str(), SEGMENT);
        format!("{base}/instances/{id}?{query}")
    }

    /// The body of a check-status response.
    pub(super) fn management(&self, id: &InstanceId) -> Value {
        let (base, query) = (&self.base, &self.query);
        let encoded = utf8_percent_encode(id.as_str(), SEGMENT);
        let with_reason =
            |verb: &str| format!("{base}/instances/{encoded}/{verb}?reason={{text}}&{query}");
        json!({
            "id": id,
            "statusQueryGetUri": self.status(id),
            "sendEventPostUri": format!("{base}/instances/{encoded}/raiseEvent/{{eventName}}?{query}"),
            "terminatePostUri": with_reason("terminate"),
            "purgeHistoryDeleteUri": self.status(id),
            "restartPostUri": format!("{base}/instances/{encoded}/restart?{query}"),
            "suspendPostUri": with_reason("suspend"),
            "resumePostUri": with_reason("resume"),
            "rewindPostUri": with_reason("rewind"),
        })
    }
}
