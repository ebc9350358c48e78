"""A weir node under test: the built binary, a directory of its own, free ports, real HTTP.

Nothing here sleeps to wait for something: waits poll a condition with a deadline and fail loudly.
"""

import contextlib
import fcntl
import http.client
import json
import os
import pathlib
import re
import signal
import socket
import sqlite3
import subprocess
import tempfile
import time
import unittest

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
BINARY = os.environ.get("WEIR_BINARY", str(ROOT / "build/release/weir"))


PORTS = range(10240, 32768)  # below the ephemeral ports: no connection on its way out takes one meanwhile


def free_port():
    """A port that no test program is given again before all others were. (The kernel, asked for any
    port, names the same one twice in a hundredth of all sets of eighteen.) Its turn is kept in a file
    that all test programs of a user share."""
    turns = os.open(pathlib.Path(tempfile.gettempdir()) / f"weir-test-ports-{os.getuid()}",
                    os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(turns, fcntl.LOCK_EX)
        turn = int(os.pread(turns, 16, 0) or 0)
        while not bindable(port := PORTS[turn % len(PORTS)]):
            turn += 1
        os.pwrite(turns, b"%-16d" % (turn + 1), 0)
        return port
    finally:
        os.close(turns)


def bindable(port):
    with socket.socket() as s:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        with contextlib.suppress(OSError):
            s.bind(("127.0.0.1", port))
            return True
    return False


def wait_until(condition, seconds, what):
    """Polls until `condition()` is true and returns its value; fails after `seconds` with `what`, or what
    that returns."""
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"not within {seconds} s: {what() if callable(what) else what}")
        time.sleep(0.01)


class Answer:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    @property
    def json(self):
        return json.loads(self.body)

    def __repr__(self):
        return f"Answer({self.status}, {self.body[:300]!r})"


