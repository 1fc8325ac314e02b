//! A response with its whole body.

use bytes::Bytes;
use http::{HeaderMap, HeaderName, Response, StatusCode};
use weft_workflow::wire::answer_json;

#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Answer {
    pub(crate) fn new(response: Response<Bytes>) -> Self {
        let (parts, body) = response.into_parts();
        Self {
            status: parts.status,
            headers: parts.headers,
            body,
        }
    }

    pub(crate) fn header(&self, name: &HeaderName) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// What the run of a workflow keeps of it.
    pub(crate) fn to_json(&self) -> String {
        answer_json(self.status, &self.headers, &self.body)
    }
}
