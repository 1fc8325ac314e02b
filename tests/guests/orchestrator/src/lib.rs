//! Orchestrators that are well-behaved, and some that try what they must not.

wit_bindgen::generate!({
    path: "../../../wit",
    inline: r"
        package test:guest;
        world guest {
            import wasi:config/store@0.2.0-rc.1;
            import wasi:keyvalue/store@0.2.0-draft;
            import wasi:blobstore/blobstore@0.2.0-draft;
            import weft:functions/client@0.1.0;
            import weft:functions/durable@0.1.0;
            export weft:functions/orchestrator@0.1.0;
            export weft:functions/describe@0.1.0;
        }
    ",
    world: "test:guest/guest",
    generate_all,
});

use exports::weft::functions::describe;
use exports::weft::functions::orchestrator::{Failure, Guest};
use wasi::blobstore::blobstore;
use wasi::keyvalue::store;
use weft::functions::{client, durable};

struct Orchestrators;
export!(Orchestrators);

impl Guest for Orchestrators {
    fn run(name: String, input: String) -> Result<String, Failure> {
        match name.as_str() {
            "sequence" => {
                let steps: u32 = input.parse().unwrap_or(3);
                let mut value = "0".to_owned();
                for _ in 0..steps {
                    value = durable::wait(durable::call_activity("step", &value, None))?;
                }
                Ok(value)
            }
            "race" => {
                let work = durable::call_activity("slow", "null", None);
                let deadline = durable::create_timer(1000.0);
                Ok(durable::wait_any(&[work, deadline]).to_string())
            }
            // Does another thing first in a revision that has set `FIRST`.
            "versioned" => {
                let first = wasi::config::store::get("FIRST").ok().flatten();
                if first.is_some() {
                    durable::send_event("nobody", "hello", "null");
                }
                durable::wait(durable::create_timer(1.0))?;
                durable::wait(durable::wait_for_event("go"))
            }
            "world" => Ok(look_around()),
            "bad-task" => {
                durable::wait(99)?;
                Ok("null".to_owned())
            }
            "panic" => panic!("lost the plot"),
            "loop" => loop {
                std::hint::black_box(());
            },
            // Computes for a good while, yet not for ever.
            "compute" => {
                let mut value = 1_u64;
                for round in 0..30_000_000_u64 {
                    value = std::hint::black_box(value.wrapping_mul(31) ^ round);
                }
                Ok(value.to_string())
            }
            // Sleeps for less than a turn may take, computes for longer than a tick, and again.
            "doze" => loop {
                std::thread::sleep(std::time::Duration::from_millis(200));
                for round in 0..20_000_000_u64 {
                    std::hint::black_box(round);
                }
            },
            "sleep" => {
                std::thread::sleep(std::time::Duration::from_secs(3600));
                Ok("null".to_owned())
            }
            other => Err(Failure {
                kind: "unknown".to_owned(),
                message: format!("there is no {other}"),
                retryable: false,
                details: None,
            }),
        }
    }
}

impl describe::Guest for Orchestrators {
    fn describe() -> Vec<describe::Function> {
        let function = |name: &str| describe::Function {
            name: name.to_owned(),
            kind: describe::Kind::Orchestrator,
            description: Some("adds one, so many times".to_owned()),
            input_schema: Some(r#"{"type":"integer"}"#.to_owned()),
            output_schema: None,
            route: None,
            methods: Vec::new(),
        };
        vec![
            function("sequence"),
            function("race"),
            function("versioned"),
        ]
    }
}

/// Everything that could differ between two runs, decided upon.
#[expect(
    clippy::disallowed_methods,
    reason = "what a guest finds in place of the system's clock is the question"
)]
fn look_around() -> String {
    let wall = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .map(|time| time.as_millis());
    let mut seen = vec![format!("wall {wall:?}")];
    seen.push(format!(
        "monotonic {}",
        wasip2::clocks::monotonic_clock::now()
    ));
    seen.push(format!(
        "random {}",
        wasip2::random::random::get_random_u64()
    ));
    seen.push(format!(
        "insecure {}",
        wasip2::random::insecure::get_insecure_random_u64()
    ));
    let seed = wasip2::random::insecure_seed::insecure_seed();
    seen.push(format!("seed {seed:?}"));
    let map: std::collections::HashMap<u32, u32> = (0..20).map(|n| (n, n)).collect();
    seen.push(format!("order {:?}", map.keys().collect::<Vec<_>>()));
    seen.push(format!("now {}", durable::now_ms()));
    seen.push(format!("guid {}", durable::new_guid()));
    seen.push(format!("client {:?}", client::start("x", "null", None)));
    seen.push(format!("keyvalue {:?}", store::open("x").map(drop)));
    let objects = blobstore::create_container("x").map(drop);
    seen.push(format!("objects {objects:?}"));
    seen.push(format!("http {}", fetch()));
    let socket = std::net::TcpStream::connect("127.0.0.1:9").map(drop);
    seen.push(format!("socket {}", socket.is_err()));
    seen.push(format!("files {}", std::fs::read_dir("/").is_err()));
    let text = seen.join("; ");
    durable::call_activity("seen", &text, None);
    text
}

fn fetch() -> String {
    use wasip2::http::{outgoing_handler, types};
    let request = types::OutgoingRequest::new(types::Fields::new());
    let set = request.set_authority(Some("example.com"));
    set.expect("an authority");
    let set = request.set_path_with_query(Some("/"));
    set.expect("a path");
    let future = match outgoing_handler::handle(request, None) {
        Ok(future) => future,
        Err(error) => return format!("{error:?}"),
    };
    future.subscribe().block();
    match future.get() {
        Some(Ok(Ok(_))) => "answered".to_owned(),
        Some(Ok(Err(error))) => format!("{error:?}"),
        other => format!("{}", other.is_some()),
    }
}
