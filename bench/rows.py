"""The rows of the table. A row measures weir and its baseline in turn, several rounds of both, and takes medians:
the machine's moods then meet both alike."""

import concurrent.futures
import contextlib
import json
import statistics
import subprocess
import time

import load
from subjects import BUILD, STREAMS, Discard, DiscardSynced, FluentBit, Pipeline, Weir, cpu_seconds, status_mib


CONNECTIONS = ["ingest.connections_max=10000"]
PATIENT = {"web": {**STREAMS["web"], "admission_wait": "7s"}}


class Pace:
    """How long everything takes."""

    def __init__(self, quick):
        self.quick = quick
        self.seconds = 3 if quick else 4
        self.rounds = 1 if quick else 3
        self.sustained_seconds = 10 if quick else 60
        self.upload_bytes = (512 << 20) if quick else (5 << 30)
        self.stored = [1_000, 10_000, 100_000] if quick else [1_000, 10_000, 100_000, 1_000_000, 10_000_000]
        self.connections = [1, 64, 1000] if quick else [1, 8, 64, 512, 1000, 5000]
        self.streams = [1, 10, 100]
        self.idle_seconds = 3 if quick else 10


def median_of(rounds):
    """One measurement of several of the same: the median of each figure."""
    return {key: statistics.median(r[key] for r in rounds) if isinstance(value, (int, float)) else value
            for key, value in rounds[0].items()}


def interleaved(pace, makers, measure):
    """{name: median} of `measure(subject)` over rounds of all subjects."""
    found = {}
    for _ in range(pace.rounds):
        for make in makers:
            with make() as subject:
                name = subject.name if not isinstance(subject, Weir) else f"weir/{subject.sink}"
                found.setdefault(name, []).append(measure(subject))
    return {name: median_of(rounds) for name, rounds in found.items()}


def drive_wrk(pace, records, connections):
    def measure(subject):
        return load.measured(subject, lambda: load.wrk(subject, "web", records, connections, pace.seconds),
                             lambda: load.wrk(subject, "web", records, connections, 1))
    return measure


def peers():
    return [Pipeline, Discard] + ([FluentBit] if FluentBit.installed() else [])


def batches(pace):
    return interleaved(pace, [*peers(), lambda: Weir("null"), lambda: Weir("file")], drive_wrk(pace, 500, 64))


def single(pace, connections):
    return interleaved(pace, [*peers(), lambda: Weir("null")], drive_wrk(pace, 1, connections))


def sustained(pace):
    """SQLite has to keep up: what is accepted counts only over the time until the sink has all of it."""
    def measure(subject):
        load.wrk(subject, "web", 500, 64, 1)
        if isinstance(subject, Weir):
            subject.wait_for_sink(120)
        before, begin = cpu_seconds(subject.pid), time.monotonic()
        figures = load.wrk(subject, "web", 500, 64, pace.sustained_seconds)
        accepting = time.monotonic() - begin
        if isinstance(subject, Weir):
            subject.wait_for_sink(300)
        took = time.monotonic() - begin
        return {**figures, "records_per_second": figures["records"] / took, "sink_lag_seconds": took - accepting,
                "cpu_us_per_record": (cpu_seconds(subject.pid) - before) / figures["records"] * 1e6,
                "peak_mib": status_mib(subject.pid, "VmHWM")}
    return interleaved(pace if pace.quick else _one_round(pace), [Pipeline, lambda: Weir("sqlite")], measure)


def _one_round(pace):
    once = Pace(pace.quick)
    once.rounds = 1
    return once


def append_sync(directory, block, *how):
    """`how`: for so many seconds into written blocks; or "bytes" and how many of them, into a new file."""
    line = [str(BUILD / "bench_append_sync"), str(directory / "floor"), str(block), *map(str, how)]
    out = subprocess.run(line, capture_output=True, text=True, check=True).stdout
    (directory / "floor").unlink()
    return json.loads(out)


