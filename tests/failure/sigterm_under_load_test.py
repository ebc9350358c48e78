"""I5: SIGTERM under load ends with exit 0 within 10 s, and every answer until then is a 2xx or a 503."""

import time
import unittest

from failure import FailureTest, long_or, pause
from weir import wait_until


class SigtermUnderLoad(FailureTest):
    def terminate(self, node, *loads):
        pause(self.chance.uniform(0.1, 0.6))
        start = time.monotonic()
        self.assertEqual(node.stop(10), 0, node.log_text()[-2000:])
        took = time.monotonic() - start
        for load in loads:
            load.stop()
            # -2: it could not be sent, or not be sent whole, because nobody listens any more.
            self.assert_only(load, 200, 503, -2)
            self.assertGreater(load.count(200), 0)
        node.start()
        self.assert_ledger(node, *loads)
        return took

    def test_small_and_large_requests_are_answered_and_the_exit_is_clean(self):
        for _ in range(long_or(20, 4)):
            node = self.node()
            self.terminate(node, self.load(node, connections=48), self.load(node, connections=8, records=500, pad=100))
            node.close()

    def test_a_slow_disk_does_not_keep_the_node(self):
        node = self.faulty_node()
        from faults import SYNC
        node.faults.rule(SYNC, "/journal/", delay_ms=200)
        self.terminate(node, self.load(node, connections=48), self.load(node, connections=8, records=500, pad=100))

    def test_clients_that_say_nothing_do_not_keep_the_node(self):
        import contextlib
        import socket
        node = self.node()
        with contextlib.ExitStack() as stack:
            for head in [b"", b"POST /ing", b"POST /ingest HTTP/1.1\r\nHost: w\r\nContent-Type: application/x-ndjson\r\n"
                         b"Content-Length: 100000000\r\n\r\n" + b'{"c":"half","n":1}\n' * 200_000] * 10:
                s = stack.enter_context(socket.create_connection(("127.0.0.1", node.port)))
                s.setblocking(False)
                with contextlib.suppress(BlockingIOError):
                    s.send(head)
            self.assertEqual(node.stop(10), 0, node.log_text()[-2000:])

    def test_a_second_signal_ends_at_once_and_loses_nothing(self):
        import signal
        node = self.faulty_node()
        from faults import SYNC
        load = self.load(node, connections=16)
        wait_until(lambda: node.metrics()["weir_records_accepted_total"] > 100, 30, "records flow")
        node.faults.rule(SYNC, "/journal/", delay_ms=3000)
        pause(0.2)
        node.process.send_signal(signal.SIGTERM)
        wait_until(lambda: "draining" in node.log_text(), 5, "it drains")
        node.process.send_signal(signal.SIGTERM)
        node.process.wait(5)
        load.stop()
        node.environment = {}
        node.start()
        self.assert_ledger(node, load)


if __name__ == "__main__":
    unittest.main()
