//! The store in memory fulfils the contract.

weft_store::conformance_tests!(Box::new(weft_store::MemoryStore::new()));
