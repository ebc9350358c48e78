"""I1: every id that was answered 2xx is stored: after kill -9 at any instant, and after the power failed at any instant
with everything lost that was not fsynced, directory entries included."""

import unittest

from failure import FailureTest, Ledger, long_or, pause, stored_by
from power_loss import Disk, Survived, read_trace
from weir import Node

# Small segments, so that new ones are begun and old ones deleted all the time.
SMALL = ["journal.segment_bytes=1MiB", "ingest.batch_bytes=64KiB", "streams.default.record_bytes_max=64KiB"]


class AcknowledgedSurvives(FailureTest):
    def test_kill_9_at_random_instants_under_load_loses_nothing(self):
        node = self.node(settings=SMALL)
        loads = [self.load(node, connections=6, records=1, keyed=True, repeat=True),
                 self.load(node, connections=2, records=150, pad=100, keyed=True, repeat=True)]
        for _ in range(long_or(100, 8)):
            pause(self.chance.uniform(0.02, 0.4))
            node.kill()
            node.start()
        pause(0.2)
        for load in loads:
            self.assertGreater(load.stop().acknowledged, 0)
        self.assert_ledger(node, *loads)

    def test_power_loss_at_random_instants_loses_nothing(self):
        node = self.faulty_node(start=False, settings=SMALL)
        trace = node.directory / "trace"
        node.environment |= {"WEIR_TRACE": str(trace), "WEIR_TRACE_BELOW": str(node.directory)}
        node.start()
        loads = [self.load(node, connections=4, records=1, keyed=True, repeat=True, rate=400),
                 self.load(node, connections=2, records=100, pad=200, keyed=True, repeat=True, rate=60)]
        survived = []
        for _ in range(2):  # recovery has its own writes
            pause(1.5)
            node.kill()
            survived.append(Survived(node.directory))
            node.start()
        pause(0.5)
        for load in loads:
            self.assertGreater(load.stop().acknowledged, 0)
        node.kill()
        entries = read_trace(trace)
        disk = Disk(node.directory, outside=[node.directory / "log"], survived=survived)
        cuts = sorted(self.chance.randrange(len(entries)) for _ in range(long_or(100, 12)))
        for number, cut in enumerate(cuts):
            while disk.applied <= cut:
                disk.apply(entries[disk.applied])
            with self.subTest(cut=cut, of=len(entries)):
                self.start_after_power_loss(disk, entries[cut].time_ns // 1000, loads, torn=number % 2 == 1)

    def start_after_power_loss(self, disk, time_us, loads, torn):
        node = Node(settings=SMALL)
        try:
            disk.after_power_loss(node.directory, self.chance, torn)
            node.start()
            self.assert_told_until(node, time_us, loads)
        finally:
            node.close()

    def assert_told_until(self, node, time_us, loads):
        """As assert_ledger, by what the clients knew at that time."""
        tries = [t._replace(status=t.status if t.done_us <= time_us else 0, code="-")
                 for load in loads for t in load.tries if t.sent_us <= time_us]
        found = Ledger(tries).compare(stored_by(node.bodies()))
        # What a client had not begun to send by our clock may be on its way by the disk's.
        found.pop("never sent")
        wrong = {kind: (len(items), items[:3]) for kind, items in found.items() if items}
        self.assertEqual(wrong, {}, node.log_text()[-2000:])


if __name__ == "__main__":
    unittest.main()
