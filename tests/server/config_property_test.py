"""`weir check` and `weir run` never disagree: configurations are drawn over every documented key, its
range and its extremes; each one that check calls good is started and takes a large body."""

import json
import os
import random
import re
import subprocess
import unittest

from weir import BINARY, ROOT, Node, ServerTest

UNITS = {"": 1, "B": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30, "TiB": 1 << 40,
         "ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}

# Where a node of this test is, what it needs from outside, and what would end the test itself.
FIXED = {"data_dir", "ingest.listen", "operations.listen", "operations.allow_remote", "operations.token_sha256",
         "cluster.listen", "cluster.advertise", "cluster.seeds", "cluster.roles", "journal.directory", "sink.path",
         "dead_letters.path", "sink.url", "ingest.tls.certificate", "ingest.tls.key", "cluster.tls.ca",
         "cluster.tls.certificate", "cluster.tls.key", "streams.*.schema", "streams.*.transform", "sink.kind"}


def rows():
    """(key, type, range) of every key that has a value."""
    table = subprocess.run([BINARY, "check", "--keys"], capture_output=True, text=True, check=True).stdout
    for line in table.splitlines()[2:]:
        key, kind, default, allowed, _ = (cell.strip() for cell in line.strip("|").split(" | ", 4))
        key = key.strip("`")
        if (kind not in ("section", "list", "map by name") and key not in FIXED
                and not key.startswith("ingest.api_keys")):
            yield key, kind, default.strip("`"), allowed


def number(text):
    amount, unit = re.fullmatch(r"([0-9.]+)([A-Za-z]*)", text).groups()
    return float(amount) * UNITS[unit], unit


def draw(dice, kind, allowed):
    """A value in its range: an end of it, near an end, or anywhere, evenly over magnitudes."""
    if kind in ("flag", "choice"):
        return dice.choice([word.strip(" `") for word in allowed.split(",")])
    if kind in ("name", "text", "path", "digest"):
        return None
    words = [word.strip(" `") for word in allowed.split(",")]
    if len(words) > 1 and dice.random() < 0.3:
        return words[0]
    low, high = (number(end.strip()) for end in words[-1].split("…"))
    how = dice.random()
    if how < 0.2:
        value = low[0]
    elif how < 0.4:
        value = high[0]
    else:
        floor = max(low[0], 0.01 if kind == "number" else 1)
        value = floor * (max(high[0], floor) / floor) ** dice.random()
    if kind == "number":
        return round(value, 3)
    whole = int(min(max(value, low[0]), high[0]))
    if kind == "duration":
        if whole >= UNITS["d"]:
            return f"{whole // UNITS['d'] * 24}h"
        return f"{whole // 1000}s" if whole >= 10_000 else f"{whole}ms"
    return f"{whole}B" if kind == "bytes" else whole


def nested(flat):
    tree = {}
    for key, value in flat.items():
        at = tree
        *path, last = key.replace("*", "default").split(".")
        for part in path:
            at = at.setdefault(part, {})
        at[last] = value
    return tree


class CheckAndRunAgreeTest(ServerTest):
    # WEIR_SEED=0 draws one.
    seed = int(os.environ.get("WEIR_SEED", "7")) or random.SystemRandom().randrange(1, 1 << 32)
    started_least = 24

    def drawn(self, dice, keys):
        """Some keys only, so that a good part is free of contradictions."""
        flat = {}
        for key, kind, _, allowed in dice.sample(keys, dice.choice([1, 2, 3, 6])):
            if (value := draw(dice, kind, allowed)) is not None:
                flat[key] = value
        # A limit that refuses every body is no failure: the test sends one anyway.
        flat["sink.kind"] = dice.choice(["sqlite", "file", "stdout", "null"])
        if dice.random() < 0.4:  # the batch and what hangs on it, together
            size = dice.choice([4 << 10, 64 << 10, 2 << 20, 4 << 20, 8188 << 10])
            flat.update({"ingest.batch_bytes": f"{size}B", "ingest.coalesce_bytes": "1KiB", "memory.ceiling": "16GiB",
                         "streams.*.record_bytes_max": f"{dice.choice([64, size // 4, size])}B",
                         "ingest.batch_records": dice.choice([1, 4096, 100_000, 1_000_000])})
        return flat

    def test_what_check_calls_good_starts_and_takes_a_large_body(self):
        dice = random.Random(self.seed)
        keys = list(rows())
        self.assertGreater(len(keys), 70)
        started = drawn = 0
        while started < self.started_least:
            drawn += 1
            self.assertLess(drawn, 400, "hardly any configuration is good")
            flat = self.drawn(dice, keys)
            with self.subTest(WEIR_SEED=self.seed, drawn=drawn, configuration=flat):
                started += self.agree(flat)

    def agree(self, flat):
        node = Node(streams={"default": {}}, top=None)
        try:
            for section, value in nested(flat).items():
                if isinstance(value, dict):
                    node.config.setdefault(section, {}).update(value)
                else:
                    node.config[section] = value
            node.write_config()
            checked = subprocess.run(node.command("check"), capture_output=True, text=True, timeout=60)
            self.assertIn(checked.returncode, (0, 78), checked)
            if checked.returncode == 78:
                self.assertRegex(checked.stderr, r"weir\.yaml:\d+: [a-z_.]+", "a refusal names file, line and key")
                return False
            node.start()
            self.takes_a_large_body(node, flat)
            self.assertIn(node.stop(700 if "shutdown.deadline" in flat else 15), (0, 1))
            return True
        finally:
            node.close()

    def takes_a_large_body(self, node, flat):
        settings = node.config["streams"]["default"]
        # A body is read no faster than its rate allows: of a slow one nobody waits for the end.
        records = 1 if any("burst" in key or "per_second" in key or "rate" in key for key in flat) else 20_000
        record = min(200, int(number(str(settings.get("record_bytes_max", "1MiB")))[0]) - 20)
        body = "".join(json.dumps({"n": n, "p": "x" * max(record - 20, 0)}) + "\n" for n in range(records))
        answer = node.post("default", body, "application/x-ndjson")
        if answer.status in (200, 202):
            return
        # What the configuration itself asks for, and only that.
        reasons = {413: ("ingest.body_bytes_max", "streams.*.record_bytes_max"), 408: ("ingest.body_rate_min", ),
                   429: ("streams.*.records_per_second", "ingest.client_rate"),
                   503: ("ingest.request_timeout", "pipeline.work_deadline", "journal.bytes_max",
                         "ingest.batch_records",
                         "ingest.delay_max", "ingest.batches_in_flight", "ingest.budget_bytes", "memory.ceiling",
                         "streams.*.admission", "streams.*.admission_wait"),
                   422: ("streams.*.json_depth_max", ), 431: ("ingest.head_bytes_max", "ingest.head_fields_max")}
        self.assertTrue(any(key in flat for key in reasons.get(answer.status, ())), answer)
        self.assertIn("code", answer.json)


class KeysAreReadTest(unittest.TestCase):
    """A key that nothing reads is a promise that nobody keeps: its value must be read by code that does
    not only declare, check or copy it."""

    # What is read is derived from them.
    DERIVED = {"memory_ceiling": "budget_bytes"}
    GATES = {"allow_remote"}  # without it another value is refused; it does nothing itself

    def setUp(self):
        sources = [path for folder in ("app", "actors", "base", "cluster", "http", "proto", "records", "storage")
                   for path in (ROOT / folder).rglob("*.[ch]pp")]
        self.texts = {path.relative_to(ROOT).as_posix(): path.read_text() for path in sources}

    def readers(self, field, *others):
        """Files that read a member of that name, as `x.field` or, in its own class, in an expression."""
        used = re.compile(rf"(?:\.|->){field}_?\b(?!\s*=[^=])")
        return [name for name, text in self.texts.items()
                if (not name.startswith("app/config/") or name == "app/config/module_configs.cpp")
                and name not in others and used.search(text)]

    def declared(self):
        """(key's last part, member it fills) of every key."""
        text = "".join(text for name, text in self.texts.items() if name.startswith("app/config/config_keys"))
        kinds = "count|bytes|duration|real|flag|text|texts|address|choice|steps"
        return re.findall(rf'v\.(?:{kinds})\(\s*\{{\s*(?:"([^"]*)"|\w+).*?\}},\s*([\w.]+)\s*[,)]', text, re.S)

    def test_every_declared_key_is_read_outside_the_configuration(self):
        declared = self.declared()
        documented = sum(1 for line in (ROOT / "docs/config.md").read_text().splitlines()
                         if line.startswith("| `") and not re.search(r"\| (section|list|map by name) \|", line))
        self.assertEqual(len(declared), documented, "the test does not see every key")
        for key, member in declared:
            field = member.rsplit(".", 1)[-1]
            field = self.DERIVED.get(field, field)
            if field in self.GATES:
                self.assertIn(f".{field}", self.texts["app/config/config_check.cpp"])
                continue
            self.assertTrue(self.readers(field), f"{key}: nothing reads {member}")

    def test_what_is_copied_into_a_module_is_read_by_it(self):
        copies = set(re.findall(r"\bto\.(?:\w+\.)*(\w+) =", self.texts["app/config/module_configs.cpp"]))
        self.assertGreater(len(copies), 30)
        for field in copies:
            self.assertTrue(self.readers(field, "app/config/module_configs.cpp"), f"{field} is copied and not read")


if __name__ == "__main__":
    unittest.main()
