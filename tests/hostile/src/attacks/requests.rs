//! Requests that no client library would send: ambiguous, endless, abandoned.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::attack::{Attack, Beside, Outcome};
use crate::scene::{LAIR, Scene};

/// Sent after an ambiguous body: a server that takes it for a request answers it.
const SMUGGLED: &str = "GET /@victim/shop/api/hello HTTP/1.1\r\nhost: x\r\n\r\n";
const ANSWERED: &str = "Hello, world!";
/// What the node gives a head, with the time of a busy machine.
const HEAD_MAX: Duration = Duration::from_secs(32);

/// Heads; `{}` stands where the path to a function that exists does.
const AMBIGUOUS: &[(&str, &str)] = &[
    (
        "two-lengths",
        "POST {} HTTP/1.1\r\nhost: x\r\ncontent-length: 0\r\ncontent-length: 50\r\n\r\n",
    ),
    (
        "length-in-a-list",
        "POST {} HTTP/1.1\r\nhost: x\r\ncontent-length: 0, 50\r\n\r\n",
    ),
    (
        "length-with-a-sign",
        "POST {} HTTP/1.1\r\nhost: x\r\ncontent-length: +0\r\n\r\n",
    ),
    (
        "length-below-zero",
        "POST {} HTTP/1.1\r\nhost: x\r\ncontent-length: -1\r\n\r\n",
    ),
    (
        "length-in-hexadecimal",
        "POST {} HTTP/1.1\r\nhost: x\r\ncontent-length: 0x0\r\n\r\n",
    ),
    (
        "length-of-20-digits",
        "POST {} HTTP/1.1\r\nhost: x\r\ncontent-length: 18446744073709551616\r\n\r\n",
    ),
    (
        "length-then-chunked",
        "POST {} HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
    ),
    (
        "chunked-then-length",
        "POST {} HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\ncontent-length: 5\r\n\r\n0\r\n\r\n",
    ),
    (
        "chunked-twice",
        "POST {} HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
    ),
    (
        "chunked-and-more",
        "POST {} HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked, identity\r\n\r\n0\r\n\r\n",
    ),
    (
        "chunked-in-disguise",
        "POST {} HTTP/1.1\r\nhost: x\r\ntransfer-encoding: \x0bchunked\r\n\r\n0\r\n\r\n",
    ),
    (
        "chunked-name-with-a-blank",
        "POST {} HTTP/1.1\r\nhost: x\r\ntransfer-encoding : chunked\r\n\r\n0\r\n\r\n",
    ),
    (
        "chunked-in-http-1.0",
        "POST {} HTTP/1.0\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
    ),
    (
        "chunk-length-too-long",
        "POST {} HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\nfffffffffffffffff\r\n",
    ),
    (
        "chunk-length-below-zero",
        "POST {} HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n-1\r\n\r\n",
    ),
    (
        "chunk-with-bare-line-ends",
        "POST {} HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n0\n\n",
    ),
    (
        "folded-header",
        "GET {} HTTP/1.1\r\nhost: x\r\nx-a: b\r\n c: d\r\n\r\n",
    ),
    (
        "line-end-in-a-value",
        "GET {} HTTP/1.1\r\nhost: x\r\nx-a: b\rc: d\r\n\r\n",
    ),
    (
        "zero-in-a-value",
        "GET {} HTTP/1.1\r\nhost: x\r\nx-a: b\0c\r\n\r\n",
    ),
    (
        "name-of-nothing",
        "GET {} HTTP/1.1\r\nhost: x\r\n: b\r\n\r\n",
    ),
    (
        "absolute-form",
        "GET http://victim.example{} HTTP/1.1\r\nhost: x\r\n\r\n",
    ),
    (
        "absolute-form-of-another",
        "GET http://127.0.0.1:7072{} HTTP/1.1\r\nhost: x\r\n\r\n",
    ),
    (
        "authority-form",
        "CONNECT 127.0.0.1:7072 HTTP/1.1\r\nhost: x\r\n\r\n",
    ),
    ("two-hosts", "GET {} HTTP/1.1\r\nhost: x\r\nhost: y\r\n\r\n"),
    ("no-host", "GET {} HTTP/1.1\r\nx-a: b\r\n\r\n"),
    ("unknown-version", "GET {} HTTP/7.3\r\nhost: x\r\n\r\n"),
    ("no-version", "GET {}\r\n\r\n"),
    ("blank-in-the-path", "GET {} /x HTTP/1.1\r\nhost: x\r\n\r\n"),
    ("line-of-nothing-but-blanks", "   \r\n   \r\n\r\n"),
    ("binary", "\x01\x02\x03\x04\x05\x06\x07\x08\r\n\r\n"),
];

