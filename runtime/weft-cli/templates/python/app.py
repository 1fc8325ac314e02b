"""Greets some names: an HTTP function starts an orchestration, which calls an activity for each."""

from dataclasses import dataclass

import weft


@dataclass
class Guests:
    """Whom to greet."""

    names: list[str]


@weft.activity
def greet(name: str) -> str:
    """Greets one name. Activities do the work; they may call out, and they run at least once."""
    if not name:
        raise weft.Failure.permanent("no-name", "A name is needed.")
    return f"Hello, {name}!"


@weft.orchestrator
async def greetings(ctx: weft.Context, guests: Guests) -> list[str]:
    """Greets all of them at the same time. It survives every crash of the node in between."""
    return await weft.gather(*(ctx.call(greet, name) for name in guests.names))


@weft.http(methods=["POST"])
def start(request: weft.Request) -> weft.Response:
    """Starts the greetings and answers with the id of their orchestration."""
    guests = request.json(Guests)
    return weft.Response.json(weft.client.start(greetings, guests), status=202)
