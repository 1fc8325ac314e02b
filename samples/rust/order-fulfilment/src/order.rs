//! What goes in and what comes out.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// An order as the shop takes it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Order {
    pub(crate) id: String,
    pub(crate) item: String,
    pub(crate) quantity: u32,
    /// The price of the whole order.
    pub(crate) total_cents: u64,
    /// The token that the payment provider gave for the customer's card.
    pub(crate) card: String,
    /// ISO 3166 code of the country that it goes to.
    pub(crate) country: String,
    /// How long somebody may take to approve a large order.
    #[serde(default = "one_day")]
    pub(crate) approval_seconds: u64,
}

fn one_day() -> u64 {
    24 * 60 * 60
}

/// The payload of the event `approval`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Approval {
    pub(crate) approved: bool,
    pub(crate) by: String,
}

/// Goods put aside.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Reservation {
    pub(crate) id: String,
}

/// Money taken.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Receipt {
    pub(crate) id: String,
    pub(crate) cents: u64,
    /// How often the bank was asked, crashes included.
    pub(crate) bank_calls: u64,
}

/// Goods on their way.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Parcel {
    pub(crate) tracking: String,
}

/// How it ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "status", rename_all = "kebab-case")]
pub(crate) enum Outcome {
    Fulfilled {
        receipt: Receipt,
        parcel: Parcel,
    },
    Cancelled {
        /// A stable name, such as `declined` or `not-approved`.
        reason: String,
        message: String,
        /// What had been done and was undone, the last first.
        undone: Vec<String>,
    },
}

/// What the custom status shows.
#[derive(Debug, Serialize)]
#[serde(tag = "stage", rename_all = "kebab-case")]
pub(crate) enum Stage {
    Reserving,
    AwaitingApproval { cents: u64, seconds: u64 },
    Charging,
    Shipping,
    Undoing,
    Done,
}
