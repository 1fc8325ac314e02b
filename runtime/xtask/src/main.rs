//! The project's own tasks: `cargo xtask bench | crash | demo | figures | test | lint | tidy`.
//!
//! Owns what a developer or CI does with the whole repository; everything here runs the same on
//! both.

mod bench;
mod crash;
mod demo;
mod figures;
mod foreign;
mod guests;
mod lint;
mod process;
mod test;
mod tidy;

use clap::Parser;

#[derive(Parser)]
#[command(name = "cargo xtask", about = "The project's own tasks")]
enum Task {
    /// Measure a release build beside its aims; arguments go to the load tool
    Bench(bench::Args),
    /// Kill a node at every bad moment and prove that it lost nothing; arguments go to the tests
    Crash(crash::Args),
    /// Build weft and the samples, run them on a node, kill it in the middle, and show the results
    Demo(demo::Args),
    /// Print how much of the workflow language is covered, as the tests over its data count it
    Figures,
    /// Run every test of the host, the SDK and the samples, and build the API documentation
    Test,
    /// Check formatting and lints of every workspace, and the house rules
    Lint,
    /// Check the house rules: edges between crates, module headers, file sizes, what no file may say
    Tidy,
}

fn main() -> anyhow::Result<()> {
    match Task::parse() {
        Task::Bench(args) => bench::run(args),
        Task::Crash(args) => crash::run(args),
        Task::Demo(args) => demo::run(args),
        Task::Figures => figures::run(),
        Task::Test => test::run(),
        Task::Lint => lint::run(),
        Task::Tidy => tidy::run(),
    }
}
