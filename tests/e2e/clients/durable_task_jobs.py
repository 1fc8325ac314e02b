"""Scheduled tasks and the export of histories: `durable_task_jobs.py ADDRESS KEY`."""

import asyncio
import gzip
import json
import time
from datetime import datetime, timedelta, timezone

from durabletask.extensions.history_export import (
    AsyncExportHistoryClient, ExportDestination, ExportFormat, ExportFormatKind,
    ExportHistoryClient, ExportJobCreationOptions, ExportJobStatus, ExportMode,
)
from durabletask.scheduled import (
    AsyncScheduledTaskClient, ScheduleCreationOptions, ScheduledTaskClient, ScheduleQuery,
    ScheduleStatus, ScheduleUpdateOptions,
)

from durable_kit import STATUS, connect, connect_async, result, run, serving, until

tasks = connect()
schedules = ScheduledTaskClient(tasks)
RUNS = []


def target(ctx, value):
    if not ctx.is_replaying:
        RUNS.append(value)
    return value


def options(name, seconds=1.0, start=timedelta(), **more):
    return ScheduleCreationOptions(
        schedule_id=name, orchestration_name="target", interval=timedelta(seconds=seconds),
        start_at=datetime.now(timezone.utc) + start, **more)


FAR = timedelta(hours=1)


def a_schedule_runs_pauses_and_goes_on():
    schedule = schedules.create_schedule(
        options("runs", orchestration_input="hello", start_immediately_if_late=True))
    until(lambda: len(RUNS) >= 2)
    told = schedule.describe()
    assert (told.status, told.orchestration_name) == (ScheduleStatus.ACTIVE, "target")
    assert told.last_run_at is not None and set(RUNS) == {"hello"}
    schedule.pause()
    assert schedule.describe().status == ScheduleStatus.PAUSED
    until_now = len(RUNS)
    result(tasks, "target", "paused")
    import time
    time.sleep(1.5)
    assert len(RUNS) <= until_now + 2, RUNS
    until_now = len(RUNS)
    schedule.resume()
    assert schedule.describe().status == ScheduleStatus.ACTIVE
    until(lambda: len(RUNS) > until_now)
    schedule.delete()
    until(lambda: schedules.get_schedule("runs") is None)


def a_schedule_is_changed():
    schedule = schedules.create_schedule(options("changed", 30, FAR, orchestration_input="before"))
    schedule.update(
        ScheduleUpdateOptions(orchestration_input="after", interval=timedelta(seconds=2)))
    told = schedule.describe()
    assert (told.interval, told.orchestration_input) == (timedelta(seconds=2), "after"), told
    schedule.delete()
    assert schedules.get_schedule("nobody") is None


def schedules_are_listed():
    for name in ("a-0", "a-1", "b-0"):
        schedules.create_schedule(options(name, 30, FAR))
    found = schedules.list_schedules(ScheduleQuery(schedule_id_prefix="a-"))
    assert {one.schedule_id for one in found} == {"a-0", "a-1"}, found
    assert len(schedules.list_schedules()) == 3
    active = schedules.list_schedules(ScheduleQuery(status=ScheduleStatus.ACTIVE))
    assert len(active) == 3

    async def again():
        async with connect_async() as aio:
            found = AsyncScheduledTaskClient(aio)
            assert len(await found.list_schedules(ScheduleQuery(schedule_id_prefix="b-"))) == 1
            await found.get_schedule_client("b-0").delete()
            assert await found.get_schedule("b-0") is None

    asyncio.run(again())


class Written:
    def __init__(self):
        self.blobs = {}

    def write(self, *, instance_id, container, blob_name, payload, content_type,
              content_encoding, metadata=None):
        self.blobs[blob_name] = (instance_id, payload)


written = Written()
exports = ExportHistoryClient(tasks, written)


def job(kind, mode=ExportMode.BATCH, prefix="run", **more):
    now = datetime.now(timezone.utc)
    if mode == ExportMode.BATCH:
        more["completed_time_to"] = now + FAR
    return ExportJobCreationOptions(
        mode=mode, completed_time_from=now - FAR, format=ExportFormat(kind=kind),
        destination=ExportDestination(container="exports", prefix=prefix), **more)


def histories_are_exported():
    ids = [f"export-{number}" for number in range(5)]
    for instance in ids:
        result(tasks, "target", instance, instance_id=instance)
    told = exports.create_job(job(ExportFormatKind.JSONL_GZIP, max_instances_per_batch=2))
    assert told.status == ExportJobStatus.ACTIVE
    done = exports.wait_for_job(told.job_id, timeout=30, poll_interval=0.1)
    assert (done.status, done.failed_instances) == (ExportJobStatus.COMPLETED, 0), done
    assert done.exported_instances >= len(ids)
    assert set(ids) <= {instance for instance, _ in written.blobs.values()}
    for name, (instance, payload) in written.blobs.items():
        head = json.loads(gzip.decompress(payload).decode().split("\n")[0])
        assert head["metadata"]["instance_id"] == instance, (name, head)
        if instance in ids:
            assert head["metadata"]["runtime_status"] == "COMPLETED", head
    assert told.job_id in {one.job_id for one in exports.list_jobs()}
    exports.delete_job(told.job_id)
    until(lambda: exports.get_job(told.job_id) is None)


def a_running_export_is_deleted():
    told = exports.create_job(job(ExportFormatKind.JSON, ExportMode.CONTINUOUS, "endless"))
    found = until(lambda: exports.get_job(told.job_id))
    assert found.status == ExportJobStatus.ACTIVE, found
    exports.delete_job(told.job_id)
    assert exports.get_job(told.job_id) is None

    def over():
        state = tasks.get_orchestration_state(told.orchestrator_instance_id)
        return state is None or state.runtime_status == STATUS.TERMINATED

    until(over)


def the_asynchronous_client_exports_as_well():
    async def again():
        async with connect_async() as aio:
            found = AsyncExportHistoryClient(aio, written)
            told = await found.create_job(job(ExportFormatKind.JSON, prefix="aio"))
            done = await found.wait_for_job(told.job_id, timeout=30, poll_interval=0.1)
            assert done.status == ExportJobStatus.COMPLETED, done
            await found.delete_job(told.job_id)
            assert await found.get_job(told.job_id) is None

    asyncio.run(again())


with serving([target]) as served:
    served.configure_scheduled_tasks()
    exports.register_worker(served)
    served.start()
    run([
        a_schedule_runs_pauses_and_goes_on,
        a_schedule_is_changed,
        schedules_are_listed,
        histories_are_exported,
        a_running_export_is_deleted,
        the_asynchronous_client_exports_as_well,
    ])
