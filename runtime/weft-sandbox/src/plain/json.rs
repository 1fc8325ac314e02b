//! Values of WIT types to JSON and back.
//!
//! | WIT | JSON |
//! |---|---|
//! | integers | numbers; 64 bits also as a text of digits, on the way in |
//! | floats | numbers; `"NaN"`, `"Infinity"`, `"-Infinity"` |
//! | `char`, `string`, enum | text |
//! | list, tuple | list |
//! | map | list of pairs |
//! | record | object |
//! | variant | `"case"`, or `{"case": payload}` |
//! | `option<T>` | `null`, or the value; `{"some": ...}` where that is an option itself |
//! | `result<T, E>` | `{"ok": ...}` or `{"err": ...}` |
//! | flags | list of the names that are set |

use std::fmt;

use serde_json::{Map, Number, Value};
use wasmtime::component::Val;

use super::shape::{Integer, Shape};

/// Values of one call, those within others included: some 70 bytes each while they are passed.
const VALUES_MAX: usize = 1_000_000;

/// # Panics
/// When the value is not of that shape, which the engine has checked.
pub(crate) fn to_json(value: &Val, shape: &Shape) -> Value {
    match (shape.bare(), value) {
        (Shape::Bool, Val::Bool(value)) => Value::Bool(*value),
        (Shape::Integer(_), value) => integer(value),
        (Shape::F32, Val::Float32(value)) => float(f64::from(*value)),
        (Shape::F64, Val::Float64(value)) => float(*value),
        (Shape::Char, Val::Char(value)) => Value::String(value.to_string()),
        (Shape::String, Val::String(value)) | (Shape::Enum(_), Val::Enum(value)) => {
            Value::String(value.clone())
        }
        (Shape::List(of), Val::List(items))
        | (Shape::FixedList(of, _), Val::FixedLengthList(items)) => {
            items.iter().map(|item| to_json(item, of)).collect()
        }
        (Shape::Map(key, of), Val::Map(pairs)) => {
            let pairs = pairs.iter();
            pairs
                .map(|(k, v)| Value::Array(vec![to_json(k, key), to_json(v, of)]))
                .collect()
        }
        (Shape::Tuple(shapes), Val::Tuple(items)) => {
            let items = items.iter().zip(shapes);
            items.map(|(item, of)| to_json(item, of)).collect()
        }
        (Shape::Record(shapes), Val::Record(fields)) => {
            let fields = fields.iter().zip(shapes);
            let fields = fields.map(|((name, value), (_, of))| (name.clone(), to_json(value, of)));
            Value::Object(fields.collect())
        }
        (Shape::Variant(cases), Val::Variant(name, payload)) => {
            let of = cases.iter().find(|(case, _)| case == name);
            match (of.and_then(|(_, of)| of.as_ref()), payload) {
                (Some(of), Some(payload)) => single(name, to_json(payload, of)),
                _ => Value::String(name.clone()),
            }
        }
        (Shape::Option(_), Val::Option(None)) => Value::Null,
        (Shape::Option(of), Val::Option(Some(value))) => match of.bare() {
            // `null` would be the outer one's.
            Shape::Option(_) => single("some", to_json(value, of)),
            _ => to_json(value, of),
        },
        (Shape::Result(ok, err), Val::Result(value)) => {
            let (name, of, value) = match value {
                Ok(value) => ("ok", ok, value),
                Err(value) => ("err", err, value),
            };
            let value = value.as_ref().zip(of.as_ref());
            single(name, value.map_or(Value::Null, |(v, of)| to_json(v, of)))
        }
        (Shape::Flags(_), Val::Flags(names)) => names.iter().cloned().map(Value::String).collect(),
        (shape, value) => panic!("{value:?} is not of the type {shape:?}"),
    }
}

fn single(name: &str, value: Value) -> Value {
    Value::Object(Map::from_iter([(name.to_owned(), value)]))
}

