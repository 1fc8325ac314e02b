//! Route templates as in Azure Functions: `orders/{id:int}/{*rest}`.
//!
//! Owns their syntax and what one segment accepts; choosing among several templates is the route
//! table's business.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

const TEMPLATE_LEN_MAX: usize = 1024;
const SEGMENTS_MAX: usize = 32;

/// A path below `/api/`, without a leading slash. Literals compare without regard to case.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct RouteTemplate {
    segments: Vec<Segment>,
}

/// What stands between two slashes.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Segment {
    Literal(String),
    Parameter {
        name: String,
        constraint: Option<Constraint>,
        /// `{name?}`: the path may end before it. Only in last place.
        optional: bool,
    },
    /// `{*name}`: all that follows, slashes included, perhaps nothing. Only in last place.
    CatchAll {
        name: String,
    },
}

/// What a parameter's value must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Constraint {
    /// A signed number of 32 bits.
    Int,
    /// A signed number of 64 bits.
    Long,
    /// A decimal number.
    Double,
    Bool,
    /// 32 hexadecimal digits in groups of 8-4-4-4-12.
    Guid,
    /// ASCII letters.
    Alpha,
}

impl Constraint {
    const ALL: [(&'static str, Self); 6] = [
        ("int", Self::Int),
        ("long", Self::Long),
        ("double", Self::Double),
        ("bool", Self::Bool),
        ("guid", Self::Guid),
        ("alpha", Self::Alpha),
    ];

    fn as_str(self) -> &'static str {
        let entry = Self::ALL.iter().find(|(_, own)| *own == self);
        entry.expect("every constraint is listed").0
    }

    #[must_use]
    pub fn accepts(self, value: &str) -> bool {
        match self {
            Self::Int => value.parse::<i32>().is_ok(),
            Self::Long => value.parse::<i64>().is_ok(),
            Self::Double => value.parse::<f64>().is_ok_and(f64::is_finite),
            Self::Bool => value.eq_ignore_ascii_case("true") || value.eq_ignore_ascii_case("false"),
            Self::Guid => {
                let groups: Vec<_> = value.split('-').collect();
                let lengths: Vec<_> = groups.iter().map(|group| group.len()).collect();
                let digits = |group: &&str| group.bytes().all(|b| b.is_ascii_hexdigit());
                lengths == [8, 4, 4, 4, 12] && groups.iter().all(digits)
            }
            Self::Alpha => !value.is_empty() && value.bytes().all(|b| b.is_ascii_alphabetic()),
        }
    }
}

/// Why a text is no route template.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidRoute {
    #[error("a route begins without a slash: it stands below /api/")]
    LeadingSlash,
    #[error("a route may have {SEGMENTS_MAX} segments and {TEMPLATE_LEN_MAX} bytes at most")]
    TooLong,
    #[error("a route may not contain {0:?}")]
    Character(char),
    #[error("the route has an empty segment, \".\" or \"..\"")]
    EmptySegment,
    #[error("a parameter fills a whole segment, as in orders/{{id:int}}: {0:?}")]
    Braces(String),
    #[error("{0:?} is no parameter name: letters, digits and '_', a letter first")]
    ParameterName(String),
    #[error("the parameter {0:?} occurs twice")]
    Duplicate(String),
    #[error("unknown constraint {0:?}; known are int, long, double, bool, guid and alpha")]
    Constraint(String),
    #[error("{{*name}} and {{name?}} are possible in the last place only")]
    NotLast,
}

impl RouteTemplate {
    #[must_use]
    pub fn segments(&self) -> &[Segment] {
        &self.segments
    }

    /// The template without what does not tell paths apart: two templates of equal shape accept
    /// the same paths.
    #[must_use]
    pub fn shape(&self) -> String {
        let shape = |segment: &Segment| match segment {
            Segment::Literal(text) => text.to_ascii_lowercase(),
            Segment::Parameter {
                constraint,
                optional,
                ..
            } => {
                let kind = constraint.map_or("", Constraint::as_str);
                let optional = if *optional { "?" } else { "" };
                format!("{{:{kind}{optional}}}")
            }
            Segment::CatchAll { .. } => "{*}".to_owned(),
        };
        let shapes: Vec<_> = self.segments.iter().map(shape).collect();
        shapes.join("/")
    }
}

/// The route of a function that names none.
impl From<&weft_id::Function> for RouteTemplate {
    fn from(name: &weft_id::Function) -> Self {
        Self {
            segments: vec![Segment::Literal(name.to_string())],
        }
    }
}

impl FromStr for RouteTemplate {
    type Err = InvalidRoute;

    /// The empty text is the template of `/api/` itself.
    fn from_str(text: &str) -> Result<Self, InvalidRoute> {
        if text.starts_with('/') {
            return Err(InvalidRoute::LeadingSlash);
        }
        if text.is_empty() {
            return Ok(Self { segments: vec![] });
        }
        let parts: Vec<_> = text.split('/').collect();
        if text.len() > TEMPLATE_LEN_MAX || parts.len() > SEGMENTS_MAX {
            return Err(InvalidRoute::TooLong);
        }
        let segments: Vec<_> = parts
            .iter()
            .map(|part| parse_segment(part))
            .collect::<Result<_, _>>()?;
        let mut names: Vec<&str> = Vec::new();
        for (index, segment) in segments.iter().enumerate() {
            let (name, must_be_last) = match segment {
                Segment::Literal(_) => continue,
                Segment::Parameter { name, optional, .. } => (name, *optional),
                Segment::CatchAll { name } => (name, true),
            };
            if must_be_last && index + 1 < segments.len() {
                return Err(InvalidRoute::NotLast);
            }
            if names.iter().any(|other| other.eq_ignore_ascii_case(name)) {
                return Err(InvalidRoute::Duplicate(name.clone()));
            }
            names.push(name);
        }
        Ok(Self { segments })
    }
}

