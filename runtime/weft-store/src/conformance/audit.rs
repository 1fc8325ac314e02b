//! The audit log.

use weft_id::Tenant;

use super::at;
use crate::{AuditFilter, AuditOutcome, AuditSeq, KeyId, NewAudit, Role, Store};

fn entry(tenant: Option<&str>, target: &str, millis: u64) -> NewAudit {
    NewAudit {
        at: at(millis),
        tenant: tenant.map(|name| name.parse().unwrap()),
        key: tenant.map(|_| KeyId("k".to_owned())),
        role: Role::Deployer,
        action: "put secret".to_owned(),
        target: target.to_owned(),
    }
}

async fn targets(store: &(impl Store + ?Sized), filter: AuditFilter, limit: u32) -> Vec<String> {
    let found = store.audit(&filter, limit).await.unwrap();
    found.into_iter().map(|entry| entry.of.target).collect()
}

pub async fn actions_are_kept_with_what_came_of_them(store: &(impl Store + ?Sized)) {
    let new = entry(Some("t"), "apps/a/secrets/s", 1);
    let seq = store.begin_audit(new.clone()).await.unwrap();
    let all = AuditFilter::default();
    let begun = store.audit(&all, 10).await.unwrap();
    assert_eq!((&begun[0].of, begun[0].seq), (&new, seq));
    assert_eq!(begun[0].outcome, None);
    for outcome in [
        AuditOutcome {
            status: 403,
            detail: Some("forbidden".to_owned()),
        },
        AuditOutcome {
            status: 201,
            detail: None,
        },
    ] {
        store.end_audit(seq, outcome.clone()).await.unwrap();
        let ended = store.audit(&all, 10).await.unwrap();
        assert_eq!((ended.len(), &ended[0].outcome), (1, &Some(outcome)));
    }
    let outcome = AuditOutcome {
        status: 200,
        detail: None,
    };
    store.end_audit(AuditSeq(seq.0 + 1), outcome).await.unwrap();
    assert_eq!(store.audit(&all, 10).await.unwrap().len(), 1);
}

pub async fn actions_are_read_newest_first_by_tenant(store: &(impl Store + ?Sized)) {
    let mut last = AuditSeq(0);
    for (tenant, target) in [
        (Some("a"), "1"),
        (Some("b"), "2"),
        (None, "3"),
        (Some("a"), "4"),
    ] {
        let new = entry(tenant, target, target.parse().unwrap());
        let seq = store.begin_audit(new).await.unwrap();
        assert!(seq > last, "numbers rise");
        last = seq;
    }
    let a: Tenant = "a".parse().unwrap();
    let of = |tenant: Option<&Tenant>| AuditFilter {
        tenant: tenant.cloned(),
        ..AuditFilter::default()
    };
    assert_eq!(targets(store, of(None), 10).await, ["4", "3", "2", "1"]);
    assert_eq!(targets(store, of(None), 2).await, ["4", "3"]);
    assert_eq!(targets(store, of(Some(&a)), 10).await, ["4", "1"]);
    let before = AuditFilter {
        before: Some(last),
        ..of(Some(&a))
    };
    assert_eq!(targets(store, before, 10).await, ["1"]);
    let from = AuditFilter {
        from: Some(at(3)),
        ..AuditFilter::default()
    };
    assert_eq!(targets(store, from, 10).await, ["4", "3"]);

    assert_eq!(store.trim_audit(at(4), 2).await.unwrap(), 2);
    assert_eq!(targets(store, of(None), 10).await, ["4", "3"]);
    assert_eq!(store.trim_audit(at(4), 2).await.unwrap(), 1);
    assert_eq!(store.trim_audit(at(4), 2).await.unwrap(), 0);
    assert_eq!(targets(store, of(None), 10).await, ["4"]);
    // What is gone gives no number away again.
    assert_eq!(store.trim_audit(at(9), 2).await.unwrap(), 1);
    let next = store.begin_audit(entry(None, "5", 5)).await.unwrap();
    assert!(next > last);
}
