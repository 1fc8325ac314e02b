//! The app manifest `weft.toml`.

use std::collections::BTreeMap;
use std::str::FromStr;

use schemars::{JsonSchema, Schema, schema_for};
use serde_json::Value;
use weft_id::{App, Component};

use crate::fault::{Fault, Faults, join};
use crate::read::{Object, table};
use crate::retention::SchemaOfRetention;
use crate::{Deployment, Retention, Settings};

/// A manifest that names only what it may.
#[derive(Debug, Clone, PartialEq)]
pub struct Manifest {
    pub name: App,
    pub components: BTreeMap<Component, ManifestComponent>,
    pub functions: BTreeMap<weft_id::Function, ManifestFunction>,
    pub workflows: BTreeMap<weft_id::Function, ManifestWorkflow>,
    pub retention: Retention,
}

/// Where a component comes from.
#[derive(Debug, Clone, PartialEq, Eq, serde::Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ManifestComponent {
    /// The built component, relative to the manifest.
    pub path: String,
    /// The command that builds it, run by a shell in the manifest's folder.
    #[serde(default)]
    pub build: Option<String>,
    /// What `weft build` makes it of, relative to the manifest: the main file of an app in Python
    /// (`.py`), TypeScript or JavaScript (`.ts`, `.js`) or C (`.c`), or the folder of a Go module.
    #[serde(default)]
    pub source: Option<String>,
    /// The engine of an app in TypeScript or JavaScript; chosen by what it uses if absent.
    #[serde(default)]
    pub engine: Option<Engine>,
}

/// What runs JavaScript within a component.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Engine {
    /// Small and quick to start; the language, `fetch` and little else.
    QuickJs,
    /// Ten times as large, with the interfaces of the web.
    StarlingMonkey,
}

/// Where a declarative workflow comes from.
#[derive(Debug, Clone, PartialEq, Eq, serde::Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ManifestWorkflow {
    /// Its definition, relative to the manifest: a file, or a folder with a `workflow.json` as
    /// Standard projects have it.
    pub path: String,
}

/// A function and its settings.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ManifestFunction {
    /// The component that holds it; checked against what is found there.
    pub component: Option<Component>,
    pub settings: Settings,
}

impl Manifest {
    /// # Errors
    /// Every fault of the manifest; a fault of TOML's syntax alone.
    pub fn parse(text: &str) -> Result<Self, Faults> {
        let table: toml::Table = toml::from_str(text).map_err(|error| {
            let place = error.span().map_or(String::new(), |span| {
                let line = text[..span.start].matches('\n').count() + 1;
                format!("line {line}: ")
            });
            Faults::from(Fault::new("", format!("{place}{}", error.message())))
        })?;
        let value = serde_json::to_value(table)
            .map_err(|error| Faults::from(Fault::new("", error.to_string())))?;
        let mut faults = Vec::new();
        let manifest = read(&value, &mut faults);
        Faults::check(faults)?;
        Ok(manifest.expect("a manifest is read where no fault was found"))
    }

    /// The JSON Schema of `weft.toml`, for editors.
    #[must_use]
    pub fn json_schema() -> Schema {
        schema_for!(SchemaOfManifest)
    }

    /// Faults of `functions` entries that name another component than the one which holds the
    /// function.
    ///
    /// # Errors
    /// Those faults.
    pub fn check_components(&self, deployment: &Deployment) -> Result<(), Faults> {
        let mut faults = Vec::new();
        for (name, entry) in &self.functions {
            let found = deployment.functions().get(name).map(|f| &f.component);
            if let (Some(named), Some(found)) = (&entry.component, found)
                && named != found
            {
                let pointer = format!("/functions/{name}/component");
                let message = format!("the function is in the component {found}, not in {named}");
                faults.push(Fault::new(pointer, message));
            }
        }
        Faults::check(faults)
    }

    #[must_use]
    pub fn settings(&self) -> BTreeMap<weft_id::Function, Settings> {
        let entries = self.functions.iter();
        entries
            .map(|(name, entry)| (name.clone(), entry.settings.clone()))
            .collect()
    }
}

fn read(value: &Value, faults: &mut Vec<Fault>) -> Option<Manifest> {
    let root = Object::open(
        value,
        "",
        &["name", "components", "functions", "workflows", "retention"],
        faults,
    )?;
    let name = root.required("name", faults);
    let components = entries(&root, "components", faults, |value, pointer, faults| {
        let known = ["path", "build", "source", "engine"];
        let object = Object::open(value, pointer, &known, faults)?;
        Some(ManifestComponent {
            path: object.required("path", faults)?,
            build: object.field("build", faults),
            source: object.field("source", faults),
            engine: object.field("engine", faults),
        })
    });
    let known: Vec<_> = ["component"]
        .iter()
        .chain(Settings::KEYS)
        .copied()
        .collect();
    let functions = entries(&root, "functions", faults, |value, pointer, faults| {
        let object = Object::open(value, pointer, &known, faults)?;
        Some(ManifestFunction {
            component: object.field("component", faults),
            settings: Settings::read(&object, faults),
        })
    });
    for (name, function) in &functions {
        let function: &ManifestFunction = function;
        if let Some(component) = &function.component
            && !components.contains_key(component)
        {
            let pointer = format!("/functions/{name}/component");
            let message = format!("there is no [components.{component}]");
            faults.push(Fault::new(pointer, message));
        }
    }
    let workflows = entries(&root, "workflows", faults, |value, pointer, faults| {
        let object = Object::open(value, pointer, &["path"], faults)?;
        Some(ManifestWorkflow {
            path: object.required("path", faults)?,
        })
    });
    let retention = root.get("retention").and_then(|value| {
        let pointer = join(root.pointer(), "retention");
        let object = Object::open(value, &pointer, &Retention::KEYS, faults)?;
        Some(Retention::read(&object, faults))
    });
    Some(Manifest {
        name: name?,
        components,
        functions,
        workflows,
        retention: retention.unwrap_or_default(),
    })
}

