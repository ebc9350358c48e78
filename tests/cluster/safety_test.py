"""What comes to a cluster port and does not belong there leaves the node and its memory untouched."""

import contextlib
import os
import pathlib
import socket
import ssl
import struct
import subprocess
import tempfile
import unittest

from cluster import BINARY, Cluster, certificate, forget_certificates, wait_until

ONE_OF_EACH = {"gateway": 1, "worker": 1, "persister": 1}
GROWTH_BYTES_MAX = 16 << 20
PROTOCOL = 4


def tearDownModule():
    forget_certificates()


def context(files):
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    made.check_hostname = False
    made.verify_mode = ssl.CERT_NONE
    if files:
        made.load_cert_chain(files["certificate"], files["key"])
    return made


def card(name, instance=7):
    """A node card as cluster/link_frame.cpp writes it: all roles, some address."""
    address = b"127.0.0.1:1"
    return (struct.pack("<I", len(name)) + name + struct.pack("<QqB", instance, 1, 7)
            + struct.pack("<I", len(address)) + address)


def word(body, version=PROTOCOL):
    return b"WEIR" + struct.pack("<HI", version, len(body)) + body


def hello(name, version=PROTOCOL, link=99):
    return word(struct.pack("<Q", link) + card(name), version)


class SafetyTest(unittest.TestCase):
    def setUp(self):
        self.cluster = Cluster(ONE_OF_EACH)
        self.addCleanup(self.cluster.close)
        self.cluster.start()
        self.node = self.cluster["worker-1"]
        self.resident = self.node.resident_bytes()

    def untouched(self, others=frozenset()):
        self.assertIsNone(self.node.process.poll(), self.node.log_text()[-2000:])
        self.assertLess(self.node.resident_bytes(), self.resident + GROWTH_BYTES_MAX)
        self.assertLessEqual(self.node.peers_up() - others, {"gateway-1", "persister-1"})
        self.assertLessEqual({"gateway-1", "persister-1"}, self.node.peers_up())
        self.assertEqual(self.cluster["gateway-1"].post("default", {"id": 1}).status, 200)

    @contextlib.contextmanager
    def linked_stranger(self):
        """A peer with a valid certificate that has greeted as it should."""
        with self.connect() as s, context(certificate("stranger")).wrap_socket(s) as tls:
            tls.sendall(hello(b"stranger"))
            self.assertEqual(self.read_word(tls)[0], 1, "accepted")
            tls.sendall(word(b""))
            self.assertEqual(self.read_word(tls), b"", "welcome")
            wait_until(lambda: "stranger" in self.node.peers_up(), 5, "the link is up")
            yield tls

    @staticmethod
    def read_word(tls):
        def exactly(size):
            came = b""
            while len(came) < size:
                more = tls.recv(size - len(came))
                if not more:
                    raise ConnectionError("closed")
                came += more
            return came
        return exactly(struct.unpack("<4sHI", exactly(10))[2])

    def connect(self):
        return socket.create_connection(("127.0.0.1", self.node.cluster_port), timeout=10)

    def refusal(self, connection):
        """What the node says to a greeting it does not like, or nothing."""
        with contextlib.suppress(OSError):
            return connection.recv(65536)
        return b""

    def test_ten_megabytes_of_random_bytes(self):
        noise = os.urandom(1 << 20)
        for _ in range(10):
            with self.connect() as s, contextlib.suppress(OSError):
                s.sendall(noise)
                s.recv(1)
        self.untouched()

    def test_random_bytes_inside_tls_with_a_valid_certificate(self):
        for _ in range(10):
            with contextlib.suppress(OSError), self.connect() as s, \
                    context(certificate("stranger")).wrap_socket(s) as tls:
                tls.sendall(os.urandom(1 << 20))
                tls.recv(1)
        self.untouched()

    def test_without_a_certificate_nothing_is_said(self):
        with self.connect() as s, contextlib.suppress(OSError):
            with context(None).wrap_socket(s) as tls:
                tls.sendall(hello(b"nobody"))
                self.assertEqual(tls.recv(10), b"")
        self.untouched()

    def test_with_a_certificate_of_another_authority_nothing_is_said(self):
        with tempfile.TemporaryDirectory() as other:
            subprocess.run([BINARY, "certs", "init", other], check=True, capture_output=True)
            subprocess.run([BINARY, "certs", "issue", "gateway-1", other], check=True, capture_output=True)
            files = {"certificate": str(pathlib.Path(other) / "gateway-1.pem"),
                     "key": str(pathlib.Path(other) / "gateway-1.key")}
            with self.connect() as s, contextlib.suppress(OSError):
                with context(files).wrap_socket(s) as tls:
                    tls.sendall(hello(b"gateway-1"))
                    self.assertEqual(tls.recv(10), b"")
        wait_until(lambda: "link_refused" in self.node.log_text(), 5, "the refusal is logged")
        self.untouched()

    def test_a_certificate_for_another_name_is_refused_with_the_reason(self):
        with self.connect() as s, context(certificate("stranger")).wrap_socket(s) as tls:
            tls.sendall(hello(b"gateway-9"))
            self.assertIn(b"the certificate is for stranger, not for gateway-9", self.refusal(tls))
        self.untouched()

    def test_another_protocol_version_is_refused_with_both_numbers_on_both_sides(self):
        with self.connect() as s, context(certificate("newer")).wrap_socket(s) as tls:
            tls.sendall(hello(b"newer", version=77))
            said = self.refusal(tls)
            self.assertEqual(said[:6], b"WEIR" + struct.pack("<H", PROTOCOL), "the head can be read by every version")
            self.assertIn(b"cluster protocol 77, this node 4", said)
        wait_until(lambda: "protocol 77, this node 4" in self.node.log_text(), 5, "it is logged")
        self.untouched()

    def test_connections_that_say_nothing_are_closed_and_bounded(self):
        silent = []
        for _ in range(200):
            silent.append(self.connect())
        self.untouched()
        for s in silent:
            s.settimeout(10)
            with contextlib.suppress(ConnectionError):
                self.assertEqual(s.recv(1), b"", "closed by the node")
            s.close()
        self.untouched()

    def test_a_peer_whose_frames_are_garbage_loses_its_link_and_nothing_else(self):
        frames = {"a frame of four gigabytes": struct.pack("<II", 0xFFFFFFFF, 0),
                  "an empty frame": struct.pack("<II", 0, 0),
                  "a frame that is all text": struct.pack("<II", 10, 10) + bytes(10),
                  "a frame of no kind": struct.pack("<II", 1000, 0) + os.urandom(1000),
                  "a batch that is cut off": struct.pack("<IIBB", 100, 50, 4, 0) + bytes(98),
                  "ten megabytes of random bytes": os.urandom(10 << 20)}
        for what, garbage in frames.items():
            with self.subTest(what), self.linked_stranger() as tls:
                with contextlib.suppress(OSError):
                    tls.sendall(garbage)
                wait_until(lambda: "stranger" not in self.node.peers_up(), 5, "its link is down")
                self.untouched()

    def test_a_frame_that_is_promised_and_does_not_come_uses_no_memory(self):
        with self.linked_stranger() as tls:
            tls.sendall(struct.pack("<II", 4 << 20, 4_000_000) + b"x")
            self.untouched({"stranger"})
            wait_until(lambda: "stranger" not in self.node.peers_up(), 5, "silence ends it")
        self.untouched()

    def test_a_greeting_that_promises_four_gigabytes_allocates_nothing(self):
        with self.connect() as s, context(certificate("stranger")).wrap_socket(s) as tls:
            tls.sendall(b"WEIR" + struct.pack("<HI", PROTOCOL, 0xFFFFFFFF))
            self.assertIn(b"too long", self.refusal(tls))
        self.untouched()


if __name__ == "__main__":
    unittest.main()
