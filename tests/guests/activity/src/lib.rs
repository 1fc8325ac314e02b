//! Activities that misbehave, one for each way; the name of the call chooses.

wit_bindgen::generate!({
    path: "../../../wit",
    inline: r"
        package test:guest;
        world guest {
            import wasi:logging/logging@0.1.0-draft;
            import wasi:config/store@0.2.0-rc.1;
            import wasi:keyvalue/store@0.2.0-draft;
            import wasi:keyvalue/atomics@0.2.0-draft;
            import wasi:blobstore/types@0.2.0-draft;
            import wasi:blobstore/container@0.2.0-draft;
            import wasi:blobstore/blobstore@0.2.0-draft;
            import weft:functions/client@0.1.0;
            import weft:functions/durable@0.1.0;
            export weft:functions/activity@0.1.0;
        }
    ",
    world: "test:guest/guest",
    generate_all,
});

mod objects;

use exports::weft::functions::activity::{Call, Failure, Guest};
use wasi::keyvalue::{atomics, store};
use wasi::logging::logging::{Level, log};
use weft::functions::{client, durable};

struct Activities;
export!(Activities);

impl Guest for Activities {
    fn run(name: String, input: String, call: Call) -> Result<String, Failure> {
        match name.as_str() {
            "echo" => Ok(input),
            "key" => Ok(format!(
                "\"{}/{}/{}\"",
                call.instance_id, call.idempotency_key, call.attempt
            )),
            "decline" => Err(Failure {
                kind: "declined".to_owned(),
                message: "no funds".to_owned(),
                retryable: true,
                details: Some("{}".to_owned()),
            }),
            "panic" => panic!("the reactor is on fire"),
            "exit" => std::process::exit(7),
            "loop" => loop {
                std::hint::black_box(());
            },
            "loop-if" => loop {
                if input != "true" {
                    return Ok(input);
                }
                std::hint::black_box(());
            },
            "sleep" => {
                std::thread::sleep(std::time::Duration::from_secs(3600));
                Ok(input)
            }
            "grow" => {
                let mut kept: Vec<Vec<u8>> = Vec::new();
                loop {
                    kept.push(vec![1; 1 << 20]);
                    std::hint::black_box(&kept);
                }
            }
            "recurse" => Ok(recurse(u64::from(call.attempt)).to_string()),
            "flood" => {
                let line = "x".repeat(1000);
                for _ in 0..100_000 {
                    println!("{line}");
                }
                Ok(input)
            }
            "log" => {
                println!("plain \u{1b}[31mred\u{1b}[0m\rforged");
                eprintln!("to stderr");
                log(Level::Warn, "here", "a warning");
                Ok(input)
            }
            "huge-call" => {
                log(Level::Info, "", &"x".repeat(40 << 20));
                Ok(input)
            }
            "big" => Ok("x".repeat(80 << 20)),
            "count" => {
                static CALLS: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(1);
                let calls = CALLS.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                println!("call {calls}");
                Ok(calls.to_string())
            }
            "env" => Ok(format!(
                "{:?}",
                (
                    std::env::var("COLOUR").ok(),
                    wasi::config::store::get("COLOUR"),
                    std::env::vars().count(),
                    std::fs::read_dir("/").is_ok(),
                    std::net::TcpStream::connect("127.0.0.1:9").is_ok(),
                )
            )),
            "durable" => Ok(durable::now_ms().to_string()),
            "start" => match client::start("child", &input, None) {
                Ok(id) => Ok(id),
                Err(error) => Ok(format!("{error:?}")),
            },
            "raise" => match client::raise_event("made", &input, "null") {
                Ok(()) => Ok(input),
                Err(error) => Ok(format!("{error:?}")),
            },
            "store" => Ok(format!("{:?}", keep(&input))),
            "objects" => Ok(format!("{:?}", objects::keep())),
            "objects-replaced" => Ok(format!("{:?}", objects::replaced())),
            "objects-unfinished" => Ok(format!("{:?}", objects::unfinished())),
            "objects-many" => Ok(objects::many().to_string()),
            "objects-list" => Ok(format!("{:?}", objects::as_list())),
            other => Err(Failure {
                kind: "unknown".to_owned(),
                message: format!("there is no {other}"),
                retryable: false,
                details: None,
            }),
        }
    }
}

#[expect(unconditional_recursion, reason = "that is the misbehaviour")]
fn recurse(depth: u64) -> u64 {
    std::hint::black_box(recurse(std::hint::black_box(depth + 1)) + 1)
}

fn keep(value: &str) -> Result<String, store::Error> {
    let bucket = store::open("box")?;
    bucket.set("a", value.as_bytes())?;
    atomics::increment(&bucket, "n", 2)?;
    let sum = atomics::increment(&bucket, "n", 3)?;
    let read = bucket.get("a")?.unwrap_or_default();
    let keys = bucket.list_keys(None)?.keys;
    bucket.delete("a")?;
    let gone = !bucket.exists("a")?;
    let read = String::from_utf8_lossy(&read).into_owned();
    Ok(format!("{read} {sum} {keys:?} {gone}"))
}
