"""Managing orchestrations with the SDK: `durable_task_manage.py ADDRESS KEY`."""

import asyncio
import re
import time
from datetime import datetime, timedelta, timezone

import grpc
from durabletask import client, entities, history, task
from durabletask.internal import orchestrator_service_pb2 as pb
from google.protobuf import wrappers_pb2

from durable_kit import (
    KEY, LIMIT, STATUS, connect, connect_async, ended, refused, result, run, serving, until,
)

FAILS = {"left": 0}


def greet(_, name):
    return f"Hello, {name}!"


def brittle(_, name):
    if FAILS["left"] > 0:
        FAILS["left"] -= 1
        try:
            raise KeyError("inner")
        except KeyError as inner:
            raise ValueError(f"outer of {name}") from inner
    return f"mended {name}"


def tree(ctx, name):
    greeting = yield ctx.call_activity(greet, input=name, tags={"for": name})
    yield ctx.create_timer(timedelta(milliseconds=30))
    child = yield ctx.call_sub_orchestrator(leaf, input=name, version="2.1")
    return [greeting, child]


def leaf(ctx, name):
    return [name, ctx.version, ctx.parent_instance_id]


def waits(ctx, _):
    ctx.set_custom_status({"at": "gate"})
    return (yield ctx.wait_for_external_event("go"))


def over(ctx, _):
    return (yield ctx.call_sub_orchestrator(waits, instance_id=f"{ctx.instance_id}-child"))


def mends(ctx, name):
    first = yield ctx.call_activity(greet, input=name)
    second = yield ctx.call_activity(brittle, input=name)
    return [first, second]


def mends_below(ctx, name):
    return (yield ctx.call_sub_orchestrator(mends, input=name))


def nothing(_ctx, _):
    return None


def echo(_ctx, value):
    return value


def rounds(ctx, left):
    if left > 0:
        ctx.continue_as_new(left - 1)
        return None
    return left


def sends(ctx, target):
    ctx.send_event(target, "go", data={"from": ctx.instance_id})
    ctx.send_event("nobody-there", "go")


tasks = connect()
stub = tasks._stub


def state(instance, payloads=False):
    asked = pb.GetInstanceRequest(instanceId=instance, getInputsAndOutputs=payloads)
    return stub.GetInstance(asked).orchestrationState


def started(orchestrator, instance, **options):
    tasks.schedule_new_orchestration(orchestrator, instance_id=instance, **options)
    found = tasks.wait_for_orchestration_start(instance, timeout=LIMIT)
    assert found.runtime_status == STATUS.RUNNING, found
    return instance


def events_of_a_history_stand_in_the_order_that_clients_know():
    instance = tasks.schedule_new_orchestration(tree, input="Ada", version="1.5")
    assert ended(tasks, instance).get_output()[1] == ["Ada", "2.1", instance]
    events = tasks.get_orchestration_history(instance)
    names = [type(event).__name__.removesuffix("Event") for event in events]
    assert names == [
        "OrchestratorStarted", "ExecutionStarted", "TaskScheduled",
        "OrchestratorStarted", "TaskCompleted", "TimerCreated",
        "OrchestratorStarted", "TimerFired", "SubOrchestrationInstanceCreated",
        "OrchestratorStarted", "SubOrchestrationInstanceCompleted", "ExecutionCompleted",
    ], names
    started, scheduled, created = events[1], events[2], events[8]
    assert started.version == "1.5" and started.input == '"Ada"', started
    assert scheduled.tags == {"for": "Ada"} and scheduled.event_id == 1, scheduled
    assert events[4].task_scheduled_id == 1 and events[7].timer_id == events[5].event_id == 2
    assert (created.version, created.instance_id) == ("2.1", f"{instance}:0003"), created
    assert all(isinstance(event, history.HistoryEvent) and event.timestamp for event in events)
    refused(grpc.StatusCode.NOT_FOUND, lambda: tasks.get_orchestration_history("nobody"))


