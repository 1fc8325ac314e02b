//! Every attack once, and the same against nodes with a defence less.

use weft_hostile::disarmed::{Weakness, hunt};
use weft_hostile::report::Aims;
use weft_hostile::run::{Options, run};
use weft_hostile::scene::Scale;
use weft_testkit::node::Program;

/// Other tests run on the same machine: what the victim sees says little here, and is judged by the
/// long run.
const AIMS: Aims = Aims {
    p99_more_ms: 10_000.0,
    answered: 0.0,
    rss_kept_mib: 512.0,
};

fn options(only: &[&str]) -> Options {
    Options {
        program: Program::weft(),
        scale: Scale::Short,
        seed: rand::random::<u64>() >> 16,
        aims: AIMS,
        only: only.iter().map(ToString::to_string).collect(),
    }
}

async fn refuses(groups: &[&str]) {
    let report = run(&options(groups)).await.expect("the node goes on");
    let failed: Vec<_> = report.rows.iter().filter(|row| !row.passed()).collect();
    assert!(
        failed.is_empty() && report.missed.is_empty(),
        "{failed:#?} {:?}",
        report.missed
    );
    assert!(!report.rows.is_empty());
}

#[tokio::test]
async fn uploads_and_calls_are_refused() {
    refuses(&["uploads/", "calls/", "native/"]).await;
}

#[tokio::test]
async fn handlers_and_flows_are_bounded() {
    refuses(&["handlers/", "flows/", "workflows/", "generated/"]).await;
}

#[tokio::test]
async fn requests_reach_nothing_else() {
    refuses(&["names/", "requests/", "egress/", "tenants/", "neighbours/"]).await;
}

async fn is_missed(weakness: Weakness) {
    let through = hunt(weakness, options(&[]))
        .await
        .expect("the node goes on");
    assert_eq!(through.len(), weakness.shown_by().len(), "{through:?}");
}

#[tokio::test]
async fn a_node_without_checks_of_addresses_is_found() {
    is_missed(Weakness::EgressOpen).await;
}

#[tokio::test]
async fn a_node_that_never_looks_at_its_guests_is_found() {
    is_missed(Weakness::TickerStopped).await;
}

#[tokio::test]
async fn a_node_without_a_bound_on_handles_is_found() {
    is_missed(Weakness::HandlesUnbounded).await;
}

#[tokio::test]
async fn a_node_that_waits_for_heads_is_found() {
    is_missed(Weakness::HeadsPatient).await;
}

#[tokio::test]
async fn a_node_that_compiles_unseen_is_found() {
    is_missed(Weakness::ScanOff).await;
}
