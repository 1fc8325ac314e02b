//! The expressions of deployment templates: `[concat(parameters('x'), '-app')]`.
//!
//! Their grammar is ours and many of their functions are too; the others are here. What only a
//! deployment knows (keys of resources, parameters without a value) becomes a placeholder that says
//! what it stands for, since a definition can be sound without it.

use crate::value::Value;

use super::ast::{Call, Expr, Node};
use super::budget::Budget;
use super::context::Context;
use super::error::EvalError;
use super::functions::{self, Invocation, Run};
use super::lexer::Cursor;
use super::parser;

/// How deep calls may nest, across the variables that they lead to.
const DEPTH_MAX: usize = 150;

/// How every placeholder starts.
const MARK: &str = "__unresolved.";

/// What a deployment knows.
pub(crate) trait Deployment {
    /// The value of a parameter, its default included; strings in it are expressions perhaps.
    fn parameter(&self, name: &str) -> Option<Value>;

    fn variable(&self, name: &str) -> Option<Value>;

    /// `subscriptionId`, `resourceGroup`, `location`, `deployment`, `tenantId`.
    fn fact(&self, name: &str) -> Option<String>;
}

/// An expression that was read.
#[derive(Debug)]
pub(crate) struct DeploymentExpression {
    expr: Expr,
}

impl DeploymentExpression {
    /// `None` where the text is no expression of a deployment: it has no brackets around it, is
    /// written wrongly, or calls what no deployment has.
    pub(crate) fn parse(text: &str) -> Option<DeploymentExpression> {
        let inside = text.strip_prefix('[')?.strip_suffix(']')?;
        if inside.starts_with('[') {
            return None;
        }
        let mut cursor = Cursor::new(inside);
        let expr = parser::expression(&mut cursor).ok()?;
        let mut known = cursor.peek().is_none();
        let mut calls = 0;
        expr.visit_calls(&mut |call, _| {
            calls += 1;
            known &= is_function(&call.name);
        });
        (known && calls > 0).then_some(DeploymentExpression { expr })
    }

    /// The value, and the names of placeholders in it.
    pub(crate) fn evaluate(
        &self,
        deployment: &dyn Deployment,
        budget: &mut Budget,
    ) -> (Value, Vec<String>) {
        let mut evaluation = Evaluation {
            deployment,
            budget,
            depth: 0,
            missing: Vec::new(),
        };
        let value = match evaluation.evaluate(&self.expr) {
            Ok(value) => value,
            Err(_) => evaluation.missing(&name_of(&self.expr)),
        };
        (value, evaluation.missing)
    }

    pub(crate) fn placeholder(&self) -> Value {
        Value::from(placeholder(&name_of(&self.expr)))
    }
}

/// `[[text]` is the text `[text]`.
pub(crate) fn unescaped(text: &str) -> Option<Value> {
    (text.starts_with("[[") && text.ends_with(']')).then(|| Value::from(&text[1..]))
}

/// Whether a text holds a placeholder, so that nothing can be said about it.
pub(crate) fn is_placeholder(text: &str) -> bool {
    text.contains(MARK)
}

/// The text that stands for what is not known, of characters that are safe anywhere.
fn placeholder(name: &str) -> String {
    let safe = |c: char| match c.is_ascii_alphanumeric() || "._-$".contains(c) {
        true => c,
        false => '_',
    };
    let name: String = name.chars().take(100).map(safe).collect();
    format!("{MARK}{name}__")
}

fn name_of(expr: &Expr) -> String {
    match &expr.node {
        Node::Literal(_) => "value".to_owned(),
        Node::Call(call) => match call.arguments.first().map(|argument| &argument.node) {
            Some(Node::Literal(Value::String(name))) => format!("{}.{name}", call.name),
            _ => call.name.to_string(),
        },
        Node::Access { base, .. } => name_of(base),
    }
}

/// Functions that deployments share with workflows.
const SHARED: [&str; 58] = [
    "add",
    "and",
    "array",
    "base64",
    "base64tostring",
    "bool",
    "coalesce",
    "concat",
    "contains",
    "createarray",
    "datauri",
    "datauritostring",
    "div",
    "empty",
    "endswith",
    "equals",
    "first",
    "float",
    "greater",
    "greaterorequals",
    "if",
    "indexof",
    "int",
    "intersection",
    "join",
    "json",
    "last",
    "lastindexof",
    "length",
    "less",
    "lessorequals",
    "max",
    "min",
    "mod",
    "mul",
    "not",
    "or",
    "range",
    "replace",
    "skip",
    "split",
    "startswith",
    "string",
    "sub",
    "substring",
    "take",
    "tolower",
    "toupper",
    "trim",
    "union",
    "uricomponent",
    "uricomponenttostring",
    "guid",
    "format",
    "parameters",
    "variables",
    "padleft",
    "uniquestring",
];

