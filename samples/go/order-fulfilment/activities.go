package main

import (
	"fmt"
	"slices"

	weft "weft.dev/sdk"
)

// The warehouse has twenty of everything and delivers to a few countries.
const stock = 20

var deliversTo = []string{"AT", "CH", "DE", "FR", "NL"}

var reserve = weft.Activity("reserve", func(call weft.Call, order order) (reservation, error) {
	if order.Quantity == 0 || order.Quantity > stock {
		message := fmt.Sprintf("There are %d of %s, not %d.", stock, order.Item, order.Quantity)
		return reservation{}, weft.Permanent("out-of-stock", message)
	}
	bucket, err := weft.OpenBucket("default")
	if err != nil {
		return reservation{}, err
	}
	made := reservation{"reservation/" + order.ID + "/" + call.IdempotencyKey}
	return made, bucket.SetJSON(made.ID, order.Quantity)
}, "Puts the goods of an order aside.")

var unreserve = weft.Activity("release", func(_ weft.Call, reservation reservation) (any, error) {
	bucket, err := weft.OpenBucket("default")
	if err != nil {
		return nil, err
	}
	return nil, bucket.Delete(reservation.ID)
}, "Puts reserved goods back; goods that are back stay there.")

var ship = weft.Activity("ship", func(_ weft.Call, order order) (parcel, error) {
	if !slices.Contains(deliversTo, order.Country) {
		return parcel{}, weft.Permanent("undeliverable", "Nothing is delivered to "+order.Country+".")
	}
	return parcel{order.Country + "-" + order.ID}, nil
}, "Sends the goods of an order.")

// At which attempt the slow bank answers.
const slowBankAnswersAt = 3

// Like the test mode of a real payment provider, it behaves as the card's token says. What it
// remembers is in key-value storage, so attempts count over crashes.
var charge = weft.Activity("charge", func(call weft.Call, order order) (receipt, error) {
	bucket, err := weft.OpenBucket("default")
	if err != nil {
		return receipt{}, err
	}
	key := "charge/" + order.ID + "/" + call.IdempotencyKey
	var known receipt
	// The money was taken and the answer lost: the same receipt again.
	if found, err := bucket.GetJSON(key, &known); found || err != nil {
		return known, err
	}
	calls, err := bucket.Increment(key+"/calls", 1)
	if err != nil {
		return receipt{}, err
	}
	switch {
	case order.Card == "tok-visa", order.Card == "tok-slow-bank" && calls >= slowBankAnswersAt:
		made := receipt{key, order.TotalCents, calls}
		return made, bucket.SetJSON(key, made)
	case order.Card == "tok-slow-bank", order.Card == "tok-offline-bank":
		message := fmt.Sprintf("The bank did not answer call %d.", calls)
		return receipt{}, weft.Transient("bank-unavailable", message)
	case order.Card == "tok-no-funds":
		return receipt{}, weft.Permanent("declined", "The card has no funds.")
	default:
		return receipt{}, weft.Permanent("unknown-card", "The card's token is not known.")
	}
}, "Takes the money for an order, once for each call of it.")

var refund = weft.Activity("refund", func(_ weft.Call, receipt receipt) (any, error) {
	bucket, err := weft.OpenBucket("default")
	if err != nil {
		return nil, err
	}
	return nil, bucket.SetJSON(receipt.ID+"/refunded", receipt.Cents)
}, "Gives the money back; once given back, nothing happens any more.")
