//! The saga.

use std::time::Duration;

use weft_sdk::{Context, Failure, RetryPolicy};

use crate::bank::{charge, refund};
use crate::order::{Approval, Order, Outcome, Parcel, Receipt, Reservation, Stage};
use crate::warehouse::{release, reserve, ship};

/// Orders above this need a person's approval.
const APPROVAL_FREE_CENTS: u64 = 50_000;

/// What has been done and must be undone when a later step fails.
#[derive(Default)]
struct Done {
    reservation: Option<Reservation>,
    receipt: Option<Receipt>,
}

/// Fulfils an order: reserve, have a large one approved, charge, ship. When a step fails for good,
/// the steps before it are undone.
#[weft_sdk::orchestrator]
pub(crate) async fn fulfil(ctx: Context, order: Order) -> Result<Outcome, Failure> {
    let mut done = Done::default();
    let outcome = match forward(&ctx, &order, &mut done).await {
        Ok((receipt, parcel)) => Outcome::Fulfilled { receipt, parcel },
        Err(failure) => Outcome::Cancelled {
            undone: undo(&ctx, done).await?,
            reason: failure.kind,
            message: failure.message,
        },
    };
    ctx.set_custom_status(&Stage::Done);
    Ok(outcome)
}

async fn forward(
    ctx: &Context,
    order: &Order,
    done: &mut Done,
) -> Result<(Receipt, Parcel), Failure> {
    ctx.set_custom_status(&Stage::Reserving);
    let reservation = ctx.call::<reserve>(order).with_retry(patient(3)).await?;
    done.reservation = Some(reservation);

    if order.total_cents > APPROVAL_FREE_CENTS {
        approve(ctx, order).await?;
    }

    ctx.set_custom_status(&Stage::Charging);
    let receipt = ctx.call::<charge>(order).with_retry(patient(4)).await?;
    done.receipt = Some(receipt.clone());

    ctx.set_custom_status(&Stage::Shipping);
    let parcel = ctx.call::<ship>(order).with_retry(patient(3)).await?;
    Ok((receipt, parcel))
}

/// Waits for a person, but not for ever.
async fn approve(ctx: &Context, order: &Order) -> Result<(), Failure> {
    ctx.set_custom_status(&Stage::AwaitingApproval {
        cents: order.total_cents,
        seconds: order.approval_seconds,
    });
    let limit = Duration::from_secs(order.approval_seconds);
    let approval = ctx.event::<Approval>("approval");
    match approval.with_deadline(limit).await? {
        Some(Approval { approved: true, .. }) => Ok(()),
        Some(Approval { by, .. }) => {
            let message = format!("{by} did not approve the order.");
            Err(Failure::permanent("not-approved", message))
        }
        None => Err(Failure::permanent(
            "approval-timeout",
            "Nobody approved the order in time.",
        )),
    }
}

/// Undoes what was done, the last step first. Undoing must succeed, so it is tried for long.
async fn undo(ctx: &Context, done: Done) -> Result<Vec<String>, Failure> {
    ctx.set_custom_status(&Stage::Undoing);
    let mut undone = Vec::new();
    if let Some(receipt) = done.receipt {
        ctx.call::<refund>(&receipt).with_retry(patient(20)).await?;
        undone.push("charge".to_owned());
    }
    if let Some(reservation) = done.reservation {
        ctx.call::<release>(&reservation)
            .with_retry(patient(20))
            .await?;
        undone.push("reserve".to_owned());
    }
    Ok(undone)
}

/// One second, two, four and so on, but never more than a minute between two attempts.
fn patient(max_attempts: u32) -> RetryPolicy {
    RetryPolicy::new(max_attempts, Duration::from_secs(1))
        .with_coefficient(2.0)
        .with_max_interval(Duration::from_secs(60))
}
