"""I15: a node is ready within 2 s per GB of journal, and damage in the middle of it costs the damaged frames only."""

import contextlib
import sqlite3
import time
import unittest

from failure import FailureTest, Ledger, long_or, stored_by

MIB = 1 << 20


class RecoveryIsQuick(FailureTest):
    @contextlib.contextmanager
    def only_in_the_journal(self, node):
        """While this lasts the sink takes nothing."""
        node.post("default", {"c": "first", "n": 0})
        node.rows()
        with contextlib.closing(sqlite3.connect(node.data / "weir.db", isolation_level=None)) as lock:
            lock.execute("begin immediate")
            try:
                yield
            finally:
                lock.execute("rollback")

    def test_ready_within_2_seconds_for_each_gigabyte(self):
        node = self.node(settings=["sink.busy_timeout=10ms", "log.level=warning"])
        wanted = long_or(2000, 150) * MIB
        with self.only_in_the_journal(node):
            load = self.load(node, connections=8, records=1000, pad=700, requests=wanted // (8 * 1000 * 740) + 1)
            load.wait(500)
            node.kill()
            size = sum(f.stat().st_size for f in (node.data / "journal").iterdir())
            self.assertGreaterEqual(size, 0.9 * wanted)
            began = time.monotonic()
            node.start()
            took = time.monotonic() - began
        # A process that starts at all takes a moment, and this machine may be busy.
        allowed = 2 * size / 1e9 + 0.5
        print(f"ready after {took:.2f} s with {size / 1e9:.2f} GB of journal")
        self.assertLessEqual(took, allowed)
        self.assert_ledger(node, load, stored=[(b["c"], b["n"]) for b in node.bodies() if b["c"] != "first"])

    def test_damaged_frames_are_set_aside_and_everything_else_is_served(self):
        node = self.node(settings=["sink.busy_timeout=10ms", "journal.segment_bytes=1MiB", "ingest.batch_bytes=64KiB",
                                   "streams.default.record_bytes_max=32KiB"])
        with self.only_in_the_journal(node):
            load = self.load(node, connections=4, records=20, pad=200, requests=100).wait()
            node.kill()
        flips = self.flip_bytes(node, long_or(200, 12))
        node.start()
        stored = [r for r in stored_by(node.bodies()) if r[0] != "first"]
        found = Ledger.of(load).compare(stored)
        self.assertEqual([found[k] for k in ("doubled", "phantom", "torn", "never sent")], [[]] * 4, found)
        self.assertLessEqual(len(found["lost"]), flips, "more than the damaged frames is gone")
        quarantined = node.metrics()["weir_journal_frames_quarantined_total"]
        self.assertGreater(quarantined, 0)
        self.assertLessEqual(quarantined, flips)
        self.assertTrue(list((node.data / "journal").glob("*.corrupt")), "the damaged bytes are kept")
        self.assertIn('"level":"error"', node.log_text(), "it is alarmed")
        self.assertEqual(node.post("default", {"c": "first", "n": 1}).status, 200)
        self.assertEqual(node.stop(), 0)
        node.start()  # and the damage is not found anew
        self.assertEqual(node.metrics()["weir_journal_frames_quarantined_total"], 0)

    def flip_bytes(self, node, count):
        """One in the padding of each of so many records, far enough apart to be in frames of their own."""
        mark, places = b"x" * 200, []
        segments = sorted((node.data / "journal").glob("journal-*.wj"))
        for segment in segments:
            data, at = segment.read_bytes(), 0
            while (at := data.find(mark, at)) >= 0:
                places.append((segment, at + 100))
                at += 20_000
        chosen = self.chance.sample(places, min(count, len(places)))
        for segment, at in chosen:
            with open(segment, "r+b") as f:
                f.seek(at)
                f.write(b"y")
        return len(chosen)

    def test_a_node_that_was_killed_in_its_recovery_recovers(self):
        node = self.node(settings=["sink.busy_timeout=10ms", "log.level=warning"])
        load = self.load(node, connections=8, records=200, pad=300, requests=long_or(1000, 40)).wait(300)
        for _ in range(long_or(50, 8)):
            node.kill()
            node.start(wait=False)
            time.sleep(self.chance.uniform(0, 0.1))
        node.kill()
        node.start()
        self.assert_ledger(node, load)


if __name__ == "__main__":
    unittest.main()