pub(super) fn attacks() -> Vec<Attack> {
    let mut attacks: Vec<_> = AMBIGUOUS.iter().map(ambiguous).collect();
    attacks.push(Attack::new(
        "requests/head-of-1-mib",
        "431 or 400 past 64 KiB",
        Beside::Quiet,
        |scene: Arc<Scene>| async move {
            let head = format!(
                "GET / HTTP/1.1\r\nhost: x\r\nx-big: {}\r\n\r\n",
                "v".repeat(1 << 20)
            );
            refused_raw(&scene, head).await
        },
    ));
    attacks.push(Attack::new(
        "requests/headers-10000",
        "431 or 400",
        Beside::Quiet,
        |scene: Arc<Scene>| async move {
            let lines: String = (0..10_000).map(|n| format!("x-{n}: v\r\n")).collect();
            refused_raw(&scene, format!("GET / HTTP/1.1\r\nhost: x\r\n{lines}\r\n")).await
        },
    ));
    attacks.push(Attack::new(
        "requests/slow-heads",
        "the connections are closed within the head's time; the victim is served meanwhile",
        Beside::Noisy,
        slow_heads,
    ));
    attacks.push(Attack::new(
        "requests/slow-heads-of-the-management",
        "its connections are closed within the head's time, so that it answers again",
        Beside::Noisy,
        slow_management,
    ));
    attacks.push(Attack::new(
        "requests/slow-bodies",
        "each ends with its function's deadline; no instance stays",
        Beside::Noisy,
        slow_bodies,
    ));
    attacks.push(Attack::new(
        "requests/abandoned",
        "no instance stays of clients that went away",
        Beside::Noisy,
        abandoned,
    ));
    attacks.push(Attack::new(
        "requests/http2-rapid-resets",
        "the connection is ended or bounded; no instance stays",
        Beside::Noisy,
        rapid_resets,
    ));
    attacks
}

fn address(scene: &Scene) -> String {
    scene.node.http().trim_start_matches("http://").to_owned()
}

fn ambiguous((name, head): &'static (&'static str, &'static str)) -> Attack {
    Attack::new(
        format!("requests/{name}"),
        "4xx or a closed connection; what follows is not taken for a request",
        Beside::Quiet,
        move |scene: Arc<Scene>| async move {
            let path = format!("/@mallory/{LAIR}/api/status");
            let sent = head.replace("{}", &path) + SMUGGLED;
            let address = address(&scene);
            let answer = tokio::task::spawn_blocking(move || exchange(&address, sent.as_bytes()));
            let answer = answer.await??;
            let smuggled = answer.contains(ANSWERED);
            let first = answer.lines().next().unwrap_or("closed").to_owned();
            let refused = first == "closed" || first.contains(" 4");
            // A function that leaves its body unread has answered before the fault was met; with
            // two lengths, only the chunks count. Either way nothing follows on that connection.
            let in_the_body = name.starts_with("chunk-") || name.contains("-then-");
            let once = answer.matches("HTTP/1.1 ").count() <= 1;
            let closes = answer.to_ascii_lowercase().contains("connection: close");
            let proper = refused || (in_the_body && once && closes);
            Ok(Outcome::of(!smuggled && proper, first))
        },
    )
}

async fn refused_raw(scene: &Scene, head: String) -> anyhow::Result<Outcome> {
    let address = address(scene);
    let answer = tokio::task::spawn_blocking(move || exchange(&address, head.as_bytes()));
    let answer = answer.await??;
    let first = answer.lines().next().unwrap_or("closed").to_owned();
    Ok(Outcome::of(
        first == "closed" || first.contains(" 4"),
        first,
    ))
}

/// What comes back until the node closes, or says nothing for two seconds.
fn exchange(address: &str, sent: &[u8]) -> anyhow::Result<String> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(Duration::from_secs(2)))?;
    stream.set_write_timeout(Some(Duration::from_secs(10)))?;
    // It may close while this is still being sent.
    let _ = stream.write_all(sent);
    let mut answer = Vec::new();
    let mut chunk = [0; 4096];
    while let Ok(len @ 1..) = stream.read(&mut chunk) {
        answer.extend(&chunk[..len]);
    }
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

/// Connections that have sent so much and then nothing; how long the node keeps the last of them.
fn stall(address: &str, count: usize, sent: &[u8]) -> anyhow::Result<(usize, Duration)> {
    let started = Instant::now();
    let mut open = Vec::new();
    for _ in 0..count {
        let mut stream = TcpStream::connect(address)?;
        stream.write_all(sent)?;
        stream.set_nonblocking(true)?;
        open.push(stream);
    }
    while !open.is_empty() && started.elapsed() < HEAD_MAX {
        std::thread::sleep(Duration::from_millis(50));
        open.retain_mut(|stream| {
            // A byte now and then keeps nobody.
            let _ = stream.write(b"x");
            let mut byte = [0];
            matches!(stream.read(&mut byte), Err(error) if error.kind() == ErrorKind::WouldBlock)
        });
    }
    Ok((open.len(), started.elapsed()))
}

async fn slow_heads(scene: Arc<Scene>) -> anyhow::Result<Outcome> {
    let (address, count) = (address(&scene), scene.scaled(100, 1000));
    let sent = b"GET /@victim/shop/api/hello HTTP/1.1\r\nx-slow: ";
    let stalled = tokio::task::spawn_blocking(move || stall(&address, count, sent));
    let (left, took) = stalled.await??;
    Ok(Outcome::of(
        left == 0,
        format!("{left} of {count} still open after {took:.1?}"),
    ))
}