/// The table `key` whose keys are names.
fn entries<K, V>(
    root: &Object<'_>,
    key: &str,
    faults: &mut Vec<Fault>,
    read: impl Fn(&Value, &str, &mut Vec<Fault>) -> Option<V>,
) -> BTreeMap<K, V>
where
    K: FromStr<Err = weft_id::Error> + Ord,
{
    let pointer = join(root.pointer(), key);
    let Some(members) = root
        .get(key)
        .and_then(|value| table(value, &pointer, faults))
    else {
        return BTreeMap::new();
    };
    let mut map = BTreeMap::new();
    for (name, value) in members {
        let at = join(&pointer, name);
        match K::from_str(name) {
            Ok(name) => map.extend(read(value, &at, faults).map(|value| (name, value))),
            Err(error) => {
                let fault = Fault::new(at, error.to_string());
                faults.push(match weft_id::Function::nearest(name) {
                    Some(nearest) => fault.hint(format!("{nearest} would do")),
                    None => fault,
                });
            }
        }
    }
    map
}

/// An app of weft: its components and the settings of their functions.
#[derive(JsonSchema)]
#[schemars(title = "weft.toml", deny_unknown_fields)]
#[expect(
    dead_code,
    reason = "only its schema is used; reading collects faults by hand"
)]
struct SchemaOfManifest {
    /// The app's name.
    #[schemars(regex(pattern = NAME))]
    name: String,
    /// The app's components, by name.
    #[serde(default)]
    components: BTreeMap<String, ManifestComponent>,
    /// Settings of the functions that the components hold, by name.
    #[serde(default)]
    functions: BTreeMap<String, SchemaOfFunction>,
    /// The app's declarative workflows, by name.
    #[serde(default)]
    workflows: BTreeMap<String, ManifestWorkflow>,
    /// How long ended instances are kept.
    retention: Option<SchemaOfRetention>,
}

#[derive(JsonSchema)]
#[expect(
    dead_code,
    reason = "only its schema is used; reading collects faults by hand"
)]
struct SchemaOfFunction {
    /// The component that holds the function.
    #[schemars(regex(pattern = NAME))]
    component: Option<String>,
    #[serde(flatten)]
    settings: Settings,
}

const NAME: &str = "^[a-z0-9-]{1,63}$";

#[cfg(test)]
mod tests {
    use super::*;

    const ORDERS: &str = r#"
        name = "orders"
        [components.charge]
        path = "charge.wasm"
        build = "cargo build"
        [functions.charge]
        component = "charge"
        allowed_outbound_hosts = ["https://payments.example"]
        limits = { memory_mib = 64, timeout_ms = 5000, concurrency = 100 }
    "#;

    #[test]
    fn reads_a_manifest() {
        let manifest = Manifest::parse(ORDERS).unwrap();
        assert_eq!(manifest.name.as_str(), "orders");
        let charge = &manifest.functions[&"charge".parse().unwrap()];
        assert_eq!(charge.settings.limits.memory_mib, Some(64));
    }

    fn faults(text: &str) -> Vec<String> {
        let faults = Manifest::parse(text).unwrap_err();
        faults.as_slice().iter().map(ToString::to_string).collect()
    }

    #[test]
    fn lists_every_fault_with_its_path() {
        let found = faults(
            r#"
            nmae = "x"
            [components.Charge]
            path = "a"
            [components.b]
            build = 1
            [functions.f]
            component = "c"
            limits = { memory = 1 }
            "#,
        );
        assert_eq!(
            found,
            [
                "nmae: unknown key (known keys: name, components, functions, workflows, \
                 retention)",
                "the key `name` is missing",
                "components.Charge: a component name may not contain 'C'; lower-case letters, \
                 digits and '-' are allowed (charge would do)",
                "components.b: the key `path` is missing",
                "functions.f.limits.memory: unknown key (known keys: memory_mib, timeout_ms, \
                 concurrency, requests_per_instance)",
                "functions.f.component: there is no [components.c]",
            ]
        );
    }

    #[test]
    fn names_the_line_of_a_fault_in_toml() {
        assert!(faults("name = \"x\"\n[components\n")[0].starts_with("line 2: "));
    }

    #[test]
    fn the_schema_knows_every_key() {
        let schema = serde_json::to_string(&Manifest::json_schema()).unwrap();
        for key in Settings::KEYS
            .iter()
            .chain(&["path", "build", "source", "engine", "component"])
        {
            assert!(schema.contains(&format!("\"{key}\"")), "{key}");
        }
    }
}
