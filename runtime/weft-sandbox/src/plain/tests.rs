//! Values of generated types survive the way through JSON, and fit the schema that is made of their
//! type; what does not fit is named.

use proptest::prelude::*;
use serde_json::{Value, json};
use wasmtime::component::Val;

use super::docs::Docs;
use super::json::{At, from_json, read, to_json};
use super::schema::schema;
use super::shape::{Integer, Shape};

fn names(count: usize) -> Vec<String> {
    (0..count).map(|number| format!("name-{number}")).collect()
}

fn shapes() -> impl Strategy<Value = Shape> {
    let integers = prop::sample::select(vec![
        Integer::S8,
        Integer::U8,
        Integer::S16,
        Integer::U16,
        Integer::S32,
        Integer::U32,
        Integer::S64,
        Integer::U64,
    ]);
    let leaf = prop_oneof![
        Just(Shape::Bool),
        integers.prop_map(Shape::Integer),
        Just(Shape::F32),
        Just(Shape::F64),
        Just(Shape::Char),
        Just(Shape::String),
        (1_usize..5).prop_map(|count| Shape::Enum(names(count))),
        (1_usize..9).prop_map(|count| Shape::Flags(names(count))),
    ];
    leaf.prop_recursive(5, 40, 4, |inner| {
        let boxed = inner.clone().prop_map(Box::new).boxed();
        let optional = prop::option::of(boxed.clone());
        let cases = prop::collection::vec(prop::option::of(inner.clone()), 1..4);
        let fields = prop::collection::vec(inner.clone(), 1..4);
        prop_oneof![
            boxed.clone().prop_map(Shape::List),
            (boxed.clone(), 1_u32..4).prop_map(|(of, len)| Shape::FixedList(of, len)),
            (Just(Box::new(Shape::String)), boxed.clone()).prop_map(|(k, v)| Shape::Map(k, v)),
            fields.clone().prop_map(Shape::Tuple),
            fields.prop_map(|of| Shape::Record(names(of.len()).into_iter().zip(of).collect())),
            cases.prop_map(|of| Shape::Variant(names(of.len()).into_iter().zip(of).collect())),
            boxed.clone().prop_map(Shape::Option),
            (optional.clone(), optional).prop_map(|(ok, err)| Shape::Result(ok, err)),
            boxed.prop_map(|of| Shape::Named("thing".to_owned(), of)),
        ]
    })
}

fn integers(of: Integer) -> BoxedStrategy<Val> {
    match of {
        Integer::S8 => any::<i8>().prop_map(Val::S8).boxed(),
        Integer::U8 => any::<u8>().prop_map(Val::U8).boxed(),
        Integer::S16 => any::<i16>().prop_map(Val::S16).boxed(),
        Integer::U16 => any::<u16>().prop_map(Val::U16).boxed(),
        Integer::S32 => any::<i32>().prop_map(Val::S32).boxed(),
        Integer::U32 => any::<u32>().prop_map(Val::U32).boxed(),
        Integer::S64 => any::<i64>().prop_map(Val::S64).boxed(),
        Integer::U64 => any::<u64>().prop_map(Val::U64).boxed(),
    }
}

