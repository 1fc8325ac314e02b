//! Requests to where a guest has no business.

use wasip2::http::outgoing_handler;
use wasip2::http::types::{Fields, FutureIncomingResponse, IncomingBody, OutgoingRequest, Scheme};

const REDIRECTS_MAX: usize = 3;
const BODY_BYTES_MAX: usize = 4096;

/// Text that may not stand in a URL comes in hexadecimal digits.
pub(crate) fn unhex(digits: &str) -> String {
    let bytes = digits.as_bytes().chunks(2).map(|pair| {
        let pair = std::str::from_utf8(pair).unwrap_or_default();
        u8::from_str_radix(pair, 16).unwrap_or(b'?')
    });
    String::from_utf8_lossy(&bytes.collect::<Vec<_>>()).into_owned()
}

/// Status and body, or the error's name.
pub(crate) fn one(url: &str) -> String {
    match begin(url) {
        Ok(future) => ended(&future).0,
        Err(why) => why,
    }
}

/// Follows redirects, as a library in a guest would.
pub(crate) fn following(url: &str) -> String {
    let mut url = url.to_owned();
    let mut said = String::new();
    for _ in 0..REDIRECTS_MAX {
        let (text, location) = match begin(&url) {
            Ok(future) => ended(&future),
            Err(why) => (why, None),
        };
        said = text;
        match location {
            Some(next) => url = next,
            None => break,
        }
    }
    said
}

/// Opens as many as it is let, `COUNT=URL`, and tells how many were refused for being too many.
pub(crate) fn many(query: &str) -> String {
    let (count, url) = query.split_once('=').unwrap_or(("100", query));
    let open: Vec<_> = (0..count.parse().unwrap_or(100))
        .map(|_| begin(url))
        .collect();
    std::thread::sleep(std::time::Duration::from_millis(500));
    let refused = open.iter().flatten().filter(|future| match future.get() {
        Some(Ok(Err(error))) => format!("{error:?}").contains("ConnectionLimitReached"),
        _ => false,
    });
    format!("{} refused", refused.count())
}

/// Begins requests and drops them, each after another number of looks at it.
pub(crate) fn dropped(query: &str) -> String {
    let (count, url) = query.split_once('=').unwrap_or(("100", query));
    let count: usize = count.parse().unwrap_or(100);
    for number in 0..count {
        let Ok(future) = begin(url) else { continue };
        for _ in 0..number % 5 {
            let pollable = future.subscribe();
            // A wait that is given up at once: the host's side of it is dropped as well.
            let soon = wasip2::clocks::monotonic_clock::subscribe_duration(200_000);
            wasip2::io::poll::poll(&[&pollable, &soon]);
            if number % 3 == 0
                && let Some(Ok(Ok(response))) = future.get()
            {
                drop(response.consume());
                break;
            }
        }
    }
    format!("{count} dropped")
}

fn begin(url: &str) -> Result<FutureIncomingResponse, String> {
    let (scheme, rest) = url.split_once("://").unwrap_or(("http", url));
    let slash = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(slash);
    let path = if path.is_empty() { "/" } else { path };
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
        return Err("not a URL".to_owned());
    }
    outgoing_handler::handle(request, None).map_err(|error| format!("{error:?}"))
}

/// What came of it, and where it redirects to.
fn ended(future: &FutureIncomingResponse) -> (String, Option<String>) {
    future.subscribe().block();
    let response = match future.get() {
        Some(Ok(Ok(response))) => response,
        Some(Ok(Err(error))) => return (format!("{error:?}"), None),
        _ => return ("no answer".to_owned(), None),
    };
    let location = response.headers().get("location").pop();
    let location = location.and_then(|value| String::from_utf8(value).ok());
    let status = response.status();
    let incoming: IncomingBody = response.consume().expect("the first read");
    let stream = incoming.stream().expect("the first stream");
    let mut text = Vec::new();
    while text.len() < BODY_BYTES_MAX
        && let Ok(bytes) = stream.blocking_read(1024)
    {
        text.extend(bytes);
    }
    (
        format!("{status} {}", String::from_utf8_lossy(&text)),
        location,
    )
}
