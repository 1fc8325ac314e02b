//! The project's own tasks: `cargo xtask attack | bench | crash | demo | figures | test | lint | sbom |
//! tidy`.
//!
//! Owns what a developer or CI does with the whole repository; everything here runs the same on
//! both.

mod attack;
mod bench;
mod crash;
mod demo;
mod figures;
mod foreign;
mod guests;
mod lint;
mod process;
mod proofs;
mod sbom;
mod test;
mod tidy;

use clap::Parser;

#[derive(Parser)]
#[command(name = "cargo xtask", about = "The project's own tasks")]
enum Task {
    /// Attack a node in every way that we know, beside a customer; arguments go to the attacks
    Attack(attack::Args),
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
    /// Write what the program is made of, as a CycloneDX document
    Sbom(sbom::Args),
    /// Check the house rules: edges between crates, module headers, file sizes, what no file may say
    Tidy,
}

fn main() -> anyhow::Result<()> {
    match Task::parse() {
        Task::Attack(args) => attack::run(args),
        Task::Bench(args) => bench::run(args),
        Task::Crash(args) => crash::run(args),
        Task::Demo(args) => demo::run(args),
        Task::Figures => figures::run(),
        Task::Test => test::run(),
        Task::Lint => lint::run(),
        Task::Sbom(args) => sbom::run(&args),
        Task::Tidy => tidy::run(),
    }
}
