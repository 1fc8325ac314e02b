"""Orchestrators, run natively and replayed."""

import itertools
import unittest
from dataclasses import dataclass
from datetime import timedelta

import weft
from weft.testing import Diverged, Orchestration, WaitsForEver


@weft.activity
def double(number: int) -> int:
    return number * 2


@weft.activity
def shaky(text: str, call: weft.Call) -> str:
    if call.attempt < 3:
        raise OSError("not yet")
    return f"{text} at {call.attempt}"


@dataclass
class Order:
    item: str
    cents: int = 0


@weft.orchestrator
async def fan_out(ctx: weft.Context, count: int) -> int:
    return sum(await weft.gather(*(ctx.call(double, n) for n in range(count))))


class FanOut(unittest.TestCase):
    def test_all_results_come_in_order(self):
        report = Orchestration(fan_out, 10).activity(double).run()
        self.assertEqual(report.result, 90)
        self.assertEqual(report.names, ["double"] * 10)

    def test_coroutines_run_beside_each_other(self):
        @weft.orchestrator
        async def steps(ctx: weft.Context) -> list[int]:
            async def twice(n: int) -> int:
                return await ctx.call(double, await ctx.call(double, n))

            return await weft.gather(twice(1), twice(2), ctx.call(double, 3))

        report = Orchestration(steps).activity(double, taking=1).run()
        self.assertEqual(report.result, [4, 8, 6])
        self.assertEqual(report.elapsed, timedelta(seconds=2))

    def test_the_first_failure_is_raised_at_once(self):
        @weft.orchestrator
        async def broken(ctx: weft.Context) -> str:
            try:
                await weft.gather(ctx.call("bad"), ctx.sleep(3600))
            except weft.Failure as failure:
                return failure.kind
            return "nothing"

        def bad(_):
            raise weft.Failure.permanent("spoilt", "It is spoilt.")

        report = Orchestration(broken).activity("bad", bad).run()
        self.assertEqual(report.result, "spoilt")
        self.assertEqual(report.elapsed, timedelta(0))

    def test_failures_in_the_place_of_results(self):
        @weft.orchestrator
        async def both(ctx: weft.Context) -> list[str]:
            found = await weft.gather(ctx.call("a"), ctx.call("b"), return_exceptions=True)
            return [str(one) for one in found]

        run = Orchestration(both).activity("a", lambda _: 1)
        report = run.activity("b", lambda _: 1 / 0).run()
        self.assertEqual(report.result, ["1", "ZeroDivisionError: division by zero"])


class Waiting(unittest.TestCase):
    def test_an_event_before_its_deadline(self):
        @weft.orchestrator
        async def approval(ctx: weft.Context, seconds: int) -> str:
            ctx.set_status("waiting")
            answer = await ctx.timeout(seconds, ctx.event("Approval", bool))
            return {True: "approved", False: "rejected", None: "escalated"}[answer]

        came = Orchestration(approval, 60).event("approval", True, after=30).run()
        self.assertEqual((came.result, came.elapsed.seconds), ("approved", 30))
        self.assertEqual(came.statuses, ["waiting"])
        early = Orchestration(approval, 60).event("approval", False).run()
        self.assertEqual((early.result, early.elapsed.seconds), ("rejected", 0))
        late = Orchestration(approval, 60).event("approval", True, after=61).run()
        self.assertEqual((late.result, late.elapsed.seconds), ("escalated", 60))

    def test_the_first_of_several(self):
        @weft.orchestrator
        async def race(ctx: weft.Context) -> list[object]:
            slow = ctx.call("slow")
            first = await weft.first(slow, ctx.sleep(1))
            return [*first, await slow]

        report = Orchestration(race).activity("slow", lambda _: "done", taking=5).run()
        self.assertEqual(report.result, [1, None, "done"])

    def test_what_never_comes_is_named(self):
        @weft.orchestrator
        async def stuck(ctx: weft.Context) -> None:
            await ctx.event("never")

        with self.assertRaisesRegex(WaitsForEver, "never"):
            Orchestration(stuck).run()

    def test_other_awaitables_are_refused(self):
        import asyncio

        @weft.orchestrator
        async def wrong(ctx: weft.Context) -> None:
            await asyncio.sleep(1)

        failure = Orchestration(wrong).run().failure
        self.assertIsNotNone(failure)


