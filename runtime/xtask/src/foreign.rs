//! Tests of the SDKs and samples that are not in Rust, with the runners of their languages.

use std::process::Command;

use crate::process;

/// Tests that one command runs.
pub(crate) struct Suite {
    pub(crate) folder: &'static str,
    runner: Runner,
}

enum Runner {
    /// `unittest`, with the SDK on the path.
    Python { arguments: &'static [&'static str] },
    /// The package's own script, after its packages are installed.
    Npm,
    /// `go test`.
    Go,
    /// A program that tests itself, compiled and run.
    C { line: &'static str },
}

pub(crate) const SUITES: [Suite; 6] = [
    Suite {
        folder: "guest-sdk/python",
        runner: Runner::Python {
            arguments: &["discover", "-s", "tests"],
        },
    },
    Suite {
        folder: "samples/python/order-fulfilment",
        runner: Runner::Python { arguments: &[] },
    },
    Suite {
        folder: "guest-sdk/typescript",
        runner: Runner::Npm,
    },
    Suite {
        folder: "samples/typescript",
        runner: Runner::Npm,
    },
    Suite {
        folder: "guest-sdk/go",
        runner: Runner::Go,
    },
    Suite {
        folder: "guest-sdk/c/test",
        runner: Runner::C {
            line: "program=$(mktemp); ended=0; for test in test_*.c; do \
                   cc -std=gnu17 -Wall -Wextra -Werror -o $program $test ../weft*.c -lm && $program \
                   || ended=1; done; rm -f $program; exit $ended",
        },
    },
];

/// What came of a suite.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) passed: u64,
    pub(crate) failed: u64,
    pub(crate) succeeded: bool,
}

impl Suite {
    /// # Errors
    /// The runner is missing.
    pub(crate) fn run(&self) -> anyhow::Result<Counts> {
        let folder = process::root().join(self.folder);
        let mut command = match &self.runner {
            Runner::Python { arguments } => {
                let mut python = Command::new("sh");
                // The runner tells of its tests on stderr.
                let line = ["exec python3 -m unittest", &arguments.join(" "), "2>&1"].join(" ");
                python.args(["-c", &line]);
                python.env("PYTHONPATH", process::root().join("guest-sdk/python/src"));
                python
            }
            Runner::Npm => {
                let mut install = Command::new("npm");
                install.args(["ci", "--no-audit", "--no-fund", "--loglevel=error"]);
                process::run(install.current_dir(&folder))?;
                let mut npm = Command::new("npm");
                npm.args(["test", "--silent"]);
                npm
            }
            Runner::Go => {
                let mut go = Command::new("go");
                go.args(["test", "-v", "./..."]);
                go
            }
            Runner::C { line } => {
                let mut shell = Command::new("sh");
                shell.args(["-c", line]);
                shell
            }
        };
        let mut counts = Counts::default();
        counts.succeeded = process::watch(command.current_dir(folder), |line| counts.see(line))?;
        Ok(counts)
    }
}

impl Counts {
    /// Reads the lines that `unittest`, Node's runner and Go's tell their results with.
    fn see(&mut self, line: &str) {
        let number = |text: &str| text.split_whitespace().next()?.parse::<u64>().ok();
        if let Some(ran) = line.strip_prefix("Ran ").and_then(number) {
            self.passed += ran;
        } else if let Some(faults) = line.strip_prefix("FAILED (") {
            let faults = faults.trim_end_matches(')').split(", ");
            let faults = faults.filter_map(|fault| fault.split_once('=')?.1.parse::<u64>().ok());
            let faults: u64 = faults.sum();
            self.failed += faults;
            self.passed = self.passed.saturating_sub(faults);
        } else if line.starts_with("--- PASS: ") {
            self.passed += 1;
        } else if line.starts_with("--- FAIL: ") {
            self.failed += 1;
        } else if let Some(passed) = of_node(line, "pass ") {
            self.passed += passed;
        } else if let Some(failed) = of_node(line, "fail ") {
            self.failed += failed;
        }
    }
}

fn of_node(line: &str, what: &str) -> Option<u64> {
    let rest = line
        .strip_prefix("# ")
        .or_else(|| line.strip_prefix("ℹ "))?;
    rest.strip_prefix(what)?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(lines: &[&str]) -> (u64, u64) {
        let mut counts = Counts::default();
        lines.iter().for_each(|line| counts.see(line));
        (counts.passed, counts.failed)
    }

    #[test]
    fn reads_the_closing_lines_of_the_runners() {
        assert_eq!(counts(&["Ran 28 tests in 0.064s", "", "OK"]), (28, 0));
        let failed = ["Ran 9 tests in 1s", "FAILED (failures=1, errors=2)"];
        assert_eq!(counts(&failed), (6, 3));
        assert_eq!(counts(&["# tests 22", "# pass 21", "# fail 1"]), (21, 1));
        assert_eq!(counts(&["ℹ pass 4", "ℹ fail 0"]), (4, 0));
        assert_eq!(
            counts(&["--- PASS: TestA (0.00s)", "--- FAIL: TestB (0s)"]),
            (1, 1)
        );
    }
}
