//! JSON values whose strings and keys hold expressions, compiled once.

use std::sync::Arc;

use crate::value::Value;

use super::ast::{Expr, Node, Reference};
use super::budget::Budget;
use super::deferred::{Deferred, written};
use super::error::{CompileError, EvalError};
use super::eval::Evaluator;
use super::functions;
use super::lexer::Cursor;
use super::parser;
use super::scope::Scope;

/// How deep a value may nest to be compiled.
const DEPTH_MAX: u32 = 128;

/// A compiled value. Cheap to clone; evaluating does not change it.
#[derive(Debug, Clone)]
pub struct Template {
    part: Part,
}

#[derive(Debug, Clone)]
enum Part {
    Literal(Value),
    Text(Text),
    Array(Arc<[Part]>),
    Object(Arc<[(Key, Part)]>),
}

#[derive(Debug, Clone)]
enum Key {
    Literal(Arc<str>),
    Text(Text),
}

/// A string with an expression in it, and where it stands.
#[derive(Debug, Clone)]
struct Text {
    pointer: Arc<str>,
    content: Arc<Content>,
}

#[derive(Debug)]
enum Content {
    /// `@expr`: keeps the type of the value.
    Whole(Expr),
    /// Text with `@{expr}` in it: a string.
    Mixed(Vec<Piece>),
}

#[derive(Debug)]
enum Piece {
    Text(String),
    Expr(Expr),
}

impl Template {
    /// Compiles every string and key of a value. All faults are reported, in the value's order.
    pub fn compile(value: &Value) -> Result<Template, Vec<CompileError>> {
        if value.depth() > DEPTH_MAX {
            let message = format!("The value nests deeper than {DEPTH_MAX} levels.");
            return Err(vec![CompileError::new(0, message)]);
        }
        let mut faults = Vec::new();
        let part = compile(value, "", &mut faults);
        match faults.is_empty() {
            true => Ok(Template { part }),
            false => Err(faults),
        }
    }

    /// What is no template: the value as it is.
    pub(crate) fn literal(value: Value) -> Template {
        Template {
            part: Part::Literal(value),
        }
    }

    /// Compiles one string.
    pub fn compile_string(text: &str) -> Result<Template, Vec<CompileError>> {
        Template::compile(&Value::from(text))
    }

    /// Compiles the inside of an expression: `concat('a', 'b')`, without the leading `@`.
    pub fn compile_expression(text: &str) -> Result<Template, Vec<CompileError>> {
        let content = whole(&mut Cursor::new(text)).map_err(|fault| vec![fault])?;
        let text = Text {
            pointer: Arc::from(""),
            content: Arc::new(content),
        };
        Ok(Template {
            part: Part::Text(text),
        })
    }

    /// The value, with every expression replaced by what it evaluates to.
    pub fn evaluate(&self, scope: &dyn Scope, budget: &mut Budget) -> Result<Value, EvalError> {
        let mut evaluator = Evaluator { scope, budget };
        let value = evaluate(&self.part, &mut evaluator)?;
        evaluator.budget.depth(value.depth())?;
        Ok(value)
    }

    /// The same, where settings and parameters that the scope defers stay expressions. Keys cannot
    /// hold any.
    pub fn evaluate_deferring(
        &self,
        scope: &dyn Scope,
        budget: &mut Budget,
    ) -> Result<(Value, Deferred), EvalError> {
        let mut evaluator = Evaluator { scope, budget };
        let mut deferred = Deferred::new();
        let value = evaluate_deferring(&self.part, "", &mut evaluator, &mut deferred)?;
        evaluator.budget.depth(value.depth())?;
        Ok((value, deferred))
    }

    /// Every function call, outer before inner, in the order of the value.
    pub fn references(&self) -> Vec<Reference> {
        let mut references = Vec::new();
        visit(&self.part, &mut |text, expr| {
            expr.visit_calls(&mut |call, offset| {
                let name = call.function.map_or(call.name.as_ref(), |f| f.name);
                references.push(Reference {
                    function: name.to_owned(),
                    arguments: call.arguments.iter().map(literal).collect(),
                    pointer: text.pointer.to_string(),
                    offset,
                });
            });
        });
        references
    }

