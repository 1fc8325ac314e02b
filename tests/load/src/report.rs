//! Figures, their aims, and how they are shown and kept.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::Context;
use comfy_table::{CellAlignment, Table, presets};
use serde::{Deserialize, Serialize};

/// One measured figure: the median of its rounds, and the least and greatest of them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Figure {
    pub(crate) name: String,
    pub(crate) unit: String,
    pub(crate) median: f64,
    pub(crate) least: f64,
    pub(crate) greatest: f64,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(crate) aim: Option<Aim>,
}

/// What the figure should reach.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Aim {
    AtLeast(f64),
    AtMost(f64),
}

impl Figure {
    /// # Panics
    /// Without rounds.
    pub(crate) fn of(name: impl Into<String>, unit: &str, mut rounds: Vec<f64>) -> Self {
        rounds.sort_unstable_by(f64::total_cmp);
        let (least, greatest) = (rounds[0], rounds[rounds.len() - 1]);
        Self {
            name: name.into(),
            unit: unit.to_owned(),
            median: rounds[rounds.len() / 2],
            least,
            greatest,
            aim: None,
        }
    }

    pub(crate) fn aiming(self, aim: Aim) -> Self {
        Self {
            aim: Some(aim),
            ..self
        }
    }

    fn met(&self) -> Option<bool> {
        self.aim.map(|aim| match aim {
            Aim::AtLeast(least) => self.median >= least,
            Aim::AtMost(most) => self.median <= most,
        })
    }
}

/// The figures of one run, in the order in which they were measured.
#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Report {
    pub(crate) figures: Vec<Figure>,
}

impl Report {
    /// Shows the figures of one question, and keeps them.
    pub(crate) fn add(&mut self, question: &str, figures: Vec<Figure>) {
        println!("\n{question}");
        let mut table = table(["", "median", "least", "greatest", "unit", "aim", ""]);
        for figure in &figures {
            let aim = figure.aim.map_or_else(String::new, |aim| match aim {
                Aim::AtLeast(least) => format!(">= {}", number(least)),
                Aim::AtMost(most) => format!("<= {}", number(most)),
            });
            let met = figure
                .met()
                .map_or("", |met| if met { "met" } else { "missed" });
            table.add_row([
                figure.name.clone(),
                number(figure.median),
                number(figure.least),
                number(figure.greatest),
                figure.unit.clone(),
                aim,
                met.to_owned(),
            ]);
        }
        println!("{table}");
        self.figures.extend(figures);
    }

    /// Shows the same figures of several things side by side, and keeps them under the names of both.
    pub(crate) fn add_rows(&mut self, question: &str, rows: Vec<(&str, Vec<Figure>)>) {
        println!("\n{question}: medians (least to greatest)");
        let mut table = Table::new();
        table.load_style(presets::ASCII_MARKDOWN);
        if let Some((_, figures)) = rows.first() {
            let names = figures.iter().map(|f| format!("{}, {}", f.name, f.unit));
            table.set_header([String::new()].into_iter().chain(names));
        }
        for (of, figures) in rows {
            let shown = figures
                .iter()
                .map(|f| match f.least.total_cmp(&f.greatest) {
                    std::cmp::Ordering::Equal => number(f.median),
                    _ => format!(
                        "{} ({} to {})",
                        number(f.median),
                        number(f.least),
                        number(f.greatest)
                    ),
                });
            table.add_row([of.to_owned()].into_iter().chain(shown));
            self.figures
                .extend(figures.into_iter().map(|figure| Figure {
                    name: format!("{of}: {}", figure.name),
                    ..figure
                }));
        }
        println!("{table}");
    }

    pub(crate) fn write(&self, path: &Path) -> anyhow::Result<()> {
        let text = serde_json::to_string_pretty(self)?;
        std::fs::write(path, text + "\n").with_context(|| path.display().to_string())
    }

    pub(crate) fn read(path: &Path) -> anyhow::Result<Self> {
        let text = std::fs::read(path).with_context(|| path.display().to_string())?;
        serde_json::from_slice(&text).with_context(|| path.display().to_string())
    }

    /// Shows how the figures have changed since an earlier run.
    pub(crate) fn compare(&self, before: &Self) {
        let old: BTreeMap<&str, &Figure> = before
            .figures
            .iter()
            .map(|f| (f.name.as_str(), f))
            .collect();
        println!("\nBeside the earlier run");
        let mut table = table(["", "before", "now", "unit", "now / before", "", ""]);
        for figure in &self.figures {
            let Some(old) = old.get(figure.name.as_str()) else {
                continue;
            };
            let apart = figure.least > old.greatest || figure.greatest < old.least;
            table.add_row([
                figure.name.clone(),
                number(old.median),
                number(figure.median),
                figure.unit.clone(),
                format!("{:.2}", figure.median / old.median),
                // Within the spread of both runs nothing can be said.
                if apart {
                    "changed"
                } else {
                    "within the spread"
                }
                .to_owned(),
                String::new(),
            ]);
        }
        println!("{table}");
    }
}

fn table(header: [&str; 7]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::ASCII_MARKDOWN).set_header(header);
    for column in 1..=3 {
        if let Some(column) = table.column_mut(column) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table
}

/// Three digits that count, and no more zeros than needed.
fn number(value: f64) -> String {
    match value.abs() {
        1000.0.. => {
            let digits = format!("{value:.0}");
            let mut grouped = String::new();
            for (index, digit) in digits.chars().enumerate() {
                let left = digits.len() - index;
                if index > 0 && left % 3 == 0 && digit.is_ascii_digit() && !grouped.ends_with('-') {
                    grouped.push(' ');
                }
                grouped.push(digit);
            }
            grouped
        }
        100.0.. => format!("{value:.0}"),
        10.0.. => format!("{value:.1}"),
        1.0.. => format!("{value:.2}"),
        _ => format!("{value:.3}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_figure_is_its_median_with_its_spread_beside_its_aim() {
        let figure = Figure::of("a", "ms", vec![3.0, 1.0, 2.0]);
        assert_eq!(
            (figure.median, figure.least, figure.greatest),
            (2.0, 1.0, 3.0)
        );
        assert_eq!(figure.met(), None);
        assert_eq!(figure.clone().aiming(Aim::AtMost(1.5)).met(), Some(false));
        assert_eq!(figure.aiming(Aim::AtLeast(1.5)).met(), Some(true));
    }

    #[test]
    fn a_report_is_read_as_it_was_written() {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("figures.json");
        let figures = vec![Figure::of("a", "ms", vec![1.0]).aiming(Aim::AtMost(2.0))];
        let report = Report { figures };
        report.write(&path).expect("it can be written");
        assert_eq!(Report::read(&path).expect("it can be read"), report);
    }

    #[test]
    fn figures_of_several_things_are_told_apart() {
        let mut report = Report::default();
        let of = |median| vec![Figure::of("size", "MiB", vec![median])];
        report.add_rows("Sizes", vec![("a", of(1.0)), ("b", of(2.0))]);
        let names: Vec<_> = report.figures.iter().map(|f| f.name.as_str()).collect();
        assert_eq!(names, ["a: size", "b: size"]);
    }

    #[test]
    fn numbers_are_short() {
        let shown = [0.0123, 4.567, 45.67, 456.7, 45_678.9, 1_234_567.0].map(number);
        assert_eq!(
            shown,
            ["0.012", "4.57", "45.7", "457", "45 679", "1 234 567"]
        );
    }
}
