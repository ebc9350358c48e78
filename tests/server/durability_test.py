"""What was answered 2xx is there after kill -9; a repeated key stores nothing twice."""

import http.client
import json
import random
import threading
import unittest

from weir import ServerTest, wait_until


class Writer(threading.Thread):
    """Posts records with unique ids until told to stop; remembers which were acknowledged. A request whose
    outcome is unknown is repeated with its key, as a careful client does."""

    def __init__(self, node, name, batch):
        super().__init__(daemon=True)
        self.node, self.batch, self.prefix = node, batch, name
        self.acknowledged, self.statuses, self.stopping = [], {}, threading.Event()
        self.sent = 0

    def run(self):
        while not self.stopping.is_set():
            ids = [f"{self.prefix}-{self.sent + i}" for i in range(self.batch)]
            body = "".join(json.dumps({"id": i}) + "\n" for i in ids)
            key = f"{self.prefix}-{self.sent}"
            self.sent += self.batch
            while not self.stopping.is_set():
                try:
                    answer = self.node.post("default", body, "application/x-ndjson", Idempotency_Key=key)
                except (OSError, http.client.HTTPException):
                    self.stopping.wait(0.02)
                    continue
                self.statuses[answer.status] = self.statuses.get(answer.status, 0) + 1
                if answer.status == 200:
                    self.acknowledged += ids
                    break
                self.stopping.wait(0.02)


class Durability(ServerTest):
    def write_for_a_while(self, node, count, disturb):
        writers = [Writer(node, f"w{i}", 1 + 20 * (i % 3)) for i in range(count)]
        for w in writers:
            w.start()
        disturb(writers)
        for w in writers:
            w.stopping.set()
        for w in writers:
            w.join(30)
        return writers

    def assert_nothing_lost_or_doubled(self, node, writers):
        stored = [b["id"] for b in node.bodies()]
        self.assertEqual(len(stored), len(set(stored)), "a record is stored twice")
        missing = {i for w in writers for i in w.acknowledged} - set(stored)
        self.assertEqual(missing, set(), "acknowledged, then lost")

    def test_kill_9_under_load_loses_and_doubles_nothing(self):
        node = self.node()
        chance = random.Random(11)

        def kill_five_times(writers):
            for _ in range(5):
                goal = sum(len(w.acknowledged) for w in writers) + chance.randrange(50, 400)
                wait_until(lambda: sum(len(w.acknowledged) for w in writers) > goal, 30, "records flow")
                node.kill()
                node.start()

        writers = self.write_for_a_while(node, 6, kill_five_times)
        self.assert_nothing_lost_or_doubled(node, writers)

    def test_an_idempotency_key_is_free_to_repeat_also_after_a_restart(self):
        node = self.node()
        first = node.post("default", '{"n":1}\n{"n":2}\nbad\n', "application/x-ndjson", Idempotency_Key="k1")
        self.assertEqual(first.status, 200, first)
        again = node.post("default", '{"n":1}\n{"n":2}\nbad\n', "application/x-ndjson", Idempotency_Key="k1")
        self.assertEqual(again.status, 200, again)
        for member in ("batch", "accepted", "rejected", "errors"):
            self.assertEqual(again.json[member], first.json[member])
        other = node.post("default", '{"n":3}\n', "application/x-ndjson", Idempotency_Key="k1")
        self.assertEqual((other.status, other.json["code"]), (422, "key_reused"))
        node.rows()
        for end in (node.stop, node.kill):
            end()
            node.start()
            again = node.post("default", '{"n":1}\n{"n":2}\nbad\n', "application/x-ndjson", Idempotency_Key="k1")
            self.assertEqual((again.status, again.json["accepted"]), (200, 2), again)
            other = node.post("default", '{"n":3}\n', "application/x-ndjson", Idempotency_Key="k1")
            self.assertEqual(other.status, 422, other)
        self.assertEqual(node.bodies(), [{"n": 1}, {"n": 2}])

    def test_weir_ack_chooses_what_a_2xx_means(self):
        node = self.node()
        self.assertEqual(node.post("default", {"n": 1}, Weir_Ack="accepted").status, 202)
        self.assertEqual(node.post("default", {"n": 2}, Prefer="respond-async").status, 202)
        self.assertEqual(node.post("default", {"n": 3}, Weir_Ack="stored").status, 200)
        self.assertIn({"n": 3}, node.bodies())
        wait_until(lambda: len(node.rows()) == 3, 10, "the 202s are stored too")

    def test_export_prints_every_durable_record_also_while_the_server_is_down(self):
        node = self.node()
        for n in range(20):
            node.post("default", {"n": n})
        self.assertEqual([r["n"] for r in node.export()], list(range(20)))
        node.kill()
        self.assertEqual([r["n"] for r in node.export()], list(range(20)))
        with_meta = node.export("--meta", "--limit", "1")[0]
        self.assertEqual((with_meta["id"], with_meta["stream"], with_meta["body"]), (1, "default", {"n": 0}))

    def test_sigterm_under_load_answers_everything_and_exits_0(self):
        node = self.node()
        def stop(writers):
            wait_until(lambda: sum(len(w.acknowledged) for w in writers) > 500, 30, "records flow")
            self.assertEqual(node.stop(10), 0)
        writers = self.write_for_a_while(node, 8, stop)
        for w in writers:
            self.assertLessEqual(set(w.statuses), {200, 503})
        node.start()
        self.assert_nothing_lost_or_doubled(node, writers)
        self.assert_accounts(node)


if __name__ == "__main__":
    unittest.main()
