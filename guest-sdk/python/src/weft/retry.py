"""When and how often a failed call is made again."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Optional, Sequence, Union

#: Seconds, or a time span.
Duration = Union[int, float, timedelta]


def millis(duration: Duration) -> float:
    """A time span in milliseconds."""
    if isinstance(duration, timedelta):
        return duration.total_seconds() * 1000.0
    return float(duration) * 1000.0


@dataclass(frozen=True)
class Retry:
    """The n-th retry waits ``first_interval * coefficient ** (n - 1)``, at most ``max_interval``."""

    #: How many calls are made at most, the first one included.
    max_attempts: int
    first_interval: Duration
    coefficient: float = 1.0
    max_interval: Optional[Duration] = None
    #: No retry starts later than this after the first call.
    total_timeout: Optional[Duration] = None
    #: Kinds of failure that end the attempts at once.
    non_retryable: Sequence[str] = ()

    def __post_init__(self) -> None:
        if self.max_attempts < 1:
            raise ValueError("max_attempts is at least 1")
