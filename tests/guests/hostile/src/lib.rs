//! An HTTP handler that attacks the node that it runs on. The path chooses the attack, the query is
//! its argument; whoever gets as far as an answer says what was reached.

mod fetch;

use std::hint::black_box;
use std::io::Write as _;
use std::time::Duration;

use wasip2::clocks::monotonic_clock;
use wasip2::http::types::{
    Fields, IncomingRequest, OutgoingBody, OutgoingResponse, ResponseOutparam,
};

wasip2::http::proxy::export!(Handler);

const MIB: usize = 1 << 20;
/// What one tenant leaves in its memory and another looks for.
const MARKER: [u8; 16] = *b"\xa7\x1cresidue\x00\xf3\x88\x11\x92\x5e\x6d";

struct Handler;

impl wasip2::exports::http::incoming_handler::Guest for Handler {
    fn handle(request: IncomingRequest, out: ResponseOutparam) {
        let target = request.path_with_query().unwrap_or_default();
        let (path, query) = target.split_once('?').unwrap_or((&target, ""));
        let path = path.strip_prefix("/api").unwrap_or(path).to_owned();
        let number: usize = query.parse().unwrap_or(0);
        match path.as_str() {
            "/spin" => spin(),
            "/sleep" => std::thread::sleep(Duration::from_secs(3600)),
            "/grow" => grow(),
            "/recurse" => answer(out, &recurse(number as u64).to_string()),
            "/abort" => std::process::abort(),
            "/exit" => std::process::exit(3),
            "/fields" => {
                let kept: Vec<Fields> = (0..number).map(|_| Fields::new()).collect();
                answer(out, &format!("{} handles", kept.len()));
            }
            "/pollables" => {
                let timers = (0..number).map(|_| monotonic_clock::subscribe_duration(u64::MAX));
                let kept: Vec<_> = timers.collect();
                answer(out, &format!("{} pollables", kept.len()));
            }
            "/random" => {
                let bytes = wasip2::random::random::get_random_bytes(number as u64);
                answer(out, &format!("{} bytes", bytes.len()));
            }
            "/random-insecure" => {
                let bytes = wasip2::random::insecure::get_insecure_random_bytes(number as u64);
                answer(out, &format!("{} bytes", bytes.len()));
            }
            "/print" => {
                let line = "\x1b[2J\x1b]0;owned\x07fake\rline\u{8} x".repeat(40);
                for _ in 0..number {
                    println!("{line}");
                    eprintln!("{line}");
                }
                answer(out, "printed");
            }
            "/unended-line" => {
                let part = "y".repeat(4096);
                for _ in 0..number {
                    print!("{part}");
                }
                std::io::stdout().flush().expect("stdout takes it");
                answer(out, "printed");
            }
            "/header-value" => {
                let set = Fields::new().append("x-big", &vec![b'v'; number]);
                answer(out, &format!("{set:?}"));
            }
            "/header-count" => {
                let fields = Fields::new();
                let mut added = 0;
                while added < number && fields.append(&format!("x-{added}"), b"v").is_ok() {
                    added += 1;
                }
                answer(out, &format!("{added} headers"));
            }
            "/header-names" => answer(out, &forbidden_headers()),
            "/status" => {
                let response = OutgoingResponse::new(Fields::new());
                let codes =
                    [0, 99, 1000, 65_535].map(|code| response.set_status_code(code).is_ok());
                answer(out, &format!("{codes:?}"));
            }
            "/trailers" => {
                let body = Body::start(out);
                let trailers = Fields::new();
                for _ in 0..number {
                    // Past the bound it is refused.
                    let _ = trailers.append("x-trailer", b"0123456789abcdef");
                }
                let Body { body, stream } = body;
                drop(stream);
                // The outcome is the host's to decide.
                let _ = OutgoingBody::finish(body, Some(trailers));
            }
            "/endless" => {
                let mut body = Body::start(out);
                loop {
                    body.write(&[b'z'; 4096]);
                }
            }
            "/trickle" => {
                let mut body = Body::start(out);
                loop {
                    body.write(b"z");
                    std::thread::sleep(Duration::from_millis(20));
                }
            }
            "/stall" => {
                let mut body = Body::start(out);
                body.write(b"a moment");
                std::thread::sleep(Duration::from_secs(3600));
            }
            "/open" => {
                let mut body = Body::start(out);
                body.write(b"and then");
                std::mem::forget(body);
            }
            "/silent" => drop(out),
            "/answer-twice" => {
                // SAFETY: forging a handle is the attack; the host has to notice.
                let copy = unsafe { ResponseOutparam::from_handle(out.handle()) };
                answer(out, "once");
                answer(copy, "twice");
            }
            "/leave" => {
                let held = fill(number);
                answer(out, &format!("{} bytes left", held.len()));
                std::mem::forget(held);
            }
            "/look" => answer(out, &format!("{} found", look(number))),
            "/surroundings" => answer(out, &surroundings()),
            "/fetch" => answer(out, &fetch::one(&fetch::unhex(query))),
            "/fetch-many" => answer(out, &fetch::many(query)),
            "/fetch-dropped" => answer(out, &fetch::dropped(query)),
            "/fetch-follow" => answer(out, &fetch::following(query)),
            _ => answer(out, "no such attack"),
        }
    }
}