    /// What is wrong with calls although the text reads: unknown functions and counts of arguments.
    /// They are errors of evaluation (which lazy functions may never reach), hence not of
    /// [`Template::compile`].
    pub fn faults(&self) -> Vec<CompileError> {
        let mut faults = Vec::new();
        visit(&self.part, &mut |text, expr| {
            expr.visit_calls(&mut |call, offset| {
                faults.extend(functions::fault(call, offset).map(|fault| CompileError {
                    pointer: text.pointer.to_string(),
                    ..fault
                }));
            });
        });
        faults
    }

    /// Whether nothing is to be evaluated: the value is the same in every scope.
    pub fn is_literal(&self) -> bool {
        matches!(self.part, Part::Literal(_))
    }

    /// The value when nothing is to be evaluated.
    pub fn as_literal(&self) -> Option<&Value> {
        match &self.part {
            Part::Literal(value) => Some(value),
            Part::Text(_) | Part::Array(_) | Part::Object(_) => None,
        }
    }
}

fn literal(expr: &Expr) -> Option<Value> {
    match &expr.node {
        Node::Literal(value) => Some(value.clone()),
        Node::Call(_) | Node::Access { .. } => None,
    }
}

fn compile(value: &Value, pointer: &str, faults: &mut Vec<CompileError>) -> Part {
    match value {
        Value::String(text) => match compile_text(text, pointer, faults) {
            None => Part::Literal(value.clone()),
            Some(Ok(text)) => Part::Text(text),
            Some(Err(unescaped)) => Part::Literal(Value::from(unescaped)),
        },
        Value::Array(items) => {
            let parts: Vec<Part> = items
                .iter()
                .enumerate()
                .map(|(index, item)| compile(item, &format!("{pointer}/{index}"), faults))
                .collect();
            fold(Part::Array(parts.into()))
        }
        Value::Object(object) => {
            let parts: Vec<(Key, Part)> = object
                .iter()
                .map(|(key, value)| {
                    let token = key.replace('~', "~0").replace('/', "~1");
                    let pointer = format!("{pointer}/{token}");
                    let name = match compile_text(key, &pointer, faults) {
                        None => Key::Literal(key.clone()),
                        Some(Ok(text)) => Key::Text(text),
                        Some(Err(unescaped)) => Key::Literal(unescaped.into()),
                    };
                    (name, compile(value, &pointer, faults))
                })
                .collect();
            fold(Part::Object(parts.into()))
        }
        Value::Null | Value::Bool(_) | Value::Int(_) | Value::Float(_) | Value::Decimal(_) => {
            Part::Literal(value.clone())
        }
    }
}

/// A container of literals is a literal, so that a large constant costs nothing to evaluate.
fn fold(part: Part) -> Part {
    match &part {
        Part::Array(parts) => {
            let items: Option<Vec<Value>> = parts.iter().map(known).collect();
            items.map_or(part, |items| Part::Literal(Value::from(items)))
        }
        Part::Object(members) => {
            let members: Option<Vec<(Arc<str>, Value)>> = members
                .iter()
                .map(|(key, part)| match key {
                    Key::Literal(key) => Some((key.clone(), known(part)?)),
                    Key::Text(_) => None,
                })
                .collect();
            members.map_or(part, |members| Part::Literal(members.into_iter().collect()))
        }
        Part::Literal(_) | Part::Text(_) => part,
    }
}

fn known(part: &Part) -> Option<Value> {
    match part {
        Part::Literal(value) => Some(value.clone()),
        Part::Text(_) | Part::Array(_) | Part::Object(_) => None,
    }
}

