"""HTTP functions, and requests to others.

::

    @weft.http(route="hello/{name}", methods=["GET"])
    def hello(request: weft.Request) -> weft.Response:
        return weft.Response.text(f"Hello, {request.params['name']}!")
"""

from __future__ import annotations

import inspect
import json
import sys
from dataclasses import dataclass, field
from typing import Any, Callable, Iterable, Mapping, Optional, Sequence, Union
from urllib.parse import parse_qs, unquote, urlsplit

from . import client, codec
from .failure import Failure
from .function import FUNCTIONS, function_name, http_methods, register

_JSON_BYTES_MAX = 1 << 20
_BODY_BYTES_MAX = 64 << 20
#: As much as one call of WASI writes.
_CHUNK = 4096

Headers = Union[Mapping[str, str], Iterable[tuple[str, str]]]


class HttpError(Exception):
    """An answer that says why there is no other; it becomes ``application/problem+json``.

    ``kind`` is a stable name in words and hyphens, such as ``bad-archive``.
    """

    def __init__(self, status: int, kind: str, detail: str) -> None:
        super().__init__(detail)
        self.status = status
        self.kind = kind
        self.detail = detail

    def response(self) -> Response:
        """The problem document."""
        problem = {
            "type": f"urn:weft:problem:{self.kind}",
            "title": self.kind.replace("-", " "),
            "status": self.status,
            "detail": self.detail,
        }
        body = json.dumps(problem, ensure_ascii=False).encode()
        return Response(self.status, [("content-type", "application/problem+json")], body)


@dataclass
class Request:
    """A request of an HTTP function. Made by hand, it serves tests."""

    method: str = "GET"
    #: Path and query, percent-encoded as they came.
    target: str = "/"
    headers: list[tuple[str, str]] = field(default_factory=list)
    #: The parameters of the route template, decoded.
    params: dict[str, str] = field(default_factory=dict)
    content: Union[bytes, Callable[[int], bytes]] = b""

    @property
    def path(self) -> str:
        """The path within the app, which begins with ``/api/``."""
        return self.target.partition("?")[0]

    @property
    def public_path(self) -> str:
        """The path as the caller sees it, for links."""
        return self.header("x-forwarded-prefix", "") + self.path

    @property
    def query(self) -> dict[str, str]:
        """The first value of each query parameter, decoded."""
        pairs = parse_qs(self.target.partition("?")[2], keep_blank_values=True)
        return {name: values[0] for name, values in pairs.items()}

    def header(self, name: str, default: str = "") -> str:
        """The first header of that name."""
        name = name.lower()
        return next((value for known, value in self.headers if known.lower() == name), default)

    def body(self, bytes_max: int = _BODY_BYTES_MAX) -> bytes:
        """The whole body; a longer one is answered with 413."""
        if not isinstance(self.content, bytes):
            self.content = self.content(bytes_max)
        if len(self.content) > bytes_max:
            raise too_large(bytes_max)
        return self.content

    def json(self, of: Any = Any) -> Any:
        """The body as JSON of that type, at most 1 MiB of it; 400 where it is something else."""
        try:
            return codec.from_json(self.body(_JSON_BYTES_MAX).decode(), of)
        except (codec.Mismatch, UnicodeDecodeError) as error:
            detail = f"The body is not as expected: {error}."
            raise HttpError(400, "bad-request", detail) from None


def too_large(bytes_max: int) -> HttpError:
    """The answer to a body that is too long."""
    return HttpError(413, "body-too-large", f"The body has more than {bytes_max} bytes.")


@dataclass
class Response:
    """A response with its whole body."""

    status: int = 200
    headers: list[tuple[str, str]] = field(default_factory=list)
    content: bytes = b""

    @classmethod
    def text(cls, text: str, status: int = 200) -> Response:
        """Plain text."""
        return cls(status, [("content-type", "text/plain; charset=utf-8")], text.encode())

    @classmethod
    def json(cls, value: Any, status: int = 200) -> Response:
        """JSON."""
        return cls(status, [("content-type", "application/json")], codec.to_json(value).encode())

    def header(self, name: str, default: str = "") -> str:
        """The first header of that name."""
        name = name.lower()
        return next((value for known, value in self.headers if known.lower() == name), default)


