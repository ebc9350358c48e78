"""I11: records that crash or hang a worker are quarantined after at most three tries; everything else goes through,
and no supervisor gives up."""

import json
import signal
import unittest

from failure import FailureTest, long_or, pause
from weir import wait_until

CRASHES, HANGS = 20, 5
POISON = [{"fault": {"field": "kind", "crash": "crash", "hang": "hang"}}]


def worker_restarts(metrics):
    """Of both stages: a small batch is transformed by who validated it."""
    return sum(metrics[f'weir_worker_restarts_total{{stage="{stage}"}}'] for stage in ("validate", "transform"))


class PoisonIsQuarantined(FailureTest):
    def test_20_crashing_and_5_hanging_records_among_good_traffic(self):
        # The long form has more in a minute than the 300 restarts that workers are allowed.
        node = self.node(streams={"default": {"transform": POISON}}, top={"fault_injection": True},
                         settings=long_or(["supervision.workers.restarts_max=1000"], []))
        before = node.actors()
        load = self.load(node, connections=16, records=10, rate=800)
        crashes = long_or(10, 1) * CRASHES
        kinds = ["crash"] * crashes + ["hang"] * HANGS
        self.chance.shuffle(kinds)
        for number, kind in enumerate(kinds):
            # Each poison has neighbours before and behind it in its own request.
            body = "".join(json.dumps({"c": f"p{number}", "n": n, **({"kind": kind} if n == 3 else {})}) + "\n"
                           for n in range(7))
            answer = node.post("default", body, "application/x-ndjson")
            self.assertEqual(answer.status, 200, answer)
            self.assertEqual((answer.json["accepted"], answer.json["quarantined"]), (6, 1), answer)
            self.assertEqual([(e["record"], e["code"]) for e in answer.json["errors"]], [(4, "quarantined")])
        load.stop()
        self.assert_only(load, 200)
        stored = node.bodies()
        self.assert_ledger(node, load, stored=[(b["c"], b["n"]) for b in stored if b["c"][0] != "p"])
        self.assertEqual(sum(b["c"][0] == "p" for b in stored), 6 * len(kinds))
        self.assertFalse([b for b in stored if "kind" in b])
        wait_until(lambda: node.metrics()["weir_dead_letters_stored_total"] == len(kinds), 10, "dead letters")
        after = node.actors()
        self.assertLessEqual(worker_restarts(node.metrics()), 3 * len(kinds), "a record had more than three tries")
        restarted = {i for i, a in after.items() if i not in before
                     or a["restarts_total"] > before[i]["restarts_total"]}
        self.assertTrue(all("/workers/worker-" in i for i in restarted), restarted)
        self.assert_accounts(node)
        self.assertEqual(node.stop(15), 0)

    def test_who_comes_behind_a_hanging_record_is_answered_before_it(self):
        node = self.node(streams={"default": {"transform": POISON}}, top={"fault_injection": True},
                         settings=["ingest.threads=1", "pipeline.validate.workers=2", "pipeline.work_deadline=20s"])
        hanging = node.connection()
        self.addCleanup(hanging.close)
        hanging.request("POST", "/ingest/default", json.dumps({"kind": "hang"}), {"Content-Type": "application/json"})
        wait_until(lambda: node.metrics()["weir_records_in_flight"] == 1, 10, "it is under way, with nobody beside it")
        for n in range(3):
            self.assertEqual(node.post("default", {"n": n}).status, 200)
        self.assertEqual(node.metrics()["weir_records_in_flight"], 1)

    def test_hanging_records_in_one_request_are_quarantined_though_its_time_is_up(self):
        node = self.node(streams={"default": {"transform": POISON}}, top={"fault_injection": True},
                         settings=["ingest.request_timeout=1s", "pipeline.work_deadline=500ms"])
        body = "".join(json.dumps({"n": n, **({"kind": "hang"} if n % 2 else {})}) + "\n" for n in range(7))
        answer = node.post("default", body, "application/x-ndjson")
        self.assertEqual((answer.status, answer.json["code"]), (503, "deadline_exceeded"), answer)
        wait_until(lambda: node.metrics()["weir_dead_letters_stored_total"] == 3, 20, "its outcome")
        self.assertEqual(sorted(b["n"] for b in node.bodies()), [0, 2, 4, 6])
        hung = node.metrics()["weir_workers_hung"]
        self.assertLessEqual(hung, 6, "a record had more than two tries")
        answer = node.post("default", body, "application/x-ndjson")  # as a client does that was told to come again
        self.assertEqual((answer.status, answer.json["accepted"], answer.json["quarantined"]), (200, 4, 3), answer)
        self.assertEqual(node.metrics()["weir_workers_hung"], hung, "the repeat cost workers")
        self.assert_accounts(node)

    def test_a_node_that_was_stopped_for_longer_than_the_work_deadline_blames_nobody(self):
        slow = [{"fault": {"field": "c", "delay": {"contains": "-", "ms": 20}}}]
        node = self.node(streams={"default": {"transform": slow}}, top={"fault_injection": True},
                         settings=["pipeline.work_deadline=800ms"])
        load = self.load(node, connections=4, records=3, rate=15)
        for _ in range(long_or(20, 3)):
            pause(0.3)
            node.process.send_signal(signal.SIGSTOP)
            pause(1.5)
            node.process.send_signal(signal.SIGCONT)
        load.stop()
        self.assert_only(load, 200)
        self.assert_ledger(node, load)
        metrics = node.metrics()
        self.assertEqual(metrics["weir_workers_hung"], 0)
        self.assertEqual(worker_restarts(metrics), 0)

    def test_a_whole_request_of_poison_is_refused_and_the_node_goes_on(self):
        node = self.node(streams={"default": {"transform": POISON}}, top={"fault_injection": True})
        answer = node.post("default", '{"kind":"crash"}\n' * 20, "application/x-ndjson")
        self.assertEqual((answer.status, answer.json["code"]), (422, "all_records_rejected"), answer)
        self.assertEqual(answer.json["quarantined"], 20)
        self.assertEqual(node.post("default", {"kind": "fine"}).status, 200)
        self.assertEqual(node.bodies(), [{"kind": "fine"}])
        self.assert_accounts(node)


if __name__ == "__main__":
    unittest.main()
