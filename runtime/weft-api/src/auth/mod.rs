//! Who calls, and what they may do.
//!
//! A key is `{id}.{secret}`: the id finds the record with one look-up, the whole key is compared
//! by its SHA-256 in constant time. The tenant comes from the key alone.

mod access;
mod caller;
mod key;

pub(crate) use access::{
    AppAccess, Deploy, Invoke, Operate, OperatorAccess, Own, Read, ReadInstances, TenantAccess,
    identified,
};
pub(crate) use caller::authenticate_basic;
pub use caller::{Caller, Permission, authenticate};
pub(crate) use key::rotate;
pub use key::{NewKey, create};
