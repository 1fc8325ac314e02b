//! The process that runs one script, as tests start it. A node starts itself.

fn main() -> std::process::ExitCode {
    weft_connector::script_main()
}
