//! The compiler process, and the one that runs guests of a tenant, for tests and benches that have no
//! `weft` binary at hand.

use std::process::ExitCode;

fn main() -> ExitCode {
    let mut args = std::env::args().skip(1);
    match (args.next().as_deref(), args.next()) {
        (Some("guest-host"), Some(setup)) => weft_sandbox::guest_host_main(&setup),
        _ => weft_sandbox::compile_main(),
    }
}
