"""Drives a subject: wrk with one constant body for the highest rates, bench_load for unique ids, paced requests,
CSV and log lines; one long upload by hand."""

import json
import re
import socket
import subprocess
import tempfile
import time

from subjects import BUILD, cpu_seconds, status_mib


def event(number):
    """The JSON of bench/load/events.hpp."""
    return (f'{{"id":{number},"ts":"2026-01-01T12:30:45.123456Z","host":"10.0.{number % 256}.{number // 256 % 256}",'
            f'"method":"GET","path":"/articles/2026/{100000 + number % 900000}/index.html","status":200,'
            f'"bytes":{5120 + number % 9000},'
            '"agent":"Mozilla/5.0 (X11; Linux x86_64; rv:109.0) Gecko/20100101 Firefox","duration_ms":12.5}\n')


def _milliseconds(value, unit):
    return float(value) * {"us": 1e-3, "ms": 1, "s": 1e3, "m": 6e4}[unit]


def wrk(subject, stream, records, connections, seconds):
    body = "".join(event(n) for n in range(records))
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as script:
        script.write(f'wrk.method = "POST"\nwrk.headers["Content-Type"] = "{subject.type}"\n'
                     f"wrk.body = {json.dumps(body)}\n")
        script.flush()
        url = f"http://127.0.0.1:{subject.port}{subject.path(stream, records)}"
        out = subprocess.run(["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--latency", "--timeout", "10s",
                              "-s", script.name, url], capture_output=True, text=True, check=True).stdout
    requests, took, unit = re.search(r"(\d+) requests in ([\d.]+)(ms|s|m)\b", out).groups()
    errors = re.search(r"Non-2xx or 3xx responses: (\d+)", out)
    refused = int(errors.group(1)) if errors else 0
    return {"records": (int(requests) - refused) * records, "refused": refused,
            "seconds": _milliseconds(took, unit) / 1e3,
            "p50_ms": _milliseconds(*re.search(r"50%\s+([\d.]+)(us|ms|s)", out).groups()),
            "p99_ms": _milliseconds(*re.search(r"99%\s+([\d.]+)(us|ms|s)", out).groups())}


def client(subject, stream, records, connections, seconds, rate=0, shape="json", streams=1):
    types = {"json": "application/x-ndjson", "csv": "text/csv", "log": "text/plain"}
    line = [str(BUILD / "bench_load"), str(subject.port), subject.path(stream, records),
            "--connections", connections, "--records", records, "--seconds", seconds, "--rate", rate,
            "--shape", shape, "--type", types[shape], "--streams", streams]
    out = json.loads(subprocess.run([str(word) for word in line], capture_output=True, text=True, check=True).stdout)
    return {**out, "records": out["records_acknowledged"]}


def measured(subject, drive, warm_up):
    """Runs `warm_up`, then `drive`; adds what the kernel says of the subject in between."""
    warm_up()
    before = cpu_seconds(subject.pid)
    figures = drive()
    spent = cpu_seconds(subject.pid) - before
    return {**figures, "subject": subject.name, "records_per_second": figures["records"] / figures["seconds"],
            "cpu_us_per_record": spent / max(figures["records"], 1) * 1e6,
            "peak_mib": status_mib(subject.pid, "VmHWM")}


def upload(port, path, total, watch=lambda: None):
    """One request with a body of `total` bytes of NDJSON; `watch` is called every 64 MiB."""
    piece = "".join(event(n) for n in range(4000)).encode()
    head = (f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-ndjson\r\n"
            f"Content-Length: {total}\r\n\r\n").encode()
    with socket.create_connection(("127.0.0.1", port)) as s:
        begin = time.monotonic()
        s.sendall(head)
        sent, watched = 0, 0
        while total - sent >= len(piece):
            s.sendall(piece)
            sent += len(piece)
            if sent - watched >= 64 << 20:
                watched = sent
                watch()
        rest = total - sent  # one record as long as it must be, at most a piece
        last = piece[:rest].rsplit(b"\n", 1)[0] + b"\n" if b"\n" in piece[:rest] else b""
        s.sendall(last + b"\n" * (rest - len(last)))
        s.settimeout(120)
        answer = b""
        while b"\r\n\r\n" not in answer:
            got = s.recv(65536)
            if not got:
                break
            answer += got
        took = time.monotonic() - begin
    if not answer.startswith(b"HTTP/1.1 200"):
        raise RuntimeError(f"the upload was answered {answer[:300]!r}")
    return {"bytes": total, "seconds": took, "bytes_per_second": total / took}
