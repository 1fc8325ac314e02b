//! Python: `componentize-py` in a virtual environment of the project.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, bail};

use super::{Inputs, Job, Tool, embedded, nearest};
use crate::output;
use crate::progress::Progress;

const REQUIREMENTS: &str = "requirements.txt";
/// With every package and its digests; installed in place of the other where it is there.
const LOCK: &str = "requirements.lock";

pub(super) static TOOLS: [Tool; 2] = [
    Tool {
        name: "Python",
        probe: &["python3", "--version"],
        least: Some((3, 10)),
        advice: "install Python 3.10 or later from https://www.python.org (Debian: apt-get install python3)",
    },
    Tool {
        name: "Python's venv",
        probe: &["python3", "-c", "import ensurepip, venv; print('there')"],
        least: None,
        advice: "install it beside Python (Debian: apt-get install python3-venv)",
    },
];

pub(super) fn build(job: &Job) -> Result<()> {
    let home = nearest(&job.project, REQUIREMENTS).with_context(|| {
        format!(
            "there is no {REQUIREMENTS} in {}; one with the line `componentize-py=={}` is needed",
            job.project.display(),
            embedded::COMPONENTIZE_PY
        )
    })?;
    let venv = environment(&home)?;
    let scratch = job.scratch()?;
    let sdk = sdk(&job.project);
    let mut inputs = Inputs::new(&scratch, &job.component, "python");
    inputs.add(&job.project)?;
    inputs.add(&requirements(&home))?;
    inputs.add(&scratch.join("wit"))?;
    if let Some(sdk) = &sdk {
        inputs.add(sdk)?;
    }
    let inputs = inputs.check();
    if inputs.fresh {
        return Ok(());
    }
    let app = app_module(job)?;
    let main = scratch.join("python");
    // Everything is in the component before anybody calls it.
    let text = format!(
        "import {app}\nfrom weft.component import Activity, Describe, Entity, IncomingHandler, \
         Orchestrator, prepare\n\nprepare()\n"
    );
    crate::sdk::write_file(&main.join("weft_main.py"), &text)?;
    let source = job.source.parent().unwrap_or(&job.project);
    let mut paths = vec![main, source.to_owned()];
    paths.extend(sdk);
    let made = scratch.join(job.name());
    let mut command = Command::new(program(&venv, "componentize-py"));
    command
        .arg("-d")
        .arg(scratch.join("wit"))
        .args(["-w", "every-role", "componentize", "weft_main", "-o"])
        .arg(&made);
    for path in &paths {
        command.arg("-p").arg(path);
    }
    let progress = Progress::start(format!("Making {} of Python", job.name()));
    let output = command
        .current_dir(&job.project)
        // Modules leave no files beside the sources.
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .env("RUST_BACKTRACE", "0")
        .env_remove("VIRTUAL_ENV")
        .env_remove("PYTHONPATH")
        .stdin(Stdio::null())
        .output()
        .context("start componentize-py")?;
    if !output.status.success() {
        drop(progress);
        let said = [output.stdout, output.stderr].concat();
        let said = of_the_app(&String::from_utf8_lossy(&said), &paths, &job.project);
        bail!("the app cannot be loaded:\n{said}");
    }
    if let Some(folder) = job.component.parent() {
        std::fs::create_dir_all(folder)?;
    }
    std::fs::rename(&made, &job.component)?;
    let size = std::fs::metadata(&job.component)?.len();
    progress.done(&output::bytes(size));
    inputs.keep()
}

/// The folder that has the package `weft`: a copy in the project, else that of the source tree.
/// Nothing where it is installed like any other package.
fn sdk(project: &Path) -> Option<PathBuf> {
    let copy = project.join("sdk/python");
    if copy.join("weft").is_dir() {
        return Some(copy);
    }
    let mut folders = project.ancestors();
    folders.find_map(|folder| {
        let source = folder.join("guest-sdk/python/src");
        source.join("weft").is_dir().then_some(source)
    })
}

