//! Formatting and lints of every workspace.

use crate::guests::{GUESTS, TARGET, ensure_target};
use crate::{process, tidy};

pub(crate) fn run() -> anyhow::Result<()> {
    tidy::run()?;
    ensure_target()?;
    process::run(process::cargo("").args(["fmt", "--check"]))?;
    let deny = ["--", "-D", "warnings"];
    let clippy = ["clippy", "--workspace", "--all-targets"];
    process::run(process::cargo("").args(clippy).args(deny))?;
    for guest in &GUESTS {
        process::run(process::cargo(guest.folder).args(["fmt", "--check"]))?;
        let mut cargo = process::cargo(guest.folder);
        if guest.tests {
            cargo.args(clippy);
        } else {
            cargo.args(["clippy", "--workspace", "--target", TARGET]);
        }
        process::run(cargo.args(deny))?;
    }
    Ok(())
}
