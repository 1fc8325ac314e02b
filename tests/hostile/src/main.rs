//! `cargo xtask attack`: attacks a node in every way that we know, beside a customer who wants to be
//! served.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use weft_hostile::api_fuzz;
use weft_hostile::disarmed::{Weakness, hunt};
use weft_hostile::report::Aims;
use weft_hostile::run::{Options, list, run};
use weft_hostile::scene::Scale;
use weft_testkit::node::Program;

#[derive(Parser)]
#[command(
    name = "weft-hostile",
    about = "Attack a node, and see that it refuses and goes on"
)]
struct Args {
    /// Only attacks whose name contains this; may be repeated
    #[arg(long, value_name = "NAME")]
    only: Vec<String>,
    /// Show the attacks, and what is expected of each
    #[arg(long)]
    list: bool,
    /// Fewer repetitions, as in the tests
    #[arg(long)]
    short: bool,
    /// Take a defence away and see that it is missed: success is to have come through
    #[arg(long, value_enum, conflicts_with = "only")]
    plant: Option<Weakness>,
    /// Try every operation of the OpenAPI document, with this many examples for each, in place of
    /// the attacks; needs python3
    #[arg(long, value_name = "EXAMPLES", num_args = 0..=1, default_missing_value = "50")]
    api: Option<u32>,
    /// What chance follows; a random one where absent
    #[arg(long)]
    seed: Option<u64>,
    /// The `weft` program; built where absent
    #[arg(long, value_name = "PATH")]
    weft: Option<PathBuf>,
    /// Write the figures to this file
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

#[tokio::main]
async fn main() -> anyhow::Result<ExitCode> {
    let args = Args::parse();
    let seed = args.seed.unwrap_or_else(|| rand::random::<u64>() >> 16);
    let options = Options {
        program: match args.weft {
            Some(path) => Program {
                path,
                env: Vec::new(),
            },
            None => Program::weft(),
        },
        scale: if args.short {
            Scale::Short
        } else {
            Scale::Full
        },
        seed,
        aims: Aims::default(),
        only: args.only,
    };
    if args.list {
        for (name, expected) in list(&options) {
            println!("{name}\n    {expected}");
        }
        return Ok(ExitCode::SUCCESS);
    }
    eprintln!("seed {seed}");
    if let Some(examples) = args.api {
        let found = api_fuzz::run(options.program, examples, seed).await?;
        println!("{}", found.summary());
        return Ok(code(found.is_clean()));
    }
    if let Some(weakness) = args.plant {
        let through = hunt(weakness, options).await?;
        let all = weakness.shown_by().len();
        println!(
            "{}: {} of {all} attacks came through",
            weakness.name(),
            through.len()
        );
        return Ok(code(through.len() >= all));
    }
    let report = run(&options).await?;
    report.print_summary();
    if let Some(path) = args.json {
        report.write(&path)?;
    }
    Ok(code(report.failed() == 0))
}

fn code(succeeded: bool) -> ExitCode {
    match succeeded {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    }
}
