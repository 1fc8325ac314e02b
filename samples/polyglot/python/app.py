"""The stamp in Python."""

from dataclasses import dataclass

import weft


@dataclass
class Parcel:
    """What is handed from language to language."""

    id: int
    stamps: list[str]


@weft.activity
def stamp_python(parcel: Parcel) -> Parcel:
    """Stamps a parcel."""
    return Parcel(parcel.id, [*parcel.stamps, "python"])
