//! `weft doctor`

use std::path::Path;
use std::process::Command;

use anyhow::{Result, bail};
use serde_json::{Value, json};

use crate::client::Refused;
use crate::context::{Target, data_dir, operator_key_path};
use crate::output;
use crate::project::{self, Project, TARGET};
use crate::toolchain::{Found, Language, Tool};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {}

/// One thing looked at.
struct Check {
    what: &'static str,
    /// What was found.
    found: String,
    /// What to do, where it is not as it should be.
    advice: Option<String>,
    /// Whether it is needed here.
    needed: bool,
}

impl Check {
    fn is_fault(&self) -> bool {
        self.needed && self.advice.is_some()
    }
}

pub(crate) async fn run(_args: Args, target: &Target) -> Result<()> {
    let project = Project::open(Path::new(".")).ok();
    // Outside of a project, only what a first one needs is missing.
    let rust_needed = project.as_ref().is_none_or(Project::needs_rust);
    let languages = project.as_ref().map(Project::languages).unwrap_or_default();
    let mut checks = Vec::new();
    for mut check in [rust(), wasm_target()] {
        check.needed = rust_needed;
        checks.push(check);
    }
    for language in Language::ALL {
        let needed = languages.contains(&language);
        checks.extend(
            language
                .tools()
                .iter()
                .map(|tool| tool_check(tool, language, needed)),
        );
    }
    checks.extend([data(), key(target)]);
    checks.extend(manifest());
    checks.push(node(target).await);
    let faults = checks.iter().filter(|check| check.is_fault()).count();
    if target.json {
        let checks: Vec<Value> = checks
            .iter()
            .map(|check| {
                json!({
                    "what": check.what,
                    "ok": !check.is_fault(),
                    "found": check.found,
                    "advice": check.advice,
                })
            })
            .collect();
        output::print_json(&json!({"checks": checks}));
    } else {
        for check in &checks {
            let mark = match (&check.advice, check.needed) {
                (None, _) => "✓",
                (Some(_), true) => "✗",
                (Some(_), false) => "–",
            };
            output::print_text(&format!("{mark} {:<13} {}", check.what, check.found));
            if let Some(advice) = &check.advice {
                output::print_text(&format!("  {:<10} -> {advice}", ""));
            }
        }
    }
    match faults {
        0 => Ok(()),
        1 => bail!("one thing is missing"),
        _ => bail!("{faults} things are missing"),
    }
}

fn rust() -> Check {
    let version = Command::new("rustc").arg("--version").output();
    let version = version.ok().filter(|output| output.status.success());
    Check {
        what: "rust",
        advice: version
            .is_none()
            .then(|| "install Rust from https://rustup.rs".to_owned()),
        found: version.map_or_else(
            || "no rustc".to_owned(),
            |output| String::from_utf8_lossy(&output.stdout).trim().to_owned(),
        ),
        needed: true,
    }
}

fn wasm_target() -> Check {
    let installed = project::target_installed().unwrap_or(false);
    Check {
        what: "target",
        found: if installed {
            format!("{TARGET} is installed")
        } else {
            format!("{TARGET} is not installed")
        },
        advice: (!installed).then(|| format!("rustup target add {TARGET}")),
        needed: true,
    }
}

fn tool_check(tool: &Tool, language: Language, needed: bool) -> Check {
    let (found, advice) = match tool.find() {
        Found::Version(version) => (version, None),
        Found::TooOld(version) => (format!("{version} is too old"), Some(tool.advice)),
        Found::Missing => ("missing".to_owned(), Some(tool.advice)),
    };
    let found = match (&advice, needed) {
        (Some(_), false) => format!("{found}, needed for {} only", language.name()),
        _ => found,
    };
    Check {
        what: tool.name,
        found,
        advice: advice.map(ToOwned::to_owned),
        needed,
    }
}

fn data() -> Check {
    let dir = data_dir();
    let shown = dir.display();
    let (found, advice) = match std::fs::metadata(&dir) {
        Ok(found) if !found.is_dir() => (
            format!("{shown} is no folder"),
            Some("name another one with WEFT_DATA".to_owned()),
        ),
        Ok(found) if found.permissions().readonly() => (
            format!("{shown} cannot be written"),
            Some("make it writable, or name another one with WEFT_DATA".to_owned()),
        ),
        Ok(_) => (shown.to_string(), None),
        Err(_) => (format!("{shown}, made by the first `weft up`"), None),
    };
    Check {
        what: "data",
        found,
        advice,
        needed: true,
    }
}

fn key(target: &Target) -> Check {
    let path = operator_key_path();
    let advice = "run `weft up` here once, or give a key with --key or WEFT_KEY";
    let (found, advice) = match (&target.key, target.find_key()) {
        (Some(_), _) => ("given by --key or WEFT_KEY".to_owned(), None),
        (None, Ok(Some(_))) => (path.display().to_string(), None),
        (None, Ok(None)) => ("no key".to_owned(), Some(advice.to_owned())),
        (None, Err(error)) => (
            format!("{error:#}"),
            Some("become the user who runs the node".to_owned()),
        ),
    };
    Check {
        what: "key",
        found,
        advice,
        needed: true,
    }
}

/// Only where there is a manifest.
fn manifest() -> Option<Check> {
    if !Path::new("weft.toml").exists() {
        return None;
    }
    let (found, advice) = match Project::open(Path::new(".")) {
        Ok(project) => (format!("weft.toml of {}", project.manifest.name), None),
        Err(error) => (
            "weft.toml has faults".to_owned(),
            Some(format!("{error:#}").replace('\n', "\n                ")),
        ),
    };
    Some(Check {
        what: "project",
        found,
        advice,
        needed: true,
    })
}

async fn node(target: &Target) -> Check {
    let asked = async {
        let client = target.client()?;
        client.get("/readyz").await?;
        client.get("/admin/v1/apps").await
    };
    let (found, advice) = match asked.await {
        Ok(_) => (
            format!("{} answers and takes the key", target.admin_url),
            None,
        ),
        Err(error) => {
            let status = error
                .downcast_ref::<Refused>()
                .map(|refused| refused.status);
            let advice = match status {
                Some(401 | 403) => "give another key with --key or WEFT_KEY",
                Some(_) => "see the node's own log",
                None => "start one with `weft up`, or name another with --admin-url",
            };
            let found = match status {
                Some(_) => format!("{}: {error}", target.admin_url),
                None => format!("nothing answers at {}", target.admin_url),
            };
            (found, Some(advice.to_owned()))
        }
    };
    Check {
        what: "node",
        found,
        advice,
        needed: true,
    }
}
