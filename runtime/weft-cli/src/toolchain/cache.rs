//! Whether a component is still what its sources make: a digest of everything that it depends on,
//! kept beside the scratch files together with the digest of the component itself.

use std::io;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use sha2::{Digest as _, Sha256};

/// Folders that hold no sources.
const IGNORED: [&str; 10] = [
    "target",
    "node_modules",
    ".venv",
    ".git",
    ".weft",
    "__pycache__",
    "build",
    "dist",
    ".mypy_cache",
    ".pytest_cache",
];

/// What a component is made of.
pub(crate) struct Inputs {
    hash: Sha256,
    stamp: PathBuf,
    component: PathBuf,
}

impl Inputs {
    /// `kind` tells builds apart that read the same files.
    pub(crate) fn new(scratch: &Path, component: &Path, kind: &str) -> Self {
        let name = component.file_name().unwrap_or_default();
        let mut stamp = name.to_os_string();
        stamp.push(".stamp");
        let mut hash = Sha256::new();
        hash.update(env!("CARGO_PKG_VERSION"));
        hash.update(kind);
        Self {
            hash,
            stamp: scratch.join(stamp),
            component: component.to_owned(),
        }
    }

    /// Adds a file, or all files of a folder that are no products of a build.
    ///
    /// # Errors
    /// One cannot be read.
    pub(crate) fn add(&mut self, path: &Path) -> Result<()> {
        self.add_as(path, Path::new(""))
            .with_context(|| format!("read {}", path.display()))
    }

    fn add_as(&mut self, path: &Path, name: &Path) -> io::Result<()> {
        if !path.is_dir() {
            let bytes = std::fs::read(path)?;
            self.hash.update(name.as_os_str().as_encoded_bytes());
            self.hash.update([0]);
            self.hash.update((bytes.len() as u64).to_le_bytes());
            self.hash.update(bytes);
            return Ok(());
        }
        let mut entries: Vec<_> = std::fs::read_dir(path)?.collect::<io::Result<_>>()?;
        entries.sort_by_key(std::fs::DirEntry::file_name);
        for entry in entries {
            let file = entry.file_name();
            if !IGNORED.iter().any(|ignored| file == *ignored) && !entry.path().is_symlink() {
                self.add_as(&entry.path(), &name.join(&file))?;
            }
        }
        Ok(())
    }

    /// Ends the list: what to do now.
    pub(crate) fn check(self) -> Freshness {
        let inputs = hex(&self.hash.finalize());
        let kept = std::fs::read_to_string(&self.stamp).unwrap_or_default();
        let now = digest(&self.component);
        let fresh = now.is_some_and(|component| kept == format!("{inputs} {component}\n"));
        Freshness {
            fresh,
            inputs,
            stamp: self.stamp,
            component: self.component,
        }
    }
}

/// What came of comparing.
pub(crate) struct Freshness {
    /// Nothing has changed.
    pub(crate) fresh: bool,
    inputs: String,
    stamp: PathBuf,
    component: PathBuf,
}

impl Freshness {
    /// Notes that the component has been made of these inputs.
    ///
    /// # Errors
    /// There is no component, or the note cannot be written.
    pub(crate) fn keep(&self) -> Result<()> {
        let path = self.component.display();
        let component = digest(&self.component).with_context(|| format!("{path} was not made"))?;
        let text = format!("{} {component}\n", self.inputs);
        crate::sdk::write_file(&self.stamp, &text).with_context(|| self.stamp.display().to_string())
    }
}

fn digest(file: &Path) -> Option<String> {
    Some(hex(&Sha256::digest(std::fs::read(file).ok()?)))
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").expect("a String takes all");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_change_of_sources_or_component_is_noticed() {
        let dir = tempfile::tempdir().unwrap();
        let at = |path: &str| dir.path().join(path);
        let write = |path: &str, text: &str| crate::sdk::write_file(&at(path), text).unwrap();
        let check = || {
            let mut inputs = Inputs::new(&at(".weft/build"), &at("build/a.wasm"), "test");
            inputs.add(dir.path()).unwrap();
            inputs.check()
        };
        write("app.py", "1");
        assert!(!check().fresh);
        assert!(check().keep().is_err());
        write("build/a.wasm", "made");
        check().keep().unwrap();
        assert!(check().fresh);
        write(".venv/lib/x.py", "not a source");
        assert!(check().fresh);
        write("app.py", "2");
        assert!(!check().fresh);
        check().keep().unwrap();
        write("more/b.py", "");
        assert!(!check().fresh);
        check().keep().unwrap();
        write("build/a.wasm", "replaced");
        assert!(!check().fresh);
    }
}
