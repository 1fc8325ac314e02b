//! Chooses among route templates: literal before constrained parameter before parameter before
//! catch-all, from left to right.
//!
//! A tree with one level for each segment, walked depth first with backtracking. Each node is
//! visited at most once for a path, since a path reaches it in one way only, so a look-up is never
//! dearer than the number of templates' segments.

use std::borrow::Cow;
use std::collections::HashMap;

use http::Method;
use percent_encoding::percent_decode_str;
use weft_app::{Constraint, RouteTemplate, Segment};

/// Templates with what they lead to.
#[derive(Debug)]
pub struct RouteTable<T> {
    root: Node<T>,
}

/// The answer to a look-up.
#[derive(Debug, PartialEq, Eq)]
pub enum Match<'a, T> {
    Found(&'a T),
    /// Templates match the path, none of them takes the method; these are taken.
    MethodNotAllowed(Vec<Method>),
    NotFound,
}

#[derive(Debug)]
struct Node<T> {
    /// By lower-case text.
    literals: HashMap<Box<str>, Self>,
    /// Constrained ones first.
    parameters: Vec<(Option<Constraint>, Self)>,
    ends: Vec<Entry<T>>,
    /// Of templates that accept whatever follows.
    catch_alls: Vec<Entry<T>>,
}

#[derive(Debug, Clone)]
struct Entry<T> {
    /// Every method when empty.
    methods: Vec<Method>,
    value: T,
}

impl<T> Default for Node<T> {
    fn default() -> Self {
        Self {
            literals: HashMap::new(),
            parameters: Vec::new(),
            ends: Vec::new(),
            catch_alls: Vec::new(),
        }
    }
}

impl<T> Default for RouteTable<T> {
    fn default() -> Self {
        Self {
            root: Node::default(),
        }
    }
}

impl<T: Clone> RouteTable<T> {
    /// Adds a template; an empty list of methods takes them all. Of two templates that match the
    /// same path equally well the one added first is chosen.
    pub fn insert(&mut self, template: &RouteTemplate, methods: Vec<Method>, value: T) {
        let entry = Entry { methods, value };
        let mut node = &mut self.root;
        for segment in template.segments() {
            match segment {
                Segment::Literal(text) => {
                    let text = text.to_lowercase().into_boxed_str();
                    node = node.literals.entry(text).or_default();
                }
                Segment::Parameter {
                    constraint,
                    optional,
                    ..
                } => {
                    if *optional {
                        node.ends.push(entry.clone());
                    }
                    node = node.parameter(*constraint);
                }
                Segment::CatchAll { .. } => {
                    node.catch_alls.push(entry);
                    return;
                }
            }
        }
        node.ends.push(entry);
    }

    /// Finds what a path below `/api/` leads to. A trailing slash is ignored; percent-encoding is
    /// decoded after the path has been divided, so that an encoded slash divides nothing.
    #[must_use]
    pub fn find(&self, path: &str, method: &Method) -> Match<'_, T> {
        let path = path.strip_suffix('/').unwrap_or(path);
        let segments: Option<Vec<_>> = if path.is_empty() {
            Some(Vec::new())
        } else {
            let decode = |segment| percent_decode_str(segment).decode_utf8().ok();
            path.split('/').map(decode).collect()
        };
        let Some(segments) = segments else {
            return Match::NotFound;
        };
        let mut allowed = Vec::new();
        match self.root.find(&segments, method, &mut allowed) {
            Some(value) => Match::Found(value),
            None if allowed.is_empty() => Match::NotFound,
            None => {
                allowed.sort_by(|a, b| a.as_str().cmp(b.as_str()));
                allowed.dedup();
                Match::MethodNotAllowed(allowed)
            }
        }
    }
}

impl<T> Node<T> {
    fn parameter(&mut self, constraint: Option<Constraint>) -> &mut Self {
        let known = self
            .parameters
            .iter()
            .position(|(own, _)| *own == constraint);
        let index = known.unwrap_or_else(|| {
            let index = match constraint {
                Some(_) => 0,
                None => self.parameters.len(),
            };
            self.parameters.insert(index, (constraint, Self::default()));
            index
        });
        &mut self.parameters[index].1
    }

