//! Tenants as the operator's file has them, set at every start.

use std::collections::BTreeMap;

use weft_id::Tenant;
use weft_orchestration::{Payload, Timestamp};
use weft_store::{AuditOutcome, Error, NewAudit, Role, SetTerms, Store, Terms};

use crate::TenantSettings;

/// Makes the tenants that are absent and sets the terms that differ; each change stands in the
/// audit log as one of the node itself.
pub(crate) async fn apply(
    store: &dyn Store,
    tenants: &BTreeMap<Tenant, TenantSettings>,
    now: Timestamp,
) -> Result<(), Error> {
    let known: BTreeMap<Tenant, Terms> = store.terms().await?.into_iter().collect();
    for (tenant, settings) in tenants {
        if !store.has_tenant(tenant).await? {
            let put = store.put_tenant(tenant, now);
            audited(store, tenant, "put tenant", now, put).await?;
        }
        let terms = known.get(tenant).cloned().unwrap_or_default();
        if let Some(quota) = &settings.quota {
            let quota = Some(Payload::from(quota.to_json()));
            if terms.quota != quota {
                let set = store.set_terms(tenant, SetTerms::Quota(quota));
                audited(store, tenant, "put quota", now, set).await?;
            }
        }
        if let Some(grants) = &settings.grants {
            let grants = Some(Payload::from(grants.to_json()));
            if terms.grants != grants {
                let set = store.set_terms(tenant, SetTerms::Grants(grants));
                audited(store, tenant, "put grants", now, set).await?;
            }
        }
    }
    Ok(())
}

async fn audited(
    store: &dyn Store,
    tenant: &Tenant,
    action: &str,
    now: Timestamp,
    work: impl Future<Output = Result<(), Error>>,
) -> Result<(), Error> {
    let new = NewAudit {
        at: now,
        tenant: Some(tenant.clone()),
        key: None,
        role: Role::Operator,
        action: action.to_owned(),
        target: format!("tenants/{tenant}"),
    };
    let seq = store.begin_audit(new).await?;
    work.await?;
    let done = AuditOutcome {
        status: 200,
        detail: Some("weft.server.toml".to_owned()),
    };
    store.end_audit(seq, done).await
}

#[cfg(test)]
mod tests {
    use weft_app::Quota;
    use weft_store::{Audit as _, AuditFilter, MemoryStore, Tenants as _};

    use super::*;

    #[tokio::test]
    async fn only_what_differs_is_set_and_written_down() {
        let store = MemoryStore::new();
        let quota = Quota {
            functions: Some(3),
            ..Quota::default()
        };
        let settings = |quota| TenantSettings {
            quota,
            isolation: None,
            grants: None,
        };
        let [a, b]: [Tenant; 2] = ["a", "b"].map(|name| name.parse().unwrap());
        let mut tenants = BTreeMap::from([(a.clone(), settings(Some(quota))), (b, settings(None))]);
        let actions = async || -> Vec<String> {
            let entries = store.audit(&AuditFilter::default(), 100).await.unwrap();
            let all = entries.iter().rev();
            all.map(|entry| format!("{} {}", entry.of.action, entry.of.target))
                .collect()
        };
        for _ in 0..2 {
            apply(&store, &tenants, Timestamp::default()).await.unwrap();
            assert_eq!(
                actions().await,
                [
                    "put tenant tenants/a",
                    "put quota tenants/a",
                    "put tenant tenants/b"
                ]
            );
        }
        assert!(store.has_tenant(&a).await.unwrap());
        tenants.insert(a, settings(Some(Quota::default())));
        apply(&store, &tenants, Timestamp::default()).await.unwrap();
        assert_eq!(actions().await.len(), 4);
    }
}
