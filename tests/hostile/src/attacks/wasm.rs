//! Components written by hand.

use std::fmt::Write;

/// The binary of a text.
pub(super) fn wat(text: &str) -> Vec<u8> {
    wat::parse_str(text).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

/// A component that holds one core module and exports nothing.
pub(super) fn module(body: &str) -> Vec<u8> {
    wat(&format!("(component (core module {body}))"))
}

/// A memory and an allocator that always gives the same place: what plain functions need.
pub(super) const MEMORY: &str = r#"
    (memory (export "memory") 2)
    (func (export "realloc") (param i32 i32 i32 i32) (result i32) i32.const 1024)"#;

/// A plain component: the module's `f` as a function of that signature. `options` are further ones of
/// the canonical ABI.
pub(super) fn plain(module: &str, signature: &str, options: &str) -> Vec<u8> {
    wat(&format!(
        r#"(component
            (core module $m {module})
            (core instance $i (instantiate $m))
            (func (export "f") {signature} (canon lift (core func $i "f")
                (memory (core memory $i "memory")) (realloc (core func $i "realloc")) {options})))"#
    ))
}

/// Every level instantiates the one before twice.
pub(super) fn doubling(levels: u32) -> Vec<u8> {
    let mut text =
        String::from("(component $c0 (core module $m) (core instance (instantiate $m)))");
    for level in 1..=levels {
        let below = level - 1;
        let inner = std::mem::take(&mut text);
        write!(
            text,
            "(component $c{level} {inner} (instance (instantiate $c{below})) \
             (instance (instantiate $c{below})))"
        )
        .expect("a string takes everything");
    }
    wat(&format!(
        "(component {text} (instance (instantiate $c{levels})))"
    ))
}

/// A function that takes a tuple of two of the one before, so often.
pub(super) fn doubling_types(levels: usize) -> Vec<u8> {
    let mut types = "(type $t0 u8)".to_owned();
    for level in 1..=levels {
        let before = level - 1;
        write!(types, "(type $t{level} (tuple $t{before} $t{before}))")
            .expect("a string takes everything");
    }
    wat(&format!(
        r#"(component
            (core module $m {MEMORY} (func (export "f") (param i32)))
            (core instance $i (instantiate $m))
            {types}
            (func (export "f") (param "p" $t{levels}) (canon lift (core func $i "f")
                (memory (core memory $i "memory")) (realloc (core func $i "realloc")))))"#
    ))
}

const HEAD: &[u8] = b"\0asm\x0d\0\x01\0";
const MODULE_HEAD: &[u8] = b"\0asm\x01\0\0\0";
const CORE_MODULE: u8 = 1;
const COMPONENT: u8 = 4;

/// Components within components, so many.
pub(super) fn nested(levels: usize) -> Vec<u8> {
    let mut inner = HEAD.to_vec();
    for _ in 0..levels {
        inner = [HEAD, &section(COMPONENT, &inner)].concat();
    }
    inner
}

/// A component with a core module whose one section has these bytes.
pub(super) fn with_section(id: u8, bytes: &[u8]) -> Vec<u8> {
    let module = [MODULE_HEAD, &section(id, bytes)].concat();
    [HEAD, &section(CORE_MODULE, &module)].concat()
}

/// A component with one section of its own, whatever its length claims to be.
pub(super) fn with_length(id: u8, length: &[u8], bytes: &[u8]) -> Vec<u8> {
    [HEAD, &[id], length, bytes].concat()
}

/// A plain component around a binary module that exports `f`.
pub(super) fn around(module: &[u8]) -> Vec<u8> {
    let shell = wat(r#"(component
            (core module $m (func (export "f") (param i32 i64 f32 f64) (result i64) i64.const 0))
            (core instance $i (instantiate $m))
            (func (export "f") (param "a" s32) (param "b" s64) (param "c" f32) (param "d" f64)
                (result s64) (canon lift (core func $i "f"))))"#);
    assert_eq!(shell[HEAD.len()], CORE_MODULE, "the module comes first");
    let len = usize::from(shell[HEAD.len() + 1]);
    assert!(len < 0x80, "the module of the shell is short");
    let rest = &shell[HEAD.len() + 2 + len..];
    [HEAD, &section(CORE_MODULE, module), rest].concat()
}

fn section(id: u8, bytes: &[u8]) -> Vec<u8> {
    let mut section = vec![id];
    let mut len = bytes.len();
    loop {
        let low = u8::try_from(len & 0x7f).expect("seven bits");
        len >>= 7;
        section.push(if len == 0 { low } else { low | 0x80 });
        if len == 0 {
            break;
        }
    }
    section.extend(bytes);
    section
}
