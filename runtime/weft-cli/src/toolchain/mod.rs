//! Makes components of sources in other languages than Rust, with the tools of each language.
//!
//! What is made depends on the sources, the SDK and the tools' lock files alone; where none of them
//! has changed, nothing runs. Tools are kept in the project (`.venv`, `node_modules`), never
//! installed for the whole machine.

mod c;
mod cache;
mod component;
pub(crate) mod embedded;
mod go;
mod javascript;
mod python;
mod tool;

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use weft_app::{Engine, ManifestComponent};

pub(crate) use cache::Inputs;
pub(crate) use tool::{Found, Tool};

/// Where builds keep what they need besides the tools, below the project.
const SCRATCH: &str = ".weft/build";

/// A language whose sources become components here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Language {
    Python,
    JavaScript,
    Go,
    C,
}

impl Language {
    pub(crate) const ALL: [Self; 4] = [Self::Python, Self::JavaScript, Self::Go, Self::C];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Python => "Python",
            Self::JavaScript => "TypeScript and JavaScript",
            Self::Go => "Go",
            Self::C => "C",
        }
    }

    /// By the ending of the source.
    ///
    /// # Errors
    /// An ending that no language has.
    fn of(source: &Path) -> Result<Self> {
        if source.join("go.mod").is_file() {
            return Ok(Self::Go);
        }
        match source.extension().and_then(|ending| ending.to_str()) {
            Some("py") => Ok(Self::Python),
            Some("ts" | "mts" | "js" | "mjs") => Ok(Self::JavaScript),
            Some("c") => Ok(Self::C),
            _ => bail!(
                "components are not made of {}; `source` names a file that ends in .py, .ts, .js or \
                 .c, or the folder of a Go module",
                source.display()
            ),
        }
    }

    /// What has to be on the machine.
    pub(crate) fn tools(self) -> &'static [Tool] {
        match self {
            Self::Python => &python::TOOLS,
            Self::JavaScript => &javascript::TOOLS,
            Self::Go => &go::TOOLS,
            Self::C => &c::TOOLS,
        }
    }
}

/// One component that is made of a source.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Job {
    pub(crate) language: Language,
    /// The folder of the manifest.
    project: PathBuf,
    source: PathBuf,
    component: PathBuf,
    engine: &'static str,
}

impl Job {
    /// # Errors
    /// A source that is not there, or of no known language.
    pub(crate) fn new(project: &Path, component: &ManifestComponent, source: &str) -> Result<Self> {
        let project = std::path::absolute(project)?;
        let source = project.join(source);
        let language = Language::of(&source)?;
        if !source.exists() {
            bail!(
                "there is no {}, which weft.toml names as a source",
                source.display()
            );
        }
        Ok(Self {
            language,
            component: project.join(&component.path),
            source,
            project,
            engine: match component.engine {
                None => "auto",
                Some(Engine::QuickJs) => "quickjs",
                Some(Engine::StarlingMonkey) => "starlingmonkey",
            },
        })
    }

    /// Makes the component, unless it is there and nothing that it depends on has changed.
    ///
    /// # Errors
    /// What is missing and how to get it, or what the language's tool says.
    pub(crate) fn run(&self) -> Result<()> {
        for tool in self.language.tools() {
            tool.require()?;
        }
        match self.language {
            Language::Python => python::build(self),
            Language::JavaScript => javascript::build(self),
            Language::Go => go::build(self),
            Language::C => c::build(self),
        }
    }

    /// The folder for what this build needs, with the interfaces in it.
    fn scratch(&self) -> Result<PathBuf> {
        let scratch = self.project.join(SCRATCH);
        let wit = scratch.join("wit");
        for (path, text) in embedded::WIT {
            let path = wit.join(path);
            if std::fs::read_to_string(&path).is_ok_and(|now| now == *text) {
                continue;
            }
            crate::sdk::write_file(&path, text).with_context(|| path.display().to_string())?;
        }
        Ok(scratch)
    }

    /// Puts the component where the manifest says.
    fn write(&self, component: &[u8]) -> Result<()> {
        if let Some(folder) = self.component.parent() {
            std::fs::create_dir_all(folder)?;
        }
        let new = self.component.with_extension("new");
        std::fs::write(&new, component).with_context(|| new.display().to_string())?;
        Ok(std::fs::rename(&new, &self.component)?)
    }

    fn name(&self) -> String {
        let name = self.component.file_name().unwrap_or_default();
        name.to_string_lossy().into_owned()
    }
}

/// The nearest folder from `from` upwards that has this file; above the project only a few, so that
/// several projects may share one.
fn nearest(from: &Path, file: &str) -> Option<PathBuf> {
    const ABOVE_MAX: usize = 6;
    let mut folders = from.ancestors().take(ABOVE_MAX);
    folders
        .find(|folder| folder.join(file).exists())
        .map(Path::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ending_of_a_source_tells_its_language() {
        let of = |source: &str| Language::of(Path::new(source));
        assert_eq!(of("app.py").unwrap(), Language::Python);
        assert_eq!(of("src/app.ts").unwrap(), Language::JavaScript);
        let error = of("app.rb").unwrap_err().to_string();
        assert!(error.contains("ends in .py, .ts, .js or .c"), "{error}");
    }

    #[test]
    fn a_source_that_is_not_there_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let component = ManifestComponent {
            path: "build/a.wasm".to_owned(),
            build: None,
            source: None,
            engine: None,
        };
        let error = Job::new(dir.path(), &component, "app.py").unwrap_err();
        assert!(error.to_string().contains("app.py"), "{error}");
    }
}
