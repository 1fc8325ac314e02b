//! `.ci/run`, with programs in place of the compiler's that succeed and fail as they are told: what
//! is checked is how it counts, never what it runs.
#![cfg(unix)]
#![expect(clippy::unwrap_used, reason = "everything in this file is a test")]

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use tempfile::TempDir;

const GREEN: &str = "echo '12 passed, 0 failed, 0 broken'";

/// A machine with a home and a PATH of its own.
struct Machine {
    dir: TempDir,
}

impl Machine {
    /// `lint` and `test` are the shell's lines for the tasks of those names.
    fn new(lint: &str, test: &str) -> Self {
        let machine = Self {
            dir: tempfile::tempdir().unwrap(),
        };
        let cargo = format!(
            "case \"$*\" in\n'xtask lint') {lint} ;;\n'xtask test') {test} ;;\n\
             'deny fetch db') exit 1 ;;\n*) ;;\nesac"
        );
        machine.program("cargo", &cargo);
        machine.program("rustc", "echo release: 1.2.3");
        machine.program("rustup", "exit 1");
        // What the tests of other languages need is there.
        machine.program("go", "exit 0");
        machine.program("clang-19", "echo /bin/sh");
        machine.program("apt-get", "exit 0");
        machine
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn program(&self, name: &str, lines: &str) {
        let bin = self.path("bin");
        std::fs::create_dir_all(&bin).unwrap();
        let path = bin.join(name);
        std::fs::write(&path, format!("#!/bin/sh\n{lines}\n")).unwrap();
        std::fs::set_permissions(&path, Permissions::from_mode(0o755)).unwrap();
    }

    fn run(&self) -> Output {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../.ci/run");
        let bin = self.path("bin");
        let path = format!("{}:/usr/local/bin:/usr/bin:/bin", bin.display());
        Command::new("bash")
            .arg(script)
            .env("PATH", path)
            .env("WEFT_CI_CACHE", self.path("cache"))
            .env_remove("CARGO_TARGET_DIR")
            .output()
            .unwrap()
    }

    /// Whether it succeeds, its last line, and what it says besides.
    fn outcome(&self) -> (bool, String, String) {
        let output = self.run();
        let printed = String::from_utf8(output.stdout).unwrap();
        let last = printed.lines().last().unwrap_or_default().to_owned();
        let said = String::from_utf8(output.stderr).unwrap();
        (output.status.success(), last, said)
    }
}

#[track_caller]
fn check(lint: &str, test: &str, succeeds: bool, line: &str) {
    let (succeeded, last, said) = Machine::new(lint, test).outcome();
    assert_eq!((succeeded, last.as_str()), (succeeds, line), "{said}");
}

#[test]
fn the_last_line_counts_whatever_fails() {
    check("true", GREEN, true, "12 passed, 0 failed, 0 broken");
    check("exit 1", GREEN, false, "12 passed, 1 failed, 0 broken");
    let red = "echo '11 passed, 1 failed, 2 broken'; exit 1";
    check("true", red, false, "11 passed, 1 failed, 2 broken");
    let silent = "exit 101";
    check("exit 1", silent, false, "0 passed, 1 failed, 1 broken");
    let late = &format!("{GREEN}; exit 1");
    check("true", late, false, "12 passed, 0 failed, 1 broken");
}

#[test]
fn the_steps_that_failed_are_named_at_the_end() {
    let (_, _, said) = Machine::new("exit 1", "exit 101").outcome();
    let named = "FAILED: cargo xtask lint\nFAILED: cargo xtask test\n";
    assert!(said.ends_with(named), "{said}");
    let (_, _, said) = Machine::new("true", GREEN).outcome();
    assert!(!said.contains("FAILED"), "{said}");
}

#[test]
fn a_machine_without_a_compiler_is_counted_as_well() {
    let machine = Machine::new("true", GREEN);
    machine.program("rustc", "exit 1");
    let (succeeded, last, _) = machine.outcome();
    assert!(!succeeded);
    assert_eq!(last, "0 passed, 0 failed, 1 broken");
}

#[test]
fn a_missing_component_is_a_failure_with_advice() {
    let machine = Machine::new("true", GREEN);
    machine.program(
        "cargo",
        &format!("case \"$*\" in clippy*) exit 1 ;; 'xtask test') {GREEN} ;; esac"),
    );
    let (succeeded, last, said) = machine.outcome();
    assert!(!succeeded);
    assert_eq!(last, "12 passed, 1 failed, 0 broken");
    assert!(said.contains("rustup component add clippy"), "{said}");
}

#[test]
fn each_compiler_has_a_build_of_its_own() {
    let machine = Machine::new("true", &format!("echo $CARGO_TARGET_DIR; {GREEN}"));
    let builds = || {
        let entries = std::fs::read_dir(machine.path("cache")).unwrap();
        let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        names.collect::<Vec<_>>()
    };
    std::fs::create_dir_all(machine.path("cache/target")).unwrap();
    assert!(machine.run().status.success());
    let first = builds();
    assert_eq!(first.len(), 1);
    assert!(first[0].starts_with("target-"), "{first:?}");
    assert!(machine.run().status.success());
    assert_eq!(builds(), first);
    machine.program("rustc", "echo release: 1.2.4");
    let output = machine.run();
    let second = builds();
    assert_eq!(second.len(), 1);
    assert_ne!(second, first);
    let printed = String::from_utf8(output.stdout).unwrap();
    assert!(printed.contains(&second[0]), "{printed}");
}
