"""Entities, HTTP functions, storage and types."""

import enum
import json
import unittest
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Literal, Optional, TypedDict, Union

import weft
from weft import blob, codec, kv
from weft.http import params, serve
from weft.testing import EntityUnderTest, Orchestration, clear


@weft.entity
class Counter(weft.Entity):
    value: int = 0

    def add(self, amount: int) -> int:
        self.value += amount
        return self.value

    def spoil(self) -> None:
        self.value = -1
        self.signal(weft.EntityId("counter", "other"), "add", 1)
        raise weft.Failure.permanent("spoilt", "It is spoilt.")

    def tell(self) -> str:
        self.signal(weft.EntityId("Counter", "other"), "add", self.value)
        return self.entity_key

    def end(self) -> None:
        self.destroy()


class Entities(unittest.TestCase):
    def test_operations_change_the_state_and_failures_do_not(self):
        counter = EntityUnderTest(Counter, "a")
        self.assertEqual(counter.operate("add", 5), 5)
        self.assertEqual(counter.operate("tell"), "a")
        self.assertEqual(counter.sent, [("@counter@other", "add", 5)])
        for operation, kind in (("spoil", "spoilt"), ("nothing", "unknown-operation")):
            with self.assertRaises(weft.Failure) as raised:
                counter.operate(operation)
            self.assertEqual(raised.exception.kind, kind)
        with self.assertRaisesRegex(weft.Failure, "input is not as expected"):
            counter.operate("add", "five")
        self.assertEqual(counter.state, {"value": 5})
        self.assertEqual(len(counter.sent), 1)
        counter.operate("end")
        self.assertIsNone(counter.state)
        self.assertEqual(counter.operate("add", 1), 1)
        counter.operate("delete")
        self.assertIsNone(counter.state)

    def test_orchestrators_use_them(self):
        @weft.orchestrator
        async def count(ctx: weft.Context) -> int:
            counter = weft.EntityId("counter", ctx.instance_id)
            for _ in range(3):
                ctx.signal_entity(counter, "add", 1)
            async with ctx.lock(counter):
                return await ctx.call_entity(counter, "add", 1)

        self.assertEqual(Orchestration(count).entity(Counter).run().result, 4)


@weft.http(route="hello/{name}/{*rest}", methods=["get"])
def hello(request: weft.Request) -> dict[str, str]:
    if request.params["name"] == "nobody":
        raise weft.HttpError(404, "no-such-person", "There is nobody.")
    if request.params["name"] == "bug":
        raise KeyError("bug")
    return {**request.params, "q": request.query.get("q", "")}


class Http(unittest.TestCase):
    def ask(self, target: str) -> weft.Response:
        headers = [("X-Weft-Function", "hello")]
        return serve(weft.Request(target=target, headers=headers))

    def test_answers(self):
        answer = self.ask("/api/hello/J%C3%BCrgen/a/b?q=x+y")
        self.assertEqual(answer.header("Content-Type"), "application/json")
        expected = {"name": "Jürgen", "rest": "a/b", "q": "x y"}
        self.assertEqual(json.loads(answer.content), expected)

    def test_problems(self):
        answer = self.ask("/api/hello/nobody")
        self.assertEqual(answer.status, 404)
        self.assertEqual(json.loads(answer.content)["type"], "urn:weft:problem:no-such-person")
        self.assertEqual(self.ask("/api/hello/bug").status, 500)

    def test_routes(self):
        self.assertEqual(params("orders/{id:int}", "/@t/a/api/orders/7"), {"id": "7"})
        self.assertEqual(params("orders/{id?}", "/api/Orders"), {})
        self.assertIsNone(params("orders/{id}", "/api/orders/7/more"))
        self.assertIsNone(params("orders", "/elsewhere"))

    def test_bodies(self):
        request = weft.Request("POST", content=b'{"a": 1}')
        self.assertEqual(request.json(dict[str, int]), {"a": 1})
        for status, read in ((413, lambda: request.body(3)), (400, lambda: request.json(int))):
            with self.assertRaises(weft.HttpError) as raised:
                read()
            self.assertEqual(raised.exception.status, status)


