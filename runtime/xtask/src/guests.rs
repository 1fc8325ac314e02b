//! The workspaces that are compiled to WebAssembly, and what they need.

use std::process::Command;

use crate::process;

pub(crate) const TARGET: &str = "wasm32-wasip2";

/// A workspace beside the host's.
pub(crate) struct Guest {
    pub(crate) folder: &'static str,
    /// Whether it has tests that run natively.
    pub(crate) tests: bool,
}

pub(crate) const GUESTS: [Guest; 7] = [
    Guest {
        folder: "guest-sdk/rust",
        tests: true,
    },
    Guest {
        folder: "samples/rust/hello-http",
        tests: false,
    },
    Guest {
        folder: "samples/rust/order-fulfilment",
        tests: true,
    },
    Guest {
        folder: "samples/rust/patterns",
        tests: true,
    },
    Guest {
        folder: "samples/rust/photo-pipeline",
        tests: true,
    },
    Guest {
        folder: "samples/polyglot/rust",
        tests: true,
    },
    Guest {
        folder: "tests/guests",
        tests: false,
    },
];

/// Installs the compiler's target for components where it is missing.
pub(crate) fn ensure_target() -> anyhow::Result<()> {
    let installed =
        process::output(Command::new("rustup").args(["target", "list", "--installed"]))?;
    if !installed.lines().any(|line| line.trim() == TARGET) {
        process::run(Command::new("rustup").args(["target", "add", TARGET]))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_sample_is_tested() {
        let folder = process::root().join("samples/rust");
        for entry in std::fs::read_dir(folder).unwrap() {
            let entry = entry.unwrap();
            if !entry.path().is_dir() {
                continue;
            }
            let name = entry.file_name().into_string().unwrap();
            let sample = format!("samples/rust/{name}");
            assert!(
                GUESTS.iter().any(|guest| guest.folder == sample),
                "{sample}"
            );
        }
    }
}
