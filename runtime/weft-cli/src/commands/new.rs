//! `weft new`

use std::io;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use clap::ValueEnum;
use serde_json::json;

use crate::context::{Target, Usage};
use crate::output;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The app's name, and that of its folder
    name: String,
    #[arg(long, short, value_enum, default_value = "rust")]
    template: Template,
    /// The folder of the weft-sdk crate; found beside this program if absent
    #[arg(long, env = "WEFT_SDK", value_name = "DIR")]
    sdk_path: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Template {
    /// An HTTP function, an orchestrator and an activity
    Rust,
    /// One wasi:http handler without any SDK
    RustHttp,
}

/// The files of a template: where they go and what they hold.
type Files = [(&'static str, &'static str); 4];

const RUST: Files = [
    (
        "Cargo.toml",
        include_str!("../../templates/rust/manifest.toml"),
    ),
    ("weft.toml", include_str!("../../templates/rust/weft.toml")),
    (
        "src/lib.rs",
        include_str!("../../templates/rust/src/lib.rs"),
    ),
    ("README.md", include_str!("../../templates/rust/README.md")),
];
const RUST_HTTP: Files = [
    (
        "Cargo.toml",
        include_str!("../../templates/rust-http/manifest.toml"),
    ),
    (
        "weft.toml",
        include_str!("../../templates/rust-http/weft.toml"),
    ),
    (
        "src/lib.rs",
        include_str!("../../templates/rust-http/src/lib.rs"),
    ),
    (
        "README.md",
        include_str!("../../templates/rust-http/README.md"),
    ),
];
const IGNORED: &str = "/target\n/.weft\n";

pub(crate) fn run(args: &Args, target: &Target) -> Result<()> {
    let name = &args.name;
    let refused = |why: String| Usage(format!("{name:?} cannot be the name: {why}"));
    let _valid: weft_id::App = name
        .parse()
        .map_err(|error: weft_id::Error| refused(error.to_string()))?;
    if !name.starts_with(|c: char| c.is_ascii_lowercase()) {
        return Err(refused("a crate's name begins with a letter".to_owned()).into());
    }
    let sdk = match args.template {
        Template::Rust => sdk_dependency(args.sdk_path.as_deref())?,
        Template::RustHttp => String::new(),
    };
    let files = match args.template {
        Template::Rust => RUST,
        Template::RustHttp => RUST_HTTP,
    };
    let dir = Path::new(name);
    match std::fs::create_dir(dir) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            bail!("{name} exists already");
        }
        Err(error) => return Err(error).with_context(|| format!("create {name}")),
    }
    let fill = |text: &str| {
        text.replace("{{name}}", name)
            .replace("{{file}}", &name.replace('-', "_"))
            .replace("{{sdk}}", &sdk)
    };
    let ignored = [(".gitignore", IGNORED)];
    for (path, text) in files.iter().chain(&ignored) {
        let path = dir.join(path);
        let parent = path.parent().expect("the path begins with the folder");
        std::fs::create_dir_all(parent)?;
        std::fs::write(&path, fill(text)).with_context(|| path.display().to_string())?;
    }
    if target.json {
        output::print_json(&json!({"name": name, "path": dir}));
    } else {
        output::note(format!("made {name}; go on with: cd {name} && weft dev"));
    }
    Ok(())
}

/// How the SDK is named in `Cargo.toml`: by its folder where one is found, else by its version.
fn sdk_dependency(given: Option<&Path>) -> Result<String> {
    let found = match given {
        Some(dir) if !dir.join("Cargo.toml").is_file() => {
            let message = format!("there is no crate in {}", dir.display());
            return Err(Usage(message).into());
        }
        Some(dir) => Some(dir.to_owned()),
        None => sdk_nearby(),
    };
    let Some(dir) = found else {
        return Ok(format!("\"{}\"", env!("CARGO_PKG_VERSION")));
    };
    let path = std::fs::canonicalize(dir)?;
    let path = path.to_str().context("the SDK's path is not UTF-8")?;
    Ok(format!("{{ path = {} }}", toml::Value::from(path)))
}

/// The SDK of the source tree that this program was built in, or that it is called in.
fn sdk_nearby() -> Option<PathBuf> {
    let program = std::env::current_exe().ok();
    let here = std::env::current_dir().ok();
    let starts: Vec<PathBuf> = here.into_iter().chain(program).collect();
    let folders = starts.iter().flat_map(|start| start.ancestors());
    folders
        .map(|folder| folder.join("guest-sdk/rust/weft-sdk"))
        .find(|sdk| sdk.join("Cargo.toml").is_file())
}
