"""I13: neither a clock that jumps nor a want of descriptors kills the node, expires anything wrongly or makes it
spin."""

import contextlib
import json
import os
import pathlib
import resource
import socket
import time
import unittest

from failure import FailureTest, long_or, pause
from weir import wait_until

HOUR, DAY = 3600, 86400


def cpu_seconds(node):
    fields = pathlib.Path(f"/proc/{node.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class ClockJumpsAndFewDescriptors(FailureTest):
    def assert_does_not_spin(self, node, seconds=2):
        before = cpu_seconds(node)
        pause(seconds)
        self.assertLess(cpu_seconds(node) - before, 0.3 * seconds, "it spins")

    def keyed(self, node, n):
        return node.post("default", json.dumps({"c": "key", "n": n}) + "\n", "application/x-ndjson",
                         Idempotency_Key=f"k{n}")

    def test_the_clock_jumps_under_load(self):
        node = self.faulty_node()
        load = self.load(node, connections=8, rate=500)
        kept = node.connection()
        self.addCleanup(kept.close)
        kept.request("GET", "/livez")
        kept.getresponse().read()
        for n, jump in enumerate((HOUR, -2 * HOUR, 400 * DAY, -400 * DAY)):
            with self.subTest(jump=jump):
                self.assertEqual(self.keyed(node, n).status, 200)
                node.faults.shift_clock(jump)
                pause(long_or(10, 1))
                again = self.keyed(node, n)
                self.assertEqual((again.status, again.json.get("duplicate")), (200, True), "its key is forgotten")
                kept.request("GET", "/livez")  # neither too long idle nor too slow
                self.assertEqual(kept.getresponse().read()[:1], b"{")
                self.assertEqual(node.operations("GET", "/readyz").status, 200)
        load.stop()
        self.assert_only(load, 200)
        self.assert_ledger(node, load, stored=[(b["c"], b["n"]) for b in node.bodies() if b["c"] != "key"])
        self.assertEqual(sum(b["c"] == "key" for b in node.bodies()), 4)
        self.assert_accounts(node)
        self.assert_does_not_spin(node)
        self.assertEqual(node.stop(), 0)

    def test_the_clock_jumps_while_the_node_is_down(self):
        node = self.faulty_node()
        for n, jump in enumerate((HOUR, -2 * HOUR, 20 * HOUR)):
            self.assertEqual(self.keyed(node, n).status, 200)
            node.kill()
            node.faults.shift_clock(jump)
            node.start()
            again = self.keyed(node, n)
            self.assertEqual((again.status, again.json.get("duplicate")), (200, True),
                             f"its key is forgotten by {jump} s")
        self.assertEqual(len(node.bodies()), 3)

    def test_64_descriptors(self):
        node = self.node()
        self.assertEqual(node.post("default", {"c": "few", "n": 0}).status, 200)
        resource.prlimit(node.process.pid, resource.RLIMIT_NOFILE, (64, 64))
        kept = node.connection()
        with contextlib.ExitStack() as stack:
            kept.request("GET", "/livez")
            kept.getresponse().read()
            for _ in range(200):
                stack.enter_context(socket.create_connection(("127.0.0.1", node.port)))
            self.assert_does_not_spin(node)
            kept.request("POST", "/ingest/default", '{"c":"few","n":1}', {"Content-Type": "application/json"})
            self.assertEqual(kept.getresponse().status, 200, "who is connected is served")
            self.assertIsNone(node.process.poll(), node.log_text()[-2000:])
        kept.close()
        def serves():
            with contextlib.suppress(OSError):
                return node.post("default", {"c": "few", "n": 2}).status == 200
        wait_until(serves, 10, "served when descriptors are free again")
        self.assertLess(len(node.log_text()), 1 << 20, "the log is flooded")
        wait_until(lambda: {b["n"] for b in node.bodies()} == {0, 1, 2}, 10, "all is stored")
        self.assertEqual(node.stop(), 0)

    def test_an_idle_node_does_nothing(self):
        node = self.node()
        node.post("default", {"c": "x", "n": 1})
        node.bodies()
        before, began = cpu_seconds(node), time.monotonic()
        pause(3)
        share = (cpu_seconds(node) - before) / (time.monotonic() - began)
        self.assertLess(share, 0.05, f"{share:.1%} of a core while idle")


if __name__ == "__main__":
    unittest.main()
