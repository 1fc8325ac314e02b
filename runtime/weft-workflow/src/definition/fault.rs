//! What is wrong with a definition: where, what, and what would help.

use std::fmt;

use crate::expression::CompileError;

/// How bad a fault is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// The definition is refused.
    Error,
    /// The definition runs, but perhaps not as its author thinks.
    Warning,
}

/// One fault of a definition or of the document that holds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    pub severity: Severity,
    /// JSON pointer (RFC 6901) from the root of what was handed in.
    pub pointer: String,
    /// Where in the string at `pointer`, in characters from its start; `None` where the whole value is
    /// to blame.
    pub offset: Option<usize>,
    /// In the words of the peer where they are known.
    pub message: String,
    pub hint: Option<String>,
}

impl Fault {
    pub(crate) fn error(pointer: impl Into<String>, message: impl Into<String>) -> Fault {
        Fault {
            severity: Severity::Error,
            pointer: pointer.into(),
            offset: None,
            message: message.into(),
            hint: None,
        }
    }

    pub(crate) fn warning(pointer: impl Into<String>, message: impl Into<String>) -> Fault {
        Fault {
            severity: Severity::Warning,
            ..Fault::error(pointer, message)
        }
    }

    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Fault {
        self.hint = Some(hint.into());
        self
    }

    /// A fault in an expression, in a value that stands at `base`.
    pub(crate) fn of_expression(base: &str, fault: CompileError) -> Fault {
        Fault {
            offset: Some(fault.offset),
            hint: fault.hint,
            ..Fault::error(format!("{base}{}", fault.pointer), fault.message)
        }
    }

    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.message)?;
        match &self.hint {
            Some(hint) => write!(f, " {hint}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Fault {}

/// The pointer of a member of what stands at `base`.
pub(crate) fn child(base: &str, key: &str) -> String {
    match key.contains(['~', '/']) {
        true => format!("{base}/{}", key.replace('~', "~0").replace('/', "~1")),
        false => format!("{base}/{key}"),
    }
}

/// The known name that a mistyped one was probably meant to be.
pub(crate) fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    const COMPARED_MAX: usize = 2_000;
    const LENGTH_MAX: usize = 80;
    if name.len() > LENGTH_MAX {
        return None;
    }
    let lower = name.to_lowercase();
    let furthest = 1 + name.chars().count() / 4;
    known
        .into_iter()
        .take(COMPARED_MAX)
        .filter(|known| known.len() <= LENGTH_MAX)
        .map(|known| (distance(&lower, &known.to_lowercase()), known))
        .filter(|(distance, _)| *distance <= furthest)
        // Of several that are as near the same each time, in whatever order they are known.
        .min_by_key(|(distance, known)| (*distance, *known))
        .map(|(_, known)| known)
}

/// How many characters must be added, dropped or changed.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, left) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, right) in b.iter().enumerate() {
            let changed = diagonal + usize::from(left != *right);
            diagonal = row[j + 1];
            row[j + 1] = changed.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_name_is_near() {
        let known = ["Compose", "Terminate", "If"];
        assert_eq!(nearest("compsoe", known), Some("Compose"));
        assert_eq!(nearest("Terminated", known), Some("Terminate"));
        assert_eq!(nearest("Launch", known), None);
        assert_eq!(nearest("a", ["o", "i"]), nearest("a", ["i", "o"]));
    }

    #[test]
    fn pointers_are_escaped() {
        assert_eq!(child("/a", "b/c~d"), "/a/b~1c~0d");
    }
}
