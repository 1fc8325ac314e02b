//! Plain components whose one function misbehaves, called with JSON.

use std::sync::Arc;
use std::time::Duration;

use futures::future::join_all;
use serde_json::json;

use super::wasm::{MEMORY, plain};
use crate::attack::{Attack, Beside, Outcome};
use crate::scene::{LAIR, Scene};

const TIMEOUT_MS: u64 = 500;
/// A function that is stopped is stopped by then, on a machine that does other things as well.
const STOPPED_MAX: Duration = Duration::from_secs(10);
const TRAPPED: &[&str] = &["function-trapped"];
const LATE: &[&str] = &["function-timeout"];
/// Refused at the upload already, or at the call.
const ANY: &[&str] = &[
    "function-trapped",
    "function-failed",
    "component-limit",
    "wrong-world",
    "not-a-component",
];

struct Call {
    name: &'static str,
    kinds: &'static [&'static str],
    /// Of the core module, beside memory and allocator where it brings none of its own.
    module: &'static str,
    signature: &'static str,
    options: &'static str,
    input: &'static str,
}

const fn call(name: &'static str, kinds: &'static [&'static str], module: &'static str) -> Call {
    Call {
        name,
        kinds,
        module,
        signature: "",
        options: "",
        input: "[]",
    }
}

const fn returning(of: Call, signature: &'static str) -> Call {
    Call { signature, ..of }
}

const CALLS: &[Call] = &[
    call("spin", LATE, r#"(func (export "f") (loop br 0))"#),
    call(
        "spin-while-starting",
        LATE,
        r#"(func $s (loop br 0)) (start $s) (func (export "f"))"#,
    ),
    call("recursion", TRAPPED, r#"(func $f (export "f") call $f)"#),
    call(
        "recursion-with-large-frames",
        TRAPPED,
        r#"(func $g (param i64 i64 i64 i64 i64 i64 i64 i64) (result i64)
            (call $g (local.get 7) (local.get 6) (local.get 5) (local.get 4)
                (local.get 3) (local.get 2) (local.get 1) (i64.add (local.get 0) (i64.const 1)))
            i64.const 1 i64.add)
        (func (export "f") i64.const 0 i64.const 0 i64.const 0 i64.const 0
            i64.const 0 i64.const 0 i64.const 0 i64.const 0 call $g drop)"#,
    ),
    call("unreachable", TRAPPED, r#"(func (export "f") unreachable)"#),
    call(
        "division-by-zero",
        TRAPPED,
        r#"(func (export "f") (drop (i32.div_u (i32.const 1) (i32.const 0))))"#,
    ),
    call(
        "load-out-of-bounds",
        TRAPPED,
        r#"(func (export "f") (drop (i64.load offset=4294967288 (i32.const -1))))"#,
    ),
    call(
        "copy-out-of-bounds",
        TRAPPED,
        r#"(func (export "f") (memory.copy (i32.const 0) (i32.const 0) (i32.const -1)))"#,
    ),
    call(
        "call-of-nothing",
        TRAPPED,
        r#"(type $t (func)) (table 1 funcref) (func (export "f") (call_indirect (type $t) (i32.const 0)))"#,
    ),
    call(
        "memory-that-grows",
        TRAPPED,
        r#"(func (export "f") (loop
            (br_if 0 (i32.ne (memory.grow (i32.const 16)) (i32.const -1)))) unreachable)"#,
    ),
    call(
        "table-that-grows",
        TRAPPED,
        r#"(table $t 1 funcref) (func (export "f") (loop
            (br_if 0 (i32.ne (table.grow $t (ref.null func) (i32.const 5000)) (i32.const -1)))) unreachable)"#,
    ),
    call(
        "table-of-10-million",
        ANY,
        r#"(table 10000000 funcref) (func (export "f"))"#,
    ),
    returning(
        call(
            "text-out-of-bounds",
            TRAPPED,
            r#"(func (export "f") (result i32)
            (i32.store (i32.const 16) (i32.const 131064)) (i32.store (i32.const 20) (i32.const 64)) i32.const 16)"#,
        ),
        "(result string)",
    ),
    returning(
        call(
            "text-of-4-gib",
            TRAPPED,
            r#"(func (export "f") (result i32)
            (i32.store (i32.const 20) (i32.const -1)) i32.const 16)"#,
        ),
        "(result string)",
    ),
    returning(
        call(
            "text-that-is-none",
            TRAPPED,
            r#"(data (i32.const 64) "\ff\fe\80") (func (export "f") (result i32)
            (i32.store (i32.const 16) (i32.const 64)) (i32.store (i32.const 20) (i32.const 3)) i32.const 16)"#,
        ),
        "(result string)",
    ),
    returning(
        call(
            "result-at-a-wild-place",
            TRAPPED,
            r#"(func (export "f") (result i32) i32.const -4)"#,
        ),
        "(result string)",
    ),
    returning(
        call(
            "list-of-a-billion",
            TRAPPED,
            r#"(func (export "f") (result i32)
            (i32.store (i32.const 20) (i32.const 1000000000)) i32.const 16)"#,
        ),
        "(result (list u64))",
    ),
    returning(
        call(
            "option-of-no-case",
            TRAPPED,
            r#"(func (export "f") (result i32)
            (i32.store (i32.const 16) (i32.const 99)) i32.const 16)"#,
        ),
        "(result (option string))",
    ),
    returning(
        call(
            "character-that-is-none",
            TRAPPED,
            r#"(func (export "f") (result i32) i32.const 0xd800)"#,
        ),
        "(result char)",
    ),
    // Sixteen thousand pointers to the same 64 KiB: a gigabyte for the host to copy.
    returning(
        call(
            "list-of-one-text-16000-times",
            TRAPPED,
            r#"(func (export "f") (result i32) (local $i i32)
            (drop (memory.grow (i32.const 2)))
            (loop $l
                (i32.store (i32.add (i32.const 1024) (i32.mul (local.get $i) (i32.const 8))) (i32.const 131072))
                (i32.store (i32.add (i32.const 1028) (i32.mul (local.get $i) (i32.const 8))) (i32.const 65536))
                (local.set $i (i32.add (local.get $i) (i32.const 1)))
                (br_if $l (i32.lt_u (local.get $i) (i32.const 16000))))
            (i32.store (i32.const 16) (i32.const 1024)) (i32.store (i32.const 20) (i32.const 16000)) i32.const 16)"#,
        ),
        "(result (list string))",
    ),
    // 30 MiB in the guest; each boolean becomes a value of the host's.
    returning(
        call(
            "list-of-30-million-booleans",
            TRAPPED,
            r#"(func (export "f") (result i32)
            (drop (memory.grow (i32.const 478)))
            (i32.store (i32.const 16) (i32.const 1024)) (i32.store (i32.const 20) (i32.const 30000000)) i32.const 16)"#,
        ),
        "(result (list bool))",
    ),
    returning(
        call(
            "list-of-3-million-empty-texts",
            TRAPPED,
            r#"(func (export "f") (result i32)
            (drop (memory.grow (i32.const 400)))
            (i32.store (i32.const 16) (i32.const 1024)) (i32.store (i32.const 20) (i32.const 3000000)) i32.const 16)"#,
        ),
        "(result (list string))",
    ),
    Call {
        options: r#"(post-return (core func $i "after"))"#,
        ..call(
            "spin-after-returning",
            LATE,
            r#"(func (export "f")) (func (export "after") (loop br 0))"#,
        )
    },
];

