"""Load on a node, and the ledger that compares what every client was told with what is stored."""

import collections
import json
import os
import signal
import subprocess

from faults import BUILD

LOAD = BUILD / "weir_load"

Try = collections.namedtuple("Try", "client first count status sent_us done_us honest code")
# The 503 whose outcome the node does not know; every other refusal promises that nothing is stored.
UNKNOWN_CODES = {"deadline_exceeded"}


class Load:
    """A running weir_load. Options are its own, with `_` for `-`: Load(node, connections=8, keyed=True)."""

    def __init__(self, node, **options):
        Load.made = getattr(Load, "made", 0) + 1
        self.prefix = options.setdefault("prefix", f"l{Load.made}-")
        self.log = node.directory / f"load-{Load.made}.log"
        line = [str(LOAD), "--port", str(node.port), "--log", str(self.log)]
        for name, value in options.items():
            option = "--" + name.replace("_", "-")
            line += [option] if value is True else [option, str(value)]
        self.process = subprocess.Popen(line, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL)
        self.summary, self.tries = None, None
        self.process.stdout.readline()  # from here on it can be told to stop

    def stop(self):
        """Lets what is under way be answered."""
        self.process.send_signal(signal.SIGTERM)
        return self.wait()

    def wait(self, seconds=120):
        out, _ = self.process.communicate(timeout=seconds)
        if self.process.returncode != 0:
            raise AssertionError(f"weir_load ended with {self.process.returncode}")
        self.summary = json.loads(out)
        with open(self.log) as log:
            self.tries = [Try(c, int(f), int(n), int(s), int(a), int(b), h == "1", code)
                          for c, f, n, s, a, b, h, code in (line.split() for line in log)]
        return self

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.communicate()

    def count(self, *statuses):
        return sum(self.summary["statuses"].get(str(s), 0) for s in statuses)

    @property
    def statuses(self):
        return {int(s) for s in self.summary["statuses"]}

    @property
    def acknowledged(self):
        return self.summary["records_acknowledged"]


class Ledger:
    """What clients were told of every request: acknowledged, refused, or neither."""

    def __init__(self, tries):
        self.told = {}  # (client, first) -> [count, acknowledged, unknown]
        for t in tries:
            entry = self.told.setdefault((t.client, t.first), [t.count, False, False])
            entry[1] = entry[1] or t.status // 100 == 2
            entry[2] = entry[2] or t.status < 100 or t.code in UNKNOWN_CODES

    @classmethod
    def of(cls, *loads):
        return cls([t for load in loads for t in load.tries])

    def compare(self, stored):
        """`stored`: the records' (client, n). Lists of what must never be, each empty when all is well."""
        counts = collections.Counter(stored)
        doubled = [r for r, times in counts.items() if times > 1]
        lost, phantom, torn = [], [], []
        known = 0
        for (client, first), (count, acknowledged, unknown) in self.told.items():
            there = sum((client, n) in counts for n in range(first, first + count))
            known += there
            if acknowledged and there < count:
                lost.append((client, first, count, there))
            elif not acknowledged and not unknown and there > 0:
                phantom.append((client, first, count, there))
            elif 0 < there < count:
                torn.append((client, first, count, there))
        return {"lost": lost, "doubled": doubled, "phantom": phantom, "torn": torn,
                "never sent": [] if known == len(counts) else [f"{len(counts) - known} records"]}


def stored_by(bodies):
    return [(b["c"], b["n"]) for b in bodies]


LONG = os.environ.get("WEIR_LONG") == "1"


def long_or(long, quick):
    """The figure of the invariant in the long form, a smaller one in the everyday run."""
    return long if LONG else quick
