//! Puts the SDK for Rust into the program, so that `weft new` needs no source tree.
//!
//! Owns the list of files; refuses to follow links, and takes the interfaces from `wit` itself.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs, io};

/// What a project takes along: where it stands in the source tree, and where in the project's copy.
const PARTS: [(&str, &str); 8] = [
    ("guest-sdk/rust/Cargo.toml", "Cargo.toml"),
    ("guest-sdk/rust/weft-sdk/Cargo.toml", "weft-sdk/Cargo.toml"),
    ("guest-sdk/rust/weft-sdk/README.md", "weft-sdk/README.md"),
    ("guest-sdk/rust/weft-sdk/src", "weft-sdk/src"),
    ("wit", "weft-sdk/wit"),
    ("guest-sdk/rust/weft-sdk-macros", "weft-sdk-macros"),
    ("LICENSE-APACHE", "LICENSE-APACHE"),
    ("LICENSE-MIT", "LICENSE-MIT"),
];

fn main() -> io::Result<()> {
    let variable = |name| PathBuf::from(env::var_os(name).expect("cargo sets it"));
    let manifest = variable("CARGO_MANIFEST_DIR");
    let root = manifest.ancestors().nth(2).expect("two folders below");
    let mut files = Vec::new();
    for (from, to) in PARTS {
        let from = root.join(from);
        println!("cargo:rerun-if-changed={}", from.display());
        collect(&from, to, &mut files)?;
    }
    files.sort();
    let mut table = String::from("&[\n");
    for (to, from) in files {
        writeln!(table, "    ({to:?}, include_str!({from:?})),").expect("a String takes all");
    }
    table.push(']');
    fs::write(variable("OUT_DIR").join("sdk_files.rs"), table)
}

fn collect(from: &Path, to: &str, files: &mut Vec<(String, PathBuf)>) -> io::Result<()> {
    if !from.is_dir() {
        files.push((to.to_owned(), from.to_owned()));
        return Ok(());
    }
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        // What a build leaves, and what an editor does.
        if name != "target" && !name.starts_with('.') && !entry.file_type()?.is_symlink() {
            collect(&entry.path(), &format!("{to}/{name}"), files)?;
        }
    }
    Ok(())
}
