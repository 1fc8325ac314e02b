//! `photo-pipeline`: real photographs, with the node killed in the middle.

use std::io::Write as _;

use reqwest::Method;
use serde_json::{Value, json};
use weft_e2e::{Session, in_repository};
use weft_testkit::guests::component;
use weft_testkit::node::Node;
use zip::write::SimpleFileOptions;

const APP: &str = "photos";
const PNG: &[u8] = b"\x89PNG\r\n\x1a\n";

async fn studio(node: Node) -> Session {
    let session = Session::new(node);
    let wasm = component("samples/rust/photo-pipeline", "photo_pipeline");
    session.upload(APP, "photos", wasm).await;
    let open = json!({"auth": "anonymous"});
    for function in ["album", "sheet"] {
        session.settings(APP, function, &open).await;
    }
    let large = json!({"auth": "anonymous", "limits": {"memory_mib": 256}});
    session.settings(APP, "upload", &large).await;
    let heavy = json!({"limits": {"memory_mib": 512, "timeout_ms": 60000}});
    session.settings(APP, "analyse", &heavy).await;
    session
}

/// The photographs of the sample, and one file that is none.
fn archive() -> Vec<u8> {
    let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    let stored = SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored);
    let folder = in_repository("samples/rust/photo-pipeline/photos");
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if !name.ends_with(".md") {
            zip.start_file(name, stored).unwrap();
            zip.write_all(&std::fs::read(&path).unwrap()).unwrap();
        }
    }
    zip.start_file("broken.png", stored).unwrap();
    zip.write_all(b"no picture").unwrap();
    zip.finish().unwrap().into_inner()
}

async fn upload(session: &Session) -> String {
    let request = session.data(Method::POST, "/@default/photos/api/photos");
    let answer = session
        .send(request.body(archive()))
        .await
        .expect(202)
        .json();
    answer["id"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn an_uploaded_album_becomes_a_contact_sheet_although_the_node_is_killed() {
    let mut session = studio(Node::start(&[])).await;
    let id = upload(&session).await;
    // One picture is done, others are not.
    let begun = |instance: &Value| instance["turns"].as_u64() >= Some(1);
    session.until(APP, &id, begun).await;
    session.node.kill();
    session.node.restart();
    let ended = session.until_status(APP, &id, "Completed").await;
    let scheduled = session.count(APP, &id, "task_scheduled").await;
    // Five photographs, the broken one, and the sheet.
    assert_eq!(scheduled, 7, "{ended:#}");
    let sheet = format!("/@default/photos/api/photos/{id}/sheet");
    let sheet = session
        .send(session.data(Method::GET, &sheet))
        .await
        .expect(200);
    assert_eq!(sheet.headers["content-type"], "image/png");
    assert!(sheet.body.starts_with(PNG) && sheet.body.len() > 10_000);
    let album = format!("/@default/photos/api/photos/{id}");
    let album = session
        .send(session.data(Method::GET, &album))
        .await
        .expect(200);
    assert!(album.text().contains("broken.png"), "{}", album.text());
}

#[tokio::test]
async fn what_is_no_archive_is_refused() {
    let session = studio(Node::in_memory()).await;
    let request = session.data(Method::POST, "/@default/photos/api/photos");
    let answer = session.send(request.body("no zip")).await;
    assert_eq!(answer.status, 400, "{answer:?}");
}
