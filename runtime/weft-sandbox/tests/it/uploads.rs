//! Uploads: what is refused and how, compile bombs, tampered native code.

use std::fmt::Write;
use std::time::{Duration, Instant};

use bytes::Bytes;
use weft_app::FunctionKind;
use weft_id::Tenant;
use weft_orchestration::Payload;
use weft_sandbox::{ActivityCall, Cause, Prepared, UploadError};

use crate::fixture::Fixture;

async fn prepare(fixture: &Fixture, wasm: impl Into<Bytes>) -> Result<Prepared, UploadError> {
    let name = "upload".parse().unwrap();
    let tenant = Tenant::default();
    fixture.sandbox.prepare(&tenant, &name, wasm.into()).await
}

fn wat(text: &str) -> Vec<u8> {
    wat::parse_str(text).unwrap()
}

#[tokio::test]
async fn finds_what_a_component_holds() {
    let fixture = Fixture::with(|_| {});
    let http = [("upload", FunctionKind::Http)];
    let activity = [("upload", FunctionKind::Activity)];
    let described = [
        ("sequence", FunctionKind::Orchestrator),
        ("race", FunctionKind::Orchestrator),
        ("versioned", FunctionKind::Orchestrator),
    ];
    for (guest, expected) in [
        ("guest_http", &http[..]),
        ("guest_activity", &activity),
        ("guest_orchestrator", &described),
    ] {
        let wasm = weft_testkit::guests::guest(guest);
        let len = wasm.len() as u64;
        let prepared = prepare(&fixture, wasm).await.unwrap();
        assert_eq!(prepared.wasm_len, len);
        assert!(prepared.native_len > 0);
        let found = prepared.functions.iter().map(|f| (f.name.as_str(), f.kind));
        assert_eq!(found.collect::<Vec<_>>(), expected);
        if guest == "guest_orchestrator" {
            let schema = prepared.functions[0].input_schema.as_ref().unwrap();
            assert_eq!(schema["type"], "integer");
        }
    }
    assert_eq!(fixture.sandbox.loaded_components(), 3);
}

/// A component whose function takes a type that is a tuple of two of the one before, so often.
fn doubling_types(levels: usize) -> Vec<u8> {
    let mut types = "(type $t0 u8)".to_owned();
    for level in 1..=levels {
        let before = level - 1;
        write!(types, "(type $t{level} (tuple $t{before} $t{before}))").unwrap();
    }
    wat(&format!(
        r#"(component
            (core module $m
                (memory (export "memory") 1)
                (func (export "realloc") (param i32 i32 i32 i32) (result i32) i32.const 0)
                (func (export "f") (param i32)))
            (core instance $i (instantiate $m))
            {types}
            (func (export "f") (param "p" $t{levels}) (canon lift (core func $i "f")
                (memory (core memory $i "memory")) (realloc (core func $i "realloc")))))"#
    ))
}

#[tokio::test]
async fn types_that_double_with_each_level_are_not_written_out() {
    let fixture = Fixture::with(|_| {});
    prepare(&fixture, doubling_types(6)).await.unwrap();
    for levels in [14, 18] {
        let refused = prepare(&fixture, doubling_types(levels)).await.unwrap_err();
        let said = refused.to_string();
        assert!(said.contains("more types than are read"), "{said}");
    }
}

