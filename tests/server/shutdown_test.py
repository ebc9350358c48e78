"""SIGTERM while something else happens: what is under way is answered all the same."""

import contextlib
import json
import signal
import socket
import threading
import unittest

from weir import ServerTest, wait_until

HANGS = [{"fault": {"field": "kind", "hang": "hang"}}]


class Shutdown(ServerTest):
    def upload(self, node, first, rest):
        """A body of which only the first part has come; answers with what sends the rest and reads the answer."""
        s = socket.create_connection((node.host, node.port), timeout=15)
        self.addCleanup(s.close)
        s.sendall(b"POST /ingest HTTP/1.1\r\nHost: w\r\nContent-Type: application/x-ndjson\r\n"
                  b"Content-Length: %d\r\n\r\n" % (len(first) + len(rest)) + first)
        wait_until(lambda: node.metrics()["weir_http_received_bytes_total"] >= len(first), 10,
                   "its first part has come")

        def finish():
            s.sendall(rest)
            return s.recv(65536)
        return finish

    def terminate(self, node, by=signal.SIGTERM):
        node.process.send_signal(by)
        if by == signal.SIGHUP:
            return
        wait_until(lambda: '"draining"' in node.log_text(), 10, "it drains")

    def assert_stored(self, answer, node):
        self.assertEqual(answer.split(b"\r\n")[0], b"HTTP/1.1 200 OK", node.log_text()[-2000:])

    def assert_ends(self, node, code):
        """By the one signal it had."""
        self.assertEqual(node.process.wait(15), code, node.log_text()[-2000:])
        self.assertNotIn('"killed"', node.log_text())

    def events(self, node):
        return [json.loads(line) for line in node.log_text().splitlines()]

    def test_sighup_while_draining_is_no_second_signal(self):
        node = self.node()
        finish = self.upload(node, b'{"n":1}\n', b'{"n":2}\n')
        self.terminate(node)
        node.process.send_signal(signal.SIGHUP)
        wait_until(lambda: "reload_ignored" in node.log_text() or node.process.poll() is not None, 5, "it is told")
        self.assert_stored(finish(), node)
        self.assert_ends(node, 0)
        self.assertEqual(node.bodies(), [{"n": 1}, {"n": 2}])

    def test_several_signals_at_once_are_one_request_to_stop(self):
        """`timeout` signals the process and then its group; a terminal's SIGINT meets a script's SIGTERM."""
        for signals in ((signal.SIGTERM, signal.SIGTERM), (signal.SIGINT, signal.SIGTERM),
                        (signal.SIGTERM, signal.SIGINT, signal.SIGTERM),
                        (signal.SIGHUP, signal.SIGTERM, signal.SIGHUP)):
            with self.subTest(signals):
                node = self.node()
                finish = self.upload(node, b'{"n":1}\n', b'{"n":2}\n')
                self.terminate(node, signals[0])
                for further in signals[1:]:
                    node.process.send_signal(further)
                if signals[0] == signal.SIGHUP:
                    wait_until(lambda: '"draining"' in node.log_text(), 10, "it drains")
                self.assert_stored(finish(), node)
                self.assert_ends(node, 0)
                self.assertNotIn("left_behind", node.log_text())
                self.assertEqual(node.bodies(), [{"n": 1}, {"n": 2}])

    def test_whoever_asks_again_a_second_later_waits_no_longer(self):
        node = self.node(settings=["shutdown.deadline=60s"])
        self.upload(node, b'{"n":1}\n', b'{"n":2}\n')  # whose rest does not come
        self.terminate(node)

        def gone():
            node.process.send_signal(signal.SIGTERM)
            return node.process.poll() is not None
        wait_until(gone, 30, "it ends though an upload is under way")
        self.assertEqual(node.process.returncode, 130)
        self.assertIn('"killed"', node.log_text())

    def test_a_storm_of_sighup_does_not_keep_sigterm_away(self):
        node = self.node()
        over = threading.Event()

        def storm():
            while not over.is_set() and node.process.poll() is None:
                with contextlib.suppress(ProcessLookupError):
                    node.process.send_signal(signal.SIGHUP)
        threads = [threading.Thread(target=storm) for _ in range(2)]
        for thread in threads:
            thread.start()
        try:
            wait_until(lambda: '"reloaded"' in node.log_text(), 10, "it reloads")
            self.assertEqual(node.stop(20), 0)
        finally:
            over.set()
            for thread in threads:
                thread.join()
        names = [e["event"] for e in self.events(node)]
        self.assertLessEqual(names.count("reload_ignored"), 1)

    def hung_node(self):
        return self.node(streams={"default": {"transform": HANGS}}, top={"fault_injection": True},
                         settings=["pipeline.work_deadline=500ms", "pipeline.hung_workers_max=1"])

    def hang_a_worker(self, node):
        s = socket.create_connection((node.host, node.port), timeout=15)
        self.addCleanup(s.close)
        s.sendall(b"POST /ingest HTTP/1.1\r\nHost: w\r\nContent-Type: application/json\r\n"
                  b"Content-Length: 15\r\n\r\n" b'{"kind":"hang"}')
        wait_until(lambda: node.metrics()["weir_records_in_flight"] == 1, 10, "a worker has it")

    def test_what_fails_while_draining_does_not_cut_the_drain_short(self):
        node = self.hung_node()
        finish = self.upload(node, b'{"n":1}\n', b'{"n":2}\n')
        self.hang_a_worker(node)
        self.terminate(node)
        wait_until(lambda: "actor_abandoned" in node.log_text(), 10, "the worker counts as hung")
        self.assert_stored(finish(), node)
        self.assert_ends(node, 1)
        failed = [e["reason"] for e in self.events(node) if e["event"] == "failed"]
        self.assertEqual(len(failed), 1)
        self.assertIn("1 actors hang", failed[0])

    def test_sigterm_does_not_cut_the_drain_of_a_failure_short(self):
        node = self.hung_node()
        finish = self.upload(node, b'{"n":1}\n', b'{"n":2}\n')
        self.hang_a_worker(node)
        wait_until(lambda: '"draining"' in node.log_text(), 10, "it drains of itself")
        node.process.send_signal(signal.SIGTERM)
        self.assert_stored(finish(), node)
        self.assert_ends(node, 1)

    def test_a_drain_waits_for_uploads_though_the_gateway_actor_is_away(self):
        node = self.node(top={"fault_injection": True},
                         settings=["supervision.backoff.initial=60s", "supervision.backoff.max=60s"])
        finish = self.upload(node, b'{"n":1}\n', b'{"n":2}\n')
        node.operations("POST", "/faults/crash?actor=root/gateway")
        wait_until(lambda: node.actors()["root/gateway"]["state"] == "restarting", 10, "it is away")
        self.terminate(node)
        self.assert_stored(finish(), node)
        self.assert_ends(node, 0)
        self.assertEqual(node.bodies(), [{"n": 1}, {"n": 2}])


if __name__ == "__main__":
    unittest.main()
