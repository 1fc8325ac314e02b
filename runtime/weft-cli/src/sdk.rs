//! The SDKs that this program carries, and how a new project names them.
//!
//! A project gets a copy of its own, so that it builds with nothing but this program and the
//! registries, and keeps building when this program is replaced. Only a project inside the source
//! tree, or one that is told a folder, uses the sources where they are.

use std::io;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

use crate::context::Usage;
use crate::toolchain::embedded;

/// Where a project keeps its copy. Not below `.weft`, which holds a node's data and may be removed.
pub(crate) const FOLDER: &str = "sdk";

/// The SDK of one language.
#[derive(Debug)]
pub(crate) struct Kit {
    files: &'static [(&'static str, &'static str)],
    /// Where the source tree has it.
    in_tree: &'static str,
    /// Where a project's copy has it, below [`FOLDER`].
    in_copy: &'static str,
    /// What tells that a folder holds it.
    marker: &'static str,
}

pub(crate) static RUST: Kit = Kit {
    files: embedded::RUST,
    in_tree: "guest-sdk/rust/weft-sdk",
    in_copy: "weft-sdk",
    marker: "Cargo.toml",
};
pub(crate) static PYTHON: Kit = Kit {
    files: embedded::PYTHON,
    in_tree: "guest-sdk/python/src",
    in_copy: "python",
    marker: "weft/__init__.py",
};
pub(crate) static TYPESCRIPT: Kit = Kit {
    files: embedded::TYPESCRIPT,
    in_tree: "guest-sdk/typescript",
    in_copy: "typescript",
    marker: "package.json",
};
pub(crate) static GO: Kit = Kit {
    files: embedded::GO,
    in_tree: "guest-sdk/go",
    in_copy: "go",
    marker: "go.mod",
};
pub(crate) static C: Kit = Kit {
    files: embedded::C,
    in_tree: "guest-sdk/c",
    in_copy: "c",
    marker: "weft.h",
};

/// Where a project has the SDK from.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Source {
    /// A folder with the SDK, as the project names it.
    Folder(PathBuf),
    /// A copy in the project.
    Copy,
}

impl Source {
    /// The folder given, else that of the source tree which `parent` is in, else a copy.
    ///
    /// # Errors
    /// [`Usage`] where the folder given has no SDK.
    pub(crate) fn find(kit: &Kit, given: Option<&Path>, parent: &Path) -> Result<Self> {
        if let Some(dir) = given {
            if !dir.join(kit.marker).is_file() {
                let (dir, marker) = (dir.display(), kit.marker);
                let message =
                    format!("there is no {marker} in {dir}, given by --sdk-path or WEFT_SDK");
                return Err(Usage(message).into());
            }
            return Ok(Self::Folder(std::fs::canonicalize(dir)?));
        }
        let found = parent
            .ancestors()
            .position(|folder| folder.join(kit.in_tree).join(kit.marker).is_file());
        Ok(match found {
            // As seen from the project, one folder below: the tree may be moved with it.
            Some(above) => {
                let up = "../".repeat(above + 1);
                Self::Folder([up.as_str(), kit.in_tree].iter().collect())
            }
            None => Self::Copy,
        })
    }

    /// The folder, as seen from the project.
    ///
    /// # Errors
    /// When the folder's path is not UTF-8.
    pub(crate) fn path(&self, kit: &Kit) -> Result<String> {
        match self {
            Self::Folder(path) => Ok(path.to_str().context("the SDK's path is not UTF-8")?.into()),
            Self::Copy => Ok(format!("{FOLDER}/{}", kit.in_copy)),
        }
    }

    /// Writes the copy into a project, where it has one.
    pub(crate) fn write(&self, kit: &Kit, project: &Path) -> io::Result<()> {
        match self {
            Self::Folder(_) => Ok(()),
            Self::Copy => kit
                .files
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
        for (kit, files) in [
            (
                &RUST,
                [
                    "Cargo.toml",
                    "weft-sdk/src/lib.rs",
                    "weft-sdk/wit/functions.wit",
                ],
            ),
            (
                &PYTHON,
                [
                    "python/weft/__init__.py",
                    "python/weft/py.typed",
                    "LICENSE-MIT",
                ],
            ),
            (
                &TYPESCRIPT,
                [
                    "typescript/package.json",
                    "typescript/index.d.ts",
                    "typescript/src/index.js",
                ],
            ),
        ] {
            let dir = tempfile::tempdir().unwrap();
            let source = Source::find(kit, None, dir.path()).unwrap();
            assert_eq!(source, Source::Copy);
            source.write(kit, dir.path()).unwrap();
            for path in files {
                assert!(dir.path().join(FOLDER).join(path).is_file(), "{path}");
            }
            assert!(
                dir.path()
                    .join(source.path(kit).unwrap())
                    .join(kit.marker)
                    .is_file()
            );
            assert!(!dir.path().join("sdk/weft-sdk/tests").exists());
        }
    }

    #[test]
    fn the_source_tree_is_used_by_a_relative_path() {
        let here = Path::new(env!("CARGO_MANIFEST_DIR"));
        let source = Source::find(&RUST, None, &here.join("templates")).unwrap();
        assert_eq!(
            source.path(&RUST).unwrap(),
            "../../../../guest-sdk/rust/weft-sdk"
        );
    }

    #[test]
    fn a_folder_without_an_sdk_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let refused = Source::find(&RUST, Some(dir.path()), dir.path()).unwrap_err();
        assert!(refused.is::<Usage>(), "{refused}");
    }
}
