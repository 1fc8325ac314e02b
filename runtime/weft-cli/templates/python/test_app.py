"""The same orchestration, natively: python3 -m unittest, with sdk/python on the path."""

import unittest

from weft.testing import Orchestration

from app import greet, greetings


class Greetings(unittest.TestCase):
    def test_everybody_is_greeted(self):
        report = Orchestration(greetings, {"names": ["Ada", "Alan"]}).activity(greet).run()
        self.assertEqual(report.result, ["Hello, Ada!", "Hello, Alan!"])

    def test_a_name_is_needed(self):
        report = Orchestration(greetings, {"names": [""]}).activity(greet).run()
        self.assertEqual(report.failure.kind, "no-name")
