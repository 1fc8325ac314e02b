"""Every way an order can go, natively and without waiting."""

import json
import unittest
from pathlib import Path

import weft
from weft.testing import Orchestration, clear

from bank import charge, refund
from fulfil import fulfil
from warehouse import release, reserve, ship


def order(name, **changes):
    text = (Path(__file__).parent / "orders" / f"{name}.json").read_text()
    return {**json.loads(text), **changes}


def run(name, *, event=None, **changes):
    run = Orchestration(fulfil, order(name, **changes))
    for activity in (charge, refund, release, reserve, ship):
        run.activity(activity)
    if event is not None:
        run.event("Approval", event, after=5)
    return run.run()


class Orders(unittest.TestCase):
    def setUp(self):
        clear()

    def test_a_small_order_goes_through(self):
        report = run("small")
        self.assertEqual(report.result["status"], "fulfilled")
        self.assertEqual(report.result["receipt"]["bank_calls"], 1)
        self.assertEqual(report.names, ["reserve", "charge", "ship"])

    def test_what_was_done_is_undone(self):
        self.assertEqual(run("no-funds").result["undone"], ["reserve"])
        self.assertEqual(run("antarctica").result["undone"], ["charge", "reserve"])

    def test_a_slow_bank_is_asked_again(self):
        report = run("slow-bank")
        self.assertEqual(report.result["receipt"]["bank_calls"], 3)
        self.assertEqual(report.elapsed.seconds, 3)

    def test_a_large_order_needs_a_person(self):
        self.assertEqual(run("large").result["reason"], "approval-timeout")
        yes, no = ({"approved": answer, "by": "Ann"} for answer in (True, False))
        self.assertEqual(run("large", event=yes).result["status"], "fulfilled")
        self.assertEqual(run("large", event=no).result["message"], "Ann did not approve the order.")

    def test_a_lost_answer_takes_the_money_once(self):
        from order import Order

        call = weft.Call("i", "i:1", 1)
        first = charge(Order(**order("small")), call)
        self.assertEqual(charge(Order(**order("small")), call), first)


if __name__ == "__main__":
    unittest.main()
