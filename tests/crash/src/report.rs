//! What a run has shown: figures and violations, one section for each kind of fault.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use anyhow::Context;
use serde::Serialize;
use serde_json::Value;

/// One kind of fault.
#[derive(Debug, Default, Serialize)]
pub struct Section {
    pub name: String,
    pub figures: BTreeMap<&'static str, Value>,
    pub violations: Vec<String>,
}

impl Section {
    #[must_use]
    pub fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            ..Self::default()
        }
    }

    pub fn figure(&mut self, name: &'static str, value: impl Into<Value>) {
        self.figures.insert(name, value.into());
    }

    /// The median and the greatest of some times, in milliseconds.
    pub fn times(&mut self, p50: &'static str, max: &'static str, mut times: Vec<Duration>) {
        times.sort_unstable();
        let millis = |time: &Duration| (time.as_secs_f64() * 10_000.0).round() / 10.0;
        self.figure(p50, times.get(times.len() / 2).map(millis));
        self.figure(max, times.last().map(millis));
    }
}

/// A whole run.
#[derive(Debug, Default, Serialize)]
pub struct Report {
    pub seed: u64,
    pub sections: Vec<Section>,
}

impl Report {
    #[must_use]
    pub fn violations(&self) -> usize {
        self.sections
            .iter()
            .map(|section| section.violations.len())
            .sum()
    }

    /// Prints a section to stdout.
    pub fn print(section: &Section) {
        println!("{}", section.name);
        for (name, value) in &section.figures {
            println!("  {name:<34} {value}");
        }
        for violation in &section.violations {
            println!("  VIOLATION {violation}");
        }
    }

    /// # Errors
    /// When the file cannot be written.
    pub fn write(&self, path: &Path) -> anyhow::Result<()> {
        let text = serde_json::to_string_pretty(self)?;
        std::fs::write(path, text + "\n").with_context(|| path.display().to_string())
    }
}
