"""What the document cannot say: names of things that exist, bodies that are no JSON, and what would
wait for ever."""

import os
import random

import schemathesis

KNOWN = {
    "tenant": os.environ.get("WEFT_FUZZ_TENANT", "default"),
    "app": os.environ.get("WEFT_FUZZ_APP", "default"),
    "component": "hello",
    "function": "hello",
    "revision": "1",
}


@schemathesis.hook
def map_path_parameters(context, path_parameters):
    """Two of three times a name is one that exists, so that more than the 404 is tried."""
    if path_parameters:
        for name, value in KNOWN.items():
            if name in path_parameters and random.random() < 0.67:
                path_parameters[name] = value
    return path_parameters


@schemathesis.hook
def map_query(context, query):
    """A log that is followed has no end, and a wait for an instance takes its time."""
    if query:
        for name in ("follow", "wait"):
            query.pop(name, None)
    return query


@schemathesis.serializer("application/wasm", "application/x-tar")
def raw(context, value):
    """Bytes as they are; whatever else was generated is no component and no archive either."""
    return value if isinstance(value, bytes) else str(value).encode()


if os.environ.get("WEFT_FUZZ_CLOSED"):

    @schemathesis.check
    def closed(context, response, case):
        """Without a genuine key nothing is answered, and nothing is told of what there is."""
        allowed = (400, 401, 404, 405)
        assert response.status_code in allowed, f"{response.status_code} without a genuine key"
        text = response.text
        assert "victim" not in text.replace(case.path, ""), "it tells of a tenant"
