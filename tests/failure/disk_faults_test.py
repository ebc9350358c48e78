"""I9: whatever the disk or the sink does, the node stays alive, loses nothing, says 503, and says 2xx again within
10 s of the fault's end. A journal file whose fsync failed is never written again."""

import contextlib
import os
import pathlib
import shutil
import sqlite3
import subprocess
import tempfile
import unittest

from faults import ALLOCATE, OPEN, RENAME, SYNC, TRUNCATE, UNLINK, WRITE
from failure import FailureTest, long_or, pause
from weir import wait_until

SMALL = ["journal.segment_bytes=1MiB", "ingest.batch_bytes=64KiB", "streams.default.record_bytes_max=32KiB",
         "sink.busy_timeout=10ms"]
JOURNAL, SINK = "/data/journal/", "/data/weir.db"


class DiskFaults(FailureTest):
    def survive(self, node, fault, seconds=long_or(5, 0.6), of_journal=True):
        """Load before, during and after `fault`, a context manager."""
        loads = [self.load(node, connections=8), self.load(node, connections=4, records=100, pad=100, rate=200)]
        pause(0.3)
        with fault:
            pause(seconds)
        wait_until(lambda: node.post("default", {"c": "after", "n": 0}).status == 200, 10, "2xx again")
        pause(0.2)
        for load in loads:
            self.assert_only(load.stop(), 200, 503)
            self.assertGreater(load.count(200), 0)
        stored = [(b["c"], b["n"]) for b in node.bodies() if b["c"] != "after"]
        self.assert_ledger(node, *loads, stored=stored)
        if of_journal:  # SQLite repeats what it had not synced, into the same file
            self.assertEqual(node.faults.writes_after_failed_sync, 0, "a file whose fsync failed is written again")
        self.assert_accounts(node)
        return loads

    def under(self, operations, path, **how):
        node = self.faulty_node(settings=SMALL)
        seconds = how.pop("seconds", long_or(5, 0.6))
        loads = self.survive(node, node.faults.during(operations, path, **how), seconds, of_journal=path == JOURNAL)
        return node, loads

    def assert_journal_refused(self, node, loads):
        self.assertGreater(sum(load.count(503) for load in loads), 0, "the fault was not felt")
        self.assertEqual(node.stop(), 0)

    def test_journal_fsync_fails(self):
        self.assert_journal_refused(*self.under(SYNC, JOURNAL, error="EIO"))

    def test_journal_fsync_fails_now_and_then(self):
        node = self.faulty_node(settings=SMALL)
        @contextlib.contextmanager
        def fault():
            with node.faults.during(SYNC, JOURNAL, error="EIO", skip=20, count=1) as rule:
                yield
                wait_until(lambda: rule.hits == 1, 30, "the 21st sync fails")
        self.survive(node, fault())

    def test_journal_writes_find_no_space(self):
        self.assert_journal_refused(*self.under(WRITE, JOURNAL, error="ENOSPC"))

    def test_journal_writes_are_cut_short_and_then_fail(self):
        node = self.faulty_node(settings=SMALL)
        @contextlib.contextmanager
        def fault():
            with node.faults.during(WRITE, JOURNAL, cut_short=True), \
                 node.faults.during(WRITE, JOURNAL, error="EIO", skip=7, count=3):
                yield
        self.survive(node, fault())

    def test_journal_writes_are_cut_short(self):
        node, loads = self.under(WRITE, JOURNAL, cut_short=True)
        self.assertEqual(sum(load.count(503) for load in loads), 0, "a short write is no failure")

    def test_the_file_system_turns_read_only(self):
        self.assert_journal_refused(
            *self.under(WRITE | ALLOCATE | OPEN | RENAME | UNLINK | TRUNCATE, "/data/", error="EROFS"))

    def test_no_new_segment_can_be_allocated(self):
        self.under(ALLOCATE, JOURNAL, error="ENOSPC", seconds=2)

    def test_the_journal_can_neither_write_nor_truncate_nor_remove(self):
        self.under(WRITE | SYNC | TRUNCATE | UNLINK | OPEN, JOURNAL, error="EIO")

    def test_an_fsync_takes_two_seconds(self):
        node, loads = self.under(SYNC, JOURNAL, delay_ms=2000, seconds=long_or(30, 4))
        for load in loads:
            self.assertLess(load.summary["max_ms"], 10_000)

    def test_the_sink_database_fails(self):
        for operations in (SYNC, WRITE):
            node, loads = self.under(operations, SINK, error="EIO")
            self.assertEqual(sum(load.count(503) for load in loads), 0, "the journal takes what the sink cannot")
            self.assertEqual(node.stop(), 0)

    def test_the_dead_letters_disk_fails(self):
        _, loads = self.under(SYNC | WRITE | OPEN, "/data/dead-letters", error="EIO")
        self.assertEqual(sum(load.count(503) for load in loads), 0)

    def test_the_sink_is_locked_for_long(self):
        node = self.faulty_node(settings=["sink.busy_timeout=100ms"])
        node.post("default", {"c": "after", "n": 0})
        node.rows()
        with contextlib.closing(sqlite3.connect(node.data / "weir.db", isolation_level=None)) as lock:
            @contextlib.contextmanager
            def locked():
                lock.execute("begin immediate")
                yield
                lock.execute("rollback")
            self.survive(node, locked(), seconds=long_or(60, 3))

    def test_the_sink_is_gone(self):
        """Its database cannot be opened while the fault lasts."""
        node = self.faulty_node()
        self.survive(node, node.faults.during(OPEN | SYNC | WRITE, SINK, error="EACCES"), seconds=long_or(60, 3),
                     of_journal=False)

    def test_a_node_that_starts_on_a_failing_disk_says_so_and_recovers_when_it_does(self):
        node = self.faulty_node(settings=SMALL)
        load = self.load(node, connections=4, requests=50).wait()
        node.kill()
        with node.faults.during(SYNC | WRITE | ALLOCATE | OPEN, JOURNAL, error="EIO"):
            node.start(wait=False)
            wait_until(lambda: "EIO" in node.log_text() or "Input/output" in node.log_text(), 10, "it says why")
            self.assertIsNone(node.process.poll(), "it waits for the disk: " + node.log_text()[-2000:])
        wait_until(node.ready, 15, lambda: "ready when the disk is: " + node.log_text()[-1000:])
        self.assert_ledger(node, load)


