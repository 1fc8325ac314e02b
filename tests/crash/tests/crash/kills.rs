//! SIGKILL at random instants.

use std::time::Duration;

use weft_crash::faults::{Base, kills};
use weft_testkit::node::weft_binary;

#[tokio::test]
async fn a_killed_node_loses_and_repeats_nothing() {
    let base = Base {
        binary: weft_binary().to_owned(),
        env: Vec::new(),
        seed: rand::random(),
        open: 16,
        patience: Duration::from_secs(60),
    };
    let section = kills::run(&base, 20).await.unwrap();
    assert!(section.violations.is_empty(), "{section:#?}");
    // A run in which nothing happened proves nothing.
    assert!(section.figures["activities executed"].as_u64() > Some(100));
    assert!(section.figures["executed again, as allowed"].as_u64() > Some(0));
}