def tags_parents_and_executions_are_told():
    instance = started(over, "over-1", tags={"team": "a"})
    child = until(lambda: state("over-1-child").instanceId and state("over-1-child"))
    assert child.parentInstanceId.value == instance
    found = state(instance)
    assert dict(found.tags) == {"team": "a"} and not found.HasField("parentInstanceId")
    assert re.fullmatch("[0-9a-f]{32}", found.executionId.value), found
    events = tasks.get_orchestration_history("over-1-child")
    assert events[1].parent_instance.name == "over", events[1]
    # The custom status is no payload.
    until(lambda: state("over-1-child").customStatus.value == '{"at": "gate"}')
    tasks.raise_orchestration_event("over-1-child", "GO", data=1)
    assert ended(tasks, instance).get_output() == 1
    assert state(instance).completedTimestamp.seconds > 0
    assert not state(instance).HasField("output") and state(instance, True).output.value == "1"


def another_execution_follows_each_continuation():
    instance = tasks.schedule_new_orchestration(rounds, input=0)
    one = (ended(tasks, instance), state(instance).executionId.value)[1]
    instance = tasks.schedule_new_orchestration(rounds, input=3, tags={"kept": "yes"})
    found = ended(tasks, instance)
    assert found.serialized_output == "0" and found.serialized_input == "0", found
    assert state(instance).executionId.value != one
    assert dict(state(instance).tags) == {"kept": "yes"}


def nothing_and_null_are_told_apart():
    found = ended(tasks, tasks.schedule_new_orchestration(nothing))
    assert (found.serialized_input, found.serialized_output) == (None, None), found
    for text in ["null", '""', "0", "false", '"caf\\u00e9"', '{"a": [1, null]}', " 1 ", "no json"]:
        instance = stub.StartInstance(pb.CreateInstanceRequest(
            name="echo-nowhere", input=wrappers_pb2.StringValue(value=text))).instanceId
        assert tasks.get_orchestration_state(instance).serialized_input == text, text
        tasks.terminate_orchestration(instance)
        stub.TerminateInstance(pb.TerminateRequest(instanceId=instance))


def reasons_come_back_as_they_were_given():
    for index, text in enumerate(['"enough"', '"42"', '{"why": 1}', "null", "reference:1"]):
        instance = started(waits, f"reason-{index}")
        stub.TerminateInstance(pb.TerminateRequest(
            instanceId=instance, output=wrappers_pb2.StringValue(value=text)))
        found = ended(tasks, instance)
        assert found.runtime_status == STATUS.TERMINATED, found
        assert found.serialized_output == text, (found, text)


def ids_are_used_again_as_the_policy_says():
    def again(statuses, name="nothing"):
        return stub.StartInstance(pb.CreateInstanceRequest(
            instanceId="reused", name=name,
            orchestrationIdReusePolicy=pb.OrchestrationIdReusePolicy(replaceableStatus=statuses)))

    instance = started(waits, "reused")
    exists = grpc.StatusCode.ALREADY_EXISTS
    refused(exists, lambda: tasks.schedule_new_orchestration(waits, instance_id=instance))
    refused(exists, lambda: again([pb.ORCHESTRATION_STATUS_COMPLETED]))
    refused(
        grpc.StatusCode.INVALID_ARGUMENT,
        lambda: again([pb.ORCHESTRATION_STATUS_RUNNING, pb.ORCHESTRATION_STATUS_COMPLETED]),
        "Invalid reusable statuses: cannot exclude 'Terminated' while also allowing reuse of "
        "running instances",
    )
    before = state(instance).executionId.value
    assert again([pb.ORCHESTRATION_STATUS_RUNNING, pb.ORCHESTRATION_STATUS_TERMINATED])
    assert ended(tasks, instance).runtime_status == STATUS.COMPLETED
    assert state(instance).executionId.value != before
    assert again([pb.ORCHESTRATION_STATUS_COMPLETED])
    assert ended(tasks, instance).runtime_status == STATUS.COMPLETED


