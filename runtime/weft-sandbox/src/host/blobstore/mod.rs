//! `wasi:blobstore`: objects of the guest's own app.
//!
//! At most one part of each open object is in memory, in either direction; what a guest holds open is
//! bounded by its handles.

mod streams;

use std::sync::Arc;

use wasmtime::component::Resource;
use wasmtime_wasi::clocks::WasiClocksView as _;
use wasmtime_wasi::p2::bindings::clocks::wall_clock::Host as _;
use wasmtime_wasi::p2::{DynInputStream, DynOutputStream};
use weft_app::Reach;
use weft_id::AppId;
use weft_orchestration::Timestamp;
use weft_store::{Blob, BlobLimits, Blobs};

use crate::bindings::wasi::blobstore::{blobstore, container, types};
use crate::state::{Refused, Role, State};
use streams::{Draft, Reader, Writer};

/// Names in one answer.
const PAGE: u64 = 1000;
/// Objects that one instance may write at a time: each holds a part.
const WRITING_MAX: usize = 16;
/// Objects that one instance may read at a time: each holds a part.
const READING_MAX: usize = 16;
/// Bytes of an object that are taken as one list.
const LIST_BYTES_MAX: u64 = 16 << 20;

type Answer<T> = wasmtime::Result<Result<T, String>>;

/// An open container: its name.
#[expect(unreachable_pub, reason = "generated code re-exports it")]
pub struct Container(String);

/// Where a listing goes on.
#[expect(unreachable_pub, reason = "generated code re-exports it")]
pub struct ObjectNames {
    container: String,
    after: Option<String>,
    ended: bool,
}

/// An object, or a portion of it.
#[expect(unreachable_pub, reason = "generated code re-exports it")]
pub struct IncomingValue {
    blob: Blob,
    /// The portion: from here up to, not including, there.
    from: u64,
    to: u64,
}

/// What becomes an object.
#[expect(unreachable_pub, reason = "generated code re-exports it")]
pub struct OutgoingValue {
    /// Container and name, once they are said.
    target: Option<(String, String)>,
    streaming: bool,
    draft: Arc<Draft>,
}

impl State {
    fn now(&mut self) -> wasmtime::Result<Timestamp> {
        let now = self.clocks().now()?;
        let millis = now.seconds * 1000 + u64::from(now.nanoseconds) / 1_000_000;
        Ok(Timestamp::from_millis(millis))
    }

    fn blobs(&self) -> Result<Arc<dyn Blobs>, String> {
        match &self.role {
            Role::Http | Role::Activity | Role::Entity(_) => Ok(Arc::clone(&self.services.blobs)),
            Role::Orchestrator(_) | Role::Describe => {
                let role = self.role.plural();
                Err(format!(
                    "wasi:blobstore is not for {role}: its answers differ between replays; call an \
                     activity that uses it"
                ))
            }
        }
    }

    /// The same for a container that the guest may reach.
    fn blobs_of(&self, container: &str) -> Result<Arc<dyn Blobs>, String> {
        let blobs = self.blobs()?;
        self.may(Reach::BlobContainer, container)?;
        Ok(blobs)
    }

    fn container(&self, container: &Resource<Container>) -> wasmtime::Result<String> {
        Ok(self.table.get(container)?.0.clone())
    }
}

fn said(error: weft_store::Error) -> String {
    error.to_string()
}

fn seconds(time: Timestamp) -> u64 {
    time.as_millis() / 1000
}

/// Unwraps an inner result, or returns it as the guest's.
macro_rules! ok {
    ($result:expr) => {
        match $result {
            Ok(value) => value,
            Err(error) => return Ok(Err(error)),
        }
    };
}

async fn find(blobs: &dyn Blobs, app: &AppId, container: &str, name: &str) -> Result<Blob, String> {
    let found = blobs.blob(app, container, name).await.map_err(said)?;
    found.ok_or_else(|| format!("there is no object {name:?} in the container {container:?}"))
}

impl blobstore::Host for State {
    async fn create_container(&mut self, name: String) -> Answer<Resource<Container>> {
        let blobs = ok!(self.blobs_of(&name));
        let now = self.now()?;
        ok!(blobs
            .create_container(&self.call.app, &name, now)
            .await
            .map_err(said));
        Ok(Ok(self.table.push(Container(name))?))
    }

    async fn get_container(&mut self, name: String) -> Answer<Resource<Container>> {
        let blobs = ok!(self.blobs_of(&name));
        let created = blobs.container_created(&self.call.app, &name).await;
        match ok!(created.map_err(said)) {
            Some(_) => Ok(Ok(self.table.push(Container(name))?)),
            None => Ok(Err(format!("there is no container {name:?}"))),
        }
    }

    async fn delete_container(&mut self, name: String) -> Answer<()> {
        let blobs = ok!(self.blobs_of(&name));
        let deleted = blobs.delete_container(&self.call.app, &name).await;
        Ok(deleted.map_err(said))
    }

    async fn container_exists(&mut self, name: String) -> Answer<bool> {
        let blobs = ok!(self.blobs_of(&name));
        let created = blobs.container_created(&self.call.app, &name).await;
        Ok(created.map(|created| created.is_some()).map_err(said))
    }

