"""``wasi:http``, as the rest of the package uses it. Imported in components only."""

from __future__ import annotations

import sys
from typing import Any, Callable
from urllib.parse import SplitResult

from componentize_py_types import Err, Ok
from wit_world.imports import outgoing_handler, wasi_http_types as types

from .http import Request, RequestFailed, Response, serve, too_large

_CHUNK_READ = 64 << 10
_CHUNK_WRITE = 4096
_NAMED = ("get", "head", "post", "put", "delete", "connect", "options", "trace", "patch")


def handle(incoming: Any, out: Any) -> None:
    """Answers a request that the platform hands in."""
    method = incoming.method()
    with incoming.headers() as fields:
        headers = _text_headers(fields.entries())
    target = incoming.path_with_query() or "/"
    body = incoming.consume()
    name = getattr(method, "value", None) or type(method).__name__.removeprefix("Method_")
    request = Request(name.upper(), target, headers, {}, _reader(body, too_large))
    response = serve(request)
    try:
        pairs = [(name.lower(), value.encode()) for name, value in response.headers]
        pairs.append(("content-length", str(len(response.content)).encode()))
        head = types.OutgoingResponse(types.Fields.from_list(pairs))
        head.set_status_code(response.status)
    except Err:
        print("the response has a status or header that HTTP does not allow", file=sys.stderr)
        code = types.ErrorCode_InternalError("invalid response head")
        types.ResponseOutparam.set(out, Err(code))
        return
    outgoing = head.body()
    types.ResponseOutparam.set(out, Ok(head))
    try:
        _write(outgoing, response.content)
    except Err:
        # The caller has gone away.
        pass


def fetch(
    url: SplitResult,
    method: str,
    headers: list[tuple[str, str]],
    content: bytes,
    bytes_max: int,
) -> Response:
    """Sends a request and reads the whole response."""
    pairs = [(name.lower(), value.encode()) for name, value in headers]
    request = types.OutgoingRequest(types.Fields.from_list(pairs))
    request.set_method(_method(method))
    request.set_scheme(types.Scheme_Http() if url.scheme == "http" else types.Scheme_Https())
    request.set_authority(url.netloc)
    path = url.path or "/"
    request.set_path_with_query(f"{path}?{url.query}" if url.query else path)
    body = request.body()
    try:
        pending = outgoing_handler.handle(request, None)
        _write(body, content)
        with pending.subscribe() as ready:
            ready.block()
        answer = pending.get()
    except Err as error:
        raise RequestFailed(_why(error.value)) from None
    if answer is None:
        raise RequestFailed("the response did not come")
    # Present, taken for the first time, and then the response or an error.
    inner = answer.value if isinstance(answer, Ok) else answer
    if isinstance(inner, Err):
        raise RequestFailed(_why(inner.value))
    response = inner.value if isinstance(inner, Ok) else inner
    status = response.status()
    with response.headers() as fields:
        received = _text_headers(fields.entries())
    refuse = lambda most: RequestFailed(f"the response has more than {most} bytes")  # noqa: E731
    return Response(status, received, _reader(response.consume(), refuse)(bytes_max))


def _method(name: str) -> Any:
    if name.lower() in _NAMED:
        return getattr(types, f"Method_{name.capitalize()}")()
    return types.Method_Other(name)


def _why(code: Any) -> str:
    name = type(code).__name__.removeprefix("ErrorCode_")
    value = getattr(code, "value", None)
    return name if value is None else f"{name}: {value}"


def _text_headers(entries: Any) -> list[tuple[str, str]]:
    return [(name.lower(), bytes(value).decode("latin-1")) for name, value in entries]


def _reader(body: Any, refuse: Callable[[int], Exception]) -> Callable[[int], bytes]:
    def read(bytes_max: int) -> bytes:
        content = bytearray()
        with body.stream() as stream:
            while True:
                try:
                    content += stream.blocking_read(_CHUNK_READ)
                except Err as error:
                    if type(error.value).__name__ == "StreamError_Closed":
                        return bytes(content)
                    raise RequestFailed("the body ended too early") from None
                if len(content) > bytes_max:
                    raise refuse(bytes_max)

    return read


def _write(body: Any, content: bytes) -> None:
    with body.write() as stream:
        for at in range(0, len(content), _CHUNK_WRITE):
            stream.blocking_write_and_flush(content[at : at + _CHUNK_WRITE])
    types.OutgoingBody.finish(body, None)
