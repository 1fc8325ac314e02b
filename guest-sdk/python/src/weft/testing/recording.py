"""What one execution asked for and got, and running it again from that."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import Any, Optional, Sequence, Union

from ..failure import Failure
from ..retry import Retry

INSTANCE_ID = "test"
_NAMESPACE = uuid.UUID("5c1f2d5e-8f0b-4d6c-9a63-0f0d9c3d7b11")


class Diverged(AssertionError):
    """The orchestrator is not deterministic: its replay does something else than its run."""


@dataclass(frozen=True)
class Completion:
    """The end of a task."""

    task: int
    result: Union[str, Failure]
    at_ms: float
    #: It was there when the task began, and is seen without a wait.
    at_once: bool


class Recording:
    """What was asked for, in words, and what was done, in order."""

    def __init__(self, start_ms: float) -> None:
        self.start_ms = start_ms
        self.commands: list[str] = []
        self.tasks = 0
        self.completions: list[Completion] = []
        self.guids = 0

    def begin(self, command: str) -> int:
        """Notes a command that starts a task; gives its number."""
        self.commands.append(command)
        self.tasks += 1
        return self.tasks

    def find(self, task: int) -> Optional[Completion]:
        """The task's completion."""
        return next((done for done in self.completions if done.task == task), None)

    def first_of(self, tasks: Sequence[int]) -> Optional[int]:
        """The position of the one that was done first."""
        order = (done.task for done in self.completions)
        return next((tasks.index(task) for task in order if task in tasks), None)

    def now_ms(self) -> float:
        """When the last completion came."""
        return self.completions[-1].at_ms if self.completions else self.start_ms

    def new_guid(self) -> str:
        """Different for each call, and the same for each run."""
        self.guids += 1
        return str(uuid.uuid5(_NAMESPACE, f"{self.start_ms}/{self.guids}"))


class Recorder:
    """The part of an engine that is the same in a run and its replay."""

    recording: Recording

    def _begin(self, command: str, **details: Any) -> int:
        raise NotImplementedError

    def _act(self, command: str, **details: Any) -> None:
        raise NotImplementedError

    def call_activity(self, name: str, input: str, retry: Optional[Retry]) -> int:
        command = f"the activity {name} with {input}"
        return self._begin(command, kind="activity", name=name, input=input, retry=retry)

    def call_sub_orchestrator(
        self, name: str, input: str, instance_id: Optional[str], retry: Optional[Retry]
    ) -> int:
        command = f"the child {name} ({instance_id or 'unnamed'}) with {input}"
        return self._begin(command, kind="child", name=name, input=input, retry=retry)

    def create_timer(self, delay_ms: float) -> int:
        return self._begin(f"a timer of {delay_ms} ms", kind="timer", delay_ms=delay_ms)

    def cancel(self, task: int) -> None:
        self._act(f"the end of task {task}", kind="cancel", task=task)

    def wait_for_event(self, name: str) -> int:
        return self._begin(f"the event {name}", kind="event", name=name)

    def send_event(self, instance_id: str, name: str, payload: str) -> None:
        command = f"the event {name} to {instance_id} with {payload}"
        self._act(command, kind="send", target=instance_id, name=name, input=payload)

    def call_entity(self, entity: str, operation: str, input: str) -> int:
        command = f"{operation} of {entity} with {input}"
        return self._begin(command, kind="entity", name=entity, operation=operation, input=input)

    def signal_entity(
        self, entity: str, operation: str, input: str, at_ms: Optional[float]
    ) -> None:
        command = f"the signal {operation} to {entity} with {input}"
        self._act(
            command, kind="signal", name=entity, operation=operation, input=input, at_ms=at_ms
        )

    def lock(self, entities: Sequence[str]) -> int:
        return self._begin(f"a lock over {', '.join(entities)}", kind="timer", delay_ms=0.0)

    def unlock(self, lock: int) -> None:
        self._act(f"the release of lock {lock}", kind="unlock")

    def continue_as_new(self, input: str, keep_events: bool) -> None:
        command = f"a new execution with {input}"
        self._act(command, kind="restart", input=input, keep_events=keep_events)

    def is_ready(self, task: int) -> bool:
        return self.recording.find(task) is not None

    def result(self, task: int) -> str:
        done = self.recording.find(task)
        assert done is not None, "only the results of tasks that are done are asked for"
        if isinstance(done.result, Failure):
            raise done.result.with_traceback(None)
        return done.result

    def now_ms(self) -> float:
        return self.recording.now_ms()

    def new_guid(self) -> str:
        return self.recording.new_guid()

    def instance_id(self) -> str:
        return INSTANCE_ID


class Replay(Recorder):
    """Answers from a recording, and checks that the same is asked for."""

    def __init__(self, recorded: Recording) -> None:
        self._recorded = recorded
        self.recording = Recording(recorded.start_ms)

    def check_end(self) -> None:
        """The replay asked for everything that the run asked for."""
        asked = len(self.recording.commands)
        if asked < len(self._recorded.commands):
            raise Diverged(f"the replay did not ask for {self._recorded.commands[asked]}")

    def _check(self, command: str) -> None:
        asked = len(self.recording.commands)
        recorded = self._recorded.commands[asked : asked + 1]
        if recorded != [command]:
            had = recorded[0] if recorded else "nothing more"
            raise Diverged(f"the run asked for {had}, its replay for {command}")

    def _begin(self, command: str, **details: Any) -> int:
        self._check(command)
        task = self.recording.begin(command)
        following = self._following()
        if following is not None and following.at_once and following.task == task:
            self.recording.completions.append(following)
        return task

    def _act(self, command: str, **details: Any) -> None:
        self._check(command)
        self.recording.commands.append(command)

    def _following(self) -> Optional[Completion]:
        seen = len(self.recording.completions)
        return next(iter(self._recorded.completions[seen : seen + 1]), None)

    def wait_any(self, tasks: Sequence[int]) -> int:
        while (first := self.recording.first_of(tasks)) is None:
            following = self._following()
            if following is None:
                raise Diverged("the replay waits for more than the run did")
            self.recording.completions.append(following)
        return first

    def set_custom_status(self, status: str) -> None:
        """Shown again in vain, as on the platform."""

    def is_replaying(self) -> bool:
        return self._following() is not None