    async fn copy_object(&mut self, src: types::ObjectId, dest: types::ObjectId) -> Answer<()> {
        ok!(self.blobs_of(&dest.container));
        let blobs = ok!(self.blobs_of(&src.container));
        let blob = ok!(find(&*blobs, &self.call.app, &src.container, &src.object).await);
        let draft = Arc::new(Draft::new(Arc::clone(&blobs), self.call.app.clone()));
        let mut reader = Reader::new(blobs, blob, (0, blob.size), &self.reading);
        loop {
            let part = ok!(reader.next_part().await);
            if part.is_empty() {
                break;
            }
            ok!(draft.write_part(part).await);
        }
        let now = self.now()?;
        Ok(draft.finish(dest.container, dest.object, now).await)
    }

    async fn move_object(&mut self, src: types::ObjectId, dest: types::ObjectId) -> Answer<()> {
        if (&src.container, &src.object) == (&dest.container, &dest.object) {
            return Ok(Ok(()));
        }
        ok!(self.copy_object(src.clone(), dest).await?);
        let blobs = ok!(self.blobs_of(&src.container));
        let names = Some(vec![src.object]);
        let deleted = blobs.delete_blobs(&self.call.app, &src.container, names);
        Ok(deleted.await.map_err(said))
    }
}

impl container::Host for State {}

impl container::HostContainer for State {
    async fn name(&mut self, container: Resource<Container>) -> Answer<String> {
        Ok(Ok(self.container(&container)?))
    }

    async fn info(&mut self, container: Resource<Container>) -> Answer<types::ContainerMetadata> {
        let name = self.container(&container)?;
        let blobs = ok!(self.blobs_of(&name));
        let created = blobs.container_created(&self.call.app, &name).await;
        match ok!(created.map_err(said)) {
            Some(created) => Ok(Ok(types::ContainerMetadata {
                name,
                created_at: seconds(created),
            })),
            None => Ok(Err(format!("there is no container {name:?}"))),
        }
    }

    async fn get_data(
        &mut self,
        container: Resource<Container>,
        name: String,
        start: u64,
        end: u64,
    ) -> Answer<Resource<IncomingValue>> {
        let container = self.container(&container)?;
        let blobs = ok!(self.blobs_of(&container));
        let blob = ok!(find(&*blobs, &self.call.app, &container, &name).await);
        let to = end.saturating_add(1).min(blob.size);
        let from = start.min(to);
        Ok(Ok(self.table.push(IncomingValue { blob, from, to })?))
    }

    async fn write_data(
        &mut self,
        container: Resource<Container>,
        name: String,
        data: Resource<OutgoingValue>,
    ) -> Answer<()> {
        let container = self.container(&container)?;
        ok!(self.blobs_of(&container));
        ok!(BlobLimits::check_name(&name).map_err(said));
        self.table.get_mut(&data)?.target = Some((container, name));
        Ok(Ok(()))
    }

    async fn list_objects(
        &mut self,
        container: Resource<Container>,
    ) -> Answer<Resource<ObjectNames>> {
        let container = self.container(&container)?;
        Ok(Ok(self.table.push(ObjectNames {
            container,
            after: None,
            ended: false,
        })?))
    }

    async fn delete_object(&mut self, container: Resource<Container>, name: String) -> Answer<()> {
        self.delete_objects(container, vec![name]).await
    }

    async fn delete_objects(
        &mut self,
        container: Resource<Container>,
        names: Vec<String>,
    ) -> Answer<()> {
        let container = self.container(&container)?;
        let blobs = ok!(self.blobs_of(&container));
        let deleted = blobs.delete_blobs(&self.call.app, &container, Some(names));
        Ok(deleted.await.map_err(said))
    }

    async fn has_object(&mut self, container: Resource<Container>, name: String) -> Answer<bool> {
        let container = self.container(&container)?;
        let blobs = ok!(self.blobs_of(&container));
        let found = blobs.blob(&self.call.app, &container, &name).await;
        Ok(found.map(|found| found.is_some()).map_err(said))
    }

    async fn object_info(
        &mut self,
        container: Resource<Container>,
        name: String,
    ) -> Answer<types::ObjectMetadata> {
        let container = self.container(&container)?;
        let blobs = ok!(self.blobs_of(&container));
        let blob = ok!(find(&*blobs, &self.call.app, &container, &name).await);
        Ok(Ok(types::ObjectMetadata {
            name,
            container,
            created_at: seconds(blob.created_at),
            size: blob.size,
        }))
    }

    async fn clear(&mut self, container: Resource<Container>) -> Answer<()> {
        let container = self.container(&container)?;
        let blobs = ok!(self.blobs_of(&container));
        let deleted = blobs.delete_blobs(&self.call.app, &container, None);
        Ok(deleted.await.map_err(said))
    }

    async fn drop(&mut self, container: Resource<Container>) -> wasmtime::Result<()> {
        self.table.delete(container)?;
        Ok(())
    }
}

