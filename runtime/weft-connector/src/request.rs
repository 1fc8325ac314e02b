//! Requests of workflows, sent and answered. What they look like is `weft_workflow::wire`'s to say.

use std::time::Duration;

use bytes::Bytes;
use http::header::HeaderMap;
use http::{Method, Request, Uri};
use url::Url;
use weft_sandbox::{ClientIdentity, OutboundOptions};
use weft_workflow::value::Value;
use weft_workflow::wire::{Call, Message, direct};

use crate::answer::Answer;
use crate::secrets::Known;
use crate::{Connector, Failed, authentication, chunked};

/// A request that can be sent, again and again.
#[derive(Debug, Clone)]
pub(crate) struct Prepared {
    pub(crate) method: Method,
    pub(crate) url: Url,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    pub(crate) timeout: Duration,
    pub(crate) identity: Option<ClientIdentity>,
    /// Whether contents are to go in parts.
    pub(crate) chunked: bool,
}

impl Connector {
    /// `workflow/http`
    pub(crate) async fn http(&self, input: &Value, known: &mut Known) -> Result<String, Failed> {
        self.call_out(direct(input)?, known).await
    }

    /// Sends a message as whom it is to be sent, and gives the answer as JSON.
    pub(crate) async fn call_out(&self, call: Call, known: &mut Known) -> Result<String, Failed> {
        let mut prepared = self.prepare(call.message);
        let stated = call.authentication.as_ref();
        authentication::apply(self, stated, &mut prepared, known).await?;
        Ok(self.carry_out(prepared).await?.to_json())
    }

    /// Everything but the authentication.
    pub(crate) fn prepare(&self, message: Message) -> Prepared {
        let timeout = message.timeout_ms.map(Duration::from_millis);
        let timeout = timeout.unwrap_or(self.limits.timeout);
        Prepared {
            method: message.method,
            url: message.url,
            headers: message.headers,
            body: message.body,
            timeout: timeout.min(self.limits.timeout_max),
            identity: None,
            chunked: message.chunked,
        }
    }

    /// Sends it, in parts where that is asked for, and gathers an answer that comes in parts.
    pub(crate) async fn carry_out(&self, prepared: Prepared) -> Result<Answer, Failed> {
        let limit = prepared.timeout;
        let all = async {
            if prepared.chunked && !prepared.body.is_empty() {
                chunked::upload(self, prepared).await
            } else {
                chunked::download(self, prepared).await
            }
        };
        tokio::time::timeout(limit, all).await.unwrap_or_else(|_| {
            let ms = limit.as_millis();
            Err(Failed::timed_out(format!(
                "The request has exceeded the configured timeout of {ms} ms."
            )))
        })
    }

    pub(crate) async fn send(&self, prepared: &Prepared) -> Result<Answer, Failed> {
        let uri: Uri = prepared
            .url
            .as_str()
            .parse()
            .map_err(|error| Failed::invalid(format!("the URI cannot be sent: {error}")))?;
        let mut request = Request::new(prepared.body.clone());
        *request.method_mut() = prepared.method.clone();
        *request.uri_mut() = uri;
        *request.headers_mut() = prepared.headers.clone();
        let options = OutboundOptions {
            timeout: prepared.timeout,
            response_bytes_max: self.limits.response_bytes_max,
            identity: prepared.identity.clone(),
        };
        Ok(Answer::new(self.outbound.send(request, options).await?))
    }
}

pub(crate) fn text(input: &Value, name: &str) -> Option<String> {
    input.get(name).and_then(Value::as_str).map(str::to_owned)
}