def sync_beside_load(pace, rate):
    """Bare writes and syncs while the epoll floor answers the same paced load: what the disk gives to one whose
    cores are as busy."""
    with Discard() as floor, concurrent.futures.ThreadPoolExecutor(1) as beside:
        driven = beside.submit(load.client, floor, "web", 1, 64, 2 * pace.seconds, rate=rate)
        figures = append_sync(floor.directory, 4096, pace.seconds)
        if driven.done():
            raise RuntimeError("the load ended before the syncs did")
        driven.result()
    return figures


def latency(pace):
    """Paced single POSTs at half of what a closed loop reaches, beside bare writes and syncs on the same disk."""
    with Weir("null") as node:
        floor = append_sync(node.node.directory, 4096, pace.seconds)
        top = load.client(node, "web", 1, 64, pace.seconds)
        rate = top["records"] / top["seconds"] / 2
        half = load.client(node, "web", 1, 64, 2 * pace.seconds, rate=rate)
        again = append_sync(node.node.directory, 4096, pace.seconds)
    with DiscardSynced() as durable:
        least = load.client(durable, "web", 1, 64, 2 * pace.seconds, rate=rate)
    return {"weir/null": {**half, "rate": rate},
            "floor": {key: (floor[key] + again[key]) / 2 for key in floor},
            "busy_floor": sync_beside_load(pace, rate), "durable_floor": least}


def shapes(pace):
    def measure(name, stream):
        def one(subject):
            return load.measured(subject, lambda: load.client(subject, stream, 500, 64, pace.seconds, shape=name),
                                 lambda: load.client(subject, stream, 500, 64, 0.5, shape=name))
        return interleaved(pace, [lambda: Weir("null")], one)["weir/null"]
    return {"csv": measure("csv", "table"), "log": measure("log", "log")}


def upload(pace):
    """Beside the floor of the same bytes: appended to a new file in as many syncs as the journal made of them."""
    big = ["ingest.body_bytes_max=64GiB"]
    with Weir("null", settings=big) as node:
        load.upload(node.port, "/ingest/web", 32 << 20)
        resident = []
        before, syncs = cpu_seconds(node.pid), node.syncs()
        figures = load.upload(node.port, "/ingest/web", pace.upload_bytes,
                              lambda: resident.append(status_mib(node.pid, "VmRSS")))
        figures["cpu_us_per_record"] = (cpu_seconds(node.pid) - before) / (figures["bytes"] / 246) * 1e6
        figures["bytes_per_sync"] = figures["bytes"] // (node.syncs() - syncs)
        disk = append_sync(node.node.directory, figures["bytes_per_sync"], "bytes", pace.upload_bytes)
    with Discard() as floor:
        loopback = load.upload(floor.port, "/", pace.upload_bytes)
    half = len(resident) // 2
    return {"weir/null": {**figures, "resident_mib_first_half": max(resident[:half]),
                          "resident_mib_second_half": max(resident[half:])},
            "disk": disk,
            "loopback": loopback}


def acknowledged(pace):
    """Every acknowledged id is in the store, and no other: counted by the client, read back by export."""
    with Weir("file") as node:
        figures = load.client(node, "web", 20, 64, pace.seconds)
        stored = node.stored()
    return {"weir/file": {"acknowledged": figures["records_acknowledged"], "sent": figures["records_sent"],
                          "stored": stored}}


def idle(pace):
    with Weir("sqlite") as node:
        load.client(node, "web", 1, 1, 0.2)
        node.wait_for_sink(20)
        time.sleep(1)
        before = cpu_seconds(node.pid)
        time.sleep(pace.idle_seconds)
        return {"weir/sqlite": {"cpu_percent": (cpu_seconds(node.pid) - before) / pace.idle_seconds * 100}}


def ready(pace):
    return {"weir/null": {"seconds": statistics.median(Weir.seconds_to_ready() for _ in range(2 * pace.rounds + 1))}}


