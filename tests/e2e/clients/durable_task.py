"""The Durable Task SDK for Python against a node: `durable_task.py MODE ADDRESS KEY [ARGUMENTS]`.

features    every feature of the SDK, as client and as worker
serve       serves the code below until stdin is closed
start ID... starts `long` under each id
wait ID...  waits for them and prints how they ended
worlds HUB  code of components and code of this process call each other
"""

import sys
import time
from datetime import datetime, timedelta, timezone

import grpc
from durabletask import client, entities, task, worker

MODE, ADDRESS, KEY, REST = sys.argv[1], sys.argv[2], sys.argv[3], sys.argv[4:]
LIMIT = 30


def metadata(hub="default"):
    found = [("taskhub", hub)]
    if KEY:
        found.append(("authorization", f"Bearer {KEY}"))
    return found


def connect(hub="default"):
    return client.TaskHubGrpcClient(host_address=ADDRESS, metadata=metadata(hub))


def serving(orchestrators, activities=(), known_entities=(), hub="default"):
    served = worker.TaskHubGrpcWorker(host_address=ADDRESS, metadata=metadata(hub))
    for one in orchestrators:
        served.add_orchestrator(one)
    for one in activities:
        served.add_activity(one)
    for one in known_entities:
        served.add_entity(one)
    return served


def plus_one(_, number):
    return number + 1


def chain(ctx, number):
    for _ in range(5):
        number = yield ctx.call_activity(plus_one, input=number)
    return number


def fan_out(ctx, size):
    numbers = yield task.when_all([ctx.call_activity(plus_one, input=n) for n in range(size)])
    return sum(numbers)


def sleep(ctx, seconds):
    before = ctx.current_utc_datetime
    yield ctx.create_timer(timedelta(seconds=seconds))
    return (ctx.current_utc_datetime - before).total_seconds() >= seconds


def events(ctx, _):
    first = yield ctx.wait_for_external_event("A")
    second = yield ctx.wait_for_external_event("B")
    return [first, second]


def deadline(ctx, seconds):
    event = ctx.wait_for_external_event("go")
    timer = ctx.create_timer(timedelta(seconds=seconds))
    first = yield task.when_any([event, timer])
    return "event" if first == event else "timer"


def child(ctx, number):
    return (yield ctx.call_activity(plus_one, input=number))


def parent(ctx, size):
    return (yield task.when_all([ctx.call_sub_orchestrator(child, input=n) for n in range(size)]))


def waits(ctx, _):
    return (yield ctx.call_sub_orchestrator(events))


def again(ctx, number):
    number = yield ctx.call_activity(plus_one, input=number)
    if number < 5:
        ctx.continue_as_new(number)
        return None
    return number


def collect(ctx, seen):
    event = yield ctx.wait_for_external_event("more")
    seen = seen + [event]
    if len(seen) < 4:
        ctx.continue_as_new(seen, save_events=True)
        return None
    return seen


ATTEMPTS = {}


def flaky(_, name):
    ATTEMPTS[name] = ATTEMPTS.get(name, 0) + 1
    if ATTEMPTS[name] < 3:
        raise RuntimeError(f"attempt {ATTEMPTS[name]}")
    return ATTEMPTS[name]


def retried(ctx, name):
    policy = task.RetryPolicy(
        first_retry_interval=timedelta(milliseconds=50), max_number_of_attempts=4
    )
    return (yield ctx.call_activity(flaky, input=name, retry_policy=policy))


def once(ctx, name):
    return (yield ctx.call_activity(flaky, input=name))


def handled(ctx, name):
    try:
        yield ctx.call_activity(flaky, input=name)
    except task.TaskFailedError as error:
        return error.details.message


def fails(_ctx, _):
    raise ValueError("not like this")


def shows(ctx, _):
    ctx.set_custom_status({"half": True})
    yield ctx.create_timer(timedelta(milliseconds=10))
    return [ctx.version, ctx.instance_id]


def counter(ctx, number):
    if ctx.operation == "add":
        ctx.set_state(ctx.get_state(int, 0) + number)
        return ctx.get_state(int, 0)
    if ctx.operation == "get":
        return ctx.get_state(int, 0)
    if ctx.operation == "start":
        return ctx.schedule_new_orchestration("child", number)
    if ctx.operation == "tell":
        ctx.signal_entity(entities.EntityInstanceId("counter", "told"), "add", number)
        return None
    raise KeyError(ctx.operation)