/// Functions that only deployments have.
const OWN: [&str; 39] = [
    "base64tojson",
    "copyindex",
    "createobject",
    "datetimeadd",
    "datetimefromepoch",
    "datetimetoepoch",
    "deployer",
    "deployment",
    "environment",
    "extensionresourceid",
    "false",
    "filter",
    "flatten",
    "items",
    "listaccountsas",
    "listcallbackurl",
    "listkeys",
    "listservicesas",
    "listsecrets",
    "managementgroup",
    "managementgroupresourceid",
    "newguid",
    "null",
    "objectkeys",
    "pickzones",
    "providers",
    "reference",
    "references",
    "resourcegroup",
    "resourceid",
    "shallowmerge",
    "subscription",
    "subscriptionresourceid",
    "tenant",
    "tenantresourceid",
    "true",
    "tryget",
    "uri",
    "utcnow",
];

fn is_function(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    SHARED.contains(&name.as_str()) || OWN.contains(&name.as_str()) || name.starts_with("list")
}

struct Evaluation<'a> {
    deployment: &'a dyn Deployment,
    budget: &'a mut Budget,
    depth: usize,
    missing: Vec<String>,
}

fn text(value: &Value) -> String {
    value.to_text()
}

impl Evaluation<'_> {
    fn missing(&mut self, name: &str) -> Value {
        let value = placeholder(name);
        if !self.missing.contains(&value) {
            self.missing.push(value.clone());
        }
        Value::from(value)
    }

    fn evaluate(&mut self, expr: &Expr) -> Result<Value, EvalError> {
        self.budget.steps(1)?;
        if self.depth == DEPTH_MAX {
            return Err(EvalError::limit("The expression leads too deep."));
        }
        self.depth += 1;
        let value = self.evaluate_node(expr);
        self.depth -= 1;
        value
    }

    fn evaluate_node(&mut self, expr: &Expr) -> Result<Value, EvalError> {
        match &expr.node {
            Node::Literal(value) => Ok(value.clone()),
            Node::Call(call) => self.call(call),
            Node::Access { base, steps } => {
                let mut value = self.evaluate(base)?;
                for step in steps {
                    let key = self.evaluate(&step.key)?;
                    value = self.select(&value, &key);
                }
                Ok(value)
            }
        }
    }

    /// What is not there is not known.
    fn select(&mut self, parent: &Value, key: &Value) -> Value {
        let found = match (parent, key) {
            (Value::Object(object), Value::String(name)) => object.get(name).cloned(),
            (Value::Array(items), key) => {
                let index = key.as_i64().and_then(|index| usize::try_from(index).ok());
                index.and_then(|index| items.get(index).cloned())
            }
            _ => None,
        };
        found.unwrap_or_else(|| {
            let base = parent.as_str().and_then(|text| text.strip_prefix(MARK));
            let base = base.map_or("value", |name| name.trim_end_matches('_'));
            self.missing(&format!("{base}.{}", text(key)))
        })
    }

    fn call(&mut self, call: &Call) -> Result<Value, EvalError> {
        let name = call.name.to_ascii_lowercase();
        if name == "if"
            && let [condition, then, otherwise] = call.arguments.as_slice()
        {
            let chosen = self.evaluate(condition)?.as_bool() == Some(false);
            return self.evaluate(if chosen { otherwise } else { then });
        }
        let arguments: Vec<Value> = call
            .arguments
            .iter()
            .map(|argument| self.evaluate(argument))
            .collect::<Result<_, _>>()?;
        let first = arguments.first().map(text).unwrap_or_default();
        Ok(match name.as_str() {
            "parameters" => self.named(&first, "parameters"),
            "variables" => self.named(&first, "variables"),
            "true" => Value::Bool(true),
            "false" => Value::Bool(false),
            "null" => Value::Null,
            "resourcegroup" => self.resource_group(),
            "subscription" => self.subscription(),
            "deployment" | "deployer" => {
                let name = self.fact("deployment");
                [("name", name)].into_iter().collect()
            }
            "tenant" => [("tenantId", self.fact("tenantId"))].into_iter().collect(),
            "resourceid" => self.resource_id(&arguments, true),
            "subscriptionresourceid" | "tenantresourceid" | "managementgroupresourceid" => {
                self.resource_id(&arguments, false)
            }
            "extensionresourceid" => {
                let (base, rest) = arguments.split_first().ok_or_else(incomplete)?;
                Value::from(format!("{}{}", text(base), path_of(rest)))
            }
            "uniquestring" | "guid" | "newguid" => Value::from(unique(&name, &arguments)),
            "uri" => {
                let relative = arguments.get(1).map(text).unwrap_or_default();
                let base = first.trim_end_matches('/');
                Value::from(format!("{base}/{}", relative.trim_start_matches('/')))
            }
            "format" => Value::from(formatted(&first, arguments.get(1..).unwrap_or_default())),
            "padleft" => Value::from(self.padded(&first, &arguments)?),
            "createobject" => arguments
                .chunks_exact(2)
                .map(|pair| (text(&pair[0]), pair[1].clone()))
                .collect(),
            "length" if matches!(arguments.as_slice(), [Value::Object(_)]) => {
                let count = arguments[0].as_object().map_or(0, |object| object.len());
                Value::Int(i64::try_from(count).unwrap_or(i64::MAX))
            }
            "copyindex" => Value::Int(0),
            _ => self.shared(call, &arguments)?,
        })
    }

    /// A parameter's or variable's value; the expressions in it are evaluated.
    fn named(&mut self, name: &str, group: &str) -> Value {
        let found = match group {
            "parameters" => self.deployment.parameter(name),
            _ => self.deployment.variable(name),
        };
        // In the samples of the peer this variable is what its name says.
        if found.is_none()
            && name
                .trim_start_matches('$')
                .eq_ignore_ascii_case("singlequote")
        {
            return Value::from("'");
        }
        match found {
            Some(value) => self.inside(&value),
            None => self.missing(&format!("{group}.{name}")),
        }
    }

    fn inside(&mut self, value: &Value) -> Value {
        match value {
            Value::String(text) => match DeploymentExpression::parse(text) {
                Some(found) => match self.evaluate(&found.expr) {
                    Ok(value) => value,
                    Err(_) => self.missing(&name_of(&found.expr)),
                },
                None => unescaped(text).unwrap_or_else(|| value.clone()),
            },
            Value::Array(items) => items.iter().map(|item| self.inside(item)).collect(),
            Value::Object(object) => object
                .iter()
                .map(|(key, value)| (key.clone(), self.inside(value)))
                .collect(),
            _ => value.clone(),
        }
    }

    fn fact(&mut self, name: &str) -> Value {
        match self.deployment.fact(name) {
            Some(fact) => Value::from(fact),
            None => self.missing(name),
        }
    }

    fn subscription(&mut self) -> Value {
        let id = self.fact("subscriptionId");
        let path = format!("/subscriptions/{}", text(&id));
        let tenant = self.fact("tenantId");
        [
            ("id", Value::from(path)),
            ("subscriptionId", id),
            ("tenantId", tenant),
        ]
        .into_iter()
        .collect()
    }

    fn resource_group(&mut self) -> Value {
        let (subscription, name) = (self.fact("subscriptionId"), self.fact("resourceGroup"));
        let id = group_path(&subscription, &name);
        let location = self.fact("location");
        [
            ("id", Value::from(id)),
            ("name", name),
            ("location", location),
            ("tags", Value::Object(crate::value::Object::new())),
        ]
        .into_iter()
        .collect()
    }

    /// `[subscription, [group,]] type, name, ...`
    fn resource_id(&mut self, arguments: &[Value], in_group: bool) -> Value {
        let kind = arguments.iter().position(|argument| {
            let text = text(argument);
            text.contains('/') && !text.starts_with('/')
        });
        let (scope, path) = arguments.split_at(kind.unwrap_or(0));
        let subscription = match scope {
            [subscription, _] => subscription.clone(),
            [subscription] if !in_group => subscription.clone(),
            _ => self.fact("subscriptionId"),
        };
        let base = match (in_group, scope.last()) {
            (false, _) => format!("/subscriptions/{}", text(&subscription)),
            (true, Some(group)) => group_path(&subscription, group),
            (true, None) => {
                let group = self.fact("resourceGroup");
                group_path(&subscription, &group)
            }
        };
        Value::from(format!("{base}{}", path_of(path)))
    }

    fn padded(&mut self, value: &str, arguments: &[Value]) -> Result<String, EvalError> {
        let width = arguments.get(1).and_then(Value::as_i64).unwrap_or_default();
        let width = usize::try_from(width).unwrap_or_default();
        let with = arguments.get(2).map_or_else(|| " ".to_owned(), text);
        self.budget.bytes(width as u64)?;
        let missing = width.saturating_sub(value.chars().count());
        let padding: String = with.chars().cycle().take(missing).collect();
        Ok(format!("{padding}{value}"))
    }

    fn shared(&mut self, call: &Call, arguments: &[Value]) -> Result<Value, EvalError> {
        let shared = SHARED.contains(&call.name.to_ascii_lowercase().as_str());
        let Some(function) = call.function.filter(|_| shared) else {
            return Ok(self.missing(&name_of_call(call)));
        };
        if functions::fault(call, 0).is_some() {
            return Err(incomplete());
        }
        let nothing = Context::new(Value::Null, jiff::Timestamp::UNIX_EPOCH, 0);
        let run = match function.run {
            Run::Eager(run) => run,
            Run::Lazy(run) => {
                let literals: Vec<Expr> = arguments.iter().map(literal).collect();
                let mut evaluator = super::eval::Evaluator {
                    scope: &nothing,
                    budget: self.budget,
                };
                return run(&mut evaluator, &literals);
            }
        };
        let mut invocation = Invocation {
            function,
            scope: &nothing,
            budget: self.budget,
        };
        let value = run(&mut invocation, arguments)?;
        self.budget.bytes(value.weight())?;
        self.budget.depth(value.depth())?;
        Ok(value)
    }
}

