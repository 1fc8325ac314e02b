//! Requests of guests to where they have no business: the node's own network, in every spelling.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use weft_testkit::node::Program;

use crate::attack::{Attack, Beside, Outcome};
use crate::disarmed::{REBINDING_HOST, Weakness};
use crate::scene::{LAIR, Reply, Scale, Scene};

/// What a guest may be told in place of an answer; anything else was an attempt to connect.
const REFUSALS: [&str; 6] = [
    "DestinationIpProhibited",
    "HttpRequestDenied",
    "HttpRequestUriInvalid",
    // Another scheme.
    "HttpProtocolError",
    "DnsError",
    "not a URL",
];

/// Hosts that are the node itself or its network; `{p}` is the port of a server on loopback.
const SPELLINGS: &[&str] = &[
    // Loopback, as it is written and as it is not.
    "http://127.0.0.1:{p}/",
    "http://127.0.0.2:{p}/",
    "http://127.255.255.254:{p}/",
    "http://127.1:{p}/",
    "http://127.0.1:{p}/",
    "http://2130706433:{p}/",
    "http://0x7f000001:{p}/",
    "http://0x7f.0.0.1:{p}/",
    "http://0x7f.0x0.0x0.0x1:{p}/",
    "http://0177.0.0.1:{p}/",
    "http://017700000001:{p}/",
    "http://00000177.0.0.01:{p}/",
    "http://127.0.0.1.:{p}/",
    "http://localhost:{p}/",
    "http://LOCALHOST:{p}/",
    "http://localhost.:{p}/",
    "http://ip6-localhost:{p}/",
    "http://ip6-loopback:{p}/",
    "https://127.0.0.1:{p}/",
    "http://0:{p}/",
    "http://0.0.0.0:{p}/",
    "http://0.1.2.3:{p}/",
    "http://[::1]:{p}/",
    "http://[0:0:0:0:0:0:0:1]:{p}/",
    "http://[0000::0001]:{p}/",
    "http://[::]:{p}/",
    "http://[::ffff:127.0.0.1]:{p}/",
    "http://[::ffff:7f00:1]:{p}/",
    "http://[0:0:0:0:0:ffff:127.0.0.1]:{p}/",
    "http://[::127.0.0.1]:{p}/",
    "http://[::1%25lo]:{p}/",
    "http://[::1%lo]:{p}/",
    "http://[64:ff9b::7f00:1]:{p}/",
    "http://[64:ff9b::127.0.0.1]:{p}/",
    "http://[64:ff9b:1::7f00:1]:{p}/",
    "http://[2002:7f00:1::]:{p}/",
    "http://[2001:0:7f00:1::]:{p}/",
    // In front of and behind another name.
    "http://user@127.0.0.1:{p}/",
    "http://user:password@127.0.0.1:{p}/",
    "http://example.com@127.0.0.1:{p}/",
    "http://127.0.0.1:{p}@example.com/",
    "http://127.0.0.1:{p}#@example.com/",
    "http://127.0.0.1:{p}?@example.com/",
    "http://127.0.0.1:{p}\\@example.com/",
    "http://example.com%00.127.0.0.1:{p}/",
    "http://127.0.0.1%2f:{p}/",
    "http://127%2e0%2e0%2e1:{p}/",
    "http://%31%32%37.0.0.1:{p}/",
    "http://①②⑦.⓪.⓪.①:{p}/",
    "http://127。0。0。1:{p}/",
    "http://loc\u{ad}alhost:{p}/",
    "http:// 127.0.0.1:{p}/",
    "http://127.0.0.1 :{p}/",
    "http://127.0.0.1:{p}:80/",
    "http://127.0.0.1:0{p}/",
    // Private and special ranges, one address of each.
    "http://10.0.0.1/",
    "http://0xa.0.0.1/",
    "http://172.16.0.1/",
    "http://172.31.255.255/",
    "http://192.168.0.1/",
    "http://3232235521/",
    "http://169.254.169.254/latest/meta-data/",
    "http://2852039166/latest/meta-data/",
    "http://0xa9fea9fe/",
    "http://[::ffff:169.254.169.254]/",
    "http://[64:ff9b::a9fe:a9fe]/",
    "http://[2002:a9fe:a9fe::]/",
    "http://100.64.0.1/",
    "http://192.0.0.8/",
    "http://198.18.0.1/",
    "http://192.88.99.1/",
    "http://224.0.0.1/",
    "http://240.0.0.1/",
    "http://255.255.255.255/",
    "http://[fc00::1]/",
    "http://[fd00:ec2::254]/",
    "http://[fe80::1]/",
    "http://[fe80::1%25eth0]/",
    "http://[fec0::1]/",
    "http://[ff02::1]/",
    "http://[100::1]/",
    // Other schemes.
    "file:///etc/passwd",
    "gopher://127.0.0.1:{p}/",
    "ftp://127.0.0.1:{p}/",
    "unix:///var/run/docker.sock",
    "HTTP://127.0.0.1:{p}/",
];

