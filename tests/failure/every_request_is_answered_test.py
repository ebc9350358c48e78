"""I4: every request that was sent whole is answered, within 10 s, whatever breaks behind the sockets."""

import contextlib
import sqlite3
import unittest

from faults import SYNC, WRITE
from failure import FailureTest, long_or, pause
from weir import wait_until

VICTIMS = ["root/validate/stage", "root/validate/workers/worker-1", "root/transform/stage",
           "root/transform/workers/worker-2", "root/persist/partition-0/journal", "root/persist/partition-0/sink",
           "root/gateway", "root/registry", "root/dead-letters", "root/validate", "root/persist/partition-0"]


class EveryRequestIsAnswered(FailureTest):
    def assert_all_answered(self, node, *loads, late=False):
        """`late`: some may hear only that their time is up. Else what was wrong healed long before."""
        for load in loads:
            load.stop()
            self.assert_only(load, 200, 503)
            self.assertGreater(load.count(200), 0)
        self.assertEqual("deadline_exceeded" in {t.code for load in loads for t in load.tries}, late)
        self.assert_ledger(node, *loads)

    def both_loads(self, node):
        return [self.load(node, connections=24, rate=3000),
                self.load(node, connections=8, records=200, pad=100, rate=300)]

    def test_while_actors_crash_one_after_the_other(self):
        node = self.node(top={"fault_injection": True}, settings=["supervision.restarts_max=1000"])
        loads = self.both_loads(node)
        for _ in range(long_or(300, 25)):
            victim = self.chance.choice(VICTIMS)
            node.operations("POST", f"/faults/crash?actor={victim}")
            pause(self.chance.uniform(0.02, 0.2))
        self.assert_all_answered(node, *loads)
        self.assert_accounts(node)

    def test_while_the_disk_fails_and_stalls(self):
        node = self.faulty_node()
        loads = self.both_loads(node)
        for _ in range(long_or(50, 3)):
            pause(1)
            with node.faults.during(SYNC | WRITE, "/journal/", error="EIO"):
                pause(0.2)
            with node.faults.during(SYNC, "/journal/", delay_ms=300):
                pause(1.5)
        pause(1)
        self.assert_all_answered(node, *loads)

    def test_while_one_sync_takes_longer_than_a_request_may(self):
        node = self.faulty_node()
        loads = self.both_loads(node)
        for _ in range(long_or(5, 1)):
            pause(0.5)
            with node.faults.during(SYNC, "/journal/", delay_ms=12_000, count=1) as stall:
                wait_until(lambda: stall.hits, 5, "a sync stalls")
                pause(13)
        self.assert_all_answered(node, *loads, late=True)
        self.assert_accounts(node)

    def test_while_the_sink_is_locked_and_the_journal_is_full(self):
        node = self.node(settings=["journal.segment_bytes=1MiB", "journal.bytes_max=6MiB", "ingest.batch_bytes=64KiB",
                                   "sink.busy_timeout=10ms", "streams.default.record_bytes_max=32KiB"])
        node.post("default", {"c": "first", "n": 0})
        node.rows()
        with contextlib.closing(sqlite3.connect(node.data / "weir.db", isolation_level=None)) as lock:
            lock.execute("begin immediate")
            loads = self.both_loads(node)
            pause(long_or(60, 3))
            for load in loads:
                load.stop()
            lock.execute("rollback")
        for load in loads:
            self.assert_only(load, 200, 503)
        self.assertGreater(loads[1].count(503), 0, "the journal never filled")
        stored = [(b["c"], b["n"]) for b in node.bodies() if b["c"] != "first"]
        self.assert_ledger(node, *loads, stored=stored)


if __name__ == "__main__":
    unittest.main()