async fn slow_management(scene: Arc<Scene>) -> anyhow::Result<Outcome> {
    let address = scene.node.admin().trim_start_matches("http://").to_owned();
    // More than it has places for.
    let stalled = tokio::task::spawn_blocking(move || stall(&address, 300, b"GET /healthz HT"));
    let asked = Instant::now();
    tokio::time::sleep(Duration::from_secs(1)).await;
    let url = format!("{}/healthz", scene.node.admin());
    let own = reqwest::Client::builder()
        .no_proxy()
        .timeout(HEAD_MAX)
        .build()?;
    let healthy = scene.send(own.get(url)).await;
    let waited = asked.elapsed();
    let (left, _) = stalled.await??;
    let answered = healthy.is_ok_and(|reply| reply.status == 200);
    Ok(Outcome::of(
        answered && left == 0,
        format!("300 connections; it answers: {answered}, after {waited:.1?}; {left} still open"),
    ))
}

async fn slow_bodies(scene: Arc<Scene>) -> anyhow::Result<Outcome> {
    scene.limit_handler(1000, 64).await?;
    let (address, count) = (address(&scene), scene.scaled(50, 400));
    let head = format!(
        "POST /@mallory/{LAIR}/api/sleep HTTP/1.1\r\nhost: x\r\ncontent-length: 1000000\r\n\r\nx"
    );
    let stalled = tokio::task::spawn_blocking(move || stall(&address, count, head.as_bytes()));
    let (left, took) = stalled.await??;
    let live = scene
        .settles("weft_live_instances", 0.0, Duration::from_secs(10))
        .await?;
    Ok(Outcome::of(
        live == 0.0 && left == 0,
        format!("{left} of {count} still open after {took:.1?}, {live} instances"),
    ))
}

async fn abandoned(scene: Arc<Scene>) -> anyhow::Result<Outcome> {
    scene.limit_handler(30_000, 64).await?;
    let (address, count) = (address(&scene), scene.scaled(100, 1000));
    let gone = tokio::task::spawn_blocking(move || {
        for number in 0..count {
            let path = ["endless", "trickle", "stall", "sleep", "spin"][number % 5];
            let mut stream = TcpStream::connect(&address)?;
            write!(
                stream,
                "GET /@mallory/{LAIR}/api/{path} HTTP/1.1\r\nhost: x\r\n\r\n"
            )?;
            if number % 2 == 0 {
                stream.set_read_timeout(Some(Duration::from_millis(20)))?;
                // Whether anything came is not the question.
                let _ = stream.read(&mut [0; 512]);
            }
        }
        anyhow::Ok(())
    });
    gone.await??;
    let left = scene
        .settles("weft_live_instances", 0.0, Duration::from_secs(20))
        .await?;
    Ok(Outcome::of(
        left == 0.0,
        format!("{count} clients went away, {left} instances left"),
    ))
}

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const END_HEADERS_AND_STREAM: u8 = 5;

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let len = u32::try_from(payload.len())
        .expect("a short frame")
        .to_be_bytes();
    [&len[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

async fn rapid_resets(scene: Arc<Scene>) -> anyhow::Result<Outcome> {
    scene.limit_handler(5000, 64).await?;
    let (address, count) = (address(&scene), scene.scaled(2000, 20_000));
    let sent = tokio::task::spawn_blocking(move || resets(&address, count));
    let sent = sent.await??;
    let left = scene
        .settles("weft_live_instances", 0.0, Duration::from_secs(20))
        .await?;
    Ok(Outcome::of(
        left == 0.0,
        format!("{sent} of {count} streams before the connection ended, {left} instances left"),
    ))
}

/// Opens streams and resets each at once; how many until the node has enough.
fn resets(address: &str, count: usize) -> anyhow::Result<usize> {
    let path = format!("/@mallory/{LAIR}/api/sleep");
    // :method GET, :scheme http, and :path and :authority as literals.
    let mut block = vec![0x82, 0x86, 0x04, u8::try_from(path.len())?];
    block.extend(path.bytes());
    block.extend([0x01, 1, b'x']);
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(Duration::from_millis(1)))?;
    stream.set_write_timeout(Some(Duration::from_secs(5)))?;
    stream.write_all(PREFACE)?;
    stream.write_all(&frame(SETTINGS, 0, 0, &[]))?;
    let mut chunk = [0; 16 << 10];
    for number in 0..count {
        let id = u32::try_from(2 * number + 1)?;
        let mut pair = frame(HEADERS, END_HEADERS_AND_STREAM, id, &block);
        pair.extend(frame(RST_STREAM, 0, id, &8_u32.to_be_bytes()));
        if stream.write_all(&pair).is_err() {
            return Ok(number);
        }
        if number % 100 == 0 && matches!(stream.read(&mut chunk), Ok(0)) {
            return Ok(number);
        }
    }
    Ok(count)
}
