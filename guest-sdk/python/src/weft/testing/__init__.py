"""Runs functions natively, without a node and without waiting.

An :class:`Orchestration` runs an orchestrator against activities, events and a clock that the test
gives. No time passes: where the orchestrator waits, the clock jumps to what happens next. After the
run it is run once more from what was recorded, as the platform does after a crash; code that then
asks for something else is found here instead of in production.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Callable, Optional, Union

from .. import blob, codec, config, kv
from ..context import execute
from ..entity import Entity, Kind
from ..failure import Failure
from ..function import Activity, Call, Function, Orchestrator, name_of
from ..retry import Duration, millis
from .recording import Diverged, Replay
from .report import Called, Report, Sent
from .simulation import Callee, Simulation, WaitsForEver

__all__ = [
    "Called",
    "Diverged",
    "EntityUnderTest",
    "Orchestration",
    "Report",
    "Sent",
    "WaitsForEver",
    "clear",
]

#: How often an orchestration may continue as new before it is taken for an endless loop.
_EXECUTIONS_MAX = 1000


class Orchestration:
    """An orchestration under test."""

    def __init__(self, orchestrator: Orchestrator[Any, Any], input: Any = None) -> None:
        self._orchestrator = orchestrator
        self._input = codec.to_json(input)
        self._simulation = Simulation()

    def activity(
        self,
        activity: Union[str, Activity[Any, Any]],
        does: Optional[Callable[[Any], Any]] = None,
        *,
        taking: Duration = 0,
    ) -> Orchestration:
        """What the activity does, and how long each attempt takes; the activity itself if absent."""
        return self._add("activity", activity, does, taking)

    def sub_orchestration(
        self, orchestrator: Union[str, Orchestrator[Any, Any]], does: Callable[[Any], Any]
    ) -> Orchestration:
        """What the child orchestration of that name does."""
        return self._add("child", orchestrator, does, 0)

    def entity(self, of: type[Entity]) -> Orchestration:
        """Operations on entities of this class run the real code, each at once."""
        self._simulation.entities[_kind(of).name] = {}
        self._simulation.kinds[_kind(of).name] = _kind(of)
        return self

    def event(self, name: str, payload: Any = None, *, after: Duration = 0) -> Orchestration:
        """An event that is there from the start, or comes that long after it."""
        self._simulation.expect_event(name, codec.to_json(payload), millis(after))
        return self

    def run(self) -> Report:
        """Runs it to its end, and once more from what was recorded.

        Raises :class:`WaitsForEver`, :class:`Diverged`, or ``LookupError`` for what the test gives
        no code for.
        """
        text = self._input
        for restarts in range(_EXECUTIONS_MAX):
            outcome = self._execute(self._simulation, text)
            replay = Replay(self._simulation.recording)
            again = self._execute(replay, text)
            replay.check_end()
            if outcome != again:
                raise Diverged(f"the run ended with {outcome}, its replay with {again}")
            following = self._simulation.next_execution()
            if following is None:
                return self._report(outcome, restarts)
            text = following
        raise AssertionError(f"the orchestration continued as new {_EXECUTIONS_MAX} times")

    def _execute(self, engine: Any, text: str) -> tuple[Optional[str], Optional[Failure]]:
        try:
            return execute(engine, self._orchestrator, text), None
        except Failure as failure:
            for wrong in (WaitsForEver, Diverged, LookupError):
                if isinstance(failure.__cause__, wrong):
                    raise failure.__cause__ from None
            return None, failure

    def _report(self, outcome: tuple[Optional[str], Optional[Failure]], restarts: int) -> Report:
        text, failure = outcome
        simulation = self._simulation
        return Report(
            result=codec.from_json(text or ""),
            failure=failure,
            calls=simulation.calls,
            statuses=simulation.statuses,
            sent=simulation.sent,
            elapsed=timedelta(milliseconds=simulation.elapsed_ms),
            restarts=restarts,
        )

    def _add(
        self,
        kind: str,
        of: Union[str, Function[Any, Any]],
        does: Optional[Callable[[Any], Any]],
        taking: Duration,
    ) -> Orchestration:
        def run(text: str, call: Call) -> str:
            try:
                if does is not None:
                    return codec.to_json(does(codec.from_json(text)))
                if isinstance(of, Activity):
                    return of.run(text, call)
            except Exception as error:
                raise Failure.of(error) from error
            raise LookupError(f"what does {of} do? Give the test its code")

        self._simulation.callees[kind, name_of(of)] = Callee(run, millis(taking))
        return self


class EntityUnderTest:
    """An entity whose operations run natively."""

    def __init__(self, of: type[Entity], key: str = "test") -> None:
        self._kind = _kind(of)
        self._key = key
        self._state: Optional[str] = None
        #: What operations have sent: the target, the operation or "start", and the input.
        self.sent: list[tuple[str, str, Any]] = []

    @property
    def state(self) -> Any:
        """The state as JSON gives it; nothing where there is none."""
        return None if self._state is None else codec.from_json(self._state)

    def operate(self, operation: str, input: Any = None) -> Any:
        """Runs one operation. Raises :class:`Failure`; the state is then as before."""
        outbox = _Outbox()
        try:
            state, answer = self._kind.run(
                self._state, self._key, operation, codec.to_json(input), outbox
            )
        except Exception as error:
            raise Failure.of(error) from error
        self._state = state
        self.sent += outbox.sent
        return codec.from_json(answer)


class _Outbox:
    def __init__(self) -> None:
        self.sent: list[tuple[str, str, Any]] = []

    def signal(self, entity: str, operation: str, input: str, at_ms: Optional[float]) -> None:
        self.sent.append((entity, operation, codec.from_json(input)))

    def start(self, name: str, input: str, instance_id: Optional[str]) -> str:
        self.sent.append((name, "start", codec.from_json(input)))
        return instance_id or f"started-{len(self.sent)}"


def _kind(of: type[Entity]) -> Kind:
    return of.weft_kind  # type: ignore[attr-defined, no-any-return]


def clear() -> None:
    """Empties storage and configuration, as before each test."""
    blob._memory.clear()
    kv._memory.clear()
    config.VALUES.clear()


#: When simulated time begins.
START = datetime.fromisoformat("2026-01-01T00:00:00+00:00")
