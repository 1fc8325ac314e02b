//! What a panic leaves behind.

/// Lets a panic say on stderr what and where, and nothing else. The platform makes the function's
/// failure of it, so a person reads it without hints about threads and backtraces.
pub(crate) fn report_briefly() {
    std::panic::set_hook(Box::new(|panic| eprintln!("{panic}")));
}