class Failures(unittest.TestCase):
    def test_retries_wait_longer_each_time(self):
        @weft.orchestrator
        async def patient(ctx: weft.Context) -> str:
            retry = weft.Retry(4, 1, coefficient=2)
            return await ctx.call(shaky, "x", retry=retry)

        report = Orchestration(patient).activity(shaky).run()
        self.assertEqual(report.result, "x at 3")
        self.assertEqual([call.at.seconds for call in report.calls], [0, 1, 3])

    def test_an_exception_brings_its_kind_and_stack(self):
        @weft.orchestrator
        async def failing(ctx: weft.Context) -> None:
            await ctx.call(shaky, "x")

        failure = Orchestration(failing).activity(shaky).run().failure
        self.assertEqual((failure.kind, failure.message), ("OSError", "not yet"))
        self.assertTrue(failure.retryable)
        self.assertIn('raise OSError("not yet")', failure.details["stack"])
        self.assertIn("test_orchestrations.py", failure.details["stack"])
        self.assertNotIn("function.py", failure.details["stack"])

    def test_kinds_that_are_not_tried_again(self):
        @weft.orchestrator
        async def once(ctx: weft.Context) -> None:
            await ctx.call(shaky, "x", retry=weft.Retry(9, 1, non_retryable=["OSError"]))

        self.assertEqual(len(Orchestration(once).activity(shaky).run().calls), 1)

    def test_an_input_of_another_type_is_refused(self):
        @weft.orchestrator
        async def typed(ctx: weft.Context, order: Order) -> str:
            return order.item

        self.assertEqual(Orchestration(typed, {"item": "tea"}).run().result, "tea")
        failure = Orchestration(typed, {"cents": "x"}).run().failure
        self.assertEqual(failure.kind, "invalid-input")
        self.assertIn("lacks 'item'", failure.message)


class Replays(unittest.TestCase):
    def test_code_that_differs_is_found(self):
        numbers = itertools.count()

        @weft.orchestrator
        async def restless(ctx: weft.Context) -> None:
            await ctx.call(double, next(numbers))

        with self.assertRaisesRegex(Diverged, "double with 0.*double with 1"):
            Orchestration(restless).activity(double).run()

    def test_what_the_context_gives_is_the_same_again(self):
        @weft.orchestrator
        async def steady(ctx: weft.Context) -> list[str]:
            await ctx.call(double, ctx.random.randrange(1000))
            await ctx.sleep(timedelta(hours=1))
            return [ctx.new_guid(), ctx.now.isoformat(), ctx.instance_id]

        report = Orchestration(steady).activity(double).run()
        self.assertEqual(report.result[1:], ["2026-01-01T01:00:00+00:00", "test"])

    def test_continue_as_new_keeps_events(self):
        @weft.orchestrator
        async def eternal(ctx: weft.Context, seen: list[int]) -> list[int]:
            seen.append(await ctx.event("tick"))
            if len(seen) == 3:
                return seen
            ctx.continue_as_new(seen)

        run = Orchestration(eternal, [])
        report = run.event("tick", 1).event("tick", 2).event("tick", 3, after=5).run()
        self.assertEqual((report.result, report.restarts), ([1, 2, 3], 2))

    def test_children_and_events_to_others(self):
        @weft.orchestrator
        async def parent(ctx: weft.Context) -> str:
            ctx.send_event("other", "hello", {"from": ctx.instance_id})
            return await ctx.call_orchestrator("child", 2, instance_id="c")

        report = Orchestration(parent).sub_orchestration("child", lambda n: f"child {n}").run()
        self.assertEqual(report.result, "child 2")
        self.assertEqual(report.sent[0].payload, {"from": "test"})


if __name__ == "__main__":
    unittest.main()
