//! The `weft` binary: everything a person does with a node from a terminal.
//!
//! Data goes to stdout, talk to stderr; `--json` makes every verb print one JSON document (or one
//! a line where it follows something). Exit codes: 0 done, 1 failed, 2 called wrongly. Verbs on a
//! running node speak its REST API and nothing else, so they work from any machine.

mod cli;
mod client;
mod commands;
mod context;
mod output;
mod progress;
mod project;
mod sdk;
mod toolchain;

use std::process::ExitCode;

use clap::Parser;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let cli = cli::Cli::parse();
    let json = cli.target.json;
    match cli::run(cli) {
        Ok(code) => code,
        Err(error) => {
            output::print_error(&error, json);
            match error.downcast_ref::<context::Usage>() {
                Some(_) => ExitCode::from(2),
                None => ExitCode::FAILURE,
            }
        }
    }
}
