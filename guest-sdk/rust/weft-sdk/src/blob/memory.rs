//! Containers in the memory of one thread, for native tests.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io::{self, Cursor, Read};
use std::ops::Range;

use super::{Error, Info};

type Containers = BTreeMap<String, BTreeMap<String, (Info, Vec<u8>)>>;

thread_local! {
    static CONTAINERS: RefCell<Containers> = RefCell::default();
}

pub(super) struct Container(String);

#[expect(clippy::unnecessary_wraps, reason = "the platform can refuse")]
impl Container {
    pub(super) fn open(name: &str) -> Result<Self, Error> {
        Ok(Self(name.to_owned()))
    }

    pub(super) fn remove(name: &str) -> Result<(), Error> {
        CONTAINERS.with_borrow_mut(|containers| containers.remove(name));
        Ok(())
    }

    fn with<T>(&self, act: impl FnOnce(&mut BTreeMap<String, (Info, Vec<u8>)>) -> T) -> T {
        CONTAINERS.with_borrow_mut(|all| act(all.entry(self.0.clone()).or_default()))
    }

    pub(super) fn read(&self, name: &str, range: Range<u64>) -> Result<Option<Reader>, Error> {
        let bytes = self.with(|objects| objects.get(name).map(|(_, bytes)| bytes.clone()));
        Ok(bytes.map(|bytes| {
            let end = usize::try_from(range.end).unwrap_or(usize::MAX);
            let end = end.min(bytes.len());
            let start = usize::try_from(range.start).unwrap_or(usize::MAX);
            Reader(Cursor::new(bytes[start.min(end)..end].to_vec()))
        }))
    }

    pub(super) fn write(&self, name: &str) -> Result<Writer, Error> {
        Ok(Writer {
            container: Self(self.0.clone()),
            name: name.to_owned(),
            bytes: Vec::new(),
        })
    }

    pub(super) fn info(&self, name: &str) -> Result<Option<Info>, Error> {
        Ok(self.with(|objects| objects.get(name).map(|(info, _)| *info)))
    }

    pub(super) fn delete(&self, name: &str) -> Result<(), Error> {
        self.with(|objects| objects.remove(name));
        Ok(())
    }

    pub(super) fn names(&self) -> Result<Vec<String>, Error> {
        Ok(self.with(|objects| objects.keys().cloned().collect()))
    }
}

pub(super) struct Reader(Cursor<Vec<u8>>);

impl Reader {
    pub(super) fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        self.0.read(into)
    }

    pub(super) fn read_to_end(&mut self, into: &mut Vec<u8>) -> io::Result<usize> {
        self.0.read_to_end(into)
    }
}

pub(super) struct Writer {
    container: Container,
    name: String,
    bytes: Vec<u8>,
}

impl Writer {
    #[expect(clippy::unnecessary_wraps, reason = "the platform can refuse")]
    pub(super) fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.bytes.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    #[expect(clippy::unnecessary_wraps, reason = "the platform can refuse")]
    pub(super) fn finish(self) -> Result<(), Error> {
        let info = Info {
            size: self.bytes.len() as u64,
            // The same in every run of a test.
            created: std::time::UNIX_EPOCH,
        };
        let object = (info, self.bytes);
        self.container
            .with(|objects| objects.insert(self.name, object));
        Ok(())
    }
}