/// Whole modules, with a memory or an allocator of their own.
const OWN: &[Call] = &[
    call(
        "memory-of-1-gib",
        ANY,
        r#"(memory (export "memory") 16384)
        (func (export "realloc") (param i32 i32 i32 i32) (result i32) i32.const 0) (func (export "f"))"#,
    ),
    call(
        "memory-of-4-gib",
        ANY,
        r#"(memory (export "memory") 65536)
        (func (export "realloc") (param i32 i32 i32 i32) (result i32) i32.const 0) (func (export "f"))"#,
    ),
    Call {
        signature: r#"(param "text" string)"#,
        input: r#"["abcdefghij"]"#,
        ..call(
            "allocator-out-of-bounds",
            TRAPPED,
            r#"(memory (export "memory") 1)
            (func (export "realloc") (param i32 i32 i32 i32) (result i32) i32.const -8)
            (func (export "f") (param i32 i32))"#,
        )
    },
    Call {
        signature: r#"(param "text" string)"#,
        input: r#"["abcdefghij"]"#,
        ..call(
            "allocator-that-spins",
            LATE,
            r#"(memory (export "memory") 1)
            (func (export "realloc") (param i32 i32 i32 i32) (result i32) (loop br 0) i32.const 0)
            (func (export "f") (param i32 i32))"#,
        )
    },
];

