"""Shows that each edit of tests/mutants/*.txt is found by a test: ./dev mutate calls it.

All edits are compiled once, each behind a switch (mutant.hpp). A first run of every test without
any says which edits it reaches and how long it takes; then each edit is switched on alone, and
those tests run, the quickest first, until one fails; at last the simulation. A crash or a hang is
a failure. Exit 1: an edit has passed.
"""
import argparse
import concurrent.futures
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import time

import edits as lists

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = ROOT / "build" / "mutants"
# Whose tests run for a folder's edits: its own first, then those of who stands on it.
TESTS = {
    "proto": ("base", "proto", "cluster", "storage", "actors", "http"),
    "records": ("records",),
    "storage": ("storage", "actors"),
    "cluster": ("cluster", "actors"),
    "actors": ("actors",),
    "http": ("http",),
    "app": ("app",),
}
SIMULATED = ("proto", "storage", "cluster", "actors", "http")
SIMULATIONS = (("--from", "1", "--runs", "300"), ("--cluster", "--from", "1", "--runs", "120"))
CHUNK_SECONDS = (0.5, 3, 20)  # of tests that run in one process, before the rest does
TIME_LIMIT = 30  # seconds, beside ten times what the tests take without an edit


def build(programs: list[str], jobs: int) -> None:
    if not (BUILD / "build.ninja").exists():
        subprocess.run(["cmake", "--preset", "mutants"], cwd=ROOT, check=True,
                       stdout=subprocess.DEVNULL)
    subprocess.run(["cmake", "--build", "--preset", "mutants", "-j", str(jobs), "--target",
                    *programs], cwd=ROOT, check=True, stdout=sys.stderr)


def execute(program: str, arguments, limit: float, extra: dict[str, str]) -> tuple[str, str]:
    """How it went (ok, failed, crashed, hung) and what it said."""
    with tempfile.TemporaryDirectory(prefix="weir-mutant-", ignore_cleanup_errors=True) as place:
        environment = {**os.environ, **extra, "TMPDIR": place}
        process = subprocess.Popen([BUILD / program, *arguments], cwd=BUILD, env=environment,
                                   stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                   text=True, errors="replace", start_new_session=True)
        try:
            said, _ = process.communicate(timeout=limit)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, 9)
            return "hung", process.communicate()[0]
    if process.returncode == 0:
        return "ok", said
    return ("failed" if process.returncode == 1 else "crashed"), said


def failed_tests(said: str) -> list[str]:
    return sorted(set(re.findall(r"^\[  FAILED  \] (\S+?)(?:, where.*| \(\d+ ms\))?$", said, re.M)))


class Reached:
    """Which tests of a program reach which edits; remembered until the program is built anew."""

    def __init__(self, program: str):
        self.program = program
        stamp = (BUILD / program).stat().st_mtime_ns
        known = BUILD / "reached" / f"{program}.json"
        said = json.loads(known.read_text()) if known.exists() else {}
        if said.get("stamp") != stamp:
            said = {"stamp": stamp, "tests": self.find_out()}
            known.parent.mkdir(exist_ok=True)
            known.write_text(json.dumps(said))
        self.tests: dict[str, tuple[float, set[int]]] = {
            name: (seconds, set(codes)) for name, seconds, codes in said["tests"]}

    def find_out(self) -> list:
        runs = SIMULATIONS if self.program == "weir_simulate" else (("--gtest_brief=1",),)
        lines, left_out = [], set()
        for arguments in runs:
            with tempfile.NamedTemporaryFile(mode="r", prefix="weir-reached-") as out:
                began = time.monotonic()
                how, said = execute(self.program, arguments, 900,
                                    {"WEIR_MUTANTS_REACHED": out.name})
                took = time.monotonic() - began
                if how in ("crashed", "hung") or (how == "failed" and not failed_tests(said)):
                    sys.exit(f"{self.program} {how} without any edit:\n{said[-3000:]}")
                left_out |= set(failed_tests(said))
                for line in out.read().splitlines():
                    name, microseconds, *codes = line.split()
                    if name == "simulation":
                        name, microseconds = " ".join(arguments), took * 1e6
                    lines.append((name, float(microseconds) / 1e6, [int(c) for c in codes]))
        if left_out:
            print(f"{self.program}: left out, as they fail without any edit: "
                  f"{' '.join(sorted(left_out))}", file=sys.stderr)
        return [line for line in lines if line[0] not in left_out]

    def of(self, code: int) -> list[tuple[float, str]]:
        return sorted((seconds, name) for name, (seconds, codes) in self.tests.items()
                      if code in codes)


