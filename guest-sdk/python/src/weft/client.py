"""Starting and managing orchestrations of the same app, from activities and HTTP functions.

Works in a component only: natively every function raises :class:`Unavailable`.
"""

from __future__ import annotations

import importlib
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Any, Mapping, Optional, Sequence, Union

from . import codec
from .entity import EntityId
from .function import Function, name_of
from .retry import Duration, millis

ENDED = ("completed", "failed", "terminated")


class Error(Exception):
    """The platform refused."""

    status = 500


class NotFound(Error):
    """There is no such orchestration, or no such orchestrator to start."""

    status = 404


class AlreadyExists(Error):
    """An orchestration of that id exists and has not ended."""

    status = 409


class Ended(Error):
    """The orchestration has ended, so nothing can be done with it."""

    status = 410


class Invalid(Error):
    """The call can never succeed as it is."""

    status = 400


class Unavailable(Error):
    """Another try may succeed."""

    status = 503


@dataclass(frozen=True)
class Status:
    """What is known of an orchestration."""

    instance_id: str
    #: The orchestrator that it runs.
    name: str
    #: pending, running, suspended, completed, failed or terminated.
    runtime_status: str
    created: datetime
    updated: datetime
    input: Any
    custom_status: Any
    #: The result of a completed orchestration, or the failure of a failed one.
    output: Any

    @property
    def has_ended(self) -> bool:
        """Whether it is over: completed, failed or terminated."""
        return self.runtime_status in ENDED


@dataclass(frozen=True)
class Filter:
    """Which orchestrations are meant. All conditions must hold; empty ones always do."""

    statuses: Sequence[str] = ()
    id_prefix: Optional[str] = None
    name: Optional[str] = None
    created_from: Optional[datetime] = None
    created_to: Optional[datetime] = None
    updated_from: Optional[datetime] = None
    updated_to: Optional[datetime] = None
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Page:
    """A part of a listing."""

    items: list[Any]
    #: What to give as ``after`` for the next page; nothing at the end.
    next: Optional[str]


@dataclass(frozen=True)
class EntityStatus:
    """An entity that has a state."""

    entity: EntityId
    state: Any
    updated: datetime


def start(
    orchestrator: Union[str, Function[Any, Any]],
    input: Any = None,
    *,
    instance_id: Optional[str] = None,
    tags: Optional[Mapping[str, str]] = None,
    version: Optional[str] = None,
    not_before: Optional[datetime] = None,
    reuse: Optional[Sequence[str]] = None,
) -> str:
    """Starts an orchestration and gives its id. When this returns, the start is on disk.

    ``reuse`` lists the statuses in which one of the same id makes way; where absent, those of ended
    ones.
    """
    name, text = name_of(orchestrator), codec.to_json(input)
    if not tags and version is None and not_before is None and reuse is None:
        return str(ask("client", "start", name, text, instance_id))
    make = _module("management").StartOptions
    statuses = None if reuse is None else [_runtime_status(one) for one in reuse]
    options = make(instance_id, list((tags or {}).items()), version, _ms(not_before), statuses)
    return str(ask("management", "start", name, text, options))


def get_status(instance_id: str) -> Status:
    """What is known of an orchestration now."""
    return _status(ask("client", "get_status", instance_id))


def wait_for_completion(instance_id: str, limit: Duration) -> Status:
    """Waits at most that long for the end; the status is that of the time when the wait ended."""
    return _status(ask("client", "wait_for_completion", instance_id, millis(limit)))


def raise_event(instance_id: str, name: str, payload: Any = None) -> None:
    """Sends an event to an orchestration."""
    ask("client", "raise_event", instance_id, name, codec.to_json(payload))


def terminate(instance_id: str, reason: str = "") -> None:
    """Ends an orchestration without its help."""
    ask("client", "terminate", instance_id, reason)


def suspend(instance_id: str, reason: str = "") -> None:
    """Lets an orchestration rest until it is resumed."""
    ask("client", "suspend", instance_id, reason)


def resume(instance_id: str, reason: str = "") -> None:
    """Lets a suspended orchestration go on."""
    ask("client", "resume", instance_id, reason)


def list_instances(filter: Filter = Filter(), limit: int = 100, after: Optional[str] = None) -> Page:
    """Orchestrations, newest first, at most 1000 a page."""
    page = ask("management", "list_instances", _filter(filter), limit, after)
    return Page([_status(one) for one in page.instances], page.next)


def rewind(instance_id: str, reason: str = "") -> None:
    """Takes a failed orchestration back to before its failure."""
    ask("management", "rewind", instance_id, reason)


def restart(instance_id: str, *, same_id: bool = False) -> str:
    """Starts the same over again, in its place or as a new orchestration; gives the id."""
    return str(ask("management", "restart", instance_id, same_id))


def purge(instance_id: str, *, recursive: bool = False) -> int:
    """Removes an orchestration that has ended; gives how many were removed."""
    return int(ask("management", "purge", instance_id, recursive))


def purge_matching(filter: Filter, *, recursive: bool = False) -> int:
    """Removes every orchestration that has ended and matches."""
    removed = 0
    while some := int(ask("management", "purge_instances", _filter(filter), recursive)):
        removed += some
    return removed


def list_entities(
    name: Optional[str] = None, limit: int = 100, after: Optional[str] = None
) -> Page:
    """Entities that have a state, in the order of their ids, at most 1000 a page."""
    page = ask("management", "list_entities", name, limit, after)
    items = []
    for found in page.entities:
        _, entity, key = found.entity.split("@", 2)
        state = codec.from_json(found.state or "")
        items.append(EntityStatus(EntityId(entity, key), state, _time(found.updated_ms)))
    return Page(items, page.next)


def ask(interface: str, function: str, *arguments: Any) -> Any:
    """Calls a function of the platform; its errors become exceptions."""
    module = _module(interface)
    from componentize_py_types import Err

    try:
        return getattr(module, function)(*arguments)
    except Err as error:
        raise _error(error.value) from None


def _module(interface: str) -> Any:
    try:
        return importlib.import_module(f"wit_world.imports.{interface}")
    except ImportError:
        message = "the platform is there in a component only; give a test what it would answer"
        raise Unavailable(message) from None


def _error(found: Any) -> Error:
    kinds = (NotFound, AlreadyExists, Ended, Invalid, Unavailable)
    case = type(found).__name__.removeprefix("Error_")
    kind = next((kind for kind in kinds if kind.__name__ == case), Error)
    why = getattr(found, "value", None) or (kind.__doc__ or "").split("\n")[0]
    return kind(why)


def _runtime_status(name: str) -> Any:
    return _module("client").RuntimeStatus[name.upper()]


def _filter(filter: Filter) -> Any:
    return _module("management").Filter(
        [_runtime_status(one) for one in filter.statuses],
        filter.id_prefix,
        filter.name,
        _ms(filter.created_from),
        _ms(filter.created_to),
        _ms(filter.updated_from),
        _ms(filter.updated_to),
        list(filter.tags.items()),
    )


def _status(found: Any) -> Status:
    read = lambda text: None if text is None else codec.from_json(text)  # noqa: E731
    return Status(
        instance_id=found.instance_id,
        name=found.name,
        runtime_status=found.runtime_status.name.lower(),
        created=_time(found.created_ms),
        updated=_time(found.updated_ms),
        input=read(found.input),
        custom_status=read(found.custom_status),
        output=read(found.output),
    )


def _time(ms: float) -> datetime:
    return datetime.fromtimestamp(ms / 1000.0, timezone.utc)


def _ms(time: Optional[datetime]) -> Optional[float]:
    return None if time is None else time.timestamp() * 1000.0
