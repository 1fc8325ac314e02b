//! Cargo, called by programs that cargo itself runs.

use std::process::Command;

/// What cargo tells a program about the package that it belongs to.
const OF_A_PACKAGE: [&str; 3] = ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_BIN_"];

/// The cargo that runs this program, or the one on the path.
///
/// It is not told which package asks. Build scripts of dependencies watch those variables, so that
/// they and all that is built on them would be built anew for each package.
#[must_use]
pub fn cargo() -> Command {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    for (name, _) in std::env::vars_os() {
        let of_a_package = name
            .to_str()
            .is_some_and(|name| OF_A_PACKAGE.iter().any(|start| name.starts_with(start)));
        if of_a_package {
            cargo.env_remove(name);
        }
    }
    cargo
}