/// `None`: the text is a literal as it stands; `Err`: a literal once its escapes are undone.
fn compile_text(
    text: &str,
    pointer: &str,
    faults: &mut Vec<CompileError>,
) -> Option<Result<Text, String>> {
    if !text.contains('@') {
        return None;
    }
    let content = match content(text) {
        Ok(content) => content,
        Err(fault) => {
            faults.push(CompileError {
                pointer: pointer.to_owned(),
                ..fault
            });
            return None;
        }
    };
    if let Content::Mixed(pieces) = &content
        && let Some(literal) = plain(pieces)
    {
        return Some(Err(literal));
    }
    Some(Ok(Text {
        pointer: Arc::from(pointer),
        content: Arc::new(content),
    }))
}

fn plain(pieces: &[Piece]) -> Option<String> {
    pieces
        .iter()
        .map(|piece| match piece {
            Piece::Text(text) => Some(text.as_str()),
            Piece::Expr(_) => None,
        })
        .collect()
}

fn content(text: &str) -> Result<Content, CompileError> {
    let mut cursor = Cursor::new(text);
    let mut chars = text.chars();
    if chars.next() == Some('@') {
        match chars.next() {
            None | Some('{') => {}
            Some('@') => {
                // `@@` at the start drops one; `@@{` is the same escape as anywhere else.
                if chars.next() != Some('{') {
                    cursor.next();
                    cursor.next();
                    return mixed(&mut cursor, "@".to_owned());
                }
            }
            Some(_) => {
                cursor.next();
                return whole(&mut cursor);
            }
        }
    }
    mixed(&mut cursor, String::new())
}

fn whole(cursor: &mut Cursor<'_>) -> Result<Content, CompileError> {
    let expr = parser::expression(cursor)?;
    match cursor.peek() {
        None => Ok(Content::Whole(expr)),
        Some(_) => Err(parser::unexpected(cursor, "the end")),
    }
}

/// Text with `@{expr}` in it, where `@@{` stands for a literal `@{`.
fn mixed(cursor: &mut Cursor<'_>, mut text: String) -> Result<Content, CompileError> {
    let mut pieces = Vec::new();
    while let Some(char) = cursor.next() {
        if char == '@' && cursor.rest().starts_with("@{") {
            cursor.next();
            cursor.next();
            text.push_str("@{");
        } else if char == '@' && cursor.eat('{') {
            if !text.is_empty() {
                pieces.push(Piece::Text(std::mem::take(&mut text)));
            }
            pieces.push(Piece::Expr(parser::expression(cursor)?));
            if !cursor.eat('}') {
                return Err(parser::unexpected(cursor, "'}'"));
            }
        } else {
            text.push(char);
        }
    }
    if !text.is_empty() || pieces.is_empty() {
        pieces.push(Piece::Text(text));
    }
    Ok(Content::Mixed(pieces))
}

fn evaluate(part: &Part, evaluator: &mut Evaluator<'_>) -> Result<Value, EvalError> {
    match part {
        Part::Literal(value) => Ok(value.clone()),
        Part::Text(text) => evaluate_text(text, evaluator),
        Part::Array(parts) => {
            evaluator.budget.steps(parts.len() as u64)?;
            parts.iter().map(|part| evaluate(part, evaluator)).collect()
        }
        Part::Object(members) => {
            evaluator.budget.steps(members.len() as u64)?;
            members
                .iter()
                .map(|(key, part)| {
                    let key = match key {
                        Key::Literal(key) => key.clone(),
                        Key::Text(text) => evaluate_text(text, evaluator)?.to_text().into(),
                    };
                    Ok((key, evaluate(part, evaluator)?))
                })
                .collect()
        }
    }
}

