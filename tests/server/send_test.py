"""`weir send` as it is used: interrupted, fed by a pipe that falls silent, given several files, pointed
at the wrong address, and with records that the node refuses."""

import gzip
import json
import signal
import socket
import subprocess
import threading
import unittest

from weir import BINARY, ServerTest, free_port, wait_until


def ndjson(numbers):
    return "".join(json.dumps({"n": n}) + "\n" for n in numbers)


class SendTest(ServerTest):
    def write(self, node, name, content):
        path = node.directory / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return str(path)

    def send(self, node, *arguments, **options):
        return subprocess.run(node.command("send", *arguments), capture_output=True, text=True, timeout=60, **options)

    def begin(self, command):
        """A send whose stderr is gathered while it runs."""
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                   text=True)
        process.said = ""

        def gather():
            for line in process.stderr:
                process.said += line
        process.gatherer = threading.Thread(target=gather)
        process.gatherer.start()

        def end():
            process.kill()
            process.wait()
            process.gatherer.join()
            for stream in (process.stdin, process.stdout, process.stderr):
                stream.close()
        self.addCleanup(end)
        return process

    def ended(self, process):
        code = process.wait(60)
        process.gatherer.join()
        return code, process.stdout.read(), process.said

    # -- records that are refused

    def test_one_record_over_the_limit_costs_no_other_record(self):
        node = self.node()
        lines = [json.dumps({"n": n, "p": "x" * (1_100_000 if n == 30_000 else 10)}) for n in range(60_001)]
        path = self.write(node, "f.ndjson", "\n".join(lines) + "\n")
        for turn in range(2):  # the same command again stores nothing twice
            done = self.send(node, path)
            self.assertEqual(done.returncode, 1, done)
            self.assertIn("not stored: record 30001, line 30001: HTTP 413", done.stdout)
            self.assertIn("60000 accepted, 0 rejected", done.stdout)
            self.assertIn(", 1 not stored", done.stdout)
            self.assertEqual([b["n"] for b in node.bodies()], [n for n in range(60_001) if n != 30_000])

    def test_several_refused_records_of_a_csv_file_are_each_named_with_their_line(self):
        node = self.node(streams={"default": {"record_bytes_max": "1KiB"}})
        rows = [f'{n},"{"x" * (2000 if n % 1500 == 700 else 5)}\ny"' for n in range(9000)]
        path = self.write(node, "f.csv", "n,t\n" + "\n".join(rows) + "\n")
        done = self.send(node, path)
        bad = [n for n in range(9000) if n % 1500 == 700]
        self.assertEqual([line for line in done.stdout.splitlines() if line.startswith("not stored: ")],
                         [line for line in done.stdout.splitlines()
                          if any(line.startswith(f"not stored: record {n + 1}, line {2 + 2 * n}: ") for n in bad)])
        self.assertIn(f"{9000 - len(bad)} accepted, 0 rejected", done.stdout)
        self.assertEqual([int(b["n"]) for b in node.bodies()], [n for n in range(9000) if n not in bad])

    # -- interrupted

    def test_ctrl_c_says_how_far_it_came_and_the_same_command_goes_on(self):
        node = self.node(streams={"default": {"records_per_second": 3000, "burst": 3000}})
        path = self.write(node, "f.ndjson", ndjson(range(9000)))
        command = node.command("send", path, "--batch-bytes", "20KiB")
        for sign, code in ((signal.SIGINT, 130), (signal.SIGTERM, 143)):
            process = self.begin(command)
            wait_until(lambda: "waiting" in process.said, 30, "the rate is passed")
            process.send_signal(sign)
            returned, out, said = self.ended(process)
            self.assertEqual(returned, code, (out, said))
            self.assertRegex(out, r"f\.ndjson: sent \d+ records in \d+ requests?: \d+ accepted")
            self.assertRegex(said, r"done to record \d+, line \d+|nothing is known to be stored by this run")
            self.assertIn("give the same command again", said)
        done = subprocess.run(command, capture_output=True, text=True, timeout=60)
        self.assertEqual(done.returncode, 0, done)
        self.assertIn("stored before", done.stdout)
        self.assertEqual(sorted(b["n"] for b in node.bodies()), list(range(9000)))

    def test_a_request_that_is_never_answered_is_abandoned_and_not_called_stored_or_not(self):
        with socket.create_server(("127.0.0.1", 0)) as listener:
            node = self.node()
            path = self.write(node, "f", "one\ntwo\n")
            process = self.begin([BINARY, "send", path, "--url", f"http://127.0.0.1:{listener.getsockname()[1]}"])
            with listener.accept()[0] as peer:
                peer.recv(1)
                process.send_signal(signal.SIGINT)
                wait_until(lambda: "again to stop at once" in process.said, 30, "it has heard")
                process.send_signal(signal.SIGINT)
                code, out, said = self.ended(process)
        self.assertEqual(code, 130)
        self.assertIn("not known to be stored: records 1 … 2, lines 1 … 2: ", out)
        self.assertIn("nothing is known to be stored", said)

    # -- pipes

    def test_a_pipe_that_falls_silent_is_sent_and_ctrl_c_loses_nothing_whole(self):
        node = self.node()
        process = self.begin(node.command("send", "-"))
        for n in range(3):
            process.stdin.write(f"line {n}\n")
            process.stdin.flush()
            wait_until(lambda n=n: [b["message"] for b in node.bodies()] == [f"line {i}" for i in range(n + 1)],
                       30, "what came is stored while the pipe is open")
        process.stdin.write("line 3\nhalf a li")
        process.stdin.flush()
        process.send_signal(signal.SIGINT)
        code, out, said = self.ended(process)
        self.assertEqual(code, 130)
        stored = [b["message"] for b in node.bodies()]
        self.assertEqual(stored, [f"line {i}" for i in range(len(stored))])
        self.assertIn(f"-: done to record {len(stored)}, line {len(stored)}", said)
        self.assertIn(f"to go on, send what comes behind line {len(stored)}", said)
        self.assertIn(f"{len(stored)} accepted", out)

    def test_a_pipe_that_is_closed_without_a_last_line_end_is_sent_whole(self):
        node = self.node()
        done = self.send(node, "-", input='{"n":1}\n{"n":2}')
        self.assertEqual((done.returncode, node.bodies()), (0, [{"n": 1}, {"n": 2}]))
        self.assertEqual(self.send(node, "-", "-", input="").returncode, 2)

    # -- files

    def test_files_are_sent_in_order_and_one_that_is_not_there_stops_no_other(self):
        node = self.node()
        paths = [self.write(node, "a", ndjson([1, 2])), str(node.directory / "missing"),
                 self.write(node, "b.gz", gzip.compress(ndjson([3]).encode())),
                 self.write(node, "cut.gz", gzip.compress(ndjson(range(100, 9000)).encode())[:-9]),
                 self.write(node, "c", ndjson([4]))]
        done = self.send(node, *paths)
        self.assertEqual(done.returncode, 1)
        self.assertIn("missing: cannot open: No such file", done.stderr)
        self.assertIn("cut.gz: the compressed file ends in the middle", done.stdout)
        self.assertEqual([b["n"] for b in node.bodies() if b["n"] < 100], [1, 2, 3, 4])
        first = node.bodies()
        self.assertEqual(self.send(node, *paths).returncode, 1)
        self.assertEqual(node.bodies(), first, "the same command has stored something twice")

    def test_one_key_serves_several_files_and_a_changed_file_is_another(self):
        node = self.node()
        paths = [self.write(node, "a", ndjson([1])), self.write(node, "b", ndjson([2]))]
        for _ in range(2):
            self.assertEqual(self.send(node, *paths, "--key", "k").returncode, 0)
        self.assertEqual([b["n"] for b in node.bodies()], [1, 2])
        self.write(node, "a", ndjson([5]))
        done = self.send(node, paths[0], "--key", "k")
        self.assertEqual(done.returncode, 1)
        self.assertIn("HTTP 422", done.stdout)
        self.assertEqual(self.send(node, paths[0]).returncode, 0)
        self.assertEqual([b["n"] for b in node.bodies()], [1, 2, 5])

    # -- addresses

    def test_a_wrong_address_is_told_at_once_and_tried_no_longer_than_asked(self):
        node = self.node()
        path = self.write(node, "f", "a line\n")
        for url, why in ((f"http://127.0.0.1:{free_port()}", "cannot connect"),
                         ("http://weir.invalid:8080", "the name has no address")):
            done = subprocess.run([BINARY, "send", path, "--url", url, "--timeout", "1s", "--retries", "1000000"],
                                  capture_output=True, text=True, timeout=60)
            self.assertEqual(done.returncode, 1)
            self.assertIn(why, done.stderr.splitlines()[0])
            self.assertIn("not stored: record 1, line 1: ", done.stdout)
        for wrong in ("0s", "2d", "5"):
            self.assertEqual(self.send(node, path, "--timeout", wrong).returncode, 2)

    def test_a_stream_whose_ack_is_stored_is_not_answered_before_the_sink_has_it(self):
        node = self.node(streams={"default": {"ack": "stored"}},
                         top={"sink": {"gather": "10s", "rows_per_transaction": 100_000}})
        path = self.write(node, "f", ndjson(range(10)))
        self.assertEqual(self.send(node, path).returncode, 0)
        self.assertEqual(node.metrics()["weir_sink_lag_records"], 0)


if __name__ == "__main__":
    unittest.main()