fn integer(value: &Val) -> Value {
    match *value {
        Val::S8(value) => value.into(),
        Val::U8(value) => value.into(),
        Val::S16(value) => value.into(),
        Val::U16(value) => value.into(),
        Val::S32(value) => value.into(),
        Val::U32(value) => value.into(),
        Val::S64(value) => value.into(),
        Val::U64(value) => value.into(),
        ref other => panic!("{other:?} is no integer"),
    }
}

fn float(value: f64) -> Value {
    match Number::from_f64(value) {
        Some(number) => Value::Number(number),
        None if value.is_nan() => "NaN".into(),
        None if value > 0.0 => "Infinity".into(),
        None => "-Infinity".into(),
    }
}

/// Where a value stands, which is written down only where something is wrong with it.
#[derive(Debug, Clone, Copy)]
pub(crate) enum At<'a> {
    Whole,
    Name(&'a At<'a>, &'a str),
    Item(&'a At<'a>, usize),
}

impl fmt::Display for At<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Whole => f.write_str("it"),
            Self::Name(of, name) => write!(f, "{of}.{name}"),
            Self::Item(of, n) => write!(f, "{of}[{n}]"),
        }
    }
}

/// How many values a text holds, or a few more: read, short ones take many times their length.
fn values(text: &str) -> usize {
    let (mut values, mut in_string, mut escaped) = (1, false, false);
    for byte in text.bytes() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            b',' | b'[' | b'{' if !in_string => values += 1,
            _ => {}
        }
    }
    values
}

/// # Errors
/// It is no JSON, or holds more than [`VALUES_MAX`] values.
pub(crate) fn read(text: &str) -> Result<Value, String> {
    if text.len() > VALUES_MAX && values(text) > VALUES_MAX {
        return Err(format!("it holds more than {VALUES_MAX} values"));
    }
    serde_json::from_str(text).map_err(|error| error.to_string())
}

