"""Whatever is wrong with a request: a 4xx with a reason, nothing stored, others untouched."""

import gzip
import json
import unittest

from weir import ServerTest

HEAD = b"POST /ingest/default HTTP/1.1\r\nHost: weir\r\n"
NDJSON = b"Content-Type: application/x-ndjson\r\n"


class Malformed(ServerTest):
    @classmethod
    def setUpClass(cls):
        from weir import Node
        schema = {"type": "object", "required": ["n"], "properties": {"n": {"type": "integer", "maximum": 9}}}
        cls.uut = Node(streams={"default": {}, "strict": {"schema": "strict.json"}},
                       files={"strict.json": json.dumps(schema)}).start()

    @classmethod
    def tearDownClass(cls):
        cls.uut.close()

    def tearDown(self):
        self.assertEqual(self.uut.rows(), [], "a refused request must store nothing")
        self.assertEqual(self.uut.operations("GET", "/readyz").status, 200)

    def assert_refused(self, answer, status, code=None):
        self.assertEqual(answer.status, status, answer)
        self.assertEqual(answer.headers["Content-Type"], "application/problem+json", answer)
        self.assertEqual(answer.json["status"], status)
        self.assertTrue(answer.json["detail"], answer)
        if code:
            self.assertEqual(answer.json["code"], code, answer)

    def assert_raw(self, request, *statuses):
        answer = self.uut.raw(request)
        status = int(answer.split(b" ", 2)[1]) if answer.startswith(b"HTTP/1.1 ") else None
        self.assertIn(status, statuses, (request[:200], answer[:500]))
        return answer

    def test_an_unknown_stream_is_404(self):
        self.assert_refused(self.uut.post("nothing", {"a": 1}), 404, "unknown_stream")

    def test_other_paths_are_404_and_other_methods_405(self):
        self.assert_refused(self.uut.request("GET", "/metrics"), 404)
        answer = self.uut.request("GET", "/ingest/default")
        self.assert_refused(answer, 405)
        self.assertIn("POST", answer.headers["Allow"])

    def test_broken_json_is_refused(self):
        self.assert_refused(self.uut.post("default", '{"a":', "application/json"), 400)
        self.assert_refused(self.uut.post("default", '{"a":1}}', "application/json"), 400)
        self.assert_refused(self.uut.post("default", '"text"', "application/json"), 400)
        self.assert_refused(self.uut.post("default", '{"a":tru}', "application/json"), 422)

    def test_an_empty_body_is_refused(self):
        for kind in ["application/json", "application/x-ndjson", "text/csv", "text/plain"]:
            self.assert_refused(self.uut.post("default", b"", kind), 400)

    def test_when_every_record_is_rejected_the_answer_is_422_with_the_reasons(self):
        answer = self.uut.post("strict", '{"n":1.5}\n{"n":10}\n{}\n', "application/x-ndjson")
        self.assert_refused(answer, 422, "all_records_rejected")
        self.assertEqual([(e["record"], e["pointer"]) for e in answer.json["errors"]], [(1, "/n"), (2, "/n"), (3, "")])

    def test_deep_json_is_refused_without_a_crash(self):
        deep = "[" * 100_000
        self.assert_refused(self.uut.post("default", deep, "application/json"), 400)
        self.assert_refused(self.uut.post("default", '{"a":' * 100_000, "application/x-ndjson"), 422)

    def test_invalid_utf8_is_refused_in_every_format(self):
        for body, kind in [(b'{"a":"\xff"}', "application/json"), (b'[{"a":"\xed\xa0\x80"}]', "application/json"),
                           (b'{"a":"\xc0\xaf"}\n', "application/x-ndjson"), (b"\xed\xa0\x80\n", "text/plain"),
                           (b"a,b\n\xff,1\n", "text/csv"), (b"a,b\n\xf4\x90\x80\x80,1\n", "text/csv")]:
            answer = self.uut.post("default", body, kind)
            self.assert_refused(answer, 422, "all_records_rejected")
            self.assertEqual([e["code"] for e in answer.json["errors"]], ["invalid_utf8"], (body, answer))

    def test_utf16_and_utf32_are_refused_in_every_format_with_the_reason(self):
        for encoding in ["utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le"]:
            for text, kind in [('{"a":"two"}\n', "application/json"), ('{"a":"two"}\n', "application/x-ndjson"),
                               ("a,b\n1,2\n", "text/csv"), ("two\nlines\n", "text/plain"), ("two\nlines\n", None)]:
                headers = {"Content-Type": kind} if kind else {}
                answer = self.uut.request("POST", "/ingest/default", text.encode(encoding), headers)
                self.assert_refused(answer, 400, "malformed_body")
                self.assertIn(encoding[:6].upper(), answer.json["detail"])

    def test_json_that_is_none_hears_what_stands_there_and_where(self):
        for record, column, word in [
                ('{"a":NaN}', 6, "NaN"), ('{"a":1,}', 7, "comma"), ("{'a':1}", 2, "single quote"),
                ('{"a":1} {"b":2}', 9, "another value"), ("{a:1}", 2, "`a`"), ('{"a":/*x*/1}', 6, "comment"),
                ('{"a":undefined}', 6, "undefined"), ('{"a":-Infinity}', 6, "Infinity"),
                ('{"a":01}', 6, "begin with 0"),
                ('{"a":+1}', 6, "+"), ('{"a":.5}', 6, "0.5"), ('{"a":"\t"}', 7, "tab"), ('{"a":"\\x"}', 7, "escape"),
                ('{"a":1 "b":2}', 8, "comma"), ('{"a" 1}', 6, "colon"), ('{"a":"x', 6, "does not end"),
                ('{"a":1', 6, "ends here")]:
            for prefix in ["", '{"a": 1, "b"}\n']:
                answer = self.uut.post("default", prefix + record, "application/x-ndjson")
                error = answer.json["errors"][-1]
                self.assertEqual((error["code"], error["line"]), ("malformed_json", 2 if prefix else 1), answer)
                self.assertTrue(error["detail"].startswith(f"column {column}: "), (record, error))
                self.assertIn(word, error["detail"])
        answer = self.uut.post("default", '[{"a" : 1,\n "b" 2}]', "application/json")
        self.assertIn("line 2, column 6: ", answer.json["errors"][0]["detail"])

    def test_a_form_is_refused_with_a_hint(self):
        answer = self.uut.post("default", "a=1&b=2", "application/x-www-form-urlencoded")
        self.assert_refused(answer, 415, "unsupported_media_type")
        self.assertIn("application/json", answer.json["detail"])

    def test_unknown_media_types_codings_and_expectations(self):
        self.assert_refused(self.uut.post("default", b"<a/>", "application/xml"), 415)
        self.assert_refused(self.uut.post("default", b"x", "text/plain", Content_Encoding="br"), 415)
        self.assert_refused(self.uut.post("default", b"x", "text/plain", Expect="tea"), 417)
        self.assert_refused(self.uut.post("default", b"x", "text/plain", Weir_Ack="maybe"), 400)

    def test_compressed_garbage_and_bombs_are_refused(self):
        self.assert_refused(self.uut.post("default", b"not gzip", "text/plain", Content_Encoding="gzip"), 400)
        before = self.uut.resident_bytes()
        for filler, status in [(b"\n", 413), (b" ", 413), (b"x", 413), (b"1\n", 422)]:
            bomb = gzip.compress(filler * ((200 << 20) // len(filler)) if status == 413 else filler * 100_000, 9)
            answer = self.uut.post("default", bomb, "application/x-ndjson", Content_Encoding="gzip")
            self.assert_refused(answer, status)
            self.assertLess(self.uut.resident_bytes() - before, 64 << 20, filler)

    def test_a_line_of_100_mb_is_refused_in_bounded_memory(self):
        before = self.uut.resident_bytes()
        answer = self.assert_raw(HEAD + b"Content-Type: text/plain\r\nContent-Length: %d\r\n\r\n" % (100 << 20)
                                 + b"x" * (100 << 20), 413)
        self.assertIn(b"problem+json", answer)
        self.assertLess(self.uut.resident_bytes() - before, 64 << 20)

    def test_no_length_and_bad_lengths(self):
        self.assert_raw(HEAD + NDJSON + b"\r\n", 411)
        for length in [b"-1", b"abc", b"1,2", b"99999999999999999999999", b"0x10", b"+5"]:
            self.assert_raw(HEAD + NDJSON + b"Content-Length: " + length + b"\r\n\r\n{}", 400, 413)
        self.assert_raw(HEAD + b"Content-Length: 3\r\nContent-Length: 4\r\n\r\n{}\n\n", 400)

    def test_smuggling_attempts_get_400_and_a_closed_connection(self):
        hidden = b"GET /livez HTTP/1.1\r\nHost: weir\r\n\r\n"
        for fields in [b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
                       b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n",
                       b"Transfer-Encoding: chunked, identity\r\n", b"Transfer-Encoding: xchunked\r\n",
                       b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
                       b"Transfer-Encoding : chunked\r\n", b"Folded: a\r\n b\r\nContent-Length: 2\r\n",
                       b"Bad\0Name: x\r\nContent-Length: 2\r\n", b"Value: a\0b\r\nContent-Length: 2\r\n"]:
            answer = self.assert_raw(HEAD + fields + b"\r\n0\r\n\r\n" + hidden, 400)
            self.assertEqual(answer.count(b"HTTP/1.1 "), 1, (fields, answer))

    def test_bad_chunks_are_refused(self):
        start = HEAD + NDJSON + b"Transfer-Encoding: chunked\r\n\r\n"
        for chunks in [b"zz\r\n{}\r\n0\r\n\r\n", b"0x2\r\n{}\r\n0\r\n\r\n", b"-2\r\n{}\r\n", b"2\r\n{}XX0\r\n\r\n",
                       b"FFFFFFFFFFFFFFFFF\r\n", b"2\n{}\n0\n\n", b" 2\r\n{}\r\n0\r\n\r\n",
                       b"2;" + b"e" * 100_000 + b"\r\n{}\r\n"]:
            self.assert_raw(start + chunks, 400)

    def test_heads_that_are_too_large_or_have_too_many_fields(self):
        self.assert_raw(HEAD + b"Big: " + b"x" * 20_000 + b"\r\n\r\n", 431, 400)
        self.assert_raw(HEAD + b"".join(b"F%d: x\r\n" % i for i in range(100)) + b"Content-Length: 2\r\n\r\n{}",
                        431, 400)

    def test_garbage_on_the_socket(self):
        self.assert_raw(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\0" * 200, 400, None)
        self.assert_raw(b"GARBAGE\r\n\r\n", 400)
        self.assert_raw(b"POST /ingest/default HTTP/1.1\r\nContent-Length: 2\r\n\r\n{}", 400)

    def test_expect_100_is_refused_before_the_body(self):
        answer = self.assert_raw(b"POST /ingest/nothing HTTP/1.1\r\nHost: w\r\nContent-Length: 1000000\r\n"
                                 b"Expect: 100-continue\r\n\r\n", 404)
        self.assertNotIn(b"100 Continue", answer)


if __name__ == "__main__":
    unittest.main()
