//! A request that takes more than one exchange: attempts, polls, pages.

use weft_orchestration::Timestamp;

use crate::program::RetryPolicy;
use crate::value::Value;

/// How far a request has come.
#[derive(Debug)]
pub(crate) struct Request {
    /// The activity that carries it.
    pub(crate) activity: &'static str,
    /// The input of the activity for the present exchange.
    pub(crate) payload: Value,
    pub(crate) policy: RetryPolicy,
    /// Of the present exchange, from 1.
    pub(crate) attempt: u32,
    pub(crate) attempt_started: Timestamp,
    /// Whether an answer 202 with a location is polled.
    pub(crate) asynchronous: bool,
    /// How many items to gather from pages; `None` where the answer is taken as it is.
    pub(crate) items_wanted: Option<u64>,
    /// Items of the pages so far.
    pub(crate) gathered: Vec<Value>,
    pub(crate) pages: usize,
    /// A webhook: after the exchange its callback is waited for.
    pub(crate) webhook: bool,
}
