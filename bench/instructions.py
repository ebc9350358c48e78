#!/usr/bin/env python3
"""Instructions per record of each stage, counted by callgrind, against bench/instructions.json.

No clock is involved, so the count is the same on a busy machine: a stage that needs 5 % more than the committed
figure fails, and one that needs 5 % less asks for the figure to be lowered. `--update` writes new figures.
Exit code 77: valgrind is missing or another compiler made the program, so nothing can be compared.
"""

import concurrent.futures
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys

FIGURES = pathlib.Path(__file__).with_name("instructions.json")
STAGES = ["parse", "csv", "text", "schema", "transform", "fused", "journal"]
RECORDS, TOLERANCE, NOTHING_TO_COMPARE = 500, 0.05, 77


def collected(program, stage, batches):
    """valgrind offers a CPU of its own, whatever the machine has beyond AVX2."""
    line = ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null", "--collect-atstart=no",
            "--toggle-collect=measured_region", program, stage, str(batches)]
    run = subprocess.run(line, capture_output=True, text=True,
                         env={**os.environ, "GLIBC_TUNABLES": "glibc.cpu.hwcaps=-AVX2,-AVX2_Usable,-ERMS"})
    found = re.search(r"Collected : (\d+)", run.stderr)
    if run.returncode != 0 or not found:
        raise SystemExit(f"{' '.join(line)}: {run.stderr[-1000:]}")
    return int(found.group(1))


def per_record(program, stage):
    """The difference of two runs: what only the first batch costs (buffers that grow) cancels out."""
    few, many = (collected(program, stage, batches) for batches in (2, 6))
    return (many - few) / (4 * RECORDS)


def compiler(program):
    comment = subprocess.run(["readelf", "-p", ".comment", program], capture_output=True, text=True).stdout
    found = re.search(r"GCC: .*?(\d+\.\d+\.\d+)", comment)
    return found.group(1) if found else "unknown"


def main():
    program = sys.argv[1]
    if not shutil.which("valgrind"):
        print("valgrind is not installed: nothing was counted")
        return NOTHING_TO_COMPARE
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        now = dict(zip(STAGES, pool.map(lambda stage: round(per_record(program, stage)), STAGES)))
    if "--update" in sys.argv:
        FIGURES.write_text(json.dumps({"compiler": compiler(program), "instructions_per_record": now}, indent=1) + "\n")
        print(f"{FIGURES}: {now}")
        return 0
    kept = json.loads(FIGURES.read_text())
    if kept["compiler"] != compiler(program):
        print(f"the figures are of GCC {kept['compiler']}, this program is of {compiler(program)}")
        return NOTHING_TO_COMPARE
    failed = False
    for stage, was in kept["instructions_per_record"].items():
        change = now[stage] / was - 1
        bad = abs(change) > TOLERANCE
        failed = failed or bad
        print(f"{stage:10} {now[stage]:7} instructions per record, committed {was} ({change:+.1%})"
              f"{' <--' if bad else ''}")
    if failed:
        print("If this is meant, run bench/instructions.py PROGRAM --update and commit the figures with the change.")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
