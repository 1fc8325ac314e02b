//! What a file of ours may not say.
//!
//! Lines of lock files are written by tools, and only where their packages come from is checked.

/// Longer files have more than one subject.
const FILE_LINES_MAX: usize = 700;

/// Where folders of one machine begin; put together, so that this file passes its own check.
const MACHINE_PATHS: [&str; 4] = [
    concat!("/ho", "me/"),
    concat!("/ro", "ot/"),
    concat!("/wo", "rk/"),
    concat!("C:\\", "Users"),
];

/// Words that promise what is not there.
const PROMISES: [&str; 3] = [
    concat!("TO", "DO"),
    concat!("FIX", "ME"),
    concat!("XX", "X"),
];

/// Code that stands for what is not there.
const STUBS: [&str; 2] = [concat!("to", "do!("), concat!("unimpl", "emented!(")];

/// A test that is left out. One that another test runs says so: `= "run by ..."`.
const IGNORED: &str = concat!("#[ig", "nore");
const RUN_BY_ANOTHER: &str = "= \"run by ";

/// Hosts of package registries, and settings that name one: where packages come from is a matter
/// of the machine that builds.
const REGISTRIES: [&str; 8] = [
    concat!("crates", ".io"),
    concat!("pypi", ".org"),
    concat!("python", "hosted.org"),
    concat!("npm", "js.org"),
    concat!("proxy.gol", "ang.org"),
    concat!("replace", "-with"),
    concat!("[source", "."),
    concat!("--index", "-url"),
];

/// Where every package of a lock file comes from.
const LOCKED_SOURCE: &str = concat!(
    "source = \"registry+https://github.com/rust-lang/crates",
    ".io-index\""
);

/// What is wrong with one file.
pub(super) fn faults_of(name: &str, text: &str) -> Vec<String> {
    if name.ends_with(".lock") {
        return numbered(text, |line| {
            (line.starts_with("source = ") && line != LOCKED_SOURCE)
                .then(|| "a package from another source".to_owned())
        });
    }
    let mut faults = Vec::new();
    if name.ends_with(".rs") {
        faults.extend(faults_of_module(text));
    }
    let licence = name.starts_with("LICENSE");
    faults.extend(numbered(text, machine_path));
    faults.extend(numbered(text, |line| {
        let named = REGISTRIES.iter().find(|host| line.contains(**host))?;
        Some(format!("names a registry: {named}"))
    }));
    if !licence {
        let rust = name.ends_with(".rs");
        faults.extend(numbered(text, |line| promise(line, rust)));
    }
    faults
}

fn faults_of_module(text: &str) -> Vec<String> {
    let mut faults = Vec::new();
    let lines = text.lines().count();
    if lines > FILE_LINES_MAX {
        faults.push(format!(
            "{lines} lines, at most {FILE_LINES_MAX} are allowed"
        ));
    }
    if !text.starts_with("//!") && !text.starts_with("#![doc = include_str!") {
        faults.push("does not open with `//!`: what it owns and what it refuses".to_owned());
    }
    faults.extend(numbered(text, |line| {
        let stub = STUBS.iter().find(|stub| line.contains(**stub));
        stub.map(|stub| format!("a stub: {stub}...)"))
    }));
    faults.extend(numbered(text, |line| {
        let (_, reason) = line.trim().split_once(IGNORED)?;
        let elsewhere = reason.trim_start().starts_with(RUN_BY_ANOTHER);
        (!elsewhere).then(|| "a test that nothing runs".to_owned())
    }));
    faults
}

/// A path that begins at the root of a machine: nothing of a longer path stands before it.
fn machine_path(line: &str) -> Option<String> {
    let begins = |at: usize| {
        let before = line[..at].chars().next_back();
        !before.is_some_and(|c| c.is_alphanumeric() || "._-~}>)*".contains(c))
    };
    let found = MACHINE_PATHS
        .iter()
        .find(|path| line.match_indices(**path).any(|(at, _)| begins(at)))?;
    Some(format!("a path of one machine: {found}"))
}

