"""Objects in containers (``wasi:blobstore``): bytes that are too long for key-value storage, or that are
read and written piece by piece.

In a component the platform keeps the containers. Natively they live in memory, so that tests of
activities need no node; :func:`weft.testing.clear` empties them.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any, Iterable, Iterator, Optional, Union

try:
    from componentize_py_types import Err
    from wit_world.imports import blobstore, wasi_blobstore_types

    _platform = True
except ImportError:
    _platform = False

#: As much as one call of WASI writes, and as much as one reads.
_CHUNK_WRITE = 4096
_CHUNK_READ = 64 << 10
_PAGE = 1000
_END = (1 << 64) - 1

_memory: dict[str, dict[str, tuple[bytes, datetime]]] = {}


class Error(Exception):
    """The storage did not do what it was asked."""


@dataclass(frozen=True)
class Info:
    """What is known of an object."""

    #: Bytes.
    size: int
    #: When it was written, to the second.
    created: datetime


def open(name: str) -> Container:
    """Opens a container of the app, and makes it where there is none of that name."""
    return _OfPlatform(name) if _platform else Container(name)


def remove(name: str) -> None:
    """Removes a container with all that is in it; an absent one is no fault."""
    if _platform:
        _ask(blobstore.delete_container, name)
    else:
        _memory.pop(name, None)


class Container:
    """A container of objects."""

    def __init__(self, name: str) -> None:
        self._objects = _memory.setdefault(name, {})

    def get(self, name: str, start: int = 0, end: Optional[int] = None) -> Optional[bytes]:
        """The bytes at these positions, all where none are given; nothing where it is absent."""
        pieces = self.read(name, start, end)
        return None if pieces is None else b"".join(pieces)

    def read(self, name: str, start: int = 0, end: Optional[int] = None) -> Optional[Iterator[bytes]]:
        """An object piece by piece; nothing where it is absent.

        When it is replaced or deleted meanwhile, reading on raises :class:`Error`.
        """
        found = self._objects.get(name)
        return None if found is None else iter([found[0][start:end]])

    def put(self, name: str, content: Union[bytes, Iterable[bytes]]) -> None:
        """Creates the object or replaces it, of bytes or of pieces.

        When this returns, it is on disk; nobody sees any of it before.
        """
        whole = content if isinstance(content, bytes) else b"".join(content)
        self._objects[name] = (whole, datetime.now(timezone.utc))

    def info(self, name: str) -> Optional[Info]:
        """What is known of an object; nothing where it is absent."""
        found = self._objects.get(name)
        return None if found is None else Info(len(found[0]), found[1])

    def exists(self, name: str) -> bool:
        """Whether the object is there."""
        return name in self._objects

    def delete(self, name: str) -> None:
        """Deleting an absent object does nothing."""
        self._objects.pop(name, None)

    def names(self) -> list[str]:
        """All names, in order."""
        return sorted(self._objects)


class _OfPlatform(Container):
    def __init__(self, name: str) -> None:
        self._container = _ask(blobstore.create_container, name)

    def read(self, name: str, start: int = 0, end: Optional[int] = None) -> Optional[Iterator[bytes]]:
        if not self.exists(name):
            return None
        if end is not None and end <= start:
            return iter([])
        last = _END if end is None else end - 1
        value = _ask(self._container.get_data, name, start, last)
        stream = _ask(wasi_blobstore_types.IncomingValue.incoming_value_consume_async, value)
        return _pieces(stream)

    def put(self, name: str, content: Union[bytes, Iterable[bytes]]) -> None:
        value = wasi_blobstore_types.OutgoingValue.new_outgoing_value()
        _ask(self._container.write_data, name, value)
        with _ask(value.outgoing_value_write_body) as stream:
            for piece in [content] if isinstance(content, bytes) else content:
                for at in range(0, len(piece), _CHUNK_WRITE):
                    _ask(stream.blocking_write_and_flush, piece[at : at + _CHUNK_WRITE])
        _ask(wasi_blobstore_types.OutgoingValue.finish, value)

    def info(self, name: str) -> Optional[Info]:
        if not self.exists(name):
            return None
        found = _ask(self._container.object_info, name)
        return Info(found.size, datetime.fromtimestamp(found.created_at, timezone.utc))

    def exists(self, name: str) -> bool:
        return bool(_ask(self._container.has_object, name))

    def delete(self, name: str) -> None:
        _ask(self._container.delete_object, name)

    def names(self) -> list[str]:
        names: list[str] = []
        with _ask(self._container.list_objects) as listing:
            while True:
                page, ended = _ask(listing.read_stream_object_names, _PAGE)
                names += page
                if ended:
                    return names


def _pieces(stream: Any) -> Iterator[bytes]:
    with stream:
        while True:
            try:
                piece = stream.blocking_read(_CHUNK_READ)
            except Err as error:
                if type(error.value).__name__ == "StreamError_Closed":
                    return
                raise Error(_why(error.value)) from None
            yield bytes(piece)


def _ask(function: Any, *arguments: Any) -> Any:
    try:
        return function(*arguments)
    except Err as error:
        raise Error(_why(error.value)) from None


def _why(value: Any) -> str:
    if isinstance(value, str):
        return value
    inner = getattr(value, "value", None)
    said = getattr(inner, "to_debug_string", None)
    return said() if said is not None else "too many objects are written at a time"
