//! How long does the first request to a function take that is not loaded?
//!
//! The node is started again, so that nothing is loaded; each component is asked twice, and the
//! second answer is what a loaded one takes.

use std::time::{Duration, Instant};

use super::millis;
use crate::drive::{Request, Until, drive};
use crate::node::Subject;
use crate::report::{Aim, Figure, Report};

const COMPONENTS: usize = 32;

pub(crate) async fn measure(report: &mut Report) -> anyhow::Result<()> {
    let mut subject = Subject::start();
    let hello = subject.hello().await?;
    let wasm = weft_testkit::guests::component("samples/rust/hello-http", "hello_http");
    for number in 0..COMPONENTS {
        subject
            .upload(&format!("cold-{number}"), distinct(&wasm, number))
            .await?;
    }
    subject.node.restart();
    drive(&hello, 1, Until::Sent(200)).await?;
    let key = subject.node.key();
    let (mut first, mut added) = (Vec::new(), Vec::new());
    for number in 0..COMPONENTS {
        let url = subject.function(&format!("cold-{number}"));
        let request = Request::new("GET", &url, Some(&key), "")?;
        let cold = once(&request).await?;
        let warm = once(&request).await?;
        first.push(millis(cold));
        added.push(millis(cold.saturating_sub(warm)));
    }
    report.add(
        "The first request to a function that is not loaded",
        vec![
            Figure::of("first request", "ms", first),
            Figure::of("more than the second", "ms", added).aiming(Aim::AtMost(1.0)),
        ],
    );
    Ok(())
}

async fn once(request: &Request) -> anyhow::Result<Duration> {
    let started = Instant::now();
    drive(request, 1, Until::Sent(1)).await?;
    Ok(started.elapsed())
}

/// The same component with a section of its own that nobody reads: another digest, so another
/// component to the node.
fn distinct(wasm: &[u8], number: usize) -> Vec<u8> {
    const CUSTOM: u8 = 0;
    let name = format!("load-{number}");
    let name_len = u8::try_from(name.len()).expect("a short name");
    let mut wasm = wasm.to_vec();
    wasm.extend([CUSTOM, name_len + 1, name_len]);
    wasm.extend(name.bytes());
    wasm
}