    fn find(
        &self,
        segments: &[Cow<'_, str>],
        method: &Method,
        allowed: &mut Vec<Method>,
    ) -> Option<&T> {
        let Some((first, rest)) = segments.split_first() else {
            return choose(&self.ends, method, allowed)
                .or_else(|| choose(&self.catch_alls, method, allowed));
        };
        let literal = match self.literals.get(first.as_ref()) {
            Some(node) => Some(node),
            None => self.literals.get(first.to_lowercase().as_str()),
        };
        literal
            .and_then(|node| node.find(rest, method, allowed))
            .or_else(|| {
                let accepts = |constraint: &Option<Constraint>| match constraint {
                    Some(constraint) => constraint.accepts(first),
                    None => !first.is_empty(),
                };
                let mut nodes = self.parameters.iter().filter(|(c, _)| accepts(c));
                nodes.find_map(|(_, node)| node.find(rest, method, allowed))
            })
            .or_else(|| choose(&self.catch_alls, method, allowed))
    }
}

fn choose<'a, T>(
    entries: &'a [Entry<T>],
    method: &Method,
    allowed: &mut Vec<Method>,
) -> Option<&'a T> {
    let takes = |entry: &&Entry<T>| entry.methods.is_empty() || entry.methods.contains(method);
    let found = entries.iter().find(takes);
    if found.is_none() {
        allowed.extend(entries.iter().flat_map(|entry| entry.methods.clone()));
    }
    found.map(|entry| &entry.value)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A table whose values are the templates, each written `METHODS template` or `template`.
    fn table(templates: &[&'static str]) -> RouteTable<&'static str> {
        let mut table = RouteTable::default();
        for written in templates {
            let (methods, template) = written.split_once(' ').unwrap_or(("", written));
            let methods = methods.split(',').filter(|m| !m.is_empty());
            let methods = methods.map(|m| m.parse().unwrap()).collect();
            table.insert(&template.parse().unwrap(), methods, template);
        }
        table
    }

    fn check(templates: &[&'static str], request: &str, expected: &str) {
        let (method, path) = request.split_once(' ').unwrap();
        let answer = match table(templates).find(path, &method.parse().unwrap()) {
            Match::Found(template) => (*template).to_owned(),
            Match::MethodNotAllowed(methods) => format!("405 {methods:?}"),
            Match::NotFound => "404".to_owned(),
        };
        assert_eq!(answer, expected, "{request}");
    }

    #[test]
    fn the_more_literal_template_wins_whatever_the_order() {
        let templates = ["{*rest}", "orders/{id}", "orders/{id:int}", "orders/new"];
        check(&templates, "GET orders/new", "orders/new");
        check(&templates, "GET Orders/NEW", "orders/new");
        check(&templates, "GET orders/7", "orders/{id:int}");
        check(&templates, "GET orders/x", "orders/{id}");
        check(&templates, "GET orders", "{*rest}");
        check(&templates, "GET ", "{*rest}");
        check(&templates, "GET orders/x/y", "{*rest}");
    }

    #[test]
    fn goes_back_where_a_literal_leads_nowhere() {
        let templates = ["a/b/c", "{x}/b/d"];
        check(&templates, "GET a/b/d", "{x}/b/d");
        check(&templates, "GET a/b/e", "404");
    }

    #[test]
    fn optional_parameters_and_catch_alls_match_nothing_too() {
        let templates = ["a/{id:int?}", "b/{*rest}"];
        check(&templates, "GET a", "a/{id:int?}");
        check(&templates, "GET a/", "a/{id:int?}");
        check(&templates, "GET a/1", "a/{id:int?}");
        check(&templates, "GET a/x", "404");
        check(&templates, "GET b", "b/{*rest}");
        check(&templates, "GET b/c/d", "b/{*rest}");
    }

    #[test]
    fn tells_a_wrong_method_from_a_wrong_path() {
        let templates = ["GET,HEAD a/{id}", "POST a/{id:int}"];
        check(&templates, "POST a/1", "a/{id:int}");
        check(&templates, "GET a/1", "a/{id}");
        check(&templates, "DELETE a/1", "405 [GET, HEAD, POST]");
        check(&templates, "POST a/x", "405 [GET, HEAD]");
        check(&templates, "POST b", "404");
    }

    #[test]
    fn decodes_each_segment_by_itself() {
        let templates = ["käse/{name}"];
        check(&templates, "GET k%C3%A4se/a%2Fb", "käse/{name}");
        check(&templates, "GET k%C3%A4se%2Fa", "404");
        check(&templates, "GET k%FFse/a", "404");
        check(&templates, "GET k%C3%A4se//", "404");
    }
}
