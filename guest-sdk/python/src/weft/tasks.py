"""What orchestrators await, and the loop that drives them.

The loop goes on only with what is done, in the order in which it was done, and waits for durable
tasks in the order in which they were started: the same history leads through the same steps.
"""

from __future__ import annotations

from collections import deque
from typing import Any, Callable, Coroutine, Generator, Generic, Optional, TypeVar

from . import codec
from .engine import Engine
from .failure import Failure

T = TypeVar("T")


class Task(Generic[T]):
    """Something that will be done; it can be awaited any number of times."""

    def __init__(self, loop: Loop) -> None:
        self._loop = loop
        self._state: Optional[tuple[bool, Any]] = None
        self._callbacks: list[Callable[[], None]] = []

    def done(self) -> bool:
        """Whether awaiting it would go on at once."""
        return self._state is not None

    def result(self) -> T:
        """What came of it. Raises what it failed with, or ``RuntimeError`` where it is not done."""
        if self._state is None:
            raise RuntimeError("the task is not done")
        succeeded, value = self._state
        if succeeded:
            return value  # type: ignore[no-any-return]
        raise value

    def cancel(self) -> None:
        """Cancels a timer, or stops waiting for an event. Anything else goes on."""

    def __await__(self) -> Generator[Any, None, T]:
        if not self.done():
            yield self
        return self.result()

    def _settle(self, succeeded: bool, value: Any) -> None:
        self._state = (succeeded, value)
        callbacks, self._callbacks = self._callbacks, []
        for callback in callbacks:
            callback()

    def _when_done(self, callback: Callable[[], None]) -> None:
        if self.done():
            callback()
        else:
            self._callbacks.append(callback)


class Durable(Task[T]):
    """A task of the platform's."""

    def __init__(self, loop: Loop, number: int, of: Any, what: str, cancels: bool = False) -> None:
        super().__init__(loop)
        self.number = number
        self._of = of
        self._what = what
        self._cancels = cancels

    def done(self) -> bool:
        if self._state is None and self._loop.engine.is_ready(self.number):
            self._take()
        return self._state is not None

    def cancel(self) -> None:
        if self._cancels and self._state is None:
            self._loop.waiting.pop(self.number, None)
            self._loop.engine.cancel(self.number)

    def _when_done(self, callback: Callable[[], None]) -> None:
        super()._when_done(callback)
        if self._state is None:
            self._loop.waiting[self.number] = self

    def _take(self) -> None:
        self._loop.waiting.pop(self.number, None)
        try:
            text = self._loop.engine.result(self.number)
            self._settle(True, codec.from_json(text, self._of))
        except codec.Mismatch as error:
            message = f"what {self._what} gave: {error}"
            self._settle(False, Failure.permanent(Failure.INVALID_OUTPUT, message))
        except Failure as failure:
            self._settle(False, failure)


class Running(Task[T]):
    """A coroutine that runs beside others."""

    def __init__(self, loop: Loop, code: Coroutine[Any, Any, T]) -> None:
        super().__init__(loop)
        self._code = code
        loop.ready.append(self)

    def _step(self) -> None:
        try:
            awaited = self._code.send(None)
        except StopIteration as done:
            self._settle(True, done.value)
        except Exception as error:
            self._settle(False, error)
        else:
            if not isinstance(awaited, Task):
                self._code.close()
                message = (
                    "an orchestrator awaits what its context makes, and coroutines of that; "
                    f"this is {awaited!r}. Other work belongs into an activity."
                )
                self._settle(False, Failure.permanent("not-durable", message))
                return
            awaited._when_done(lambda: self._loop.ready.append(self))


class Gathered(Task[list[Any]]):
    """All of several tasks: done when all are, or when the first one fails."""

    def __init__(self, loop: Loop, tasks: list[Task[Any]], keep_failures: bool) -> None:
        super().__init__(loop)
        self._tasks = tasks
        self._keep = keep_failures
        self._left = len(tasks)
        if not tasks:
            self._settle(True, [])
        for task in tasks:
            task._when_done(lambda task=task: self._one_done(task))  # type: ignore[misc]

    def _one_done(self, task: Task[Any]) -> None:
        if self._state is not None:
            return
        self._left -= 1
        succeeded, value = task._state or (True, None)
        if not succeeded and not self._keep:
            self._settle(False, value)
        elif self._left == 0:
            self._settle(True, [(task._state or (True, None))[1] for task in self._tasks])


class First(Task[int]):
    """The position of the task that was done first."""

    def __init__(self, loop: Loop, tasks: list[Task[Any]]) -> None:
        super().__init__(loop)
        for position, task in enumerate(tasks):
            task._when_done(lambda at=position: self._one_done(at))  # type: ignore[misc]

    def _one_done(self, position: int) -> None:
        if self._state is None:
            self._settle(True, position)


class Loop:
    """Runs one execution of an orchestrator."""

    #: The execution that runs now; there is one at a time.
    current: Optional[Loop] = None

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.ready: deque[Running[Any]] = deque()
        #: Durable tasks that somebody waits for.
        self.waiting: dict[int, Durable[Any]] = {}

    def run(self, code: Coroutine[Any, Any, T]) -> T:
        """Runs to the end; waits where nothing can go on."""
        before, Loop.current = Loop.current, self
        try:
            main = Running(self, code)
            while not main.done():
                if self.ready:
                    self.ready.popleft()._step()
                else:
                    self._wait()
            return main.result()
        finally:
            Loop.current = before

    def start(self, awaitable: Any) -> Task[Any]:
        """A task for anything that an orchestrator may await."""
        if isinstance(awaitable, Task):
            return awaitable
        if hasattr(awaitable, "send"):
            return Running(self, awaitable)
        raise TypeError(f"{awaitable!r} cannot be awaited by an orchestrator")

    def _wait(self) -> None:
        if not self.waiting:
            raise RuntimeError(
                "the orchestrator waits for nothing that could happen: what it awaits was "
                "cancelled, or waits for itself"
            )
        numbers = sorted(self.waiting)
        first = numbers[self.engine.wait_any(numbers)]
        self.waiting[first]._take()


def loop() -> Loop:
    """The loop of the orchestrator that runs."""
    if Loop.current is None:
        raise RuntimeError("only orchestrators can wait for several things")
    return Loop.current


def gather(*awaitables: Any, return_exceptions: bool = False) -> Task[list[Any]]:
    """Runs all at the same time and gives their results in this order.

    The first failure is raised as soon as it is there, unless ``return_exceptions`` asks for
    failures in the place of results.
    """
    now = loop()
    return Gathered(now, [now.start(one) for one in awaitables], return_exceptions)


async def first(*awaitables: Any) -> tuple[int, Any]:
    """Waits for the one that is done first: its position and its result.

    Raises what that one failed with. The others go on, and can be awaited or cancelled.
    """
    if not awaitables:
        raise ValueError("there is nothing to wait for")
    now = loop()
    tasks = [now.start(one) for one in awaitables]
    position = await First(now, tasks)
    return position, tasks[position].result()


def spawn(awaitable: Any) -> Task[Any]:
    """Lets a coroutine run beside this one."""
    return loop().start(awaitable)