/// # Errors
/// What is wrong and where, as the caller should read it.
pub(crate) fn from_json(value: &Value, shape: &Shape, at: &At<'_>) -> Result<Val, String> {
    let fits = |val: Option<Val>| val.ok_or_else(|| format!("{at} is not {}", expected(shape)));
    match shape.bare() {
        Shape::Bool => fits(value.as_bool().map(Val::Bool)),
        Shape::Integer(of) => fits(to_integer(value, *of)),
        Shape::F32 => fits(to_float(value).map(|value| {
            #[expect(
                clippy::cast_possible_truncation,
                reason = "a number with more digits than the type has becomes the nearest one"
            )]
            Val::Float32(value as f32)
        })),
        Shape::F64 => fits(to_float(value).map(Val::Float64)),
        Shape::Char => {
            let mut chars = value.as_str().unwrap_or_default().chars();
            let first = chars.next().filter(|_| chars.next().is_none());
            fits(first.map(Val::Char))
        }
        Shape::String => fits(value.as_str().map(|text| Val::String(text.to_owned()))),
        Shape::Enum(names) => {
            let name = value
                .as_str()
                .filter(|name| names.iter().any(|n| n == name));
            fits(name.map(|name| Val::Enum(name.to_owned())))
        }
        Shape::List(of) => Ok(Val::List(items(value, at, |_| of)?)),
        Shape::FixedList(of, len) => {
            let items = items(value, at, |_| of)?;
            fits((items.len() == *len as usize).then_some(Val::FixedLengthList(items)))
        }
        Shape::Map(key, of) => {
            let pair = Shape::Tuple(vec![(**key).clone(), (**of).clone()]);
            let pairs = items(value, at, |_| &pair)?;
            let pairs = pairs.into_iter().filter_map(|pair| match pair {
                Val::Tuple(pair) => pair.try_into().ok().map(|[k, v]: [Val; 2]| (k, v)),
                _ => None,
            });
            Ok(Val::Map(pairs.collect()))
        }
        Shape::Tuple(shapes) => {
            let list = value.as_array().filter(|list| list.len() == shapes.len());
            let list = list.ok_or_else(|| format!("{at} is not {}", expected(shape)))?;
            let items = list.iter().zip(shapes).enumerate();
            let items = items.map(|(n, (item, of))| from_json(item, of, &At::Item(at, n)));
            Ok(Val::Tuple(items.collect::<Result<_, _>>()?))
        }
        Shape::Record(shapes) => {
            let object = value.as_object();
            let object = object.ok_or_else(|| format!("{at} is not {}", expected(shape)))?;
            Ok(Val::Record(fields(object, shapes, at)?))
        }
        Shape::Variant(cases) => variant(value, cases, shape, at),
        Shape::Option(of) => option(value, of, at),
        Shape::Result(ok, err) => {
            let only = only(value);
            let (name, value) = only.ok_or_else(|| format!("{at} is not {}", expected(shape)))?;
            let of = match name {
                "ok" => ok,
                "err" => err,
                _ => return fits(None),
            };
            let at = At::Name(at, name);
            let payload = match of {
                Some(of) => Some(Box::new(from_json(value, of, &at)?)),
                None if value.is_null() => None,
                None => return Err(format!("{at} has no value: null is expected")),
            };
            Ok(Val::Result(if name == "ok" {
                Ok(payload)
            } else {
                Err(payload)
            }))
        }
        Shape::Flags(names) => {
            let list = value.as_array();
            let set = list.map(|list| list.iter().map(Value::as_str).collect::<Option<Vec<_>>>());
            let set = set
                .flatten()
                .filter(|set| set.iter().all(|s| names.iter().any(|n| n == s)));
            let set = set.ok_or_else(|| format!("{at} is not {}", expected(shape)))?;
            let set = names.iter().filter(|name| set.contains(&name.as_str()));
            Ok(Val::Flags(set.cloned().collect()))
        }
        Shape::Named(..) => unreachable!("`bare` has removed the name"),
    }
}

/// The fields of a record, or the parameters of a function, in their order.
///
/// # Errors
/// One is missing, unknown or of another type.
pub(crate) fn fields(
    object: &Map<String, Value>,
    shapes: &[(String, Shape)],
    at: &At<'_>,
) -> Result<Vec<(String, Val)>, String> {
    if let Some(unknown) = object
        .keys()
        .find(|key| !shapes.iter().any(|(n, _)| n == *key))
    {
        let known: Vec<_> = shapes.iter().map(|(name, _)| name.as_str()).collect();
        let known = known.join(", ");
        return Err(format!("{at} has no {unknown:?} (known names: {known})"));
    }
    let fields = shapes.iter().map(|(name, of)| {
        let value = match object.get(name) {
            Some(value) => from_json(value, of, &At::Name(at, name))?,
            None if of.is_optional() => Val::Option(None),
            None => return Err(format!("{at} lacks {name:?}")),
        };
        Ok((name.clone(), value))
    });
    fields.collect()
}

fn items<'a>(
    value: &Value,
    at: &At<'_>,
    of: impl Fn(usize) -> &'a Shape,
) -> Result<Vec<Val>, String> {
    let list = value
        .as_array()
        .ok_or_else(|| format!("{at} is not a list"))?;
    let items = list.iter().enumerate();
    items
        .map(|(n, item)| from_json(item, of(n), &At::Item(at, n)))
        .collect()
}

/// The one entry of an object that has no other.
fn only(value: &Value) -> Option<(&str, &Value)> {
    let object = value.as_object().filter(|object| object.len() == 1)?;
    object
        .iter()
        .next()
        .map(|(name, value)| (name.as_str(), value))
}

