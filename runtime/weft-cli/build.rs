//! Puts the SDKs and the interfaces into the program, so that `weft new` and `weft build` need no
//! source tree.
//!
//! Owns the lists of files; refuses to follow links, and takes the interfaces from `wit` itself.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs, io};

/// What a project takes along of one language: where it stands in the source tree, and where in the
/// project's copy.
type Parts = &'static [(&'static str, &'static str)];

const RUST: Parts = &[
    ("guest-sdk/rust/Cargo.toml", "Cargo.toml"),
    ("guest-sdk/rust/weft-sdk/Cargo.toml", "weft-sdk/Cargo.toml"),
    ("guest-sdk/rust/weft-sdk/README.md", "weft-sdk/README.md"),
    ("guest-sdk/rust/weft-sdk/src", "weft-sdk/src"),
    ("wit", "weft-sdk/wit"),
    ("guest-sdk/rust/weft-sdk-macros", "weft-sdk-macros"),
    ("LICENSE-APACHE", "LICENSE-APACHE"),
    ("LICENSE-MIT", "LICENSE-MIT"),
];
const PYTHON: Parts = &[
    ("guest-sdk/python/src", "python"),
    ("LICENSE-APACHE", "LICENSE-APACHE"),
    ("LICENSE-MIT", "LICENSE-MIT"),
];
const TYPESCRIPT: Parts = &[
    (
        "guest-sdk/typescript/package.json",
        "typescript/package.json",
    ),
    ("guest-sdk/typescript/README.md", "typescript/README.md"),
    ("guest-sdk/typescript/index.d.ts", "typescript/index.d.ts"),
    (
        "guest-sdk/typescript/testing.d.ts",
        "typescript/testing.d.ts",
    ),
    ("guest-sdk/typescript/src", "typescript/src"),
    ("guest-sdk/typescript/bin", "typescript/bin"),
    ("LICENSE-APACHE", "LICENSE-APACHE"),
    ("LICENSE-MIT", "LICENSE-MIT"),
];
const GO: Parts = &[
    ("guest-sdk/go", "go"),
    ("LICENSE-APACHE", "LICENSE-APACHE"),
    ("LICENSE-MIT", "LICENSE-MIT"),
];
const C: Parts = &[
    ("guest-sdk/c", "c"),
    ("LICENSE-APACHE", "LICENSE-APACHE"),
    ("LICENSE-MIT", "LICENSE-MIT"),
];
const WIT: Parts = &[("wit", "")];

const TABLES: [(&str, Parts); 6] = [
    ("RUST", RUST),
    ("PYTHON", PYTHON),
    ("TYPESCRIPT", TYPESCRIPT),
    ("GO", GO),
    ("C", C),
    ("WIT", WIT),
];

fn main() -> io::Result<()> {
    let variable = |name| PathBuf::from(env::var_os(name).expect("cargo sets it"));
    let manifest = variable("CARGO_MANIFEST_DIR");
    let root = manifest.ancestors().nth(2).expect("two folders below");
    let mut text = String::new();
    for (name, parts) in TABLES {
        let mut files = Vec::new();
        for (from, to) in parts {
            let from = root.join(from);
            println!("cargo:rerun-if-changed={}", from.display());
            collect(&from, to, &mut files)?;
        }
        files.sort();
        writeln!(text, "pub(crate) const {name}: &[(&str, &str)] = &[").expect("a String");
        for (to, from) in files {
            writeln!(text, "    ({to:?}, include_str!({from:?})),").expect("a String takes all");
        }
        text.push_str("];\n");
    }
    fs::write(variable("OUT_DIR").join("embedded.rs"), text)
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
        let product = ["target", "node_modules", "__pycache__"].contains(&&*name);
        if !product && !name.starts_with('.') && !entry.file_type()?.is_symlink() {
            let to = if to.is_empty() {
                name
            } else {
                format!("{to}/{name}")
            };
            collect(&entry.path(), &to, files)?;
        }
    }
    Ok(())
}