pub(super) fn attacks() -> Vec<Attack> {
    let mut attacks: Vec<_> = CALLS.iter().chain(OWN).map(single).collect();
    attacks.push(Attack::new(
        "calls/amplified-lists-16-at-once",
        "502 function-trapped, each; less than 256 MiB of the node's memory at any time",
        Beside::Quiet,
        amplified,
    ));
    for (name, input, kinds) in [
        (
            "input-nested-100000-deep",
            "[".repeat(100_000),
            &["malformed-json"][..],
        ),
        (
            "input-that-is-no-json",
            "{\"a\":".to_owned(),
            &["malformed-json"],
        ),
        (
            "input-of-65-mib",
            format!("\"{}\"", "i".repeat(65 << 20)),
            &["too-large"],
        ),
    ] {
        attacks.push(Attack::new(
            format!("calls/{name}"),
            format!("refused: {}", kinds.join(" or ")),
            Beside::Quiet,
            move |scene: Arc<Scene>| {
                let input = input.clone();
                async move {
                    let function = deployed(&scene, &CALLS[4]).await?;
                    let function = match function {
                        Ok(function) => function,
                        Err(shown) => return Ok(Outcome::Through(shown)),
                    };
                    let reply = scene.invoke(&scene.mallory, &function, input).await?;
                    Ok(Outcome::of(reply.is(kinds), reply.shown()))
                }
            },
        ));
    }
    attacks
}

fn single(of: &'static Call) -> Attack {
    let expected = format!("refused: {}", of.kinds.join(" or "));
    let name = format!("calls/{}", of.name);
    Attack::new(
        name,
        expected,
        Beside::Quiet,
        move |scene: Arc<Scene>| async move {
            let function = match deployed(&scene, of).await? {
                Ok(function) => function,
                // Refused before it could be called.
                Err(shown) => {
                    return Ok(Outcome::of(
                        of.kinds.len() > 1 && shown.starts_with('4'),
                        shown,
                    ));
                }
            };
            let reply = scene
                .invoke(&scene.mallory, &function, of.input.to_owned())
                .await?;
            let refused = reply.is(of.kinds) && reply.took < STOPPED_MAX;
            Ok(Outcome::of(
                refused,
                format!("{} after {:.0?}", reply.shown(), reply.took),
            ))
        },
    )
}

/// The name of the function in an app of its own, or how the upload was refused.
async fn deployed(scene: &Scene, of: &Call) -> anyhow::Result<Result<String, String>> {
    let own = OWN.iter().any(|own| own.name == of.name);
    let module = match own {
        true => of.module.to_owned(),
        false => format!("{MEMORY} {}", of.module),
    };
    let wasm = plain(&module, of.signature, of.options);
    let up = scene.upload(&scene.mallory, LAIR, "plain", wasm).await?;
    if up.status != 201 {
        return Ok(Err(up.shown()));
    }
    let settings = json!({"limits": {"timeout_ms": TIMEOUT_MS, "memory_mib": 32}});
    scene.settings(&scene.mallory, LAIR, "f", &settings).await?;
    Ok(Ok("f".to_owned()))
}

async fn amplified(scene: Arc<Scene>) -> anyhow::Result<Outcome> {
    let of = CALLS
        .iter()
        .find(|of| of.name == "list-of-30-million-booleans");
    let of = of.expect("it is in the list");
    let function = match deployed(&scene, of).await? {
        Ok(function) => function,
        Err(shown) => return Ok(Outcome::Through(shown)),
    };
    let before = crate::watch::resident(scene.node.pid())?;
    let peak = crate::watch::Peak::of(scene.node.pid());
    let calls = (0..16).map(|_| scene.invoke(&scene.mallory, &function, "[]".to_owned()));
    let replies: Vec<_> = join_all(calls)
        .await
        .into_iter()
        .collect::<Result<_, _>>()?;
    let refused = replies
        .iter()
        .filter(|reply| reply.is(&["function-trapped", "busy"]))
        .count();
    let grown = peak.bytes().saturating_sub(before) >> 20;
    // The sixteen memories of 30 MiB themselves are never written to.
    Ok(Outcome::of(
        refused == replies.len() && grown < 256,
        format!(
            "{refused} of {} refused, {grown} MiB at most",
            replies.len()
        ),
    ))
}