class Node:
    """One `weir run`. `streams` is YAML-able (JSON is YAML); `settings` are --set overrides."""

    host = "127.0.0.1"

    def __init__(self, streams=None, settings=None, files=None, top=None):
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="weir-test-"))
        self.data = self.directory / "data"
        self.port, self.operations_port = free_port(), free_port()
        for name, content in (files or {}).items():
            (self.directory / name).write_text(content)
        self.config = {
            "data_dir": str(self.data),
            "ingest": {"listen": f"{self.host}:{self.port}"},
            "operations": {"listen": f"{self.host}:{self.operations_port}"},
            "streams": streams if streams is not None else {"default": {}},
        }
        for key, value in (top or {}).items():
            if isinstance(value, dict):
                self.config.setdefault(key, {}).update(value)
            else:
                self.config[key] = value
        self.settings = settings or []
        self.environment = {}  # more of it for every start
        self.process = None
        self.log = open(self.directory / "log", "wb")

    # -- life

    def write_config(self):
        (self.directory / "weir.yaml").write_text(json.dumps(self.config, indent=1))

    def command(self, name, *arguments):
        line = [BINARY, name, *arguments, "--config", str(self.directory / "weir.yaml")]
        for setting in self.settings:
            line += ["--set", setting]
        return line

    def start(self, wait=True, **environment):
        self.write_config()
        self.process = subprocess.Popen(
            self.command("run"), stdout=self.log, stderr=self.log, stdin=subprocess.DEVNULL,
            env={**os.environ, **self.environment, **environment})
        if wait:
            wait_until(self.ready, 20, lambda: "the node is ready; log: " + self.log_text()[-2000:])
        return self

    def assert_runs(self):
        if self.process.poll() is not None:
            raise AssertionError(f"weir ended with {self.process.returncode}: {self.log_text()[-3000:]}")

    def ready(self):
        self.assert_runs()
        with contextlib.suppress(OSError, http.client.HTTPException):
            return self.operations("GET", "/readyz").status == 200
        return False

    def kill(self):
        self.process.kill()
        self.process.wait()

    def stop(self, seconds=15):
        """SIGTERM; the exit code."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise AssertionError("no exit after SIGTERM; log: " + self.log_text()[-3000:]) from None

    def close(self):
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self.log.close()
        said = self.log_text() if self.directory.exists() else ""
        subprocess.run(["rm", "-rf", str(self.directory)], check=False)
        # A node that dies of a finding may look like one that the test has killed.
        found = re.search("Sanitizer:|runtime error:", said)
        assert not found, said[found.start():][:8000]

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.close()

    def log_text(self):
        return (self.directory / "log").read_text(errors="replace")

    # -- HTTP

    def connection(self, timeout=30):
        return http.client.HTTPConnection(self.host, self.port, timeout=timeout)

    def request(self, method, path, body=None, headers=None, port=None):
        connection = http.client.HTTPConnection(self.host, port or self.port, timeout=60)
        try:
            connection.request(method, path, body, headers or {})
            answer = connection.getresponse()
            return Answer(answer.status, answer.headers, answer.read())
        finally:
            connection.close()

    def post(self, stream, body, content_type=None, **headers):
        if isinstance(body, (dict, list)):
            body = json.dumps(body)
            content_type = content_type or "application/json"
        if isinstance(body, str):
            body = body.encode()
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        if content_type:
            named["Content-Type"] = content_type
        return self.request("POST", f"/ingest/{stream}", body, named)

    def operations(self, method, path, **headers):
        return self.request(method, path, headers=headers, port=self.operations_port)

    def raw(self, data, timeout=10):
        """Sends bytes, closes our half if told nothing more, and reads to the end or time-out."""
        with socket.create_connection((self.host, self.port), timeout=timeout) as s:
            with contextlib.suppress(ConnectionError):
                s.sendall(data)
            received = b""
            with contextlib.suppress(ConnectionError, socket.timeout):
                while chunk := s.recv(65536):
                    received += chunk
            return received

    def raw_upload(self, stream, body, lines, key):
        """Sends the first `lines` of an NDJSON body; the rest comes with finish(), or never."""
        split = body.encode().splitlines(keepends=True)
        return Upload(self, stream, b"".join(split[:lines]), b"".join(split[lines:]), key)

    # -- what it holds and says

    def metrics(self):
        """{'name{labels}': value}"""
        lines = self.operations("GET", "/metrics").body.decode().splitlines()
        return {name: float(value) for name, value in
                (line.rsplit(" ", 1) for line in lines if line and line[0] != "#")}

    def actors(self):
        return {a["id"]: a for a in self.operations("GET", "/actors").json["actors"]}

    def drained(self):
        """True when the sink holds every durable record."""
        m = self.metrics()
        return m["weir_sink_lag_records"] == 0 and m["weir_records_in_flight"] == 0

    def rows(self, stream=None):
        """(id, stream, received_at, body as object), after the sink has caught up."""
        if self.process and self.process.poll() is None:
            wait_until(self.drained, 30, "the sink catches up")
        if not (self.data / "weir.db").exists():
            return []  # the sink makes it when it starts
        with contextlib.closing(sqlite3.connect(self.data / "weir.db")) as db:
            where, values = ("where stream = ?", (stream,)) if stream else ("", ())
            return [(i, s, t, json.loads(b)) for i, s, t, b in
                    db.execute(f"select id, stream, received_at, body from records {where} order by id", values)]

    def bodies(self, stream=None):
        return [row[3] for row in self.rows(stream)]

    def export(self, *arguments):
        done = subprocess.run(self.command("export", *arguments), capture_output=True, check=True)
        return [json.loads(line) for line in done.stdout.splitlines()]

    def resident_bytes(self):
        for line in pathlib.Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) * 1024
        raise AssertionError("no VmRSS")

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))

    def threads(self):
        return len(os.listdir(f"/proc/{self.process.pid}/task"))


class Upload:
    """A request whose body comes in two halves, as one that is cut off or waits in the middle."""

    def __init__(self, node, stream, first, rest, key):
        self.rest = rest
        self.connection = node.connection()
        self.connection.putrequest("POST", f"/ingest/{stream}")
        self.connection.putheader("Content-Type", "application/x-ndjson")
        self.connection.putheader("Content-Length", str(len(first) + len(rest)))
        if key:
            self.connection.putheader("Idempotency-Key", key)
        self.connection.endheaders(first)

    def finish(self):
        self.connection.send(self.rest)
        answer = self.connection.getresponse()
        return Answer(answer.status, answer.headers, answer.read())

    def close(self):
        self.connection.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


class ServerTest(unittest.TestCase):
    """Keeps the log of a node whose test failed."""

    maxDiff = 4000

    def node(self, **arguments):
        node = Node(**arguments)
        self.addCleanup(node.close)
        return node.start()

    def assert_accounts(self, node):
        """At rest: received = stored + duplicate + rejected + dropped + failed, nothing in flight."""
        def balance():
            m = node.metrics()
            rejected = sum(v for k, v in m.items() if k.startswith("weir_records_rejected_total"))
            return m["weir_records_in_flight"], m["weir_records_received_total"] - (
                m["weir_records_accepted_total"] + m["weir_records_duplicate_total"] + rejected
                + m["weir_records_dropped_total"] + m["weir_records_failed_total"])
        wait_until(lambda: balance() == (0, 0), 10, lambda: f"received = stored + rejected + …: {balance()}")
