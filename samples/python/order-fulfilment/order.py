"""What goes in and what comes out."""

from dataclasses import dataclass


@dataclass
class Order:
    """An order as the shop takes it."""

    id: str
    item: str
    quantity: int
    #: The price of the whole order.
    total_cents: int
    #: The token that the payment provider gave for the customer's card.
    card: str
    #: ISO 3166 code of the country that it goes to.
    country: str
    #: How long somebody may take to approve a large order.
    approval_seconds: int = 24 * 60 * 60


@dataclass
class Approval:
    """The payload of the event ``approval``."""

    approved: bool
    by: str


@dataclass
class Reservation:
    """Goods put aside."""

    id: str


@dataclass
class Receipt:
    """Money taken."""

    id: str
    cents: int
    #: How often the bank was asked, crashes included.
    bank_calls: int


@dataclass
class Parcel:
    """Goods on their way."""

    tracking: str
