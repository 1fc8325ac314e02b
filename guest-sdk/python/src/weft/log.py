"""Log lines with a level (``wasi:logging``); ``print`` and ``logging`` are logged as well."""

from __future__ import annotations

import logging
import sys

LEVELS = ("trace", "debug", "info", "warn", "error", "critical")


def log(level: str, message: str, context: str = "") -> None:
    """Logs a message. ``context`` is any text that groups similar messages.

    Natively the line goes to stderr.
    """
    if level not in LEVELS:
        raise ValueError(f"{level!r} is none of {', '.join(LEVELS)}")
    try:
        from wit_world.imports import logging as platform
    except ImportError:
        print(f"{level} {context}: {message}", file=sys.stderr)
        return
    platform.log(platform.Level[level.upper()], context, message)


class Handler(logging.Handler):
    """Gives the records of ``logging`` to the platform; components have it from the start."""

    def emit(self, record: logging.LogRecord) -> None:
        log(_level(record.levelno), self.format(record), record.name)


def _level(number: int) -> str:
    steps = ((50, "critical"), (40, "error"), (30, "warn"), (20, "info"), (10, "debug"))
    return next((name for least, name in steps if number >= least), "trace")
