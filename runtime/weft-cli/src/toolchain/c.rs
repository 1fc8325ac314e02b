//! C: clang with the C library of WASI, and a component of what that gives.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, bail};

use super::{Inputs, Job, Tool, component};
use crate::output;
use crate::progress::Progress;

/// As distributions call it, the latest that has been tried first.
const COMPILERS: [&str; 5] = ["clang-19", "clang-20", "clang-18", "clang-17", "clang"];

pub(super) static TOOLS: [Tool; 3] = [
    Tool {
        name: "clang",
        probe: &[
            "sh",
            "-c",
            "for c in clang-19 clang-20 clang-18 clang-17 clang; do $c --version && exit; done 2>/dev/null; exit 1",
        ],
        least: Some((17, 0)),
        advice: "install clang 17 or later (Debian: apt-get install clang-19 lld-19)",
    },
    Tool {
        name: "wasi-libc",
        probe: &[
            "sh",
            "-c",
            "for d in \"$WASI_SYSROOT\" /usr /opt/wasi-sdk/share/wasi-sysroot; do [ -e \"$d/include/wasm32-wasi/stdio.h\" ] && echo \"$d\" && exit; done; exit 1",
        ],
        least: None,
        advice: "install the C library for WASI (Debian: apt-get install wasi-libc; elsewhere wasi-sdk, and set WASI_SYSROOT)",
    },
    Tool {
        name: "compiler-rt",
        probe: &[
            "sh",
            "-c",
            "for c in clang-19 clang-20 clang-18 clang-17 clang; do f=$($c --target=wasm32-wasi -print-libgcc-file-name 2>/dev/null) && [ -e \"$f\" ] && echo \"$f\" && exit; done; exit 1",
        ],
        least: None,
        advice: "install clang's runtime for WebAssembly (Debian: apt-get install libclang-rt-19-dev-wasm32)",
    },
];

pub(super) fn build(job: &Job) -> Result<()> {
    let scratch = job.scratch()?;
    let sdk = sdk(&job.project)?;
    let folder = job.source.parent().unwrap_or(&job.project);
    let mut inputs = Inputs::new(&scratch, &job.component, "c");
    inputs.add(&job.project)?;
    inputs.add(&sdk)?;
    inputs.add(&scratch.join("wit"))?;
    let inputs = inputs.check();
    if inputs.fresh {
        return Ok(());
    }
    let mut sources = sources(folder, &job.source)?;
    sources.extend(library(&sdk)?);
    let module = scratch.join(job.name()).with_extension("core.wasm");
    let sysroot = said(&TOOLS[1])?;
    let progress = Progress::start(format!("Making {} of C", job.name()));
    let compiler = COMPILERS.into_iter().find(|name| {
        let version = Command::new(name).arg("--version").output();
        version.is_ok_and(|output| output.status.success())
    });
    let output = Command::new(compiler.context("there is no clang")?)
        .args([
            "--target=wasm32-wasi",
            "-mexec-model=reactor",
            "-Os",
            "-std=gnu17",
        ])
        .args(["-Wall", "-Wextra", "-fno-exceptions", "-Wl,--strip-all"])
        .arg(format!("--sysroot={sysroot}"))
        .arg(format!("-I{sysroot}/include/wasm32-wasi"))
        .arg(format!("-L{sysroot}/lib/wasm32-wasi"))
        .arg(format!("-I{}", sdk.display()))
        .args(&sources)
        .arg("-o")
        .arg(&module)
        .current_dir(&job.project)
        .stdin(Stdio::null())
        .output()
        .context("start clang")?;
    let warnings = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    if !output.status.success() {
        drop(progress);
        bail!("the app cannot be built:\n{warnings}");
    }
    if !warnings.is_empty() {
        output::note(warnings);
    }
    job.write(&component::of_module(&module, &scratch.join("wit"))?)?;
    let size = std::fs::metadata(&job.component)?.len();
    progress.done(&output::bytes(size));
    inputs.keep()
}

/// What a tool's probe has printed.
fn said(tool: &Tool) -> Result<String> {
    let (program, arguments) = tool
        .probe
        .split_first()
        .context("a probe names a program")?;
    let output = Command::new(program).args(arguments).output()?;
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// The source and what lies beside it; files called `test_...` are for tests.
fn sources(folder: &Path, source: &Path) -> Result<Vec<PathBuf>> {
    let mut others = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        let is_c = path.extension().is_some_and(|ending| ending == "c");
        if is_c && path != source && !name.starts_with("test_") {
            others.push(path);
        }
    }
    others.sort();
    others.insert(0, source.to_owned());
    Ok(others)
}

/// The sources of the SDK, in order.
fn library(sdk: &Path) -> Result<Vec<PathBuf>> {
    let entries = std::fs::read_dir(sdk)?;
    let paths = entries.map(|entry| Ok(entry?.path()));
    let mut paths = paths.collect::<std::io::Result<Vec<_>>>()?;
    paths.retain(|path| path.extension().is_some_and(|ending| ending == "c"));
    paths.sort();
    Ok(paths)
}

/// The folder that has `weft.h`: a copy in the project, else that of the source tree.
fn sdk(project: &Path) -> Result<PathBuf> {
    let copy = project.join("sdk/c");
    if copy.join("weft.h").is_file() {
        return Ok(copy);
    }
    let mut folders = project.ancestors().map(|folder| folder.join("guest-sdk/c"));
    folders
        .find(|folder| folder.join("weft.h").is_file())
        .context("there is no sdk/c/weft.h; `weft new --template c` makes a project that has one")
}
