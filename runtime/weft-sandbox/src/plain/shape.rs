//! WIT types as far as JSON can carry them.

use wasmtime::component::Type;

/// A type whose values become JSON and come back without loss.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Shape {
    Bool,
    Integer(Integer),
    F32,
    F64,
    Char,
    String,
    List(Box<Shape>),
    FixedList(Box<Shape>, u32),
    Map(Box<Shape>, Box<Shape>),
    Record(Vec<(String, Shape)>),
    Tuple(Vec<Shape>),
    Variant(Vec<(String, Option<Shape>)>),
    Enum(Vec<String>),
    Option(Box<Shape>),
    Result(Option<Box<Shape>>, Option<Box<Shape>>),
    Flags(Vec<String>),
    /// A record, variant, enum or set of flags by the name that its interface gives it.
    Named(String, Box<Shape>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Integer {
    S8,
    U8,
    S16,
    U16,
    S32,
    U32,
    S64,
    U64,
}

impl Integer {
    /// The least and the greatest.
    pub(crate) fn range(self) -> (i128, i128) {
        match self {
            Self::S8 => (i8::MIN.into(), i8::MAX.into()),
            Self::U8 => (u8::MIN.into(), u8::MAX.into()),
            Self::S16 => (i16::MIN.into(), i16::MAX.into()),
            Self::U16 => (u16::MIN.into(), u16::MAX.into()),
            Self::S32 => (i32::MIN.into(), i32::MAX.into()),
            Self::U32 => (u32::MIN.into(), u32::MAX.into()),
            Self::S64 => (i64::MIN.into(), i64::MAX.into()),
            Self::U64 => (u64::MIN.into(), u64::MAX.into()),
        }
    }
}

/// What the types of one component may come to, written out: a few bytes of a component tell of types
/// within types that double with each level.
#[derive(Debug)]
pub(crate) struct Budget {
    parts: usize,
    name_bytes: usize,
}

impl Budget {
    const PARTS_MAX: usize = 10_000;
    const NAME_BYTES_MAX: usize = 1 << 20;

    pub(crate) fn of_component() -> Self {
        Self {
            parts: Self::PARTS_MAX,
            name_bytes: Self::NAME_BYTES_MAX,
        }
    }

    fn part(&mut self) -> Result<(), String> {
        self.parts = self.parts.checked_sub(1).ok_or_else(|| {
            format!(
                "more types than are read of one component: {} in all, written out",
                Self::PARTS_MAX
            )
        })?;
        Ok(())
    }

    fn name(&mut self, name: &str) -> Result<String, String> {
        self.part()?;
        self.name_bytes = self.name_bytes.checked_sub(name.len()).ok_or_else(|| {
            format!(
                "longer names than are read of one component: {} bytes in all",
                Self::NAME_BYTES_MAX
            )
        })?;
        Ok(name.to_owned())
    }

    fn names<'a>(&mut self, names: impl Iterator<Item = &'a str>) -> Result<Vec<String>, String> {
        names.map(|name| self.name(name)).collect()
    }
}

impl Shape {
    /// # Errors
    /// What of it is bound to one instance and cannot leave it, or is too large, as the uploader
    /// should read it.
    pub(crate) fn of(
        ty: &Type,
        named: &[(String, Type)],
        budget: &mut Budget,
    ) -> Result<Self, String> {
        budget.part()?;
        let shape = Self::unnamed(ty, named, budget)?;
        let name = match shape {
            Self::Record(_) | Self::Variant(_) | Self::Enum(_) | Self::Flags(_) => {
                named.iter().find(|(_, other)| other == ty)
            }
            _ => None,
        };
        Ok(match name {
            Some((name, _)) => Self::Named(budget.name(name)?, Box::new(shape)),
            None => shape,
        })
    }

    fn unnamed(ty: &Type, named: &[(String, Type)], budget: &mut Budget) -> Result<Self, String> {
        let mut boxed = |ty: &Type| Self::of(ty, named, budget).map(Box::new);
        Ok(match ty {
            Type::Bool => Self::Bool,
            Type::S8 => Self::Integer(Integer::S8),
            Type::U8 => Self::Integer(Integer::U8),
            Type::S16 => Self::Integer(Integer::S16),
            Type::U16 => Self::Integer(Integer::U16),
            Type::S32 => Self::Integer(Integer::S32),
            Type::U32 => Self::Integer(Integer::U32),
            Type::S64 => Self::Integer(Integer::S64),
            Type::U64 => Self::Integer(Integer::U64),
            Type::Float32 => Self::F32,
            Type::Float64 => Self::F64,
            Type::Char => Self::Char,
            Type::String => Self::String,
            Type::List(list) => Self::List(boxed(&list.ty())?),
            Type::FixedLengthList(list) => Self::FixedList(boxed(&list.ty())?, list.len()),
            Type::Map(map) => Self::Map(boxed(&map.key())?, boxed(&map.value())?),
            Type::Record(record) => {
                let fields = record.fields().map(|field| {
                    let name = budget.name(field.name)?;
                    Ok((name, Self::of(&field.ty, named, budget)?))
                });
                Self::Record(fields.collect::<Result<_, String>>()?)
            }
            Type::Tuple(tuple) => {
                let types = tuple.types().map(|ty| Self::of(&ty, named, budget));
                Self::Tuple(types.collect::<Result<_, _>>()?)
            }
            Type::Variant(variant) => {
                let cases = variant.cases().map(|case| {
                    let payload = case.ty.as_ref();
                    let payload = payload.map(|ty| Self::of(ty, named, budget)).transpose()?;
                    Ok((budget.name(case.name)?, payload))
                });
                Self::Variant(cases.collect::<Result<_, String>>()?)
            }
            Type::Enum(ty) => Self::Enum(budget.names(ty.names())?),
            Type::Option(option) => Self::Option(boxed(&option.ty())?),
            Type::Result(result) => {
                let ok = result.ok().as_ref().map(&mut boxed).transpose()?;
                let err = result.err().as_ref().map(&mut boxed).transpose()?;
                Self::Result(ok, err)
            }
            Type::Flags(flags) => Self::Flags(budget.names(flags.names())?),
            Type::Own(_) | Type::Borrow(_) => {
                return Err("a resource, which lives in one instance only".to_owned());
            }
            Type::Future(_) | Type::Stream(_) => {
                return Err("a stream or future, which JSON cannot carry".to_owned());
            }
            Type::ErrorContext => {
                return Err("an error-context, which lives in one instance only".to_owned());
            }
        })
    }

    /// The type without its name.
    pub(crate) fn bare(&self) -> &Self {
        match self {
            Self::Named(_, shape) => shape.bare(),
            other => other,
        }
    }

    /// Whether a value may be absent where a field of a record, or a parameter, is expected.
    pub(crate) fn is_optional(&self) -> bool {
        matches!(self.bare(), Self::Option(_))
    }
}
