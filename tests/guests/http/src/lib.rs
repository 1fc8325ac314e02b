//! An HTTP handler made with `wasip2` alone. The path chooses how it misbehaves.

use std::io::Write as _;
use std::sync::atomic::{AtomicU32, Ordering};

use wasip2::http::types::{
    Fields, IncomingBody, IncomingRequest, OutgoingBody, OutgoingRequest, OutgoingResponse,
    ResponseOutparam, Scheme,
};

wasip2::http::proxy::export!(Handler);

struct Handler;

impl wasip2::exports::http::incoming_handler::Guest for Handler {
    fn handle(request: IncomingRequest, out: ResponseOutparam) {
        let target = request.path_with_query().unwrap_or_default();
        let (path, query) = target.split_once('?').unwrap_or((&target, ""));
        // The data plane serves it below `/api`.
        match path.strip_prefix("/api").unwrap_or(path) {
            "/hello" => answer(out, 200, b"Hello, world!"),
            "/function" => {
                let names = request.headers().get("x-weft-function");
                answer(out, 200, &names.concat());
            }
            "/count" => {
                static COUNT: AtomicU32 = AtomicU32::new(0);
                let count = COUNT.fetch_add(1, Ordering::Relaxed) + 1;
                print!("request {count}");
                std::io::stdout().flush().unwrap();
                answer(out, 200, count.to_string().as_bytes());
            }
            "/open" => {
                // Returns and leaves its response open.
                let mut body = Body::start(out, 200);
                body.write(b"and then");
                std::mem::forget(body);
            }
            "/echo" => echo(&request, out),
            "/trap" => panic!("no answer today"),
            "/trap-after" => {
                let mut body = Body::start(out, 200);
                body.write(b"begun");
                panic!("halfway");
            }
            "/loop" => loop {
                std::hint::black_box(());
            },
            "/grow" => {
                let mut kept: Vec<Vec<u8>> = Vec::new();
                loop {
                    kept.push(vec![1; 1 << 20]);
                    std::hint::black_box(&kept);
                }
            }
            "/flood" => {
                let line = "y".repeat(1000);
                for _ in 0..20_000 {
                    eprintln!("{line}");
                }
                answer(out, 200, b"flooded");
            }
            "/endless" => {
                let mut body = Body::start(out, 200);
                loop {
                    body.write(&[b'z'; 4096]);
                }
            }
            "/pending" => std::thread::sleep(std::time::Duration::from_secs(3600)),
            "/stall" => {
                let mut body = Body::start(out, 200);
                body.write(b"a moment");
                std::thread::sleep(std::time::Duration::from_secs(3600));
            }
            "/mark" => {
                let marked = MARK.repeat(1 << 18);
                std::hint::black_box(&marked);
                answer(out, 200, b"marked");
            }
            "/scan" => answer(out, 200, scan().to_string().as_bytes()),
            "/silent" => drop(out),
            "/nonsense" => {
                let headers = Fields::new();
                let refused = [
                    headers.append("connection", b"close").is_err(),
                    headers.append("transfer-encoding", b"chunked").is_err(),
                    headers.append("host", b"elsewhere").is_err(),
                    headers.append("bad name", b"x").is_err(),
                    headers.append("x-split", b"a\r\nb: c").is_err(),
                    OutgoingResponse::new(Fields::new())
                        .set_status_code(9999)
                        .is_err(),
                ];
                answer(out, 200, format!("{refused:?}").as_bytes());
            }
            "/big" => {
                let mut body = Body::start(out, 200);
                for _ in 0..query.parse().unwrap_or(1) {
                    body.write(&vec![b'b'; 1 << 20]);
                }
                body.finish();
            }
            "/fetch" => {
                let (status, text) = fetch(query);
                answer(out, status, text.as_bytes());
            }
            _ => answer(out, 404, b"no such misbehaviour"),
        }
    }
}

/// What one tenant leaves in its memory for another to find. It is spelt out nowhere else.
const MARK: [u8; 16] = *b"left-by-a-tenant";

/// How often the mark, but for the place where it is kept, stands in the whole memory.
fn scan() -> usize {
    let pages = core::arch::wasm32::memory_size(0);
    // Not from zero, which no pointer may be.
    let (start, len) = (1024_usize, pages * 65_536 - 1024);
    let memory = std::hint::black_box(start) as *const u8;
    // SAFETY: the memory of a guest is one piece, readable up to its size.
    let memory = unsafe { core::slice::from_raw_parts(memory, len) };
    let found = memory.windows(MARK.len()).filter(|window| **window == MARK);
    // Repeated marks overlap nowhere, so that a thousand of them are no accident of a constant.
    found.count()
}

struct Body {
    body: OutgoingBody,
    stream: Option<wasip2::io::streams::OutputStream>,
}

impl Body {
    fn start(out: ResponseOutparam, status: u16) -> Self {
        let response = OutgoingResponse::new(Fields::new());
        response.set_status_code(status).expect("a status");
        let body = response.body().expect("the first body");
        ResponseOutparam::set(out, Ok(response));
        let stream = Some(body.write().expect("the first stream"));
        Self { body, stream }
    }

    fn write(&mut self, bytes: &[u8]) {
        let stream = self.stream.as_ref().expect("open");
        for chunk in bytes.chunks(4096) {
            stream.blocking_write_and_flush(chunk).expect("a reader");
        }
    }

    fn finish(mut self) {
        self.stream = None;
        OutgoingBody::finish(self.body, None).expect("a finished body");
    }
}

fn answer(out: ResponseOutparam, status: u16, bytes: &[u8]) {
    let mut body = Body::start(out, status);
    body.write(bytes);
    body.finish();
}

fn echo(request: &IncomingRequest, out: ResponseOutparam) {
    let incoming = request.consume().expect("the first read");
    let stream = incoming.stream().expect("the first stream");
    let mut body = Body::start(out, 200);
    while let Ok(bytes) = stream.blocking_read(16 << 10) {
        body.write(&bytes);
    }
    body.finish();
}

/// Fetches `scheme:authority:path`-like text `http://host:port/path`.
fn fetch(url: &str) -> (u16, String) {
    let (scheme, rest) = url.split_once("://").unwrap_or(("http", url));
    let slash = rest.find('/').unwrap_or(rest.len());
    let (authority, path) = rest.split_at(slash);
    let request = OutgoingRequest::new(Fields::new());
    let scheme = match scheme {
        "http" => Scheme::Http,
        "https" => Scheme::Https,
        other => Scheme::Other(other.to_owned()),
    };
    let set = request.set_scheme(Some(&scheme)).is_ok()
        && request.set_authority(Some(authority)).is_ok()
        && request.set_path_with_query(Some(path)).is_ok();
    if !set {
        return (502, "not a URL".to_owned());
    }
    let future = match wasip2::http::outgoing_handler::handle(request, None) {
        Ok(future) => future,
        Err(error) => return (502, format!("{error:?}")),
    };
    future.subscribe().block();
    let response = match future.get() {
        Some(Ok(Ok(response))) => response,
        Some(Ok(Err(error))) => return (502, format!("{error:?}")),
        _ => return (502, "no answer".to_owned()),
    };
    let status = response.status();
    let incoming: IncomingBody = response.consume().expect("the first read");
    let stream = incoming.stream().expect("the first stream");
    let mut text = Vec::new();
    while let Ok(bytes) = stream.blocking_read(16 << 10) {
        text.extend(bytes);
    }
    (status, String::from_utf8_lossy(&text).into_owned())
}