def instances_restart_as_they_began():
    instance = started(waits, "restarted", input={"a": 1}, tags={"t": "1"}, version="3")
    precondition = grpc.StatusCode.FAILED_PRECONDITION
    refused(precondition, lambda: tasks.restart_orchestration(instance))
    other = tasks.restart_orchestration(instance, restart_with_new_instance_id=True)
    assert other != instance
    assert tasks.wait_for_orchestration_start(
        other, fetch_payloads=True, timeout=LIMIT).get_input() == {"a": 1}
    assert dict(state(other).tags) == {"t": "1"} and state(other).version.value == "3"
    tasks.terminate_orchestration(instance)
    ended(tasks, instance)
    assert tasks.restart_orchestration(instance) == instance
    tasks.raise_orchestration_event(instance, "go", data="again")
    assert ended(tasks, instance).get_output() == "again"
    refused(grpc.StatusCode.NOT_FOUND, lambda: tasks.restart_orchestration("nobody"))


def failures_are_told_in_full_and_rewound():
    FAILS["left"] = 2
    instance = tasks.schedule_new_orchestration(mends_below, input="x")
    failed = ended(tasks, instance)
    assert failed.runtime_status == STATUS.FAILED
    details = failed.failure_details
    assert details.error_type.endswith("TaskFailedError") and details.stack_trace
    assert details.message.startswith("Sub-orchestration task #1 failed:"), details
    assert details.message.endswith("Activity task #2 failed: outer of x"), details
    events = tasks.get_orchestration_history(f"{instance}:0001")
    cause = next(event for event in events if isinstance(event, history.TaskFailedEvent))
    assert "ValueError" in cause.failure_details.error_type, cause
    tasks.rewind_orchestration(instance, reason="once more")
    assert ended(tasks, instance).runtime_status == STATUS.FAILED
    tasks.rewind_orchestration(instance)
    assert ended(tasks, instance).get_output() == ["Hello, x!", "mended x"]
    precondition = grpc.StatusCode.FAILED_PRECONDITION
    refused(precondition, lambda: tasks.rewind_orchestration(instance))
    refused(grpc.StatusCode.NOT_FOUND, lambda: tasks.rewind_orchestration("nobody"))


def events_reach_other_instances():
    target = started(waits, "target")
    sender = tasks.schedule_new_orchestration(sends, input=target)
    assert ended(tasks, sender).runtime_status == STATUS.COMPLETED
    assert ended(tasks, target).get_output() == {"from": sender}
    tasks.raise_orchestration_event(target, "go")
    missing = grpc.StatusCode.NOT_FOUND
    refused(missing, lambda: tasks.raise_orchestration_event("nobody", "go"))
    refused(missing, lambda: tasks.suspend_orchestration("nobody"))


def listings_filter_and_page():
    before = datetime.now(timezone.utc) + timedelta(milliseconds=2)
    time.sleep(0.01)
    ids = [f"page-{number}" for number in range(5)]
    for number, instance in enumerate(ids):
        result(tasks, echo, number, instance_id=instance)
    after = datetime.now(timezone.utc) + timedelta(seconds=1)

    def found(**options):
        query = client.OrchestrationQuery(**options)
        return [one.instance_id for one in tasks.get_all_orchestration_states(query)]

    recent = {"created_time_from": before}
    assert sorted(found(**recent)) == ids
    assert sorted(found(**recent, max_instance_count=2)) == ids
    assert found(**recent, runtime_status=[STATUS.FAILED]) == []
    assert found(created_time_from=after) == []
    assert sorted(found(**recent, created_time_to=after)) == ids
    query = client.OrchestrationQuery(**recent, fetch_inputs_and_outputs=True)
    assert {one.serialized_output for one in tasks.get_all_orchestration_states(query)} == {
        str(number) for number in range(5)
    }
    page = pb.InstanceQuery(maxInstanceCount=5, instanceIdPrefix=wrappers_pb2.StringValue(value="page-"))
    answer = stub.QueryInstances(pb.QueryInstancesRequest(query=page))
    assert len(answer.orchestrationState) == 5 and not answer.HasField("continuationToken")
    page.continuationToken.value = "nonsense"
    refused(
        grpc.StatusCode.INVALID_ARGUMENT,
        lambda: stub.QueryInstances(pb.QueryInstancesRequest(query=page)),
    )

    first = tasks.list_instance_ids(completed_time_from=before, page_size=3)
    second = tasks.list_instance_ids(
        completed_time_from=before, page_size=3, continuation_token=first.continuation_token)
    assert first.items + second.items == ids and second.continuation_token is None
    assert first.items[-1] in first.continuation_token
    assert tasks.list_instance_ids(runtime_status=[STATUS.RUNNING]).items == []
    assert tasks.list_instance_ids(completed_time_to=before, page_size=500).items != ids


