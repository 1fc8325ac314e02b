//! JSON text to a value, with the keys that stand twice in one object.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};

use crate::value::Value;

use super::fault::{Fault, child};

/// Longer than any definition that a node takes.
const LENGTH_MAX: usize = 16 << 20;

/// The value, and a warning per key that a later one replaces.
pub(super) fn parse(text: &str) -> Result<(Value, Vec<Fault>), Fault> {
    if text.len() > LENGTH_MAX {
        let message = format!("The document is longer than {LENGTH_MAX} bytes.");
        return Err(Fault::error("", message));
    }
    let text = text.trim_start_matches('\u{feff}');
    let value: Value = match serde_json::from_str(text) {
        Ok(value) => value,
        Err(error) => {
            // Deployment templates may hold comments.
            let bare = without_comments(text);
            serde_json::from_str(&bare).map_err(|_| {
                let message = format!("The document is not JSON: {error}.");
                Fault::error("", message)
            })?
        }
    };
    let mut found = Vec::new();
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let seed = Duplicates {
        pointer: String::new(),
        found: &mut found,
    };
    // Text with comments was read another way: no duplicates are looked for.
    let _ = seed.deserialize(&mut deserializer);
    let faults = found.into_iter().map(|pointer| {
        Fault::warning(
            pointer,
            "The property stands twice in its object; the later one counts.",
        )
    });
    Ok((value, faults.collect()))
}

/// Comments become blanks, so that positions stay.
fn without_comments(text: &str) -> String {
    let mut bare = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    let mut quoted = false;
    while let Some(char) = chars.next() {
        match (char, chars.peek()) {
            ('\\', _) if quoted => {
                bare.push(char);
                bare.extend(chars.next());
            }
            ('"', _) => {
                quoted = !quoted;
                bare.push(char);
            }
            ('/', Some('/')) if !quoted => {
                while chars.next_if(|c| *c != '\n').is_some() {
                    bare.push(' ');
                }
            }
            ('/', Some('*')) if !quoted => {
                let mut before = ' ';
                for inside in chars.by_ref() {
                    bare.push(if inside == '\n' { '\n' } else { ' ' });
                    if before == '*' && inside == '/' {
                        break;
                    }
                    before = inside;
                }
            }
            _ => bare.push(char),
        }
    }
    bare
}

struct Duplicates<'f> {
    pointer: String,
    found: &'f mut Vec<String>,
}

impl<'de> DeserializeSeed<'de> for Duplicates<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Duplicates<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<(), A::Error> {
        for index in 0.. {
            let item = Duplicates {
                pointer: format!("{}/{index}", self.pointer),
                found: self.found,
            };
            if sequence.next_element_seed(item)?.is_none() {
                break;
            }
        }
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let mut seen = std::collections::HashSet::new();
        while let Some(key) = map.next_key::<String>()? {
            let pointer = child(&self.pointer, &key);
            if !seen.insert(key) {
                self.found.push(pointer.clone());
            }
            map.next_value_seed(Duplicates {
                pointer,
                found: self.found,
            })?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_that_stand_twice_are_named() {
        let (value, faults) = parse(r#"{"a": [{"b/": 1, "b/": 2}]}"#).expect("JSON");
        assert_eq!(value.to_string(), r#"{"a":[{"b/":2}]}"#);
        assert_eq!(faults.len(), 1);
        assert_eq!(faults[0].pointer, "/a/0/b~1");
    }

    #[test]
    fn comments_are_no_content() {
        let text = "{ // one\n \"a\": \"//no\" /* two\n*/, \"b\\\"\": 1 }";
        let (value, _) = parse(text).expect("JSON with comments");
        assert_eq!(value.to_string(), r#"{"a":"//no","b\"":1}"#);
        assert!(parse("{ /").is_err());
        assert!(parse(&"[".repeat(100_000)).is_err());
    }
}
