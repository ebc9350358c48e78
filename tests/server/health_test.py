"""One account of health: both listeners, the log and a refused client say the same, in each condition."""

import json
import sqlite3
import unittest

from weir import ServerTest, wait_until


class Health(ServerTest):
    def both(self, node):
        """What the two listeners say, once they say the same: a condition may change in between."""
        found = []

        def same():
            found[:] = [(a.status, a.json) for a in (node.request("GET", "/readyz", port=port)
                                                     for port in (node.port, node.operations_port))]
            return found[0] == found[1]
        wait_until(same, 10, lambda: f"both listeners agree: {found}")
        return found[0]

    def wait_for(self, node, state, reason):
        def there():
            self.said = self.both(node)
            return self.said[1]["state"] == state and any(reason in r for r in self.said[1]["reasons"])
        wait_until(there, 20, lambda: f"{state}: {reason}: {self.said}; {node.log_text()[-1500:]}")
        self.assertEqual(self.said[0], 200 if state == "ready" else 503)
        return self.said[1]

    def assert_well(self, node):
        well = {"ready": True, "status": "ready", "state": "ready", "reasons": []}
        wait_until(lambda: self.both(node) == (200, well), 20,
                   lambda: f"it is ready without a reason: {self.both(node)}")

    def break_store(self, node, name):
        """Nobody can write the database while somebody else has begun to."""
        held = sqlite3.connect(node.data / name, isolation_level=None)
        held.execute("begin immediate")
        self.addCleanup(held.close)
        return held

    def test_a_sink_that_is_away_is_a_reason_of_a_node_that_is_ready(self):
        node = self.node(top={"sink": {"busy_timeout": "10ms"}})
        self.assert_well(node)
        held = self.break_store(node, "weir.db")
        self.assertEqual(node.post("default", {"n": 1}).status, 200)
        self.wait_for(node, "ready", "the sink")
        held.rollback()
        self.assert_well(node)

    def test_a_dead_letter_store_that_is_away_is_one_as_well(self):
        node = self.node(streams={"default": {"dead_letters": "store"}})
        held = self.break_store(node, "dead-letters.db")
        node.post("default", "{", "application/x-ndjson")
        self.wait_for(node, "ready", "dead-letter store")
        held.rollback()
        self.assert_well(node)

    def fill(self, node, record):
        def refused():
            answer = node.post("default", record, "application/x-ndjson")
            return answer if answer.status == 503 else None
        return wait_until(refused, 60, "the journal is full")

    def test_a_full_journal_blames_whom_it_waits_for_and_clients_hear_it(self):
        small = ["journal.bytes_max=8MiB", "journal.segment_bytes=1MiB", "ingest.batch_bytes=256KiB"]
        stream = {"dead_letters": "store", "record_bytes_max": "64KiB"}
        for name, culprit in (("weir.db", "the sink"), ("dead-letters.db", "the dead-letter store")):
            with self.subTest(culprit):
                node = self.node(streams={"default": stream}, settings=small, top={"sink": {"busy_timeout": "10ms"}})
                self.assert_well(node)
                held = self.break_store(node, name)
                lines = (json.dumps({"text": "x" * 1000}) + "\n") * 200 + "{\n"
                answer = self.fill(node, lines)
                self.assertEqual(answer.json["code"], "journal_full")
                self.assertIn(f"until {culprit} catches up", answer.json["detail"])
                self.wait_for(node, "refusing", f"{culprit} catches up")
                wait_until(lambda: '"event":"not_ready"' in node.log_text(), 10, "the log says so")
                self.assertIn(answer.json["detail"].split(";")[0], node.log_text())
                held.rollback()
                self.assert_well(node)
                wait_until(lambda: '"event":"ready_again"' in node.log_text(), 10, "the log says so")

    def test_a_stage_that_is_away_closes_both(self):
        node = self.node(top={"fault_injection": True},
                         settings=["supervision.backoff.initial=60s", "supervision.backoff.max=60s"])
        node.operations("POST", "/faults/crash?actor=root/validate/stage")
        self.wait_for(node, "refusing", "a stage is being restarted")
        answer = node.post("default", {"n": 1})
        self.assertEqual((answer.status, answer.json["code"]), (503, "stage_away"))
        self.assertIn("a stage is being restarted", answer.json["detail"])


if __name__ == "__main__":
    unittest.main()
