"""What the scenarios of the Durable Task SDK share: `SCRIPT ADDRESS KEY`.

An address that is a URL is for the Azure-managed flavour of the SDK.
"""

import sys
import time

import grpc
from durabletask import client, worker

ADDRESS, KEY = sys.argv[1], sys.argv[2]
METADATA = [("authorization", f"Bearer {KEY}")] if KEY else None
LIMIT = 30
STATUS = client.OrchestrationStatus


CLIENT, ASYNC_CLIENT, WORKER = (
    client.TaskHubGrpcClient, client.AsyncTaskHubGrpcClient, worker.TaskHubGrpcWorker,
)
OPTIONS = {"host_address": ADDRESS, "metadata": METADATA}
if ADDRESS.startswith("http"):
    from durabletask.azuremanaged.client import (
        AsyncDurableTaskSchedulerClient, DurableTaskSchedulerClient,
    )
    from durabletask.azuremanaged.worker import DurableTaskSchedulerWorker

    CLIENT, ASYNC_CLIENT, WORKER = (
        DurableTaskSchedulerClient, AsyncDurableTaskSchedulerClient, DurableTaskSchedulerWorker,
    )
    # Their suites ask for a secure channel over plain addresses.
    OPTIONS = {
        "host_address": ADDRESS, "secure_channel": True, "taskhub": "default",
        "token_credential": None,
    }


def connect(**options):
    return CLIENT(**OPTIONS, **options)


def connect_async(**options):
    return ASYNC_CLIENT(**OPTIONS, **options)


def serving(orchestrators=(), activities=(), entities=(), **options):
    served = WORKER(**OPTIONS, **options)
    for one in orchestrators:
        served.add_orchestrator(one)
    for one in activities:
        served.add_activity(one)
    for one in entities:
        served.add_entity(one)
    return served


def ended(tasks, instance):
    return tasks.wait_for_orchestration_completion(instance, timeout=LIMIT)


def result(tasks, orchestrator, input=None, **options):
    instance = tasks.schedule_new_orchestration(orchestrator, input=input, **options)
    state = ended(tasks, instance)
    assert state.runtime_status == STATUS.COMPLETED, state
    return state.get_output()


def until(condition, what="it"):
    limit = time.time() + LIMIT
    while True:
        found = condition()
        if found:
            return found
        assert time.time() < limit, f"{what} was waited for in vain"
        time.sleep(0.01)


def refused(code, call, text=""):
    try:
        call()
    except grpc.RpcError as error:
        assert error.code() == code and text in error.details(), error
    else:
        raise AssertionError(f"{code} was expected")


def run(scenarios):
    """Runs functions one after another and names the one that fails."""
    for scenario in scenarios:
        try:
            scenario()
        except BaseException:
            print(f"scenario {scenario.__name__} failed", file=sys.stderr)
            raise
