"""Serving code with the SDK: `durable_task_workers.py ADDRESS KEY`."""

import json
import threading
import time
from datetime import datetime, timedelta, timezone

from durabletask import client, entities, task, worker
from durabletask.internal import orchestrator_service_pb2 as pb
from durabletask.payload import LargePayloadStorageOptions, PayloadStore
from durabletask.worker import (
    ActivityWorkItemFilter, EntityWorkItemFilter, OrchestrationWorkItemFilter, VersioningOptions,
    VersionFailureStrategy, VersionMatchStrategy, WorkItemFilters,
)

from durable_kit import LIMIT, STATUS, connect, ended, result, run, serving, until

tasks = connect()
CALLS = {}


def count(name):
    CALLS[name] = CALLS.get(name, 0) + 1
    return CALLS[name]


def plus_one(_, number):
    return number + 1


def adds(ctx, number):
    return (yield ctx.call_activity(plus_one, input=number))


def other(_ctx, _):
    return "other"


def versioned(ctx, _):
    return ctx.version


def versioned_child(ctx, version):
    return (yield ctx.call_sub_orchestrator(versioned, version=version))


def never(_, _input):
    count("never")
    raise RuntimeError("Kah-BOOOOM!!!")


def child_retries(ctx, _):
    if not ctx.is_replaying:
        count("child")
    yield ctx.call_activity(never, retry_policy=policy(3))


def parent_retries(ctx, _):
    yield ctx.call_sub_orchestrator(child_retries, retry_policy=policy(3))


def gives_up(ctx, _):
    yield ctx.call_activity(
        never, retry_policy=policy(9, backoff_coefficient=2, retry_timeout=timedelta(seconds=1)))


def policy(attempts, **options):
    return task.RetryPolicy(
        first_retry_interval=timedelta(milliseconds=200), max_number_of_attempts=attempts,
        max_retry_interval=timedelta(seconds=5), **options)


def collects(ctx, highest):
    found = yield ctx.wait_for_external_event("more")
    if not ctx.is_replaying:
        CALLS.setdefault("collected", []).append(found)
    if len(CALLS["collected"]) < 5:
        ctx.continue_as_new(max(highest, found), save_events=True)
        return None
    return CALLS["collected"]


def uuids(ctx, _):
    found = [ctx.new_uuid(), ctx.new_uuid()]
    yield ctx.call_activity(plus_one, input=1)
    return found + [ctx.new_uuid()]


def first_of(ctx, seconds):
    event, timer = ctx.wait_for_external_event("go"), ctx.create_timer(timedelta(seconds=seconds))
    winner = yield task.when_any([event, timer])
    return "event" if winner == event else "timer"


def echo(_ctx, value):
    return value


def big(_, size):
    return "r" * size


def grows(ctx, sizes):
    found = 0
    for size in sizes:
        found += len((yield ctx.call_activity(big, input=size)))
    yield ctx.create_timer(timedelta(milliseconds=20))
    return found


def listens(ctx, _):
    return (yield ctx.wait_for_external_event("big"))


class Counter(entities.DurableEntity):
    def add(self, amount):
        self.set_state(self.get_state(int, 0) + amount)
        return self.get_state(int)

    def get(self):
        return self.get_state(int, 0)

    def fail(self, _):
        raise ValueError("Something went wrong!")

    def copy_to(self, key):
        self.signal_entity(entities.EntityInstanceId("Counter", key), "add", self.get_state(int))

    def begin(self, _):
        return self.schedule_new_orchestration("echo", 5)


def counter(key):
    return entities.EntityInstanceId("Counter", key)


def copies(ctx, _):
    yield ctx.call_entity(counter("source"), "add", input=100)
    yield ctx.call_entity(counter("source"), "copy_to", input="target")
    return (yield ctx.call_entity(counter("target"), "get"))


def fails_in_lock(ctx, _):
    caught = []
    with (yield ctx.lock_entities([counter("locked"), counter("a-second")])):
        try:
            yield ctx.call_entity(counter("locked"), "fail")
        except task.TaskFailedError as error:
            caught.append(error.details.message)
    yield ctx.call_entity(counter("locked"), "fail")


