"""What an orchestration asks of the world: the platform in a component, a simulation in tests."""

from __future__ import annotations

from typing import Any, Optional, Protocol, Sequence

from .failure import Failure
from .retry import Retry, millis


class Engine(Protocol):
    """The durable interface of the WIT.

    Tasks are numbers that grow in the order in which they are started. Only ``wait_any`` may take
    time: everything else answers at once, and what ``is_ready`` says changes in ``wait_any`` alone.
    """

    def call_activity(self, name: str, input: str, retry: Optional[Retry]) -> int: ...
    def call_sub_orchestrator(
        self, name: str, input: str, instance_id: Optional[str], retry: Optional[Retry]
    ) -> int: ...
    def create_timer(self, delay_ms: float) -> int: ...
    def cancel(self, task: int) -> None: ...
    def wait_for_event(self, name: str) -> int: ...
    def send_event(self, instance_id: str, name: str, payload: str) -> None: ...
    def call_entity(self, entity: str, operation: str, input: str) -> int: ...
    def signal_entity(
        self, entity: str, operation: str, input: str, at_ms: Optional[float]
    ) -> None: ...
    def lock(self, entities: Sequence[str]) -> int: ...
    def unlock(self, lock: int) -> None: ...
    def is_ready(self, task: int) -> bool: ...
    def wait_any(self, tasks: Sequence[int]) -> int:
        """The position of the task that was done first; there is at least one."""
        ...

    def result(self, task: int) -> str:
        """The result of a task that is ready. Raises :class:`Failure`."""
        ...

    def continue_as_new(self, input: str, keep_events: bool) -> None: ...
    def set_custom_status(self, status: str) -> None: ...
    def now_ms(self) -> float: ...
    def new_guid(self) -> str: ...
    def is_replaying(self) -> bool: ...
    def instance_id(self) -> str: ...


class Platform:
    """The platform that runs this component."""

    def __init__(self) -> None:
        # Made by the build; natively there are none.
        from wit_world.imports import durable, entities, weft_functions_types

        self._durable: Any = durable
        self._entities: Any = entities
        self._types: Any = weft_functions_types
        self.create_timer = durable.create_timer
        self.cancel = durable.cancel
        self.wait_for_event = durable.wait_for_event
        self.send_event = durable.send_event
        self.is_ready = durable.is_ready
        self.continue_as_new = durable.continue_as_new
        self.set_custom_status = durable.set_custom_status
        self.now_ms = durable.now_ms
        self.new_guid = durable.new_guid
        self.is_replaying = durable.is_replaying
        self.instance_id = durable.instance_id
        self.call_entity = entities.call
        self.signal_entity = entities.signal
        self.unlock = entities.unlock

    def call_activity(self, name: str, input: str, retry: Optional[Retry]) -> int:
        return int(self._durable.call_activity(name, input, self._policy(retry)))

    def call_sub_orchestrator(
        self, name: str, input: str, instance_id: Optional[str], retry: Optional[Retry]
    ) -> int:
        policy = self._policy(retry)
        return int(self._durable.call_sub_orchestrator(name, input, instance_id, policy))

    def lock(self, entities: Sequence[str]) -> int:
        return int(self._entities.lock(list(entities)))

    def wait_any(self, tasks: Sequence[int]) -> int:
        return int(self._durable.wait_any(list(tasks)))

    def result(self, task: int) -> str:
        from componentize_py_types import Err

        try:
            return str(self._durable.wait(task))
        except Err as error:
            found = error.value
            raise Failure._of_wit(
                found.kind, found.message, found.retryable, found.details
            ) from None

    def _policy(self, retry: Optional[Retry]) -> Any:
        if retry is None:
            return None
        optional = lambda value: None if value is None else millis(value)  # noqa: E731
        return self._types.RetryPolicy(
            retry.max_attempts,
            millis(retry.first_interval),
            float(retry.coefficient),
            optional(retry.max_interval),
            optional(retry.total_timeout),
            list(retry.non_retryable),
        )