def uses_entities(ctx, key):
    one = entities.EntityInstanceId("counter", key)
    added = yield ctx.call_entity(one, "add", 5)
    ctx.signal_entity(one, "add", 2)
    found = yield ctx.call_entity(one, "get")
    try:
        yield ctx.call_entity(one, "nonsense")
    except task.TaskFailedError:
        found = [added, found]
    return found


def transfers(ctx, keys):
    both = [entities.EntityInstanceId("counter", key) for key in keys]
    with (yield ctx.lock_entities(both)):
        first = yield ctx.call_entity(both[0], "get")
        yield ctx.call_entity(both[0], "add", -1)
        yield ctx.call_entity(both[1], "add", 1)
    return first


def long(ctx, steps):
    number = 0
    for _ in range(steps):
        number = yield ctx.call_activity(plus_one, input=number)
        yield ctx.create_timer(timedelta(milliseconds=20))
    return number


ORCHESTRATORS = [
    chain, fan_out, sleep, events, deadline, child, parent, waits, again, collect, retried, once,
    handled, fails, shows, uses_entities, transfers, long,
]
ACTIVITIES = [plus_one, flaky]


def refused(code, call):
    try:
        call()
    except grpc.RpcError as error:
        assert error.code() == code, error
    else:
        raise AssertionError(f"{code} was expected")


def features():
    tasks = connect()

    def start(orchestrator, input=None, **options):
        return tasks.schedule_new_orchestration(orchestrator, input=input, **options)

    def ended(instance):
        return tasks.wait_for_orchestration_completion(instance, timeout=LIMIT)

    def result(orchestrator, input=None, **options):
        state = ended(start(orchestrator, input, **options))
        assert state.runtime_status == client.OrchestrationStatus.COMPLETED, state
        return state.get_output()

    def until(instance, status):
        limit = time.time() + LIMIT
        while tasks.get_orchestration_state(instance).runtime_status != status:
            assert time.time() < limit, tasks.get_orchestration_state(instance)
            time.sleep(0.01)

    status = client.OrchestrationStatus
    assert result(chain, 1) == 6
    assert result(fan_out, 30) == 465
    assert result(sleep, 0.1) is True
    assert result(parent, 4) == [1, 2, 3, 4]
    assert result(again, 1) == 5
    assert result(retried, "retried") == 3
    assert result(handled, "handled") == "attempt 1"
    assert result(deadline, 0.05) == "timer"
    first, *_ = shown = result(shows, version="1.5", tags={"of": "test"})
    assert first == "1.5"
    assert tasks.get_orchestration_state(shown[1]).serialized_custom_status == '{"half": true}'

    instance = start(events)
    tasks.raise_orchestration_event(instance, "b", data=2)
    tasks.suspend_orchestration(instance)
    until(instance, status.SUSPENDED)
    tasks.raise_orchestration_event(instance, "a", data=1)
    time.sleep(0.2)
    until(instance, status.SUSPENDED)
    tasks.resume_orchestration(instance)
    assert ended(instance).get_output() == [1, 2]
    instance = start(collect, [])
    for number in range(4):
        tasks.raise_orchestration_event(instance, "more", data=number)
    assert ended(instance).get_output() == [0, 1, 2, 3]

    failed = ended(start(fails))
    assert failed.runtime_status == status.FAILED
    assert failed.failure_details.message == "not like this"
    assert "ValueError" in failed.failure_details.error_type
    assert failed.failure_details.stack_trace

    instance = start(waits)
    assert tasks.wait_for_orchestration_start(instance, timeout=LIMIT)
    until(instance, status.RUNNING)
    time.sleep(0.1)
    tasks.terminate_orchestration(instance, output="enough", recursive=True)
    assert ended(instance).runtime_status == status.TERMINATED
    assert ended(instance).serialized_output == '"enough"'
    until(f"{instance}:0001", status.TERMINATED)
    assert tasks.purge_orchestration(instance, recursive=True).deleted_instance_count == 2
    assert tasks.get_orchestration_state(instance) is None

    failed = start(once, "once")
    assert ended(failed).runtime_status == status.FAILED
    tasks.rewind_orchestration(failed, reason="it fails once more")
    time.sleep(0.3)
    assert ended(failed).runtime_status == status.FAILED
    tasks.rewind_orchestration(failed)
    time.sleep(0.3)
    assert ended(failed).get_output() == 3
    refused(grpc.StatusCode.FAILED_PRECONDITION, lambda: tasks.rewind_orchestration(failed))
    refused(grpc.StatusCode.NOT_FOUND, lambda: tasks.rewind_orchestration("nobody"))
    refused(
        grpc.StatusCode.ALREADY_EXISTS, lambda: start(child, 1, instance_id=failed)
    )
    refused(grpc.StatusCode.INVALID_ARGUMENT, lambda: start(child, 1, instance_id="a/b"))
    restarted = tasks.restart_orchestration(failed, restart_with_new_instance_id=True)
    assert restarted != failed and ended(restarted).get_output() == 4

    due = datetime.now(timezone.utc) + timedelta(milliseconds=400)
    instance = start(child, 1, start_at=due)
    assert tasks.get_orchestration_state(instance).runtime_status == status.PENDING
    assert ended(instance).get_output() == 2 and datetime.now(timezone.utc) >= due

    history = tasks.get_orchestration_history(instance)
    names = [type(event).__name__.removesuffix("Event") for event in history]
    assert names == [
        "OrchestratorStarted", "ExecutionStarted", "TaskScheduled",
        "OrchestratorStarted", "TaskCompleted", "ExecutionCompleted",
    ], names

    assert result(uses_entities, "a") == [5, 7]
    assert result(transfers, ["x", "y"]) == 0
    assert result(transfers, ["y", "x"]) == 1
    one = entities.EntityInstanceId("Counter", "a")
    tasks.signal_entity(one, "tell", 9)
    told = entities.EntityInstanceId("counter", "told")
    limit = time.time() + LIMIT
    while tasks.get_entity(told) is None:
        assert time.time() < limit
        time.sleep(0.01)
    assert tasks.get_entity(told).get_state(int) == 9
    found = [str(found.id) for found in tasks.get_all_entities()]
    assert found == ["@counter@a", "@counter@told", "@counter@x", "@counter@y"], found

    completed = client.OrchestrationQuery(runtime_status=[status.COMPLETED])
    count = len(tasks.get_all_orchestration_states(completed))
    assert count > 10
    ids, token = [], None
    while True:
        page = tasks.list_instance_ids(page_size=5, continuation_token=token)
        ids, token = ids + list(page.items), page.continuation_token
        if not token:
            break
    assert len(ids) == len(set(ids)) > count
    since = datetime.now(timezone.utc) - timedelta(hours=1)
    purged = tasks.purge_orchestrations_by(
        created_time_from=since, runtime_status=[status.COMPLETED]
    )
    assert purged.deleted_instance_count == count, purged


