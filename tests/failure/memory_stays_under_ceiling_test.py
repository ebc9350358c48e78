"""I6: resident memory stays under the configured ceiling at five times capacity with 500 connections, and while a body
of any length streams."""

import gzip
import http.client
import json
import threading
import unittest

from faults import SYNC
from failure import FailureTest, long_or, not_under_a_sanitizer, pause
from weir import wait_until

CEILING = 192


class Watch(threading.Thread):
    """The largest resident size of a node while it lasts."""

    def __init__(self, node):
        super().__init__(daemon=True)
        self.node, self.stopping, self.peak = node, threading.Event(), 0

    def __enter__(self):
        self.start()
        return self

    def run(self):
        while not self.stopping.wait(0.02):
            self.peak = max(self.peak, self.node.resident_bytes())

    def __exit__(self, *_):
        self.stopping.set()
        self.join()


@not_under_a_sanitizer
class MemoryStaysUnderCeiling(FailureTest):
    settings = [f"memory.ceiling={CEILING}MiB", "ingest.connections_max=1000", "journal.keys_max=100000"]

    def assert_under(self, watch):
        self.assertGreater(watch.peak, 0)
        self.assertLessEqual(watch.peak, CEILING << 20, f"{watch.peak / 1048576:.0f} MiB of {CEILING}")

    def test_500_connections_at_many_times_what_a_slow_disk_takes(self):
        node = self.faulty_node(settings=self.settings)
        with node.faults.during(SYNC, "/journal/", delay_ms=100), Watch(node) as watch:
            loads = [self.load(node, connections=250, records=100, pad=100),
                     self.load(node, connections=200, records=1000, pad=2000),
                     self.load(node, connections=50, records=1, pad=100_000)]
            pause(long_or(60, 4))
            for load in loads:
                load.stop()
        self.assert_under(watch)
        for load in loads:
            self.assert_only(load, 200, 503)
        self.assert_ledger(node, *loads)

    def test_compressed_bodies_that_inflate_a_hundredfold(self):
        node = self.node(settings=self.settings)
        line = b'{"c":"zip","n":%d,"pad":"' + b"x" * 400 + b'"}\n'
        body = gzip.compress(b"".join(line % n for n in range(20_000)), 6)
        self.assertLess(len(body) * 20, 20_000 * 420)
        answers = []
        def client():
            for _ in range(long_or(100, 4)):
                answers.append(node.post("default", body, "application/x-ndjson", Content_Encoding="gzip").status)
        threads = [threading.Thread(target=client) for _ in range(16)]
        with Watch(node) as watch:
            for t in threads:
                t.start()
            for t in threads:
                t.join()
        self.assert_under(watch)
        self.assertLessEqual(set(answers), {200, 503})
        self.assertIn(200, answers)

    def test_a_body_of_gibibytes_streams_through(self):
        node = self.node(settings=[*self.settings, 'sink.kind="null"', "journal.bytes_max=2GiB"])
        block = b"".join(b'{"c":"big","n":%d,"pad":"%s"}\n' % (n, b"x" * 200) for n in range(5000))
        blocks = long_or(10 << 30, 256 << 20) // len(block) + 1
        with Watch(node) as watch:
            connection = http.client.HTTPConnection("127.0.0.1", node.port, timeout=600)
            self.addCleanup(connection.close)
            connection.request("POST", "/ingest/default", (block for _ in range(blocks)),
                               {"Content-Type": "application/x-ndjson"}, encode_chunked=True)
            answer = connection.getresponse()
            text = answer.read()
        self.assertEqual(answer.status, 200, text[:500])
        self.assert_under(watch)
        self.assertEqual(json.loads(text)["accepted"], blocks * 5000)
        wait_until(lambda: node.metrics()["weir_budget_used_bytes"] == 0, 10, "the budget comes back")
        self.assert_accounts(node)


if __name__ == "__main__":
    unittest.main()
