"""A worker of the Durable Task SDK, for figures: `python_worker.py ADDRESS KEY`. Ends with stdin."""

import sys

from durabletask import worker

ADDRESS, KEY = sys.argv[1:]


def echo_in_python(_, number):
    return number


def sequence_in_python(ctx, steps):
    for step in range(steps):
        yield ctx.call_activity(echo_in_python, input=step)
    return steps


with worker.TaskHubGrpcWorker(
    host_address=ADDRESS, metadata=[("authorization", f"Bearer {KEY}")]
) as served:
    served.add_orchestrator(sequence_in_python)
    served.add_activity(echo_in_python)
    served.use_work_item_filters()
    served.start()
    sys.stdin.read()
