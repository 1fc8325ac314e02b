"""Entities: small pieces of state with operations that run one after another."""

from __future__ import annotations

import inspect
import typing
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Callable, Optional, Protocol, TypeVar, Union

from . import codec
from .failure import Failure
from .function import Function, function_name, name_of, register

C = TypeVar("C", bound=type)


@dataclass(frozen=True, order=True)
class EntityId:
    """Names an entity of the same app: the name is that of the function, the key is free."""

    name: str
    key: str

    def __post_init__(self) -> None:
        object.__setattr__(self, "name", self.name.lower())

    def __str__(self) -> str:
        return f"@{self.name}@{self.key}"


class Outbox(Protocol):
    """Where what an operation asks for goes."""

    def signal(
        self, entity: str, operation: str, input: str, at_ms: Optional[float]
    ) -> None: ...
    def start(self, name: str, input: str, instance_id: Optional[str]) -> str: ...


class Entity:
    """The base of entities. The attributes of the object are its state, the methods its operations.

    ::

        @weft.entity
        class Counter(weft.Entity):
            value: int = 0

            def add(self, amount: int) -> int:
                self.value += amount
                return self.value

    Where there is no state, an operation begins with ``Counter()``. Where it fails, the state stays
    what it was and nothing is sent. The operation ``delete`` leaves the entity without a state.
    """

    _outbox: Outbox
    _key: str

    @property
    def entity_key(self) -> str:
        """What tells it from others of its name."""
        return self._key

    def destroy(self) -> None:
        """Leaves the entity without a state when the operation has succeeded."""
        self.__dict__["_destroyed"] = True

    def signal(
        self,
        entity: EntityId,
        operation: str,
        input: Any = None,
        *,
        at: Optional[datetime] = None,
    ) -> None:
        """Sends an operation to an entity when this one has succeeded."""
        at_ms = None if at is None else at.timestamp() * 1000.0
        self._outbox.signal(str(entity), operation, codec.to_json(input), at_ms)

    def start(
        self,
        orchestrator: Union[str, Function[Any, Any]],
        input: Any = None,
        *,
        instance_id: Optional[str] = None,
    ) -> str:
        """Starts an orchestration when this operation has succeeded; gives its id."""
        name = name_of(orchestrator)
        return self._outbox.start(name, codec.to_json(input), instance_id)


_OWN = frozenset(name for name in vars(Entity) if not name.startswith("_"))


@dataclass(frozen=True)
class _Operation:
    code: Callable[..., Any]
    parameter: Optional[str]
    of: Any


class Kind:
    """A class of entities, as the platform runs it."""

    kind = "entity"

    def __init__(self, of: type, name: Optional[str]) -> None:
        if not issubclass(of, Entity):
            raise TypeError(f"{of.__name__} does not derive from weft.Entity")
        self.of = of
        self.name = function_name(name, of.__name__)
        self._operations: Optional[dict[str, _Operation]] = None
        self._hints: dict[str, Any] = {}
        register(self)

    def operations(self) -> dict[str, _Operation]:
        """Its public methods; read when asked for, so that names of types may come later."""
        if self._operations is None:
            self._hints = typing.get_type_hints(self.of)
            found = inspect.getmembers(self.of, inspect.isfunction)
            public = [(n, c) for n, c in found if not n.startswith("_") and n not in _OWN]
            self._operations = {name: _operation(code) for name, code in public}
        return self._operations

    def run(
        self, state: Optional[str], key: str, operation: str, text: str, outbox: Outbox
    ) -> tuple[Optional[str], str]:
        """Runs one operation from JSON to JSON: the new state, and the answer."""
        if operation == "delete" and "delete" not in self.operations():
            return None, "null"
        found = self.operations().get(operation.replace("-", "_"))
        if found is None:
            message = f"the entity has no operation {operation}"
            raise Failure.permanent("unknown-operation", message)
        entity = self._read(state)
        entity._key = key
        entity._outbox = outbox
        arguments = [] if found.parameter is None else [codec.read_input(text, found.of)]
        answer = codec.write_output(found.code(entity, *arguments))
        if entity.__dict__.get("_destroyed"):
            return None, answer
        fields = {n: v for n, v in vars(entity).items() if not n.startswith("_")}
        return codec.to_json(fields), answer

    def _read(self, state: Optional[str]) -> Entity:
        entity: Entity = self.of()
        if state is None:
            return entity
        try:
            fields = codec.from_json(state, dict[str, Any])
            for name, value in fields.items():
                setattr(entity, name, codec.convert(value, self._hints.get(name, Any), name))
        except codec.Mismatch as error:
            message = f"the state does not fit the entity {self.name}: {error}"
            raise Failure.permanent("invalid-state", message) from None
        return entity


def _operation(code: Callable[..., Any]) -> _Operation:
    parameters = list(inspect.signature(code).parameters)[1:]
    if len(parameters) > 1:
        raise TypeError(f"the operation {code.__qualname__} takes one input at most")
    if not parameters:
        return _Operation(code, None, None)
    hints = typing.get_type_hints(code)
    return _Operation(code, parameters[0], hints.get(parameters[0], Any))


def entity(of: Any = None, *, name: Optional[str] = None) -> Any:
    """Makes a class that derives from :class:`Entity` a function of the component."""

    def make(of: C) -> C:
        of.weft_kind = Kind(of, name)  # type: ignore[attr-defined]
        return of

    return make if of is None else make(of)


def signal(
    entity: EntityId, operation: str, input: Any = None, *, at: Optional[datetime] = None
) -> None:
    """Sends an operation to an entity; when this returns, it is on disk.

    From HTTP functions and activities. Raises :class:`weft.client.Error`.
    """
    from . import client

    at_ms = None if at is None else at.timestamp() * 1000.0
    arguments = (str(entity), operation, codec.to_json(input), at_ms)
    client.ask("entity_client", "signal", *arguments)


def state(entity: EntityId, of: Any = Any) -> Any:
    """The state of an entity, or nothing. Operations that are under way are not in it.

    From HTTP functions and activities. Raises :class:`weft.client.Error`.
    """
    from . import client

    text = client.ask("entity_client", "get_state", str(entity))
    return None if text is None else codec.from_json(text, of)
