//! JSON text that passes through the core unread, or the name of such text that a store keeps apart.

use std::fmt;
use std::sync::Arc;

use serde::de::{self, MapAccess, Visitor};
use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// JSON text, shared and not parsed: one payload stands in an event, a queue and a status at once.
///
/// A store keeps long texts apart and gives back their names; whoever needs the text asks the store
/// for it. The core needs none: it compares lengths, which a name tells as well.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Payload(Form);

#[derive(Clone, PartialEq, Eq, Hash)]
enum Form {
    Text(Arc<str>),
    Kept(Arc<Kept>),
}

/// The name of a text that is kept apart.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Kept {
    /// Of the text.
    pub sha256: [u8; 32],
    /// The length of the text.
    pub bytes: usize,
}

impl Payload {
    #[must_use]
    pub fn null() -> Self {
        Self::from("null")
    }

    /// The text, unless it is kept apart.
    #[must_use]
    pub fn text(&self) -> Option<&str> {
        match &self.0 {
            Form::Text(text) => Some(text),
            Form::Kept(_) => None,
        }
    }

    /// The text, shared, unless it is kept apart.
    #[must_use]
    pub fn shared_text(&self) -> Option<Arc<str>> {
        match &self.0 {
            Form::Text(text) => Some(Arc::clone(text)),
            Form::Kept(_) => None,
        }
    }

    /// Under which name it is kept apart.
    #[must_use]
    pub fn kept(&self) -> Option<&Kept> {
        match &self.0 {
            Form::Text(_) => None,
            Form::Kept(kept) => Some(kept),
        }
    }

    /// Length in bytes.
    #[must_use]
    pub fn len(&self) -> usize {
        match &self.0 {
            Form::Text(text) => text.len(),
            Form::Kept(kept) => kept.bytes,
        }
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl<T: Into<Arc<str>>> From<T> for Payload {
    fn from(text: T) -> Self {
        Self(Form::Text(text.into()))
    }
}

impl From<Kept> for Payload {
    fn from(kept: Kept) -> Self {
        Self(Form::Kept(Arc::new(kept)))
    }
}

impl Kept {
    /// The digest in lower-case hexadecimal digits.
    #[must_use]
    pub fn hex(&self) -> String {
        use fmt::Write as _;
        self.sha256.iter().fold(String::new(), |mut hex, byte| {
            write!(hex, "{byte:02x}").expect("writing to a string does not fail");
            hex
        })
    }

    fn of_hex(hex: &str, bytes: usize) -> Option<Self> {
        let mut sha256 = [0; 32];
        if hex.len() != 2 * sha256.len() || !hex.is_ascii() {
            return None;
        }
        for (byte, digits) in sha256.iter_mut().zip(hex.as_bytes().chunks(2)) {
            let digits = std::str::from_utf8(digits).ok()?;
            *byte = u8::from_str_radix(digits, 16).ok()?;
        }
        Some(Self { sha256, bytes })
    }
}

impl fmt::Display for Kept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<{} bytes kept apart as {}>", self.bytes, self.hex())
    }
}

impl fmt::Debug for Payload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Form::Text(text) => f.write_str(text),
            Form::Kept(kept) => kept.fmt(f),
        }
    }
}

/// A text is a string, a name an object: neither can be taken for the other, whatever the text is.
impl Serialize for Payload {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match &self.0 {
            Form::Text(text) => serializer.serialize_str(text),
            Form::Kept(kept) => {
                let mut map = serializer.serialize_map(Some(2))?;
                map.serialize_entry("sha256", &kept.hex())?;
                map.serialize_entry("bytes", &kept.bytes)?;
                map.end()
            }
        }
    }
}

impl<'de> Deserialize<'de> for Payload {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(TextOrName)
    }
}

struct TextOrName;

impl<'de> Visitor<'de> for TextOrName {
    type Value = Payload;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text or the name of one")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Payload, E> {
        Ok(Payload::from(text))
    }

    fn visit_string<E: de::Error>(self, text: String) -> Result<Payload, E> {
        Ok(Payload::from(text))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Payload, A::Error> {
        let (mut hex, mut bytes) = (None, None);
        while let Some(field) = map.next_key::<String>()? {
            match field.as_str() {
                "sha256" => hex = Some(map.next_value::<String>()?),
                "bytes" => bytes = Some(map.next_value()?),
                _ => {
                    map.next_value::<de::IgnoredAny>()?;
                }
            }
        }
        let hex = hex.ok_or_else(|| de::Error::missing_field("sha256"))?;
        let bytes = bytes.ok_or_else(|| de::Error::missing_field("bytes"))?;
        let kept = Kept::of_hex(&hex, bytes);
        let kept = kept.ok_or_else(|| de::Error::custom("a digest has 64 hexadecimal digits"))?;
        Ok(kept.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_texts_are_told_apart() {
        let kept = Kept {
            sha256: std::array::from_fn(|i| u8::try_from(i * 7).unwrap()),
            bytes: 70_000,
        };
        let name = Payload::from(kept.clone());
        let json = serde_json::to_string(&name).unwrap();
        let text = Payload::from(json.clone());
        let texts = serde_json::to_string(&text).unwrap();
        assert_eq!(serde_json::from_str::<Payload>(&json).unwrap(), name);
        assert_eq!(serde_json::from_str::<Payload>(&texts).unwrap(), text);
        assert_eq!((name.kept(), name.text()), (Some(&kept), None));
        assert_eq!((name.len(), text.text()), (70_000, Some(&*json)));
        for wrong in ["{\"sha256\":\"é0\",\"bytes\":1}", "{\"bytes\":1}", "7"] {
            serde_json::from_str::<Payload>(wrong).unwrap_err();
        }
    }
}
