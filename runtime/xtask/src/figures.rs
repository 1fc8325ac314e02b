//! How much of the workflow language is covered: definitions that are loaded, validated and run, rows of
//! the tables that pass, scenarios that pass.
//!
//! The tests over these data count and print them, and fail where something gets worse; this runs those
//! tests and nothing else, and gathers what they print.

use anyhow::ensure;

use crate::process;

/// What a line begins with that tells a figure.
const FIGURE: &str = "figure: ";

pub(crate) fn run() -> anyhow::Result<()> {
    let mut tests = process::cargo("");
    tests.args(["test", "--workspace"]);
    for binary in ["cases", "definitions", "scenarios"] {
        tests.args(["--test", binary]);
    }
    tests.args(["--", "--nocapture", "every_", "the_", "scenarios_of"]);
    let printed = process::output(&mut tests)?;
    let mut figures: Vec<_> = figures(&printed).collect();
    ensure!(!figures.is_empty(), "the tests have printed no figures");
    figures.sort_unstable();
    for figure in figures {
        println!("{figure}");
    }
    Ok(())
}

/// A figure may stand behind the name of its test.
fn figures(printed: &str) -> impl Iterator<Item = &str> {
    let lines = printed.lines();
    lines.filter_map(|line| Some(line.split_once(FIGURE)?.1))
}

#[cfg(test)]
mod tests {
    use super::figures;

    #[test]
    fn figures_are_found_wherever_they_stand() {
        let printed = "running 2 tests\nfigure: a: 1 of 2\ntest x ... figure: b: 3\nok\n";
        assert_eq!(figures(printed).collect::<Vec<_>>(), ["a: 1 of 2", "b: 3"]);
    }
}
