"""What the node shows of itself, and what it takes over without a restart."""

import contextlib
import gzip
import json
import os
import pathlib
import re
import select
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import unittest

from weir import BINARY, ROOT, Node, ServerTest, wait_until

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
        self.assertEqual({k for k in m if k.startswith("weir_credit_available")},
                         {f'weir_credit_available{{stage="{stage}"}}'
                          for stage in ("gateway", "validate", "transform")})
        self.assert_accounts(node)

    def test_the_page_has_every_metric_that_is_documented_and_no_other(self):
        page = self.node().operations("GET", "/metrics").body.decode()
        shown = re.findall(r"^# TYPE (\w+) (\w+)$", page, re.M)
        alone, of_cluster = (ROOT / "docs/metrics.md").read_text().split("## Cluster")
        row = re.compile(r"^\| `(\w+)` \| (\w+) \| ", re.M)
        self.assertEqual(shown, row.findall(alone), "in the order of the document")
        self.assertGreater(len(row.findall(of_cluster)), 10)

    def test_the_tree_and_the_queues_are_there_to_read(self):
        node = self.node()
        actors = node.actors()
        for i in ("root", "root/registry", "root/persist", "root/persist/partition-0/journal",
                  "root/persist/partition-0/sink", "root/dead-letters", "root/transform/stage",
                  "root/transform/workers/worker-1", "root/validate/stage", "root/gateway"):
            self.assertEqual(actors[i]["state"], "running", i)
            self.assertGreaterEqual(actors[i]["uptime_seconds"], 0)
        queues = node.operations("GET", "/queues").json["queues"]
        self.assertEqual({q["queue"] for q in queues}, {
            "connections", "admission", "outstanding", "validate", "transform", "journal_group", "journal_disk", "sink",
            "dead_letters"})
        keys = subprocess.run([BINARY, "check", "--keys"], capture_output=True, text=True, check=True).stdout
        for q in queues:
            self.assertGreater(q["capacity"], 0, q)
            for answer in ("bounded_by", "who_blocks", "acceptable", "failure_mode"):
                self.assertTrue(q[answer], q)
            for key in re.findall(r"[a-z_]+\.[a-z_]+", q["bounded_by"]):
                self.assertIn(f"| `{key}` |", keys, q)

    def test_a_log_line_is_one_event_with_fields(self):
        node = self.node(top={"fault_injection": True})
        before = len(node.log_text())  # what is said of the start is not what is looked for
        stage = "root/validate/stage"
        node.operations("POST", f"/faults/crash?actor={stage}")

        def of_stage(name):
            return [e for e in map(json.loads, node.log_text()[before:].splitlines()[:-1] or [])
                    if e["event"] == name and e["path"] == stage]
        wait_until(lambda: of_stage("actor_restarted"), 10, "the restart is logged")
        self.assertEqual(node.stop(), 0)
        events = [json.loads(line) for line in node.log_text().splitlines()]
        names = {e["event"] for e in events}
        self.assertLessEqual({"starting", "listening", "journal_recovered", "stage_up", "stage_away", "actor_ended",
                              "actor_restarted", "draining", "stopped"}, names)
        self.assertNotIn("message", names)
        ended = [e for e in events if e["event"] == "actor_ended"]
        self.assertEqual([(e["path"], e["then"], e["level"]) for e in ended], [(stage, "restart", "warning")])
        self.assertIn("crash requested", ended[0]["reason"])

    def test_liveness_and_readiness_on_both_listeners(self):
        node = self.node()
        for port in (node.port, node.operations_port):
            for path in ("/livez", "/readyz"):
                self.assertEqual(node.request("GET", path, port=port).status, 200)
        self.assertEqual(node.operations("GET", "/nothing").status, 404)
        self.assertEqual(node.operations("POST", "/faults/crash?actor=root").status, 404)

    def test_stalled_connections_leave_the_probes_answered(self):
        node = self.node()
        self.assertTrue(any(self.livez_beside_stalled(node, 40) for _ in range(3)))  # the machine may stall, too

    def livez_beside_stalled(self, node, connections):
        """Whether /livez is answered before the node has given up one of so many unfinished requests."""
        with contextlib.ExitStack() as stack:
            stalled = [stack.enter_context(socket.create_connection(("127.0.0.1", node.operations_port), timeout=10))
                       for _ in range(connections)]
            for s in stalled:
                s.sendall(b"GET /metrics HTTP/1.1\r\nHost")
            self.assertEqual(node.operations("GET", "/livez").status, 200)
            return not select.select(stalled, [], [], 0)[0]  # an answer and a close can both be read

    def test_another_method_is_refused_at_once_with_those_that_are_allowed(self):
        node = self.node()
        for request in (b"POST /livez HTTP/1.1\r\nHost: x\r\n\r\n",  # no Content-Length: there is no body
                        b"DELETE /dead-letters/7 HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n",
                        b"OPTIONS /metrics?x=1 HTTP/1.1\r\nHost: x\r\n\r\n"):
            answer = self.operations_raw(node, request)
            self.assertRegex(answer.split(b"\r\n")[0], rb"HTTP/1.1 405 ", request)
            self.assertIn(b"\r\nAllow: GET, HEAD\r\n", answer)
            self.assertIn(b'"code": "method_not_allowed"', answer)
        answer = self.operations_raw(node, b"POST /nothing HTTP/1.1\r\nHost: x\r\n\r\n")
        self.assertRegex(answer.split(b"\r\n")[0], rb"HTTP/1.1 404 ")

    def operations_raw(self, node, request):
        with socket.create_connection(("127.0.0.1", node.operations_port), timeout=10) as s:
            s.sendall(request)
            return b"".join(iter(lambda: s.recv(65536), b""))

    def test_a_page_has_one_name_however_it_is_percent_encoded(self):
        node = self.node()
        plain = node.operations("GET", "/dead-letters?limit=1")
        self.assertEqual(plain.status, 200, plain.body)
        for target in ("/dead%2Dletters?limit=1", "/%64ead-letters?limit=%31", "/dead-letters?%6cimit=1"):
            answer = node.operations("GET", target)
            self.assertEqual((answer.status, answer.body), (200, plain.body), target)
        self.assertEqual(node.operations("GET", "/%6Cetrics").status, 404)

    def test_a_page_that_is_not_there_is_a_problem_with_a_type(self):
        answer = self.node().operations("GET", "/dead-letters/7")
        self.assertEqual((answer.status, answer.json["type"], answer.json["title"], answer.json["code"]),
                         (404, "urn:weir:problem:not_found", "Not Found", "not_found"))

    def test_dead_letters_are_listed_shown_and_replayed(self):
        node = self.node(streams={"default": {"schema": "s.json", "dead_letters": "store"}},
                         files={"s.json": json.dumps(SCHEMA)})
        node.post("default", '{"n":1}\n{"n":11}\n', "application/x-ndjson")
        letters = wait_until(lambda: node.operations("GET", "/dead-letters").json.get("dead_letters"), 10,
                             "a dead letter")
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

    def test_a_letter_of_a_new_store_is_replayed_though_its_id_was_used_before(self):
        node = self.node(streams={"default": {"schema": "s.json", "dead_letters": "store"}},
                         files={"s.json": "true"})
        self.assertEqual(node.stop(), 0)
        def reject_and_replay(body):
            (node.directory / "s.json").write_text(json.dumps(SCHEMA))
            node.start()
            self.assertEqual(node.post("default", body).json["rejected"], 1)
            wait_until(lambda: node.operations("GET", "/dead-letters").json.get("dead_letters"), 10, "a dead letter")
            (node.directory / "s.json").write_text("true")
            self.assertEqual(node.stop(), 0)
            node.start()
            subprocess.run(node.command("dead-letters", "replay", "--all"), capture_output=True, check=True)
            node.rows()
            self.assertEqual(node.stop(), 0)
        reject_and_replay({"n": 11})
        for n in range(2):  # starts, so that the journal lets go of the letter
            node.start()
            self.assertEqual(node.stop(), 0)
        for path in node.data.glob("dead-letters.db*"):
            path.unlink()
        reject_and_replay({"n": 11})
        self.assertEqual(node.bodies(), [{"n": 11}, {"n": 11}])

    def test_a_replay_that_fails_multiplies_nothing_and_can_be_repeated_after_the_mend(self):
        node = self.node(streams={"default": {"schema": "s.json", "dead_letters": "store", "ack": "accepted"}},
                         files={"s.json": json.dumps(SCHEMA)})
        node.post("default", {"n": 11})
        def open_letters():
            letters = node.operations("GET", "/dead-letters").json.get("dead_letters", [])
            return [letter["id"] for letter in letters if not letter.get("replayed_at")
                    and "superseded_at" not in letter]
        def replay(*arguments):
            return subprocess.run(node.command("dead-letters", "replay", "--all", *arguments),
                                  capture_output=True, text=True)
        for turn in range(1, 4):
            wait_until(lambda: open_letters() == [turn], 10, lambda: f"one letter: {open_letters()}")
            done = replay()
            self.assertEqual(done.returncode, 1, done)
            self.assertIn(f"{turn}: rejected again: schema_violation /n ", done.stdout)
            self.assertIn("; kept as a new letter\n0 replayed, 1 not\n", done.stdout)
        wait_until(lambda: open_letters() == [4], 10, lambda: f"one letter: {open_letters()}")
        (node.directory / "s.json").write_text("true")
        node.process.send_signal(signal.SIGHUP)
        wait_until(lambda: node.metrics()["weir_config_reloads_total"] == 1, 10, "the new schema")
        self.assertEqual(replay().stdout, "4: replayed\n1 replayed, 0 not\n")
        self.assertEqual(node.bodies(), [{"n": 11}])

    def test_send_accounts_for_each_record_also_where_the_stream_answers_at_once(self):
        node = self.node(streams={"default": {"schema": "s.json", "ack": "accepted"}},
                         files={"s.json": json.dumps(SCHEMA)})
        (node.directory / "f.ndjson").write_text('{"n":1}\n{"n":11}\n')
        sent = subprocess.run(node.command("send", str(node.directory / "f.ndjson")), capture_output=True, text=True)
        self.assertEqual(sent.returncode, 1, sent)
        self.assertIn("1 accepted, 1 rejected", sent.stdout)

    def test_what_another_user_may_not_read_is_said(self):
        if os.getuid() != 0:
            self.skipTest("only root can be somebody else")
        node = self.node()
        node.post("default", {"n": 1})
        self.assertEqual(node.bodies(), [{"n": 1}])
        node.directory.chmod(0o755)
        binary = node.directory / "weir"  # where everybody may run it
        shutil.copy(BINARY, binary)
        def as_nobody(*command):
            line = node.command(*command)
            done = subprocess.run([str(binary), *line[1:]], capture_output=True, text=True, user=65534, group=65534,
                                  extra_groups=[])
            self.assertEqual(done.returncode, 1, done)
            return done.stderr
        for command in (["export"], ["dead-letters", "list"]):
            said = as_nobody(*command)
            self.assertRegex(said, f"{node.data}.*[Pp]ermission denied: run it as the server's user")
        node.data.chmod(0o755)
        self.assertRegex(as_nobody("export"), f"{node.data}.*[Pp]ermission denied.*run it as the server's user")

    def test_commands_say_what_is_not_there(self):
        node = self.node()
        node.stop()
        for letters in node.data.glob("dead-letters.db*"):
            letters.unlink()
        def said(*command):
            done = subprocess.run(node.command(*command), capture_output=True, text=True)
            self.assertEqual(done.returncode, 1, done)
            return done.stderr
        self.assertIn("dead-letters.db: cannot open the database", said("dead-letters", "list"))
        self.assertIn("has weir run with this configuration?", said("dead-letters", "list"))
        self.assertIn('--stream: "nope": there is no such stream', said("export", "--stream", "nope"))
        self.assertIn('--stream: "nope": there is no such stream',
                      said("dead-letters", "replay", "--all", "--stream", "nope"))

    def test_a_port_that_is_taken_is_told_with_its_key(self):
        node = self.node()
        with contextlib.closing(Node(settings=[f"ingest.listen=127.0.0.1:{node.port}"])) as other:
            other.start(wait=False)
            self.assertNotEqual(other.process.wait(20), 0)
            self.assertIn("ingest.listen: can't listen on", other.log_text())

    def test_send_gives_up_at_once_where_trying_again_is_of_no_use(self):
        with tempfile.TemporaryDirectory() as certs:
            subprocess.run([BINARY, "certs", "init", certs], check=True, capture_output=True)
            subprocess.run([BINARY, "certs", "issue", "node-1", certs], check=True, capture_output=True)
            node = self.node()
            tls = Node(top={"ingest": {"tls": {"certificate": f"{certs}/node-1.pem", "key": f"{certs}/node-1.key"}}})
            self.addCleanup(tls.close)
            tls.start()
            (node.directory / "f").write_text("a line\n")
            for url, why in ((f"https://127.0.0.1:{tls.port}", "the certificate is not trusted"),
                             (f"https://127.0.0.1:{node.port}", "does the listener speak TLS?")):
                began = time.monotonic()
                sent = subprocess.run([BINARY, "send", str(node.directory / "f"), "--url", url],
                                      capture_output=True, text=True)
                self.assertEqual(sent.returncode, 1, sent)
                self.assertIn(why, sent.stdout)
                self.assertLess(time.monotonic() - began, 3)

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

    def test_sighup_names_the_keys_that_need_a_restart(self):
        node = self.node()
        node.config["shutdown"] = {"deadline": "3s"}
        node.config["ingest"]["client_rate"] = 1000000
        node.write_config()
        node.process.send_signal(signal.SIGHUP)
        wait_until(lambda: node.metrics()["weir_config_reloads_total"] == 1, 10, "the new configuration")
        warning = [e for e in map(json.loads, node.log_text().splitlines()) if e["event"] == "reload_needs_restart"]
        self.assertEqual([e["keys"] for e in warning], ["shutdown.deadline"])

    def test_what_it_writes_is_closed_to_other_users(self):
        node = self.node(streams={"default": {"dead_letters": "store"}})
        node.post("default", '{"n":1}\nbad\n', "application/x-ndjson")
        wait_until(lambda: node.operations("GET", "/dead-letters").json.get("dead_letters"), 10, "a dead letter")
        node.rows()
        written = [p for p in node.data.rglob("*")]
        self.assertGreater(len(written), 4)
        self.assertEqual([(p.name, oct(p.stat().st_mode)) for p in written if p.stat().st_mode & 0o027], [])

    def test_two_nodes_cannot_share_a_data_directory_or_a_port(self):
        node = self.node()
        second = subprocess.run(node.command("run"), capture_output=True, text=True, timeout=20)
        self.assertEqual(second.returncode, 1, second.stderr)
        self.assertIn("another", second.stderr)
        elsewhere = subprocess.run(node.command("run") + ["--set", f"data_dir={node.directory}/other"],
                                   capture_output=True, text=True, timeout=20)
        self.assertEqual(elsewhere.returncode, 1, elsewhere.stderr)
        self.assertEqual(node.post("default", {"n": 1}).status, 200)

    def test_two_nodes_cannot_share_what_they_write_wherever_it_lies(self):
        shared = pathlib.Path(tempfile.mkdtemp(prefix="weir-test-shared-"))
        self.addCleanup(shutil.rmtree, shared, ignore_errors=True)
        (shared / "link").symlink_to(shared / "real")
        (shared / "real").mkdir()
        (shared / "other.db").symlink_to("real/weir.db")
        places = {
            "journal.directory": ({"journal.directory": "real/journal"}, {"journal.directory": "link/journal"}),
            "sink.path": ({"sink.path": "real/weir.db"}, {"sink.path": "other.db"}),
            "sink.path of files": ({"sink.kind": "file", "sink.path": "real/files"},
                                   {"sink.kind": "file", "sink.path": "real/../link/files/"}),
            "dead_letters.path": ({"dead_letters.path": "real/letters.db"}, {"dead_letters.path": "link/letters.db"}),
        }
        for what, settings in places.items():
            with self.subTest(what):
                first, second = ([f"{key}={value if key == 'sink.kind' else shared / value}"
                                  for key, value in one.items()]
                                 for one in settings)
                node = self.node(settings=first)
                beside = Node(settings=second)
                self.addCleanup(beside.close)
                beside.start(wait=False)
                try:
                    self.assertEqual(beside.process.wait(10), 1, beside.log_text())
                except subprocess.TimeoutExpired:
                    self.fail("both nodes run")
                self.assertIn(f"{what.split()[0]}: another weir node uses {shared}", beside.log_text())
                self.assertEqual(node.post("default", {"n": 1}).status, 200)
                wait_until(node.drained, 10, "the record is in the sink")
                export = subprocess.run(node.command("export"), capture_output=True, text=True, timeout=20)
                self.assertEqual((export.returncode, export.stdout), (0, '{"n": 1}\n'), export.stderr)
                self.assertEqual(node.stop(), 0)
                beside.start()
                self.assertEqual(beside.stop(), 0)

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
        done = subprocess.run(node.command("send", str(path), "--batch-bytes", "20KiB"), capture_output=True, text=True,
                              timeout=60)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(sorted(b["n"] for b in node.bodies()), list(range(6000)))

    def test_send_decodes_compressed_files_and_tells_one_that_was_cut_off(self):
        node = self.node()
        plain = "".join(json.dumps({"n": n}) + "\n" for n in range(5000)).encode()
        (node.directory / "a.gz").write_bytes(gzip.compress(plain[:30000]) + gzip.compress(plain[30000:]))
        (node.directory / "a.zst").write_bytes(subprocess.run(["zstd", "-c"], input=plain, capture_output=True,
                                                              check=True).stdout)
        for name in ("a.gz", "a.zst"):
            done = subprocess.run(node.command("send", str(node.directory / name)), capture_output=True, text=True,
                                  timeout=60)
            self.assertEqual((done.returncode, done.stderr), (0, ""))
            self.assertIn("5000 accepted", done.stdout)
        self.assertEqual(sorted(b["n"] for b in node.bodies()), sorted(list(range(5000)) * 2))
        (node.directory / "cut.gz").write_bytes(gzip.compress(plain)[:-20])
        done = subprocess.run(node.command("send", str(node.directory / "cut.gz")), capture_output=True, text=True,
                              timeout=60)
        self.assertEqual(done.returncode, 1)
        self.assertIn("cut.gz: the compressed file ends in the middle", done.stdout)


if __name__ == "__main__":
    unittest.main()
