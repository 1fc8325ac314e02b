//! Objects in memory.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;

use async_trait::async_trait;
use weft_id::{AppId, Tenant};
use weft_orchestration::Timestamp;

use super::MemoryStore;
use crate::{Blob, BlobId, BlobLimits, BlobUsage, Blobs, Error, NewBlob};

/// The objects of all apps.
#[derive(Debug, Default)]
pub(super) struct Objects {
    containers: BTreeMap<(AppId, String), Container>,
    bytes: BTreeMap<BlobId, Vec<u8>>,
    /// What is being written, and by which app.
    begun: BTreeMap<BlobId, AppId>,
    last: u64,
}

#[derive(Debug)]
struct Container {
    created_at: Timestamp,
    blobs: BTreeMap<String, Blob>,
}

impl Objects {
    /// Removes all that an app has.
    pub(super) fn forget(&mut self, app: &AppId) {
        let own: Vec<_> = self.of(app).map(|(name, _)| name.clone()).collect();
        for name in own {
            self.remove_container(app, &name);
        }
        let begun = std::mem::take(&mut self.begun);
        let (gone, kept) = begun.into_iter().partition(|(_, of)| of == app);
        self.begun = kept;
        let gone: BTreeMap<BlobId, AppId> = gone;
        self.bytes.retain(|id, _| !gone.contains_key(id));
    }

    fn of(&self, app: &AppId) -> impl Iterator<Item = (&String, &Container)> {
        let own = self.containers.iter().filter(move |((of, _), _)| of == app);
        own.map(|((_, name), container)| (name, container))
    }

    /// Bytes that a tenant's apps keep.
    pub(super) fn bytes_of(&self, tenant: &Tenant) -> u64 {
        let own = self.apps().filter(|app| app.tenant == *tenant);
        let own: BTreeSet<_> = own.collect();
        own.into_iter().map(|app| self.usage(app).bytes).sum()
    }

    /// The apps that have any, some of them repeatedly.
    pub(super) fn apps(&self) -> impl Iterator<Item = &AppId> {
        let of_containers = self.containers.keys().map(|(app, _)| app);
        of_containers.chain(self.begun.values())
    }

    fn usage(&self, app: &AppId) -> BlobUsage {
        let mut usage = BlobUsage::default();
        for blob in self
            .of(app)
            .flat_map(|(_, container)| container.blobs.values())
        {
            usage.objects += 1;
            usage.bytes += blob.size;
        }
        let begun = self.begun.iter().filter(|(_, of)| *of == app);
        let bytes = begun.filter_map(|(id, _)| self.bytes.get(id));
        usage.bytes += bytes.map(|bytes| bytes.len() as u64).sum::<u64>();
        usage
    }

    fn begin(&mut self) -> BlobId {
        self.last += 1;
        BlobId(self.last)
    }

    fn container(&mut self, app: &AppId, name: &str) -> Option<&mut Container> {
        self.containers.get_mut(&(app.clone(), name.to_owned()))
    }

    fn remove_container(&mut self, app: &AppId, name: &str) {
        let gone = self.containers.remove(&(app.clone(), name.to_owned()));
        for blob in gone.into_iter().flat_map(|gone| gone.blobs.into_values()) {
            self.bytes.remove(&blob.id);
        }
    }
}

#[async_trait]
impl Blobs for MemoryStore {
    async fn create_container(
        &self,
        app: &AppId,
        container: &str,
        now: Timestamp,
    ) -> Result<(), Error> {
        BlobLimits::check_name(container)?;
        let objects = &mut self.state().objects;
        if objects.container(app, container).is_none() {
            BlobLimits::check_containers(objects.of(app).count() as u64)?;
            let made = Container {
                created_at: now,
                blobs: BTreeMap::new(),
            };
            let key = (app.clone(), container.to_owned());
            objects.containers.insert(key, made);
        }
        Ok(())
    }

    async fn container_created(
        &self,
        app: &AppId,
        container: &str,
    ) -> Result<Option<Timestamp>, Error> {
        let objects = &mut self.state().objects;
        Ok(objects
            .container(app, container)
            .map(|found| found.created_at))
    }

    async fn delete_container(&self, app: &AppId, container: &str) -> Result<(), Error> {
        self.state().objects.remove_container(app, container);
        Ok(())
    }

