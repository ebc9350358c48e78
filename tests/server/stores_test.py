"""Files and stores that are not as they should be: of a newer weir, not to be opened, or with a table
that refuses a record."""

import contextlib
import sqlite3
import struct
import unittest

from weir import Node, wait_until


class Stores(unittest.TestCase):
    def node(self, **settings):
        node = Node(**settings)
        self.addCleanup(node.close)
        return node

    def test_a_node_does_not_start_with_what_a_newer_weir_has_written(self):
        def newer_database(path):
            with contextlib.closing(sqlite3.connect(path)) as database:
                database.execute("PRAGMA user_version = 2")

        def newer_segment(path):
            with open(path, "r+b") as segment:
                for copy in (0, 4096):
                    segment.seek(copy + 8)
                    segment.write(struct.pack("<I", 2))

        node = self.node(streams={"default": {"dead_letters": "store"}}).start()
        self.assertEqual(node.post("default", [{"a": 1}]).status, 200)
        wait_until(lambda: (node.data / "dead-letters.db").exists(), 10, "the store of dead letters")
        self.assertEqual(node.stop(), 0)
        segment = min((node.data / "journal").glob("journal-*.wj"))
        for path, make_newer in ((node.data / "weir.db", newer_database),
                                 (node.data / "dead-letters.db", newer_database),
                                 (segment, newer_segment)):
            good = path.read_bytes()
            make_newer(path)
            as_it_was = path.read_bytes()
            node.start(wait=False)
            self.assertEqual(node.process.wait(20), 1, path.name)
            said = [line for line in node.log_text().splitlines() if "start_failed" in line][-1]
            for words in (str(path), "version 2", "this weir knows version 1"):
                self.assertIn(words, said)
            self.assertEqual(path.read_bytes(), as_it_was)
            path.write_bytes(good)
        node.start()
        self.assertEqual(node.post("default", [{"a": 2}]).status, 200)

    def test_a_dead_letter_store_that_cannot_be_opened_stops_nobody_who_has_no_dead_letters(self):
        node = self.node(top={"journal": {"segment_bytes": "4MiB", "bytes_max": "16MiB"}})
        (node.data / "dead-letters.db").mkdir(parents=True)
        node.start()
        body = "\n".join('{"text":"%s"}' % ("x" * 1000) for _ in range(500))
        for number in range(80):  # several times what the journal holds
            answer = wait_until(lambda: (a := node.post("default", body, "application/x-ndjson")).status != 503 and a,
                                20, lambda: f"request {number} is taken")
            self.assertEqual(answer.status, 200)

    def test_a_record_that_the_table_refuses_is_set_aside_and_its_neighbours_are_stored(self):
        node = self.node().start()
        self.assertEqual(node.post("default", [{"a": 0}]).status, 200)
        database = sqlite3.connect(node.data / "weir.db", timeout=10)
        self.addCleanup(database.close)
        with database:
            database.execute("CREATE TRIGGER even BEFORE INSERT ON records WHEN new.body ->> '$.a' = 13"
                             " BEGIN SELECT RAISE(ABORT, 'not this one'); END")
        self.assertEqual(node.post("default", [{"a": a} for a in range(1, 30)]).status, 200)
        wait_until(lambda: database.execute("SELECT count(*) FROM records").fetchone()[0] == 29, 10, "its neighbours")
        aside = database.execute("SELECT reason, body FROM records_set_aside").fetchall()
        self.assertEqual(aside, [("not this one", '{"a": 13}')])
        self.assertIn("weir_sink_set_aside_total 1", node.operations("GET", "/metrics").body.decode())
        self.assertIn("sink_records_set_aside", node.log_text())
        self.assertEqual(node.operations("GET", "/readyz").json["reasons"], [])


if __name__ == "__main__":
    unittest.main()
