"""I5: SIGTERM under load ends with exit 0 within 10 s, and every answer until then is a 2xx or a 503."""

import time
import unittest

from failure import FailureTest, long_or, pause
from weir import free_port, wait_until


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
            for head in [b"", b"POST /ing",
                         b"POST /ingest HTTP/1.1\r\nHost: w\r\nContent-Type: application/x-ndjson\r\n"
                         b"Content-Length: 100000000\r\n\r\n" + b'{"c":"half","n":1}\n' * 200_000] * 10:
                s = stack.enter_context(socket.create_connection(("127.0.0.1", node.port)))
                s.setblocking(False)
                with contextlib.suppress(BlockingIOError):
                    s.send(head)
            self.assertEqual(node.stop(10), 0, node.log_text()[-2000:])

    def unresolved_node(self):
        """Its one seed is a name about which the name server says nothing."""
        from faults import RESOLVE
        node = self.faulty_node(start=False, top={"node": {"name": "one"}, "cluster": {
            "roles": ["gateway", "worker", "persister"], "listen": f"127.0.0.1:{free_port()}",
            "seeds": ["away.example:7400"]}})
        self.asked = node.faults.rule(RESOLVE, "away.example", error="EAGAIN", delay_ms=60_000)
        return node

    def test_a_name_server_that_does_not_answer_does_not_keep_the_node(self):
        node = self.unresolved_node().start()
        wait_until(lambda: self.asked.hits > 0, 10, "it asks for its seed")
        self.terminate(node, self.load(node, connections=8))

    def test_nor_does_it_keep_a_node_that_cannot_start(self):
        import socket
        node = self.unresolved_node()
        with socket.create_server((node.host, node.operations_port)):
            self.assertEqual(node.start(wait=False).process.wait(10), 1, node.log_text()[-2000:])
        self.assertIn("start_failed", node.log_text())

    def test_a_second_signal_ends_at_once_and_loses_nothing(self):
        import signal
        node = self.faulty_node()
        from faults import SYNC
        load = self.load(node, connections=16)
        wait_until(lambda: node.metrics()["weir_records_accepted_total"] > 100, 30, "records flow")
        # No drain ends by itself while a sync takes longer than this test waits.
        node.faults.rule(SYNC, "/journal/", delay_ms=60_000)
        pause(0.2)
        node.process.send_signal(signal.SIGTERM)
        wait_until(lambda: "draining" in node.log_text(), 5, "it drains")

        def ends_when_asked_again():
            # A signal in the first second after the first one is the same request to stop.
            node.process.send_signal(signal.SIGTERM)
            return node.process.poll() is not None
        wait_until(ends_when_asked_again, 10, "it ends")
        self.assertEqual(node.process.returncode, 130, node.log_text()[-2000:])
        self.assertIn("a second signal", node.log_text())
        load.stop()
        node.environment = {}
        node.start()
        self.assert_ledger(node, load)


if __name__ == "__main__":
    unittest.main()
