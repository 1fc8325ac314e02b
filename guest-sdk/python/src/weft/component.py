"""What a component exports. The build imports it together with the app; nothing else does."""

from __future__ import annotations

import linecache
import logging
import random
import re
import sys
import traceback
from typing import Any, Optional

import wit_world.exports
from componentize_py_types import Err
from wit_world.exports import describe

# All of them: what is not imported while the component is built is not there later.
from wit_world.imports import (  # noqa: F401
    atomics,
    blobstore,
    client,
    container,
    durable,
    entities,
    entity_client,
    entity_context,
    management,
    outgoing_handler,
    wasi_blobstore_types,
    wasi_config_store,
    wasi_http_types,
    wasi_keyvalue_store,
    weft_functions_types,
)
from wit_world.imports import logging as _wasi_logging  # noqa: F401

from . import _wasi_http, codec, log
from .context import run_platform
from .entity import Kind
from .failure import Failure
from .function import FUNCTIONS, Call, find
from .function import Activity as ActivityFunction
from .http import Handler

_KINDS = {
    "http": describe.Kind.HTTP,
    "activity": describe.Kind.ACTIVITY,
    "orchestrator": describe.Kind.ORCHESTRATOR,
}


def _begin() -> None:
    """What the build has left of its own randomness is replaced by the platform's."""
    random.seed()


def _fail(error: BaseException) -> Exception:
    failure = Failure.of(error)
    if failure is not error:
        traceback.print_exception(error, file=sys.stderr)
    return Err(
        weft_functions_types.Failure(
            failure.kind, failure.message, failure.retryable, failure._details_text()
        )
    )


class Activity(wit_world.exports.Activity):
    def run(self, name: str, input: str, call: Any) -> str:
        _begin()
        try:
            of = Call(call.instance_id, call.idempotency_key, call.attempt)
            return find(name, ActivityFunction).run(input, of)  # type: ignore[no-any-return]
        except Exception as error:
            raise _fail(error) from None


class Orchestrator(wit_world.exports.Orchestrator):
    def run(self, name: str, input: str) -> str:
        _begin()
        try:
            return run_platform(name, input)
        except Exception as error:
            raise _fail(error) from None


class _Outbox:
    def signal(self, entity: str, operation: str, input: str, at_ms: Optional[float]) -> None:
        entity_context.signal(entity, operation, input, at_ms)

    def start(self, name: str, input: str, instance_id: Optional[str]) -> str:
        return str(entity_context.start(name, input, instance_id))


class Entity(wit_world.exports.Entity):
    def names(self) -> list[str]:
        return [one.name for one in FUNCTIONS.values() if isinstance(one, Kind)]

    def run(self, name: str, key: str, operation: str, input: str) -> str:
        _begin()
        try:
            kind = find(name, Kind)
            state = entity_context.get_state()
            state, answer = kind.run(state, key, operation, input, _Outbox())
            entity_context.set_state(state)
            return str(answer)
        except Exception as error:
            raise _fail(error) from None


class Describe(wit_world.exports.Describe):
    def describe(self) -> list[Any]:
        return [_described(one) for one in FUNCTIONS.values() if not isinstance(one, Kind)]


def _described(function: Any) -> Any:
    is_http = isinstance(function, Handler)
    schemas = (None, None) if is_http else tuple(map(codec.schema, function.types()))
    given, gives = (None if one is None else codec.to_json(one) for one in schemas)
    route = function.route if is_http else None
    methods = function.methods if is_http else []
    kind = _KINDS[function.kind]
    return describe.Function(
        function.name, kind, function.description, given, gives, route, methods
    )


class IncomingHandler(wit_world.exports.IncomingHandler):
    def handle(self, request: Any, response_out: Any) -> None:
        _begin()
        _wasi_http.handle(request, response_out)


def prepare() -> None:
    """Reads all annotations while the component is built, so that no call has to."""
    for function in FUNCTIONS.values():
        if isinstance(function, Kind):
            function.operations()
        elif not isinstance(function, Handler):
            function.types()
    if not FUNCTIONS:
        raise SystemExit("the app has no functions: mark some with @weft.activity and the like")
    for module in list(sys.modules.values()):
        _keep_lines(getattr(module, "__file__", None) or "")
    root = logging.getLogger()
    if not root.handlers:
        root.addHandler(log.Handler())
        root.setLevel(logging.INFO)


def _keep_lines(file: str) -> None:
    """Stacks show the lines of the app, whose files are not there when it runs."""
    if re.match(r"/\d+/(?!weft/)", file):
        lines = linecache.getlines(file)
        # Without a time it is not compared with the file.
        linecache.cache[file] = (sum(map(len, lines)), None, lines, file)
