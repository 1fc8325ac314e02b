//! What a run has shown: a row for each attack, and figures over all of them.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::Context;
use serde::Serialize;

use crate::attack::Beside;
use crate::victim::Service;

/// What the victim may lose beside an attack that goes on.
#[derive(Debug, Clone, Copy)]
pub struct Aims {
    /// Milliseconds that its p99 may be above the one without an attack, or twice that one.
    pub p99_more_ms: f64,
    /// Of all visits, those that are answered.
    pub answered: f64,
    /// MiB that the node may keep after all attacks.
    pub rss_kept_mib: f64,
}

impl Default for Aims {
    fn default() -> Self {
        Self {
            p99_more_ms: 20.0,
            answered: 0.8,
            rss_kept_mib: 64.0,
        }
    }
}

/// One attack.
#[derive(Debug, Clone, Serialize)]
pub struct Row {
    pub name: String,
    pub expected: String,
    pub happened: String,
    pub refused: bool,
    /// Aims that were missed beside it.
    pub missed: Vec<String>,
    pub took_ms: f64,
    /// MiB that the node took at most while it went on, and that were left when it was over.
    pub rss_peak_mib: f64,
    pub rss_kept_mib: f64,
    pub victim_p99_ms: Option<f64>,
    pub baseline_p99_ms: Option<f64>,
    /// Of the victim's visits, those that were answered.
    pub victim_answered: Option<f64>,
}

impl Row {
    #[must_use]
    pub fn passed(&self) -> bool {
        self.refused && self.missed.is_empty()
    }

    /// Compares what the victim saw with what it saw alone.
    pub fn judge(&mut self, beside: Beside, alone: Service, seen: Service, aims: &Aims) {
        if beside == Beside::Elsewhere || seen.visits == 0 {
            return;
        }
        self.victim_p99_ms = Some(seen.p99_ms);
        self.baseline_p99_ms = Some(alone.p99_ms);
        self.victim_answered = Some(seen.answered);
        if beside == Beside::Quiet {
            return;
        }
        let most = (2.0 * alone.p99_ms).max(alone.p99_ms + aims.p99_more_ms);
        if seen.p99_ms > most {
            let (p99, alone) = (seen.p99_ms, alone.p99_ms);
            let what = format!("the victim's p99 is {p99:.1} ms, alone {alone:.1} ms");
            self.missed.push(what);
        }
        if seen.answered < aims.answered {
            let share = seen.answered * 100.0;
            self.missed
                .push(format!("{share:.0} % of the victim's visits are answered"));
        }
    }

    pub fn print(&self) {
        let verdict = match (self.refused, self.missed.is_empty()) {
            (true, true) => "ok    ",
            (true, false) => "MISSED",
            (false, _) => "FAILED",
        };
        println!("{verdict} {}", self.name);
        println!("       expected  {}", self.expected);
        println!("       happened  {}", self.happened);
        for missed in &self.missed {
            println!("       missed    {missed}");
        }
        let mut figures = format!(
            "{:.0} ms, node {:+.1} MiB at most, {:+.1} MiB kept",
            self.took_ms, self.rss_peak_mib, self.rss_kept_mib
        );
        if let (Some(p99), Some(alone), Some(answered)) = (
            self.victim_p99_ms,
            self.baseline_p99_ms,
            self.victim_answered,
        ) {
            let share = answered * 100.0;
            figures += &format!(
                "; victim p99 {p99:.1} ms beside {alone:.1} ms alone, {share:.0} % answered"
            );
        }
        println!("       figures   {figures}");
    }
}

/// A whole run.
#[derive(Debug, Default, Serialize)]
pub struct Report {
    pub seed: u64,
    pub rows: Vec<Row>,
    /// Figures that attacks have measured themselves.
    pub figures: BTreeMap<String, f64>,
    /// Aims over the whole run that were missed.
    pub missed: Vec<String>,
}

impl Report {
    #[must_use]
    pub fn failed(&self) -> usize {
        self.rows.iter().filter(|row| !row.passed()).count() + self.missed.len()
    }

    /// The closing lines.
    pub fn print_summary(&self) {
        for (name, value) in &self.figures {
            println!("{name}: {value:.1}");
        }
        for missed in &self.missed {
            println!("MISSED {missed}");
        }
        let refused = self.rows.iter().filter(|row| row.refused).count();
        println!(
            "{} attacks: {refused} refused as expected, {} came through, {} missed an aim beside them",
            self.rows.len(),
            self.rows.len() - refused,
            self.rows
                .iter()
                .filter(|r| r.refused && !r.missed.is_empty())
                .count()
                + self.missed.len(),
        );
    }

    /// # Errors
    /// When the file cannot be written.
    pub fn write(&self, path: &Path) -> anyhow::Result<()> {
        let text = serde_json::to_string_pretty(self)?;
        std::fs::write(path, text + "\n").with_context(|| path.display().to_string())
    }
}
