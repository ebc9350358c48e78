"""Several weir nodes on loopback as one cluster: real processes, real links, a sink for each persister.

Exactly once over several persisters needs a store they share (PostgreSQL). With a store of its own
for each, a record may be in two of them after a node was lost; never in none.
"""

import collections
import contextlib
import http.client
import json
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "server"))

from weir import BINARY, Node, free_port, wait_until  # noqa: E402

CERTIFICATES = {}


def certificates():
    """A CA and certificates made once for each test program: directory of ca.pem, NAME.pem, NAME.key."""
    if "directory" not in CERTIFICATES:
        CERTIFICATES["directory"] = pathlib.Path(tempfile.mkdtemp(prefix="weir-certs-"))
        subprocess.run([BINARY, "certs", "init", str(CERTIFICATES["directory"])],
                       check=True, capture_output=True)
    return CERTIFICATES["directory"]


def certificate(name):
    directory = certificates()
    if not (directory / f"{name}.pem").exists():
        subprocess.run([BINARY, "certs", "issue", name, str(directory)], check=True,
                       capture_output=True)
    return {"ca": str(directory / "ca.pem"), "certificate": str(directory / f"{name}.pem"),
            "key": str(directory / f"{name}.key")}


def forget_certificates():
    if "directory" in CERTIFICATES:
        shutil.rmtree(CERTIFICATES.pop("directory"), ignore_errors=True)


class Member(Node):
    """One node of a cluster. `roles` is a list; `seeds` of host:port."""

    def __init__(self, name, roles, seeds, tls=True, streams=None, top=None, port=None):
        self.name, self.roles = name, roles
        self.cluster_port = port or free_port()
        cluster = {"roles": roles, "listen": self.address, "seeds": seeds}
        if tls:
            cluster["tls"] = certificate(name)
        more = dict(top or {})
        cluster.update(more.pop("cluster", {}))
        super().__init__(streams=streams, top={
            "node": {"name": name}, "cluster": cluster, "memory": {"ceiling": "512MiB"},
            "log": {"level": "debug"}, **more})

    @property
    def address(self):
        return f"{self.host}:{self.cluster_port}"

    def view(self):
        return self.operations("GET", "/cluster").json

    def peers_up(self):
        with contextlib.suppress(OSError, http.client.HTTPException):
            return {link["peer"] for link in self.view()["links"] if link["up"]}
        return set()

    def pause(self):
        self.process.send_signal(signal.SIGSTOP)

    def resume(self):
        self.process.send_signal(signal.SIGCONT)

    def resident_bytes(self):
        for line in pathlib.Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) * 1024
        return 0

    def close(self):
        if self.process and self.process.poll() is None:
            self.resume()
        super().close()


class Cluster:
    """`shape`: how many of each role, like {"gateway": 2, "worker": 2, "persister": 2}, or a list of
    (name, roles). The first node is everybody's seed, and the second too, so that either may die."""

    def __init__(self, shape, tls=True, streams=None, top=None):
        if isinstance(shape, dict):
            shape = [(f"{role}-{i + 1}", [role]) for role, count in shape.items() for i in range(count)]
        ports = [free_port() for _ in shape]
        seeds = [f"127.0.0.1:{port}" for port in ports[:2]]
        self.nodes = {name: Member(name, roles, seeds, tls, streams, top, port)
                      for (name, roles), port in zip(shape, ports)}

    def __getitem__(self, name):
        return self.nodes[name]

    def of(self, role):
        return [node for node in self.nodes.values() if role in node.roles]

    def __enter__(self):
        try:
            self.start()
        except BaseException:
            self.close()
            raise
        return self

    def start(self):
        for node in self.nodes.values():
            node.start(wait=False)
        self.wait_linked()
        for node in self.nodes.values():
            wait_until(node.ready, 20, f"{node.name} is ready")

    def running(self):
        return [n for n in self.nodes.values() if n.process and n.process.poll() is None]

    def wait_linked(self, seconds=20):
        """Until every running node has a link to every other."""
        nodes = self.running()
        names = {n.name for n in nodes}

        def linked():
            for node in nodes:
                node.assert_runs()
            return all(names - {n.name} <= n.peers_up() for n in nodes)
        wait_until(linked, seconds, lambda: "every node has a link to every other: "
                   + str({n.name: sorted(n.peers_up()) for n in nodes}))

    def close(self):
        for node in self.nodes.values():
            node.close()

    def __exit__(self, kind, *_):
        if kind is not None:
            for node in self.nodes.values():
                print(f"---- {node.name}\n{node.log_text()[-3000:]}", file=sys.stderr)
        self.close()

    def stored_ids(self):
        """id: how often it is in the stores of all persisters together."""
        counts = collections.Counter()
        for node in self.of("persister"):
            for _, _, _, body in node.rows():
                counts[body["id"]] += 1
        return counts


class Load(threading.Thread):
    """Sends small batches of records with ids of their own, each with an Idempotency-Key, to one
    gateway after another until it is answered 2xx; one that does not answer within `patience` seconds is
    left. What was acknowledged is in `acknowledged`. `pause`: seconds between two batches."""

    def __init__(self, gateways, name, batch=20, patience=10, pause=0):
        super().__init__(daemon=True)
        self.gateways, self.name, self.batch, self.patience, self.pause = gateways, name, batch, patience, pause
        self.acknowledged, self.statuses = [], collections.Counter()
        self.times = [time.monotonic()]  # of the acknowledgements
        self.ending = threading.Event()
        self.start()

    def run(self):
        number, turn = 0, 0
        while not self.ending.is_set():
            ids = [f"{self.name}-{number}-{i}" for i in range(self.batch)]
            body = "\n".join(json.dumps({"id": i, "filler": "x" * 100}) for i in ids)
            while True:
                gateway = self.gateways[turn % len(self.gateways)]
                status = self.post(gateway, body, f"{self.name}-{number}")
                self.statuses[status] += 1
                if status == 200:
                    self.acknowledged += ids
                    self.times.append(time.monotonic())
                    break
                turn += 1
                if self.ending.wait(0.02):
                    return
            number += 1
            self.ending.wait(self.pause)

    def longest_gap(self, since=0):
        """The longest time without an acknowledgement that ended after `since`, in seconds."""
        times = list(self.times)
        return max((b - a for a, b in zip(times, times[1:]) if b > since), default=0.0)

    def post(self, gateway, body, key):
        connection = http.client.HTTPConnection(gateway.host, gateway.port, timeout=self.patience)
        try:
            connection.request("POST", "/ingest/default", body,
                               {"Content-Type": "application/x-ndjson", "Idempotency-Key": key})
            answer = connection.getresponse()
            answer.read()
            return answer.status
        except (OSError, http.client.HTTPException):
            return 0
        finally:
            connection.close()

    def finish(self):
        self.ending.set()
        self.join(30)
        if self.is_alive():
            raise AssertionError("a client hangs")
        return self
