//! Contents that travel in parts: `Range` and 206 on the way down; `x-ms-transfer-mode: chunked` and
//! PATCH on the way up.

use bytes::{Bytes, BytesMut};
use http::header::{self, HeaderName, HeaderValue};
use http::{HeaderMap, Method, StatusCode};
use url::Url;
use weft_workflow::wire::is_credential;

use crate::answer::Answer;
use crate::request::Prepared;
use crate::{Connector, Failed};

const TRANSFER_MODE: HeaderName = HeaderName::from_static("x-ms-transfer-mode");
const CONTENT_LENGTH: HeaderName = HeaderName::from_static("x-ms-content-length");
const CHUNK_SIZE: HeaderName = HeaderName::from_static("x-ms-chunk-size");
/// Where the server names no size.
const PART_DEFAULT: usize = 1 << 20;
const PARTS_MAX: usize = 10_000;

/// Sends a request; an answer of 206 is followed by requests for the rest.
pub(crate) async fn download(connector: &Connector, prepared: Prepared) -> Result<Answer, Failed> {
    let first = connector.send(&prepared).await?;
    let asked_for_part = prepared.headers.contains_key(header::RANGE);
    let follows = prepared.method == Method::GET && first.status == StatusCode::PARTIAL_CONTENT;
    let Some(mut range) = range_of(&first).filter(|_| follows && !asked_for_part) else {
        return Ok(first);
    };
    let mut all = BytesMut::from(first.body.as_ref());
    let mut last = first;
    for _ in 0..PARTS_MAX {
        let Some(total) = range.total else {
            break;
        };
        if range.end + 1 >= total {
            break;
        }
        let size = last.body.len().max(1) as u64;
        let (from, to) = (range.end + 1, (range.end + size).min(total - 1));
        let mut next = prepared.clone();
        next.headers
            .insert(header::RANGE, number(format!("bytes={from}-{to}")));
        let answer = connector.send(&next).await?;
        if answer.status != StatusCode::PARTIAL_CONTENT {
            return Ok(answer);
        }
        let found = range_of(&answer).filter(|found| found.start == from);
        let Some(found) = found.filter(|found| found.end >= from) else {
            return Err(Failed::unreachable(format!(
                "the server was asked for the bytes from {from} and answered with others"
            )));
        };
        if all.len() + answer.body.len() > connector.limits.response_bytes_max {
            let max = connector.limits.response_bytes_max;
            return Err(weft_sandbox::OutboundError::TooLarge(max).into());
        }
        all.extend_from_slice(&answer.body);
        range = found;
        last = answer;
    }
    last.headers.remove(header::CONTENT_RANGE);
    last.headers
        .insert(header::CONTENT_LENGTH, all.len().into());
    Ok(Answer {
        status: StatusCode::OK,
        body: all.freeze(),
        ..last
    })
}

/// Announces the content with an empty request, and sends it in parts to where the server says.
/// Where it says nothing, its answer is the answer.
pub(crate) async fn upload(connector: &Connector, prepared: Prepared) -> Result<Answer, Failed> {
    let content = prepared.body.clone();
    let total = content.len();
    let kind = prepared.headers.get(header::CONTENT_TYPE).cloned();
    let mut announced = prepared.clone();
    announced.body = Bytes::new();
    let headers = &mut announced.headers;
    headers.remove(header::CONTENT_TYPE);
    headers.insert(TRANSFER_MODE, HeaderValue::from_static("chunked"));
    headers.insert(CONTENT_LENGTH, total.into());
    let mut answer = connector.send(&announced).await?;
    if !answer.status.is_success() {
        return Ok(answer);
    }
    let Some(mut place) = location(&prepared.url, &answer) else {
        return Ok(answer);
    };
    let mut at = 0;
    let mut size = part_size(&answer.headers).unwrap_or(PART_DEFAULT);
    for _ in 0..PARTS_MAX {
        if at >= total {
            return Ok(answer);
        }
        let end = (at + size).min(total);
        let mut part = prepared.clone();
        part.method = Method::PATCH;
        part.url = place.clone();
        if part.url.origin() != prepared.url.origin() {
            forget_credentials(&mut part);
        }
        part.body = content.slice(at..end);
        let range = format!("bytes={at}-{}/{total}", end - 1);
        part.headers.insert(header::CONTENT_RANGE, number(range));
        if let Some(kind) = &kind {
            part.headers.insert(header::CONTENT_TYPE, kind.clone());
        }
        answer = connector.send(&part).await?;
        if !answer.status.is_success() {
            return Ok(answer);
        }
        // The server may have taken less than it was given, and says what it has.
        let kept = answer.header(&header::RANGE).and_then(last_byte);
        at = match kept {
            Some(kept) if kept + 1 > at && kept < end => kept + 1,
            Some(_) | None => end,
        };
        size = part_size(&answer.headers).unwrap_or(size);
        place = location(&place, &answer).unwrap_or(place);
    }
    Err(Failed::invalid(format!(
        "the server takes parts that are too small: {total} bytes in more than {PARTS_MAX} parts"
    )))
}

/// The server has named another one, which the credentials of the request are not meant for.
fn forget_credentials(part: &mut Prepared) {
    part.identity = None;
    let names: Vec<HeaderName> = part.headers.keys().cloned().collect();
    for name in names.iter().filter(|name| is_credential(name.as_str())) {
        part.headers.remove(name);
    }
}

fn number(text: String) -> HeaderValue {
    HeaderValue::try_from(text).expect("digits and signs")
}

fn location(base: &Url, answer: &Answer) -> Option<Url> {
    base.join(answer.header(&header::LOCATION)?).ok()
}

fn part_size(headers: &HeaderMap) -> Option<usize> {
    let size: usize = headers.get(&CHUNK_SIZE)?.to_str().ok()?.parse().ok()?;
    (size > 0).then_some(size)
}

/// `bytes=0-1023` gives 1023.
fn last_byte(range: &str) -> Option<usize> {
    range.rsplit_once('-')?.1.trim().parse().ok()
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct ContentRange {
    start: u64,
    /// Of the last byte.
    end: u64,
    total: Option<u64>,
}

fn range_of(answer: &Answer) -> Option<ContentRange> {
    let text = answer.header(&header::CONTENT_RANGE)?;
    let (range, total) = text.trim().strip_prefix("bytes")?.trim().split_once('/')?;
    let (start, end) = range.trim_start_matches('=').trim().split_once('-')?;
    Some(ContentRange {
        start: start.trim().parse().ok()?,
        end: end.trim().parse().ok()?,
        total: total.trim().parse().ok(),
    })
}
