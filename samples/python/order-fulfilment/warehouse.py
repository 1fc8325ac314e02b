"""The warehouse: it has twenty of everything and delivers to a few countries."""

import weft
from order import Order, Parcel, Reservation

STOCK = 20
DELIVERS_TO = ("AT", "CH", "DE", "FR", "NL")


@weft.activity
def reserve(order: Order, call: weft.Call) -> Reservation:
    """Puts the goods of an order aside."""
    if not 0 < order.quantity <= STOCK:
        message = f"There are {STOCK} of {order.item}, not {order.quantity}."
        raise weft.Failure.permanent("out-of-stock", message)
    reservation = Reservation(f"reservation/{order.id}/{call.idempotency_key}")
    weft.kv.open().set_json(reservation.id, order.quantity)
    return reservation


@weft.activity
def release(reservation: Reservation) -> None:
    """Puts reserved goods back; goods that are back stay there."""
    weft.kv.open().delete(reservation.id)


@weft.activity
def ship(order: Order) -> Parcel:
    """Sends the goods of an order."""
    if order.country not in DELIVERS_TO:
        message = f"Nothing is delivered to {order.country}."
        raise weft.Failure.permanent("undeliverable", message)
    return Parcel(f"{order.country}-{order.id}")
