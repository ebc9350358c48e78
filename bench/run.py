#!/usr/bin/env python3
"""Measures one node end to end on this machine: `./dev bench [--quick] [--sink sqlite|file|null]`.

Starts build/release/weir on free ports with a schema of 8 fields and two transform steps, drives it with wrk over
loopback, and takes the server's CPU time from /proc. Every 2xx waits for fdatasync (`ack: durable`). Figures move
with the machine and its disk: compare runs of one machine only.
"""

import argparse
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent / "tests" / "server"))
from weir import Node  # noqa: E402

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
STEPS = [{"rename": {"agent": "user_agent"}}, {"convert": {"field": "duration_ms", "to": "string"}}]


def event(n):
    text = json.dumps({
        "ts": "2026-01-01T00:00:00.000000Z", "host": f"10.0.{n % 256}.{n // 256 % 256}", "method": "GET",
        "path": f"/articles/2026/{n:06}/index.html", "status": 200, "bytes": 5120 + n,
        "agent": "Mozilla/5.0 (X11; Linux x86_64)", "duration_ms": 12.5}, separators=(",", ":"))
    return text[:-1] + ',"pad":"' + "x" * max(0, 260 - len(text) - 9) + '"}'


def wrk(node, script, connections, seconds):
    line = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--latency", "-s", script,
            f"http://127.0.0.1:{node.port}/ingest/web"]
    out = subprocess.run(line, capture_output=True, text=True, check=True).stdout
    scale = {"us": 1e-3, "ms": 1, "s": 1e3}
    value, unit = re.search(r"99%\s+([\d.]+)(us|ms|s)", out).groups()
    errors = re.search(r"Non-2xx or 3xx responses: (\d+)", out)
    return {"requests_per_second": float(re.search(r"Requests/sec:\s+([\d.]+)", out).group(1)),
            "p99_ms": float(value) * scale[unit], "errors": int(errors.group(1)) if errors else 0}


def cpu_seconds(pid):
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def peak_mib(pid):
    return int(re.search(r"VmHWM:\s+(\d+)", pathlib.Path(f"/proc/{pid}/status").read_text()).group(1)) / 1024


def measure(name, records, connections, seconds, sink):
    body = "".join(event(n) + "\n" for n in range(records))
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as script:
        script.write('wrk.method = "POST"\nwrk.headers["Content-Type"] = "application/x-ndjson"\n'
                     f"wrk.body = {json.dumps(body)}\n")
        script.flush()
        node = Node(streams={"web": {"schema": "web.json", "transform": STEPS}}, files={"web.json": json.dumps(SCHEMA)},
                    top={"sink": {"kind": sink}}, settings=["journal.bytes_max=16GiB", "log.level=warning"])
        try:
            node.start()
            wrk(node, script.name, connections, 1)
            before, cpu = node.metrics()["weir_records_accepted_total"], cpu_seconds(node.process.pid)
            start = time.monotonic()
            figures = wrk(node, script.name, connections, seconds)
            elapsed = time.monotonic() - start
            accepted = node.metrics()["weir_records_accepted_total"] - before
            spent = cpu_seconds(node.process.pid) - cpu
            return {"scenario": name, "sink": sink, "records_per_second": accepted / elapsed,
                    "cpu_us_per_record": spent / max(accepted, 1) * 1e6, "peak_mib": peak_mib(node.process.pid), **figures}
        finally:
            node.close()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="3 s a scenario instead of 10")
    parser.add_argument("--sink", default="null", choices=["null", "file", "sqlite"])
    parser.add_argument("--json", metavar="FILE", help="write the figures there too")
    arguments = parser.parse_args()
    seconds = 3 if arguments.quick else 10
    rows = []
    print(f"{'scenario':34} {'records/s':>11} {'CPU µs/rec':>11} {'p99 ms':>8} {'peak MiB':>9} {'non-2xx':>8}")
    for name, records, connections in [("batches of 500, 64 connections", 500, 64),
                                       ("single records, 64 connections", 1, 64),
                                       ("single records, 1,000 connections", 1, 1000)]:
        row = measure(name, records, connections, seconds, arguments.sink)
        rows.append(row)
        print(f"{name:34} {row['records_per_second']:11,.0f} {row['cpu_us_per_record']:11.2f} {row['p99_ms']:8.1f} "
              f"{row['peak_mib']:9.0f} {row['errors']:8}")
    if arguments.json:
        pathlib.Path(arguments.json).write_text(json.dumps(rows, indent=1))


if __name__ == "__main__":
    main()
