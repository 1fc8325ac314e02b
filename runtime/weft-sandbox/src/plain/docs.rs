//! The documentation of WIT that a component may carry, in the custom section `package-docs`: a byte
//! with the version, then JSON.

use serde_json::Value;
use wasmparser::{Parser, Payload};

const SECTION: &str = "package-docs";
/// More is not read.
const BYTES_MAX: usize = 1 << 20;

/// Of one interface, or of a component's own functions.
#[derive(Debug, Clone, Default)]
pub(crate) struct Docs(Value);

/// Of a whole component.
#[derive(Debug, Default)]
pub(crate) struct Package(Value);

impl Package {
    /// Looks at the component itself, and in what is within it where that has none. What cannot be
    /// read is as good as absent.
    pub(crate) fn of(wasm: &[u8]) -> Self {
        for payload in Parser::new(0).parse_all(wasm) {
            let Ok(payload) = payload else { break };
            if let Payload::CustomSection(section) = payload
                && section.name() == SECTION
                && section.data().len() <= BYTES_MAX
                && let Some((_version, json)) = section.data().split_first()
                && let Ok(value) = serde_json::from_slice(json)
            {
                return Self(value);
            }
        }
        Self::default()
    }

    pub(crate) fn interface(&self, name: &str) -> Docs {
        Docs(self.0["interfaces"][name].clone())
    }

    /// Of the functions that belong to no interface: those of any world.
    pub(crate) fn world(&self) -> Docs {
        let worlds = self.0["worlds"].as_object();
        let world = worlds.and_then(|worlds| worlds.values().next());
        let mut world = world.cloned().unwrap_or_default();
        if let Some(functions) = world.get_mut("func_exports").map(Value::take) {
            world["funcs"] = functions;
        }
        Docs(world)
    }
}

impl Docs {
    pub(crate) fn of_function(&self, name: &str) -> Option<String> {
        text(&self.0["funcs"][name])
    }

    pub(crate) fn of_type(&self, name: &str) -> Option<String> {
        text(&self.0["types"][name])
    }

    /// Of a field or case.
    pub(crate) fn of_item(&self, ty: &str, name: &str) -> Option<String> {
        text(&self.0["types"][ty]["items"][name])
    }
}

/// An entry is its text, or an object that has it.
fn text(entry: &Value) -> Option<String> {
    let text = entry.as_str().or_else(|| entry["docs"].as_str())?;
    Some(text.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documentation_is_found_and_damage_is_ignored() {
        let json = br#"{"interfaces": {"calc": {
            "funcs": {"add": {"docs": "Adds.\n"}},
            "types": {"point": {"docs": "A place.", "items": {"x": "To the right."}}}
        }}}"#;
        let section = |json: &[u8]| {
            let mut body = vec![12];
            body.extend(SECTION.as_bytes());
            body.push(1);
            body.extend(json);
            // A component's head, then the section with its length in two bytes.
            let mut wasm = b"\0asm\x0d\0\x01\0\0".to_vec();
            let len = u16::try_from(body.len()).unwrap();
            wasm.push(u8::try_from(len & 0x7f).unwrap() | 0x80);
            wasm.push(u8::try_from(len >> 7).unwrap());
            wasm.extend(body);
            wasm
        };
        let docs = Package::of(&section(json)).interface("calc");
        assert_eq!(docs.of_function("add").as_deref(), Some("Adds."));
        assert_eq!(docs.of_type("point").as_deref(), Some("A place."));
        assert_eq!(docs.of_item("point", "x").as_deref(), Some("To the right."));
        assert_eq!(docs.of_function("other"), None);
        let none = Package::of(&section(b"{")).interface("calc");
        assert_eq!(none.of_function("add"), None);
    }
}