def what_ended_is_purged_and_nothing_else():
    open_one = started(waits, "purge-open")
    assert tasks.purge_orchestration(open_one).deleted_instance_count == 0
    assert tasks.purge_orchestration("nobody").deleted_instance_count == 0
    result(tasks, tree, "p", instance_id="purge-tree")
    purged = tasks.purge_orchestration("purge-tree", recursive=False)
    assert purged.deleted_instance_count == 1 and purged.is_complete is not False
    assert tasks.get_orchestration_state("purge-tree") is None
    assert tasks.get_orchestration_state("purge-tree:0003") is not None
    assert tasks.purge_orchestration("purge-tree:0003").deleted_instance_count == 1
    ids = [f"batch-{number}" for number in range(3)]
    for instance in ids:
        result(tasks, nothing, instance_id=instance)
    batch = pb.InstanceBatch(instanceIds=[*ids, open_one, "nobody"])
    answer = stub.PurgeInstances(pb.PurgeInstancesRequest(instanceBatch=batch))
    assert answer.deletedInstanceCount == 3 and answer.isComplete.value, answer
    crowd = pb.InstanceBatch(instanceIds=[f"i{number}" for number in range(501)])
    refused(
        grpc.StatusCode.INVALID_ARGUMENT,
        lambda: stub.PurgeInstances(pb.PurgeInstancesRequest(instanceBatch=crowd)),
    )
    since = datetime.now(timezone.utc) - timedelta(hours=1)
    purged = tasks.purge_orchestrations_by(
        created_time_from=since, created_time_to=since + timedelta(minutes=1))
    assert purged.deleted_instance_count == 0
    assert tasks.purge_orchestrations_by(created_time_from=since).deleted_instance_count > 10
    assert tasks.get_orchestration_state(open_one) is not None
    tasks.terminate_orchestration(open_one)


def ids_are_checked():
    bad = grpc.StatusCode.INVALID_ARGUMENT
    for instance in ["@a@b", "a/b", "a#b", "a?b", "a\\b", "a\nb", "x" * 257]:
        refused(bad, lambda: tasks.schedule_new_orchestration(nothing, instance_id=instance))
    refused(bad, lambda: tasks.schedule_new_orchestration(""))
    assert result(tasks, echo, 1, instance_id="x" * 256) == 1
    long = entities.EntityInstanceId("counter", "k" * 120)
    refused(bad, lambda: tasks.signal_entity(long, "add"))


def nobody_waits_for_what_is_not_there():
    assert tasks.wait_for_orchestration_start("nobody", timeout=LIMIT) is None
    assert tasks.wait_for_orchestration_completion("nobody", timeout=LIMIT) is None
    assert tasks.get_orchestration_state("nobody") is None
    instance = started(waits, "late")
    try:
        tasks.wait_for_orchestration_completion(instance, timeout=1)
        raise AssertionError("it has not ended")
    except TimeoutError:
        pass
    tasks.terminate_orchestration(instance)


