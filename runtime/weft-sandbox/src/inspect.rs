//! A look at an upload before anything is compiled.
//!
//! Reads the binary once and keeps nothing of it. Instances are counted arithmetically: a few
//! hundred bytes can ask for millions by instantiating what instantiates twice.

use wasmparser::{
    ComponentAlias, ComponentExternalKind, ComponentInstance, ComponentOuterAliasKind,
    ComponentTypeRef, Encoding, Instance, Parser, Payload,
};

use crate::UploadError;
use crate::config::UploadLimits;

/// Checks that `wasm` is a component within `limits`. Linear in its length.
///
/// # Errors
/// The first fault, as the uploader should read it.
pub fn inspect(wasm: &[u8], limits: &UploadLimits) -> Result<(), UploadError> {
    check_head(wasm, limits)?;
    Scan::new(limits).run(wasm)
}

fn check_head(wasm: &[u8], limits: &UploadLimits) -> Result<(), UploadError> {
    if wasm.is_empty() {
        return Err(UploadError::Empty);
    }
    if wasm.len() > limits.bytes_max {
        let (len, max) = (wasm.len(), limits.bytes_max);
        return Err(UploadError::TooLarge { len, max });
    }
    if wasm.starts_with(b"\x7fELF") {
        return Err(UploadError::NativeCode);
    }
    if !wasm.starts_with(b"\0asm") {
        let short = b"\0asm".starts_with(wasm);
        return Err(if short {
            UploadError::Malformed("it ends within its first four bytes".to_owned())
        } else {
            UploadError::NotWasm
        });
    }
    Ok(())
}

/// What a component in some index space costs when it is instantiated.
#[derive(Clone, Copy)]
enum Cost {
    Known(u64),
    /// Imported, or taken from an instance.
    Unknown,
}

/// One level of components within components.
#[derive(Default)]
struct Level {
    /// Instances that one instantiation of this component makes.
    instances: u64,
    components: Vec<Cost>,
    imports: u64,
}

struct Scan<'a> {
    limits: &'a UploadLimits,
    /// Components that are open, the outermost first. A module adds no level.
    levels: Vec<Level>,
    functions: u64,
    /// For each parser that is open: whether it reads a component.
    open: Vec<Encoding>,
}

impl<'a> Scan<'a> {
    fn new(limits: &'a UploadLimits) -> Self {
        Self {
            limits,
            levels: Vec::new(),
            functions: 0,
            open: Vec::new(),
        }
    }

    fn run(mut self, wasm: &[u8]) -> Result<(), UploadError> {
        for payload in Parser::new(0).parse_all(wasm) {
            self.payload(payload.map_err(malformed)?)?;
        }
        Ok(())
    }