fn spin() -> ! {
    loop {
        black_box(());
    }
}

fn grow() -> ! {
    let mut kept: Vec<Vec<u8>> = Vec::new();
    loop {
        kept.push(vec![1; MIB]);
        black_box(&kept);
    }
}

/// Deep, with a call of the host at the bottom.
fn recurse(depth: u64) -> u64 {
    let frame = black_box([depth; 16]);
    match depth {
        0 => monotonic_clock::now(),
        _ => recurse(depth - 1).wrapping_add(frame[7]),
    }
}

fn forbidden_headers() -> String {
    let fields = Fields::new();
    let names = [
        "connection",
        "keep-alive",
        "host",
        "proxy-authenticate",
        "proxy-authorization",
        "proxy-connection",
        "transfer-encoding",
        "upgrade",
        "http2-settings",
        "bad name",
        "bad\r\nname",
        "",
    ];
    let mut taken: Vec<_> = names
        .into_iter()
        .filter(|name| fields.append(name, b"x").is_ok())
        .collect();
    let values: [&[u8]; 3] = [b"a\r\nset-cookie: b=c", b"a\nb", b"a\0b"];
    let mut split = values.into_iter();
    if split.any(|value| fields.append("x-split", value).is_ok()) {
        taken.push("x-split");
    }
    format!("taken {taken:?}")
}

fn fill(bytes: usize) -> Vec<u8> {
    let mut held = Vec::with_capacity(bytes);
    while held.len() + MARKER.len() <= bytes {
        held.extend(MARKER);
    }
    held
}

/// How often the marker is in memory that was taken fresh and never written.
fn look(bytes: usize) -> usize {
    let pages = bytes / 65_536;
    let first = core::arch::wasm32::memory_grow(0, pages);
    if first == usize::MAX {
        return 0;
    }
    let start = (first * 65_536) as *const u8;
    // SAFETY: the pages were just added to this memory, and nobody else has them.
    let fresh = unsafe { std::slice::from_raw_parts(start, pages * 65_536) };
    let rest = &MARKER[1..];
    let found = fresh
        .iter()
        .enumerate()
        .filter(|(at, byte)| **byte == MARKER[0] && fresh[at + 1..].starts_with(rest));
    let markers = found.count();
    // Anything but zeros is somebody's.
    markers + fresh.iter().filter(|byte| **byte != 0).count()
}

/// What a guest without grants can see of its host.
fn surroundings() -> String {
    let mut seen = Vec::new();
    seen.extend(std::env::args().map(|argument| format!("argument {argument}")));
    seen.extend(std::env::vars().map(|(name, _)| format!("variable {name}")));
    for path in [
        "/",
        ".",
        "/etc/passwd",
        "/proc/self/environ",
        "../../operator.key",
    ] {
        if std::fs::read_dir(path).is_ok() || std::fs::read(path).is_ok() {
            seen.push(format!("file {path}"));
        }
    }
    if std::fs::write("owned", "x").is_ok() {
        seen.push("a written file".to_owned());
    }
    for address in ["127.0.0.1:22", "127.0.0.1:7072", "8.8.8.8:53"] {
        if std::net::TcpStream::connect(address).is_ok() {
            seen.push(format!("socket {address}"));
        }
    }
    if std::net::TcpListener::bind("127.0.0.1:0").is_ok() {
        seen.push("a listener".to_owned());
    }
    if std::net::UdpSocket::bind("127.0.0.1:0").is_ok() {
        seen.push("a datagram socket".to_owned());
    }
    format!("seen {seen:?}")
}

struct Body {
    body: OutgoingBody,
    stream: Option<wasip2::io::streams::OutputStream>,
}

impl Body {
    fn start(out: ResponseOutparam) -> Self {
        let response = OutgoingResponse::new(Fields::new());
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
}

fn answer(out: ResponseOutparam, text: &str) {
    let mut body = Body::start(out);
    body.write(text.as_bytes());
    body.stream = None;
    OutgoingBody::finish(body.body, None).expect("a finished body");
}