pub(super) fn attacks() -> Vec<Attack> {
    vec![
        Attack::new(
            "egress/spellings-of-private-addresses",
            "each is refused before anybody is connected to",
            Beside::Quiet,
            spellings,
        ),
        Attack::new(
            "egress/hosts-that-are-not-granted",
            "refused: HttpRequestDenied",
            Beside::Quiet,
            not_granted,
        ),
        Attack::new(
            "egress/many-at-once",
            "64 connections of one guest at a time",
            Beside::Elsewhere,
            many,
        ),
        Attack::new(
            "egress/a-name-that-changes-its-mind",
            "it is resolved once; nothing else than the checked address is connected to",
            Beside::Elsewhere,
            rebinding,
        ),
        Attack::new(
            "egress/a-redirect-inwards",
            "the redirect is checked like a first request",
            Beside::Elsewhere,
            redirect,
        ),
        Attack::new(
            "egress/dropped-calls",
            "no instance and no connection stays",
            Beside::Elsewhere,
            dropped,
        ),
    ]
}

/// A server that counts who comes.
struct Canary {
    address: SocketAddr,
    visits: Arc<AtomicUsize>,
}

impl Canary {
    /// Answers everybody alike, after a while; its thread lasts as long as the process.
    fn at(address: &str, answer: &'static str, pause: Duration) -> anyhow::Result<Self> {
        let listener = TcpListener::bind(address)?;
        let own = listener.local_addr()?;
        let visits = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&visits);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let Ok(mut stream) = stream else { continue };
                counted.fetch_add(1, Ordering::Relaxed);
                std::thread::spawn(move || {
                    // Who goes away while being answered is counted already.
                    let _ = stream.read(&mut [0; 2048]);
                    std::thread::sleep(pause);
                    let _ = stream.write_all(answer.as_bytes());
                });
            }
        });
        Ok(Self {
            address: own,
            visits,
        })
    }

    fn visits(&self) -> usize {
        self.visits.load(Ordering::Relaxed)
    }
}

/// What a guest finds at a URL, which may hold what no other URL may hold.
async fn fetch(scene: &Scene, url: &str) -> anyhow::Result<Reply> {
    let digits: String = url.bytes().map(|byte| format!("{byte:02x}")).collect();
    scene
        .handle(&scene.mallory, &format!("/fetch?{digits}"))
        .await
}

const SECRET: &str = "HTTP/1.1 200 OK\r\ncontent-length: 6\r\nconnection: close\r\n\r\nsecret";

async fn spellings(scene: Arc<Scene>) -> anyhow::Result<Outcome> {
    scene.limit_handler(20_000, 64).await?;
    let canary = Canary::at("127.0.0.1:0", SECRET, Duration::ZERO)?;
    let port = canary.address.port().to_string();
    let mut through = Vec::new();
    for spelling in SPELLINGS {
        let url = spelling.replace("{p}", &port);
        let reply = fetch(&scene, &url).await?;
        let refused = REFUSALS.iter().any(|refusal| reply.text.contains(refusal));
        if !refused || reply.text.contains("secret") {
            through.push(format!("{spelling}: {}", reply.shown()));
        }
    }
    let visits = canary.visits();
    Ok(Outcome::of(
        through.is_empty() && visits == 0,
        format!(
            "{} spellings, {visits} visits, not refused: {through:?}",
            SPELLINGS.len()
        ),
    ))
}

async fn not_granted(scene: Arc<Scene>) -> anyhow::Result<Outcome> {
    let settings = serde_json::json!({
        "auth": "anonymous", "route": "{*rest}",
        "allowed_outbound_hosts": ["https://payments.example"],
    });
    scene.settings(&scene.mallory, LAIR, "h", &settings).await?;
    let mut through = Vec::new();
    let urls = [
        "http://payments.example/",
        "https://payments.example:8443/",
        "https://payments.example.evil.example/",
        "https://evil.example/payments.example",
        "https://payments.example@evil.example/",
        "https://xpayments.example/",
        "https://payments.example./",
        "https://1.1.1.1/",
    ];
    for url in urls {
        let reply = fetch(&scene, url).await?;
        let denied = ["HttpRequestDenied", "HttpRequestUriInvalid"];
        if !denied.iter().any(|code| reply.text.contains(code)) {
            through.push(format!("{url}: {}", reply.shown()));
        }
    }
    let happened = format!("{} hosts, not refused: {through:?}", urls.len());
    Ok(Outcome::of(through.is_empty(), happened))
}