fn values(shape: &Shape) -> BoxedStrategy<Val> {
    let optional = |of: &Option<Box<Shape>>| match of {
        Some(of) => values(of).prop_map(|value| Some(Box::new(value))).boxed(),
        None => Just(None).boxed(),
    };
    match shape {
        Shape::Bool => any::<bool>().prop_map(Val::Bool).boxed(),
        Shape::Integer(of) => integers(*of),
        Shape::F32 => (prop::num::f32::ANY).prop_map(Val::Float32).boxed(),
        Shape::F64 => (prop::num::f64::ANY).prop_map(Val::Float64).boxed(),
        Shape::Char => any::<char>().prop_map(Val::Char).boxed(),
        Shape::String => any::<String>().prop_map(Val::String).boxed(),
        Shape::List(of) => prop::collection::vec(values(of), 0..4)
            .prop_map(Val::List)
            .boxed(),
        Shape::FixedList(of, len) => prop::collection::vec(values(of), *len as usize)
            .prop_map(Val::FixedLengthList)
            .boxed(),
        Shape::Map(key, of) => prop::collection::vec((values(key), values(of)), 0..3)
            .prop_map(Val::Map)
            .boxed(),
        Shape::Tuple(of) => {
            let items: Vec<_> = of.iter().map(values).collect();
            items.prop_map(Val::Tuple).boxed()
        }
        Shape::Record(fields) => {
            let items: Vec<_> = fields.iter().map(|(_, of)| values(of)).collect();
            let names: Vec<_> = fields.iter().map(|(name, _)| name.clone()).collect();
            items
                .prop_map(move |items| Val::Record(names.iter().cloned().zip(items).collect()))
                .boxed()
        }
        Shape::Variant(cases) => {
            let cases = cases.iter().map(|(name, of)| {
                let name = name.clone();
                optional(&of.clone().map(Box::new))
                    .prop_map(move |payload| Val::Variant(name.clone(), payload))
                    .boxed()
            });
            prop::strategy::Union::new(cases.collect::<Vec<_>>()).boxed()
        }
        Shape::Enum(names) => prop::sample::select(names.clone())
            .prop_map(Val::Enum)
            .boxed(),
        Shape::Option(of) => prop::option::of(values(of))
            .prop_map(|value| Val::Option(value.map(Box::new)))
            .boxed(),
        Shape::Result(ok, err) => prop_oneof![
            optional(ok).prop_map(|value| Val::Result(Ok(value))),
            optional(err).prop_map(|value| Val::Result(Err(value))),
        ]
        .boxed(),
        Shape::Flags(names) => prop::sample::subsequence(names.clone(), 0..=names.len())
            .prop_map(Val::Flags)
            .boxed(),
        Shape::Named(_, of) => values(of),
    }
}

/// As much of JSON Schema as the schemas here use.
fn fits(value: &Value, schema: &Value) -> bool {
    let all = |key: &str| schema[key].as_array();
    if let Some(choices) = all("enum") {
        return choices.contains(value);
    }
    if let Some(constant) = schema.get("const") {
        return constant == value;
    }
    if let Some(choices) = all("anyOf") {
        return choices.iter().any(|choice| fits(value, choice));
    }
    if let Some(choices) = all("oneOf") {
        return choices.iter().filter(|choice| fits(value, choice)).count() == 1;
    }
    match schema["type"].as_str() {
        Some("boolean") => value.is_boolean(),
        Some("null") => value.is_null(),
        Some("number") => value.is_number(),
        Some("integer") => {
            let whole = |value: &Value| {
                let signed = value.as_i64().map(i128::from);
                signed.or_else(|| value.as_u64().map(i128::from))
            };
            let (least, greatest) = (&schema["minimum"], &schema["maximum"]);
            whole(value).is_some_and(|it| {
                whole(least).is_some_and(|min| min <= it)
                    && whole(greatest).is_some_and(|max| it <= max)
            })
        }
        Some("string") => value.as_str().is_some_and(|text| {
            let max = schema["maxLength"].as_u64();
            max.is_none_or(|max| text.chars().count() as u64 <= max)
        }),
        Some("array") => value.as_array().is_some_and(|items| {
            let first = all("prefixItems").map_or(&[][..], Vec::as_slice);
            let len = items.len() as u64;
            schema["minItems"].as_u64().is_none_or(|min| min <= len)
                && schema["maxItems"].as_u64().is_none_or(|max| len <= max)
                && items
                    .iter()
                    .enumerate()
                    .all(|(at, item)| match first.get(at) {
                        Some(schema) => fits(item, schema),
                        None => schema["items"] != false && fits(item, &schema["items"]),
                    })
        }),
        Some("object") => value.as_object().is_some_and(|object| {
            let properties = &schema["properties"];
            let required = all("required").map_or(&[][..], Vec::as_slice);
            required
                .iter()
                .all(|name| object.contains_key(name.as_str().unwrap()))
                && object.iter().all(|(name, value)| {
                    let known = properties.get(name);
                    known.is_some_and(|schema| fits(value, schema))
                })
        }),
        _ => false,
    }
}