class Storage(unittest.TestCase):
    def setUp(self):
        clear()

    def test_values_and_counters(self):
        bucket = kv.open()
        self.assertIsNone(bucket.get("a"))
        bucket.set_json("a", {"b": [1]})
        self.assertEqual(kv.open().get_json("a"), {"b": [1]})
        self.assertEqual([bucket.increment("n", 2), bucket.increment("n")], [2, 3])
        self.assertEqual(sorted(bucket.keys()), ["a", "n"])
        bucket.delete("a")
        self.assertFalse(bucket.exists("a"))

    def test_objects(self):
        container = blob.open("reports")
        self.assertIsNone(container.get("a"))
        container.put("a", [b"one, ", b"two"])
        container.put("b", b"")
        self.assertEqual(blob.open("reports").get("a"), b"one, two")
        self.assertEqual(container.get("a", 5), b"two")
        self.assertEqual(container.get("a", 0, 3), b"one")
        self.assertEqual(container.info("a").size, 8)
        self.assertEqual(container.names(), ["a", "b"])
        container.delete("a")
        self.assertFalse(container.exists("a"))
        blob.remove("reports")
        self.assertEqual(blob.open("reports").names(), [])


class Colour(enum.Enum):
    RED = "red"
    BLUE = "blue"


class Point(TypedDict):
    x: float
    y: float


@dataclass
class Thing:
    """A thing."""

    name: str
    colour: Colour
    at: Point
    parts: list["Thing"] = field(default_factory=list)
    pair: tuple[int, str] = (0, "")
    when: Optional[datetime] = None
    how: Literal["fast", "slow"] = "fast"
    either: Union[int, str] = 0


class Types(unittest.TestCase):
    def test_values_survive_the_way_through_json(self):
        noon = datetime(2026, 1, 1, 12, tzinfo=timezone.utc)
        part = Thing("part", Colour.RED, {"x": 1.0, "y": 2.5}, either="x")
        thing = Thing("whole", Colour.BLUE, {"x": 0.0, "y": -1.0}, [part], (7, "é"), noon, "slow")
        self.assertEqual(codec.from_json(codec.to_json(thing), Thing), thing)

    def test_what_does_not_fit_is_named(self):
        thing = {"name": "a", "colour": "green", "at": {"x": 1, "y": 2}}
        with self.assertRaisesRegex(codec.Mismatch, "it.colour is none of 'red', 'blue'"):
            codec.convert(thing, Thing)
        thing["colour"], thing["at"] = "red", {"x": True, "y": 2}
        with self.assertRaisesRegex(codec.Mismatch, "it.at.x is not a number"):
            codec.convert(thing, Thing)

    def test_what_was_encoded_twice_is_read_where_a_text_does_not_fit(self):
        self.assertEqual(codec.from_json('"5"', int), 5)
        self.assertEqual(codec.from_json('"5"', str), "5")
        self.assertIsNone(codec.from_json("", Optional[int]))

    def test_schemas(self):
        @dataclass
        class Small:
            """Small."""

            name: str
            size: Optional[int] = None

        self.assertEqual(
            codec.schema(list[Small]),
            {
                "type": "array",
                "items": {
                    "type": "object",
                    "title": "Small",
                    "description": "Small.",
                    "properties": {
                        "name": {"type": "string"},
                        "size": {"anyOf": [{"type": "integer"}, {"type": "null"}]},
                    },
                    "required": ["name"],
                },
            },
        )

    def test_functions_say_what_is_wrong_with_them(self):
        with self.assertRaisesRegex(TypeError, "takes one input"):
            weft.activity(lambda a, b: a)
        with self.assertRaisesRegex(TypeError, "async def"):
            weft.orchestrator(lambda ctx: ctx)
        with self.assertRaisesRegex(ValueError, "cannot be a function's name"):
            weft.activity(name="No Name")(print)


if __name__ == "__main__":
    unittest.main()