async fn many(scene: Arc<Scene>) -> anyhow::Result<Outcome> {
    let own = outward(&scene).await?;
    let slow = Canary::at("127.7.0.1:0", SECRET, Duration::from_secs(3))?;
    let path = format!("/fetch-many?1000=http://{}/", slow.address);
    let reply = own.handle(&own.mallory, &path).await?;
    let visits = slow.visits();
    Ok(Outcome::of(
        reply.status == 200 && visits == 64,
        format!("{} of 1000, {visits} connections", reply.shown()),
    ))
}

/// A node that finds [`REBINDING_HOST`] at 127.7.0.1 when it is first asked and at 127.0.0.1 from
/// then on, and whose operator has opened 127.7.0.0/16 in place of the internet.
async fn outward(scene: &Scene) -> anyhow::Result<Scene> {
    let program = Program {
        path: crate::disarmed::binary(),
        env: vec![Weakness::None.variable()],
    };
    let own = Scene::set(program, Scale::Short, scene.seed).await?;
    own.limit_handler(20_000, 64).await?;
    Ok(own)
}

async fn rebinding(scene: Arc<Scene>) -> anyhow::Result<Outcome> {
    let own = outward(&scene).await?;
    let outside = Canary::at(
        "127.7.0.1:0",
        "HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nopen",
        Duration::ZERO,
    )?;
    let port = outside.address.port();
    let inside = Canary::at(&format!("127.0.0.1:{port}"), SECRET, Duration::ZERO)?;
    let url = format!("http://{REBINDING_HOST}:{port}/");
    let first = fetch(&own, &url).await?;
    let mut others = Vec::new();
    for _ in 0..5 {
        others.push(fetch(&own, &url).await?.text);
    }
    let refused = others
        .iter()
        .all(|text| text.contains("DestinationIpProhibited"));
    let reached = first.text == "200 open";
    Ok(Outcome::of(
        refused && reached && inside.visits() == 0 && outside.visits() == 1,
        format!(
            "outside {} visits, inside {}; first {:?}, then {:?}",
            outside.visits(),
            inside.visits(),
            first.text,
            others.first()
        ),
    ))
}

async fn redirect(scene: Arc<Scene>) -> anyhow::Result<Outcome> {
    let own = outward(&scene).await?;
    let inside = Canary::at("127.0.0.1:0", SECRET, Duration::ZERO)?;
    let location = format!("http://{}/", inside.address);
    let answer = format!("HTTP/1.1 302 Found\r\nlocation: {location}\r\ncontent-length: 0\r\n\r\n");
    let outside = Canary::at("127.7.0.1:0", answer.leak(), Duration::ZERO)?;
    let path = format!("/fetch-follow?http://{}/", outside.address);
    let reply = own.handle(&own.mallory, &path).await?;
    let refused = reply.text.contains("DestinationIpProhibited");
    Ok(Outcome::of(
        refused && outside.visits() == 1 && inside.visits() == 0,
        format!("{}; inside {} visits", reply.shown(), inside.visits()),
    ))
}

async fn dropped(scene: Arc<Scene>) -> anyhow::Result<Outcome> {
    let own = outward(&scene).await?;
    let slow = Canary::at("127.7.0.1:0", SECRET, Duration::from_millis(30))?;
    let count = scene.scaled(100, 600);
    let open_before = descriptors(own.node.pid())?;
    let path = format!("/fetch-dropped?{count}=http://{}/", slow.address);
    let reply = own.handle(&own.mallory, &path).await?;
    let live = own
        .settles("weft_live_instances", 0.0, Duration::from_secs(10))
        .await?;
    let open = descriptors(own.node.pid())?;
    Ok(Outcome::of(
        reply.text.ends_with("dropped") && live == 0.0 && open <= open_before + 8,
        format!(
            "{}; {live} instances, {open_before} descriptors before, {open} after",
            reply.shown()
        ),
    ))
}

fn descriptors(pid: u32) -> anyhow::Result<usize> {
    Ok(std::fs::read_dir(format!("/proc/{pid}/fd"))?.count())
}
