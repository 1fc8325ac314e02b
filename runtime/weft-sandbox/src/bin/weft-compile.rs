//! The compiler process alone, for tests and benches that have no `weft` binary at hand.

use std::process::ExitCode;

fn main() -> ExitCode {
    weft_sandbox::compile_main()
}
