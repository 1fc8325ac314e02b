//! Everything of `wasi:blobstore`, and what goes wrong with it.

use crate::wasi::blobstore::blobstore;
use crate::wasi::blobstore::container::Container;
use crate::wasi::blobstore::types::{IncomingValue, ObjectId, OutgoingValue};
use crate::wasi::io::streams::{InputStream, StreamError};

fn put(container: &Container, name: &str, bytes: &[u8]) -> Result<(), String> {
    let value = OutgoingValue::new_outgoing_value();
    let stream = value
        .outgoing_value_write_body()
        .map_err(|()| "no stream")?;
    for chunk in bytes.chunks(4096) {
        let written = stream.blocking_write_and_flush(chunk);
        written.map_err(|error| format!("{error:?}"))?;
    }
    drop(stream);
    container.write_data(name, &value)?;
    OutgoingValue::finish(value)
}

fn stream(container: &Container, name: &str) -> Result<InputStream, String> {
    let value = container.get_data(name, 0, u64::MAX)?;
    IncomingValue::incoming_value_consume_async(value)
}

fn id(container: &str, object: &str) -> ObjectId {
    ObjectId {
        container: container.to_owned(),
        object: object.to_owned(),
    }
}

pub fn keep() -> Result<Vec<String>, String> {
    let mut seen = Vec::new();
    seen.push(format!("{:?}", blobstore::container_exists("box")?));
    seen.push(blobstore::get_container("box").map(drop).unwrap_err());
    let container = blobstore::create_container("box")?;
    drop(blobstore::get_container("box")?);
    let info = container.info()?;
    seen.push(format!("{} {}", info.name, info.created_at > 1_700_000_000));
    // A part and a bit.
    let long: Vec<u8> = (0..600_000_u32).map(|at| (at / 1000) as u8).collect();
    put(&container, "long", &long)?;
    let info = container.object_info("long")?;
    seen.push(format!("{} {} {}", info.name, info.container, info.size));
    let value = container.get_data("long", 524_000, 525_999)?;
    let size = value.size();
    let middle = IncomingValue::incoming_value_consume_sync(value)?;
    let same = middle == long[524_000..526_000];
    seen.push(format!("{size} {same}"));
    let value = container.get_data("long", 599_999, u64::MAX)?;
    let end = IncomingValue::incoming_value_consume_sync(value)?;
    let value = container.get_data("long", 600_000, 600_000)?;
    let beyond = IncomingValue::incoming_value_consume_sync(value)?;
    seen.push(format!("{end:?} {beyond:?}"));

    blobstore::copy_object(&id("box", "long"), &id("box", "copy"))?;
    blobstore::move_object(&id("box", "long"), &id("box", "moved"))?;
    let value = container.get_data("moved", 0, u64::MAX)?;
    let moved = IncomingValue::incoming_value_consume_sync(value)?;
    seen.push(format!(
        "{} {}",
        moved == long,
        container.has_object("long")?
    ));
    let nowhere = blobstore::copy_object(&id("box", "copy"), &id("absent", "copy"));
    seen.push(nowhere.unwrap_err());
    seen.push(container.get_data("long", 0, 1).map(drop).unwrap_err());

    for name in ["a", "b", "c"] {
        put(&container, name, b"")?;
    }
    let names = container.list_objects()?;
    seen.push(format!("{:?}", names.read_stream_object_names(2)?));
    seen.push(format!("{:?}", names.skip_stream_object_names(1)?));
    seen.push(format!("{:?}", names.read_stream_object_names(9)?));
    seen.push(format!("{:?}", names.read_stream_object_names(9)?));
    container.delete_objects(&["a".to_owned(), "absent".to_owned()])?;
    container.delete_object("b")?;
    seen.push(format!(
        "{:?}",
        container.list_objects()?.skip_stream_object_names(9)?
    ));
    container.clear()?;
    seen.push(format!(
        "{:?}",
        container.list_objects()?.read_stream_object_names(9)?
    ));
    blobstore::delete_container("box")?;
    seen.push(format!("{:?}", blobstore::container_exists("box")?));
    Ok(seen)
}

pub fn replaced() -> Result<String, String> {
    let container = blobstore::create_container("replaced")?;
    put(&container, "o", &vec![1; 1_100_000])?;
    let reading = stream(&container, "o")?;
    let first = reading
        .blocking_read(1000)
        .map_err(|error| format!("{error:?}"))?;
    put(&container, "o", b"new")?;
    let mut read = first.len();
    loop {
        match reading.blocking_read(u64::MAX) {
            Ok(bytes) => read += bytes.len(),
            Err(StreamError::Closed) => return Ok(format!("all of {read} bytes")),
            Err(StreamError::LastOperationFailed(error)) => {
                return Ok(format!("{read}: {}", error.to_debug_string()));
            }
        }
    }
}

pub fn unfinished() -> Result<Vec<String>, String> {
    let container = blobstore::create_container("unfinished")?;
    let value = OutgoingValue::new_outgoing_value();
    container.write_data("dropped", &value)?;
    let stream = value
        .outgoing_value_write_body()
        .map_err(|()| "no stream")?;
    let again = value.outgoing_value_write_body().is_err();
    for _ in 0..300 {
        let written = stream.blocking_write_and_flush(&[7; 4096]);
        written.map_err(|error| format!("{error:?}"))?;
    }
    drop(stream);
    drop(value);
    let lost = OutgoingValue::new_outgoing_value();
    let lost = OutgoingValue::finish(lost).unwrap_err();
    let there = container.has_object("dropped")?;
    Ok(vec![format!("{again} {there}"), lost])
}

/// How many can be written at a time.
pub fn many() -> usize {
    let mut open = Vec::new();
    loop {
        let value = OutgoingValue::new_outgoing_value();
        match value.outgoing_value_write_body() {
            Ok(stream) => open.push((stream, value)),
            Err(()) => return open.len(),
        }
    }
}

pub fn as_list() -> Result<usize, String> {
    let container = blobstore::create_container("list")?;
    put(&container, "long", &vec![0; (16 << 20) + 1])?;
    let value = container.get_data("long", 0, u64::MAX)?;
    Ok(IncomingValue::incoming_value_consume_sync(value)?.len())
}
