//! Arrays and objects: shared, ordered, and aware of their depth and weight.
//!
//! Invariant: `depth` and `weight` always describe the present items, or more after a removal that
//! was not recounted; never less.

use std::ops::Deref;
use std::sync::Arc;

use indexmap::IndexMap;

use super::Value;

#[derive(Debug, Clone, Copy, Default)]
struct Measure {
    depth: u32,
    weight: u64,
}

impl Measure {
    const EMPTY: Measure = Measure {
        depth: 1,
        weight: 2,
    };

    fn with(self, key: usize, value: &Value) -> Measure {
        Measure {
            depth: self.depth.max(value.depth().saturating_add(1)),
            weight: self
                .weight
                .saturating_add(key as u64)
                .saturating_add(value.weight())
                .saturating_add(1),
        }
    }
}

/// An array whose items are shared between clones. Reads like a slice.
#[derive(Debug, Clone)]
pub struct Array {
    items: Arc<Vec<Value>>,
    measure: Measure,
}

impl Array {
    pub fn new() -> Array {
        Array::from(Vec::new())
    }

    /// Appends in place when nobody shares the items, and on a copy of them otherwise.
    pub fn push(&mut self, value: Value) {
        self.measure = self.measure.with(0, &value);
        Arc::make_mut(&mut self.items).push(value);
    }

    pub(super) fn depth(&self) -> u32 {
        self.measure.depth
    }

    pub(super) fn weight(&self) -> u64 {
        self.measure.weight
    }
}

impl Default for Array {
    fn default() -> Self {
        Array::new()
    }
}

impl From<Vec<Value>> for Array {
    fn from(items: Vec<Value>) -> Array {
        let measure = items.iter().fold(Measure::EMPTY, |m, item| m.with(0, item));
        Array {
            items: Arc::new(items),
            measure,
        }
    }
}

impl FromIterator<Value> for Array {
    fn from_iter<I: IntoIterator<Item = Value>>(items: I) -> Array {
        Array::from(items.into_iter().collect::<Vec<_>>())
    }
}

impl Deref for Array {
    type Target = [Value];

    fn deref(&self) -> &[Value] {
        &self.items
    }
}

impl PartialEq for Array {
    fn eq(&self, other: &Array) -> bool {
        Arc::ptr_eq(&self.items, &other.items) || self.items == other.items
    }
}

/// An object that keeps the order of its keys. Its members are shared between clones.
#[derive(Debug, Clone)]
pub struct Object {
    members: Arc<IndexMap<Arc<str>, Value>>,
    measure: Measure,
}

impl Object {
    pub fn new() -> Object {
        Object {
            members: Arc::default(),
            measure: Measure::EMPTY,
        }
    }

    /// The member `key` in whatever letter case; an exact match wins, then the first.
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.members.get(key).or_else(|| {
            let found = self.members.iter().find(|(name, _)| same_name(name, key));
            found.map(|(_, value)| value)
        })
    }

    /// The member whose key is exactly this.
    pub fn get_exact(&self, key: &str) -> Option<&Value> {
        self.members.get(key)
    }

    /// Adds a member at the end; an equal key leaves its old place.
    pub fn insert(&mut self, key: impl Into<Arc<str>>, value: Value) {
        let key = key.into();
        self.measure = self.measure.with(key.len() + 3, &value);
        let members = Arc::make_mut(&mut self.members);
        members.shift_remove(&key);
        members.insert(key, value);
    }

    /// Takes out the member `key` in whatever letter case (an exact match wins, then the first).
    pub fn remove(&mut self, key: &str) -> Option<Value> {
        let exact = self.members.get_index_of(key);
        let index = exact.or_else(|| self.members.keys().position(|name| same_name(name, key)))?;
        let (_, value) = Arc::make_mut(&mut self.members).shift_remove_index(index)?;
        self.measure = measure(&self.members);
        Some(value)
    }

    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&Arc<str>, &Value)> {
        self.members.iter()
    }

    pub fn len(&self) -> usize {
        self.members.len()
    }

    pub fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    pub(super) fn depth(&self) -> u32 {
        self.measure.depth
    }

    pub(super) fn weight(&self) -> u64 {
        self.measure.weight
    }
}

fn measure(members: &IndexMap<Arc<str>, Value>) -> Measure {
    members.iter().fold(Measure::EMPTY, |m, (key, value)| {
        m.with(key.len() + 3, value)
    })
}

/// Names are compared without regard to letter case, as the language does everywhere.
pub fn same_name(a: &str, b: &str) -> bool {
    a.eq_ignore_ascii_case(b)
        || !(a.is_ascii() && b.is_ascii())
            && a.chars()
                .flat_map(char::to_uppercase)
                .eq(b.chars().flat_map(char::to_uppercase))
}

impl Default for Object {
    fn default() -> Self {
        Object::new()
    }
}

/// The last of two equal keys wins and stands where it stood.
impl<K: Into<Arc<str>>> FromIterator<(K, Value)> for Object {
    fn from_iter<I: IntoIterator<Item = (K, Value)>>(pairs: I) -> Object {
        let mut members = IndexMap::new();
        for (key, value) in pairs {
            let key = key.into();
            if members.contains_key(&key) {
                members.shift_remove(&key);
            }
            members.insert(key, value);
        }
        Object {
            measure: measure(&members),
            members: Arc::new(members),
        }
    }
}

impl PartialEq for Object {
    fn eq(&self, other: &Object) -> bool {
        Arc::ptr_eq(&self.members, &other.members) || self.members == other.members
    }
}
