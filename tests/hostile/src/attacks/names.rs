//! Names that lead elsewhere: paths, identifiers, archives.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::Duration;

use reqwest::Method;

use crate::attack::{Attack, Beside, Outcome};
use crate::scene::{LAIR, Scene};

/// Paths of the data plane that must not reach a function of another app, as they stand on the wire.
const DATA_PATHS: &[&str] = &[
    "/@mallory/../@victim/shop/api/hello",
    "/@mallory/lair/../../@victim/shop/api/hello",
    "/@mallory/..%2f@victim/shop/api/hello",
    "/@mallory%2f..%2f@victim/shop/api/hello",
    "/@victim%2fshop/api/hello",
    "/@victim/shop%2fapi/hello",
    "/@victim/shop/api%2fhello",
    "/@VICTIM/shop/api/hello",
    "/@victim%00/shop/api/hello",
    "/@victim./shop/api/hello",
    "/@victim/sh%6fp/api/hello",
    "/%40victim/shop/api/hello",
    "//@victim/shop/api/hello",
    "/./@victim/shop/api/hello",
    "/api/../@victim/shop/api/hello",
    "/api/..%252f@victim/shop/api/hello",
    "/@victim/shop/../shop/api/hello",
    "/@victim\\shop\\api\\hello",
    "/admin/v1/tenants",
    "/../admin/v1/tenants",
    "/operator.key",
    "/..%2foperator.key",
    "/%2e%2e/%2e%2e/etc/passwd",
    "/@victim/shop/runtime/webhooks/durabletask/../../../../api/hello",
];

/// Names that no tenant, app, component, function or secret has, encoded for a path.
const NAMES: &[&str] = &[
    "..",
    "%2e%2e",
    "..%2f..%2fvictim",
    "%2e%2e%2f%2e%2e%2foperator.key",
    "a%2fb",
    "a%5cb",
    "a%00b",
    "a%0ab",
    "a%0d%0aset-cookie:%20x",
    "UPPER",
    "%c3%a4",
    "%ff%fe",
    "a%20b",
    "%24%28id%29",
    "%27%3b%20DROP%20TABLE%20tenants%3b--",
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
];

pub(super) fn attacks() -> Vec<Attack> {
    vec![
        Attack::new(
            "names/paths-that-climb",
            "4xx, none reaches the victim's function",
            Beside::Quiet,
            climb,
        ),
        Attack::new(
            "names/identifiers",
            "4xx for each, of every kind",
            Beside::Quiet,
            identifiers,
        ),
        Attack::new(
            "names/archives",
            "4xx for each; nothing is written outside",
            Beside::Quiet,
            archives,
        ),
    ]
}

async fn climb(scene: Arc<Scene>) -> anyhow::Result<Outcome> {
    let address = scene.node.http().trim_start_matches("http://").to_owned();
    let mut through = Vec::new();
    for path in DATA_PATHS {
        let address = address.clone();
        let answer = tokio::task::spawn_blocking(move || ask(&address, path)).await??;
        if !answer.starts_with("HTTP/1.1 4") || answer.contains("Hello, world!") {
            let line = answer.lines().next().unwrap_or("nothing").to_owned();
            through.push(format!("{path}: {line}"));
        }
    }
    let happened = format!(
        "{} paths, {} not refused {through:?}",
        DATA_PATHS.len(),
        through.len()
    );
    Ok(Outcome::of(through.is_empty(), happened))
}

/// The path as it stands: no client library puts it right.
fn ask(address: &str, path: &str) -> anyhow::Result<String> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(Duration::from_secs(10)))?;
    write!(
        stream,
        "GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"
    )?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

