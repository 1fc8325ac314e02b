"""Drives a node with the Durable Functions client of PyPI, every method of it that reaches the node.

Usage: durable_client.py BASE_URL, with a key in the URL's user information. The app holds the sample
`patterns`. Exits 0 where everything is as the client expects it.
"""

import asyncio
import json
import sys
import time
from datetime import datetime, timedelta, timezone

import azure.functions as func
from azure.durable_functions import DurableOrchestrationClient, EntityId
from azure.durable_functions import OrchestrationRuntimeStatus as Status


def binding(base):
    """What a function's host hands to the client."""
    def url(path):
        return base + path + "?taskHub=patterns&connection=Storage"

    instance = "instances/INSTANCEID"
    return json.dumps({
        "taskHubName": "patterns",
        "creationUrls": {
            "createNewInstancePostUri": url("orchestrators/{functionName}[/{instanceId}]"),
            "createAndWaitOnNewInstancePostUri": url("orchestrators/{functionName}[/{instanceId}]"),
        },
        "managementUrls": {
            "id": "INSTANCEID",
            "statusQueryGetUri": url(instance),
            "sendEventPostUri": url(instance + "/raiseEvent/{eventName}"),
            "terminatePostUri": url(instance + "/terminate"),
            "purgeHistoryDeleteUri": url(instance),
            "rewindPostUri": url(instance + "/rewind"),
            "suspendPostUri": url(instance + "/suspend"),
            "resumePostUri": url(instance + "/resume"),
            "restartPostUri": url(instance + "/restart"),
        },
        "rpcBaseUrl": base,
    })


async def until(client, instance, *wanted):
    deadline = time.monotonic() + 60
    while True:
        status = await client.get_status(instance)
        if status.runtime_status in wanted:
            return status
        assert time.monotonic() < deadline, f"{instance} is {status.runtime_status}"
        await asyncio.sleep(0.05)


async def refused(call, text):
    try:
        await call
    except Exception as error:
        assert text in str(error), f"{text!r} is not in {error!r}"
    else:
        raise AssertionError(f"not refused: {text}")


async def orchestrations(client):
    begun = datetime.now(timezone.utc) - timedelta(minutes=1)
    first = await client.start_new("chain", "first", 5, version="1.5")
    assert first == "first"
    ended = await until(client, "first", Status.Completed)
    assert ended.output == 40 and ended.input_ == "5", ended.to_json()
    full = await client.get_status("first", show_history=True, show_history_output=True,
                                   show_input=True)
    kinds = [event["EventType"] for event in full.historyEvents]
    assert kinds == ["ExecutionStarted"] + ["TaskCompleted"] * 3 + ["ExecutionCompleted"], kinds
    await refused(client.start_new("no-such-thing"), "no-such-thing")

    waiting = await client.start_new("approval", client_input=600_000)
    assert len(waiting) == 32
    await until(client, waiting, Status.Running)
    await client.suspend(waiting, "to see")
    await until(client, waiting, Status.Suspended)
    await client.resume(waiting, "seen")
    await until(client, waiting, Status.Running)
    await client.raise_event(waiting, "Approval", True)
    assert (await until(client, waiting, Status.Completed)).output == "approved"
    await refused(client.raise_event(waiting, "Approval", True), "completed")
    await refused(client.raise_event("absent", "Approval", True), "No instance")

    other = await client.start_new("approval", client_input=600_000)
    await until(client, other, Status.Running)
    await client.terminate(other, "enough")
    await until(client, other, Status.Terminated)
    await refused(client.terminate("absent", "r"), "No instance")

    everything = await client.get_status_all()
    assert {"first", waiting, other} <= {status.instance_id for status in everything}
    some = await client.get_status_by(begun, datetime.now(timezone.utc) + timedelta(minutes=1),
                                      [Status.Terminated])
    assert [status.instance_id for status in some] == [other]

    await client.restart("first", restart_with_new_instance_id=False)
    assert (await until(client, "first", Status.Completed)).output == 40
    await client.restart("first")

    await client.start_new("parent", "family", "f")
    for _ in range(5):
        ended = await until(client, "family", Status.Completed, Status.Failed)
        if ended.runtime_status == Status.Completed:
            break
        await client.rewind("family", "again")
        await asyncio.sleep(0.2)
    assert ended.output == 6, ended.to_json()
    await refused(client.rewind("family", "again"), "only supported on failed")
    await refused(client.rewind("absent", "again"), "No instance")

    purged = await client.purge_instance_history("first")
    assert purged.instances_deleted == 1
    purged = await client.purge_instance_history("first")
    assert purged.instances_deleted == 0
    purged = await client.purge_instance_history_by(begun, None, [Status.Terminated])
    assert purged.instances_deleted == 1


async def responses(client, base):
    request = func.HttpRequest("GET", base + "api/x", body=b"")
    await client.start_new("approval", "slow", 600_000)
    response = await client.wait_for_completion_or_create_check_status_response(
        request, "slow", 400, 100)
    assert response.status_code == 202, response.status_code
    assert json.loads(response.get_body())["id"] == "slow"
    assert client.create_check_status_response(request, "slow").headers["Location"]
    assert "statusQueryGetUri" in client.create_http_management_payload("slow")
    assert client.get_client_response_links(request, "slow")["terminatePostUri"]
    await client.raise_event("slow", "approval", False)
    await until(client, "slow", Status.Completed)
    response = await client.wait_for_completion_or_create_check_status_response(request, "slow")
    assert response.status_code == 200, response.status_code
    assert b"rejected" in response.get_body(), response.get_body()


async def entities(client):
    counter = EntityId("Counter", "py")
    assert not (await client.read_entity_state(counter)).entity_exists
    await client.signal_entity(counter, "add", 20)
    await client.signal_entity(counter, "add", 22)
    deadline = time.monotonic() + 60
    while True:
        found = await client.read_entity_state(counter)
        if found.entity_exists and found.entity_state == {"value": 42}:
            break
        assert time.monotonic() < deadline, found.entity_state
        await asyncio.sleep(0.05)


class Watched(DurableOrchestrationClient):
    """The client, which remembers the methods that were called from outside."""

    used = set()

    def __getattribute__(self, name):
        if not name.startswith("_"):
            Watched.used.add(name)
        return super().__getattribute__(name)


async def main(base):
    client = Watched(binding(base))
    await orchestrations(client)
    await responses(client, base)
    await entities(client)
    methods = {
        name for name, member in vars(DurableOrchestrationClient).items()
        if callable(member) and not name.startswith("_")
    }
    missing = methods - Watched.used
    assert methods and not missing, f"not driven: {missing}"


asyncio.run(main(sys.argv[1]))
