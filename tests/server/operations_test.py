"""What the node shows of itself, and what it takes over without a restart."""

import json
import os
import signal
import subprocess
import unittest

from weir import ServerTest, wait_until, BINARY

SCHEMA = {"type": "object", "properties": {"n": {"maximum": 10}}}


class Operations(ServerTest):
    def test_metrics_are_clean_and_count_what_happened(self):
        node = self.node()
        node.post("default", '{"n":1}\nbad\n', "application/x-ndjson")
        text = node.operations("GET", "/metrics").body
        lint = subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True)
        self.assertEqual((lint.returncode, lint.stdout + lint.stderr), (0, b""))
        m = node.metrics()
        self.assertEqual(m["weir_records_accepted_total"], 1)
        self.assertEqual(m['weir_records_rejected_total{reason="malformed_json"}'], 1)
        self.assertEqual(m['weir_records_processed_total{stage="validate"}'], 2)
        for name in ("weir_queue_depth", "weir_queue_capacity", "weir_credit_available", "weir_build_info",
                     "weir_processing_errors_total", "weir_worker_restarts_total"):
            self.assertTrue([k for k in m if k.startswith(name)], name)
        self.assert_accounts(node)

    def test_the_tree_and_the_queues_are_there_to_read(self):
        node = self.node()
        actors = node.actors()
        for i in ("root", "root/registry", "root/persist", "root/persist/partition-0/journal",
                  "root/persist/partition-0/sink", "root/dead-letters", "root/transform/stage",
                  "root/transform/workers/worker-1", "root/validate/stage", "root/gateway"):
            self.assertEqual(actors[i]["state"], "running", i)
            self.assertGreaterEqual(actors[i]["uptime_seconds"], 0)
        queues = node.operations("GET", "/queues").json["queues"]
        self.assertGreaterEqual(len(queues), 4)
        for q in queues:
            self.assertGreater(q["capacity"], 0, q)
            for answer in ("bounded_by", "who_blocks", "acceptable", "failure_mode"):
                self.assertTrue(q[answer], q)

    def test_liveness_and_readiness_on_both_listeners(self):
        node = self.node()
        for port in (node.port, node.operations_port):
            for path in ("/livez", "/readyz"):
                self.assertEqual(node.request("GET", path, port=port).status, 200)
        self.assertEqual(node.operations("GET", "/nothing").status, 404)
        self.assertEqual(node.operations("POST", "/faults/crash?actor=root").status, 404)

    def test_dead_letters_are_listed_shown_and_replayed(self):
        node = self.node(streams={"default": {"schema": "s.json", "dead_letters": "store"}},
                         files={"s.json": json.dumps(SCHEMA)})
        node.post("default", '{"n":1}\n{"n":11}\n', "application/x-ndjson")
        letters = wait_until(lambda: node.operations("GET", "/dead-letters").json["dead_letters"], 10, "a dead letter")
        self.assertEqual((letters[0]["code"], letters[0]["pointer"], letters[0]["line"]), ("schema_violation", "/n", 2))
        shown = node.operations("GET", f"/dead-letters/{letters[0]['id']}").json
        self.assertEqual(shown["body"], '{"n":11}')
        listed = subprocess.run(node.command("dead-letters", "list"), capture_output=True, text=True, check=True)
        self.assertIn("schema_violation", listed.stdout)
        (node.directory / "s.json").write_text("true")
        node.process.send_signal(signal.SIGHUP)
        wait_until(lambda: node.metrics()["weir_config_reloads_total"] == 1, 10, "the new schema")
        subprocess.run(node.command("dead-letters", "replay", "--all"), capture_output=True, check=True)
        self.assertEqual(node.bodies(), [{"n": 1}, {"n": 11}])

    def test_sighup_takes_over_a_good_configuration_and_keeps_the_old_one_on_an_error(self):
        node = self.node(streams={"default": {"schema": "s.json"}}, files={"s.json": json.dumps(SCHEMA)})
        self.assertEqual(node.post("default", {"n": 11}).status, 422)
        (node.directory / "s.json").write_text('{"maximun": 1}')
        node.process.send_signal(signal.SIGHUP)
        wait_until(lambda: node.metrics()["weir_config_reload_failed"] == 1, 10, "the refusal")
        self.assertIn("maximun", node.log_text())
        self.assertEqual(node.post("default", {"n": 11}).status, 422)
        (node.directory / "s.json").write_text('{"properties": {"n": {"maximum": 20}}}')
        node.config["streams"]["second"] = {}
        node.write_config()
        node.process.send_signal(signal.SIGHUP)
        wait_until(lambda: node.metrics()["weir_config_reloads_total"] == 1, 10, "the new configuration")
        self.assertEqual(node.metrics()["weir_config_reload_failed"], 0)
        self.assertEqual(node.post("default", {"n": 11}).status, 200)
        self.assertEqual(node.post("second", {"n": 99}).status, 200)

    def test_two_nodes_cannot_share_a_data_directory_or_a_port(self):
        node = self.node()
        second = subprocess.run(node.command("run"), capture_output=True, text=True, timeout=20)
        self.assertEqual(second.returncode, 1, second.stderr)
        self.assertIn("another", second.stderr)
        elsewhere = subprocess.run(node.command("run") + ["--set", f"data_dir={node.directory}/other"],
                                   capture_output=True, text=True, timeout=20)
        self.assertEqual(elsewhere.returncode, 1, elsewhere.stderr)
        self.assertEqual(node.post("default", {"n": 1}).status, 200)

    def test_a_bad_configuration_ends_with_78_and_says_where(self):
        node = self.node()
        node.config["ingest"]["lisen"] = "x"
        node.write_config()
        for command in ("check", "run"):
            done = subprocess.run(node.command(command), capture_output=True, text=True, timeout=20)
            self.assertEqual(done.returncode, 78, done)
            self.assertIn("ingest.lisen", done.stderr)
            self.assertRegex(done.stderr, r"weir\.yaml:\d+")
        self.assertEqual(subprocess.run([BINARY, "frobnicate"], capture_output=True).returncode, 2)
        self.assertEqual(subprocess.run([BINARY, "version"], capture_output=True).returncode, 0)

    def test_send_posts_a_file_and_honours_retry_after(self):
        node = self.node(streams={"default": {"records_per_second": 4000, "burst": 4000}})
        path = node.directory / "events.ndjson"
        path.write_text("".join(json.dumps({"n": n}) + "\n" for n in range(6000)))
        done = subprocess.run(node.command("send", str(path), "--batch-bytes", "20KiB"), capture_output=True, text=True, timeout=60)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(sorted(b["n"] for b in node.bodies()), list(range(6000)))


if __name__ == "__main__":
    unittest.main()
