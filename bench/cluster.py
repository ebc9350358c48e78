#!/usr/bin/env python3
"""What a cluster costs beside one node, both into the same PostgreSQL on this machine: records/s, CPU per record of
each role, bytes per record on each link, syncs, resident memory. docs/scale.md works with these figures.

  bench/cluster.py [--seconds S] [--records N] [--connections C] [--pause S] SHAPE…

A shape is `single` or G+W+P, how many gateways, workers and persisters; `/C` behind it: sink.connections.
With --pause the first persister stands still for so long, from a second after the beginning.
"""

import argparse
import collections
import contextlib
import json
import os
import pathlib
import resource
import subprocess
import sys
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "tests/cluster"), str(ROOT / "tests/server")]

from cluster import Cluster, forget_certificates  # noqa: E402
from postgres import PostgresServer  # noqa: E402
from subjects import BUILD, SCHEMA, STEPS  # noqa: E402
from weir import Node  # noqa: E402

# The second is CAF's scheduler, whatever it is called: it encodes and decodes what crosses links.
NETWORK_THREADS = ("weir-links", "caf.multiplexer")


def cpu_of(pid):
    """Seconds of each thread, by name and number."""
    spent = {}
    for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
        try:
            name = (task / "comm").read_text().strip()
            spent[f"{name}/{task.name}"] = int((task / "schedstat").read_text().split()[0]) / 1e9
        except (FileNotFoundError, ProcessLookupError):
            pass
    return spent


def children_of(pid):
    out = subprocess.run(["pgrep", "-P", str(pid)], capture_output=True, text=True, check=False).stdout
    return [int(p) for p in out.split()]


def reaped_by(pid):
    """Seconds of the children of a process that have ended."""
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[13]) + int(fields[14])) / os.sysconf("SC_CLK_TCK")


def database_cpu(server):
    """Also what has ended meanwhile: an autovacuum of the database before."""
    running = [server.process.pid, *children_of(server.process.pid)]
    return reaped_by(server.process.pid) + sum(sum(cpu_of(p).values()) for p in running)


def wal_bytes(server):
    return int(server.value("SELECT pg_current_wal_insert_lsn() - '0/0'"))


def start(shape, server, database):
    name, _, connections = shape.partition("/")
    top = {"sink": {"kind": "postgres", "url": server.url(database), "connections": int(connections or 1)},
           "log": {"level": "info"}}
    streams = {"web": {"schema": "web.json", "transform": STEPS, "ack": "stored"}}
    if name == "single":
        node = Node(streams=streams, top=top)
        nodes = {"single": node}
        (node.directory / "web.json").write_text(json.dumps(SCHEMA))
        node.start()
        return node, nodes
    counts = dict(zip(("gateway", "worker", "persister"), map(int, name.split("+"))))
    cluster = Cluster(counts, streams=streams, top=top)
    for node in cluster.nodes.values():
        (node.directory / "web.json").write_text(json.dumps(SCHEMA))
    cluster.start()
    return cluster, cluster.nodes


class Memory(threading.Thread):
    def __init__(self, nodes):
        super().__init__(daemon=True)
        self.nodes, self.most, self.ending = nodes, {}, threading.Event()
        self.start()

    def run(self):
        while not self.ending.wait(0.2):
            for name, node in self.nodes.items():
                self.most[name] = max(self.most.get(name, 0), node.resident_bytes())


