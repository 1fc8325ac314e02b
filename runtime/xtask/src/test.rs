//! Every test there is, and one closing line with their number, whatever became of them.

use crate::foreign::SUITES;
use crate::guests::{GUESTS, ensure_target};
use crate::process;

#[derive(Default)]
struct Tally {
    passed: u64,
    failed: u64,
    /// Runs that failed otherwise, for instance because they do not compile.
    broken: u64,
}

pub(crate) fn run() -> anyhow::Result<()> {
    ensure_target()?;
    let mut tally = Tally::default();
    let mut host = process::cargo("");
    tally.count(host.args(["test", "--workspace", "--no-fail-fast"]))?;
    for guest in GUESTS.iter().filter(|guest| guest.tests) {
        let mut cargo = process::cargo(guest.folder);
        tally.count(cargo.args(["test", "--workspace", "--no-fail-fast"]))?;
    }
    for suite in &SUITES {
        match suite.run() {
            Ok(counts) => {
                tally.passed += counts.passed;
                tally.failed += counts.failed;
                tally.broken += u64::from(!counts.succeeded && counts.failed == 0);
            }
            Err(error) => {
                eprintln!("{}: {error:#}", suite.folder);
                tally.broken += 1;
            }
        }
    }
    let mut docs = process::cargo("");
    docs.env("RUSTDOCFLAGS", "-D warnings");
    if let Err(error) = process::run(docs.args(["doc", "--workspace", "--no-deps"])) {
        eprintln!("{error:#}");
        tally.broken += 1;
    }
    // `.ci/run` reads this line.
    println!(
        "{} passed, {} failed, {} broken",
        tally.passed, tally.failed, tally.broken
    );
    anyhow::ensure!(
        tally.failed == 0 && tally.broken == 0,
        "not every test passed"
    );
    Ok(())
}

impl Tally {
    fn count(&mut self, command: &mut std::process::Command) -> anyhow::Result<()> {
        let failed_before = self.failed;
        let succeeded = process::watch(command, |line| {
            if let Some((passed, failed)) = result_of(line) {
                self.passed += passed;
                self.failed += failed;
            }
        })?;
        if !succeeded && self.failed == failed_before {
            self.broken += 1;
        }
        Ok(())
    }
}

/// The numbers of the closing line that each test binary prints.
fn result_of(line: &str) -> Option<(u64, u64)> {
    let (_, counts) = line.strip_prefix("test result: ")?.split_once(". ")?;
    let number = |of: &str| {
        let part = counts.split("; ").find(|part| part.ends_with(of))?;
        part.split_whitespace().next()?.parse().ok()
    };
    Some((number(" passed")?, number(" failed")?))
}

#[cfg(test)]
mod tests {
    use super::result_of;

    #[test]
    fn reads_the_closing_line() {
        let line =
            "test result: FAILED. 31 passed; 1 failed; 0 ignored; 0 measured; 0 filtered out";
        assert_eq!(result_of(line), Some((31, 1)));
        assert_eq!(result_of("test a ... ok"), None);
    }
}
