"""The simulated world: a clock, what will happen, and the tasks of one execution.

Completions become visible in ``wait_any`` alone, one at a time and only while nothing that is
waited for is ready, as on the platform; what happens at the same time happens in the order in which
it was planned.
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Callable, Optional, Sequence, Union

from .. import codec
from ..entity import Kind
from ..failure import Failure
from ..function import Call
from ..retry import Retry, millis
from .recording import INSTANCE_ID, Recorder, Recording
from .report import Called, Sent

#: 2026-01-01T00:00:00Z, where simulated time begins.
_START_MS = 1_767_225_600_000.0


class WaitsForEver(AssertionError):
    """The orchestration waits for what never comes."""


@dataclass
class Callee:
    """What a function does, and how long it takes."""

    run: Callable[[str, Call], str]
    duration_ms: float


class _Ignored:
    """Takes what operations of entities send in turn."""

    def signal(self, *arguments: Any) -> None:
        pass

    def start(self, name: str, input: str, instance_id: Optional[str]) -> str:
        return instance_id or "started"


class Simulation(Recorder):
    """The world around an orchestration."""

    def __init__(self) -> None:
        self.recording = Recording(_START_MS)
        self.elapsed_ms = 0.0
        self.callees: dict[tuple[str, str], Callee] = {}
        self.kinds: dict[str, Kind] = {}
        self.entities: dict[str, dict[str, Optional[str]]] = {}
        self.calls: list[Called] = []
        self.statuses: list[Any] = []
        self.sent: list[Sent] = []
        self._planned: list[tuple[float, int, Callable[[], None]]] = []
        self._plans = 0
        self._buffered: list[tuple[str, str]] = []
        self._waiting: dict[int, dict[str, Any]] = {}
        self._restart: Optional[tuple[str, bool]] = None
        self._execution = 0

    def expect_event(self, name: str, payload: str, after_ms: float) -> None:
        """An event comes then."""
        if after_ms == 0:
            self._buffered.append((name, payload))
        else:
            self._plan(after_ms, lambda: self._arrive(name, payload))

    def next_execution(self) -> Optional[str]:
        """The input of the execution that continues this one, where there is one."""
        if self._restart is None:
            return None
        (text, keep_events), self._restart = self._restart, None
        if not keep_events:
            self._buffered.clear()
        self._waiting.clear()
        self._execution += 1
        self.recording = Recording(_START_MS + self.elapsed_ms)
        return text

    def wait_any(self, tasks: Sequence[int]) -> int:
        while (first := self.recording.first_of(tasks)) is None:
            if not self._planned:
                waits = [str(one.get("name") or one["kind"]) for one in self._waiting.values()]
                raise WaitsForEver(f"the orchestration waits for ever, for {', '.join(waits)}")
            at, _, happen = heapq.heappop(self._planned)
            self.elapsed_ms = max(self.elapsed_ms, at)
            happen()
        return first

    def set_custom_status(self, status: str) -> None:
        self.statuses.append(codec.from_json(status))

    def is_replaying(self) -> bool:
        return False

    def _plan(self, at_ms: float, happen: Callable[[], None]) -> None:
        self._plans += 1
        heapq.heappush(self._planned, (at_ms, self._plans, happen))

    def _begin(self, command: str, **details: Any) -> int:
        task = self.recording.begin(command)
        self._waiting[task] = details
        kind = details["kind"]
        if kind in ("activity", "child"):
            details["since"] = self.elapsed_ms
            self._later(0.0, task, lambda: self._attempt(task, 1))
        elif kind == "timer":
            self._later(details["delay_ms"], task, lambda: self._complete(task, "null"))
        elif kind == "entity":
            self._later(0.0, task, lambda: self._operate(task))
        elif kind == "event":
            self._take_event(task, details["name"])
        return task

    def _later(self, delay_ms: float, task: int, happen: Callable[[], None]) -> None:
        """What happens to a task, unless it is over by then or belongs to an earlier execution."""
        execution = self._execution

        def if_open() -> None:
            if task in self._waiting and execution == self._execution:
                happen()

        self._plan(self.elapsed_ms + delay_ms, if_open)

    def _act(self, command: str, **details: Any) -> None:
        self.recording.commands.append(command)
        kind = details["kind"]
        if kind == "cancel":
            self._waiting.pop(details["task"], None)
        elif kind == "send":
            payload = codec.from_json(details["input"])
            self.sent.append(Sent(details["target"], details["name"], payload))
        elif kind == "restart":
            self._restart = (details["input"], details["keep_events"])
        elif kind == "signal":
            at_ms = details["at_ms"]
            after = 0.0 if at_ms is None else max(0.0, at_ms - _START_MS - self.elapsed_ms)
            self._plan(self.elapsed_ms + after, lambda: self._run_signal(details))

    def _complete(self, task: int, result: Union[str, Failure], at_once: bool = False) -> None:
        from .recording import Completion

        if self._waiting.pop(task, None) is not None:
            at_ms = _START_MS + self.elapsed_ms
            self.recording.completions.append(Completion(task, result, at_ms, at_once))

    def _take_event(self, task: int, name: str) -> None:
        for position, (known, payload) in enumerate(self._buffered):
            if known.lower() == name.lower():
                del self._buffered[position]
                self._complete(task, payload, at_once=True)
                return

    def _arrive(self, name: str, payload: str) -> None:
        for task, details in self._waiting.items():
            if details["kind"] == "event" and details["name"].lower() == name.lower():
                self._complete(task, payload)
                return
        self._buffered.append((name, payload))

    def _attempt(self, task: int, attempt: int) -> None:
        details = self._waiting[task]
        name, text = details["name"], details["input"]
        callee = self.callees.get((details["kind"], name))
        if callee is None:
            raise LookupError(
                f"the orchestrator calls the {details['kind']} {name}: say in the test what it does"
            )
        at = timedelta(milliseconds=self.elapsed_ms)
        self.calls.append(Called(name, codec.from_json(text), attempt, at))
        result: Union[str, Failure]
        try:
            result = callee.run(text, Call(INSTANCE_ID, f"{INSTANCE_ID}:{task}", attempt))
        except Failure as failure:
            result = failure
        took = callee.duration_ms
        pause = _pause(result, details["retry"], attempt, self.elapsed_ms + took - details["since"])
        if pause is None:
            self._later(took, task, lambda: self._complete(task, result))
        else:
            self._later(took + pause, task, lambda: self._attempt(task, attempt + 1))

    def _operate(self, task: int) -> None:
        details = self._waiting[task]
        try:
            result: Union[str, Failure] = self._run_operation(details)
        except Failure as failure:
            result = failure
        self._complete(task, result)

    def _run_signal(self, details: dict[str, Any]) -> None:
        try:
            self._run_operation(details)
        except Failure:
            # As nobody's as its result.
            pass

    def _run_operation(self, details: dict[str, Any]) -> str:
        _, name, key = details["name"].split("@", 2)
        kind = self.kinds.get(name)
        if kind is None:
            raise LookupError(f"the orchestrator uses the entity {name}: give the test its class")
        states = self.entities[name]
        try:
            state, answer = kind.run(
                states.get(key), key, details["operation"], details["input"], _Ignored()
            )
        except Exception as error:
            raise Failure.of(error) from error
        states[key] = state
        return answer


def _pause(
    result: Union[str, Failure], retry: Optional[Retry], attempt: int, elapsed_ms: float
) -> Optional[float]:
    """How long the platform waits before the next attempt, if there is one."""
    if retry is None or not isinstance(result, Failure):
        return None
    over = attempt >= retry.max_attempts or result.kind in retry.non_retryable
    if over or not result.retryable:
        return None
    pause = millis(retry.first_interval) * retry.coefficient ** (attempt - 1)
    if retry.max_interval is not None:
        pause = min(pause, millis(retry.max_interval))
    late = retry.total_timeout is not None and elapsed_ms + pause > millis(retry.total_timeout)
    return None if late else pause