fn evaluate_deferring(
    part: &Part,
    pointer: &str,
    evaluator: &mut Evaluator<'_>,
    deferred: &mut Deferred,
) -> Result<Value, EvalError> {
    match part {
        Part::Literal(value) => Ok(value.clone()),
        Part::Text(text) => {
            let Some(rest) = rest(text, evaluator)? else {
                return evaluate_text(text, evaluator);
            };
            let rest = format!("@{rest}");
            deferred.push((pointer.to_owned(), rest.clone()));
            Ok(Value::from(rest))
        }
        Part::Array(parts) => {
            evaluator.budget.steps(parts.len() as u64)?;
            let items = parts.iter().enumerate().map(|(index, part)| {
                evaluate_deferring(part, &format!("{pointer}/{index}"), evaluator, deferred)
            });
            items.collect()
        }
        Part::Object(members) => {
            evaluator.budget.steps(members.len() as u64)?;
            members
                .iter()
                .map(|(key, part)| {
                    let key = match key {
                        Key::Literal(key) => key.clone(),
                        Key::Text(text) => evaluate_text(text, evaluator)?.to_text().into(),
                    };
                    let token = key.replace('~', "~0").replace('/', "~1");
                    let pointer = format!("{pointer}/{token}");
                    Ok((
                        key,
                        evaluate_deferring(part, &pointer, evaluator, deferred)?,
                    ))
                })
                .collect()
        }
    }
}

/// What is left of a text that holds what is deferred.
fn rest(text: &Text, evaluator: &mut Evaluator<'_>) -> Result<Option<String>, EvalError> {
    let rest = match text.content.as_ref() {
        Content::Whole(expr) => evaluator.rest(expr),
        Content::Mixed(pieces) => rest_of_mixed(pieces, evaluator),
    };
    rest.map_err(|error| EvalError {
        pointer: text.pointer.to_string(),
        ..error
    })
}

fn rest_of_mixed(
    pieces: &[Piece],
    evaluator: &mut Evaluator<'_>,
) -> Result<Option<String>, EvalError> {
    let holds_deferred = |piece: &Piece| match piece {
        Piece::Text(_) => false,
        Piece::Expr(expr) => evaluator.holds_deferred(expr),
    };
    if !pieces.iter().any(holds_deferred) {
        return Ok(None);
    }
    let mut parts = Vec::with_capacity(pieces.len());
    for piece in pieces {
        parts.push(match piece {
            Piece::Text(text) => written(&Value::from(text.as_str())),
            Piece::Expr(expr) => match evaluator.rest(expr)? {
                Some(rest) => rest,
                None => {
                    let text = evaluator.evaluate(expr)?.to_text();
                    evaluator.budget.bytes(text.len() as u64)?;
                    written(&Value::from(text))
                }
            },
        });
    }
    Ok(Some(format!("concat({})", parts.join(", "))))
}

fn evaluate_text(text: &Text, evaluator: &mut Evaluator<'_>) -> Result<Value, EvalError> {
    let value = match text.content.as_ref() {
        Content::Whole(expr) => evaluator.evaluate(expr),
        Content::Mixed(pieces) => concatenate(pieces, evaluator),
    };
    value.map_err(|error| EvalError {
        pointer: text.pointer.to_string(),
        ..error
    })
}

fn concatenate(pieces: &[Piece], evaluator: &mut Evaluator<'_>) -> Result<Value, EvalError> {
    let mut whole = String::new();
    for piece in pieces {
        match piece {
            Piece::Text(text) => whole.push_str(text),
            Piece::Expr(expr) => {
                let value = evaluator.evaluate(expr)?;
                evaluator.budget.bytes(value.weight())?;
                whole.push_str(&value.to_text());
            }
        }
    }
    Ok(Value::from(whole))
}

fn visit<'t>(part: &'t Part, see: &mut impl FnMut(&'t Text, &'t Expr)) {
    match part {
        Part::Literal(_) => {}
        Part::Text(text) => visit_text(text, see),
        Part::Array(parts) => parts.iter().for_each(|part| visit(part, see)),
        Part::Object(members) => {
            for (key, part) in members.iter() {
                if let Key::Text(text) = key {
                    visit_text(text, see);
                }
                visit(part, see);
            }
        }
    }
}

fn visit_text<'t>(text: &'t Text, see: &mut impl FnMut(&'t Text, &'t Expr)) {
    match text.content.as_ref() {
        Content::Whole(expr) => see(text, expr),
        Content::Mixed(pieces) => {
            for piece in pieces {
                if let Piece::Expr(expr) = piece {
                    see(text, expr);
                }
            }
        }
    }
}
