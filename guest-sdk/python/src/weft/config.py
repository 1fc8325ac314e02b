"""Configuration values of the function (``wasi:config``), read-only.

Natively they are those of :data:`VALUES`, which a test fills.
"""

from __future__ import annotations

from typing import Any, Optional

#: What a test configures; without effect in a component.
VALUES: dict[str, str] = {}


class Error(Exception):
    """The platform could not read its configuration."""


def get(key: str) -> Optional[str]:
    """The value of a key; nothing where there is none."""
    store = _store()
    return VALUES.get(key) if store is None else _ask(store.get, key)


def get_all() -> dict[str, str]:
    """All keys and values."""
    store = _store()
    return dict(VALUES) if store is None else dict(_ask(store.get_all))


def _store() -> Any:
    try:
        from wit_world.imports import wasi_config_store
    except ImportError:
        return None
    return wasi_config_store


def _ask(function: Any, *arguments: Any) -> Any:
    from componentize_py_types import Err

    try:
        return function(*arguments)
    except Err as error:
        raise Error(getattr(error.value, "value", "")) from None
