//! `weft-smith SEED COUNT`: modules made by chance, a line for each with its seed and its bytes in
//! hexadecimal digits.
//!
//! Each exports `f`, of one signature, so that it can be called; what `f` does, and what else the
//! module has, is chance. Seeds that give no module are left out.

use anyhow::Context;
use arbitrary::Unstructured;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use wasm_smith::{Config, Module};

/// Bytes that choices are made from.
const CHOICES: usize = 4096;
const EXPORTS: &str = r#"(module
    (func (export "f") (param i32 i64 f32 f64) (result i64) i64.const 0))"#;

fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let mut number = || -> anyhow::Result<u64> {
        let argument = arguments.next().context("SEED COUNT")?;
        Ok(argument.parse()?)
    };
    let (first, count) = (number()?, number()?);
    for seed in first..first.saturating_add(count) {
        let mut choices = vec![0; CHOICES];
        StdRng::seed_from_u64(seed).fill_bytes(&mut choices);
        if let Ok(module) = Module::new(config()?, &mut Unstructured::new(&choices)) {
            let bytes = module.to_bytes().into_iter();
            let text: String = bytes.map(|byte| format!("{byte:02x}")).collect();
            println!("{seed} {text}");
        }
    }
    Ok(())
}

fn config() -> anyhow::Result<Config> {
    Ok(Config {
        exports: Some(wat::parse_str(EXPORTS)?),
        max_imports: 0,
        max_memories: 2,
        max_memory32_bytes: 64 << 20,
        memory64_enabled: false,
        // References to what is collected need a collector, which the node has not.
        reference_types_enabled: false,
        compact_imports_enabled: false,
        threads_enabled: false,
        gc_enabled: false,
        exceptions_enabled: false,
        custom_page_sizes_enabled: false,
        wide_arithmetic_enabled: false,
        shared_everything_threads_enabled: false,
        ..Config::default()
    })
}