class Handler:
    """A function that answers HTTP requests."""

    kind = "http"

    def __init__(
        self,
        code: Callable[..., Any],
        name: Optional[str],
        route: Optional[str],
        methods: Sequence[str],
    ) -> None:
        self.code = code
        self.name = function_name(name, code.__name__)
        self.route = route
        self.methods = http_methods(methods)
        self.description = inspect.getdoc(code)
        self._takes_request = bool(inspect.signature(code).parameters)
        register(self)

    def __call__(self, *arguments: Any) -> Any:
        return self.code(*arguments)

    def answer(self, request: Request) -> Response:
        """The response to a request; errors become problem documents."""
        try:
            request.params = params(self.route or self.name, request.path) or {}
            return _response(self.code(request) if self._takes_request else self.code())
        except HttpError as error:
            return error.response()
        except client.Error as error:
            kind = type(error).__name__
            kind = "".join(f"-{c.lower()}" if c.isupper() else c for c in kind).strip("-")
            return HttpError(error.status, kind, str(error)).response()
        except Exception as error:
            failure = Failure.of(error)
            stack = (failure.details or {}).get("stack") if failure.kind != "error" else None
            print(stack or str(failure), file=sys.stderr)
            detail = "The function failed; its log says why."
            return HttpError(500, "internal", detail).response()


def _response(value: Any) -> Response:
    if isinstance(value, Response):
        return value
    if isinstance(value, str):
        return Response.text(value)
    if isinstance(value, bytes):
        return Response(200, [("content-type", "application/octet-stream")], value)
    return Response(204) if value is None else Response.json(value)


def http(
    code: Any = None,
    *,
    name: Optional[str] = None,
    route: Optional[str] = None,
    methods: Sequence[str] = (),
) -> Any:
    """Makes an HTTP function; its route is its name where none is given.

    It gives a :class:`Response`, or a text, bytes or a value that becomes JSON.
    """
    if code is None:
        return lambda later: Handler(later, name, route, methods)
    return Handler(code, name, route, methods)


def choose(request: Request) -> Optional[Handler]:
    """The handler that a request is for: the platform names it, others are found by their route."""
    handlers = [one for one in FUNCTIONS.values() if isinstance(one, Handler)]
    name = request.header("x-weft-function")
    if name:
        return next((one for one in handlers if one.name == name), None)
    if len(handlers) == 1:
        return handlers[0]
    for one in handlers:
        fits = not one.methods or request.method in one.methods
        if fits and params(one.route or one.name, request.path) is not None:
            return one
    return None


def serve(request: Request) -> Response:
    """What the component answers."""
    handler = choose(request)
    if handler is None:
        detail = "This component has no function for the request."
        return HttpError(404, "not-found", detail).response()
    return handler.answer(request)


def params(template: str, path: str) -> Optional[dict[str, str]]:
    """The parameters of a route template in a path, or nothing where the path is another one."""
    if path.startswith("/@"):
        path = "/" + "/".join(path.split("/")[3:])
    if not path.startswith("/api/"):
        return None
    segments = [part for part in path.removeprefix("/api/").split("/") if part]
    found: dict[str, str] = {}
    for pattern in (part for part in template.split("/") if part):
        if not (pattern.startswith("{") and pattern.endswith("}")):
            if not segments or segments.pop(0).lower() != pattern.lower():
                return None
            continue
        name = pattern[1:-1]
        if name.startswith("*"):
            found[name[1:]] = "/".join(unquote(part) for part in segments)
            segments = []
            continue
        optional = name.endswith("?")
        name = name.rstrip("?").partition(":")[0].partition("=")[0]
        if segments:
            found[name] = unquote(segments.pop(0))
        elif not optional:
            return None
    return None if segments else found


class RequestFailed(Exception):
    """There was no response; the message says why."""


def fetch(
    url: str,
    method: str = "GET",
    headers: Headers = (),
    body: Union[bytes, str] = b"",
    bytes_max: int = _BODY_BYTES_MAX,
) -> Response:
    """Sends a request and reads the whole response.

    Hosts must be granted by ``allowed_outbound_hosts`` in ``weft.toml``. For activities and HTTP
    functions; an orchestrator calls an activity instead. Works in a component only.
    """
    from . import _wasi_http

    pairs = headers.items() if isinstance(headers, Mapping) else headers
    content = body.encode() if isinstance(body, str) else body
    return _wasi_http.fetch(urlsplit(url), method, list(pairs), content, bytes_max)