fn variant(
    value: &Value,
    cases: &[(String, Option<Shape>)],
    shape: &Shape,
    at: &At<'_>,
) -> Result<Val, String> {
    let find = |name: &str| cases.iter().find(|(case, _)| case == name);
    let bare = value.as_str().and_then(find).filter(|(_, of)| of.is_none());
    if let Some((name, _)) = bare {
        return Ok(Val::Variant(name.clone(), None));
    }
    if let Some((name, value)) = only(value)
        && let Some((name, Some(of))) = find(name)
    {
        let payload = from_json(value, of, &At::Name(at, name))?;
        return Ok(Val::Variant(name.clone(), Some(Box::new(payload))));
    }
    Err(format!("{at} is not {}", expected(shape)))
}

fn option(value: &Value, of: &Shape, at: &At<'_>) -> Result<Val, String> {
    if value.is_null() {
        return Ok(Val::Option(None));
    }
    let inner = match of.bare() {
        Shape::Option(_) => match only(value) {
            Some(("some", inner)) => inner,
            _ => return Err(format!("{at} is not null or {{\"some\": ...}}")),
        },
        _ => value,
    };
    Ok(Val::Option(Some(Box::new(from_json(inner, of, at)?))))
}

fn to_integer(value: &Value, of: Integer) -> Option<Val> {
    let number = match value {
        Value::Number(number) => {
            let whole = number.as_i64().map(i128::from);
            whole.or_else(|| number.as_u64().map(i128::from))?
        }
        // A number of 64 bits is more than many readers of JSON keep.
        Value::String(digits) if matches!(of, Integer::S64 | Integer::U64) => {
            digits.parse().ok()?
        }
        _ => return None,
    };
    Some(match of {
        Integer::S8 => Val::S8(number.try_into().ok()?),
        Integer::U8 => Val::U8(number.try_into().ok()?),
        Integer::S16 => Val::S16(number.try_into().ok()?),
        Integer::U16 => Val::U16(number.try_into().ok()?),
        Integer::S32 => Val::S32(number.try_into().ok()?),
        Integer::U32 => Val::U32(number.try_into().ok()?),
        Integer::S64 => Val::S64(number.try_into().ok()?),
        Integer::U64 => Val::U64(number.try_into().ok()?),
    })
}

fn to_float(value: &Value) -> Option<f64> {
    match value {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => match text.as_str() {
            "NaN" => Some(f64::NAN),
            "Infinity" => Some(f64::INFINITY),
            "-Infinity" => Some(f64::NEG_INFINITY),
            _ => None,
        },
        _ => None,
    }
}

/// For messages: "is not ...".
fn expected(shape: &Shape) -> String {
    match shape {
        Shape::Named(name, of) => format!("{} ({name})", expected(of)),
        Shape::Bool => "true or false".to_owned(),
        Shape::Integer(of) => {
            let (least, greatest) = of.range();
            format!("a whole number from {least} to {greatest}")
        }
        Shape::F32 | Shape::F64 => "a number".to_owned(),
        Shape::Char => "a text of one character".to_owned(),
        Shape::String => "a text".to_owned(),
        Shape::List(_) => "a list".to_owned(),
        Shape::FixedList(_, len) => format!("a list of {len}"),
        Shape::Map(..) => "a list of pairs".to_owned(),
        Shape::Record(_) => "an object".to_owned(),
        Shape::Tuple(of) => format!("a list of {}", of.len()),
        Shape::Variant(cases) => {
            let cases = cases.iter().map(|(name, of)| match of {
                Some(_) => format!("{{\"{name}\": ...}}"),
                None => format!("\"{name}\""),
            });
            format!("one of {}", cases.collect::<Vec<_>>().join(", "))
        }
        Shape::Enum(names) => format!("one of \"{}\"", names.join("\", \"")),
        Shape::Option(of) => format!("null or {}", expected(of)),
        Shape::Result(..) => "{\"ok\": ...} or {\"err\": ...}".to_owned(),
        Shape::Flags(names) => format!("a list of any of \"{}\"", names.join("\", \"")),
    }
}
