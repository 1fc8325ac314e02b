//! From `wasi:http/incoming-handler` to the functions of this component and back.

use wasip2::http::types::{
    ErrorCode, Fields, IncomingRequest, Method, OutgoingBody, OutgoingResponse, ResponseOutparam,
};
use wasip2::io::streams::OutputStream;

use super::{Error, Request, Response, route};
use crate::HttpFunction;

/// The header in which the platform names the function that a request is for.
const FUNCTION_HEADER: &str = "x-weft-function";

/// An HTTP function of the component.
pub struct Entry {
    name: &'static str,
    route: &'static str,
    methods: &'static [&'static str],
    handle: fn(Request) -> Result<Response, Error>,
}

impl Entry {
    /// What the component answers with for that function.
    #[must_use]
    pub fn of<H: HttpFunction>() -> Self {
        Self {
            name: H::NAME,
            route: H::ROUTE,
            methods: H::METHODS,
            handle: H::handle,
        }
    }
}

/// Answers one request.
pub fn serve(entries: &[Entry], incoming: &IncomingRequest, out: ResponseOutparam) {
    crate::panic::report_briefly();
    let method = method_name(&incoming.method());
    let target = incoming.path_with_query().unwrap_or_else(|| "/".to_owned());
    let headers = incoming.headers().entries();
    let body = incoming
        .consume()
        .expect("a request's body is taken for the first time");
    let request = Request::incoming(&method, &target, headers, body);
    let answer = match choose(entries, &request) {
        Some(entry) => (entry.handle)(request.with_route(entry.route)),
        None => Err(Error::not_found(
            "This component has no function for the request.",
        )),
    };
    send(&answer.unwrap_or_else(Error::into_response), out);
}

/// The function that the platform names. Other hosts name none: then route and method decide, and
/// a function that is alone answers everything.
fn choose<'a>(entries: &'a [Entry], request: &Request) -> Option<&'a Entry> {
    if let Some(name) = request.header(FUNCTION_HEADER) {
        return entries.iter().find(|entry| entry.name == name);
    }
    if let [only] = entries {
        return Some(only);
    }
    entries.iter().find(|entry| {
        (entry.methods.is_empty() || entry.methods.contains(&request.method()))
            && route::params(entry.route, request.path()).is_some()
    })
}

fn send(response: &Response, out: ResponseOutparam) {
    let Some(head) = head(response) else {
        eprintln!("the function answered with a status or header that HTTP does not allow");
        let code = ErrorCode::InternalError(Some("invalid response head".to_owned()));
        ResponseOutparam::set(out, Err(code));
        return;
    };
    let body = head
        .body()
        .expect("a response's body is taken for the first time");
    ResponseOutparam::set(out, Ok(head));
    // A caller that has gone away is no fault of the function.
    if body
        .write()
        .is_ok_and(|stream| write(&stream, response.body()).is_ok())
    {
        let _ = OutgoingBody::finish(body, None);
    }
}

fn head(response: &Response) -> Option<OutgoingResponse> {
    let fields = Fields::new();
    for (name, value) in response.headers() {
        fields.append(name, value.as_bytes()).ok()?;
    }
    let length = response.body().len().to_string();
    fields.set("content-length", &[length.into_bytes()]).ok()?;
    let head = OutgoingResponse::new(fields);
    head.set_status_code(response.status()).ok()?;
    Some(head)
}

fn write(stream: &OutputStream, mut bytes: &[u8]) -> Result<(), wasip2::io::streams::StreamError> {
    while !bytes.is_empty() {
        let room = usize::try_from(stream.check_write()?).unwrap_or(usize::MAX);
        if room == 0 {
            stream.subscribe().block();
            continue;
        }
        let (now, later) = bytes.split_at(room.min(bytes.len()));
        stream.write(now)?;
        bytes = later;
    }
    Ok(())
}

fn method_name(method: &Method) -> String {
    match method {
        Method::Get => "GET",
        Method::Head => "HEAD",
        Method::Post => "POST",
        Method::Put => "PUT",
        Method::Delete => "DELETE",
        Method::Connect => "CONNECT",
        Method::Options => "OPTIONS",
        Method::Trace => "TRACE",
        Method::Patch => "PATCH",
        Method::Other(name) => name,
    }
    .to_owned()
}
