"""I8: slow, idle, half-open and abandoned clients cost the others nothing, and nothing is left of them afterwards."""

import contextlib
import resource
import socket
import threading
import unittest

from failure import FailureTest, long_or, not_under_a_sanitizer
from weir import wait_until

HEAD = (b"POST /ingest/default HTTP/1.1\r\nHost: w\r\nContent-Type: application/x-ndjson\r\n"
        b"Content-Length: 1000000\r\n\r\n")


class Slow(threading.Thread):
    """Connections that send a byte now and then, some of their head, some of their body."""

    def __init__(self, node, count):
        super().__init__(daemon=True)
        self.stopping, self.sockets = threading.Event(), []
        for i in range(count):
            s = socket.create_connection(("127.0.0.1", node.port))
            s.setblocking(False)
            start = len(HEAD) if i % 2 else 0
            s.send(HEAD[:start] or b"P")
            self.sockets.append([s, max(start, 1)])

    def run(self):
        text = HEAD + b'{"c":"slow","n":1}\n' * 1000
        while not self.stopping.wait(0.1):
            for entry in self.sockets:
                with contextlib.suppress(OSError):  # the node may have given it up
                    entry[1] += entry[0].send(text[entry[1]:entry[1] + 1])

    def close(self):
        self.stopping.set()
        self.join()
        for s, _ in self.sockets:
            s.close()


@not_under_a_sanitizer
class RudeClientsHurtNobody(FailureTest):
    def setUp(self):
        super().setUp()
        hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))

    def assert_nobody_is_hurt(self, node, what_is_rude):
        self.load(node, connections=8, seconds=1).wait()  # warm
        wait_until(lambda: node.metrics()["weir_http_connections_open"] == 0, 10, "quiet")
        before = node.threads(), node.descriptors(), node.resident_bytes()
        polite = self.load(node, connections=8, rate=400, records=5)
        with contextlib.ExitStack() as stack:
            what_is_rude(stack)
        polite.stop()
        self.assert_only(polite, 200)
        print(f"{self.id().rsplit('.', 1)[1]}: others' p99 {polite.summary['p99_ms']:.1f} ms")
        self.assertLess(polite.summary["p99_ms"], 1000)
        wait_until(lambda: node.metrics()["weir_http_connections_open"] == 0, 10, "all connections are gone")
        wait_until(lambda: node.metrics()["weir_budget_used_bytes"] == 0, 10, "the budget is whole again")
        self.assertEqual(node.threads(), before[0])
        self.assertLessEqual(node.descriptors(), before[1] + 5)
        self.assertLess(node.resident_bytes() - before[2], 32 << 20)
        stored = [(b["c"], b["n"]) for b in node.bodies() if b["c"].startswith(polite.prefix)]
        self.assert_ledger(node, polite, stored=stored)
        self.assert_accounts(node)

    def test_slow_clients(self):
        node = self.node(settings=["ingest.head_timeout=2s"])
        def slow(stack):
            crowd = Slow(node, 200)
            stack.callback(crowd.close)
            crowd.start()
            # Half of them are slow in their heads, half in their bodies: all hear 408 and are closed, but for those
            # whose large bodies are more than the node would take at once.
            def heard():
                answers = node.metrics()
                return sum(answers.get(f'weir_http_responses_total{{code="{status}"}}', 0) for status in (408, 503))
            wait_until(lambda: heard() >= 200, 30, "every slow client is answered")
        self.assert_nobody_is_hurt(node, slow)

    def test_idle_and_half_open_clients(self):
        node = self.node()
        def idle(stack):
            for i in range(long_or(2000, 1000)):
                s = stack.enter_context(socket.create_connection(("127.0.0.1", node.port)))
                if i % 4 == 1:
                    s.sendall(b"GET /livez HTTP/1.1\r\nHost: w\r\n\r\n")
                elif i % 4 == 2:
                    s.sendall(HEAD[:40])
                elif i % 4 == 3:
                    s.sendall(HEAD + b'{"c":"half","n":1}\n')
                    s.shutdown(socket.SHUT_WR)
        self.assert_nobody_is_hurt(node, idle)

    def test_abandoned_requests(self):
        node = self.node()
        body = b'{"c":"gone","n":%d}\n'
        def abandon(_):
            for n in range(long_or(5000, 1500)):
                with socket.create_connection(("127.0.0.1", node.port)) as s:
                    if n % 3 == 0:
                        s.sendall(HEAD + body % n * (n % 50))
                    elif n % 3 == 1:  # sent whole, and nobody waits for the answer
                        s.sendall(HEAD.replace(b"1000000", b"%d" % len(body % n)) + body % n)
                    else:
                        s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")  # a reset
                        s.sendall(HEAD[:n % len(HEAD)] or b"P")
        self.assert_nobody_is_hurt(node, abandon)
        gone = [b["n"] for b in node.bodies() if b["c"] == "gone"]
        self.assertEqual(len(gone), len(set(gone)))
        self.assertTrue(all(n % 3 == 1 for n in gone), "half a request is stored")

    def test_clients_that_do_not_read_their_answers(self):
        node = self.node()
        def deaf(stack):
            for _ in range(50):
                s = stack.enter_context(socket.socket())
                s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
                s.connect(("127.0.0.1", node.port))
                s.setblocking(False)
                bad = b"broken\n" * 200
                one = HEAD.replace(b"1000000", b"%d" % len(bad)) + bad
                with contextlib.suppress(BlockingIOError, ConnectionError):
                    for _ in range(200):
                        s.send(one)
        self.assert_nobody_is_hurt(node, deaf)


if __name__ == "__main__":
    unittest.main()