def worlds(hub):
    def mixed(ctx, number):
        doubled = yield ctx.call_activity("double", input=number)
        quadrupled = yield ctx.call_sub_orchestrator("chain", input=doubled)
        counted = entities.EntityInstanceId("counter", "mixed")
        yield ctx.call_entity(counted, "add", quadrupled)
        local = yield ctx.call_activity(plus_one, input=quadrupled)
        return [doubled, quadrupled, local]

    with serving([mixed], [plus_one], hub=hub) as served:
        served.start()
        tasks = connect(hub)
        instance = tasks.schedule_new_orchestration(mixed, input=3)
        state = tasks.wait_for_orchestration_completion(instance, timeout=LIMIT)
        assert state.get_output() == [6, 48, 49], state
        # A component's orchestrator calls what only this process has.
        instance = tasks.schedule_new_orchestration("call-by-name", input="plus_one")
        state = tasks.wait_for_orchestration_completion(instance, timeout=LIMIT)
        assert state.get_output() == 2, state


def main():
    if MODE == "features":
        with serving(ORCHESTRATORS, ACTIVITIES, [counter]) as served:
            served.start()
            features()
    elif MODE == "serve":
        with serving(ORCHESTRATORS, ACTIVITIES, [counter]) as served:
            served.start()
            sys.stdin.read()
    elif MODE == "start":
        for instance in REST:
            connect().schedule_new_orchestration(long, input=40, instance_id=instance)
    elif MODE == "wait":
        for instance in REST:
            state = connect().wait_for_orchestration_completion(instance, timeout=60)
            assert state.runtime_status == client.OrchestrationStatus.COMPLETED, state
            assert state.get_output() == 40, state
    elif MODE == "worlds":
        worlds(REST[0])


main()
