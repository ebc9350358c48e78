"""I6: whatever strangers send, resident memory stays under the ceiling, and it comes back. One shape after the other
against one node; the table of docs/reliability.md is what this prints with WEIR_MEMORY_TABLE=1."""

import contextlib
import os
import pathlib
import socket
import struct
import unittest

from failure import FailureTest, long_or, not_under_a_sanitizer
from weir import wait_until

MIB = 1 << 20

# What does not fit under a small ceiling with the defaults.
SMALL = ["ingest.connections_max=600", "journal.keys_max=10000", "journal.group_bytes=2MiB",
         "sink.bytes_per_transaction=4MiB",
         "ingest.clients_max=1000", "ingest.threads=1"]
CEILINGS = {128: SMALL, 256: SMALL, 512: ["ingest.connections_max=1000"]}


def head(fields, path="/ingest/default"):
    return (f"POST {path} HTTP/1.1\r\nHost: x\r\n" + "".join(f"{f}\r\n" for f in fields) + "\r\n").encode()


def chunk(data):
    return b"%x\r\n%s\r\n" % (len(data), data)


def zstd_frame(window_log, text):
    """The beginning of a frame with such a window, and one raw block."""
    return b"\x28\xb5\x2f\xfd\0" + bytes([(window_log - 10) << 3]) + struct.pack("<I", len(text) << 3)[:3] + text


class Crowd:
    """Connections that each send something and stay open."""

    def __init__(self, stack, port):
        self.stack, self.port, self.open = stack, port, []

    def send(self, data, hear=False):
        try:
            s = self.stack.enter_context(socket.create_connection(("127.0.0.1", self.port), timeout=10))
            s.sendall(data)
            if hear:
                s.recv(65536)
            self.open.append(s)
        except OSError:
            pass  # refused, or closed: that is an answer too


def many_small_records_all_rejected(crowd):
    body = b"1\n" * 4096
    for _ in range(long_or(2000, 500)):
        crowd.send(head([f"Content-Length: {len(body)}"]) + body, hear=True)


def records_that_lack_their_last_byte(crowd):
    body = b"{}" * 4096 * 32
    for _ in range(long_or(600, 150)):
        crowd.send(head([f"Content-Length: {len(body) + 1}", "Content-Type: text/plain"]) + b"x\n" * 131072)


def huge_zstd_windows(crowd):
    for _ in range(long_or(600, 400)):
        crowd.send(head(["Transfer-Encoding: chunked", "Content-Encoding: zstd"])
                   + chunk(zstd_frame(23, b'{"a":1}\n' * 8000)))


def stalled_uploads(crowd):
    body = b'{"a":1}\n' * 300_000
    for _ in range(long_or(400, 100)):
        crowd.send(head([f"Content-Length: {len(body) + 1}"]) + body[:1_200_000])


def many_idle_sessions_after_long_heads(crowd):
    for _ in range(600):
        crowd.send(head(["Content-Length: 2", "X-Long: " + "x" * 15_000]) + b"{}", hear=True)


def pipelined_heads_without_end(crowd):
    for _ in range(600):
        crowd.send(b"GET /livez HTTP/1.1\r\nHost: x\r\nX-Long: " + b"x" * 15_900)


def answers_that_nobody_reads(crowd):
    body = b"1\n" * 4096
    for _ in range(200):
        crowd.send((head([f"Content-Length: {len(body)}"]) + body) * 20)


INGEST = [many_small_records_all_rejected, records_that_lack_their_last_byte, huge_zstd_windows, stalled_uploads,
          many_idle_sessions_after_long_heads, pipelined_heads_without_end, answers_that_nobody_reads]


def a_head_without_end(crowd):
    crowd.send(b"GET /metrics HTTP/1.1\r\nX: " + b"x" * (100 * MIB))


def many_short_fields(crowd):
    crowd.send(b"GET /metrics HTTP/1.1\r\n" + b"a:\r\n" * MIB)


def ranges(crowd):
    for _ in range(12):
        crowd.send(b"GET /metrics HTTP/1.1\r\nHost: x\r\nRange: bytes=" + b",".join(b"0-" for _ in range(2700))
                   + b"\r\n\r\n")


def pages_that_nobody_reads(crowd):
    for _ in range(300):
        crowd.send(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")


OPERATIONS = [a_head_without_end, many_short_fields, ranges, pages_that_nobody_reads]


def forget_peak(node):
    """From now on the kernel's high-water mark is of what follows."""
    pathlib.Path(f"/proc/{node.process.pid}/clear_refs").write_text("5")


def peak_bytes(node):
    for line in pathlib.Path(f"/proc/{node.process.pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    raise AssertionError("no VmHWM")


@not_under_a_sanitizer
class HostileMemory(FailureTest):
    def walk(self, node, shapes, port, ceiling):
        for shape in shapes:
            with self.subTest(shape=shape.__name__, ceiling=ceiling), contextlib.ExitStack() as stack:
                forget_peak(node)
                crowd = Crowd(stack, port)
                shape(crowd)
                self.assertEqual(node.operations("GET", "/livez").status, 200)
                peak = peak_bytes(node)
                if os.environ.get("WEIR_MEMORY_TABLE"):
                    print(f"| {shape.__name__.replace('_', ' ')} | {ceiling} MiB | {peak / MIB:.0f} MiB |", flush=True)
                self.assertGreater(peak, 0)
                self.assertLessEqual(peak, ceiling * MIB, f"{peak / MIB:.0f} of {ceiling} MiB")

    def under(self, ceiling):
        node = self.node(settings=[f"memory.ceiling={ceiling}MiB", *CEILINGS[ceiling]])
        self.walk(node, INGEST, node.port, ceiling)
        self.walk(node, OPERATIONS, node.operations_port, ceiling)
        wait_until(lambda: node.metrics()["weir_budget_used_bytes"] == 0, 30, "all claims come back")
        wait_until(lambda: node.resident_bytes() <= ceiling * MIB // 2, 30, "the memory comes back")

    def test_every_shape_stays_under_128_mib(self):
        self.under(128)

    def test_every_shape_stays_under_256_mib(self):
        self.under(256)

    def test_every_shape_stays_under_512_mib(self):
        self.under(512)


if __name__ == "__main__":
    unittest.main()