def terminations_reach_children_where_they_are_to():
    parent = started(over, "family")
    until(lambda: state("family-child").orchestrationStatus == pb.ORCHESTRATION_STATUS_RUNNING)
    tasks.terminate_orchestration(parent, output="parent only", recursive=False)
    assert ended(tasks, parent).serialized_output == '"parent only"'
    assert state("family-child").orchestrationStatus == pb.ORCHESTRATION_STATUS_RUNNING
    tasks.terminate_orchestration("family-child", output={"why": "test"})
    assert ended(tasks, "family-child").get_output() == {"why": "test"}
    # What has ended is left as it is.
    tasks.terminate_orchestration(parent, output="again")
    assert ended(tasks, parent).serialized_output == '"parent only"'


def suspending_or_resuming_twice_is_doing_it_once():
    instance = tasks.schedule_new_orchestration(waits)
    tasks.wait_for_orchestration_start(instance, timeout=LIMIT)
    tasks.resume_orchestration(instance)
    for _ in range(2):
        tasks.suspend_orchestration(instance)
    until(lambda: state(instance).orchestrationStatus == pb.ORCHESTRATION_STATUS_SUSPENDED)
    tasks.suspend_orchestration(instance)
    tasks.raise_orchestration_event(instance, "go", data=7)
    for _ in range(2):
        tasks.resume_orchestration(instance)
    assert ended(tasks, instance).get_output() == 7
    told = [type(event) for event in tasks.get_orchestration_history(instance)]
    assert told.count(history.ExecutionSuspendedEvent) == 1, told
    assert told.count(history.ExecutionResumedEvent) == 1, told


def the_asynchronous_client_does_the_same():
    async def all_of_it():
        async with connect_async() as aio:
            instance = await aio.schedule_new_orchestration(waits, tags={"a": "b"})
            found = await aio.wait_for_orchestration_start(instance, timeout=LIMIT)
            assert found.runtime_status == STATUS.RUNNING
            await aio.suspend_orchestration(instance)
            while (await aio.get_orchestration_state(instance)).runtime_status != STATUS.SUSPENDED:
                await asyncio.sleep(0.01)
            await aio.raise_orchestration_event(instance, "go", data=42)
            try:
                await aio.wait_for_orchestration_completion(instance, timeout=1)
                raise AssertionError("it is suspended")
            except TimeoutError:
                pass
            await aio.resume_orchestration(instance)
            found = await aio.wait_for_orchestration_completion(instance, timeout=LIMIT)
            assert found.serialized_output == "42", found
            assert await aio.restart_orchestration(instance) == instance
            await aio.terminate_orchestration(instance, output="done")
            found = await aio.wait_for_orchestration_completion(instance, timeout=LIMIT)
            assert found.serialized_output == '"done"', found
            # Its streams carry no metadata, and so no key.
            if not KEY:
                assert len(await aio.get_orchestration_history(instance)) > 3
            assert instance in (await aio.list_instance_ids()).items
            assert (await aio.purge_orchestration(instance)).deleted_instance_count == 1
            assert await aio.get_orchestration_state(instance) is None

    asyncio.run(all_of_it())


with serving(
    [tree, leaf, waits, over, mends, mends_below, nothing, echo, rounds, sends], [greet, brittle]
) as served:
    served.start()
    run([
        events_of_a_history_stand_in_the_order_that_clients_know,
        tags_parents_and_executions_are_told,
        another_execution_follows_each_continuation,
        nothing_and_null_are_told_apart,
        reasons_come_back_as_they_were_given,
        ids_are_used_again_as_the_policy_says,
        instances_restart_as_they_began,
        failures_are_told_in_full_and_rewound,
        events_reach_other_instances,
        listings_filter_and_page,
        what_ended_is_purged_and_nothing_else,
        ids_are_checked,
        nobody_waits_for_what_is_not_there,
        terminations_reach_children_where_they_are_to,
        suspending_or_resuming_twice_is_doing_it_once,
        the_asynchronous_client_does_the_same,
    ])