def answers(node, status):
    return sum(value for name, value in node.metrics().items()
               if name.startswith("weir_http_responses_total") and f'"{status}"' in name)


@unittest.skipIf(os.geteuid() != 0, "mounting a small file system needs root")
class FullFileSystem(FailureTest):
    def mounted(self, mebibytes):
        """A file system of that size: a loop device when there is one, else memory."""
        place = pathlib.Path(tempfile.mkdtemp(prefix="weir-small-"))
        self.addCleanup(shutil.rmtree, place, ignore_errors=True)
        image = place / "image"
        image.write_bytes(b"")
        os.truncate(image, mebibytes << 20)
        at = place / "mnt"
        at.mkdir()
        made = shutil.which("mkfs.ext4") and subprocess.run(
            ["mkfs.ext4", "-q", "-m", "0", "-O", "^has_journal", str(image)], check=False).returncode == 0
        for command in ([["mount", "-o", "loop", str(image), str(at)]] if made else []) + [
                ["mount", "-t", "tmpfs", "-o", f"size={mebibytes}m", "none", str(at)]]:
            if subprocess.run(command, check=False, capture_output=True).returncode == 0:
                self.addCleanup(subprocess.run, ["umount", "-l", str(at)], check=False)
                return at
        self.skipTest("no file system can be mounted here")

    def test_a_full_disk_refuses_and_a_freed_one_takes_again(self):
        at = self.mounted(48)
        node = self.faulty_node(start=False, settings=["journal.segment_bytes=4MiB", "ingest.batch_bytes=256KiB",
                                                       "streams.default.record_bytes_max=64KiB"])
        node.data = at / "data"
        node.config["data_dir"] = str(node.data)
        node.start()
        load = self.load(node, connections=8, records=200, pad=500)
        ballast = at / "ballast"
        with open(ballast, "wb") as f, contextlib.suppress(OSError):
            while True:
                f.write(b"x" * (1 << 20))
        wait_until(lambda: answers(node, 503) > 20, 30, "503")
        self.assertIsNone(node.process.poll(), node.log_text()[-2000:])
        load.stop()
        ballast.unlink()
        wait_until(lambda: node.post("default", {"c": "after", "n": 0}).status == 200, 10, "2xx again")
        self.assert_only(load, 200, 503)
        self.assert_ledger(node, load, stored=[(b["c"], b["n"]) for b in node.bodies() if b["c"] != "after"])


if __name__ == "__main__":
    unittest.main()
