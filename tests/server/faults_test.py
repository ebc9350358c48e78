"""Any actor can crash under load: no acknowledged record is lost or doubled, and the rest of the tree stays up.

Fault injection is on: POST /faults/crash?actor=ID makes that actor throw, and the transform step `fault` lets a
record crash or hang the worker that holds it."""

import json
import resource
import signal
import threading
import unittest

from durability_test import Writer
from weir import ServerTest, wait_until

POISON = [{"fault": {"field": "kind", "crash": "crash", "hang": "hang"}}]


class Faults(ServerTest):
    def assert_nothing_lost_or_doubled(self, node, writers):
        stored = [b["id"] for b in node.bodies("default")]
        self.assertEqual(len(stored), len(set(stored)), "a record is stored twice")
        self.assertEqual({i for w in writers for i in w.acknowledged} - set(stored), set(), "acknowledged, then lost")

    def crash_under_load(self, actor_id):
        node = self.node(top={"fault_injection": True})
        writers = [Writer(node, f"w{i}", 1 + 20 * (i % 2)) for i in range(4)]
        for w in writers:
            w.start()
        def done():
            return sum(len(w.acknowledged) for w in writers)
        wait_until(lambda: done() > 100, 20, "records flow")
        before = node.actors()
        self.assertIn(actor_id, before)
        answer = node.operations("POST", f"/faults/crash?actor={actor_id}")
        self.assertEqual(answer.status, 200, answer)
        def restarted():
            now = node.actors().get(actor_id)
            return now and now["state"] == "running" and (
                now["restarts_total"] > before[actor_id]["restarts_total"] or now["last_crash"])
        wait_until(restarted, 20, lambda: f"{actor_id} runs again: {node.actors().get(actor_id)}")
        goal = done() + 200
        wait_until(lambda: done() > goal, 30, "records flow again")
        for w in writers:
            w.stopping.set()
        for w in writers:
            w.join(30)
        self.assert_nothing_lost_or_doubled(node, writers)
        self.assert_accounts(node)
        self.assertEqual(node.operations("GET", "/readyz").status, 200)
        after = node.actors()
        return {i for i in after if i in before and after[i]["restarts_total"] > before[i]["restarts_total"]}

    def test_when_a_worker_crashes_no_other_actor_restarts(self):
        for actor in ("root/validate/workers/worker-1", "root/transform/workers/worker-1"):
            self.assertEqual(self.crash_under_load(actor), {actor})

    def test_when_a_stage_crashes_only_its_own_subtree_restarts(self):
        for stage in ("validate", "transform"):
            touched = self.crash_under_load(f"root/{stage}/stage")
            self.assertTrue(all(i.startswith(f"root/{stage}/") for i in touched), touched)

    def test_when_the_journal_crashes_only_persist_restarts(self):
        touched = self.crash_under_load("root/persist/partition-0/journal")
        self.assertTrue(all(i.startswith("root/persist/") for i in touched), touched)

    def test_when_the_sink_writer_crashes_nothing_else_restarts(self):
        self.assertEqual(self.crash_under_load("root/persist/partition-0/sink"), {"root/persist/partition-0/sink"})

    def test_when_dead_letters_registry_or_gateway_crash_nothing_else_restarts(self):
        for actor in ("root/dead-letters", "root/registry", "root/gateway"):
            self.assertEqual(self.crash_under_load(actor), {actor})

    def test_poison_records_are_quarantined_and_their_neighbours_go_through(self):
        node = self.node(top={"fault_injection": True, "pipeline": {"work_deadline": "500ms", "hung_workers_max": 50}},
                         streams={"default": {"transform": POISON}})
        lines = [json.dumps({"n": n, **({"kind": "crash"} if n % 50 == 7 else {})}) for n in range(500)]
        answer = node.post("default", "\n".join(lines), "application/x-ndjson")
        self.assertEqual(answer.status, 200, answer)
        self.assertEqual((answer.json["accepted"], answer.json["quarantined"]), (490, 10))
        self.assertEqual([e["record"] for e in answer.json["errors"]], [n + 1 for n in range(500) if n % 50 == 7])
        self.assertEqual({e["code"] for e in answer.json["errors"]}, {"quarantined"})
        self.assertEqual([b["n"] for b in node.bodies()], [n for n in range(500) if n % 50 != 7])
        wait_until(lambda: len(node.operations("GET", "/dead-letters").json["dead_letters"]) == 10, 10, "dead letters")
        crashes = node.metrics()['weir_worker_restarts_total{stage="transform"}']
        self.assertLessEqual(crashes, 30, "each record at most three workers")
        self.assert_accounts(node)

    def test_a_hung_worker_is_replaced_and_its_record_quarantined(self):
        node = self.node(top={"fault_injection": True, "pipeline": {"work_deadline": "300ms", "hung_workers_max": 50}},
                         streams={"default": {"transform": POISON}})
        good = threading.Event()
        answers = []
        def bystander():
            while not good.is_set():
                answers.append(node.post("default", {"n": len(answers)}).status)
        thread = threading.Thread(target=bystander, daemon=True)
        thread.start()
        answer = node.post("default", '{"kind":"hang"}\n{"kind":"fine"}\n', "application/x-ndjson")
        self.assertEqual((answer.status, answer.json["accepted"], answer.json["quarantined"]), (200, 1, 1), answer)
        good.set()
        thread.join(10)
        self.assertEqual(set(answers), {200})
        self.assertGreaterEqual(node.metrics()["weir_workers_hung"], 1)
        self.assertEqual(node.stop(15), 0)

    def test_a_limit_on_the_size_of_files_is_an_error_and_not_the_end(self):
        node = self.node(settings=["journal.segment_bytes=1MiB", "ingest.batch_bytes=64KiB",
                                   "streams.default.record_bytes_max=32KiB"])
        acknowledged = []
        def post():
            answer = node.post("default", {"n": len(acknowledged), "pad": "x" * 30000})
            if answer.status == 200:
                acknowledged.append(len(acknowledged))
            return answer
        self.assertEqual(post().status, 200)
        was = resource.prlimit(node.process.pid, resource.RLIMIT_FSIZE)
        resource.prlimit(node.process.pid, resource.RLIMIT_FSIZE, (512 << 10, was[1]))
        refused = next(answer for answer in (post() for _ in range(100)) if answer.status != 200)
        self.assertEqual((refused.status, refused.json["code"]), (503, "storage_failed"), refused)
        self.assertIn("File too large", str(refused.json))
        node.assert_runs()
        resource.prlimit(node.process.pid, resource.RLIMIT_FSIZE, was)
        wait_until(lambda: post().status == 200, 20, "2xx again")
        wait_until(lambda: [b["n"] for b in node.bodies()] == acknowledged, 20, "what was acknowledged is stored")
        self.assertEqual(node.stop(), 0)

    def test_a_lease_on_a_segment_that_somebody_opens_is_not_the_end(self):
        node = self.node()
        node.process.send_signal(signal.SIGIO)  # what the kernel sends when somebody does
        self.assertEqual(node.post("default", {"n": 1}).status, 200)
        self.assertEqual(node.bodies(), [{"n": 1}])
        self.assertEqual(node.stop(), 0)

    def test_when_the_root_crashes_the_node_says_why_and_exits_for_its_service_manager(self):
        node = self.node(top={"fault_injection": True})
        self.assertEqual(node.post("default", {"id": "kept"}).status, 200)
        self.assertEqual(node.operations("POST", "/faults/crash?actor=root").status, 200)
        self.assertEqual(node.process.wait(20), 1)
        self.assertIn("root: crash requested", node.log_text())
        node.start()
        wait_until(lambda: [b["id"] for b in node.bodies()] == ["kept"], 10, "the record is there")


if __name__ == "__main__":
    unittest.main()