/// In source code only comments promise: a string may be an example.
fn promise(line: &str, rust: bool) -> Option<String> {
    let said = match rust {
        true => line.split_once("//").map_or("", |(_, comment)| comment),
        false => line,
    };
    let mut words = said.split(|c: char| !c.is_alphanumeric() && c != '_');
    let word = words.find(|word| PROMISES.contains(word))?;
    Some(format!("a promise: {word}"))
}

/// What `fault` finds, with the numbers of the lines.
fn numbered(text: &str, fault: impl Fn(&str) -> Option<String>) -> Vec<String> {
    let lines = (1..).zip(text.lines());
    lines
        .filter_map(|(number, line)| Some(format!("line {number}: {}", fault(line)?)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One fault, in line 2.
    #[track_caller]
    fn check(name: &str, line: &str, fault: &str) {
        let text = format!("//! Fine.\n{line}\n");
        assert_eq!(faults_of(name, &text), [format!("line 2: {fault}")]);
    }

    #[track_caller]
    fn fine(name: &str, line: &str) {
        let text = format!("//! Fine.\n{line}\n");
        assert_eq!(faults_of(name, &text), Vec::<String>::new(), "{line}");
    }

    #[test]
    fn modules_have_headers_and_an_end() {
        fine("a.rs", "fn f() {}");
        assert_eq!(faults_of("a.rs", "fn f() {}\n").len(), 1);
        assert!(faults_of("a.md", "No header\n").is_empty());
        let long = format!("//! Fine.\n{}", "\n".repeat(FILE_LINES_MAX));
        assert_eq!(faults_of("a.rs", &long).len(), 1);
        assert!(faults_of("a.json", &long).is_empty());
    }

    #[test]
    fn paths_of_a_machine_are_found() {
        for path in MACHINE_PATHS {
            let fault = format!("a path of one machine: {path}");
            check("a.md", &format!("see {path}x"), &fault);
            check("run", &format!("{path}x"), &fault);
            check("a.rs", &format!("let path = \"{path}x\";"), &fault);
        }
        for path in MACHINE_PATHS.iter().filter(|path| path.starts_with('/')) {
            fine(
                "a.rs",
                &format!("let path = \"https://weft.example{path}x\";"),
            );
            fine("a.md", &format!("{{folder}}{path}x"));
        }
    }

    #[test]
    fn promises_are_found() {
        for word in PROMISES {
            let fault = format!("a promise: {word}");
            check("a.rs", &format!("let a = 1; // {word}: later"), &fault);
            check("a.md", &format!("{word} later"), &fault);
            check("a.toml", &format!("# {word}(me) later"), &fault);
            fine("a.rs", &format!("let a = \"{word}\";"));
            fine("a.md", &format!("{word}S"));
        }
        fine("LICENSE-APACHE", PROMISES[2]);
    }

    #[test]
    fn stubs_are_found() {
        for stub in STUBS {
            let fault = format!("a stub: {stub}...)");
            check("a.rs", &format!("    {stub}\"later\")"), &fault);
        }
    }

    #[test]
    fn tests_that_nothing_runs_are_found() {
        let fault = "a test that nothing runs";
        check("a.rs", &format!("{IGNORED}]"), fault);
        check("a.rs", &format!("    {IGNORED} = \"flaky\"]"), fault);
        fine("a.rs", &format!("{IGNORED} = \"run by the test above\"]"));
    }

    #[test]
    fn registries_are_found() {
        for host in REGISTRIES {
            let fault = format!("names a registry: {host}");
            check("config.toml", &format!("a = {host}"), &fault);
        }
        let foreign = "source = \"registry+https://mirror.example/index\"";
        check("Cargo.lock", foreign, "a package from another source");
        fine("Cargo.lock", LOCKED_SOURCE);
    }
}