fn literal(value: &Value) -> Expr {
    Expr {
        node: Node::Literal(value.clone()),
        offset: 0,
    }
}

fn name_of_call(call: &Call) -> String {
    match call.arguments.first().map(|argument| &argument.node) {
        Some(Node::Literal(Value::String(name))) => format!("{}.{name}", call.name),
        _ => call.name.to_string(),
    }
}

fn incomplete() -> EvalError {
    EvalError::invalid("The function lacks arguments.")
}

fn group_path(subscription: &Value, group: &Value) -> String {
    format!(
        "/subscriptions/{}/resourceGroups/{}",
        text(subscription),
        text(group)
    )
}

/// `type/subtype, name, subname` as `/providers/type/name/subtype/subname`.
fn path_of(arguments: &[Value]) -> String {
    let Some((kind, names)) = arguments.split_first() else {
        return String::new();
    };
    let kind = text(kind);
    let mut segments = kind.split('/');
    let mut path = format!("/providers/{}", segments.next().unwrap_or_default());
    let mut names = names.iter();
    for segment in segments {
        path.push_str(&format!("/{segment}"));
        if let Some(name) = names.next() {
            path.push_str(&format!("/{}", text(name)));
        }
    }
    path
}

/// The same text for the same arguments: thirteen letters and digits, or a GUID.
fn unique(name: &str, arguments: &[Value]) -> String {
    let mut hash: u128 = 0x6c62_272e_07bb_0142_62b8_2175_6295_c58d;
    for argument in arguments {
        for byte in text(argument).bytes().chain([0]) {
            hash ^= u128::from(byte);
            hash = hash.wrapping_mul(0x0000_0000_0100_0000_0000_0000_0000_013b);
        }
    }
    let digits = format!("{hash:032x}");
    match name {
        "uniquestring" => {
            const LETTERS: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";
            let letter = |index: u32| char::from(LETTERS[((hash >> (index * 5)) & 31) as usize]);
            (0..13).map(letter).collect()
        }
        _ => [0..8, 8..12, 12..16, 16..20, 20..32]
            .map(|part| &digits[part])
            .join("-"),
    }
}

/// `{0}` is the first argument; what follows a colon in the braces is ignored.
fn formatted(pattern: &str, arguments: &[Value]) -> String {
    let mut shown = String::new();
    let mut rest = pattern;
    while let Some(at) = rest.find(['{', '}']) {
        shown.push_str(&rest[..at]);
        let found = &rest[at..];
        if found.starts_with("{{") || found.starts_with("}}") {
            shown.push_str(&found[..1]);
            rest = &found[2..];
            continue;
        }
        let inside = found.strip_prefix('{').and_then(|f| f.split_once('}'));
        let argument = inside.and_then(|(inside, _)| {
            let index = inside.split([':', ',']).next()?.parse::<usize>().ok()?;
            arguments.get(index)
        });
        match (inside, argument) {
            (Some((_, after)), Some(argument)) => {
                shown.push_str(&text(argument));
                rest = after;
            }
            _ => {
                shown.push_str(&found[..1]);
                rest = &found[1..];
            }
        }
    }
    shown.push_str(rest);
    shown
}
