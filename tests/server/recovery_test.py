"""What an operator may do to the files underneath a node."""

import contextlib
import shutil
import sqlite3
import unittest

from weir import Node, ServerTest, wait_until


class Recovery(ServerTest):
    def test_an_emptied_journal_directory_does_not_stop_the_sink(self):
        node = self.node()
        for _ in range(3):  # each start begins a new segment
            node.post("default", {"n": 1})
            node.rows()
            self.assertEqual(node.stop(), 0)
            node.start()
        self.assertEqual(node.stop(), 0)
        shutil.rmtree(node.data / "journal")
        node.start()
        self.assertEqual(node.post("default", {"n": 2}).status, 200)
        wait_until(lambda: {"n": 2} in node.bodies(), 10, "the record reaches the sink")
        self.assertEqual(len(node.rows()), 4)

    def rejecting(self, **arguments):
        """A node that has had several segments and a dead letter, stopped."""
        node = Node(streams={"default": {"schema": "s.json", "dead_letters": "store"}},
                    files={"s.json": '{"properties": {"n": {"type": "integer"}}}'}, **arguments)
        self.addCleanup(node.close)
        for n in range(3):
            node.start(wait=False)
            self.takes(node, {"n": "bad", "at": n})
            wait_until(lambda: self.letters(node) == n + 1, 10, lambda: f"a dead letter: {self.letters(node)}")
            node.kill()
        return node

    def takes(self, node, body):
        def done():
            node.assert_runs()
            with contextlib.suppress(OSError):
                return node.post("default", body).status in (200, 422)
        wait_until(done, 20, lambda: "a record is taken: " + node.log_text()[-2000:])

    def letters(self, node):
        with contextlib.suppress(sqlite3.Error), \
                contextlib.closing(sqlite3.connect(f"file:{node.data}/dead-letters.db?mode=ro", uri=True)) as db:
            return db.execute("select count(*) from dead_letters").fetchone()[0]
        return 0

    def test_dead_letters_go_on_when_the_journal_is_lost_and_the_database_away(self):
        node = self.rejecting(settings=["sink.kind=postgres", "sink.url=postgresql://weir@127.0.0.1:9/weir"])
        shutil.rmtree(node.data / "journal")
        node.start(wait=False)
        self.takes(node, {"n": "bad"})
        wait_until(lambda: self.letters(node) == 4, 10, lambda: f"a fourth dead letter: {self.letters(node)}")

    def test_a_lost_journal_does_not_begin_before_it_is_known_how_far_the_dead_letters_are(self):
        node = self.rejecting()
        shutil.rmtree(node.data / "journal")
        store, aside = node.data / "dead-letters.db", node.data / "aside.db"
        store.rename(aside)
        store.mkdir()  # cannot be opened
        node.start(wait=False)
        wait_until(lambda: str(store) in node.log_text(), 10, "the log names the store")
        store.rmdir()
        aside.rename(store)
        self.takes(node, {"n": "bad"})
        wait_until(lambda: self.letters(node) == 4, 10, lambda: f"a fourth dead letter: {self.letters(node)}")

    def test_a_damaged_frame_in_the_middle_is_set_aside_and_all_else_is_served(self):
        node = self.node(settings=["sink.busy_timeout=10ms"])
        node.post("default", {"n": 0})
        node.rows()
        with contextlib.closing(sqlite3.connect(node.data / "weir.db", isolation_level=None)) as lock:
            lock.execute("begin immediate")  # the records stay in the journal only
            for n in range(1, 10):
                self.assertEqual(node.post("default", {"n": n, "mark": f"<{n}>"}).status, 200)
            node.kill()
            lock.execute("rollback")
        segment = max((node.data / "journal").glob("journal-*.wj"), key=lambda p: p.read_bytes().rfind(b"<5>"))
        data = bytearray(segment.read_bytes())
        data[data.index(b"<5>") + 1] ^= 1
        segment.write_bytes(data)
        node.start()
        self.assertEqual(sorted(b["n"] for b in node.bodies()), [0, 1, 2, 3, 4, 6, 7, 8, 9])
        self.assertEqual(node.metrics()["weir_journal_frames_quarantined_total"], 1)
        self.assertTrue(list((node.data / "journal").glob("*.corrupt")))

    def test_a_deleted_sink_database_is_made_again_and_the_node_goes_on(self):
        node = self.node()
        node.post("default", {"n": 1})
        node.rows()
        for name in ("weir.db", "weir.db-wal", "weir.db-shm"):
            (node.data / name).unlink(missing_ok=True)
        self.assertEqual(node.post("default", {"n": 2}).status, 200)
        wait_until(lambda: (node.data / "weir.db").exists() and {"n": 2} in node.bodies(), 15, "the record is stored")


if __name__ == "__main__":
    unittest.main()
