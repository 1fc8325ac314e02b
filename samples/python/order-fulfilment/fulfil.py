"""The saga."""

from typing import Any, Optional

import weft
from bank import charge, refund
from order import Approval, Order, Parcel, Receipt, Reservation
from warehouse import release, reserve, ship

#: Orders above this need a person's approval.
APPROVAL_FREE_CENTS = 50_000


class Done:
    """What has been done and must be undone when a later step fails."""

    reservation: Optional[Reservation] = None
    receipt: Optional[Receipt] = None


@weft.orchestrator
async def fulfil(ctx: weft.Context, order: Order) -> dict[str, Any]:
    """Fulfils an order: reserve, have a large one approved, charge, ship.

    When a step fails for good, the steps before it are undone.
    """
    done = Done()
    try:
        receipt, parcel = await forward(ctx, order, done)
        outcome: dict[str, Any] = {"status": "fulfilled", "receipt": receipt, "parcel": parcel}
    except weft.Failure as failure:
        outcome = {
            "status": "cancelled",
            "undone": await undo(ctx, done),
            "reason": failure.kind,
            "message": failure.message,
        }
    ctx.set_status({"stage": "done"})
    return outcome


async def forward(ctx: weft.Context, order: Order, done: Done) -> tuple[Receipt, Parcel]:
    ctx.set_status({"stage": "reserving"})
    done.reservation = await ctx.call(reserve, order, retry=patient(3))

    if order.total_cents > APPROVAL_FREE_CENTS:
        await approve(ctx, order)

    ctx.set_status({"stage": "charging"})
    done.receipt = await ctx.call(charge, order, retry=patient(4))

    ctx.set_status({"stage": "shipping"})
    return done.receipt, await ctx.call(ship, order, retry=patient(3))


async def approve(ctx: weft.Context, order: Order) -> None:
    """Waits for a person, but not for ever."""
    seconds = order.approval_seconds
    ctx.set_status({"stage": "awaiting-approval", "cents": order.total_cents, "seconds": seconds})
    approval = await ctx.timeout(seconds, ctx.event("approval", Approval))
    if approval is None:
        raise weft.Failure.permanent("approval-timeout", "Nobody approved the order in time.")
    if not approval.approved:
        message = f"{approval.by} did not approve the order."
        raise weft.Failure.permanent("not-approved", message)


async def undo(ctx: weft.Context, done: Done) -> list[str]:
    """Undoes what was done, the last step first. Undoing must succeed, so it is tried for long."""
    ctx.set_status({"stage": "undoing"})
    undone = []
    if done.receipt is not None:
        await ctx.call(refund, done.receipt, retry=patient(20))
        undone.append("charge")
    if done.reservation is not None:
        await ctx.call(release, done.reservation, retry=patient(20))
        undone.append("reserve")
    return undone


def patient(max_attempts: int) -> weft.Retry:
    """One second, two, four and so on, but never more than a minute between two attempts."""
    return weft.Retry(max_attempts, first_interval=1, coefficient=2, max_interval=60)
