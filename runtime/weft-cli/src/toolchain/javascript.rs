//! TypeScript and JavaScript: the build of `weft-sdk`, installed by npm in the project.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, bail};

use super::python::quietly;
use super::{Inputs, Job, Tool, nearest};
use crate::output;
use crate::progress::Progress;

const PACKAGE: &str = "package.json";
const LOCK: &str = "package-lock.json";
const SDK: &str = "node_modules/weft-sdk";

pub(super) static TOOLS: [Tool; 2] = [
    Tool {
        name: "Node.js",
        probe: &["node", "--version"],
        least: Some((20, 0)),
        advice: "install Node.js 20 or later from https://nodejs.org (Debian 13: apt-get install nodejs npm)",
    },
    Tool {
        name: "npm",
        probe: &["npm", "--version"],
        least: None,
        advice: "install it beside Node.js (Debian: apt-get install npm)",
    },
];

pub(super) fn build(job: &Job) -> Result<()> {
    let home = nearest(&job.project, PACKAGE).with_context(|| {
        let project = job.project.display();
        format!("there is no {PACKAGE} in {project}; `weft new --template typescript` writes one")
    })?;
    install(&home)?;
    let scratch = job.scratch()?;
    let mut inputs = Inputs::new(&scratch, &job.component, job.engine);
    inputs.add(&job.project)?;
    for file in [PACKAGE, LOCK] {
        if home.join(file).is_file() {
            inputs.add(&home.join(file))?;
        }
    }
    inputs.add(&scratch.join("wit"))?;
    if let Ok(sdk) = std::fs::canonicalize(home.join(SDK)) {
        inputs.add(&sdk)?;
    }
    let inputs = inputs.check();
    if inputs.fresh {
        return Ok(());
    }
    check_types(&home, job)?;
    let script = home.join(SDK).join("bin/componentize.mjs");
    if !script.is_file() {
        bail!(
            "weft-sdk is not among the dependencies of {}",
            home.join(PACKAGE).display()
        );
    }
    let progress = Progress::start(format!("Making {} of JavaScript", job.name()));
    let output = Command::new("node")
        .arg(script)
        .arg(&job.source)
        .arg("--wit")
        .arg(scratch.join("wit"))
        .arg("--out")
        .arg(&job.component)
        .args(["--engine", job.engine])
        .current_dir(&job.project)
        .stdin(Stdio::null())
        .output()
        .context("start node")?;
    let said = String::from_utf8_lossy(&output.stderr);
    if !output.status.success() {
        drop(progress);
        bail!("the app cannot be built:\n{}", said.trim());
    }
    let size = output::bytes(std::fs::metadata(&job.component)?.len());
    let engine = said.lines().find_map(|line| line.strip_prefix("engine: "));
    progress.done(&format!("{size}, {}", engine.unwrap_or_default()));
    inputs.keep()
}

/// Installs what the lock file names, where that has not been done.
fn install(home: &Path) -> Result<()> {
    let lock = std::fs::read_to_string(home.join(LOCK)).unwrap_or_default();
    let wanted = lock + &std::fs::read_to_string(home.join(PACKAGE))?;
    let stamp = home.join("node_modules/.weft-installed");
    if std::fs::read_to_string(&stamp).is_ok_and(|kept| kept == wanted) {
        return Ok(());
    }
    let verb = if home.join(LOCK).is_file() {
        "ci"
    } else {
        "install"
    };
    let progress = Progress::start(format!("Installing {PACKAGE} into node_modules"));
    let mut npm = Command::new("npm");
    npm.args([verb, "--no-audit", "--no-fund", "--loglevel=error"]);
    quietly(npm.current_dir(home))?;
    // What was there before is there after an installation that wrote a lock file.
    let lock = std::fs::read_to_string(home.join(LOCK)).unwrap_or_default();
    std::fs::write(stamp, lock + &std::fs::read_to_string(home.join(PACKAGE))?)?;
    progress.done("");
    Ok(())
}

/// Types are checked where the project has a compiler and says how; bundling alone ignores them.
fn check_types(home: &Path, job: &Job) -> Result<()> {
    let compiler = home.join("node_modules/typescript/bin/tsc");
    let Some(settings) = settings(home, &job.project).filter(|_| compiler.is_file()) else {
        return Ok(());
    };
    let progress = Progress::start("Checking types");
    let output = Command::new("node")
        .arg(compiler)
        .args(["--noEmit", "--pretty", "false", "-p"])
        .arg(settings)
        .current_dir(&job.project)
        .stdin(Stdio::null())
        .output()
        .context("start node")?;
    if !output.status.success() {
        drop(progress);
        let said = [output.stdout, output.stderr].concat();
        bail!(
            "types do not fit:\n{}",
            String::from_utf8_lossy(&said).trim()
        );
    }
    progress.done("");
    Ok(())
}

fn settings(home: &Path, project: &Path) -> Option<PathBuf> {
    let folders = project
        .ancestors()
        .take_while(|folder| folder.starts_with(home));
    let mut files = folders.map(|folder| folder.join("tsconfig.json"));
    files.find(|file| file.is_file())
}
