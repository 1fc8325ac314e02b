//! An HTTP function: a plain `wasi:http` handler, which any WASI host runs.

use wasip2::exports::http::incoming_handler::Guest;
use wasip2::http::types::{
    Fields, IncomingRequest, OutgoingBody, OutgoingResponse, ResponseOutparam,
};

const GREETING: &[u8] = b"Hello, world!";

struct Handler;

impl Guest for Handler {
    fn handle(_request: IncomingRequest, out: ResponseOutparam) {
        let headers = Fields::from_list(&[
            ("content-type".into(), b"text/plain; charset=utf-8".into()),
            (
                "content-length".into(),
                GREETING.len().to_string().into_bytes(),
            ),
        ])
        .expect("both header names and values are valid");
        let response = OutgoingResponse::new(headers);
        let body = response
            .body()
            .expect("the body is taken for the first time");
        ResponseOutparam::set(out, Ok(response));

        // A caller that has gone away is no fault of this function: nothing is left to do then.
        // A fresh stream takes far more than these few bytes, so one write needs no waiting.
        let written = body
            .write()
            .is_ok_and(|stream| stream.check_write().is_ok() && stream.write(GREETING).is_ok());
        if written {
            let _ = OutgoingBody::finish(body, None);
        }
    }
}

wasip2::http::proxy::export!(Handler);
