"""I3: a 4xx, 429 or 503 has stored nothing, and a batch is stored whole or not at all."""

import json
import unittest

from faults import SYNC
from failure import FailureTest, long_or, pause

SCHEMA = {"type": "object", "properties": {"kind": {"enum": ["good"]}}}


class RefusedStoresNothing(FailureTest):
    def test_rate_limits_refuse_whole_requests(self):
        node = self.node(streams={"default": {"records_per_second": 2000, "burst": 500}})
        load = self.load(node, connections=8, records=50, seconds=long_or(30, 3)).wait()
        self.assert_only(load, 200, 429)
        self.assertGreater(load.count(429), 0)
        self.assertGreater(load.count(200), 0)
        self.assert_ledger(node, load)
        self.assert_accounts(node)

    def test_saturation_refuses_whole_requests(self):
        for policy in ("reject", "shed", "wait"):
            with self.subTest(policy=policy):
                node = self.faulty_node(streams={"default": {"admission": policy, "admission_wait": "5ms"}},
                                        settings=["ingest.batches_in_flight=4"])
                node.faults.rule(SYNC, "/journal/", delay_ms=20)
                load = self.load(node, connections=40, records=300, pad=300, seconds=long_or(30, 2)).wait()
                self.assert_only(load, 200, 503)
                self.assertGreater(load.count(503), 0)
                self.assertGreater(load.count(200), 0)
                self.assert_ledger(node, load)
                self.assert_accounts(node)

    def test_failing_syncs_store_nothing_of_what_they_refused(self):
        node = self.faulty_node()
        loads = [self.load(node, connections=8), self.load(node, connections=4, records=300)]
        for _ in range(long_or(60, 6)):
            with node.faults.during(SYNC, "/journal/", error="EIO", count=self.chance.randrange(1, 4)):
                pause(self.chance.uniform(0.05, 0.3))
        pause(0.2)
        for load in loads:
            self.assert_only(load.stop(), 200, 503)
        self.assertGreater(sum(load.count(503) for load in loads), 0)
        self.assert_ledger(node, *loads)
        node.kill()  # what was refused must not come back with the journal's recovery either
        node.start()
        self.assert_ledger(node, *loads)

    def test_what_is_malformed_or_rejected_as_a_whole_leaves_no_trace(self):
        node = self.node(streams={"default": {"schema": "s.json", "record_bytes_max": "1KiB"}},
                         files={"s.json": json.dumps(SCHEMA)})
        wrong = {"application/x-ndjson": [b"", b"\n\n", b"[1]\n2\n", b'{"kind":"bad"}\n'],
                 "application/json": [b"", b"{", b'{"kind":"bad"}', b"[" * 2000, b"[1,2", b'[{"n":1},{"n":2}'],
                 "text/csv": [b"", b"a,b\n"], "image/png": [b"\x89PNG"]}
        for content_type, bodies in wrong.items():
            for body in bodies + [b'{"pad":"' + b"x" * 5000 + b'"}\n']:
                answer = node.post("default", body, content_type)
                self.assertEqual(answer.status // 100, 4, (content_type, body[:50], answer))
                self.assertTrue(answer.json["code"])
        self.assertEqual(node.rows(), [])
        self.assert_accounts(node)


if __name__ == "__main__":
    unittest.main()
