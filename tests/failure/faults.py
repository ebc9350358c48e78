"""Faults for a running node: rules in a file that the node's LD_PRELOAD shim maps (shim/fault_table.hpp has the
layout; a change there is a change here)."""

import contextlib
import errno as errors
import mmap
import os
import pathlib
import struct

BUILD = pathlib.Path(os.environ.get("WEIR_TOOLS", pathlib.Path(__file__).resolve().parents[2] / "build/release"))
SHIM = BUILD / "libweir_fault_shim.so"

SYNC, WRITE, ALLOCATE, RENAME, OPEN, UNLINK, TRUNCATE, MKDIR, READ, RESOLVE = (1 << i for i in range(10))
MAGIC, RULES, HEADER, RULE = 0x31746C7561667765, 16, 256, 256
OFFSET_AT, WRITES_AFTER_AT = 8, 16
RULE_SETTINGS = struct.Struct("=iIIqqQ216s")  # behind the operations: error, delay, cut, skip, remaining, hits, path


class Rule:
    def __init__(self, table, index):
        self.table, self.at = table, HEADER + index * RULE

    @property
    def hits(self):
        return struct.unpack_from("=Q", self.table, self.at + 32)[0]

    def clear(self):
        struct.pack_into("=I", self.table, self.at, 0)

    @property
    def is_free(self):
        return struct.unpack_from("=I", self.table, self.at)[0] == 0


class Faults:
    def __init__(self, directory):
        self.path = pathlib.Path(directory) / "faults"
        with open(self.path, "wb") as f:
            f.write(struct.pack("=Q", MAGIC).ljust(HEADER + RULES * RULE, b"\0"))
        with open(self.path, "r+b") as f:
            self.table = mmap.mmap(f.fileno(), 0)

    def environment(self, **more):
        """What a node is started with. A sanitizer's runtime must come before the shim, which it can't by itself."""
        return {"LD_PRELOAD": str(SHIM), "WEIR_FAULTS": str(self.path),
                "ASAN_OPTIONS": os.environ.get("ASAN_OPTIONS", "") + ":verify_asan_link_order=0", **more}

    def rule(self, operations, path, error=0, delay_ms=0, cut_short=False, skip=0, count=-1):
        """From now on, calls of these kinds on files whose path has `path` in it. Returns the rule."""
        free = next(r for r in (Rule(self.table, i) for i in range(RULES)) if r.is_free)
        code = getattr(errors, error) if isinstance(error, str) else error
        RULE_SETTINGS.pack_into(self.table, free.at + 4, code, int(delay_ms * 1000), int(cut_short), skip, count, 0,
                                str(path).encode())
        struct.pack_into("=I", self.table, free.at, operations)
        return free

    @contextlib.contextmanager
    def during(self, operations, path, **how):
        rule = self.rule(operations, path, **how)
        try:
            yield rule
        finally:
            rule.clear()

    def shift_clock(self, seconds):
        """CLOCK_REALTIME is this far from the truth from now on."""
        struct.pack_into("=q", self.table, OFFSET_AT, int(seconds * 1_000_000_000))

    @property
    def writes_after_failed_sync(self):
        return struct.unpack_from("=Q", self.table, WRITES_AFTER_AT)[0]
