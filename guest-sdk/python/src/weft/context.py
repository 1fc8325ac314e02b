"""What an orchestrator can do."""

from __future__ import annotations

import random
from datetime import datetime, timezone
from types import TracebackType
from typing import Any, NoReturn, Optional, TypeVar, Union, overload

from . import codec
from .engine import Engine
from .entity import EntityId
from .failure import Failure
from .function import Activity, Function, Orchestrator, find, name_of
from .retry import Duration, Retry, millis
from .tasks import Durable, Loop, Task, first

I = TypeVar("I")
O = TypeVar("O")
T = TypeVar("T")


class _Continued(BaseException):
    """Ends an execution that continues as new."""


class Lock:
    """Entities that nobody else uses, while ``async with`` holds them."""

    def __init__(self, ctx: Context, task: Durable[None]) -> None:
        self._ctx = ctx
        self._task = task

    async def __aenter__(self) -> Lock:
        await self._task
        return self

    async def __aexit__(
        self,
        kind: Optional[type[BaseException]],
        error: Optional[BaseException],
        trace: Optional[TracebackType],
    ) -> None:
        self._ctx._engine.unlock(self._task.number)


class Context:
    """Everything that an orchestrator may take from outside of its input.

    An orchestrator is run again from its history after a crash; what comes from here is then the
    same again.
    """

    def __init__(self, loop: Loop) -> None:
        self._loop = loop
        self._engine = loop.engine
        self._random: Optional[random.Random] = None

    @overload
    def call(
        self, activity: Activity[I, O], input: I = ..., *, retry: Optional[Retry] = ...
    ) -> Task[O]: ...
    @overload
    def call(
        self,
        activity: str,
        input: Any = ...,
        *,
        retry: Optional[Retry] = ...,
        returns: type[T],
    ) -> Task[T]: ...
    @overload
    def call(
        self, activity: str, input: Any = ..., *, retry: Optional[Retry] = ...
    ) -> Task[Any]: ...
    def call(
        self,
        activity: Union[str, Activity[Any, Any]],
        input: Any = None,
        *,
        retry: Optional[Retry] = None,
        returns: Any = Any,
    ) -> Task[Any]:
        """Calls an activity: one of this package, or one of any language by its name."""
        name = name_of(activity)
        number = self._engine.call_activity(name, codec.to_json(input), retry)
        return Durable(self._loop, number, _output(activity, returns), name)

    @overload
    def call_orchestrator(
        self,
        orchestrator: Orchestrator[I, O],
        input: I = ...,
        *,
        instance_id: Optional[str] = ...,
        retry: Optional[Retry] = ...,
    ) -> Task[O]: ...
    @overload
    def call_orchestrator(
        self,
        orchestrator: str,
        input: Any = ...,
        *,
        instance_id: Optional[str] = ...,
        retry: Optional[Retry] = ...,
        returns: Any = ...,
    ) -> Task[Any]: ...
    def call_orchestrator(
        self,
        orchestrator: Union[str, Orchestrator[Any, Any]],
        input: Any = None,
        *,
        instance_id: Optional[str] = None,
        retry: Optional[Retry] = None,
        returns: Any = Any,
    ) -> Task[Any]:
        """Starts another orchestration as a child. Without an id it is named after this one."""
        name = name_of(orchestrator)
        text = codec.to_json(input)
        number = self._engine.call_sub_orchestrator(name, text, instance_id, retry)
        return Durable(self._loop, number, _output(orchestrator, returns), name)

    def sleep(self, duration: Duration) -> Task[None]:
        """A durable timer, in seconds or as a time span."""
        number = self._engine.create_timer(millis(duration))
        return Durable(self._loop, number, None, "a timer", cancels=True)

    def event(self, name: str, of: Any = Any) -> Task[Any]:
        """The next event of that name which nobody has taken; its payload is read as ``of``."""
        number = self._engine.wait_for_event(name)
        return Durable(self._loop, number, of, f"the event {name}", cancels=True)

    async def timeout(self, duration: Duration, task: Task[T]) -> Optional[T]:
        """The task's result, or nothing where that takes longer. Stops waiting for an event."""
        timer = self.sleep(duration)
        position, result = await first(task, timer)
        if position == 0:
            timer.cancel()
            return result  # type: ignore[no-any-return]
        task.cancel()
        return None

    def send_event(self, instance_id: str, name: str, payload: Any = None) -> None:
        """Sends an event to another instance; dropped where that does not exist or has ended."""
        self._engine.send_event(instance_id, name, codec.to_json(payload))

    def call_entity(
        self, entity: EntityId, operation: str, input: Any = None, *, returns: Any = Any
    ) -> Task[Any]:
        """Runs an operation of an entity. One that does not exist is created."""
        number = self._engine.call_entity(str(entity), operation, codec.to_json(input))
        return Durable(self._loop, number, returns, f"{operation} of {entity}")

    def signal_entity(
        self,
        entity: EntityId,
        operation: str,
        input: Any = None,
        *,
        at: Optional[datetime] = None,
    ) -> None:
        """Sends an operation without waiting for it, to run then or later."""
        at_ms = None if at is None else at.timestamp() * 1000.0
        self._engine.signal_entity(str(entity), operation, codec.to_json(input), at_ms)

    def lock(self, *entities: EntityId) -> Lock:
        """Locks entities: ``async with ctx.lock(a, b): ...``.

        While they are locked, only they may be called and only others be signaled.
        """
        number = self._engine.lock([str(entity) for entity in entities])
        return Lock(self, Durable(self._loop, number, None, "the lock"))

    def continue_as_new(self, input: Any = None, *, keep_events: bool = True) -> NoReturn:
        """Starts over with this input and an empty history. Nothing after it runs."""
        self._engine.continue_as_new(codec.to_json(input), keep_events)
        raise _Continued

    def set_status(self, status: Any) -> None:
        """What the instance shows of itself, at most 16 KiB of JSON."""
        self._engine.set_custom_status(codec.to_json(status))

    @property
    def now(self) -> datetime:
        """The time of the current turn; the same on replay."""
        return datetime.fromtimestamp(self._engine.now_ms() / 1000.0, timezone.utc)

    def new_guid(self) -> str:
        """A new random-looking UUID; the same on replay."""
        return self._engine.new_guid()

    @property
    def random(self) -> random.Random:
        """Random numbers that are the same on replay."""
        if self._random is None:
            self._random = random.Random(self._engine.new_guid())
        return self._random

    @property
    def is_replaying(self) -> bool:
        """Whether the code runs over what has been recorded."""
        return self._engine.is_replaying()

    @property
    def instance_id(self) -> str:
        """The orchestration's id."""
        return self._engine.instance_id()

    def log(self, message: str) -> None:
        """Logs a message once, not again on replay."""
        if not self.is_replaying:
            print(message)


def _output(function: Union[str, Function[Any, Any]], returns: Any) -> Any:
    if isinstance(function, str) or returns is not Any:
        return returns
    return function.output_type


def execute(engine: Engine, function: Orchestrator[Any, Any], text: str) -> str:
    """Runs an orchestrator from JSON to JSON. Raises :class:`Failure`."""
    loop = Loop(engine)
    try:
        output = loop.run(function.begin(Context(loop), text))
    except _Continued:
        # The platform starts over and looks at no result.
        return "null"
    except Exception as error:
        raise Failure.of(error) from error
    return codec.write_output(output)


def run_platform(name: str, text: str) -> str:
    """Runs the orchestrator of that name on the platform."""
    from .engine import Platform

    return execute(Platform(), find(name, Orchestrator), text)
