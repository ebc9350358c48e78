"""What is measured: a weir node, the Go pipeline, the epoll floor, Fluent Bit when it is installed.

Each subject listens on a free port of 127.0.0.1, keeps its files in a directory of its own, and is one process
whose CPU time and memory the kernel accounts for.
"""

import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
BUILD = ROOT / "build/release"
sys.path.insert(0, str(ROOT / "tests" / "server"))
from weir import Node, free_port, wait_until  # noqa: E402

SCHEMA = {
    "type": "object",
    "required": ["ts", "host", "method", "path", "status"],
    "properties": {
        "ts": {"type": "string", "minLength": 20, "maxLength": 40},
        "host": {"type": "string", "pattern": "^[0-9.]+$"},
        "method": {"enum": ["GET", "POST", "PUT", "DELETE", "HEAD"]},
        "path": {"type": "string", "pattern": "^/[a-z0-9/_.-]*$"},
        "status": {"type": "integer", "minimum": 100, "maximum": 599},
        "bytes": {"type": "integer", "minimum": 0},
        "agent": {"type": "string", "maxLength": 200},
        "duration_ms": {"type": "number", "minimum": 0},
    },
}
# CSV values are strings, which the schema refuses: its stream converts instead.
CONVERT = [{"convert": {"field": name, "to": kind}}
           for name, kind in (("status", "int"), ("bytes", "int"))]
STEPS = [{"rename": {"agent": "user_agent"}}, {"convert": {"field": "duration_ms", "to": "string"}}]
STREAMS = {
    "web": {"schema": "web.json", "transform": STEPS},
    "table": {"transform": CONVERT},
    "log": {"transform": [{"parse": {"field": "message", "as": "combined_log"}}]},
}


def cpu_seconds(pid):
    """Run time of all threads, in the scheduler's nanoseconds; threads that have ended are missing, weir has none."""
    total = 0
    for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
        try:
            total += int((task / "schedstat").read_text().split()[0])
        except (FileNotFoundError, ProcessLookupError):
            pass
    return total / 1e9


def status_mib(pid, key):
    for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(key + ":"):
            return int(line.split()[1]) / 1024
    raise KeyError(key)


class Subject:
    """Start, drive, stop. `path(stream, records)` is where records go, `type` their media type."""

    name = ""
    type = "application/x-ndjson"

    def __init__(self):
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="weir-bench-"))
        self.port = free_port()
        self.process = None

    def command(self):
        raise NotImplementedError

    def path(self, stream, records):
        return "/"

    def listening(self):
        if self.process.poll() is not None:
            raise RuntimeError(f"{self.name} ended with {self.process.returncode}; see {self.directory}")
        with socket.socket() as s:
            return s.connect_ex(("127.0.0.1", self.port)) == 0

    def __enter__(self):
        with open(self.directory / "log", "wb") as log:
            self.process = subprocess.Popen(self.command(), stdout=log, stderr=log, stdin=subprocess.DEVNULL)
        wait_until(self.listening, 20, f"{self.name} listens")
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        shutil.rmtree(self.directory, ignore_errors=True)

    @property
    def pid(self):
        return self.process.pid


class Pipeline(Subject):
    """bench/baselines/go: the classic Go channel pipeline, which neither syncs nor waits."""

    name = "go"

    @staticmethod
    def build():
        subprocess.run(["go", "build", "-o", str(BUILD / "bench_go_pipeline"), "."], check=True,
                       cwd=ROOT / "bench/baselines/go", env={**os.environ, "GOFLAGS": "-mod=mod", "GOPROXY": "off"})

    def command(self):
        return [str(BUILD / "bench_go_pipeline"), "-listen", f"127.0.0.1:{self.port}",
                "-output", str(self.directory / "records.ndjson")]

    def path(self, stream, records):
        return "/ingest" if records == 1 else "/ingest/batch"


class Discard(Subject):
    """bench/baselines/epoll_discard.cpp: reads, throws away, answers 200."""

    name = "floor"

    def command(self):
        return [str(BUILD / "bench_epoll_discard"), str(self.port), str(os.cpu_count())]


class DiscardSynced(Discard):
    """The same on one thread, which appends and syncs before it answers."""

    name = "durable floor"

    def command(self):
        return [str(BUILD / "bench_epoll_discard"), str(self.port), "1", str(self.directory / "file")]


class FluentBit(Subject):
    """in_http to a file, as its manual has it. Only where it is installed."""

    name = "fluent-bit"
    type = "application/json"

    @staticmethod
    def installed():
        return shutil.which("fluent-bit") is not None

    def command(self):
        return ["fluent-bit", "-q", "-f", "1", "-i", "http", "-p", "listen=127.0.0.1", "-p", f"port={self.port}",
                "-o", "file", "-m", "*", "-p", f"path={self.directory}", "-p", "file=records", "-p", "format=plain"]


class Weir(Subject):
    """One node with the benchmark's streams. `sink`: null, file or sqlite."""

    name = "weir"

    def __init__(self, sink="null", streams=None, settings=()):
        self.sink = sink
        self.node = Node(streams=streams or STREAMS, files={"web.json": json.dumps(SCHEMA)},
                         top={"sink": {"kind": sink}},
                         settings=["journal.bytes_max=16GiB", "log.level=warning", *settings])
        self.port = self.node.port

    @property
    def pid(self):
        return self.node.process.pid

    def path(self, stream, records):
        return f"/ingest/{stream}"

    def __enter__(self):
        self.node.start()
        return self

    def __exit__(self, *_):
        self.node.close()

    def accepted(self):
        return int(self.node.metrics()["weir_records_accepted_total"])

    def syncs(self):
        return int(self.node.metrics()["weir_journal_syncs_total"])

    def wait_for_sink(self, seconds):
        wait_until(self.node.drained, seconds, "the sink has every record")

    def wait_for_rest(self, seconds):
        """Until every connection is gone and the sink has every record."""
        wait_until(lambda: self.node.metrics()["weir_http_connections_open"] == 0 and self.node.drained(), seconds,
                   "the node is at rest")

    def stored(self):
        """How many durable records `weir export` finds; the node may be running."""
        with subprocess.Popen(self.node.command("export"), stdout=subprocess.PIPE) as export:
            count = sum(chunk.count(b"\n") for chunk in iter(lambda: export.stdout.read(1 << 20), b""))
        return count

    @staticmethod
    def seconds_to_ready():
        """From exec to the first 200 of /readyz, on an empty store."""
        one = Weir()
        try:
            one.node.write_config()
            begin = time.monotonic()
            one.node.process = subprocess.Popen(one.node.command("run"), stdout=subprocess.DEVNULL,
                                                stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL)
            while not one.node.ready():
                if time.monotonic() - begin > 20:
                    raise RuntimeError("weir is not ready after 20 s")
            return time.monotonic() - begin
        finally:
            one.node.close()