    fn payload(&mut self, payload: Payload<'_>) -> Result<(), UploadError> {
        match payload {
            Payload::Version { encoding, .. } => self.enter(encoding),
            Payload::End(_) => self.leave(),
            Payload::ImportSection(section) => {
                self.limit("a module's imports", self.limits.imports_max.into(), {
                    u64::from(section.count())
                })
            }
            Payload::FunctionSection(section) => {
                self.functions = u64::from(section.count());
                let max = u64::from(self.limits.functions_max);
                self.limit("the functions of one module", max, self.functions)
            }
            Payload::CodeSectionEntry(body) => self.body(&body),
            Payload::ComponentImportSection(section) => {
                for import in section {
                    let import = import.map_err(malformed)?;
                    self.level().imports += 1;
                    if matches!(import.ty, ComponentTypeRef::Component(_)) {
                        self.level().components.push(Cost::Unknown);
                    }
                }
                let imports = self.level().imports;
                let max = u64::from(self.limits.imports_max);
                self.limit("a component's imports", max, imports)
            }
            Payload::ComponentAliasSection(section) => {
                for alias in section {
                    self.alias(&alias.map_err(malformed)?)?;
                }
                Ok(())
            }
            Payload::ComponentExportSection(section) => {
                for export in section {
                    let export = export.map_err(malformed)?;
                    if export.kind == ComponentExternalKind::Component {
                        let cost = self.cost_of(0, export.index)?;
                        self.level().components.push(cost);
                    }
                }
                Ok(())
            }
            Payload::InstanceSection(section) => {
                for instance in section {
                    if let Instance::Instantiate { .. } = instance.map_err(malformed)? {
                        self.add_instances(1)?;
                    }
                }
                Ok(())
            }
            Payload::ComponentInstanceSection(section) => {
                for instance in section {
                    if let ComponentInstance::Instantiate {
                        component_index, ..
                    } = instance.map_err(malformed)?
                    {
                        match self.cost_of(0, component_index)? {
                            Cost::Known(cost) => self.add_instances(cost.saturating_add(1))?,
                            Cost::Unknown => {
                                let why = "it instantiates a component that it imports";
                                return Err(UploadError::Invalid(why.to_owned()));
                            }
                        }
                    }
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn enter(&mut self, encoding: Encoding) -> Result<(), UploadError> {
        if self.open.is_empty() && encoding == Encoding::Module {
            return Err(UploadError::CoreModule);
        }
        self.open.push(encoding);
        if encoding == Encoding::Component {
            self.levels.push(Level::default());
            let (max, found) = (self.limits.nesting_max as u64, self.levels.len() as u64);
            self.limit("the nesting of components", max, found)?;
        }
        Ok(())
    }

    fn leave(&mut self) -> Result<(), UploadError> {
        if self.open.pop() == Some(Encoding::Component)
            && let Some(done) = self.levels.pop()
            && let Some(outer) = self.levels.last_mut()
        {
            outer.components.push(Cost::Known(done.instances));
        }
        Ok(())
    }

    fn body(&self, body: &wasmparser::FunctionBody<'_>) -> Result<(), UploadError> {
        let range = body.range();
        let len = range.end.saturating_sub(range.start) as u64;
        let max = self.limits.body_bytes_max as u64;
        self.limit("the bytes of one function's body", max, len)?;
        let mut locals = 0_u64;
        for group in body.get_locals_reader().map_err(malformed)? {
            locals += u64::from(group.map_err(malformed)?.0);
        }
        let max = u64::from(self.limits.locals_max);
        self.limit("the local variables of one function", max, locals)
    }

    fn alias(&mut self, alias: &ComponentAlias<'_>) -> Result<(), UploadError> {
        let cost = match *alias {
            ComponentAlias::InstanceExport {
                kind: ComponentExternalKind::Component,
                ..
            } => Cost::Unknown,
            ComponentAlias::Outer {
                kind: ComponentOuterAliasKind::Component,
                count,
                index,
            } => self.cost_of(count as usize, index)?,
            ComponentAlias::InstanceExport { .. }
            | ComponentAlias::CoreInstanceExport { .. }
            | ComponentAlias::Outer { .. } => return Ok(()),
        };
        self.level().components.push(cost);
        Ok(())
    }

    fn cost_of(&self, outward: usize, index: u32) -> Result<Cost, UploadError> {
        let level = self.levels.len().checked_sub(outward + 1);
        level
            .and_then(|level| self.levels[level].components.get(index as usize))
            .copied()
            .ok_or_else(|| UploadError::Malformed(format!("there is no component {index}")))
    }

    fn add_instances(&mut self, more: u64) -> Result<(), UploadError> {
        let level = self.level();
        level.instances = level.instances.saturating_add(more);
        let found = level.instances;
        self.limit("the number of instances", self.limits.instances_max, found)
    }

    fn level(&mut self) -> &mut Level {
        self.levels
            .last_mut()
            .expect("component sections are parsed within a component")
    }

    fn limit(&self, what: &'static str, max: u64, found: u64) -> Result<(), UploadError> {
        if found > max {
            return Err(UploadError::Limit { what, max, found });
        }
        Ok(())
    }
}

#[expect(
    clippy::needless_pass_by_value,
    reason = "it is used as the argument of map_err"
)]
fn malformed(error: wasmparser::BinaryReaderError) -> UploadError {
    UploadError::Malformed(error.to_string())
}
