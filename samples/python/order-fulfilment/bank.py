"""The payment provider.

Like the test mode of a real one, it behaves as the card's token says: ``tok-visa`` pays,
``tok-slow-bank`` pays at the third attempt, ``tok-offline-bank`` never answers and ``tok-no-funds``
is declined. What it remembers is in key-value storage, so attempts count over crashes.
"""

import weft
from order import Order, Receipt

#: At which attempt the slow bank answers.
SLOW_BANK_ANSWERS_AT = 3


@weft.activity
def charge(order: Order, call: weft.Call) -> Receipt:
    """Takes the money for an order, once for each call of it."""
    bucket = weft.kv.open()
    key = f"charge/{order.id}/{call.idempotency_key}"
    # The money was taken and the answer lost: the same receipt again.
    receipt = bucket.get_json(key, Receipt)
    if receipt is not None:
        return receipt
    bank_calls = bucket.increment(f"{key}/calls")
    slow = order.card == "tok-slow-bank" and bank_calls < SLOW_BANK_ANSWERS_AT
    if slow or order.card == "tok-offline-bank":
        message = f"The bank did not answer call {bank_calls}."
        raise weft.Failure.transient("bank-unavailable", message)
    if order.card == "tok-no-funds":
        raise weft.Failure.permanent("declined", "The card has no funds.")
    if order.card not in ("tok-visa", "tok-slow-bank"):
        raise weft.Failure.permanent("unknown-card", "The card's token is not known.")
    receipt = Receipt(key, order.total_cents, bank_calls)
    bucket.set_json(key, receipt)
    return receipt


@weft.activity
def refund(receipt: Receipt) -> None:
    """Gives the money back; once given back, nothing happens any more."""
    weft.kv.open().set_json(f"{receipt.id}/refunded", receipt.cents)
