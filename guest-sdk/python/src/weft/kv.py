"""Key-value storage (``wasi:keyvalue``).

In a component the platform keeps the buckets. Natively they live in memory, so that tests of
activities need no node; :func:`weft.testing.clear` empties them.
"""

from __future__ import annotations

from typing import Any, Optional

from . import codec

try:
    from componentize_py_types import Err
    from wit_world.imports import atomics, wasi_keyvalue_store

    _platform = True
except ImportError:
    _platform = False

_memory: dict[str, dict[str, bytes]] = {}


class Error(Exception):
    """The storage did not do what it was asked."""


class NoSuchBucket(Error):
    """There is no bucket of that name."""


class AccessDenied(Error):
    """This function may not use the bucket."""


def open(name: str = "default") -> Bucket:
    """Opens a bucket; every app has the bucket ``default``."""
    if _platform:
        return _OfPlatform(name)
    return Bucket(name)


class Bucket:
    """A bucket of keys and values."""

    def __init__(self, name: str) -> None:
        self._values = _memory.setdefault(name, {})

    def get(self, key: str) -> Optional[bytes]:
        """The value under a key; nothing where the key is absent."""
        return self._values.get(key)

    def set(self, key: str, value: bytes) -> None:
        """Creates the key or replaces its value."""
        self._values[key] = bytes(value)

    def delete(self, key: str) -> None:
        """Deleting an absent key does nothing."""
        self._values.pop(key, None)

    def exists(self, key: str) -> bool:
        """Whether the key is there."""
        return key in self._values

    def keys(self) -> list[str]:
        """All keys, in no particular order."""
        return list(self._values)

    def increment(self, key: str, delta: int = 1) -> int:
        """Adds to the number under the key (zero where absent) and gives the sum.

        Callers at the same time do not lose each other's additions.
        """
        total = int(self._values.get(key, b"0")) + delta
        self._values[key] = str(total).encode()
        return total

    def get_json(self, key: str, of: Any = Any) -> Any:
        """The value under a key, read as JSON of that type; nothing where the key is absent."""
        value = self.get(key)
        return None if value is None else codec.from_json(value.decode(), of)

    def set_json(self, key: str, value: Any) -> None:
        """Writes a value as JSON."""
        self.set(key, codec.to_json(value).encode())


class _OfPlatform(Bucket):
    def __init__(self, name: str) -> None:
        self._bucket = _ask(wasi_keyvalue_store.open, name)

    def get(self, key: str) -> Optional[bytes]:
        value = _ask(self._bucket.get, key)
        return None if value is None else bytes(value)

    def set(self, key: str, value: bytes) -> None:
        _ask(self._bucket.set, key, bytes(value))

    def delete(self, key: str) -> None:
        _ask(self._bucket.delete, key)

    def exists(self, key: str) -> bool:
        return bool(_ask(self._bucket.exists, key))

    def keys(self) -> list[str]:
        keys: list[str] = []
        cursor = None
        while True:
            page = _ask(self._bucket.list_keys, cursor)
            keys += page.keys
            cursor = page.cursor
            if cursor is None:
                return keys

    def increment(self, key: str, delta: int = 1) -> int:
        return int(_ask(atomics.increment, self._bucket, key, delta))


def _ask(function: Any, *arguments: Any) -> Any:
    try:
        return function(*arguments)
    except Err as error:
        case = type(error.value).__name__
        if case == "Error_NoSuchStore":
            raise NoSuchBucket("there is no such bucket") from None
        if case == "Error_AccessDenied":
            raise AccessDenied("access to the bucket is denied") from None
        raise Error(getattr(error.value, "value", case)) from None
