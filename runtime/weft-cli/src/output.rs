//! How answers are written: aligned tables and short lines for people, JSON for programs.

use std::io::Write as _;

use serde_json::{Value, json};

use crate::client::Refused;

/// Rows under headings, columns aligned.
pub(crate) struct Table {
    rows: Vec<Vec<String>>,
    /// Of the columns of what was printed already.
    widths: Vec<usize>,
}

impl Table {
    pub(crate) fn new(headings: &[&str]) -> Self {
        let headings_len = headings.len();
        let headings = headings.iter().map(|text| text.to_uppercase());
        Self {
            rows: vec![headings.collect()],
            widths: vec![0; headings_len],
        }
    }

    pub(crate) fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        self.rows.push(cells.into_iter().collect());
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.rows.len() == 1
    }

    /// The lines, each without blanks at its end.
    fn lines(&self) -> Vec<String> {
        let widths = self.widths();
        let line = |row: &Vec<String>| {
            let cells = row.iter().zip(&widths);
            let cells = cells.map(|(cell, width)| format!("{cell:<width$}"));
            let line: Vec<_> = cells.collect();
            line.join("  ").trim_end().to_owned()
        };
        self.rows.iter().map(line).collect()
    }

    fn widths(&self) -> Vec<usize> {
        let width = |(column, least): (usize, &usize)| {
            let cells = self.rows.iter().filter_map(|row| row.get(column));
            let widest = cells.map(|cell| cell.chars().count()).max();
            widest.unwrap_or(0).max(*least)
        };
        self.widths.iter().enumerate().map(width).collect()
    }

    pub(crate) fn print(&self) {
        print_text(&self.lines().join("\n"));
    }

    /// Prints the rows that there are and forgets them; further ones are aligned with them.
    pub(crate) fn flush(&mut self) {
        if !self.rows.is_empty() {
            self.print();
        }
        self.widths = self.widths();
        self.rows.clear();
    }

    pub(crate) fn len(&self) -> usize {
        self.rows.len()
    }
}

/// Writes one line (or more) of data. A reader that has gone away ends the program quietly, as
/// `head` expects.
pub(crate) fn print_text(text: &str) {
    let mut stdout = std::io::stdout().lock();
    if writeln!(stdout, "{text}").is_err() {
        std::process::exit(0);
    }
}

/// Writes a part of a line.
pub(crate) fn print_piece(text: &str) {
    let mut stdout = std::io::stdout().lock();
    if write!(stdout, "{text}").is_err() {
        std::process::exit(0);
    }
}

pub(crate) fn print_json(value: &Value) {
    print_text(&serde_json::to_string_pretty(value).expect("a JSON value can be written"));
}

pub(crate) fn print_json_line(value: &Value) {
    print_text(&value.to_string());
}

/// Talk: never data.
pub(crate) fn note(text: impl std::fmt::Display) {
    eprintln!("{text}");
}

/// The error with its causes, and what the problem document lists.
pub(crate) fn print_error(error: &anyhow::Error, json: bool) {
    let refused = error.downcast_ref::<Refused>();
    if json {
        let problem = refused.and_then(|refused| refused.problem.clone());
        let document = problem.unwrap_or_else(|| json!({"detail": format!("{error:#}")}));
        eprintln!("{document}");
        return;
    }
    eprintln!("error: {error:#}");
}

/// A member of a JSON object as a person reads it: text bare, absent and null as `-`.
pub(crate) fn cell(value: &Value, member: &str) -> String {
    match value.get(member) {
        None | Some(Value::Null) => "-".to_owned(),
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    }
}

/// `text` cut to `width` characters, with an ellipsis where something is missing, on one line.
pub(crate) fn shorten(text: &str, width: usize) -> String {
    let flat: String = text
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    if flat.chars().count() <= width {
        return flat;
    }
    let kept: String = flat.chars().take(width.saturating_sub(1)).collect();
    format!("{kept}…")
}

/// A text of one line with a mark below one of its characters; of a long text, what is around it.
/// `None` where the text has no such character (its end counts as one).
pub(crate) fn pointed(text: &str, offset: usize) -> Option<String> {
    const AROUND: usize = 60;
    let chars: Vec<char> = text.chars().collect();
    if offset > chars.len() {
        return None;
    }
    let (from, to) = match chars.len() > 2 * AROUND {
        true => (
            offset.saturating_sub(AROUND),
            chars.len().min(offset + AROUND),
        ),
        false => (0, chars.len()),
    };
    let shown: String = chars[from..to]
        .iter()
        .map(|c| if c.is_control() { ' ' } else { *c })
        .collect();
    let before = if from > 0 { "…" } else { "" };
    let behind = if to < chars.len() { "…" } else { "" };
    let blanks = " ".repeat(before.chars().count() + offset - from);
    Some(format!("  {before}{shown}{behind}\n  {blanks}^"))
}

/// Bytes with a unit.
pub(crate) fn bytes(count: u64) -> String {
    let units = ["B", "KiB", "MiB", "GiB"];
    let power = (0..3)
        .rev()
        .find(|power| count >= 1 << (10 * (power + 1)))
        .map_or(0, |power| power + 1);
    match power {
        0 => format!("{count} B"),
        _ => {
            let tenths = count * 10 / (1 << (10 * power));
            format!("{}.{} {}", tenths / 10, tenths % 10, units[power])
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_aligned_and_lines_end_without_blanks() {
        let mut table = Table::new(&["name", "kind"]);
        table.row(["a-long-name".to_owned(), "http".to_owned()]);
        table.row(["b".to_owned(), String::new()]);
        assert_eq!(
            table.lines(),
            ["NAME         KIND", "a-long-name  http", "b"]
        );
    }

    #[test]
    fn the_character_is_pointed_at() {
        assert_eq!(pointed("ab", 1).as_deref(), Some("  ab\n   ^"));
        assert_eq!(pointed("ab", 2).as_deref(), Some("  ab\n    ^"));
        assert_eq!(pointed("ab", 3), None);
        let long = format!("{}X{}", "a\n".repeat(100), "b".repeat(200));
        let shown = pointed(&long, 200).unwrap();
        let (text, mark) = shown.split_once('\n').unwrap();
        let at = mark.chars().position(|c| c == '^').unwrap();
        assert_eq!(text.chars().nth(at), Some('X'), "{shown}");
    }

    #[test]
    fn sizes_and_texts_are_short() {
        assert_eq!(bytes(512), "512 B");
        assert_eq!(bytes(1536), "1.5 KiB");
        assert_eq!(bytes(3 << 20), "3.0 MiB");
        assert_eq!(shorten("a\nbcdef", 4), "a b…");
    }
}