def chunks(tests: list[tuple[float, str]]):
    bounds, chunk, total = list(CHUNK_SECONDS), [], 0.0
    for seconds, name in tests:
        if bounds and chunk and total + seconds > bounds[0]:
            yield chunk, total
            bounds, chunk, total = bounds[1:], [], 0.0
        chunk.append(name)
        total += seconds
    if chunk:
        yield chunk, total


def try_edit(edit: lists.Edit, reached: dict[str, Reached]) -> tuple[str, str]:
    """("found", by what) or ("passed", what was tried)."""
    active, tried = {"WEIR_MUTANT": edit.full_name}, 0
    for folder in TESTS[edit.folder]:
        program = f"weir_{folder}_tests"
        for names, seconds in chunks(reached[program].of(edit.code)):
            tried += len(names)
            how, said = execute(program, ["--gtest_brief=1", "--gtest_fail_fast",
                                          f"--gtest_filter={':'.join(names)}"],
                                TIME_LIMIT + 10 * seconds, active)
            if how != "ok":
                return "found", ", ".join([how, *failed_tests(said)][:2])
    if "weir_simulate" in reached and edit.folder in SIMULATED:
        for seconds, arguments in reached["weir_simulate"].of(edit.code):
            tried += 1
            how, _ = execute("weir_simulate", arguments.split(), TIME_LIMIT + 10 * seconds, active)
            if how != "ok":
                return "found", f"simulation {how}"
    return "passed", f"{tried} tests reach it" if tried else "no test reaches it"


def main() -> None:
    parser = argparse.ArgumentParser(prog="./dev mutate", description=__doc__)
    parser.add_argument("folder", nargs="*", choices=[[], *lists.FOLDERS], metavar="FOLDER",
                        help=f"only this one's edits: {', '.join(lists.FOLDERS)}")
    parser.add_argument("--only", default="", help="edits whose name has this regular expression")
    parser.add_argument("--jobs", type=int, default=max(1, min(os.cpu_count() or 1, 8)))
    parser.add_argument("--quick", action="store_true", help="only the folder's own unit tests")
    parser.add_argument("--verbose", action="store_true", help="say what found each")
    options = parser.parse_args()
    try:
        edits = [e for e in lists.read_all(options.folder or lists.FOLDERS)
                 if re.search(options.only, e.full_name)]
    except lists.BadList as problem:
        sys.exit(f"mutants: {problem}")
    if options.quick:
        TESTS.update({folder: (folder,) for folder in lists.FOLDERS})
    simulated = () if options.quick else SIMULATED
    folders = [f for f in lists.FOLDERS if any(e.folder == f for e in edits)]
    programs = sorted({f"weir_{t}_tests" for f in folders for t in TESTS[f]}
                      | ({"weir_simulate"} if set(folders) & set(simulated) else set()))
    build(programs, options.jobs)
    os.nice(10)
    reached = {program: Reached(program) for program in programs}
    passed = 0
    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        for folder in folders:
            passed += report(folder, [e for e in edits if e.folder == folder], reached, pool,
                             options.verbose)
    sys.exit(1 if passed else 0)


def report(folder, edits, reached, pool, verbose: bool) -> int:
    to_try = [edit for edit in edits if not edit.equivalent]
    began, count = time.monotonic(), {"found": 0, "passed": 0}
    for edit, (what, why) in zip(to_try, pool.map(lambda e: try_edit(e, reached), to_try)):
        count[what] += 1
        if verbose or what == "passed":
            print(f"  {what:6} {edit.full_name} ({edit.file}): {why}", flush=True)
    print(f"{folder}: {len(edits)} edits, {count['found']} found, "
          f"{len(edits) - len(to_try)} equivalent, {count['passed']} passed, "
          f"{time.monotonic() - began:.0f} s", flush=True)
    return count["passed"]


if __name__ == "__main__":
    main()