def drive(nodes, options, seconds):
    gateways = [n for name, n in nodes.items() if name.startswith(("gateway", "single"))]
    each = max(1, options.connections // len(gateways))
    runs = [subprocess.Popen([str(BUILD / "bench_load"), str(g.port), "/ingest/web", "--connections", str(each),
                              "--records", str(options.records), "--seconds", str(seconds)],
                             stdout=subprocess.PIPE, text=True) for g in gateways]
    return [json.loads(r.communicate()[0]) for r in runs]


def client_cpu():
    """Seconds of all the clients that have ended."""
    spent = resource.getrusage(resource.RUSAGE_CHILDREN)
    return spent.ru_utime + spent.ru_stime


def warm_up(nodes, options):
    """A client ends when it is refused, which may happen as long as nothing has been measured yet."""
    for _ in range(5):
        with contextlib.suppress(json.JSONDecodeError):
            return drive(nodes, options, 2)
    raise RuntimeError("the cluster takes no load")


def link_bytes(nodes):
    total = {}
    for name, node in nodes.items():
        if name != "single":
            for link in node.operations("GET", "/cluster").json["links"]:
                key = f"{name.split('-')[0]} to {link['peer'].split('-')[0]}"
                total[key] = total.get(key, 0) + link["bytes_sent_total"]
    return total


def measure(shape, server, database, options):
    server.sql(f"CREATE DATABASE {database}")
    running, nodes = start(shape, server, database)
    try:
        warm_up(nodes, options)
        memory = Memory(nodes)
        before = {name: cpu_of(node.process.pid) for name, node in nodes.items()}
        database_before, bytes_before = database_cpu(server), link_bytes(nodes)
        syncs = sum(n.metrics().get("weir_journal_syncs_total", 0) for n in nodes.values())
        written = wal_bytes(server)
        begin = time.monotonic()
        if options.pause:
            stopped = nodes["persister-1"]
            threading.Timer(1, stopped.pause).start()
            threading.Timer(1 + options.pause, stopped.resume).start()
        clients = client_cpu()
        out = drive(nodes, options, options.seconds)
        clients = client_cpu() - clients
        took = time.monotonic() - begin
        after = {name: cpu_of(node.process.pid) for name, node in nodes.items()}
        memory.ending.set()
        written = wal_bytes(server) - written
        records = sum(o["records_acknowledged"] for o in out)
        syncs = sum(n.metrics().get("weir_journal_syncs_total", 0) for n in nodes.values()) - syncs
        threads = collections.Counter()
        for name in nodes:
            for thread, spent in after[name].items():
                threads[name.split("-")[0], thread.split("/")[0]] += spent - before[name].get(thread, 0)

        def micro(chosen):
            return round(1e6 * sum(spent for key, spent in threads.items() if chosen(*key)) / records, 2)
        roles = sorted({role for role, _ in threads})
        return {
            "shape": shape, "records_per_second": round(records / took), "p99_ms": max(o["p99_ms"] for o in out),
            "cpu_us_per_record": micro(lambda *_: True),
            "of_roles": {role: micro(lambda r, _, role=role: r == role) for role in roles},
            "of_threads": {f"{r} {t}": micro(lambda *key, it=(r, t): key == it) for r, t in sorted(threads)
                           if threads[r, t] > 0.03 * sum(threads.values())},
            "network_threads_us": micro(lambda _, thread: thread in NETWORK_THREADS),
            "clients_us": round(1e6 * clients / records, 2),
            "database_us": round(1e6 * (database_cpu(server) - database_before) / records, 2),
            "wal_bytes": round(written / records),
            "bytes_per_record": {k: round((v - bytes_before[k]) / records) for k, v in link_bytes(nodes).items()
                                 if v > bytes_before[k] + 10 * records},
            "records_per_sync": round(records / max(syncs, 1)),
            "resident_mib": {name: most >> 20 for name, most in memory.most.items()}}
    finally:
        running.close()


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=8)
    parser.add_argument("--records", type=int, default=500)
    parser.add_argument("--connections", type=int, default=64)
    parser.add_argument("--pause", type=int, default=0)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("shapes", nargs="*", default=["single", "1+1+1", "2+2+2"])
    options = parser.parse_args()
    server = PostgresServer(fsync="on", shared_buffers="256MB")
    try:
        for number in range(options.rounds):
            for i, shape in enumerate(options.shapes):
                print(json.dumps(measure(shape, server, f"bench_{number}_{i}", options)), flush=True)
    finally:
        server.close()
        forget_certificates()


if __name__ == "__main__":
    main()