def forgets_lock(ctx, _):
    yield ctx.lock_entities([counter("forgotten")])
    return (yield ctx.call_entity(counter("forgotten"), "add", input=1))


def throws_in_lock(ctx, _):
    with (yield ctx.lock_entities([counter("thrown")])):
        yield ctx.call_entity(counter("thrown"), "add", input=1)
        raise RuntimeError("simulated")


def holds(ctx, seconds):
    with (yield ctx.lock_entities([counter("held")])):
        before = yield ctx.call_entity(counter("held"), "get")
        yield ctx.create_timer(timedelta(seconds=seconds))
        after = yield ctx.call_entity(counter("held"), "add", input=1)
    return [before, after]


def later(ctx, _):
    at = ctx.current_utc_datetime + timedelta(seconds=1)
    ctx.signal_entity(counter("later"), "add", input=1, signal_time=at)


def status(instance):
    return tasks.get_orchestration_state(instance).runtime_status


def worker_versions_decide_what_runs():
    def served(version, match, failure=VersionFailureStrategy.FAIL):
        found = serving([versioned, versioned_child])
        found.use_versioning(VersioningOptions(
            version=version, default_version=version, match_strategy=match,
            failure_strategy=failure))
        return found

    with served("1.0.0", VersionMatchStrategy.CURRENT_OR_OLDER) as one:
        one.start()
        assert result(tasks, versioned, version="1.0.0") == "1.0.0"
        assert result(tasks, versioned_child, "0.9.0", version="1.0.0") == "0.9.0"
        newer = ended(tasks, tasks.schedule_new_orchestration(versioned, version="1.1.0"))
        text = "The orchestration version '1.1.0' is greater than the worker version '1.0.0'."
        assert newer.runtime_status == STATUS.FAILED and text in newer.failure_details.message
        child = ended(tasks, tasks.schedule_new_orchestration(
            versioned_child, input="1.1.0", version="1.0.0"))
        assert text in child.failure_details.message, child
    with served("1.1.0", VersionMatchStrategy.STRICT) as one:
        one.start()
        older = ended(tasks, tasks.schedule_new_orchestration(versioned, version="1.0.0"))
        text = "The orchestration version '1.0.0' does not match the worker version '1.1.0'."
        assert text in older.failure_details.message, older
    with served("1.0.0", VersionMatchStrategy.NONE) as one:
        one.start()
        assert result(tasks, versioned, version="7") == "7"
    # A worker that rejects hands the work back, for one that takes it.
    with served("1.0", VersionMatchStrategy.STRICT, VersionFailureStrategy.REJECT) as one:
        one.start()
        instance = tasks.schedule_new_orchestration(versioned, version="2.0")
        time.sleep(1)
        assert status(instance) == STATUS.PENDING
        with served("2.0", VersionMatchStrategy.STRICT, VersionFailureStrategy.REJECT) as two:
            two.start()
            assert ended(tasks, instance).get_output() == "2.0"


def filters_keep_work_from_workers():
    with serving([adds, other], [plus_one], [Counter]) as served:
        served.use_work_item_filters(WorkItemFilters(
            orchestrations=[OrchestrationWorkItemFilter(name="other")],
            activities=[ActivityWorkItemFilter(name="plus_one")],
        ))
        served.start()
        left = tasks.schedule_new_orchestration(adds, input=1)
        tasks.signal_entity(counter("filtered"), "add", input=1)
        assert result(tasks, other) == "other"
        time.sleep(0.3)
        assert status(left) == STATUS.PENDING
        assert tasks.get_entity(counter("filtered")) is None
    with serving([adds], [plus_one], [Counter]) as served:
        served.use_work_item_filters(WorkItemFilters(
            orchestrations=[OrchestrationWorkItemFilter(name="adds", versions=["3.0"])],
            activities=[ActivityWorkItemFilter(name="plus_one", versions=["3.0"])],
            entities=[EntityWorkItemFilter(name="counter")],
        ))
        served.start()
        assert result(tasks, adds, 1, version="3.0") == 2
        until(lambda: tasks.get_entity(counter("filtered")))
        time.sleep(0.2)
        assert status(left) == STATUS.PENDING
    with serving([adds], [plus_one]) as served:
        served.use_work_item_filters()
        served.start()
        assert ended(tasks, left).get_output() == 2