def fill(node, wanted):
    while (missing := wanted - node.accepted()) > 0:
        connections = min(64, max(1, missing // 500))
        load.client(node, "web", min(500, missing), connections, min(10.0, missing / 600_000))
    node.wait_for_sink(300)


def grow_stored(pace):
    """CPU per record of the next records when so many are in SQLite already: some half a million, since one
    checkpoint more or less of the log, one in 120,000, must not count. A node for each number, all in turns."""
    figures = {wanted: [] for wanted in pace.stored}
    with contextlib.ExitStack() as open_nodes:
        nodes = {wanted: open_nodes.enter_context(Weir("sqlite")) for wanted in pace.stored}
        for wanted, node in nodes.items():
            fill(node, wanted)
        for _ in range(pace.rounds):
            for wanted, node in nodes.items():
                before, count = cpu_seconds(node.pid), node.accepted()
                load.client(node, "web", 500, 16, pace.seconds / 3)
                node.wait_for_sink(60)
                figures[wanted].append((cpu_seconds(node.pid) - before) / (node.accepted() - count) * 1e6)
    return [{"x": wanted, "cpu_us_per_record": statistics.median(f)} for wanted, f in figures.items()]


def grow_streams(pace):
    """The same 100 connections over 1, 10, 100 streams: a node for each, all in turns."""
    figures = {count: [] for count in pace.streams}
    with contextlib.ExitStack() as open_nodes:
        nodes = {count: open_nodes.enter_context(Weir("null", streams={f"s{i}": STREAMS["web"] for i in range(count)}))
                 for count in pace.streams}
        for _ in range(pace.rounds):
            for count, node in nodes.items():
                def drive(seconds):
                    return load.client(node, "s*", 500, 100, seconds, streams=count)
                figures[count].append(load.measured(node, lambda: drive(pace.seconds), lambda: drive(0.5)))
    return [{"x": count, "cpu_us_per_record": statistics.median(f["cpu_us_per_record"] for f in rounds)}
            for count, rounds in figures.items()]


def grow_connections(pace, records):
    """Nobody is refused: who finds no room waits in line. What a client went away from at the end of a run is
    stored as well, so weir's own count is what its CPU is divided by. What a refusal costs is the row `crowd`."""
    points = []
    for count in pace.connections:
        with Weir("null", streams=PATIENT, settings=CONNECTIONS) as node:
            load.wrk(node, "web", records, count, 1)
            node.wait_for_rest(60)
            before, begin = cpu_seconds(node.pid), node.accepted()
            figures = load.wrk(node, "web", records, count, pace.seconds)
            node.wait_for_rest(60)
            spent, stored = cpu_seconds(node.pid) - before, node.accepted() - begin
        points.append({"x": count, "cpu_us_per_record": spent / stored * 1e6, "refused": figures["refused"],
                       "records_per_second": figures["records"] / figures["seconds"]})
    return points


def crowd(pace):
    """5,000 connections with batches, each of which asks again at once when it is refused after 100 ms."""
    return interleaved(pace, [Pipeline, lambda: Weir("null", settings=CONNECTIONS)], drive_wrk(pace, 500, 5000))


def every_row(pace, chosen):
    """{row: figures}, in the order of the table; `chosen` by name, all when empty."""
    rows = {
        "batches": lambda: batches(pace), "single_64": lambda: single(pace, 64),
        "single_1000": lambda: single(pace, 1000), "sustained": lambda: sustained(pace),
        "latency": lambda: latency(pace), "shapes": lambda: shapes(pace), "upload": lambda: upload(pace),
        "acknowledged": lambda: acknowledged(pace), "idle": lambda: idle(pace), "ready": lambda: ready(pace),
        "grow_stored": lambda: grow_stored(pace), "grow_streams": lambda: grow_streams(pace),
        "grow_connections": lambda: grow_connections(pace, 1),
        "grow_connections_batches": lambda: grow_connections(pace, 500), "crowd": lambda: crowd(pace),
    }
    unknown = set(chosen) - set(rows)
    if unknown:
        raise SystemExit(f"bench: no row {', '.join(sorted(unknown))}; there are {', '.join(rows)}")
    for name, measure in rows.items():
        if not chosen or name in chosen:
            yield name, measure()
