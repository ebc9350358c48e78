#!/usr/bin/env python3
"""Measures weir and its baselines on this machine: `./dev bench [--quick] [ROW…]`.

Every figure of weir is with `ack: durable`: fdatasync before each 2xx. Absolute figures belong to the machine and
its mood; the ratios to a baseline of the same run are what counts. docs/performance.md tells the method.
"""

import argparse
import datetime
import json
import pathlib
import platform
import subprocess
import sys

import plot
import rows
import table
from subjects import BUILD, ROOT, Pipeline


def machine():
    cpu = next((line.split(":")[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")), "?")
    commit = subprocess.run(["git", "describe", "--always", "--dirty"], cwd=ROOT, capture_output=True, text=True)
    return {"cpu": cpu, "cores": len([1 for line in open("/proc/cpuinfo") if line.startswith("processor")]),
            "kernel": platform.release(), "commit": commit.stdout.strip(),
            "date": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds")}


def main():
    parser = argparse.ArgumentParser(prog="./dev bench", description=__doc__.splitlines()[0])
    parser.add_argument("rows", nargs="*", metavar="ROW", help="only these rows")
    parser.add_argument("--quick", action="store_true", help="one short round of each row")
    parser.add_argument("--out", default=str(BUILD / "bench"), metavar="DIR",
                        help="results.json, table.txt and growth.svg go there (build/release/bench)")
    arguments = parser.parse_args()
    out = pathlib.Path(arguments.out)
    out.mkdir(parents=True, exist_ok=True)
    Pipeline.build()
    results = {"machine": machine(), "quick": arguments.quick, "rows": {}}
    file = out / "results.json"
    if arguments.rows and file.exists():  # the other rows stay as they were measured last
        results["rows"] = json.loads(file.read_text())["rows"]
    for name, figures in rows.every_row(rows.Pace(arguments.quick), arguments.rows):
        print(f"measured {name}", file=sys.stderr)
        results["rows"][name] = figures
        file.write_text(json.dumps(results, indent=1))
    text = table.render(results)
    (out / "table.txt").write_text(text)
    (out / "growth.svg").write_text(plot.growth(results["rows"]))
    print(text)
    print(f"{file}, {out / 'growth.svg'}")


if __name__ == "__main__":
    main()
