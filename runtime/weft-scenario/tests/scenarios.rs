//! Every scenario of `data` runs and comes out as expected.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::time::Instant;

use weft_scenario::{Bench, Case, find};

fn data() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data")
}

/// Ids of scenarios that cannot pass, one a line, each after a comment that says why.
fn not_passed() -> BTreeSet<String> {
    let text = std::fs::read_to_string(data().join("not-passed.txt")).unwrap();
    text.lines()
        .map(str::trim)
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .map(str::to_owned)
        .collect()
}

fn run(folder: &str) -> (usize, String) {
    let known = not_passed();
    let bench = Bench::default();
    let files = find(&data().join(folder)).unwrap();
    assert!(!files.is_empty(), "{folder} holds no scenario");
    let (mut passed, mut wrong) = (0, String::new());
    let began = Instant::now();
    for path in &files {
        let case = Case::load(path).unwrap();
        let outcome = bench.run(&case);
        match (outcome.faults.is_empty(), known.contains(&case.id)) {
            (true, false) => passed += 1,
            (false, true) => {}
            (true, true) => {
                let _ = writeln!(wrong, "{} passes and is listed as one that cannot", case.id);
            }
            (false, false) => {
                let _ = writeln!(wrong, "{}\n  {}", case.id, outcome.faults.join("\n  "));
            }
        }
    }
    println!(
        "figure: scenarios of {folder}: {passed} of {} pass, in {} ms",
        files.len(),
        began.elapsed().as_millis()
    );
    (passed, wrong)
}

#[test]
fn scenarios_of_the_corpus() {
    let (_, wrong) = run("cases");
    assert!(wrong.is_empty(), "{wrong}");
}

#[test]
fn scenarios_of_our_own() {
    let (_, wrong) = run("more");
    assert!(wrong.is_empty(), "{wrong}");
}
