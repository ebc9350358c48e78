"""A node on PostgreSQL: what clients were told is in the database once, whatever ends in between."""

import json
import subprocess
import threading
import unittest

from postgres import PostgresServer
from weir import Node, ServerTest, wait_until


class Postgres(ServerTest):
    databases = 0

    @classmethod
    def setUpClass(cls):
        cls.server = PostgresServer()
        cls.addClassCleanup(cls.server.close)

    def setUp(self):
        Postgres.databases += 1
        self.database = f"weir_{Postgres.databases}"
        self.server.sql(f"CREATE DATABASE {self.database}")

    def on_postgres(self, start=True, settings=None, **sink):
        node = Node(top={"sink": {"kind": "postgres", "url": self.server.url(self.database), **sink}},
                    settings=settings)
        self.addCleanup(node.close)
        node.write_config()
        return node.start() if start else node

    def stored(self):
        return [int(n) for (n,) in self.server.sql("SELECT body ->> 'n' FROM records", self.database)]

    def run_command(self, node, name, *arguments):
        return subprocess.run(node.command(name, *arguments), check=False, capture_output=True, text=True, timeout=60)

    def test_records_are_stored_exported_and_acknowledged_as_stored(self):
        node = self.on_postgres()
        self.assertEqual(node.post("default", {"n": 1}, Weir_Ack="stored").status, 200)
        self.assertEqual(self.stored(), [1])
        first = node.post("default", {"n": 2}, Idempotency_Key="k").json
        again = node.post("default", {"n": 2}, Idempotency_Key="k").json
        self.assertEqual(first["batch"], again["batch"])
        wait_until(node.drained, 20, "the sink catches up")
        self.assertEqual(sorted(self.stored()), [1, 2])
        self.assertEqual(self.server.value(
            f"SELECT count(*) FROM records WHERE batch = '{first['batch']}'", self.database), "1")
        out = self.run_command(node, "export", "--meta")
        self.assertEqual([json.loads(line)["body"]["n"] for line in out.stdout.splitlines()], [1, 2], out.stderr)
        self.assertEqual([json.loads(line)["id"] for line in out.stdout.splitlines()], [1, 2])

    def test_parts_of_a_split_record_are_rows_and_a_repeat_counts_records_also_from_the_database_alone(self):
        node = Node(top={"sink": {"kind": "postgres", "url": self.server.url(self.database)}},
                    streams={"default": {"transform": [{"split": "logs"}]}})
        self.addCleanup(node.close)
        node.start()
        body = {"logs": [{"n": n} for n in range(25)]}
        first = node.post("default", body, Idempotency_Key="k", Weir_Ack="stored")
        self.assertEqual((first.status, first.json["accepted"]), (200, 1), first)
        self.assertEqual(sorted(self.stored()), list(range(25)))
        self.assertEqual(self.server.value("SELECT count(DISTINCT id) FROM records", self.database), "25")
        self.assertEqual(self.server.value("SELECT accepted FROM batch_keys WHERE keyed", self.database), "1")
        node.kill()
        subprocess.run(["rm", "-rf", str(node.data)], check=True)
        node.start()
        again = node.post("default", body, Idempotency_Key="k", Weir_Ack="stored")
        self.assertEqual((again.status, again.json["accepted"]), (200, 1), again)
        self.assertEqual(len(self.stored()), 25)

    def test_a_record_that_jsonb_cannot_hold_is_set_aside_and_counted(self):
        node = self.on_postgres()
        self.assertEqual(node.post("default", '{"n":1,"a":"\\u0000"}\n{"n":2}\n', "application/x-ndjson",
                                   Weir_Ack="stored").json["accepted"], 2)
        self.assertEqual(self.stored(), [2])
        self.assertEqual(node.metrics()["weir_sink_set_aside_total"], 1)

    def test_a_key_from_before_a_lost_disk_is_not_stored_again(self):
        node = self.on_postgres()
        node.post("default", {"n": 1}, Idempotency_Key="k", Weir_Ack="stored")
        node.kill()
        subprocess.run(["rm", "-rf", str(node.data)], check=True)
        node.start()
        self.assertEqual(node.post("default", {"n": 1}, Idempotency_Key="k").status, 200)
        self.assertEqual(node.post("default", {"n": 2}, Weir_Ack="stored").status, 200)
        self.assertEqual(sorted(self.stored()), [1, 2])

    def test_a_node_takes_records_while_the_database_is_away_from_its_start_on(self):
        server = PostgresServer()
        self.addCleanup(server.close)
        server.stop()
        node = Node(top={"sink": {"kind": "postgres", "url": server.url()}})
        self.addCleanup(node.close)
        node.start(wait=False)
        wait_until(lambda: node.process.poll() is None and self.answers(node, {"n": 1}), 20, "it takes a record")
        self.assertTrue(self.answers(node, {"n": 2}))
        server.start()
        wait_until(node.drained, 30, "the sink catches up")
        self.assertEqual(sorted(server.sql("SELECT body ->> 'n' FROM records")), [["1"], ["2"]])

    def answers(self, node, record):
        try:
            return node.post("default", record).status == 200
        except OSError:
            return False

    def test_kills_of_node_and_database_lose_and_double_nothing(self):
        server = PostgresServer()
        self.addCleanup(server.close)
        node = Node(top={"sink": {"kind": "postgres", "url": server.url(), "connections": 2}})
        self.addCleanup(node.close)
        node.start()
        sent, done = [], threading.Event()

        def send():
            n = 0
            while not done.is_set():
                n += 1
                body = "\n".join(json.dumps({"n": n * 1000 + i}) for i in range(50))
                while not done.is_set():
                    try:
                        answer = node.post("default", body, "application/x-ndjson", Idempotency_Key=f"key-{n}")
                        if answer.status == 200:
                            sent.append(n)
                            break
                    except OSError:
                        pass

        sender = threading.Thread(target=send)
        sender.start()
        try:
            for round_ in range(4):
                goal = len(sent) + 20
                wait_until(lambda: len(sent) >= goal, 60, "requests are answered")
                if round_ % 2 == 0:
                    server.stop(9)
                    server.start()
                else:
                    node.kill()
                    node.start()
        finally:
            done.set()
            sender.join()
        wait_until(node.drained, 60, "the sink catches up")
        rows = [int(n) for (n,) in server.sql("SELECT body ->> 'n' FROM records")]
        self.assertEqual(len(rows), len(set(rows)), "doubled")
        self.assertEqual({n * 1000 + i for n in sent for i in range(50)} - set(rows), set(), "lost")

    def test_a_schema_that_is_not_known_stops_the_start_and_says_what_to_do(self):
        node = self.on_postgres(start=False, migrate=False)
        node.start(wait=False)
        self.assertEqual(node.process.wait(20), 1)
        self.assertIn("run `weir migrate`", node.log_text())
        migrated = self.run_command(node, "migrate")
        self.assertEqual(migrated.returncode, 0, migrated.stderr)
        self.assertIn("version 1", migrated.stdout)
        self.assertIn("as it was", self.run_command(node, "migrate").stdout)
        node.start()
        self.assertEqual(node.post("default", {"n": 1}, Weir_Ack="stored").status, 200)
        self.assertEqual(node.stop(), 0)
        self.server.sql("UPDATE weir_schema SET version = 99", self.database)
        for command in ("run", "migrate", "export"):
            refused = self.run_command(node, command)
            self.assertEqual(refused.returncode, 1)
            self.assertIn("schema version 99", refused.stderr)

    def test_check_connects_on_request_and_never_shows_the_password(self):
        node = self.on_postgres(start=False, settings=["sink.url=postgresql://weir:hush@127.0.0.1:1/x"])
        plain = self.run_command(node, "check")
        self.assertEqual(plain.returncode, 0, plain.stderr)
        self.assertIn("sink postgres weir@127.0.0.1:1/x", plain.stdout)
        away = self.run_command(node, "check", "--connect")
        self.assertEqual(away.returncode, 1)
        self.assertIn("weir@127.0.0.1:1/x: cannot connect", away.stderr)
        self.assertNotIn("hush", plain.stdout + plain.stderr + away.stdout + away.stderr)
        node.settings = []
        there = self.run_command(node, "check", "--connect")
        self.assertIn("no tables yet", there.stdout)
        self.assertEqual(there.returncode, 0, there.stderr)
        node.settings = ["sink.url="]
        self.assertIn("sink.url: is required", self.run_command(node, "check").stderr)


if __name__ == "__main__":
    unittest.main()
