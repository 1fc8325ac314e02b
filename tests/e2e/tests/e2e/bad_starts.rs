//! Nodes that cannot start: each says why and what to do, ends with 1, and damages nothing.

use std::path::Path;
use std::process::Command;

use weft_testkit::node::{Node, weft_binary};

/// What `weft up` says before it gives up.
fn refused(data: &Path, http: &str) -> String {
    let output = Command::new(weft_binary())
        .args(["up", "--admin", "127.0.0.1:0", "--http", http, "--data"])
        .arg(data)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(output.stdout.is_empty(), "no node is ready");
    assert!(!said.contains("panicked"), "{said}");
    said
}

#[test]
fn a_port_in_use_is_named() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let dir = tempfile::tempdir().unwrap();
    let said = refused(&dir.path().join("data"), &address);
    assert!(said.contains(&address) && said.contains("--http"), "{said}");
    assert!(!dir.path().join("data").exists());
}

#[test]
fn a_folder_that_cannot_be_made_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("file");
    std::fs::write(&file, "a file, no folder").unwrap();
    let said = refused(&file.join("data"), "127.0.0.1:0");
    assert!(said.contains("file/data"), "{said}");
    assert_eq!(std::fs::read(&file).unwrap(), b"a file, no folder");
}

#[test]
fn a_damaged_database_is_left_as_it_is() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("weft.db");
    let damaged = vec![b'x'; 16_384];
    std::fs::write(&file, &damaged).unwrap();
    let said = refused(dir.path(), "127.0.0.1:0");
    assert!(said.contains("not a database"), "{said}");
    assert_eq!(std::fs::read(&file).unwrap(), damaged);
}

#[test]
fn a_database_of_a_newer_program_is_refused() {
    let node = Node::start(&[]);
    let dir = tempfile::tempdir().unwrap();
    let copy = dir.path().join("data");
    let copied = Command::new(weft_binary())
        .args(["backup", copy.to_str().unwrap(), "--data"])
        .arg(node.data())
        .output();
    assert!(copied.unwrap().status.success());
    let database = copy.join("weft.db");
    // The version of the format is a number of four bytes in the file's header.
    let mut bytes = std::fs::read(&database).unwrap();
    bytes[60..64].copy_from_slice(&1000_u32.to_be_bytes());
    std::fs::write(&database, &bytes).unwrap();
    let said = refused(&copy, "127.0.0.1:0");
    assert!(
        said.contains("format 1000") && said.contains("newer program"),
        "{said}"
    );
}
