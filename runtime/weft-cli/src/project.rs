//! A folder with a `weft.toml`: what it builds and what is sent to a node.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, anyhow, bail};
use weft_app::{Manifest, ManifestComponent, ProjectFiles, assemble};

use crate::context::Usage;
use crate::output;
use crate::progress::Progress;
use crate::toolchain::{Job, Language};

/// What Rust components are built for.
pub(crate) const TARGET: &str = "wasm32-wasip2";

/// A manifest with its folder.
#[derive(Debug)]
pub(crate) struct Project {
    pub(crate) dir: PathBuf,
    pub(crate) manifest: Manifest,
    text: String,
}

/// How one component comes about.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Recipe {
    /// A command for the shell, run in the manifest's folder.
    Command(String),
    /// `cargo build` in this folder.
    Cargo(PathBuf),
    /// Made of a source in another language.
    Source(Job),
    /// Built by somebody else.
    Given,
}

impl Recipe {
    fn needs_target(&self) -> bool {
        match self {
            Self::Command(command) => command.contains(TARGET),
            Self::Cargo(_) => true,
            Self::Source(_) | Self::Given => false,
        }
    }
}

impl Project {
    /// # Errors
    /// [`Usage`] where the folder has no manifest; every fault of the manifest.
    pub(crate) fn open(dir: &Path) -> Result<Self> {
        let path = dir.join("weft.toml");
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                let path = path.display();
                let hint = "`weft new NAME` makes a project that has one";
                return Err(Usage(format!("there is no {path}; {hint}")).into());
            }
            Err(error) => return Err(error).context(path.display().to_string()),
        };
        let manifest = Manifest::parse(&text)
            .map_err(|faults| anyhow!("{} has faults:\n{faults}", path.display()))?;
        Ok(Self {
            dir: dir.to_owned(),
            manifest,
            text,
        })
    }

    /// Builds every component, each folder once.
    ///
    /// # Errors
    /// When a build fails or leaves no component; what it printed is on stderr.
    pub(crate) fn build(&self) -> Result<()> {
        let components = self.manifest.components.values();
        let recipes: BTreeSet<_> = components.map(|c| self.recipe(c)).collect::<Result<_>>()?;
        if recipes.iter().any(Recipe::needs_target) {
            require_target()?;
        }
        for recipe in &recipes {
            match recipe {
                Recipe::Command(command) => run(
                    Command::new("sh")
                        .args(["-c", command])
                        .current_dir(&self.dir),
                    command,
                )?,
                Recipe::Cargo(folder) => cargo(folder)?,
                Recipe::Source(job) => job.run()?,
                Recipe::Given => {}
            }
        }
        for (name, component) in &self.manifest.components {
            let path = self.dir.join(&component.path);
            if !path.is_file() {
                let path = path.display();
                bail!("the build left no component {name} at {path}; check its path in weft.toml");
            }
        }
        Ok(())
    }

    fn recipe(&self, component: &ManifestComponent) -> Result<Recipe> {
        if let Some(command) = &component.build {
            return Ok(Recipe::Command(command.clone()));
        }
        if let Some(source) = &component.source {
            return Ok(Recipe::Source(Job::new(&self.dir, component, source)?));
        }
        let path = self.dir.join(&component.path);
        let mut folders = path.ancestors().skip_while(|at| !at.ends_with("target"));
        let folder = folders.nth(1);
        Ok(
            match folder.filter(|folder| folder.join("Cargo.toml").is_file()) {
                Some(folder) => Recipe::Cargo(folder.to_owned()),
                None => Recipe::Given,
            },
        )
    }

    /// The languages of its components, besides Rust.
    pub(crate) fn languages(&self) -> BTreeSet<Language> {
        let components = self.manifest.components.values();
        let recipes = components.filter_map(|component| self.recipe(component).ok());
        recipes
            .filter_map(|recipe| match recipe {
                Recipe::Source(job) => Some(job.language),
                Recipe::Command(_) | Recipe::Cargo(_) | Recipe::Given => None,
            })
            .collect()
    }

    /// Whether a component of it is built by Cargo.
    pub(crate) fn needs_rust(&self) -> bool {
        let mut components = self.manifest.components.values();
        components.any(|one| self.recipe(one).is_ok_and(|recipe| recipe.needs_target()))
    }

    /// The app as a tar archive: the manifest, with its components and workflows beside it.
    ///
    /// # Errors
    /// When a component or a workflow cannot be read.
    pub(crate) fn bundle(&self) -> Result<Vec<u8>> {
        let mut archive = tar::Builder::new(Vec::new());
        let mut manifest: toml::Table = toml::from_str(&self.text)?;
        for (name, component) in &self.manifest.components {
            let path = self.dir.join(&component.path);
            let wasm = std::fs::read(&path)
                .with_context(|| format!("read {}; `weft build` makes it", path.display()))?;
            let place = format!("components/{name}.wasm");
            append(&mut archive, &place, &wasm)?;
            let entry = manifest
                .get_mut("components")
                .and_then(|all| all.get_mut(name.as_str()))
                .and_then(toml::Value::as_table_mut)
                .expect("the manifest parsed with this component");
            entry.insert("path".to_owned(), place.into());
            for of_the_build in ["build", "source", "engine"] {
                entry.remove(of_the_build);
            }
        }
        for (name, workflow) in &self.manifest.workflows {
            let document = assemble(&Disk(&self.dir), &workflow.path)
                .map_err(|faults| anyhow!("the workflow {name}: {faults}"))?;
            append(
                &mut archive,
                &format!("workflows/{name}.json"),
                document.as_bytes(),
            )?;
        }
        append(
            &mut archive,
            "weft.toml",
            toml::to_string(&manifest)?.as_bytes(),
        )?;
        Ok(archive.into_inner()?)
    }
}

