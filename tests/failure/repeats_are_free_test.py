"""I2: no record is stored twice, also when a client repeats a request whose outcome it does not know."""

import json
import socket
import threading
import unittest

from failure import FailureTest, long_or, pause
from weir import wait_until

ROUNDS = 6


class RepeatsAreFree(FailureTest):
    def test_impatient_clients_that_hang_up_and_repeat_under_kill_9_double_nothing(self):
        node = self.node()
        # Answers take longer than these clients wait, so that the same key is often in flight twice.
        loads = [self.load(node, connections=8, keyed=True, repeat=True, answer_timeout_ms=ms, pause_ms=1, records=n)
                 for ms, n in ((2, 1), (5, 40), (30, 1))]
        for _ in range(long_or(100, ROUNDS)):
            pause(self.chance.uniform(0.1, 0.5))
            node.kill()
            node.start()
        pause(0.3)
        repeated = 0
        for load in loads:
            load.stop()
            repeated += load.count(0, -1)
        self.assertGreater(repeated, 0)
        self.assert_ledger(node, *loads)

    def test_one_key_sent_by_many_clients_at_once_is_stored_once(self):
        node = self.node()
        for round_number in range(long_or(200, 20)):
            answers = []
            body = "".join(json.dumps({"c": "same", "n": round_number * 10 + i}) + "\n" for i in range(10))
            def send(body=body, key=f"k{round_number}", answers=answers):
                answers.append(node.post("default", body, "application/x-ndjson", Idempotency_Key=key))
            threads = [threading.Thread(target=send) for _ in range(8)]
            for t in threads:
                t.start()
            for t in threads:
                t.join()
            self.assertEqual([a.status for a in answers], [200] * 8)
            self.assertEqual(len({a.json["batch"] for a in answers}), 1)
            self.assertEqual({a.json["accepted"] for a in answers}, {10})
        stored = [b["n"] for b in node.bodies()]
        self.assertEqual(sorted(stored), list(range(len(stored))))
        self.assert_accounts(node)

    def test_a_streamed_body_that_breaks_off_anywhere_and_is_repeated_is_stored_once(self):
        node = self.node(settings=["ingest.batch_bytes=64KiB", "streams.default.record_bytes_max=4KiB"])
        records = 4000
        body = b"".join(b'{"c":"long","n":%d,"pad":"%s"}\n' % (n, b"x" * 200) for n in range(records))
        head = (b"POST /ingest/default HTTP/1.1\r\nHost: w\r\nContent-Type: application/x-ndjson\r\n"
                b"Idempotency-Key: long\r\nContent-Length: %d\r\n\r\n" % len(body))
        for _ in range(long_or(100, 10)):
            cut = self.chance.randrange(len(body))
            with socket.create_connection(("127.0.0.1", node.port), timeout=30) as s:
                s.sendall(head + body[:cut])
            if self.chance.random() < 0.3:
                node.kill()
                node.start()
        wait_until(lambda: node.metrics()["weir_http_connections_open"] == 0, 30, "broken connections are gone")
        answer = node.post("default", body, "application/x-ndjson", Idempotency_Key="long")
        self.assertEqual((answer.status, answer.json["accepted"]), (200, records), answer)
        self.assertEqual(sorted(b["n"] for b in node.bodies()), list(range(records)))


if __name__ == "__main__":
    unittest.main()
