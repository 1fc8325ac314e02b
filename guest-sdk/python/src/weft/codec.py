"""JSON text to values of annotated types and back, and the JSON Schema of those types.

Understands what annotations commonly say: the types of JSON, ``Any``, ``Optional``, unions,
``Literal``, lists, tuples, sets, dictionaries, enumerations, dataclasses, ``TypedDict`` and
``datetime``. Values of other types are passed on as JSON gives them.
"""

from __future__ import annotations

import dataclasses
import enum
import inspect
import json
import types
import typing
from datetime import date, datetime
from typing import Any, Optional, Union

from .failure import Failure

_UNIONS = (Union, getattr(types, "UnionType", Union))
_NONE = type(None)


class Mismatch(ValueError):
    """A value is not of the type that is asked for."""


def to_json(value: Any) -> str:
    """JSON text of a value."""
    return json.dumps(
        value, default=_plain, ensure_ascii=False, allow_nan=False, separators=(",", ":")
    )


def _plain(value: Any) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: getattr(value, f.name) for f in dataclasses.fields(value)}
    if isinstance(value, enum.Enum):
        return value.value
    if isinstance(value, (set, frozenset)):
        return sorted(value)
    if isinstance(value, (datetime, date)):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} cannot be written as JSON")


def from_json(text: str, to: Any = Any) -> Any:
    """The value of JSON text; no text at all counts as ``null``.

    Raises :class:`Mismatch`. Where a text does not fit, what it holds is read: clients of Durable
    Functions encode what they send twice.
    """
    try:
        value = json.loads(text) if text else None
    except ValueError as error:
        raise Mismatch(f"it is no JSON: {error}") from None
    try:
        return convert(value, to)
    except Mismatch:
        if isinstance(value, str):
            try:
                return convert(json.loads(value), to)
            except ValueError:
                pass
        raise


def read_input(text: str, to: Any) -> Any:
    """The input of a function, or the failure that says what is wrong with it."""
    try:
        return from_json(text, to)
    except Mismatch as error:
        message = f"the input is not as expected: {error}"
        raise Failure.permanent(Failure.INVALID_INPUT, message) from None


def write_output(value: Any) -> str:
    """The output of a function, or the failure that says what is wrong with it."""
    try:
        return to_json(value)
    except (TypeError, ValueError) as error:
        message = f"what the function returned is no JSON: {error}"
        raise Failure.permanent(Failure.INVALID_OUTPUT, message) from None


def convert(value: Any, to: Any, at: str = "it") -> Any:
    """A value of JSON as the type says. Raises :class:`Mismatch`."""
    if to is Any or to is inspect.Parameter.empty or isinstance(to, (typing.TypeVar, str)):
        return value
    if to is None or to is _NONE:
        return _expect(value is None, None, at, "null")
    origin, args = typing.get_origin(to), typing.get_args(to)
    if origin is typing.Annotated:
        return convert(value, args[0], at)
    if origin in _UNIONS:
        return _one_of(value, args, at)
    if origin is typing.Literal:
        return _expect(value in args, value, at, " or ".join(map(repr, args)))
    if to is bool:
        return _expect(isinstance(value, bool), value, at, "true or false")
    if to is int:
        whole = isinstance(value, float) and value.is_integer()
        number = isinstance(value, int) and not isinstance(value, bool)
        return _expect(number or whole, int(value) if whole else value, at, "a whole number")
    if to is float:
        number = isinstance(value, (int, float)) and not isinstance(value, bool)
        return _expect(number, float(value) if number else value, at, "a number")
    if to is str:
        return _expect(isinstance(value, str), value, at, "a text")
    if to in (datetime, date):
        try:
            return to.fromisoformat(value.replace("Z", "+00:00"))
        except (AttributeError, ValueError):
            raise Mismatch(f"{at} is no {to.__name__} in ISO 8601") from None
    if isinstance(to, type) and issubclass(to, enum.Enum):
        try:
            return to(value)
        except ValueError:
            choices = ", ".join(repr(member.value) for member in to)
            raise Mismatch(f"{at} is none of {choices}") from None
    return _structure(value, to, origin, args, at)


def _structure(value: Any, to: Any, origin: Any, args: tuple[Any, ...], at: str) -> Any:
    if dataclasses.is_dataclass(to):
        return _dataclass(value, to, at)
    if typing.is_typeddict(to):
        return _typed_dict(value, to, at)
    kind = origin or to
    if kind is tuple and args and args[-1] is not Ellipsis:
        _expect(isinstance(value, list) and len(value) == len(args), None, at, f"{len(args)} items")
        return tuple(
            convert(item, arg, f"{at}[{number}]")
            for number, (item, arg) in enumerate(zip(value, args))
        )
    if kind in (list, tuple, set, frozenset) or _is_abc(kind, "Sequence", "Iterable"):
        _expect(isinstance(value, list), None, at, "a list")
        of = args[0] if args else Any
        items = [convert(item, of, f"{at}[{number}]") for number, item in enumerate(value)]
        return kind(items) if kind in (tuple, set, frozenset) else items
    if kind is dict or _is_abc(kind, "Mapping", "MutableMapping"):
        _expect(isinstance(value, dict), None, at, "an object")
        of = args[1] if len(args) == 2 else Any
        return {key: convert(item, of, f"{at}.{key}") for key, item in value.items()}
    return value


