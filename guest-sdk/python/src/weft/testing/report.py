"""What a run has shown."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Optional

from ..failure import Failure


@dataclass(frozen=True)
class Called:
    """One attempt at a call."""

    name: str
    input: Any
    #: 1 for the first attempt.
    attempt: int
    #: When it began, counted from the start of the orchestration.
    at: timedelta


@dataclass(frozen=True)
class Sent:
    """An event that the orchestrator sent."""

    instance_id: str
    name: str
    payload: Any


@dataclass(frozen=True)
class Report:
    """What became of an orchestration under test."""

    #: What the orchestrator returned, as JSON gives it.
    result: Any
    #: What it failed with, if it failed.
    failure: Optional[Failure]
    #: The activities and children that ran, every attempt of them, in the order of their beginning.
    calls: list[Called]
    #: The custom statuses that were shown.
    statuses: list[Any]
    #: The events that were sent to others.
    sent: list[Sent]
    #: How long it took on the simulated clock.
    elapsed: timedelta
    #: How often it continued as new.
    restarts: int

    @property
    def names(self) -> list[str]:
        """The names of what ran."""
        return [call.name for call in self.calls]