fn requirements(home: &Path) -> PathBuf {
    let lock = home.join(LOCK);
    if lock.is_file() {
        lock
    } else {
        home.join(REQUIREMENTS)
    }
}

fn app_module(job: &Job) -> Result<String> {
    let stem = job.source.file_stem().unwrap_or_default().to_string_lossy();
    let valid = stem.starts_with(|c: char| c.is_alphabetic() || c == '_')
        && stem.chars().all(|c| c.is_alphanumeric() || c == '_');
    if !valid || stem == "weft" {
        bail!("{stem}.py cannot be imported as a module; call the file app.py");
    }
    Ok(stem.into_owned())
}

fn program(venv: &Path, name: &str) -> PathBuf {
    let folder = if cfg!(windows) { "Scripts" } else { "bin" };
    venv.join(folder).join(name)
}

/// The virtual environment beside the requirements, with what they name in it.
fn environment(home: &Path) -> Result<PathBuf> {
    let venv = home.join(".venv");
    let file = requirements(home);
    let requirements = std::fs::read_to_string(&file)?;
    let stamp = venv.join("weft-requirements.txt");
    let tool = program(&venv, "componentize-py");
    let installed = std::fs::read_to_string(&stamp).is_ok_and(|kept| kept == requirements);
    if installed && tool.is_file() {
        return Ok(venv);
    }
    let name = file.file_name().unwrap_or_default().display();
    let progress = Progress::start(format!("Installing {name} into .venv"));
    let python = program(&venv, "python");
    if !python.is_file() {
        quietly(Command::new("python3").args(["-m", "venv"]).arg(&venv))?;
    }
    quietly(
        Command::new(python)
            .args([
                "-m",
                "pip",
                "install",
                "--quiet",
                "--disable-pip-version-check",
                "-r",
            ])
            .arg(&file),
    )?;
    if !tool.is_file() {
        bail!(
            "{name} does not name componentize-py; add the line `componentize-py=={}`",
            embedded::COMPONENTIZE_PY
        );
    }
    std::fs::write(&stamp, requirements)?;
    progress.done("");
    Ok(venv)
}

/// Runs a tool whose output matters only where it fails.
pub(super) fn quietly(command: &mut Command) -> Result<()> {
    let name = command.get_program().to_string_lossy().into_owned();
    let output = command
        .env_remove("PYTHONPATH")
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("start {name}"))?;
    if !output.status.success() {
        let said = [output.stdout, output.stderr].concat();
        bail!("{name} failed:\n{}", String::from_utf8_lossy(&said).trim());
    }
    Ok(())
}

/// What the build says, without what is of interest to its own authors only, and with the files where
/// they are: it knows the folders by their numbers.
fn of_the_app(said: &str, paths: &[PathBuf], project: &Path) -> String {
    let said = said.split("Stack backtrace:").next().unwrap_or_default();
    let said = said.split("\nCaused by:").next().unwrap_or_default();
    let from = said
        .rfind("Traceback (most recent call last):")
        .unwrap_or(0);
    let mut said = said[from..].trim().to_owned();
    for (number, path) in paths.iter().enumerate() {
        let shown = path.strip_prefix(project).unwrap_or(path).join("");
        said = said.replace(&format!("\"/{number}/"), &format!("\"{}", shown.display()));
    }
    said.lines()
        .filter(|line| !line.starts_with("AssertionError: "))
        .collect::<Vec<_>>()
        .join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_of_the_app_name_its_files() {
        let said = "Traceback (most recent call last):\n  File \"bin\", line 8, in <module>\n\
            AssertionError: Traceback (most recent call last):\n  File \"/1/app.py\", line 3\n\
            ImportError: no\n\n\nCaused by:\n    ImportError: no\n\nStack backtrace:\n   0: x";
        let project = Path::new("/p");
        let paths = [project.join(".weft/build/python"), project.to_owned()];
        let shown = of_the_app(said, &paths, project);
        let expected =
            "Traceback (most recent call last):\n  File \"app.py\", line 3\nImportError: no";
        assert_eq!(shown, expected);
    }
}
