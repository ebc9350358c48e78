"""What the failure tests share: a node under the fault shim, load that is always ended, and the comparison of the
ledger with the store. Each file here is one invariant of docs/reliability.md."""

import os
import pathlib
import random
import sys
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "server"))
from faults import Faults  # noqa: E402
from load import LONG, Ledger, Load, long_or, stored_by  # noqa: E402
from weir import Node, ServerTest  # noqa: E402

# Some of it comes from load.py, so that a test needs one import.
__all__ = ["FailureTest", "LONG", "Ledger", "long_or", "not_under_a_sanitizer", "pause", "stored_by"]

# A sanitizer's shadow is no memory of the node, and what it frees it keeps for a while.
not_under_a_sanitizer = unittest.skipIf(os.environ.get("WEIR_SANITIZE"), "memory cannot be measured under a sanitizer")


class FailureTest(ServerTest):
    def setUp(self):
        self.seed = random.randrange(1 << 32)
        self.chance = random.Random(self.seed)

    def run(self, result=None):
        before = len(result.failures) + len(result.errors) if result else 0
        super().run(result)
        if result and len(result.failures) + len(result.errors) > before:
            print(f"\nseed {getattr(self, 'seed', None)}", file=sys.stderr)

    def faulty_node(self, start=True, **arguments):
        """A node whose disk and clock obey `node.faults`."""
        node = Node(**arguments)
        self.addCleanup(node.close)
        node.faults = Faults(node.directory)
        node.environment = node.faults.environment()
        return node.start() if start else node

    def load(self, node, **options):
        made = Load(node, **options)
        self.addCleanup(made.close)
        return made

    def assert_ledger(self, node, *loads, stored=None):
        """Nothing acknowledged is lost, nothing is doubled, nothing refused is stored, no request is torn."""
        found = Ledger.of(*loads).compare(stored_by(node.bodies()) if stored is None else stored)
        wrong = {kind: (len(items), items[:5]) for kind, items in found.items() if items}
        self.assertEqual(wrong, {}, node.log_text()[-2000:])

    def assert_only(self, load, *statuses):
        others = [(t.status, t.code, (t.done_us - t.sent_us) // 1000) for t in load.tries if t.status not in statuses]
        self.assertLessEqual(load.statuses, set(statuses), f"{load.summary}; status, code, ms: {others[:20]}")
        self.assertEqual(load.summary["dishonest"], 0, "verdicts or Retry-After are wrong")


def pause(seconds):
    """Lets a fault or a load last. Never a way to wait for a condition."""
    time.sleep(seconds)
