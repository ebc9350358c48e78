"""I14: under steady load memory and descriptors stay where they are: 10 minutes in the long form, a quarter of one
else."""

import statistics
import time
import unittest

from failure import FailureTest, LONG, long_or, not_under_a_sanitizer, pause

SECONDS = long_or(600, 14)
# The long form's slope is the invariant's. A few seconds can only show a leak that is a flood.
SLOPE_MIB_PER_MINUTE = long_or(0.5, 60)


def slope(samples):
    """Of the least-squares line through (seconds, bytes), in MiB a minute."""
    x = [s for s, _ in samples]
    y = [b / 1048576 for _, b in samples]
    return statistics.linear_regression(x, y).slope * 60


@not_under_a_sanitizer
class SoakStaysFlat(FailureTest):
    def test_mixed_load_for_long(self):
        node = self.node(streams={"default": {"dead_letters": "store"}})
        loads = [self.load(node, connections=16, rate=long_or(500, 200)),
                 self.load(node, connections=4, records=200, pad=100, rate=20, keyed=True, repeat=True)]
        warm = SECONDS / 4
        start, samples, descriptors = time.monotonic(), [], []
        while (age := time.monotonic() - start) < SECONDS:
            node.post("default", '{"c":"odd","n":1}\nbroken\n', "application/x-ndjson")
            node.metrics()
            if age > warm:
                samples.append((age, node.resident_bytes()))
                descriptors.append(node.descriptors())
            pause(0.25)
        for load in loads:
            self.assert_only(load.stop(), 200)
        print(f"soak of {SECONDS} s: {slope(samples):.2f} MiB a minute, resident {samples[-1][1] / 1048576:.0f} MiB, "
              f"{sum(load.acknowledged for load in loads)} records, "
              f"descriptors {min(descriptors)} to {max(descriptors)}")
        self.assertLess(slope(samples), SLOPE_MIB_PER_MINUTE)
        half = len(descriptors) // 2
        self.assertLessEqual(max(descriptors[half:]), max(descriptors[:half]) + (0 if LONG else 2))
        stored = [(b["c"], b["n"]) for b in node.bodies() if b["c"] != "odd"]
        self.assert_ledger(node, *loads, stored=stored)
        self.assert_accounts(node)


if __name__ == "__main__":
    unittest.main()
