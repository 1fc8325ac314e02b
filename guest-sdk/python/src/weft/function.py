"""Functions of a component: the decorators that make them, and the table of those that exist."""

from __future__ import annotations

import inspect
import re
import typing
from dataclasses import dataclass
from typing import Any, Awaitable, Callable, Generic, Optional, Sequence, TypeVar, Union, overload

from . import codec
from .failure import Failure

I = TypeVar("I")
O = TypeVar("O")

_NAME = re.compile(r"[a-z0-9-]{1,63}\Z")


@dataclass(frozen=True)
class Call:
    """Which call of which orchestration an activity runs for.

    An activity runs at least once for each call: after a crash it may run again although it had
    finished. What must not happen twice is keyed by :attr:`idempotency_key`.
    """

    #: The orchestration; empty for a direct call.
    instance_id: str = ""
    #: The same for every attempt at this call and for no other call; empty for a direct call.
    idempotency_key: str = ""
    #: 1 for the first attempt that the retry policy makes.
    attempt: int = 1


class Function(Generic[I, O]):
    """Something that the platform calls by its name. Called from Python it is what it was."""

    kind = "activity"

    def __init__(self, code: Callable[..., Any], name: Optional[str]) -> None:
        self.code = code
        self.name = function_name(name, code.__name__)
        self.description = inspect.getdoc(code)
        self.__doc__ = code.__doc__
        self.__name__ = code.__name__
        self.__module__ = code.__module__
        self.__wrapped__ = code
        self._types: Optional[tuple[Any, Any]] = None
        register(self)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self.code(*args, **kwargs)

    @property
    def input_type(self) -> Any:
        """What the annotation of the input says."""
        return self.types()[0]

    @property
    def output_type(self) -> Any:
        """What the annotation of the result says."""
        return self.types()[1]

    def types(self) -> tuple[Any, Any]:
        """Input and output, as annotated; read when asked for, so that names may come later."""
        if self._types is None:
            hints = typing.get_type_hints(self.code, include_extras=True)
            parameter = self.input_parameter()
            given = hints.get(parameter, Any) if parameter else None
            self._types = (given, hints.get("return", Any))
        return self._types

    def input_parameter(self) -> Optional[str]:
        """The name of the parameter that takes the input, where there is one."""
        return None


class Activity(Function[I, O]):
    """Ordinary code with side effects, run at least once for each call."""

    def __init__(self, code: Callable[..., Any], name: Optional[str]) -> None:
        self._input: Optional[str] = None
        self._call: Optional[str] = None
        for parameter in inspect.signature(code).parameters.values():
            if parameter.annotation in (Call, "Call", "weft.Call"):
                self._call = parameter.name
            elif self._input is None:
                self._input = parameter.name
            elif parameter.default is inspect.Parameter.empty:
                raise TypeError(
                    f"the activity {code.__name__} takes one input, and a weft.Call where it "
                    f"wants one; {parameter.name!r} is another"
                )
        super().__init__(code, name)

    def input_parameter(self) -> Optional[str]:
        return self._input

    def run(self, text: str, call: Call) -> str:
        """Runs it from JSON to JSON."""
        arguments = {}
        if self._input is not None:
            arguments[self._input] = codec.read_input(text, self.input_type)
        if self._call is not None:
            arguments[self._call] = call
        output = self.code(**arguments)
        if inspect.iscoroutine(output):
            output = _finished(output, self.name)
        return codec.write_output(output)


def _finished(code: Any, name: str) -> Any:
    """Runs a coroutine that waits for nothing but coroutines."""
    try:
        code.send(None)
    except StopIteration as done:
        return done.value
    finally:
        code.close()
    raise RuntimeError(f"the activity {name} awaits something that only an event loop can give")


class Orchestrator(Function[I, O]):
    """Deterministic code that sequences the calls of others."""

    kind = "orchestrator"

    def __init__(self, code: Callable[..., Awaitable[Any]], name: Optional[str]) -> None:
        if not inspect.iscoroutinefunction(code):
            raise TypeError(f"the orchestrator {code.__name__} is written with `async def`")
        names = list(inspect.signature(code).parameters)
        if not 1 <= len(names) <= 2:
            raise TypeError(f"the orchestrator {code.__name__} takes its context and one input")
        self._input = names[1] if len(names) == 2 else None
        super().__init__(code, name)

    def input_parameter(self) -> Optional[str]:
        return self._input

    def begin(self, ctx: Any, text: str) -> Any:
        """The coroutine over an input in JSON."""
        if self._input is None:
            return self.code(ctx)
        return self.code(ctx, codec.read_input(text, self.input_type))


#: Every function of the component, in the order in which they were made.
FUNCTIONS: dict[str, Any] = {}


def register(function: Any) -> None:
    """Notes a function, entity or handler under its name; the last one of a name counts."""
    FUNCTIONS.pop(function.name, None)
    FUNCTIONS[function.name] = function


def find(name: str, of: type[Any]) -> Any:
    """The function of that name and type."""
    found = FUNCTIONS.get(name)
    if not isinstance(found, of):
        message = f"this component holds no function named {name}"
        raise Failure.permanent("not-found", message)
    return found


def function_name(given: Optional[str], of: str) -> str:
    """The name that callers use."""
    name = given if given is not None else of.lower().strip("_").replace("_", "-")
    if not _NAME.match(name):
        raise ValueError(f"{name!r} cannot be a function's name: it must match [a-z0-9-]{{1,63}}")
    return name


def name_of(function: Union[str, Function[Any, Any]]) -> str:
    """The name of a function, or the name itself."""
    return function if isinstance(function, str) else function.name


@overload
def activity(code: Callable[[I], O]) -> Activity[I, O]: ...
@overload
def activity(code: Callable[[I, Call], O]) -> Activity[I, O]: ...
@overload
def activity(code: Callable[[], O]) -> Activity[None, O]: ...
@overload
def activity(*, name: Optional[str] = None) -> Callable[[Callable[..., O]], Activity[Any, O]]: ...
def activity(code: Any = None, *, name: Optional[str] = None) -> Any:
    """Makes an activity of a function that takes one input, and a :class:`Call` if it wants one."""
    if code is None:
        return lambda later: Activity(later, name)
    return Activity(code, name)


@overload
def orchestrator(code: Callable[[Any, I], Awaitable[O]]) -> Orchestrator[I, O]: ...
@overload
def orchestrator(code: Callable[[Any], Awaitable[O]]) -> Orchestrator[None, O]: ...
@overload
def orchestrator(
    *, name: Optional[str] = None
) -> Callable[[Callable[..., Awaitable[O]]], Orchestrator[Any, O]]: ...
def orchestrator(code: Any = None, *, name: Optional[str] = None) -> Any:
    """Makes an orchestrator of an ``async def`` that takes a :class:`weft.Context` and one input."""
    if code is None:
        return lambda later: Orchestrator(later, name)
    return Orchestrator(code, name)


def http_methods(methods: Sequence[str]) -> list[str]:
    """Methods as the platform writes them."""
    return [method.upper() for method in methods]
