"""The patterns of durable orchestrations, each as small as it can be."""

import os
import random
import time
import uuid
from typing import Any, Optional

import weft


@weft.activity
def double(number: int) -> int:
    """Twice the number."""
    return number * 2


@weft.orchestrator
async def fan_out(ctx: weft.Context, count: int) -> int:
    """Many steps at once, and one result of all of them."""
    return sum(await weft.gather(*(ctx.call(double, number) for number in range(count))))


@weft.orchestrator
async def approval(ctx: weft.Context, deadline_ms: int) -> str:
    """Waits that many milliseconds for the event ``Approval``, whose payload is true or false."""
    ctx.set_status("waiting")
    answer = await ctx.timeout(deadline_ms / 1000, ctx.event("Approval", bool))
    return {True: "approved", False: "rejected", None: "escalated"}[answer]


@weft.orchestrator
async def parent(ctx: weft.Context, count: int) -> list[int]:
    """Sub-orchestrations, one after the other."""
    return [await ctx.call_orchestrator(fan_out, number) for number in range(count)]


@weft.orchestrator
async def eternal(ctx: weft.Context, left: int) -> str:
    """Starts over until nothing is left."""
    await ctx.sleep(0.01)
    if left > 0:
        ctx.continue_as_new(left - 1)
    return "done"


@weft.entity
class Counter(weft.Entity):
    """Gathers what is sent to it."""

    value: int = 0

    def add(self, amount: int) -> int:
        self.value += amount
        return self.value

    def get(self) -> int:
        return self.value


@weft.orchestrator
async def aggregate(ctx: weft.Context, count: int) -> int:
    """Sends that many ones to a counter and reads it."""
    counter = weft.EntityId("counter", ctx.instance_id)
    for _ in range(count):
        ctx.signal_entity(counter, "add", 1)
    return await ctx.call_entity(counter, "get", returns=int)


@weft.activity
def broken(text: str) -> None:
    """Fails as code with a bug does."""
    raise ValueError(f"no {text}")


@weft.orchestrator
async def surroundings(ctx: weft.Context) -> dict[str, Any]:
    """What the language takes from its host: the same however often it is replayed."""

    def look() -> dict[str, Any]:
        return {
            "time": time.time(),
            "monotonic": time.monotonic(),
            "random": random.random(),
            "urandom": os.urandom(8).hex(),
            "uuid": str(uuid.uuid4()),
            "hash": hash("text"),
            "set": list({"a", "b", "c", "d", "e", "f"}),
            "guid": ctx.new_guid(),
            "now": ctx.now.isoformat(),
        }

    before = look()
    ctx.set_status(before)
    payload = await ctx.event("go")
    return {"before": before, "after": look(), "payload": payload}


@weft.activity
def archive(text: str) -> dict[str, Any]:
    """Keeps a text, and 200,000 times the text, as objects."""
    container = weft.blob.open("archive")
    before = container.get("short")
    container.put("short", text.encode())
    container.put("long", (text.encode() * 1000 for _ in range(200)))
    container.put("gone", b"")
    container.delete("gone")
    middle = len(text) * 100_000
    info = container.info("long")
    return {
        "before": None if before is None else before.decode(),
        "size": info.size if info else 0,
        "middle": (container.get("long", middle, middle + 8) or b"").decode(),
        "names": container.names(),
        "absent": container.get("gone") is None,
    }


@weft.orchestrator
async def outside(ctx: weft.Context, what: Optional[str] = None) -> None:
    """Asks for what orchestrators may not have."""
    if what == "objects":
        weft.blob.open("archive")
    weft.fetch("http://127.0.0.1:1/")
