//! Power cuts in simulation.

use weft_crash::power::{Syncs, run};

#[tokio::test]
async fn acknowledged_writes_survive_the_loss_of_power() {
    let section = run(0, 25, Syncs::Kept).await.unwrap();
    assert!(section.violations.is_empty(), "{section:#?}");
    let lost = section.figures["writes lost or torn at a cut"].as_u64();
    assert!(lost > Some(100), "the cuts cost nothing: {section:#?}");
}

#[tokio::test]
async fn a_store_that_does_not_sync_is_caught() {
    let section = run(0, 5, Syncs::Ignored).await.unwrap();
    assert!(!section.violations.is_empty(), "{section:#?}");
}