async fn identifiers(scene: Arc<Scene>) -> anyhow::Result<Outcome> {
    let wasm = super::wasm::wat("(component)");
    let (mut asked, mut through) = (0, Vec::new());
    for name in NAMES {
        for (key, method, path) in [
            (
                &scene.mallory.key,
                Method::PUT,
                format!("/apps/{name}/components/c"),
            ),
            (
                &scene.mallory.key,
                Method::PUT,
                format!("/apps/{LAIR}/components/{name}"),
            ),
            (
                &scene.mallory.key,
                Method::GET,
                format!("/apps/{LAIR}/functions/{name}"),
            ),
            (
                &scene.mallory.key,
                Method::PUT,
                format!("/apps/{LAIR}/workflows/{name}"),
            ),
            (
                &scene.mallory.key,
                Method::GET,
                format!("/apps/{LAIR}/revisions/{name}/check"),
            ),
            (
                &scene.mallory.key,
                Method::GET,
                format!("/apps/{LAIR}/connections/{name}"),
            ),
            (&scene.operator, Method::PUT, format!("/tenants/{name}")),
            (
                &scene.operator,
                Method::GET,
                format!("/tenants/{name}/apps"),
            ),
            (
                &scene.operator,
                Method::DELETE,
                format!("/tenants/{name}/keys/{name}"),
            ),
        ] {
            asked += 1;
            // As it stands: a URL library would climb before it sends.
            let url = format!("/admin/v1{path}");
            let address = scene.node.admin().trim_start_matches("http://").to_owned();
            let (key, wasm) = (key.clone(), wasm.clone());
            let status =
                tokio::task::spawn_blocking(move || put(&address, &method, &url, &key, &wasm));
            let status = status.await??;
            if !(400..500).contains(&status) {
                through.push(format!("{path}: {status}"));
            }
        }
    }
    let happened = format!(
        "{asked} requests, {} not refused {through:?}",
        through.len()
    );
    Ok(Outcome::of(through.is_empty(), happened))
}

fn put(address: &str, method: &Method, path: &str, key: &str, body: &[u8]) -> anyhow::Result<u16> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(Duration::from_secs(30)))?;
    write!(
        stream,
        "{method} {path} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {key}\r\n\
         content-type: application/wasm\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
        body.len()
    )?;
    stream.write_all(body)?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    let answer = String::from_utf8_lossy(&answer);
    let status = answer
        .split(' ')
        .nth(1)
        .and_then(|status| status.parse().ok());
    Ok(status.unwrap_or(0))
}

const MANIFEST: &[u8] = b"name = \"lair2\"\n[components.c]\npath = \"c.wasm\"\n";

/// A bundle with a manifest and one more entry, made by hand: the library refuses such names.
fn archive(name: &[u8], kind: u8, link: &[u8], claimed: Option<&[u8]>) -> Vec<u8> {
    let mut bundle = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_ustar();
    header.set_size(MANIFEST.len() as u64);
    header.set_mode(0o644);
    bundle
        .append_data(&mut header, "weft.toml", MANIFEST)
        .expect("memory takes it");
    let mut header = tar::Header::new_ustar();
    header.set_size(1);
    header.set_mode(0o644);
    header.set_entry_type(tar::EntryType::new(kind));
    let raw = header.as_mut_bytes();
    raw[..name.len()].copy_from_slice(name);
    raw[157..157 + link.len()].copy_from_slice(link);
    if let Some(claimed) = claimed {
        raw[124..124 + claimed.len()].copy_from_slice(claimed);
    }
    header.set_cksum();
    bundle.append(&header, &b"x"[..]).expect("memory takes it");
    bundle.into_inner().expect("memory takes it")
}

async fn archives(scene: Arc<Scene>) -> anyhow::Result<Outcome> {
    let bundles = [
        ("climbing", archive(b"../../owned.wasm", b'0', b"", None)),
        (
            "absolute",
            archive(b"/tmp/weft-owned.wasm", b'0', b"", None),
        ),
        ("symlink", archive(b"c.wasm", b'2', b"/etc/passwd", None)),
        (
            "hard link",
            archive(b"c.wasm", b'1', b"../operator.key", None),
        ),
        ("device", archive(b"c.wasm", b'3', b"", None)),
        ("pipe", archive(b"c.wasm", b'6', b"", None)),
        (
            "claims 8 GiB",
            archive(b"c.wasm", b'0', b"", Some(b"77777777777")),
        ),
        (
            "claims nonsense",
            archive(b"c.wasm", b'0', b"", Some(b"zzzzzzzzzzz")),
        ),
        ("no archive", b"no archive".repeat(200)),
        (
            "truncated",
            archive(b"c.wasm", b'0', b"", None)[..700].to_vec(),
        ),
        ("nothing", Vec::new()),
    ];
    let mut through = Vec::new();
    let count = bundles.len();
    for (what, bundle) in bundles {
        let put = scene.admin(&scene.mallory.key, Method::PUT, "/apps/lair2");
        let put = put.header("content-type", "application/x-tar").body(bundle);
        let reply = scene.send(put).await?;
        if !(400..500).contains(&reply.status) {
            through.push(format!("{what}: {}", reply.shown()));
        }
    }
    let written = std::path::Path::new("/tmp/weft-owned.wasm").exists()
        || scene.node.data().join("../owned.wasm").exists();
    let happened = format!("{count} bundles, {} not refused {through:?}", through.len());
    Ok(Outcome::of(through.is_empty() && !written, happened))
}
