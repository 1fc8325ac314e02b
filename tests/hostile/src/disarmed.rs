//! Nodes with a defence less: `weft-disarmed` is `weft up` without one, which one is told by its
//! environment. With none taken away it is a node whose names resolve as a test needs it.

use std::path::PathBuf;

use clap::ValueEnum;

use crate::run::Options;

/// The environment variable that tells `weft-disarmed` what it lacks.
pub const VARIABLE: &str = "WEFT_DISARMED";
/// A name that `weft-disarmed` finds in another place whenever it is asked again.
pub const REBINDING_HOST: &str = "rebinding.example";

/// A defence that is missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Weakness {
    /// Nothing is missing
    None,
    /// Private addresses are open to guests
    EgressOpen,
    /// Nobody looks at guests that compute
    TickerStopped,
    /// Guests hold as many handles as they like
    HandlesUnbounded,
    /// Heads of requests may take an hour
    HeadsPatient,
    /// Nothing is looked at before it is compiled
    ScanOff,
}

impl Weakness {
    /// Its name on the command line and in the environment.
    #[must_use]
    pub fn name(self) -> String {
        let value = self.to_possible_value().expect("no value is skipped");
        value.get_name().to_owned()
    }

    /// For the environment of `weft-disarmed`.
    #[must_use]
    pub fn variable(self) -> (String, String) {
        (VARIABLE.to_owned(), self.name())
    }

    /// Attacks that come through then, by their names.
    #[must_use]
    pub fn shown_by(self) -> &'static [&'static str] {
        match self {
            Self::None => &[],
            Self::EgressOpen => &["egress/spellings"],
            Self::TickerStopped => &["handlers/deadline"],
            Self::HandlesUnbounded => &["handlers/fields"],
            Self::HeadsPatient => &["requests/slow-heads-of-the-management"],
            Self::ScanOff => &["uploads/locals-50000", "uploads/nested-20"],
        }
    }
}

/// `weft-disarmed`, which lies beside the program that asks or above the tests that ask.
///
/// # Panics
/// When a process does not know its own path.
#[must_use]
pub fn binary() -> PathBuf {
    let own = std::env::current_exe().expect("a process knows its own path");
    let folder = own.parent().expect("a program lies in a folder");
    let folder = match folder.ends_with("deps") {
        true => folder.parent().expect("deps lies in a folder"),
        false => folder,
    };
    folder.join(format!("weft-disarmed{}", std::env::consts::EXE_SUFFIX))
}

/// Runs the attacks that a weakness lets through; the names of those that came through.
///
/// # Errors
/// When the node cannot be used.
pub async fn hunt(weakness: Weakness, mut options: Options) -> anyhow::Result<Vec<String>> {
    options.program.path = binary();
    options.program.env.push(weakness.variable());
    options.only = weakness
        .shown_by()
        .iter()
        .map(ToString::to_string)
        .collect();
    let report = crate::run::run(&options).await?;
    let through = report.rows.into_iter().filter(|row| !row.refused);
    Ok(through.map(|row| row.name).collect())
}