    async fn begin_blob(&self, app: &AppId) -> Result<BlobId, Error> {
        let objects = &mut self.state().objects;
        BlobLimits::check_room(objects.usage(app), 0)?;
        let id = objects.begin();
        objects.begun.insert(id, app.clone());
        objects.bytes.insert(id, Vec::new());
        Ok(id)
    }

    async fn append_blob(
        &self,
        app: &AppId,
        blob: BlobId,
        _part: u32,
        bytes: Vec<u8>,
    ) -> Result<(), Error> {
        let objects = &mut self.state().objects;
        let of = objects.begun.get(&blob);
        of.filter(|of| *of == app).ok_or(Error::NotFound)?;
        BlobLimits::check_room(objects.usage(app), bytes.len() as u64)?;
        let whole = objects.bytes.get_mut(&blob).ok_or(Error::NotFound)?;
        whole.extend_from_slice(&bytes);
        Ok(())
    }

    async fn put_blob(&self, app: &AppId, new: NewBlob) -> Result<(), Error> {
        BlobLimits::check_name(&new.name)?;
        let objects = &mut self.state().objects;
        objects
            .container(app, &new.container)
            .ok_or(Error::NotFound)?;
        let (id, bytes) = match new.begun {
            None => (None, Vec::new()),
            Some((id, _)) => {
                let of = objects.begun.get(&id);
                of.filter(|of| *of == app).ok_or(Error::NotFound)?;
                (
                    Some(id),
                    objects.bytes.get(&id).cloned().unwrap_or_default(),
                )
            }
        };
        let mut kept = objects.usage(app);
        kept.bytes -= bytes.len() as u64;
        let bytes = [bytes, new.rest].concat();
        let size = bytes.len() as u64;
        BlobLimits::check_room(kept, size)?;
        let id = id.unwrap_or_else(|| objects.begin());
        objects.begun.remove(&id);
        objects.bytes.insert(id, bytes);
        let blob = Blob {
            id,
            size,
            created_at: new.now,
        };
        let container = objects.container(app, &new.container);
        let container = container.expect("it was there under the same lock");
        if let Some(before) = container.blobs.insert(new.name, blob) {
            objects.bytes.remove(&before.id);
        }
        Ok(())
    }

    fn give_up_blob(&self, _app: &AppId, blob: BlobId) {
        let objects = &mut self.state().objects;
        if objects.begun.remove(&blob).is_some() {
            objects.bytes.remove(&blob);
        }
    }

    async fn blob(&self, app: &AppId, container: &str, name: &str) -> Result<Option<Blob>, Error> {
        let objects = &mut self.state().objects;
        let container = objects.container(app, container);
        Ok(container.and_then(|found| found.blobs.get(name)).copied())
    }

    async fn blob_part(&self, blob: BlobId, part: u32) -> Result<Vec<u8>, Error> {
        let state = self.state();
        let bytes = state.objects.bytes.get(&blob).ok_or(Error::NotFound)?;
        let mut parts = bytes.chunks(BlobLimits::PART_BYTES);
        let part = parts.nth(part as usize).ok_or(Error::NotFound)?;
        Ok(part.to_vec())
    }

    async fn delete_blobs(
        &self,
        app: &AppId,
        container: &str,
        names: Option<Vec<String>>,
    ) -> Result<(), Error> {
        let objects = &mut self.state().objects;
        let Some(found) = objects.container(app, container) else {
            return Ok(());
        };
        let gone: Vec<_> = match names {
            None => std::mem::take(&mut found.blobs).into_values().collect(),
            Some(names) => names
                .iter()
                .filter_map(|name| found.blobs.remove(name))
                .collect(),
        };
        for blob in gone {
            objects.bytes.remove(&blob.id);
        }
        Ok(())
    }

    async fn blob_names(
        &self,
        app: &AppId,
        container: &str,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Vec<String>, Error> {
        let objects = &mut self.state().objects;
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        let names = objects
            .container(app, container)
            .into_iter()
            .flat_map(|found| found.blobs.range::<str, _>((from, Bound::Unbounded)))
            .take(usize::try_from(limit).unwrap_or(usize::MAX))
            .map(|(name, _)| name.clone());
        Ok(names.collect())
    }
}