/// Equal, bits of floats included; every NaN counts as one.
fn same(a: &Val, b: &Val) -> bool {
    let all = |a: &[Val], b: &[Val]| a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b));
    let both = |a: &Option<Box<Val>>, b: &Option<Box<Val>>| match (a, b) {
        (Some(a), Some(b)) => same(a, b),
        (None, None) => true,
        _ => false,
    };
    match (a, b) {
        (Val::Float32(a), Val::Float32(b)) => {
            a.to_bits() == b.to_bits() || a.is_nan() && b.is_nan()
        }
        (Val::Float64(a), Val::Float64(b)) => {
            a.to_bits() == b.to_bits() || a.is_nan() && b.is_nan()
        }
        (Val::List(a), Val::List(b))
        | (Val::Tuple(a), Val::Tuple(b))
        | (Val::FixedLengthList(a), Val::FixedLengthList(b)) => all(a, b),
        (Val::Map(a), Val::Map(b)) => {
            a.len() == b.len()
                && a.iter()
                    .zip(b)
                    .all(|(a, b)| same(&a.0, &b.0) && same(&a.1, &b.1))
        }
        (Val::Record(a), Val::Record(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a.0 == b.0 && same(&a.1, &b.1))
        }
        (Val::Variant(a, x), Val::Variant(b, y)) => a == b && both(x, y),
        (Val::Option(a), Val::Option(b)) => both(a, b),
        (Val::Result(Ok(a)), Val::Result(Ok(b))) | (Val::Result(Err(a)), Val::Result(Err(b))) => {
            both(a, b)
        }
        (a, b) => a == b,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn values_survive_the_way_through_json_text(
        (shape, value) in shapes().prop_flat_map(|shape| {
            let values = values(&shape);
            (Just(shape), values)
        })
    ) {
        let text = to_json(&value, &shape).to_string();
        let json: Value = serde_json::from_str(&text).unwrap();
        prop_assert!(fits(&json, &schema(&shape, &Docs::default())), "{json} does not fit {shape:?}");
        let back = from_json(&json, &shape, &At::Whole).unwrap();
        prop_assert!(same(&value, &back), "{value:?} became {text} and {back:?}");
    }

    #[test]
    fn any_json_is_read_or_refused(shape in shapes(), text in "[\\[\\]{}\":,0-9a-z-]{0,40}") {
        if let Ok(json) = serde_json::from_str::<Value>(&text)
            && let Ok(value) = from_json(&json, &shape, &At::Whole)
        {
            let again = from_json(&to_json(&value, &shape), &shape, &At::Whole).unwrap();
            prop_assert!(same(&value, &again));
        }
    }
}

#[test]
fn what_does_not_fit_is_named() {
    let point = Shape::Named(
        "point".to_owned(),
        Box::new(Shape::Record(vec![
            ("x".to_owned(), Shape::Integer(Integer::U8)),
            ("note".to_owned(), Shape::Option(Box::new(Shape::String))),
        ])),
    );
    let list = Shape::List(Box::new(point));
    let refused = |value: Value| from_json(&value, &list, &At::Whole).unwrap_err();
    assert_eq!(refused(json!({})), "it is not a list");
    assert_eq!(
        refused(json!([{"x": 1}, 2])),
        "it[1] is not an object (point)"
    );
    assert_eq!(refused(json!([{}])), "it[0] lacks \"x\"");
    assert_eq!(
        refused(json!([{"x": 256}])),
        "it[0].x is not a whole number from 0 to 255"
    );
    assert_eq!(
        refused(json!([{"x": 1, "y": 1}])),
        "it[0] has no \"y\" (known names: x, note)"
    );
    assert_eq!(
        refused(json!([{"x": 1, "note": 1}])),
        "it[0].note is not a text"
    );
}

#[test]
fn a_text_of_too_many_values_is_not_read() {
    let list = |items: usize| format!("[{}0]", "0,".repeat(items));
    assert!(read(&list(900_000)).is_ok());
    assert!(
        read(&list(1_100_000))
            .unwrap_err()
            .contains("more than 1000000")
    );
    // Commas within a text are no values.
    let text = format!("\"{}\\\",\"", ",".repeat(1_100_000));
    assert!(read(&text).is_ok());
}

#[test]
fn numbers_of_64_bits_may_come_as_text() {
    let shape = Shape::Integer(Integer::U64);
    let most = json!("18446744073709551615");
    assert_eq!(from_json(&most, &shape, &At::Whole), Ok(Val::U64(u64::MAX)));
    assert!(from_json(&json!(1.5), &shape, &At::Whole).is_err());
    assert!(from_json(&json!("-1"), &shape, &At::Whole).is_err());
}
