//! Outbound requests: grants, private addresses, spellings.

use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt, Full};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use weft_sandbox::Invocation;

use crate::fixture::{Fixture, change};

async fn fetch(fixture: &Fixture, call: Invocation, url: &str) -> (u16, String) {
    let uri = format!("/fetch?{url}");
    let request = Request::builder().uri(uri).header("host", "localhost");
    let request = request.body(Full::<Bytes>::default()).unwrap();
    let response = fixture.sandbox.http(call, request).await.unwrap();
    let status = response.status().as_u16();
    let bytes = response.into_body().collect().await.unwrap().to_bytes();
    (status, String::from_utf8_lossy(&bytes).into_owned())
}

fn granted(call: Invocation, grants: &[&str]) -> Invocation {
    let grants = grants.iter().map(|grant| grant.parse().unwrap()).collect();
    change(call, |function| function.allowed_outbound_hosts = grants)
}

/// A server that counts its connections and answers each with `hi`.
async fn server() -> (SocketAddr, Arc<std::sync::atomic::AtomicU32>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let count = Arc::new(std::sync::atomic::AtomicU32::new(0));
    let counter = Arc::clone(&count);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            counter.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            let mut head = [0; 1024];
            let read = stream.read(&mut head).await.unwrap_or(0);
            assert!(head[..read].starts_with(b"GET /x HTTP/1.1\r\n"));
            let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi";
            drop(stream.write_all(answer).await);
        }
    });
    (address, count)
}

#[tokio::test]
async fn reaches_what_is_granted_and_opened_and_nothing_else() {
    let open = |config: &mut weft_sandbox::Config| {
        config.egress_allow = vec!["127.0.0.0/8".parse().unwrap()];
    };
    let fixture = Fixture::with(open);
    let call = fixture.call("guest_http", "web");
    let (address, count) = server().await;
    let url = format!("http://{address}/x");
    let (status, text) = fetch(&fixture, call.clone(), &url).await;
    assert_eq!(
        (status, text.as_str()),
        (502, "ErrorCode::HttpRequestDenied")
    );
    let logs = fixture.logs();
    assert!(
        logs.iter()
            .any(|line| line.contains("allowed_outbound_hosts")),
        "{logs:?}"
    );
    let other = granted(call.clone(), &["http://127.0.0.1:1", "https://*:*"]);
    assert_eq!(fetch(&fixture, other, &url).await.0, 502);
    assert_eq!(count.load(std::sync::atomic::Ordering::Relaxed), 0);
    let right = granted(call, &[&format!("http://{address}")]);
    assert_eq!(fetch(&fixture, right, &url).await, (200, "hi".to_owned()));
}

#[tokio::test]
async fn a_grant_does_not_open_private_addresses() {
    let fixture = Fixture::new();
    let call = granted(fixture.call("guest_http", "web"), &["*://*:*"]);
    let (address, count) = server().await;
    let port = address.port();
    let mut hosts: Vec<String> = [
        "127.0.0.1",
        "127.1",
        "127.0.1",
        "2130706433",
        "0x7f000001",
        "0x7f.0.0.1",
        "0x7f.1",
        "0177.0.0.1",
        "017700000001",
        "127.0.0.1.",
        "0",
        "0.0.0.0",
        "0x0",
        "localhost",
        "LOCALHOST",
        "localhost.",
        "[::1]",
        "[::]",
        "[0:0:0:0:0:0:0:1]",
        "[0000:0000:0000:0000:0000:0000:0000:0001]",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "[0:0:0:0:0:ffff:7f00:1]",
        "[::127.0.0.1]",
        "[64:ff9b::7f00:1]",
        "[64:ff9b::127.0.0.1]",
        "[2002:7f00:1::]",
        "[fe80::1]",
        "[fd00::1]",
        "[fc00::1]",
        "[ff02::1]",
        "[fec0::1]",
        "10.0.0.1",
        "10.1",
        "0xa.0.0.1",
        "012.0.0.1",
        "167772161",
        "172.16.0.1",
        "172.31.255.255",
        "192.168.0.1",
        "192.168.1",
        "3232235521",
        "0xc0a80001",
        "0300.0250.0.1",
        "169.254.169.254",
        "2852039166",
        "0xa9fea9fe",
        "0251.0376.0251.0376",
        "169.254.43518",
        "[::ffff:169.254.169.254]",
        "[::ffff:a9fe:a9fe]",
        "[2002:a9fe:a9fe::]",
        "[64:ff9b::a9fe:a9fe]",
        "100.64.0.1",
        "100.127.0.1",
        "224.0.0.1",
        "239.255.255.250",
        "255.255.255.255",
        "240.0.0.1",
        "198.18.0.1",
        "192.0.0.1",
    ]
    .map(str::to_owned)
    .to_vec();
    hosts.push("user@127.0.0.1".to_owned());
    hosts.push("example.com@127.0.0.1".to_owned());
    hosts.push("user:secret@127.0.0.1".to_owned());
    assert!(hosts.len() >= 60);
    for host in hosts {
        let (status, text) =
            fetch(&fixture, call.clone(), &format!("http://{host}:{port}/x")).await;
        assert_eq!(status, 502, "{host}: {text}");
        let refused = ["IpProhibited", "DnsError", "UriInvalid", "not a URL"];
        assert!(
            refused.iter().any(|code| text.contains(code)),
            "{host}: {text}"
        );
    }
    assert_eq!(count.load(std::sync::atomic::Ordering::Relaxed), 0);
}
