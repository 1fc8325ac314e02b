// Fulfils orders: reserve, have large ones approved, charge, ship; whatever fails, everything done
// before is undone.
package main

import (
	"time"

	weft "weft.dev/sdk"
)

// Orders above this need a person's approval.
const approvalFreeCents = 50_000

// done is what has been done and must be undone when a later step fails.
type done struct {
	reservation *reservation
	receipt     *receipt
}

var fulfil = weft.Orchestrator("fulfil", func(ctx *weft.Context, order order) (outcome, error) {
	if order.ApprovalSeconds == 0 {
		order.ApprovalSeconds = 24 * 60 * 60
	}
	var done done
	parcel, err := forward(ctx, order, &done)
	if err == nil {
		ctx.SetStatus(stage{Stage: "done"})
		return outcome{Status: "fulfilled", Receipt: done.receipt, Parcel: &parcel}, nil
	}
	undone, failed := undo(ctx, done)
	if failed != nil {
		return outcome{}, failed
	}
	failure := weft.FailureOf(err)
	ctx.SetStatus(stage{Stage: "done"})
	return outcome{Status: "cancelled", Reason: failure.Kind, Message: failure.Message, Undone: undone}, nil
}, "Fulfils an order: reserve, have a large one approved, charge, ship.")

func forward(ctx *weft.Context, order order, done *done) (parcel, error) {
	ctx.SetStatus(stage{Stage: "reserving"})
	reserved, err := weft.CallActivity(ctx, reserve, order, patient(3)).Get()
	if err != nil {
		return parcel{}, err
	}
	done.reservation = &reserved

	if order.TotalCents > approvalFreeCents {
		if err := approve(ctx, order); err != nil {
			return parcel{}, err
		}
	}

	ctx.SetStatus(stage{Stage: "charging"})
	receipt, err := weft.CallActivity(ctx, charge, order, patient(4)).Get()
	if err != nil {
		return parcel{}, err
	}
	done.receipt = &receipt

	ctx.SetStatus(stage{Stage: "shipping"})
	return weft.CallActivity(ctx, ship, order, patient(3)).Get()
}

// approve waits for a person, but not for ever.
func approve(ctx *weft.Context, order order) error {
	ctx.SetStatus(stage{"awaiting-approval", order.TotalCents, order.ApprovalSeconds})
	limit := time.Duration(order.ApprovalSeconds) * time.Second
	answer, came, err := weft.Timeout(ctx, limit, weft.Event[approval](ctx, "approval"))
	switch {
	case err != nil:
		return err
	case !came:
		return weft.Permanent("approval-timeout", "Nobody approved the order in time.")
	case !answer.Approved:
		return weft.Permanent("not-approved", answer.By+" did not approve the order.")
	}
	return nil
}

// undo undoes what was done, the last step first. Undoing must succeed, so it is tried for long.
func undo(ctx *weft.Context, done done) ([]string, error) {
	ctx.SetStatus(stage{Stage: "undoing"})
	undone := []string{}
	if done.receipt != nil {
		if _, err := weft.CallActivity(ctx, refund, *done.receipt, patient(20)).Get(); err != nil {
			return nil, err
		}
		undone = append(undone, "charge")
	}
	if done.reservation != nil {
		if _, err := weft.CallActivity(ctx, unreserve, *done.reservation, patient(20)).Get(); err != nil {
			return nil, err
		}
		undone = append(undone, "reserve")
	}
	return undone, nil
}

// patient waits one second, two, four and so on, but never more than a minute.
func patient(attempts uint32) weft.Retry {
	return weft.Retry{MaxAttempts: attempts, FirstInterval: time.Second, Coefficient: 2, MaxInterval: time.Minute}
}

func main() {}