/// The body of a deployment of the workflow in `file`, with what lies around it.
///
/// # Errors
/// A file is missing or is not JSON.
pub(crate) fn assembled(file: &Path) -> Result<String> {
    assemble(&Disk(Path::new("")), &file.to_string_lossy()).map_err(|faults| anyhow!("{faults}"))
}

/// Files below a folder.
pub(crate) struct Disk<'a>(pub(crate) &'a Path);

impl ProjectFiles for Disk<'_> {
    fn read(&self, path: &str) -> Option<String> {
        std::fs::read_to_string(self.0.join(path)).ok()
    }

    fn list(&self, folder: &str) -> Vec<String> {
        let entries = std::fs::read_dir(self.0.join(folder));
        let entries = entries.into_iter().flatten().flatten();
        let files = entries.filter(|entry| entry.path().is_file());
        let mut names: Vec<_> = files
            .filter_map(|entry| entry.file_name().into_string().ok())
            .collect();
        names.sort_unstable();
        names
    }
}

fn append(archive: &mut tar::Builder<Vec<u8>>, path: &str, bytes: &[u8]) -> Result<()> {
    let mut header = tar::Header::new_gnu();
    header.set_size(bytes.len() as u64);
    header.set_mode(0o644);
    header.set_cksum();
    archive.append_data(&mut header, path, bytes)?;
    Ok(())
}

fn cargo(folder: &Path) -> Result<()> {
    // The folder for the output is given, since the manifest names it and a setting of the
    // environment must not move it.
    let mut command = Command::new("cargo");
    command
        .args(["build", "--release", "--target", TARGET, "--target-dir"])
        .arg(std::path::absolute(folder.join("target"))?)
        .current_dir(folder);
    run(&mut command, "cargo build")
}

/// Runs a build with its own progress on stderr; stdout is kept for data.
fn run(command: &mut Command, name: &str) -> Result<()> {
    output::note(format!("$ {name}"));
    let progress = Progress::start_quiet(format!("Built with {name}"));
    let status = command
        // The manifest says where the output is.
        .env_remove("CARGO_TARGET_DIR")
        .stdin(Stdio::null())
        .stdout(std::io::stderr())
        .status()
        .with_context(|| format!("start {name}"))?;
    if !status.success() {
        bail!("{name} failed ({status})");
    }
    progress.done("");
    Ok(())
}

/// # Errors
/// What to do where Rust or its target is missing.
pub(crate) fn require_target() -> Result<()> {
    if target_installed()? {
        return Ok(());
    }
    bail!("Rust cannot build for {TARGET} here; run: rustup target add {TARGET}")
}

/// Whether the standard library for components is there.
///
/// # Errors
/// Where there is no Rust at all.
pub(crate) fn target_installed() -> Result<bool> {
    let output = Command::new("rustc")
        .args(["--print", "target-libdir", "--target", TARGET])
        .output()
        .context("rustc cannot be started; install Rust from https://rustup.rs")?;
    let folder = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    Ok(output.status.success() && Path::new(&folder).is_dir())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bundle_holds_the_components_where_its_manifest_says() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("out")).unwrap();
        std::fs::write(dir.path().join("out/a.wasm"), b"wasm").unwrap();
        let text = "name = \"x\"\n[components.a]\npath = \"out/a.wasm\"\nbuild = \"true\"\n";
        std::fs::write(dir.path().join("weft.toml"), text).unwrap();
        let bundle = Project::open(dir.path()).unwrap().bundle().unwrap();
        let mut archive = tar::Archive::new(&*bundle);
        let mut files = std::collections::BTreeMap::new();
        for entry in archive.entries().unwrap() {
            let mut entry = entry.unwrap();
            let path = entry.path().unwrap().display().to_string();
            let mut bytes = Vec::new();
            std::io::Read::read_to_end(&mut entry, &mut bytes).unwrap();
            files.insert(path, bytes);
        }
        assert_eq!(files["components/a.wasm"], b"wasm");
        let manifest = String::from_utf8(files["weft.toml"].clone()).unwrap();
        let manifest = Manifest::parse(&manifest).unwrap();
        let component = manifest.components.values().next().unwrap();
        assert_eq!(component.path, "components/a.wasm");
        assert_eq!(component.build, None);
    }

    #[test]
    fn a_component_below_a_target_folder_is_built_by_cargo_there() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("f")).unwrap();
        std::fs::write(dir.path().join("f/Cargo.toml"), "").unwrap();
        let text = "name = \"x\"\n\
            [components.a]\npath = \"f/target/wasm32-wasip2/release/f.wasm\"\n\
            [components.b]\npath = \"given.wasm\"\n";
        std::fs::write(dir.path().join("weft.toml"), text).unwrap();
        let project = Project::open(dir.path()).unwrap();
        let recipes: Vec<_> = project.manifest.components.values().collect();
        let folder = dir.path().join("f");
        assert_eq!(project.recipe(recipes[0]).unwrap(), Recipe::Cargo(folder));
        assert_eq!(project.recipe(recipes[1]).unwrap(), Recipe::Given);
    }
}
