"""Every format in, every record stored once and field by field what an independent parser reads."""

import contextlib
import csv
import gzip
import io
import json
import random
import re
import sqlite3
import subprocess
import threading
import unittest
from pathlib import Path

from weir import BINARY, ServerTest, wait_until

COMBINED = re.compile(
    r'(\S+) (\S+) (\S+) \[([^\]]+)\] "([^"]*)" (\d{3}) (\S+) "([^"]*)" "([^"]*)"')


def none_if_dash(text):
    return None if text == "-" else text


def combined_lines(count, seed):
    """Access-log lines of the test's own making."""
    chance = random.Random(seed)
    for i in range(count):
        yield (f'10.{chance.randrange(256)}.{chance.randrange(256)}.7 - '
               f'{chance.choice(["-", "ada"])} [{1 + i % 28:02}/May/2015:10:{i % 60:02}:03 +0200] '
               f'"{chance.choice(["GET", "POST"])} /page/{i}?q=a%20b HTTP/1.1" '
               f'{chance.choice([200, 304, 404])} {chance.choice(["-", "1234"])} '
               f'"{chance.choice(["-", "http://example.org/"])}" "Agent {i} (X; é)"')


class Formats(ServerTest):
    def setUp(self):
        self.uut = self.node(streams={
            "default": {},
            "excel": {"csv_delimiter": ";", "csv_header": "mended"},
            "bare": {"csv_delimiter": "tab", "csv_header": "absent"},
            "web": {"transform": [{"parse": {"field": "message", "as": "combined_log"}}]},
        })

    def test_a_json_object_is_one_record(self):
        answer = self.uut.post("default", {"a": 1, "b": [True, None, "é\n"]})
        self.assertEqual(answer.status, 200, answer)
        self.assertEqual((answer.json["accepted"], answer.json["rejected"]), (1, 0))
        self.assertEqual(self.uut.bodies(), [{"a": 1, "b": [True, None, "é\n"]}])

    def test_redaction_is_not_passed_by_with_a_name_that_occurs_twice(self):
        node = self.node(streams={"default": {"transform": [{"redact": {"field": "n", "pattern": "[0-9]+",
                                                                        "with": "#"}}]}})
        for record in ('{"n":"secret 99","n":"none"}', '{"n":"secret 99","\\u006e":"none"}',
                       '{ "n" : "none", "n":"secret 99" }'):
            self.assertEqual(node.post("default", record, "application/json").status, 200)
        node.rows()
        with contextlib.closing(sqlite3.connect(node.data / "weir.db")) as db:
            stored = db.execute("select body, body ->> '$.n' from records order by id").fetchall()
        self.assertEqual([json.loads(body)["n"] for body, _ in stored], ["none", "none", "secret #"])
        self.assertEqual([first for body, first in stored if "u006e" not in body], ["none", "secret #"])
        self.assertNotIn("99", "".join(body for body, _ in stored))

    def test_25_events_in_an_array_are_25_rows_and_one_record(self):
        node = self.node(streams={"default": {"transform": [{"split": "logs"}]}})
        events = [{"level": 30, "time": 1700000000000 + n, "msg": f"event {n}"} for n in range(25)]
        answer = node.post("default", {"logs": events})
        self.assertEqual((answer.status, answer.json["accepted"], answer.json["rejected"]), (200, 1, 0), answer)
        self.assertEqual(node.bodies(), events)
        self.assertEqual(len({row[0] for row in node.rows()}), 25)
        self.assert_accounts(node)
        self.assertEqual(node.post("default", {"logs": []}).json["dropped"], 1)
        wide = node.post("default", {"logs": [{}] * 1001})
        self.assertEqual((wide.status, wide.json["errors"][0]["code"]), (422, "transform_failed"), wide)
        self.assertIn("it has 1001 elements, and parts_max is 1000", wide.json["errors"][0]["detail"])
        self.assertEqual(len(node.bodies()), 25)
        self.assert_accounts(node)

    def test_many_requests_that_become_much_are_all_split_or_refused_by_name_and_memory_stays(self):
        small = ["ingest.connections_max=200", "ingest.clients_max=1000", "journal.keys_max=10000"]
        node = self.node(top={"memory": {"ceiling": "256MiB"}}, settings=small, streams={"default": {"transform": [
            {"split": {"field": "logs", "keep": True, "parts_max": 10000, "bytes_max": 12582912}}]}})
        record = json.dumps({"rest": "r" * 1000, "logs": [{}] * 10000})
        answers = []

        def post():
            answers.append(node.post("default", record + "\n" + record + "\n", "application/x-ndjson"))

        clients = [threading.Thread(target=post) for _ in range(32)]
        for client in clients:
            client.start()
        for client in clients:
            client.join()
        for answer in answers:
            self.assertIn(answer.status, (200, 503, 429), answer)
            if answer.status == 200:
                self.assertEqual((answer.json["accepted"], answer.json["rejected"]), (1, 1), answer)
                self.assertIn("no room", answer.json["errors"][0]["detail"])
        self.assertIn(200, {answer.status for answer in answers})
        peak = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{node.process.pid}/status").read_text())
        self.assertLess(int(peak[1]) << 10, 256 << 20)
        wait_until(node.drained, 60, "the sink catches up")
        self.assert_accounts(node)

    def test_a_record_that_is_split_has_one_verdict_and_a_row_for_each_part_also_after_a_crash(self):
        node = self.node(streams={"default": {"dead_letters": "store", "transform": [
            {"split": {"field": "logs", "keep": True}}, {"convert": {"field": "n", "to": "int"}}]}})
        body = "".join(json.dumps({"host": "a", "logs": [{"n": n} for n in part]}) + "\n"
                       for part in ([1, 2, 3], [4, "x"], [], [5], range(6, 31)))
        first = node.post("default", body, "application/x-ndjson", Idempotency_Key="split-1")
        self.assertEqual((first.status, first.json["accepted"], first.json["rejected"]), (200, 3, 1), first)
        self.assertIn("part 2 of 2", first.json["errors"][0]["detail"])
        self.assertEqual(first.json["errors"][0]["record"], 2)
        stored = [1, 2, 3, 5] + list(range(6, 31))
        self.assertEqual(node.bodies(), [{"host": "a", "n": n} for n in stored])
        ids = [row[0] for row in node.rows()]
        self.assertEqual(ids, list(range(ids[0], ids[0] + len(stored))))
        self.assert_accounts(node)
        node.kill()
        node.start()
        again = node.post("default", body, "application/x-ndjson", Idempotency_Key="split-1")
        self.assertEqual((again.status, again.json["accepted"], again.json["rejected"]), (200, 3, 1), again)
        self.assertEqual(node.bodies(), [{"host": "a", "n": n} for n in stored])
        self.assertEqual(node.stop(), 0)
        self.assertEqual([row["n"] if "n" in row else row["body"]["n"] for row in node.export()], stored)

    def test_the_path_without_a_stream_is_the_stream_default(self):
        answer = self.uut.request("POST", "/ingest", b'{"a":1}', {"Content-Type": "application/json"})
        self.assertEqual(answer.status, 200, answer)
        self.assertEqual(self.uut.rows()[0][1], "default")

    def test_the_elements_of_a_json_array_are_records_and_bad_ones_are_named(self):
        answer = self.uut.post("default", '[{"n":1},\n 7,\n {"n":3}]', "application/json")
        self.assertEqual(answer.status, 200, answer)
        self.assertEqual((answer.json["accepted"], answer.json["rejected"]), (2, 1))
        error = answer.json["errors"][0]
        self.assertEqual((error["record"], error["line"], error["code"]), (2, 2, "not_an_object"))
        self.assertEqual(self.uut.bodies(), [{"n": 1}, {"n": 3}])

    def test_a_record_may_be_as_deep_as_the_limit_says_and_no_deeper(self):
        for kind, form in [("application/json", "[%s,\n%s,\n%s]"), ("application/x-ndjson", "%s\n%s\n%s")]:
            for inside in ("1", "{}", "[]", "[1]"):
                levels = 64 if inside == "1" else 63
                deepest, too_deep = ('{"a":' * n + inside + "}" * n for n in (levels, levels + 1))
                answer = self.uut.post("default", form % (deepest, too_deep, '{"n":1}'), kind)
                self.assertEqual((answer.status, answer.json["accepted"]), (200, 2), (kind, inside, answer))
                self.assertEqual(answer.json["errors"], [
                    {"record": 2, "line": 2, "code": "too_deep", "pointer": "",
                     "detail": "nested deeper than 64 levels (json_depth_max)"}])
        self.assertEqual(len(self.uut.bodies()), 16)

    def test_ndjson_keeps_order_and_names_the_bad_line(self):
        answer = self.uut.post("default", '{"n":1}\n\n{"n":\r\n{"n":3}', "application/x-ndjson")
        self.assertEqual((answer.json["accepted"], answer.json["rejected"]), (2, 1))
        self.assertEqual((answer.json["errors"][0]["record"], answer.json["errors"][0]["line"]), (2, 3))
        self.assertEqual(self.uut.bodies(), [{"n": 1}, {"n": 3}])

    def test_csv_with_quotes_newlines_crlf_and_a_byte_order_mark(self):
        rows = [["id", "name", "note"], ["1", "Ann, B.", 'says "hi"'], ["2", "", "two\r\nlines"],
                ["3", "Zoë", ""]]
        text = io.StringIO()
        csv.writer(text, lineterminator="\r\n").writerows(rows)
        answer = self.uut.post("default", "\ufeff" + text.getvalue(), "text/csv")
        self.assertEqual(answer.status, 200, answer)
        self.assertEqual(self.uut.bodies(), [dict(zip(rows[0], row)) for row in rows[1:]])

    def test_ragged_csv_rows_are_rejected_one_by_one(self):
        answer = self.uut.post("default", "a,b\n1,2\n3\n4,5,6\n7,8\n", "text/csv")
        self.assertEqual((answer.json["accepted"], answer.json["rejected"]), (2, 2))
        self.assertEqual([(e["record"], e["line"], e["code"]) for e in answer.json["errors"]],
                         [(2, 3, "ragged_row"), (3, 4, "ragged_row")])

    def test_csv_with_a_delimiter_that_the_media_type_names(self):
        for kind, d in [('text/csv; delimiter=";"', ";"), ("text/csv; delimiter=semicolon", ";"),
                        ("text/csv; delimiter=%7C", "|"), ("text/tab-separated-values", "\t"),
                        ('text/csv; delimiter="\t"', "\t")]:
            before = len(self.uut.rows())
            answer = self.uut.post("default", f'a{d}"b, c"\r\n1,5{d}"x{d}y\n"\r\n', kind)
            self.assertEqual(answer.status, 200, (kind, answer))
            self.assertEqual(self.uut.bodies()[before:], [{"a": "1,5", "b, c": f"x{d}y\n"}])

    def test_csv_is_read_as_its_stream_says_unless_the_media_type_does(self):
        for stream, kind, body, want in [
                ("excel", "text/csv", "id;;id\n1;2;3\n", [{"id": "1", "column_2": "2", "column_3": "3"}]),
                ("excel", None, "a;b\n1;2\n", [{"a": "1", "b": "2"}]),
                ("excel", 'text/csv; delimiter=","', "a,b\n1,2\n", [{"a": "1", "b": "2"}]),
                ("bare", "text/csv", "1\t2\n3\t4\n",
                 [{"column_1": "1", "column_2": "2"}, {"column_1": "3", "column_2": "4"}]),
                ("bare", "text/csv; header=present", "a\tb\n1\t2\n", [{"a": "1", "b": "2"}]),
                ("default", "text/csv; header=absent", "1,2\n", [{"column_1": "1", "column_2": "2"}])]:
            before = len(self.uut.bodies(stream))
            headers = {"Content-Type": kind} if kind else {}
            answer = self.uut.request("POST", "/ingest/" + stream, body.encode(), headers)
            self.assertEqual(answer.status, 200, (stream, kind, answer))
            self.assertEqual(self.uut.bodies(stream)[before:], want)

    def test_a_header_of_one_column_with_another_delimiter_in_it_is_refused_with_the_hint(self):
        for body in ["a;b;c\n1;2;3\n", "a\tb\n1\t2\n", "a|b\n1|2\n"]:
            answer = self.uut.post("default", body, "text/csv")
            self.assertEqual(answer.status, 400, answer)
            self.assertIn("csv_delimiter", answer.json["detail"])
        self.assertEqual(self.uut.post("excel", "a,b\n1,2\n", "text/csv").status, 400)
        self.assertEqual(self.uut.rows(), [])
        self.assertEqual(self.uut.post("default", '"a;b"\n1\n', "text/csv").status, 200)

    def test_a_key_stands_for_its_dialect_too(self):
        body = "a;b,c\n1;2,3\n"
        for kind, status in [("text/csv", 200), ("text/csv", 200), ('text/csv; delimiter=";"', 422),
                             ("text/csv; header=absent", 422), ("text/csv", 200)]:
            answer = self.uut.post("default", body, kind, Idempotency_Key="dialect")
            self.assertEqual(answer.status, status, (kind, answer))
        self.assertEqual(self.uut.bodies(), [{"a;b": "1;2", "c": "3"}])

    def test_rows_that_a_quote_swallows_get_one_verdict_that_says_up_to_where(self):
        answer = self.uut.post("default", 'a,b\n1,2\n3,"4\n5,6\n7,8\n', "text/csv")
        self.assertEqual((answer.json["accepted"], answer.json["rejected"]), (1, 1))
        error = answer.json["errors"][0]
        self.assertEqual((error["record"], error["line"], error["code"]), (2, 3, "malformed_csv"))
        self.assertIn("goes on to line 5", error["detail"])

    def test_json_text_sequences(self):
        body = '\x1e{"n":1}\n\x1e{"n":\n 2}\n\x1e{"n":\n\x1e{"n":4}'
        answer = self.uut.post("default", body, "application/json-seq")
        self.assertEqual((answer.status, answer.json["accepted"], answer.json["rejected"]), (200, 3, 1), answer)
        self.assertEqual((answer.json["errors"][0]["record"], answer.json["errors"][0]["line"]), (3, 4))
        self.assertEqual(self.uut.bodies(), [{"n": 1}, {"n": 2}, {"n": 4}])

    def test_weir_send_knows_what_the_node_knows(self):
        def send(name, text, *options):
            path = self.uut.directory / name
            path.write_bytes(text)
            return subprocess.run([BINARY, "send", str(path), "--url", f"http://127.0.0.1:{self.uut.port}", *options],
                                  capture_output=True, text=True, timeout=60)
        hello = send("hello.txt", b"Hello, world\n")
        self.assertEqual((hello.returncode, self.uut.bodies()), (0, [{"message": "Hello, world"}]), hello)
        for text, options in [(b"a,b\n", ["--format", "csv"]), (b"\n\n", []), ("two\n".encode("utf-16"), []),
                              (b"a;b\n1;2\n", ["--format", "csv"])]:
            failed = send("bad", text, *options)
            self.assertEqual((failed.returncode, len(self.uut.rows())), (1, 1), (text, failed))
            self.assertIn("stopped: ", failed.stdout)
        rows = "".join(f"{n};x,{n}\n" for n in range(3000)).encode()
        sent = send("rows.csv", b"n;v\n" + rows, "--format", "csv", "--csv-delimiter", ";", "--batch-bytes", "4KiB")
        self.assertEqual(sent.returncode, 0, sent)
        self.assertEqual(self.uut.bodies()[1:], [{"n": str(n), "v": f"x,{n}"} for n in range(3000)])
        sent = send("bare.csv", rows, "--content-type", 'text/csv; header=absent; delimiter=";"', "--batch-bytes",
                    "4KiB")
        self.assertEqual(sent.returncode, 0, sent)
        self.assertEqual(self.uut.bodies()[3001:], [{"column_1": str(n), "column_2": f"x,{n}"} for n in range(3000)])

    def test_text_lines_become_messages(self):
        self.uut.post("default", 'one "quoted"\n\ttwo\n', "text/plain")
        self.assertEqual(self.uut.bodies(), [{"message": 'one "quoted"'}, {"message": "\ttwo"}])

    def test_without_a_content_type_the_format_is_sniffed(self):
        for body, want in [('{"a":1}', [{"a": 1}]), ('[{"a":2}]', [{"a": 2}]),
                           ('{"a":3}\n{"a":4}\n', [{"a": 3}, {"a": 4}]),
                           ("a,b\n5,6\n", [{"a": "5", "b": "6"}]), ("plain words\n", [{"message": "plain words"}]),
                           ("Hello, world\n", [{"message": "Hello, world"}]), ("a,b\n", [{"message": "a,b"}]),
                           ("Dear Ann,hello\nbye,Bob\nps\n",
                            [{"message": m} for m in ("Dear Ann,hello", "bye,Bob", "ps")]),
                           ("{pid 1} up\n{pid 2} up\n", [{"message": "{pid 1} up"}, {"message": "{pid 2} up"}]),
                           ("[1, 2] up\n", [{"message": "[1, 2] up"}])]:
            before = len(self.uut.rows())
            answer = self.uut.request("POST", "/ingest/default", body.encode())
            self.assertEqual(answer.status, 200, (body, answer))
            self.assertEqual(self.uut.bodies()[before:], want)

    def test_what_curl_and_wget_send_by_themselves_is_taken(self):
        form = {"Content-Type": "application/x-www-form-urlencoded"}
        for body, want in [(b'{"a":1}', [{"a": 1}]), (b"a line\n", [{"message": "a line"}]),
                           (b"level=info msg=x", [{"message": "level=info msg=x"}])]:
            before = len(self.uut.rows())
            self.assertEqual(self.uut.request("POST", "/ingest", body, form).status, 200, body)
            self.assertEqual(self.uut.bodies()[before:], want)
        self.assertEqual(self.uut.request("PUT", "/ingest", b'{"put":1}').status, 200)
        self.assertEqual(self.uut.bodies()[-1], {"put": 1})

    def test_json_under_its_other_names(self):
        for kind in ["application/cloudevents+json", "text/json", "application/jsonlines", "application/json-lines",
                     "application/x-jsonl", "text/x-ndjson"]:
            before = len(self.uut.rows())
            self.assertEqual(self.uut.post("default", '{"a":1}', kind).status, 200, kind)
            self.assertEqual(self.uut.bodies()[before:], [{"a": 1}])

    def test_gzip_and_zstd_bodies(self):
        lines = "".join(json.dumps({"n": i}) + "\n" for i in range(5000)).encode()
        packed = {"gzip": gzip.compress(lines),
                  "zstd": subprocess.run(["zstd", "-c"], input=lines, capture_output=True, check=True).stdout}
        for coding, body in packed.items():
            answer = self.uut.post("default", body, "application/x-ndjson", Content_Encoding=coding)
            self.assertEqual((answer.status, answer.json["accepted"]), (200, 5000), answer)
        self.assertEqual(len(self.uut.rows()), 10000)

    def test_lines_that_compress_a_hundredfold_are_taken(self):
        count = 100_000
        lines = "".join(f'{{"level":"info","service":"checkout","message":"done","n":{i // 1000}}}\n'
                        for i in range(count)).encode()
        body = subprocess.run(["zstd", "-c"], input=lines, capture_output=True, check=True).stdout
        self.assertGreater(len(lines), 117 * len(body))
        answer = self.uut.post("default", body, "application/x-ndjson", Content_Encoding="zstd")
        self.assertEqual((answer.status, answer.json["accepted"]), (200, count), answer)

    def test_gzip_padded_with_zeros_is_read_as_zcat_reads_it(self):
        body = gzip.compress(b'{"n":1}\n') + gzip.compress(b'{"n":2}\n') + b"\0" * 5000
        answer = self.uut.post("default", body, "application/x-ndjson", Content_Encoding="gzip")
        self.assertEqual((answer.status, answer.json["accepted"]), (200, 2), answer)

    def test_a_chunked_body(self):
        connection = self.uut.connection()
        connection.request("POST", "/ingest/default", iter([b'{"n":', b'1}\n{"n"', b":2}\n"]),
                           {"Content-Type": "application/x-ndjson"}, encode_chunked=True)
        answer = connection.getresponse()
        self.assertEqual((answer.status, json.loads(answer.read())["accepted"]), (200, 2))
        connection.close()

    def test_access_log_lines_are_stored_with_typed_fields(self):
        lines = list(combined_lines(10000, 7))
        answer = self.uut.post("web", "\n".join(lines), "text/plain")
        self.assertEqual((answer.status, answer.json["accepted"], answer.json["rejected"]), (200, 10000, 0))
        stored = self.uut.bodies("web")
        self.assertEqual(len(stored), 10000)
        for line, got in zip(lines, stored):
            host, _, user, _, request, status, size, referrer, agent = COMBINED.fullmatch(line).groups()
            method, path, protocol = request.split(" ")
            self.assertEqual((got["host"], got["user"], got["method"], got["path"], got["protocol"], got["status"],
                              got["bytes"], got["referrer"], got["user_agent"]),
                             (host, none_if_dash(user), method, path, protocol, int(status),
                              None if size == "-" else int(size), none_if_dash(referrer), agent))
            self.assertRegex(got["time"], r"^2015-05-\d\dT08:\d\d:03Z$")

    def test_a_streamed_body_of_many_batches_is_counted_whole(self):
        count = 300_000
        def pieces():
            for start in range(0, count, 1000):
                yield "".join(f'{{"n":{i},"pad":"{"x" * 80}"}}\n' for i in range(start, start + 1000)).encode()
        connection = self.uut.connection(timeout=120)
        connection.request("POST", "/ingest/default", pieces(), {"Content-Type": "application/x-ndjson"},
                           encode_chunked=True)
        answer = connection.getresponse()
        body = json.loads(answer.read())
        self.assertEqual((answer.status, body["accepted"], body["rejected"]), (200, count, 0))
        self.assertTrue([b["n"] for b in self.uut.bodies()] == list(range(count)), "lost, doubled or out of order")


if __name__ == "__main__":
    unittest.main()