fn parse_segment(text: &str) -> Result<Segment, InvalidRoute> {
    if matches!(text, "" | "." | "..") {
        return Err(InvalidRoute::EmptySegment);
    }
    if !text.contains(['{', '}']) {
        let refused = |c: char| c.is_control() || c.is_whitespace() || "?#%\\*\"<>|".contains(c);
        return match text.chars().find(|c| refused(*c)) {
            Some(found) => Err(InvalidRoute::Character(found)),
            None => Ok(Segment::Literal(text.to_owned())),
        };
    }
    let inner = text
        .strip_prefix('{')
        .and_then(|text| text.strip_suffix('}'))
        .filter(|inner| !inner.contains(['{', '}']))
        .ok_or_else(|| InvalidRoute::Braces(text.to_owned()))?;
    if let Some(name) = inner.strip_prefix('*') {
        let name = parameter_name(name)?;
        return Ok(Segment::CatchAll { name });
    }
    let (inner, optional) = match inner.strip_suffix('?') {
        Some(inner) => (inner, true),
        None => (inner, false),
    };
    let (name, constraint) = match inner.split_once(':') {
        Some((name, constraint)) => (name, Some(parse_constraint(constraint)?)),
        None => (inner, None),
    };
    let name = parameter_name(name)?;
    Ok(Segment::Parameter {
        name,
        constraint,
        optional,
    })
}

fn parse_constraint(text: &str) -> Result<Constraint, InvalidRoute> {
    let entry = Constraint::ALL.iter().find(|(name, _)| *name == text);
    entry
        .map(|(_, constraint)| *constraint)
        .ok_or_else(|| InvalidRoute::Constraint(text.to_owned()))
}

fn parameter_name(text: &str) -> Result<String, InvalidRoute> {
    let letters = |c: char| c.is_ascii_alphanumeric() || c == '_';
    if text.starts_with(|c: char| c.is_ascii_alphabetic()) && text.chars().all(letters) {
        Ok(text.to_owned())
    } else {
        Err(InvalidRoute::ParameterName(text.to_owned()))
    }
}

impl fmt::Display for RouteTemplate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, segment) in self.segments.iter().enumerate() {
            if index > 0 {
                f.write_str("/")?;
            }
            match segment {
                Segment::Literal(text) => f.write_str(text)?,
                Segment::Parameter {
                    name,
                    constraint,
                    optional,
                } => {
                    write!(f, "{{{name}")?;
                    if let Some(constraint) = constraint {
                        write!(f, ":{}", constraint.as_str())?;
                    }
                    f.write_str(if *optional { "?}" } else { "}" })?;
                }
                Segment::CatchAll { name } => write!(f, "{{*{name}}}")?,
            }
        }
        Ok(())
    }
}

impl TryFrom<String> for RouteTemplate {
    type Error = InvalidRoute;

    fn try_from(text: String) -> Result<Self, InvalidRoute> {
        text.parse()
    }
}

impl From<RouteTemplate> for String {
    fn from(route: RouteTemplate) -> Self {
        route.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_written_as_it_was_read() {
        for text in ["", "hello", "orders/{id:int}/{*rest}", "a/{b}/{c:guid?}"] {
            assert_eq!(text.parse::<RouteTemplate>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn refuses_with_a_reason() {
        let fault = |text: &str| text.parse::<RouteTemplate>().unwrap_err();
        assert_eq!(fault("/a"), InvalidRoute::LeadingSlash);
        assert_eq!(fault("a//b"), InvalidRoute::EmptySegment);
        assert_eq!(fault("a/../b"), InvalidRoute::EmptySegment);
        assert_eq!(fault("a?b"), InvalidRoute::Character('?'));
        assert_eq!(fault("x{a}"), InvalidRoute::Braces("x{a}".into()));
        assert_eq!(fault("{1}"), InvalidRoute::ParameterName("1".into()));
        assert_eq!(fault("{a}/{A}"), InvalidRoute::Duplicate("A".into()));
        assert_eq!(fault("{a:date}"), InvalidRoute::Constraint("date".into()));
        assert_eq!(fault("{*a}/b"), InvalidRoute::NotLast);
        assert_eq!(fault("{a?}/b"), InvalidRoute::NotLast);
        assert_eq!(fault(&"a/".repeat(40)), InvalidRoute::TooLong);
    }

    #[test]
    fn constraints_tell_values_apart() {
        assert!(Constraint::Int.accepts("-7") && !Constraint::Int.accepts("3000000000"));
        assert!(Constraint::Long.accepts("3000000000"));
        assert!(Constraint::Double.accepts("1.5") && !Constraint::Double.accepts("nan"));
        assert!(Constraint::Guid.accepts("123e4567-e89b-12d3-a456-426614174000"));
        assert!(!Constraint::Guid.accepts("123e4567e89b12d3a456426614174000"));
        assert!(Constraint::Alpha.accepts("abc") && !Constraint::Alpha.accepts("a1"));
        assert!(Constraint::Bool.accepts("True") && !Constraint::Bool.accepts("1"));
    }

    #[test]
    fn equal_shapes_accept_the_same_paths() {
        let shape = |text: &str| text.parse::<RouteTemplate>().unwrap().shape();
        assert_eq!(shape("Orders/{id:int}"), shape("orders/{number:int}"));
        assert_ne!(shape("orders/{id:int}"), shape("orders/{id}"));
    }
}
