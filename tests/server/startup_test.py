"""Starting up is no failure: what is being made is waited for, and the log says nothing but what happened."""

import contextlib
import json
import os
import signal
import subprocess
import unittest

from weir import Node, ServerTest, wait_until

STARTS = 40


class Startup(ServerTest):
    def first_start(self, **arguments):
        """A node on an empty directory, from its start until it is stopped: its log."""
        node = Node(**arguments)
        try:
            node.start(wait=False)
            wait_until(lambda: node.assert_runs() or '"event":"ready"' in node.log_text(), 60,
                       "it says that it is ready")
            self.assertEqual(node.operations("GET", "/readyz").json, {
                "ready": True, "status": "ready", "state": "ready", "reasons": []})
            self.assertEqual(node.post("default", {"n": 1}).status, 200, "whoever heard of it can send at once")
            restarts = {i: a["restarts_total"] for i, a in node.actors().items() if a["restarts_total"]}
            self.assertEqual(node.stop(30), 0)
            return node, [json.loads(line) for line in node.log_text().splitlines()], restarts
        finally:
            node.close()

    def assert_quiet(self, node, events, restarts):
        self.assertEqual(restarts, {})
        self.assertEqual([e for e in events if e["level"] in ("warning", "error")], [])
        names = [e["event"] for e in events]
        self.assertEqual(names.count("ready"), 1, names)
        for unusual in ("stage_away", "not_ready", "actor_restarted", "ready_again"):
            self.assertNotIn(unusual, names)
        ready = next(e for e in events if e["event"] == "ready")
        self.assertEqual({k: ready[k] for k in ("ingest", "operations", "tls", "roles", "data_dir")}, {
            "ingest": f"http://127.0.0.1:{node.port}", "operations": f"http://127.0.0.1:{node.operations_port}",
            "tls": False, "roles": "gateway, worker, persister", "data_dir": str(node.data)})

    def test_each_of_many_first_starts_is_quiet(self):
        for _ in range(STARTS):
            self.assert_quiet(*self.first_start())

    def test_first_starts_on_a_busy_machine_are_quiet(self):
        with contextlib.ExitStack() as busy:
            for _ in range(2 * os.cpu_count()):
                loop = busy.enter_context(subprocess.Popen(["nice", "sh", "-c", "while :; do :; done"]))
                busy.callback(loop.send_signal, signal.SIGKILL)
            for _ in range(STARTS // 4):
                self.assert_quiet(*self.first_start())

    def test_first_starts_of_the_file_sink_are_quiet(self):
        for _ in range(STARTS // 4):
            self.assert_quiet(*self.first_start(top={"sink": {"kind": "file"}}))

    def test_a_second_start_is_as_quiet(self):
        node = self.node()
        node.post("default", {"n": 1})
        for stop in (node.stop, node.kill):
            stop()
            before = len(node.log_text())
            node.start()
            wait_until(lambda: '"event":"ready"' in node.log_text()[before:], 20, "it says that it is ready")
            events = [json.loads(line) for line in node.log_text()[before:].splitlines()]
            self.assertEqual([e for e in events if e["level"] in ("warning", "error")], [])
            self.assertEqual([e["event"] for e in events].count("ready"), 1)

    def test_whoever_looks_at_a_node_that_just_starts_finds_no_half_made_store(self):
        for _ in range(10):
            node = Node()
            try:
                node.start(wait=False)
                while '"event":"ready"' not in node.log_text():
                    node.assert_runs()
                    listed = subprocess.run(node.command("dead-letters", "list"), capture_output=True, text=True)
                    self.assertNotIn("empty", listed.stderr)
                letters = subprocess.run(node.command("dead-letters", "list"), capture_output=True)
                self.assertEqual(letters.returncode, 0)
                with contextlib.suppress(AttributeError):
                    self.assertEqual(node.operations("GET", "/dead-letters").json["dead_letters"], [])
            finally:
                node.close()


if __name__ == "__main__":
    unittest.main()
