"""Why a function failed, as callers and retry policies see it."""

from __future__ import annotations

import json
import re
import traceback
from typing import Any, Optional


class Failure(Exception):
    """A failure with a stable kind.

    Any other exception that leaves a function becomes one: its kind is the exception's class, it
    is worth a retry, and its details hold the stack.
    """

    INVALID_INPUT = "invalid-input"
    INVALID_OUTPUT = "invalid-output"

    def __init__(
        self, kind: str, message: str, *, retryable: bool = False, details: Any = None
    ) -> None:
        super().__init__(kind, message)
        self.kind = kind
        self.message = message
        #: Whether the same call may succeed later. Retry policies stop at false.
        self.retryable = retryable
        #: Further details, as JSON can hold them.
        self.details = details

    def __str__(self) -> str:
        return f"{self.kind}: {self.message}"

    def __repr__(self) -> str:
        return (
            f"Failure({self.kind!r}, {self.message!r}, retryable={self.retryable!r}, "
            f"details={self.details!r})"
        )

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Failure):
            return NotImplemented
        return self._key() == other._key()

    def __hash__(self) -> int:
        return hash((self.kind, self.message))

    def _key(self) -> tuple[Any, ...]:
        return (self.kind, self.message, self.retryable, self.details)

    @classmethod
    def permanent(cls, kind: str, message: str, details: Any = None) -> Failure:
        """A failure that another try meets again."""
        return cls(kind, message, retryable=False, details=details)

    @classmethod
    def transient(cls, kind: str, message: str, details: Any = None) -> Failure:
        """A failure that a later try may not meet."""
        return cls(kind, message, retryable=True, details=details)

    @classmethod
    def of(cls, error: BaseException) -> Failure:
        """The failure that an exception is for those who called the function."""
        if isinstance(error, Failure):
            return error
        stack = "".join(_frames_of_the_function(error))
        return cls(
            type(error).__name__,
            str(error) or type(error).__name__,
            retryable=True,
            details={"stack": stack},
        )

    @classmethod
    def _of_wit(cls, kind: str, message: str, retryable: bool, details: Optional[str]) -> Failure:
        return cls(kind, message, retryable=retryable, details=_parsed(details))

    def _details_text(self) -> Optional[str]:
        if self.details is None:
            return None
        try:
            return json.dumps(self.details, ensure_ascii=False, allow_nan=False)
        except (TypeError, ValueError):
            return json.dumps(repr(self.details), ensure_ascii=False)


def _parsed(details: Optional[str]) -> Any:
    if details is None:
        return None
    try:
        return json.loads(details)
    except ValueError:
        return details


def _frames_of_the_function(error: BaseException) -> list[str]:
    """The stack without the frames of this package, which tell its reader nothing."""
    lines = traceback.TracebackException.from_exception(error)
    own = __file__.rpartition("failure")[0]
    kept = [frame for frame in lines.stack if not frame.filename.startswith(own)]
    if kept:
        lines.stack = traceback.StackSummary.from_list(kept)
    # The build knows the folders of the app by their numbers.
    return [re.sub(r'File "/\d+/', 'File "', line) for line in lines.format()]
