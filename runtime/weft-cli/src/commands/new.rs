//! `weft new`

use std::io;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use clap::ValueEnum;
use serde_json::json;

use crate::context::{Target, Usage};
use crate::output;
use crate::sdk::{self, Kit, write_file};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The app's name, and that of its folder
    name: String,
    /// What it begins with
    #[arg(long, short, value_enum, default_value = "rust")]
    template: Template,
    /// Use the SDK for Rust or TypeScript in this folder; if absent, the project gets a copy of its own
    #[arg(long, env = "WEFT_SDK", value_name = "DIR")]
    sdk_path: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Template {
    /// An HTTP function, an orchestrator and an activity
    Rust,
    /// One wasi:http handler without any SDK
    RustHttp,
    /// An HTTP function, an orchestrator and an activity in Python
    Python,
    /// An HTTP function, an orchestrator and an activity in TypeScript
    Typescript,
    /// A declarative workflow with scenarios that test it
    Workflow,
    /// An HTTP function, an orchestrator and an activity in Go
    Go,
    /// An HTTP function, an orchestrator and an activity in C
    C,
}

/// The files of a template: where they go and what they hold.
type Files = &'static [(&'static str, &'static str)];

macro_rules! files {
    ($folder:literal: $($path:literal $(= $from:literal)?),+ $(,)?) => {
        &[$(($path, files!(@text $folder, $path $(, $from)?))),+]
    };
    (@text $folder:literal, $path:literal) => {
        include_str!(concat!("../../templates/", $folder, "/", $path))
    };
    (@text $folder:literal, $path:literal, $from:literal) => {
        include_str!(concat!("../../templates/", $folder, "/", $from))
    };
}

const RUST: Files = files!("rust":
    "Cargo.toml" = "manifest.toml",
    "weft.toml",
    "src/lib.rs",
    "README.md",
);
const RUST_HTTP: Files = files!("rust-http":
    "Cargo.toml" = "manifest.toml",
    "weft.toml",
    // The sample itself, which its own tests build and run.
    "src/lib.rs" = "../../../../samples/rust/hello-http/src/lib.rs",
    "README.md",
);
const PYTHON: Files = files!("python":
    "weft.toml",
    "app.py",
    "test_app.py",
    "requirements.txt",
    "requirements.lock",
    "README.md",
);
const TYPESCRIPT: Files = files!("typescript":
    "weft.toml",
    "package.json",
    "package-lock.json",
    "tsconfig.json",
    "src/app.ts",
    "test/app.test.ts",
    "README.md",
);
const WORKFLOW: Files = files!("workflow":
    "weft.toml",
    "order/workflow.json",
    "order/parameters.json",
    "tests/accepted.json",
    "tests/refused.json",
    "README.md",
);
const GO: Files = files!("go":
    "weft.toml",
    "go.mod" = "module.txt",
    "main.go",
    "main_test.go",
    "README.md",
);
const C: Files = files!("c": "weft.toml", "app.c", "README.md");

impl Template {
    fn files(self) -> Files {
        match self {
            Self::Rust => RUST,
            Self::RustHttp => RUST_HTTP,
            Self::Python => PYTHON,
            Self::Typescript => TYPESCRIPT,
            Self::Workflow => WORKFLOW,
            Self::Go => GO,
            Self::C => C,
        }
    }

    fn kit(self) -> Option<&'static Kit> {
        match self {
            Self::Rust => Some(&sdk::RUST),
            Self::RustHttp | Self::Workflow => None,
            Self::Python => Some(&sdk::PYTHON),
            Self::Typescript => Some(&sdk::TYPESCRIPT),
            Self::Go => Some(&sdk::GO),
            Self::C => Some(&sdk::C),
        }
    }

    fn ignored(self) -> &'static str {
        match self {
            Self::Rust | Self::RustHttp => "/target\n/.weft\n",
            Self::Python => "/build\n/.venv\n/.weft\n__pycache__\n",
            Self::Typescript => "/build\n/node_modules\n/.weft\n",
            Self::Workflow => "/.weft\n",
            Self::Go | Self::C => "/build\n/.weft\n",
        }
    }
}

/// Said in the README of a project with a copy of the SDK.
const COPY: &str = "\n\n`sdk` holds the sources of the SDK: keep it in version control. For those of \
    another version of weft,\ntake the folder of a project that its `weft new` makes.";

pub(crate) fn run(args: &Args, target: &Target) -> Result<()> {
    let name = &args.name;
    let refused = |why: String| Usage(format!("{name:?} cannot be the name: {why}"));
    let _valid: weft_id::App = name
        .parse()
        .map_err(|error: weft_id::Error| refused(error.to_string()))?;
    if !name.starts_with(|c: char| c.is_ascii_lowercase()) {
        return Err(refused("a crate's name begins with a letter".to_owned()).into());
    }
    let here = std::env::current_dir()?;
    let sdk = args.template.kit().map(|kit| {
        // The others find their SDK by looking, so that there is nowhere to name another one.
        let named = matches!(args.template, Template::Rust | Template::Typescript);
        let given = args.sdk_path.as_deref().filter(|_| named);
        anyhow::Ok((kit, sdk::Source::find(kit, given, &here)?))
    });
    let sdk = sdk.transpose()?;
    let path = sdk.as_ref().map(|(kit, source)| source.path(kit));
    let path = path.transpose()?.unwrap_or_default();
    let copied = matches!(sdk, Some((_, sdk::Source::Copy)));
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
            .replace("{{sdk}}", &path)
            .replace("{{copy}}", if copied { COPY } else { "" })
    };
    let ignored = [(".gitignore", args.template.ignored())];
    for (path, text) in args.template.files().iter().chain(&ignored) {
        let path = dir.join(path);
        write_file(&path, &fill(text)).with_context(|| path.display().to_string())?;
    }
    if let Some((kit, source)) = sdk {
        source
            .write(kit, dir)
            .with_context(|| format!("copy the SDK into {name}"))?;
    }
    if target.json {
        output::print_json(&json!({"name": name, "path": dir}));
    } else {
        output::note(format!("made {name}; go on with: cd {name} && weft dev"));
    }
    Ok(())
}
