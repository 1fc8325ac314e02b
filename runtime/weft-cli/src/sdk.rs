//! The SDK for Rust that this program carries: its sources, and how a new project names them.
//!
//! A project gets a copy of its own, so that it builds with nothing but this program and the
//! registry, and keeps building when this program is replaced. Only a project inside the source
//! tree, or one that is told a folder, uses the sources where they are.

use std::io;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

use crate::context::Usage;

/// Where a project keeps its copy. Not below `.weft`, which holds a node's data and may be removed.
pub(crate) const FOLDER: &str = "sdk";

const FILES: &[(&str, &str)] = include!(concat!(env!("OUT_DIR"), "/sdk_files.rs"));

/// What the source tree calls the crate.
const IN_TREE: &str = "guest-sdk/rust/weft-sdk";

/// Where a project has the SDK from.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Source {
    /// A folder with the crate, as it is written into `Cargo.toml`.
    Folder(PathBuf),
    /// A copy in the project.
    Copy,
}

impl Source {
    /// The folder given, else that of the source tree which `parent` is in, else a copy.
    ///
    /// # Errors
    /// [`Usage`] where the folder given has no crate.
    pub(crate) fn find(given: Option<&Path>, parent: &Path) -> Result<Self> {
        if let Some(dir) = given {
            if !dir.join("Cargo.toml").is_file() {
                let dir = dir.display();
                let message =
                    format!("there is no crate in {dir}, given by --sdk-path or WEFT_SDK");
                return Err(Usage(message).into());
            }
            return Ok(Self::Folder(std::fs::canonicalize(dir)?));
        }
        let found = parent
            .ancestors()
            .position(|folder| folder.join(IN_TREE).join("Cargo.toml").is_file());
        Ok(match found {
            // As seen from the project, one folder below: the tree may be moved with it.
            Some(above) => {
                Self::Folder(["../".repeat(above + 1).as_str(), IN_TREE].iter().collect())
            }
            None => Self::Copy,
        })
    }

    /// The path of the dependency in the project's `Cargo.toml`, as a TOML value.
    ///
    /// # Errors
    /// When the folder's path is not UTF-8.
    pub(crate) fn dependency(&self) -> Result<String> {
        let path = match self {
            Self::Folder(path) => path.to_str().context("the SDK's path is not UTF-8")?,
            Self::Copy => return Ok(format!("{{ path = \"{FOLDER}/weft-sdk\" }}")),
        };
        Ok(format!("{{ path = {} }}", toml::Value::from(path)))
    }

    /// Writes the copy into a project, where it has one.
    pub(crate) fn write(&self, project: &Path) -> io::Result<()> {
        match self {
            Self::Folder(_) => Ok(()),
            Self::Copy => FILES
                .iter()
                .try_for_each(|(path, text)| write_file(&project.join(FOLDER).join(path), text)),
        }
    }
}

/// Writes a file, with the folders that it is in.
pub(crate) fn write_file(path: &Path, text: &str) -> io::Result<()> {
    if let Some(parent) = path.parent() {
        std::fs::create_dir_all(parent)?;
    }
    std::fs::write(path, text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_is_written_outside_of_the_source_tree() {
        let dir = tempfile::tempdir().unwrap();
        let source = Source::find(None, dir.path()).unwrap();
        assert_eq!(source, Source::Copy);
        source.write(dir.path()).unwrap();
        for path in [
            "Cargo.toml",
            "weft-sdk/src/lib.rs",
            "weft-sdk/wit/functions.wit",
        ] {
            assert!(dir.path().join(FOLDER).join(path).is_file(), "{path}");
        }
        assert!(!dir.path().join("sdk/weft-sdk/tests").exists());
    }

    #[test]
    fn the_source_tree_is_used_by_a_relative_path() {
        let here = Path::new(env!("CARGO_MANIFEST_DIR"));
        let source = Source::find(None, &here.join("templates")).unwrap();
        assert_eq!(
            source.dependency().unwrap(),
            r#"{ path = "../../../../guest-sdk/rust/weft-sdk" }"#
        );
    }

    #[test]
    fn a_folder_without_a_crate_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let refused = Source::find(Some(dir.path()), dir.path()).unwrap_err();
        assert!(refused.is::<Usage>(), "{refused}");
    }
}
