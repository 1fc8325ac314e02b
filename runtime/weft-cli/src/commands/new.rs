//! `weft new`

use std::io;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use clap::ValueEnum;
use serde_json::json;

use crate::context::{Target, Usage};
use crate::output;
use crate::sdk::{self, write_file};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The app's name, and that of its folder
    name: String,
    /// What it begins with
    #[arg(long, short, value_enum, default_value = "rust")]
    template: Template,
    /// Use the weft-sdk crate in this folder; if absent, the project gets a copy of its own
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
        // The sample itself, which its own tests build and run.
        include_str!("../../../../samples/rust/hello-http/src/lib.rs"),
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
    let (files, sdk) = match args.template {
        Template::Rust => {
            let here = std::env::current_dir()?;
            let sdk = sdk::Source::find(args.sdk_path.as_deref(), &here)?;
            (RUST, Some(sdk))
        }
        Template::RustHttp => (RUST_HTTP, None),
    };
    let dependency = sdk.as_ref().map(sdk::Source::dependency).transpose()?;
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
            .replace("{{sdk}}", dependency.as_deref().unwrap_or_default())
    };
    let ignored = [(".gitignore", IGNORED)];
    for (path, text) in files.iter().chain(&ignored) {
        let path = dir.join(path);
        write_file(&path, &fill(text)).with_context(|| path.display().to_string())?;
    }
    if let Some(sdk) = sdk {
        sdk.write(dir)
            .with_context(|| format!("copy the SDK into {name}"))?;
    }
    if target.json {
        output::print_json(&json!({"name": name, "path": dir}));
    } else {
        output::note(format!("made {name}; go on with: cd {name} && weft dev"));
    }
    Ok(())
}