def retries_are_counted():
    failed = ended(tasks, tasks.schedule_new_orchestration(parent_retries))
    assert failed.runtime_status == STATUS.FAILED
    message = failed.failure_details.message
    assert message.startswith("Sub-orchestration task #1 failed:"), message
    assert message.endswith("Activity task #1 failed: Kah-BOOOOM!!!"), message
    assert (CALLS["never"], CALLS["child"]) == (9, 3), CALLS
    CALLS["never"] = 0
    failed = ended(tasks, tasks.schedule_new_orchestration(gives_up))
    assert failed.runtime_status == STATUS.FAILED and 2 <= CALLS["never"] <= 4, CALLS


def events_outlive_continuations():
    instance = tasks.schedule_new_orchestration(collects, input=0)
    for number in range(1, 6):
        tasks.raise_orchestration_event(instance, "more", data=number)
    found = ended(tasks, instance)
    assert found.get_output() == [1, 2, 3, 4, 5] and found.serialized_input == "4", found


def code_is_replayed_alike():
    found = result(tasks, uuids)
    assert len(set(found)) == 3
    assert result(tasks, first_of, 0.2) == "timer"
    instance = tasks.schedule_new_orchestration(first_of, input=60)
    tasks.raise_orchestration_event(instance, "go")
    assert ended(tasks, instance).get_output() == "event"


def histories_of_megabytes_are_replayed():
    size = 500_000
    assert result(tasks, grows, [size] * 5) == 5 * size
    text = "e" * 1_000_000
    instance = tasks.schedule_new_orchestration(listens)
    tasks.raise_orchestration_event(instance, "big", data=text)
    assert ended(tasks, instance).get_output() == text
    instance = tasks.schedule_new_orchestration(grows, input=[size] * 4)
    ended(tasks, instance)
    assert len(tasks.get_orchestration_history(instance)) > 10


class Kept(PayloadStore):
    """Payloads in this process, behind references that are no JSON."""

    def __init__(self):
        self.blobs = {}

    @property
    def options(self):
        return LargePayloadStorageOptions(threshold_bytes=1024, enable_compression=False)

    def upload(self, data, *, instance_id=None):
        reference = f"kept:{len(self.blobs)}"
        self.blobs[reference] = data
        return reference

    async def upload_async(self, data, *, instance_id=None):
        return self.upload(data)

    def download(self, token):
        return self.blobs[token]

    async def download_async(self, token):
        return self.download(token)

    def is_known_token(self, value):
        return value.startswith("kept:")


def payloads_may_be_kept_elsewhere():
    store = Kept()
    with serving([echo, grows, listens, first_of], [big], payload_store=store) as served:
        served.start()
        kept = connect(payload_store=store)
        text = "x" * 5000
        assert result(kept, echo, text) == text
        assert result(kept, grows, [5000, 6000]) == 11_000
        instance = kept.schedule_new_orchestration(listens)
        kept.raise_orchestration_event(instance, "big", data=text)
        assert ended(kept, instance).get_output() == text
        instance = kept.schedule_new_orchestration(first_of, input=60)
        kept.wait_for_orchestration_start(instance, timeout=LIMIT)
        kept.terminate_orchestration(instance, output=text)
        assert ended(kept, instance).get_output() == text
        assert len(store.blobs) > 5
        bare = tasks.get_orchestration_state(instance).serialized_output
        assert bare.startswith("kept:"), bare


def entities_signal_lock_and_fail():
    assert result(tasks, copies) == 100
    failed = ended(tasks, tasks.schedule_new_orchestration(fails_in_lock))
    assert failed.runtime_status == STATUS.FAILED
    assert failed.failure_details.error_type.endswith("TaskFailedError")
    assert "Something went wrong!" in failed.failure_details.message
    assert result(tasks, forgets_lock) == 1 and result(tasks, forgets_lock) == 2
    for number in (1, 2):
        failed = ended(tasks, tasks.schedule_new_orchestration(throws_in_lock))
        assert "simulated" in failed.failure_details.message
        assert tasks.get_entity(counter("thrown")).get_state(int) == number
    tasks.signal_entity(counter("starter"), "begin")
    query = client.OrchestrationQuery(fetch_inputs_and_outputs=True)
    until(lambda: [
        found for found in tasks.get_all_orchestration_states(query)
        if found.name == "echo" and found.serialized_output == "5"
    ])


