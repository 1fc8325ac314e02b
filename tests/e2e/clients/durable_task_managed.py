"""The Azure-managed flavour of the Durable Task SDK: `durable_task_managed.py ENDPOINT`."""

import sys

from durabletask import client
from durabletask.azuremanaged.client import DurableTaskSchedulerClient
from durabletask.azuremanaged.worker import DurableTaskSchedulerWorker

OPTIONS = {
    "host_address": sys.argv[1],
    "secure_channel": False,
    "taskhub": "Managed-Hub",
    "token_credential": None,
}


def plus_one(_, number):
    return number + 1


def chain(ctx, number):
    for _ in range(3):
        number = yield ctx.call_activity(plus_one, input=number)
    return number


with DurableTaskSchedulerWorker(**OPTIONS) as served:
    served.add_orchestrator(chain)
    served.add_activity(plus_one)
    served.use_work_item_filters()
    served.start()
    tasks = DurableTaskSchedulerClient(**OPTIONS)
    instance = tasks.schedule_new_orchestration(chain, input=1)
    state = tasks.wait_for_orchestration_completion(instance, timeout=30)
    assert state.runtime_status == client.OrchestrationStatus.COMPLETED, state
    assert state.serialized_output == "4", state
    # What the filter does not name is not handed out.
    other = tasks.schedule_new_orchestration("another", input=1)
    again = tasks.schedule_new_orchestration(chain, input=2)
    assert tasks.wait_for_orchestration_completion(again, timeout=30).serialized_output == "5"
    status = tasks.get_orchestration_state(other).runtime_status
    assert status == client.OrchestrationStatus.PENDING, status
