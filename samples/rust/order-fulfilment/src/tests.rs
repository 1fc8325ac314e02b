//! Every path of the saga, run natively with the real activities and storage in memory.

use std::time::Duration;

use weft_sdk::testing::{Orchestration, Report};
use weft_sdk::{Failure, kv};

use crate::bank::{charge, refund};
use crate::fulfil::fulfil;
use crate::order::{Approval, Order, Outcome};
use crate::warehouse::{release, reserve, ship};

fn order() -> Order {
    Order {
        id: "1".to_owned(),
        item: "teapot".to_owned(),
        quantity: 2,
        total_cents: 4_900,
        card: "tok-visa".to_owned(),
        country: "DE".to_owned(),
        approval_seconds: 3_600,
    }
}

fn run(order: Order, approval: Option<(u64, Approval)>) -> Report<Outcome> {
    let mut orchestration = Orchestration::new(fulfil, order)
        .real_activity::<reserve>()
        .real_activity::<release>()
        .real_activity::<ship>()
        .real_activity::<charge>()
        .real_activity::<refund>();
    if let Some((seconds, approval)) = approval {
        let after = Duration::from_secs(seconds);
        orchestration = orchestration.event_after(after, "approval", approval);
    }
    orchestration.run()
}

fn approval(approved: bool) -> Approval {
    Approval {
        approved,
        by: "Ann".to_owned(),
    }
}

fn keys() -> Vec<String> {
    kv::open("default").unwrap().list_keys(None).unwrap().0
}

fn stages(report: &Report<Outcome>) -> Vec<&str> {
    report
        .statuses
        .iter()
        .map(|status| status["stage"].as_str().unwrap())
        .collect()
}

fn check_cancelled(report: &Report<Outcome>, expected: &str, undone_expected: &[&str]) {
    match report.result.as_ref().unwrap() {
        Outcome::Cancelled { reason, undone, .. } => {
            assert_eq!(reason, expected);
            assert_eq!(undone, undone_expected);
        }
        fulfilled @ Outcome::Fulfilled { .. } => panic!("{fulfilled:?}"),
    }
}

#[test]
fn a_small_order_goes_through() {
    let report = run(order(), None);
    assert_eq!(report.names(), ["reserve", "charge", "ship"]);
    assert_eq!(
        stages(&report),
        ["reserving", "charging", "shipping", "done"]
    );
    let Ok(Outcome::Fulfilled { receipt, parcel }) = report.result else {
        panic!()
    };
    assert_eq!((receipt.cents, receipt.bank_calls), (4_900, 1));
    assert_eq!(parcel.tracking, "DE-1");
}

#[test]
fn a_slow_bank_is_asked_again() {
    let report = run(
        Order {
            card: "tok-slow-bank".to_owned(),
            ..order()
        },
        None,
    );
    let Ok(Outcome::Fulfilled { receipt, .. }) = report.result else {
        panic!()
    };
    assert_eq!(receipt.bank_calls, 3);
    assert_eq!(report.elapsed, Duration::from_secs(1 + 2));
}

#[test]
fn a_declined_card_releases_the_goods() {
    let report = run(
        Order {
            card: "tok-no-funds".to_owned(),
            ..order()
        },
        None,
    );
    check_cancelled(&report, "declined", &["reserve"]);
    assert_eq!(report.names(), ["reserve", "charge", "release"]);
    assert!(!keys().iter().any(|key| key.starts_with("reservation/")));
}

#[test]
fn a_bank_that_never_answers_is_given_up() {
    let report = run(
        Order {
            card: "tok-offline-bank".to_owned(),
            ..order()
        },
        None,
    );
    check_cancelled(&report, "bank-unavailable", &["reserve"]);
    assert_eq!(
        report.names(),
        ["reserve", "charge", "charge", "charge", "charge", "release"]
    );
}

#[test]
fn an_unknown_card_is_refused() {
    let report = run(
        Order {
            card: "4242".to_owned(),
            ..order()
        },
        None,
    );
    check_cancelled(&report, "unknown-card", &["reserve"]);
}

#[test]
fn an_undeliverable_order_is_paid_back() {
    let report = run(
        Order {
            country: "AQ".to_owned(),
            ..order()
        },
        None,
    );
    check_cancelled(&report, "undeliverable", &["charge", "reserve"]);
    assert_eq!(
        report.names(),
        ["reserve", "charge", "ship", "refund", "release"]
    );
    assert!(keys().iter().any(|key| key.ends_with("/refunded")));
}

#[test]
fn nothing_is_undone_where_nothing_was_done() {
    let report = run(
        Order {
            quantity: 21,
            ..order()
        },
        None,
    );
    check_cancelled(&report, "out-of-stock", &[]);
    assert_eq!(report.names(), ["reserve"]);
}

#[test]
fn a_large_order_waits_for_approval() {
    let large = Order {
        total_cents: 75_000,
        ..order()
    };
    let report = run(large, Some((60, approval(true))));
    assert!(matches!(report.result, Ok(Outcome::Fulfilled { .. })));
    let expected = [
        "reserving",
        "awaiting-approval",
        "charging",
        "shipping",
        "done",
    ];
    assert_eq!(stages(&report), expected);
    assert_eq!(report.elapsed, Duration::from_secs(60));
}

#[test]
fn a_refused_order_is_cancelled() {
    let large = Order {
        total_cents: 75_000,
        ..order()
    };
    let report = run(large, Some((60, approval(false))));
    check_cancelled(&report, "not-approved", &["reserve"]);
}

#[test]
fn an_approval_may_come_too_late() {
    let large = Order {
        total_cents: 75_000,
        ..order()
    };
    let report = run(large, Some((3_601, approval(true))));
    check_cancelled(&report, "approval-timeout", &["reserve"]);
    assert_eq!(report.elapsed, Duration::from_secs(3_600));
}

#[test]
fn a_failed_release_is_tried_again() {
    let mut failures = 2;
    let report = Orchestration::new(
        fulfil,
        Order {
            card: "tok-no-funds".to_owned(),
            ..order()
        },
    )
    .real_activity::<reserve>()
    .real_activity::<charge>()
    .activity("release", move |_: serde::de::IgnoredAny| {
        if failures == 0 {
            return Ok(());
        }
        failures -= 1;
        Err(Failure::transient("warehouse-closed", "Nobody is there."))
    })
    .run();
    check_cancelled(&report, "declined", &["reserve"]);
    assert_eq!(
        report
            .names()
            .iter()
            .filter(|name| **name == "release")
            .count(),
        3
    );
}

#[test]
fn a_lost_answer_takes_the_money_once() {
    let call = weft_sdk::Call {
        instance_id: "i".to_owned(),
        idempotency_key: "i:1".to_owned(),
        attempt: 1,
    };
    let first = charge(call.clone(), order()).unwrap();
    let again = charge(call, order()).unwrap();
    assert_eq!(first, again);
}