impl container::HostStreamObjectNames for State {
    async fn read_stream_object_names(
        &mut self,
        names: Resource<ObjectNames>,
        len: u64,
    ) -> Answer<(Vec<String>, bool)> {
        let at = self.table.get(&names)?;
        if at.ended {
            return Ok(Ok((Vec::new(), true)));
        }
        let (container, after) = (at.container.clone(), at.after.clone());
        let blobs = ok!(self.blobs_of(&container));
        let limit = len.min(PAGE);
        // One more tells whether there is more.
        let asked = u32::try_from(limit + 1).unwrap_or(u32::MAX);
        let found = blobs.blob_names(&self.call.app, &container, after.as_deref(), asked);
        let mut found = ok!(found.await.map_err(said));
        let ended = found.len() as u64 <= limit;
        found.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
        let at = self.table.get_mut(&names)?;
        at.ended = ended;
        at.after = found.last().cloned().or(after);
        Ok(Ok((found, ended)))
    }

    async fn skip_stream_object_names(
        &mut self,
        names: Resource<ObjectNames>,
        num: u64,
    ) -> Answer<(u64, bool)> {
        let mut skipped = 0;
        loop {
            let again = Resource::new_borrow(names.rep());
            let page = self.read_stream_object_names(again, num - skipped).await?;
            let (page, ended) = ok!(page);
            skipped += page.len() as u64;
            if ended || skipped == num {
                return Ok(Ok((skipped, ended)));
            }
        }
    }

    async fn drop(&mut self, names: Resource<ObjectNames>) -> wasmtime::Result<()> {
        self.table.delete(names)?;
        Ok(())
    }
}

impl types::Host for State {}

impl types::HostIncomingValue for State {
    async fn incoming_value_consume_sync(
        &mut self,
        value: Resource<IncomingValue>,
    ) -> Answer<Vec<u8>> {
        let value = self.table.delete(value)?;
        let size = value.to - value.from;
        if size > LIST_BYTES_MAX {
            return Ok(Err(format!(
                "at most {LIST_BYTES_MAX} bytes are given as one list, this has {size}; read it as a \
                 stream, or in portions"
            )));
        }
        let (blobs, portion) = (ok!(self.blobs()), (value.from, value.to));
        let mut reader = Reader::new(blobs, value.blob, portion, &self.reading);
        let mut whole = Vec::new();
        loop {
            let part = ok!(reader.next_part().await);
            if part.is_empty() {
                return Ok(Ok(whole));
            }
            whole.extend_from_slice(&part);
        }
    }

    async fn incoming_value_consume_async(
        &mut self,
        value: Resource<IncomingValue>,
    ) -> Answer<Resource<DynInputStream>> {
        let value = self.table.delete(value)?;
        let (blobs, portion) = (ok!(self.blobs()), (value.from, value.to));
        if Arc::strong_count(&self.reading) > READING_MAX {
            let why = format!("an instance reads {READING_MAX} objects at one time at most");
            return Ok(Err(why));
        }
        let reader = Reader::new(blobs, value.blob, portion, &self.reading);
        let stream: DynInputStream = Box::new(reader);
        Ok(Ok(self.table.push(stream)?))
    }

    async fn size(&mut self, value: Resource<IncomingValue>) -> wasmtime::Result<u64> {
        let value = self.table.get(&value)?;
        Ok(value.to - value.from)
    }

    async fn drop(&mut self, value: Resource<IncomingValue>) -> wasmtime::Result<()> {
        self.table.delete(value)?;
        Ok(())
    }
}

impl types::HostOutgoingValue for State {
    async fn new_outgoing_value(&mut self) -> wasmtime::Result<Resource<OutgoingValue>> {
        let blobs = self.blobs().map_err(Refused)?;
        let draft = Arc::new(Draft::new(blobs, self.call.app.clone()));
        Ok(self.table.push(OutgoingValue {
            target: None,
            streaming: false,
            draft,
        })?)
    }

    async fn outgoing_value_write_body(
        &mut self,
        value: Resource<OutgoingValue>,
    ) -> wasmtime::Result<Result<Resource<DynOutputStream>, ()>> {
        let writing = self.table.iter_mut();
        let writing = writing.filter(|held| held.is::<OutgoingValue>()).count();
        let found = self.table.get_mut(&value)?;
        if found.streaming || writing > WRITING_MAX {
            return Ok(Err(()));
        }
        found.streaming = true;
        let stream: DynOutputStream = Box::new(Writer(Arc::clone(&found.draft)));
        Ok(Ok(self.table.push_child(stream, &value)?))
    }

    async fn finish(&mut self, value: Resource<OutgoingValue>) -> Answer<()> {
        let value = self.table.delete(value)?;
        let Some((container, name)) = value.target else {
            return Ok(Err(
                "`write-data` has not said where the object goes".to_owned()
            ));
        };
        ok!(self.blobs_of(&container));
        let now = self.now()?;
        Ok(value.draft.finish(container, name, now).await)
    }

    async fn drop(&mut self, value: Resource<OutgoingValue>) -> wasmtime::Result<()> {
        self.table.delete(value)?;
        Ok(())
    }
}