def locks_exclude_and_are_told():
    instances = [tasks.schedule_new_orchestration(holds, input=0.3) for _ in range(3)]
    found = [ended(tasks, instance).get_output() for instance in instances]
    assert sorted(found) == [[0, 1], [1, 2], [2, 3]], found

    def locked_by():
        asked = pb.GetEntityRequest(instanceId="@counter@held")
        return tasks._stub.GetEntity(asked).entity.lockedBy.value

    # Releasing is a message that the entity takes after the end of its holder.
    until(lambda: locked_by() == "")
    holder = tasks.schedule_new_orchestration(holds, input=1)
    assert until(locked_by) == holder
    ended(tasks, holder)


def signals_wait_for_their_time():
    at = datetime.now(timezone.utc) + timedelta(seconds=1)
    tasks.signal_entity(counter("client-later"), "add", input=1, signal_time=at)
    instance = tasks.schedule_new_orchestration(later)
    assert ended(tasks, instance).runtime_status == STATUS.COMPLETED
    assert tasks.get_entity(counter("client-later")) is None
    assert tasks.get_entity(counter("later")) is None
    for key in ("client-later", "later"):
        until(lambda: tasks.get_entity(counter(key)))
        assert datetime.now(timezone.utc) >= at


def entities_are_listed_and_deleted():
    tasks.signal_entity(counter("List-1"), "add", input=1)
    tasks.signal_entity(counter("List-2"), "add", input=2)
    until(lambda: tasks.get_entity(counter("List-2")))
    query = client.EntityQuery(instance_id_starts_with="@Counter@List-", include_state=True)
    found = {one.id.key: one.get_state(int) for one in tasks.get_all_entities(query)}
    assert found == {"List-1": 1, "List-2": 2}, found
    query = client.EntityQuery(instance_id_starts_with="@counter@List-", include_state=False)
    assert [one.get_state(int) for one in tasks.get_all_entities(query)] == [None, None]
    future = datetime.now(timezone.utc) + timedelta(hours=1)
    assert tasks.get_all_entities(client.EntityQuery(last_modified_from=future)) == []
    assert len(tasks.get_all_entities(client.EntityQuery(page_size=1))) > 5
    tasks.signal_entity(counter("List-1"), "delete")
    until(lambda: tasks.get_entity(counter("List-1")) is None)
    cleaned = tasks.clean_entity_storage(remove_empty_entities=True, release_orphaned_locks=True)
    assert cleaned.empty_entities_removed >= 0 and cleaned.orphaned_locks_released >= 0


def two_workers_share_the_work():
    names = set()
    lock = threading.Lock()

    def make(name):
        def where(_, _number):
            with lock:
                names.add(name)
            time.sleep(0.02)
            return name
        return where

    def spreads(ctx, size):
        return (yield task.when_all([ctx.call_activity("where", input=n) for n in range(size)]))

    options = worker.ConcurrencyOptions(
        maximum_concurrent_activity_work_items=2, maximum_concurrent_orchestration_work_items=1)
    with serving([spreads], [make("a")], concurrency_options=options) as one:
        with serving([spreads], [make("b")], concurrency_options=options) as two:
            one.start()
            two.start()
            found = result(tasks, spreads, 20)
    assert len(found) == 20 and names == {"a", "b"}, json.dumps(found)


worker_versions_decide_what_runs()
filters_keep_work_from_workers()
payloads_may_be_kept_elsewhere()
two_workers_share_the_work()
ORCHESTRATORS = [
    adds, child_retries, parent_retries, gives_up, collects, uuids, first_of, echo, grows, listens,
    copies, fails_in_lock, forgets_lock, throws_in_lock, holds, later,
]
with serving(ORCHESTRATORS, [plus_one, never, big], [Counter]) as everything:
    everything.start()
    run([
        retries_are_counted,
        events_outlive_continuations,
        code_is_replayed_alike,
        histories_of_megabytes_are_replayed,
        entities_signal_lock_and_fail,
        locks_exclude_and_are_told,
        signals_wait_for_their_time,
        entities_are_listed_and_deleted,
    ])
