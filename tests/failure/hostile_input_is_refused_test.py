"""I10: bad input and attacks on the protocol are answered 4xx with a reason, or closed; never 5xx, never a hang, and
the neighbours do not notice."""

import contextlib
import gzip
import json
import re
import socket
import subprocess
import time
import unittest
import zlib

from failure import FailureTest, long_or
from weir import wait_until

POST = b"POST /ingest/default HTTP/1.1\r\nHost: w\r\n"
NDJSON = POST + b"Content-Type: application/x-ndjson\r\n"
ONE = b'{"c":"evil","n":1}\n'


def with_length(body, head=NDJSON):
    return head + b"Content-Length: %d\r\n\r\n" % len(body) + body


# Behind each stands a good record: whoever overlooks the flaw answers 2xx.
LENGTH = b"Content-Length: %d\r\n" % len(ONE)
CHUNKED = b"Transfer-Encoding: chunked\r\n"
CHUNKS = b"13\r\n" + ONE + b"\r\n0\r\n\r\n"
SMUGGLED = {
    "content-length and chunked": NDJSON + b"Content-Length: %d\r\n" % len(CHUNKS) + CHUNKED + b"\r\n" + CHUNKS,
    "chunked and content-length": NDJSON + CHUNKED + LENGTH + b"\r\n" + CHUNKS,
    "two lengths": NDJSON + LENGTH + b"Content-Length: 6\r\n\r\n" + ONE,
    "a length twice": NDJSON + LENGTH + LENGTH + b"\r\n" + ONE,
    "a list of lengths": NDJSON + b"Content-Length: 19, 19\r\n\r\n" + ONE,
    "two transfer encodings": NDJSON + CHUNKED + CHUNKED + b"\r\n" + CHUNKS,
    "chunked is not last": NDJSON + b"Transfer-Encoding: chunked, identity\r\n\r\n" + CHUNKS,
    "chunked with a vertical tab": NDJSON + b"Transfer-Encoding: \x0bchunked\r\n\r\n" + CHUNKS,
    "chunked in 1.0": NDJSON.replace(b"1.1", b"1.0") + CHUNKED + b"\r\n" + CHUNKS,
    "a blank before the colon": NDJSON + b"Content-Length : 19\r\n\r\n" + ONE,
    "a negative length": NDJSON + b"Content-Length: -19\r\n\r\n" + ONE,
    "a length with a plus": NDJSON + b"Content-Length: +19\r\n\r\n" + ONE,
    "a length in hex": NDJSON + b"Content-Length: 0x13\r\n\r\n" + ONE,
    "a length beyond 64 bits": NDJSON + b"Content-Length: 18446744073709551635\r\n\r\n" + ONE,
    "a folded line": NDJSON + b"X: a\r\n b\r\n" + LENGTH + b"\r\n" + ONE,
    "a bare LF": (NDJSON + LENGTH).replace(b"\r\n", b"\n") + b"\n" + ONE,
    "a bare CR": NDJSON + b"X: a\rb\r\n" + LENGTH + b"\r\n" + ONE,
    "NUL in a field": NDJSON + b"X: a\0b\r\n" + LENGTH + b"\r\n" + ONE,
    "no host": NDJSON.replace(b"Host: w\r\n", b"") + LENGTH + b"\r\n" + ONE,
    "two hosts": NDJSON + b"Host: v\r\n" + LENGTH + b"\r\n" + ONE,
    "a chunk size that is no hex": NDJSON + CHUNKED + b"\r\n13g\r\n" + CHUNKS[4:],
    "a chunk size with 0x": NDJSON + CHUNKED + b"\r\n0x13\r\n" + CHUNKS[4:],
    "a chunk size with a plus": NDJSON + CHUNKED + b"\r\n+13\r\n" + CHUNKS[4:],
    "a chunk size with a blank": NDJSON + CHUNKED + b"\r\n13 \r\n" + CHUNKS[4:],
    "a chunk size that ends in LF": NDJSON + CHUNKED + b"\r\n13\n" + CHUNKS[4:],
    "a chunk size beyond 64 bits": NDJSON + CHUNKED + b"\r\n10000000000000013\r\n" + CHUNKS[4:],
    "a chunk without its end": NDJSON + CHUNKED + b"\r\n13\r\n" + ONE + b"XX0\r\n\r\n",
    "an endless chunk extension": NDJSON + CHUNKED + b"\r\n13;" + b"a" * 200_000 + b"\r\n" + CHUNKS[4:],
    "endless trailers": NDJSON + CHUNKED + b"\r\n" + CHUNKS[:-2] + b"A: b\r\n" * 50_000 + b"\r\n",
    "an unknown expectation": NDJSON + b"Expect: the-worst\r\n" + LENGTH + b"\r\n" + ONE,
}
HEADS = {
    "an endless request line": b"POST /" + b"a" * 300_000,
    "an endless field": NDJSON + b"X: " + b"a" * 300_000,
    "10,000 fields": NDJSON + b"".join(b"X-%d: y\r\n" % i for i in range(10_000)) + b"\r\n",
    "no HTTP at all": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" * 40 + b"\r\n\r\n",
    "HTTP/9.9": b"POST /ingest/default HTTP/9.9\r\nHost: w\r\n\r\n",
    "a proxy's target": b"POST http://w/ingest/default HTTP/1.1\r\nHost: w\r\nContent-Length: 0\r\n\r\n",
    "a way out of the tree": b"POST /ingest/../../etc/passwd HTTP/1.1\r\nHost: w\r\nContent-Length: 0\r\n\r\n",
    "a bad escape": b"POST /ingest/%00 HTTP/1.1\r\nHost: w\r\nContent-Length: 0\r\n\r\n",
    "a long stream name": b"POST /ingest/" + b"a" * 5000 + b" HTTP/1.1\r\nHost: w\r\nContent-Length: 0\r\n\r\n",
}
JSON = POST + b"Content-Type: application/json\r\n"
BODIES = {
    "100,000 deep arrays": with_length(b"[" * 100_000 + b"]" * 100_000, JSON),
    "100,000 deep objects": with_length(b'{"a":' * 100_000 + b"1" + b"}" * 100_000, JSON),
    "100,000 deep, one line": with_length(b'{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}\n"),
    "NUL in a record": with_length(b'{"c":"e\0","n":1}\n'),
    "invalid UTF-8": with_length(b'{"c":"\xff\xfe\xc0\x80","n":1}\n'),
    "a lone surrogate": with_length(b'{"c":"\\ud800","n":1}\n'),
    "only blanks": with_length(b" \n\t\n" * 1000),
    "binary": with_length(bytes(range(256)) * 100),
    "a number without end": with_length(b'{"n":' + b"9" * 500_000 + b"}\n"),
    "CSV that never closes a quote": with_length(b'a,b\n"' + b"x" * 2_000_000, POST + b"Content-Type: text/csv\r\n"),
    "not gzip": with_length(b"not gzip at all", NDJSON + b"Content-Encoding: gzip\r\n"),
    "gzip cut off": with_length(gzip.compress(ONE * 5000)[:60], NDJSON + b"Content-Encoding: gzip\r\n"),
    "gzip with a wrong check sum": with_length(gzip.compress(ONE)[:-8] + b"\0" * 8,
                                               NDJSON + b"Content-Encoding: gzip\r\n"),
    "a gzip bomb": with_length(gzip.compress(b"\0" * (64 << 20)), NDJSON + b"Content-Encoding: gzip\r\n"),
    "a bomb of blank lines": with_length(gzip.compress(b"\n" * (64 << 20)), NDJSON + b"Content-Encoding: gzip\r\n"),
    "deflate": with_length(zlib.compress(ONE), NDJSON + b"Content-Encoding: deflate\r\n"),
    "an unknown encoding": with_length(ONE, NDJSON + b"Content-Encoding: br\r\n"),
}


def is_whole(answer):
    head, end, body = answer.partition(b"\r\n\r\n")
    length = re.search(rb"\r\nContent-Length: (\d+)", head)
    return bool(end and length) and len(body) >= int(length[1])


class HostileInputIsRefused(FailureTest):
    def setUp(self):
        super().setUp()
        self.uut = self.node()

    def first_answer(self, data):
        """What comes until the first answer is whole, the node closes, or 8 s are over."""
        received = b""
        with socket.create_connection(("127.0.0.1", self.uut.port), timeout=8) as s:
            with contextlib.suppress(ConnectionError, TimeoutError):
                s.sendall(data)
            with contextlib.suppress(ConnectionError, TimeoutError):
                while not is_whole(received):
                    more = s.recv(65536)
                    if not more:
                        break
                    received += more
        return received

    def attack(self, name, data, codes=None):
        began = time.monotonic()
        answer = self.first_answer(data)
        took = time.monotonic() - began
        self.assertLess(took, 8, name)
        statuses = [int(s) for s in re.findall(rb"HTTP/1\.1 (\d{3}) ", answer)]
        self.assertTrue(statuses, f"{name}: no answer: {answer[:200]!r}")
        for status in statuses:
            self.assertEqual(status // 100, 4, f"{name}: {answer[:400]!r}")
        problem = answer.split(b"\r\n\r\n", 1)[1]
        self.assertIn(b'"code":"', problem, name)
        self.assertIn(b'"detail":"', problem, name)
        if codes:
            self.assertIn(json.loads(problem)["code"], codes, name)

    def attack_beside_a_bystander(self, attacks, codes=None):
        polite = self.load(self.uut, connections=4, rate=200)
        for name, data in attacks.items():
            with self.subTest(attack=name):
                self.attack(name, data, codes)
        polite.stop()
        self.assert_only(polite, 200)
        self.assertIsNone(self.uut.process.poll())
        stored = self.uut.bodies()
        self.assert_ledger(self.uut, polite, stored=[(b["c"], b["n"]) for b in stored])
        self.assert_accounts(self.uut)

    def test_smuggling(self):
        self.attack_beside_a_bystander(SMUGGLED, {"malformed_request", "expectation_failed"})

    def test_heads_that_flood(self):
        self.attack_beside_a_bystander(HEADS)

    def test_bodies_that_lie(self):
        self.attack_beside_a_bystander(BODIES)

    def test_a_line_of_100_megabytes(self):
        line = b'{"c":"long","pad":"' + b"x" * (100 << 20) + b'"}\n'
        self.attack_beside_a_bystander({"a long line": with_length(line)})
        self.assertLess(self.uut.resident_bytes(), 300 << 20)

    def test_a_zstd_bomb(self):
        bomb = subprocess.run(["zstd", "-19", "-c"], input=b"\0" * (64 << 20), capture_output=True, check=True).stdout
        self.attack_beside_a_bystander({"zstd bomb": with_length(bomb, NDJSON + b"Content-Encoding: zstd\r\n"),
                                        "not zstd": with_length(b"x" * 99, NDJSON + b"Content-Encoding: zstd\r\n")})

    def test_chunks_without_end_are_served_or_refused_but_never_held_in_memory(self):
        before = self.uut.resident_bytes()
        with socket.create_connection(("127.0.0.1", self.uut.port), timeout=8) as s:
            s.sendall(NDJSON + b"Transfer-Encoding: chunked\r\n\r\n")
            for _ in range(long_or(2_000_000, 100_000) // 1000):
                s.sendall(b"1\r\n\n\r\n" * 1000)  # empty lines, each in its own chunk
            s.sendall(b"0\r\n\r\n")
            answer = s.recv(65536)
        # No record in it, or none in the first of `ingest.batch_bytes`.
        self.assertIn(answer[8:13], (b" 400 ", b" 413 "), answer)
        self.assertLess(self.uut.resident_bytes() - before, 32 << 20)

    def test_random_bytes_in_place_of_any_part(self):
        good = with_length(ONE)
        for _ in range(long_or(5000, 300)):
            data = bytearray(good)
            for _ in range(self.chance.randrange(1, 5)):
                data[self.chance.randrange(len(data))] = self.chance.randrange(256)
            answer = self.uut.raw(bytes(data) + b"\r\n\r\n" if self.chance.random() < 0.5 else bytes(data),
                                  timeout=0.05)
            self.assertNotRegex(answer, rb"HTTP/1\.1 5", bytes(data))
        wait_until(lambda: self.uut.post("default", {"ok": 1}).status == 200, 5, "alive")
        json.dumps(self.uut.bodies())


if __name__ == "__main__":
    unittest.main()
