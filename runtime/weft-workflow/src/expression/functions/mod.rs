//! Every function: one table of names, signatures, argument counts and implementations.
//!
//! A function is pure but for what it asks of the scope. It must charge the budget for loops and
//! for what it allocates beyond the size of its result, which the evaluator charges.

mod arguments;
mod collection;
mod convert;
mod date;
mod form;
mod logical;
mod math;
mod number;
mod reference;
mod string;
mod table;
mod uri;
mod xml;

use std::collections::HashMap;
use std::sync::LazyLock;

use crate::value::Value;

use super::ast::{Call, Expr};
use super::budget::Budget;
use super::error::{CompileError, EvalError};
use super::eval::Evaluator;
use super::scope::Scope;

pub use date::time_zone;

pub(super) type Outcome = Result<Value, EvalError>;

#[derive(Debug)]
pub(super) struct Function {
    /// In the letter case of its documentation; calls may use any.
    pub(super) name: &'static str,
    pub(super) category: Category,
    /// As the documentation writes it, behind the name.
    pub(super) signature: &'static str,
    pub(super) least: usize,
    pub(super) most: usize,
    pub(super) run: Run,
}

/// The groups of the documentation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Category {
    String,
    Collection,
    Logical,
    Conversion,
    Math,
    DateTime,
    Reference,
    Uri,
    Manipulation,
}

#[derive(Debug, Clone, Copy)]
pub(super) enum Run {
    Eager(fn(&mut Invocation<'_>, &[Value]) -> Outcome),
    /// Decides itself which arguments are evaluated.
    Lazy(fn(&mut Evaluator<'_>, &[Expr]) -> Outcome),
}

/// One call of an eager function.
pub(super) struct Invocation<'a> {
    pub(super) function: &'static Function,
    pub(super) scope: &'a dyn Scope,
    pub(super) budget: &'a mut Budget,
}

impl Function {
    /// Whether results are new values, as opposed to shared ones.
    pub(super) fn builds(&self) -> bool {
        match self.category {
            Category::Reference | Category::Logical | Category::Collection => false,
            Category::String
            | Category::Conversion
            | Category::Math
            | Category::DateTime
            | Category::Uri
            | Category::Manipulation => true,
        }
    }
}

static BY_NAME: LazyLock<HashMap<String, &'static Function>> = LazyLock::new(|| {
    let functions = table::FUNCTIONS.iter();
    functions
        .map(|f| (f.name.to_ascii_lowercase(), f))
        .collect()
});

pub(super) fn find(name: &str) -> Option<&'static Function> {
    BY_NAME.get(&name.to_ascii_lowercase()).copied()
}

/// Whether a function has this name, in whatever letter case.
pub fn is_function(name: &str) -> bool {
    find(name).is_some()
}

/// What is wrong with a call that can be told without evaluating it.
pub(super) fn fault(call: &Call, offset: usize) -> Option<CompileError> {
    let Some(function) = call.function else {
        let message = format!(
            "The template function '{}' is not defined or not valid.",
            call.name
        );
        let fault = CompileError::new(offset, message);
        return Some(match nearest(&call.name) {
            Some(name) => fault.hint(format!("Did you mean '{name}'?")),
            None => fault,
        });
    };
    let count = call.arguments.len();
    if (function.least..=function.most).contains(&count) {
        return None;
    }
    let message = format!(
        "The template language function '{}' expects {}: {}{}. The function was invoked with \
         '{count}' parameter(s).",
        function.name,
        expected_count(function),
        function.name,
        function.signature,
    );
    Some(CompileError::new(offset, message))
}

fn expected_count(function: &Function) -> String {
    const WORDS: [&str; 6] = ["no", "one", "two", "three", "four", "five"];
    let word = |count: usize| WORDS.get(count).copied().unwrap_or("many");
    let parameters = |count: usize| {
        if count == 1 {
            "parameter"
        } else {
            "parameters"
        }
    };
    let Function { least, most, .. } = *function;
    if most == usize::MAX {
        return format!("at least {} {}", word(least), parameters(least));
    }
    if least == most {
        return format!("{} {}", word(most), parameters(most));
    }
    format!("{} to {} parameters", word(least), word(most))
}

/// The function whose name takes the fewest changes of letters, when few enough.
fn nearest(name: &str) -> Option<&'static str> {
    const LONGEST: usize = 40;
    let name = name.to_ascii_lowercase();
    if name.len() > LONGEST {
        return None;
    }
    let candidates = BY_NAME
        .iter()
        .map(|(lower, function)| (distance(&name, lower), function.name));
    let (changes, nearest) = candidates.min()?;
    (changes <= 1 + name.len() / 4).then_some(nearest)
}

/// Insertions, deletions and replacements of characters that lead from one name to the other.
fn distance(from: &str, to: &str) -> usize {
    let to: Vec<char> = to.chars().collect();
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (i, a) in from.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, b) in to.iter().enumerate() {
            let replaced = diagonal + usize::from(a != *b);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[to.len()]
}
