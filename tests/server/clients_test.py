"""Idle, slow, rude and too many clients do not hurt the others."""

import contextlib
import json
import socket
import threading
import unittest

from weir import ServerTest, wait_until

HEAD = b"POST /ingest/default HTTP/1.1\r\nHost: weir\r\nContent-Type: application/x-ndjson\r\n"


class Clients(ServerTest):
    def test_idle_connections_do_not_slow_the_active_ones(self):
        node = self.node()
        with contextlib.ExitStack() as stack:
            for _ in range(900):
                s = stack.enter_context(socket.create_connection(("127.0.0.1", node.port)))
                s.sendall(b"GET /livez HTTP/1.1\r\nHost: w\r\n\r\n")
            connection = stack.enter_context(contextlib.closing(node.connection()))
            for n in range(200):
                connection.request("POST", "/ingest/default", json.dumps({"n": n}),
                                   {"Content-Type": "application/json"})
                answer = connection.getresponse()
                self.assertEqual((answer.status, json.loads(answer.read())["accepted"]), (200, 1))
            self.assertGreaterEqual(node.metrics()["weir_http_connections_open"], 901)
        wait_until(lambda: node.metrics()["weir_http_connections_open"] == 0, 10, "closed connections are forgotten")

    def test_abandoned_requests_leave_nothing_behind(self):
        node = self.node()
        node.post("default", {"n": 0})
        threads, descriptors, memory = node.threads(), node.descriptors(), node.resident_bytes()
        for n in range(1500):
            with socket.create_connection(("127.0.0.1", node.port)) as s:
                s.sendall(HEAD + b"Content-Length: 100000\r\n\r\n" + b'{"abandoned":1}\n' * (n % 50))
        def gone():
            m = node.metrics()
            return m["weir_http_connections_accepted_total"] == 1501 and m["weir_http_connections_open"] == 0
        wait_until(gone, 10, "abandoned connections are closed")
        self.assertEqual(node.threads(), threads)
        self.assertLessEqual(node.descriptors(), descriptors + 5)
        self.assertLess(node.resident_bytes() - memory, 32 << 20)
        self.assertEqual(node.metrics()["weir_budget_used_bytes"], 0)
        self.assertEqual(node.bodies(), [{"n": 0}], "half a request stores nothing")

    def test_a_slow_client_gets_408_and_does_not_hold_the_server(self):
        node = self.node(settings=["ingest.head_timeout=1s"])
        with socket.create_connection(("127.0.0.1", node.port), timeout=10) as s:
            s.sendall(b"POST /ingest/default HT")
            self.assertEqual(node.post("default", {"n": 1}).status, 200)
            received = s.recv(1000)
            self.assertTrue(received == b"" or b" 408 " in received, received)

    def test_requests_after_each_other_on_one_connection_and_pipelined(self):
        node = self.node()
        one = HEAD + b'Content-Length: 8\r\n\r\n{"n":%d}\n'
        answer = node.raw(one % 1 + one % 2 + HEAD + b'Connection: close\r\nContent-Length: 8\r\n\r\n{"n":3}\n')
        self.assertEqual(answer.count(b"HTTP/1.1 200 "), 3, answer)
        self.assertEqual(node.bodies(), [{"n": 1}, {"n": 2}, {"n": 3}])

    def test_many_clients_at_once_each_get_their_own_verdicts(self):
        node = self.node()
        wrong = []
        def client(c):
            connection = node.connection()
            for n in range(50):
                body = f'{{"c":{c},"n":{n}}}\n' + "broken\n" * (n % 3)
                connection.request("POST", "/ingest/default", body, {"Content-Type": "application/x-ndjson"})
                answer = connection.getresponse()
                verdict = json.loads(answer.read())
                if (answer.status, verdict["accepted"], verdict["rejected"]) != (200, 1, n % 3):
                    wrong.append((c, n, answer.status, verdict))
            connection.close()
        threads = [threading.Thread(target=client, args=(c,)) for c in range(20)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        self.assertEqual(wrong, [])
        stored = sorted((b["c"], b["n"]) for b in node.bodies())
        self.assertEqual(stored, [(c, n) for c in range(20) for n in range(50)])
        self.assert_accounts(node)

    def test_rate_limits_answer_429_with_retry_after(self):
        node = self.node(streams={"default": {"records_per_second": 5, "burst": 5}})
        answers = [node.post("default", {"n": n}) for n in range(20)]
        refused = [a for a in answers if a.status == 429]
        self.assertTrue(refused)
        for a in refused:
            self.assertGreaterEqual(int(a.headers["Retry-After"]), 1)
        self.assertEqual(len(node.bodies()), 20 - len(refused))

    def test_api_keys_open_only_their_streams(self):
        import hashlib
        node = self.node(streams={"default": {}, "other": {}}, top={"ingest": {"api_keys": [
            {"name": "ada", "sha256": hashlib.sha256(b"secret").hexdigest(), "streams": ["default"]}]}})
        self.assertEqual(node.post("default", {"n": 1}).status, 401)
        self.assertEqual(node.post("default", {"n": 1}, Authorization="Bearer wrong").status, 401)
        self.assertEqual(node.post("default", {"n": 1}, Authorization="Bearer secret").status, 200)
        self.assertEqual(node.post("other", {"n": 1}, Authorization="Bearer secret").status, 403)
        self.assertNotIn("secret", node.log_text())

    def test_a_full_journal_says_503_and_takes_records_again_when_the_sink_catches_up(self):
        import sqlite3
        node = self.node(settings=["journal.segment_bytes=1MiB", "journal.bytes_max=6MiB", "ingest.batch_bytes=256KiB",
                                   "sink.busy_timeout=10ms", "streams.default.record_bytes_max=64KiB"])
        node.post("default", {"n": -1})
        node.rows()
        with contextlib.closing(sqlite3.connect(node.data / "weir.db", isolation_level=None)) as lock:
            lock.execute("begin immediate")
            pad, accepted, refused = "x" * 1000, 0, 0
            for n in range(200):
                lines = "".join(json.dumps({"n": n * 100 + i, "pad": pad}) + "\n" for i in range(100))
                answer = node.post("default", lines, "application/x-ndjson")
                self.assertIn(answer.status, (200, 503), answer)
                if answer.status == 503:
                    self.assertGreaterEqual(int(answer.headers["Retry-After"]), 1)
                    refused += 1
                    break
                accepted += 100
            self.assertTrue(refused, "the journal never filled")
            lock.execute("rollback")
        wait_until(lambda: node.post("default", {"n": -2}).status == 200, 20, "2xx again")
        self.assertEqual(len([b for b in node.bodies() if b["n"] >= 0]), accepted)
        self.assert_accounts(node)


if __name__ == "__main__":
    unittest.main()