#[tokio::test]
async fn refuses_what_is_no_component() {
    let fixture = Fixture::with(|config| config.upload.bytes_max = 1 << 20);
    let good = weft_testkit::guests::guest("guest_http");
    let cases: Vec<(&str, Vec<u8>)> = vec![
        ("empty", Vec::new()),
        ("limit is 1048576", vec![0; (1 << 20) + 1]),
        ("not WebAssembly", b"#!/bin/sh".to_vec()),
        ("native code", b"\x7fELF\x02\x01\x01".to_vec()),
        ("first four bytes", b"\0as".to_vec()),
        ("core module", wat("(module)")),
        ("too early", good[..good.len() / 2].to_vec()),
        ("too early", good[..100].to_vec()),
        (
            "exports nothing that can be run: it exports nothing",
            wat("(component)"),
        ),
        (
            "f: x holds a resource, which lives in one instance only",
            wat(
                "(component (core module $m (func (export \"f\") (param i32)))
                 (core instance $i (instantiate $m))
                 (type $r (resource (rep i32)))
                 (export $s \"r\" (type $r))
                 (func (export \"f\") (param \"x\" (own $s))
                    (canon lift (core func $i \"f\"))))",
            ),
        ),
        (
            "imports what is not offered",
            wat("(component (import \"acme:secret/door\" (instance (export \"open\" (func)))))"),
        ),
    ];
    for (expected, wasm) in cases {
        let error = prepare(&fixture, wasm).await.unwrap_err();
        assert!(error.to_string().contains(expected), "{expected}: {error}");
    }
    prepare(&fixture, good).await.unwrap();
}

fn resident_bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status
        .lines()
        .find(|line| line.starts_with("RssAnon"))
        .unwrap();
    let kib: u64 = line.split_whitespace().nth(1).unwrap().parse().unwrap();
    kib << 10
}

/// Every level instantiates the one before twice.
fn doubling(levels: u32) -> Vec<u8> {
    let mut text =
        String::from("(component $c0 (core module $m) (core instance (instantiate $m)))");
    for level in 1..=levels {
        let below = level - 1;
        let inner = std::mem::take(&mut text);
        write!(
            text,
            "(component $c{level} {inner} (instance (instantiate $c{below})) \
             (instance (instantiate $c{below})))"
        )
        .unwrap();
    }
    wat(&format!(
        "(component {text} (instance (instantiate $c{levels})))"
    ))
}

fn module(body: &str) -> Vec<u8> {
    wat(&format!("(component (core module {body}))"))
}

/// In a process of its own: other tests would show in its memory.
#[test]
fn compile_bombs_are_refused_or_burn_in_the_child() {
    let own = std::env::current_exe().unwrap();
    let output = std::process::Command::new(own)
        .args(["--exact", "uploads::drop_compile_bombs", "--ignored"])
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success() && said.contains("1 passed"),
        "{said}"
    );
}

#[tokio::test]
#[ignore = "run by the test above, alone in its process"]
async fn drop_compile_bombs() {
    let fixture = Fixture::with(|config| {
        config.compiler.memory_bytes_max = 600 << 20;
        config.compiler.cpu_max = Duration::from_secs(2);
        config.compiler.wall_max = Duration::from_secs(20);
    });
    let locals = format!(
        "(func (local {}) {})",
        "i64 ".repeat(5000),
        (0..5000)
            .map(|n| format!("(if (i64.eqz (local.get {n})) (then (local.set {n} (i64.const 1))))"))
            .collect::<String>()
    );
    let loops = format!("(func {} {})", "(loop ".repeat(900), ")".repeat(900));
    let deep = wat(&format!(
        "(component (core module (func {} {})))",
        "block ".repeat(10_000),
        "end ".repeat(10_000)
    ));
    let bombs = [
        ("instances", doubling(12)),
        ("functions", module(&"(func)".repeat(200_000))),
        ("locals", module(&locals)),
        ("loops", module(&loops)),
        ("blocks", deep),
    ];
    let before = resident_bytes();
    for (name, wasm) in bombs {
        let started = Instant::now();
        let error = prepare(&fixture, wasm).await.unwrap_err();
        assert!(started.elapsed() < Duration::from_secs(30), "{name}");
        assert!(
            !matches!(error, UploadError::Internal(_)),
            "{name}: {error}"
        );
    }
    let grown = resident_bytes().saturating_sub(before);
    assert!(grown < 64 << 20, "{} MiB", grown >> 20);
    prepare(&fixture, weft_testkit::guests::guest("guest_http"))
        .await
        .unwrap();
}

#[tokio::test]
async fn instances_are_counted_without_expanding_them() {
    let limits = weft_sandbox::UploadLimits::default();
    weft_sandbox::inspect(&doubling(4), &limits).unwrap();
    let error = weft_sandbox::inspect(&doubling(8), &limits).unwrap_err();
    assert!(error.to_string().contains("number of instances"), "{error}");
}

/// Files of native code in a folder.
fn native_files(dir: &std::path::Path, extension: &str) -> Vec<std::path::PathBuf> {
    let entries = std::fs::read_dir(dir).unwrap();
    let paths = entries.map(|entry| entry.unwrap().path());
    paths
        .filter(|path| path.extension().is_some_and(|found| found == extension))
        .collect()
}

#[tokio::test]
async fn native_code_that_was_touched_is_compiled_again() {
    let dir = tempfile::tempdir().unwrap();
    let run = async |fixture: &Fixture| {
        let call = fixture.call("guest_activity", "echo");
        let done = fixture
            .sandbox
            .activity(call, Payload::from("1"), ActivityCall::direct());
        done.await.unwrap().result.unwrap()
    };
    run(&Fixture::in_dir(dir.path())).await;
    let file = native_files(dir.path(), "native").remove(0);
    let signature = native_files(dir.path(), "sig").remove(0);
    let good = std::fs::read(&file).unwrap();
    let signed = std::fs::read(&signature).unwrap();
    for target in [&file, &signature] {
        let bytes = std::fs::read(target).unwrap();
        for position in [0, bytes.len() / 2, bytes.len() - 1] {
            let mut flipped = bytes.clone();
            flipped[position] ^= 1;
            std::fs::write(target, &flipped).unwrap();
            assert_eq!(run(&Fixture::in_dir(dir.path())).await.text(), Some("1"));
            assert_eq!(
                std::fs::read(&signature).unwrap(),
                signed,
                "compiled the same again"
            );
            assert!(
                std::fs::read(&file).unwrap() == good,
                "compiled the same again"
            );
        }
    }
    // Another key: another owner.
    let other = Fixture::with(|config| {
        config.native_dir = Some(dir.path().to_owned());
        config.signing_key = [8; 32];
    });
    run(&other).await;
    assert_ne!(std::fs::read(&signature).unwrap(), signed);
}

#[tokio::test]
async fn proposals_beyond_what_guests_need_are_not_valid() {
    let fixture = Fixture::with(|_| {});
    let module = |text: &str| wat(&format!("(component (core module {text}))"));
    for (what, wasm) in [
        ("garbage collection", module("(type (struct (field i32)))")),
        ("exceptions", module("(tag) (func (throw 0))")),
        ("threads", module("(memory 1 1 shared)")),
    ] {
        let error = prepare(&fixture, wasm).await.unwrap_err();
        let refused = matches!(error, UploadError::Invalid(_) | UploadError::Malformed(_));
        assert!(refused, "{what}: {error}");
    }
}

#[tokio::test]
async fn a_component_that_no_compiler_gets_through_is_quarantined_for_its_tenant() {
    let fixture = Fixture::with(|config| config.compiler.memory_bytes_max = 16 << 20);
    let wasm = Bytes::from(weft_testkit::guests::guest("guest_http"));
    for _ in 0..3 {
        let error = prepare(&fixture, wasm.clone()).await.unwrap_err();
        assert!(matches!(error, UploadError::CompileLimit(_)), "{error}");
    }
    let error = prepare(&fixture, wasm.clone()).await.unwrap_err();
    let UploadError::Quarantined(quarantine) = error else {
        panic!("{error}");
    };
    assert_eq!(
        (quarantine.cause, quarantine.failures),
        (Cause::Compiler, 3)
    );
    let (tenant, other) = (Tenant::default(), "other".parse().unwrap());
    let name = "upload".parse().unwrap();
    let error = fixture.sandbox.prepare(&other, &name, wasm.clone()).await;
    let error = error.unwrap_err();
    assert!(matches!(error, UploadError::CompileLimit(_)), "{error}");
    let (digest, _) = fixture.sandbox.quarantines(&tenant).remove(0);
    assert!(fixture.sandbox.release(&tenant, digest));
    let error = prepare(&fixture, wasm).await.unwrap_err();
    assert!(matches!(error, UploadError::CompileLimit(_)), "{error}");
}
