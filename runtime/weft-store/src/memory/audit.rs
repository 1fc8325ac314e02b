//! Entries of the audit log in memory.

use async_trait::async_trait;
use weft_orchestration::Timestamp;

use super::MemoryStore;
use crate::{Audit, AuditEntry, AuditFilter, AuditOutcome, AuditSeq, Error, NewAudit};

#[async_trait]
impl Audit for MemoryStore {
    async fn begin_audit(&self, new: NewAudit) -> Result<AuditSeq, Error> {
        let mut state = self.state();
        state.audit_last += 1;
        let seq = AuditSeq(state.audit_last);
        let entry = AuditEntry {
            seq,
            of: new,
            outcome: None,
        };
        state.audit.insert(seq, entry);
        Ok(seq)
    }

    async fn end_audit(&self, seq: AuditSeq, outcome: AuditOutcome) -> Result<(), Error> {
        if let Some(entry) = self.state().audit.get_mut(&seq) {
            entry.outcome = Some(outcome);
        }
        Ok(())
    }

    async fn audit(&self, filter: &AuditFilter, limit: u32) -> Result<Vec<AuditEntry>, Error> {
        let state = self.state();
        let newest = state.audit.values().rev();
        let found = newest.filter(|entry| filter.matches(entry)).cloned();
        Ok(found
            .take(usize::try_from(limit).unwrap_or(usize::MAX))
            .collect())
    }

    async fn trim_audit(&self, before: Timestamp, limit: u32) -> Result<u64, Error> {
        let mut state = self.state();
        let old = state.audit.values().filter(|entry| entry.of.at < before);
        let old: Vec<_> = old
            .map(|entry| entry.seq)
            .take(usize::try_from(limit).unwrap_or(usize::MAX))
            .collect();
        for seq in &old {
            state.audit.remove(seq);
        }
        Ok(old.len() as u64)
    }
}
