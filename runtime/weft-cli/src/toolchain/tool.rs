//! Programs that must be on the machine: finding out, and what to do where they are not.

use std::process::Command;

use anyhow::{Result, bail};

/// A program, how it tells its version, and where it comes from.
#[derive(Debug)]
pub(crate) struct Tool {
    pub(crate) name: &'static str,
    /// The program and the arguments at which it ends well where all is there.
    pub(crate) probe: &'static [&'static str],
    /// The least version, as its first two numbers.
    pub(crate) least: Option<(u32, u32)>,
    pub(crate) advice: &'static str,
}

/// What came of looking for a tool.
pub(crate) enum Found {
    Version(String),
    TooOld(String),
    Missing,
}

impl Tool {
    pub(crate) fn find(&self) -> Found {
        let (program, arguments) = self.probe.split_first().expect("a probe names a program");
        let output = Command::new(program).args(arguments).output();
        let Some(output) = output.ok().filter(|output| output.status.success()) else {
            return Found::Missing;
        };
        let said = String::from_utf8_lossy(&output.stdout);
        let said = said.lines().next().unwrap_or_default().trim().to_owned();
        match (self.least, version(&said)) {
            (Some(least), Some(found)) if found < least => Found::TooOld(said),
            _ => Found::Version(said),
        }
    }

    /// # Errors
    /// It is missing or too old; the message says where it comes from.
    pub(crate) fn require(&self) -> Result<()> {
        let advice = self.advice;
        match self.find() {
            Found::Version(_) => Ok(()),
            Found::TooOld(found) => bail!("{} is too old here ({found}); {advice}", self.name),
            Found::Missing => bail!("{} is missing; {advice}", self.name),
        }
    }
}

/// The first two numbers of what a program says of itself.
fn version(said: &str) -> Option<(u32, u32)> {
    let start = said.find(|c: char| c.is_ascii_digit())?;
    let mut numbers = said[start..].split(|c: char| !c.is_ascii_digit());
    Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_from_what_programs_say() {
        assert_eq!(version("Python 3.11.7"), Some((3, 11)));
        assert_eq!(version("v20.20.2"), Some((20, 20)));
        assert_eq!(version("go version go1.24.1 linux/amd64"), Some((1, 24)));
        assert_eq!(version("none"), None);
    }

    #[test]
    fn a_missing_tool_says_where_it_comes_from() {
        let tool = Tool {
            name: "nothing",
            probe: &["weft-no-such-program", "--version"],
            least: None,
            advice: "there is none",
        };
        let error = tool.require().unwrap_err().to_string();
        assert_eq!(error, "nothing is missing; there is none");
    }
}