def _is_abc(kind: Any, *names: str) -> bool:
    return getattr(kind, "__module__", "") == "collections.abc" and kind.__name__ in names


def _one_of(value: Any, choices: tuple[Any, ...], at: str) -> Any:
    if value is None and _NONE in choices:
        return None
    faults = []
    for choice in choices:
        if choice is _NONE:
            continue
        try:
            return convert(value, choice, at)
        except Mismatch as error:
            faults.append(str(error))
    raise Mismatch(", and ".join(faults))


def _dataclass(value: Any, to: Any, at: str) -> Any:
    _expect(isinstance(value, dict), None, at, "an object")
    hints = typing.get_type_hints(to, include_extras=True)
    fields = {}
    for field in dataclasses.fields(to):
        if field.name in value:
            place = f"{at}.{field.name}"
            fields[field.name] = convert(value[field.name], hints[field.name], place)
        elif _required(field):
            raise Mismatch(f"{at} lacks {field.name!r}")
    return to(**fields)


def _required(field: dataclasses.Field[Any]) -> bool:
    missing = dataclasses.MISSING
    return field.init and field.default is missing and field.default_factory is missing


def _typed_dict(value: Any, to: Any, at: str) -> Any:
    _expect(isinstance(value, dict), None, at, "an object")
    hints = typing.get_type_hints(to)
    for name in to.__required_keys__:
        if name not in value:
            raise Mismatch(f"{at} lacks {name!r}")
    return {key: convert(item, hints.get(key, Any), f"{at}.{key}") for key, item in value.items()}


def _expect(holds: bool, value: Any, at: str, what: str) -> Any:
    if not holds:
        raise Mismatch(f"{at} is not {what}")
    return value


def schema(of: Any) -> Optional[dict[str, Any]]:
    """The JSON Schema of a type; nothing where it says nothing."""
    if of is Any or of is inspect.Parameter.empty:
        return None
    described: dict[str, Any] = _schema(of)
    return described or None


_SIMPLE: dict[Any, dict[str, Any]] = {
    bool: {"type": "boolean"},
    int: {"type": "integer"},
    float: {"type": "number"},
    str: {"type": "string"},
    _NONE: {"type": "null"},
    None: {"type": "null"},
    datetime: {"type": "string", "format": "date-time"},
    date: {"type": "string", "format": "date"},
}


def _schema(of: Any) -> dict[str, Any]:
    try:
        if of in _SIMPLE:
            return dict(_SIMPLE[of])
    except TypeError:
        return {}
    origin, args = typing.get_origin(of), typing.get_args(of)
    if origin is typing.Annotated:
        inner = _schema(args[0])
        notes = [note for note in args[1:] if isinstance(note, str)]
        return {**inner, "description": notes[0]} if notes else inner
    if origin in _UNIONS:
        return {"anyOf": [_schema(arg) for arg in args]}
    if origin is typing.Literal:
        return {"enum": list(args)}
    if isinstance(of, type) and issubclass(of, enum.Enum):
        return {"enum": [member.value for member in of]}
    if dataclasses.is_dataclass(of):
        hints = typing.get_type_hints(of, include_extras=True)
        fields = dataclasses.fields(of)
        required = [field.name for field in fields if _required(field)]
        return _object(of, {f.name: _schema(hints[f.name]) for f in fields}, required)
    if typing.is_typeddict(of):
        hints = typing.get_type_hints(of)
        properties = {name: _schema(hint) for name, hint in hints.items()}
        return _object(of, properties, sorted(of.__required_keys__))
    kind = origin or of
    if kind is tuple and args and args[-1] is not Ellipsis:
        items = [_schema(arg) for arg in args]
        return {"type": "array", "prefixItems": items, "minItems": len(items), "items": False}
    if kind in (list, tuple, set, frozenset) or _is_abc(kind, "Sequence", "Iterable"):
        return {"type": "array", "items": _schema(args[0]) if args else True}
    if kind is dict or _is_abc(kind, "Mapping", "MutableMapping"):
        values = _schema(args[1]) if len(args) == 2 else {}
        return {"type": "object", "additionalProperties": values or True}
    return {}


def _object(of: Any, properties: dict[str, Any], required: list[str]) -> dict[str, Any]:
    described: dict[str, Any] = {
        "type": "object",
        "title": of.__name__,
        "properties": properties,
        "required": required,
    }
    text = inspect.getdoc(of)
    if text and not text.startswith(f"{of.__name__}("):
        described["description"] = text
    return described
