"""What a disk may hold after the power failed, from the trace of what a process did to its files (shim/disk_trace.hpp).

A file holds what it held at its last fsync, and any of the writes since, the last of them perhaps in part. A directory
has the names it had at its own last fsync, and any number of the changes since, in their order. That is what POSIX
promises and no more; file systems are kinder."""

import collections
import pathlib
import struct

START, CREATE, WRITE, SIZE, SYNC, RENAME, UNLINK, MKDIR = range(8)
HEAD = struct.Struct("=IIQQQQQ")
SECTOR = 512

Entry = collections.namedtuple("Entry", "kind time_ns before path inode offset data")


def read_trace(path):
    """Entries in their order; `before` is an index into the list."""
    raw, at, entries, base = pathlib.Path(path).read_bytes(), 0, [], 0
    while at + HEAD.size <= len(raw):
        kind, path_bytes, time_ns, before, inode, offset, data_bytes = HEAD.unpack_from(raw, at)
        at += HEAD.size
        if at + path_bytes + data_bytes > len(raw):
            break  # the process was killed in this entry: its call had not returned
        name, at = raw[at:at + path_bytes].decode(), at + path_bytes
        data, at = raw[at:at + data_bytes], at + data_bytes
        if kind == START:
            base = len(entries) + 1
        entries.append(Entry(kind, time_ns, base + before, name, inode, offset, data))
    return entries


class File:
    def __init__(self):
        self.durable, self.pending = bytearray(), []

    @staticmethod
    def change(content, entry, data=None):
        data = entry.data if data is None else data
        size = entry.offset if entry.kind == SIZE else max(len(content), entry.offset + len(data))
        if size < len(content):
            del content[size:]
        else:
            content.extend(bytes(size - len(content)))
        if entry.kind == WRITE:
            content[entry.offset:entry.offset + len(data)] = data

    def sync(self, before):
        while self.pending and self.pending[0][0] < before:
            self.change(self.durable, self.pending.pop(0)[1])

    def after_power_loss(self, chance, torn):
        content = bytearray(self.durable)
        fate = chance.choice(("none", "some", "first"))
        survivors = [e for _, e in self.pending if fate == "first" or (fate == "some" and chance.random() < 0.5)]
        if fate == "first":
            survivors = survivors[:chance.randrange(len(survivors) + 1)]
        for entry in survivors:
            self.change(content, entry)
        if torn and self.pending:
            entry = self.pending[-1][1]
            if entry.kind == WRITE:
                sectors = chance.randrange(len(entry.data) // SECTOR + 1)
                self.change(content, entry, entry.data[:sectors * SECTOR])
        return content


class Directory:
    def __init__(self):
        self.durable, self.pending = {}, []  # name -> inode, or the string "directory"

    @staticmethod
    def change(names, entry):
        name = pathlib.PurePath(entry.path).name
        if entry.kind == CREATE:
            names[name] = entry.inode
        elif entry.kind == MKDIR:
            names[name] = "directory"
        elif entry.kind == UNLINK:
            names.pop(name, None)
        elif entry.kind == RENAME and name in names:
            names[pathlib.PurePath(entry.data.decode()).name] = names.pop(name)

    def sync(self, before):
        while self.pending and self.pending[0][0] < before:
            self.change(self.durable, self.pending.pop(0)[1])

    def after_power_loss(self, chance):
        names = dict(self.durable)
        for _, entry in self.pending[:chance.randrange(len(self.pending) + 1)]:
            self.change(names, entry)
        return names


class Disk:
    """The state of the disk at some place of the trace. `root` existed before the process did, and so did the files
    `outside`, which are nobody's business here."""

    def __init__(self, root, outside=()):
        self.root, self.outside = str(root), {str(path) for path in outside}
        self.directories = {self.root: Directory()}
        self.files = {}
        self.applied = 0

    def apply(self, entry):
        index, self.applied = self.applied, self.applied + 1
        if entry.path in self.outside:
            return
        if entry.kind in (CREATE, RENAME, UNLINK, MKDIR):
            self.directories[str(pathlib.PurePath(entry.path).parent)].pending.append((index, entry))
        if entry.kind == CREATE:
            self.files[entry.inode] = File()
        elif entry.kind == MKDIR:
            self.directories.setdefault(entry.path, Directory())
        elif entry.kind in (WRITE, SIZE):
            self.files[entry.inode].pending.append((index, entry))
        elif entry.kind == SYNC:
            synced = self.directories.get(entry.path) or self.files[entry.inode]
            synced.sync(entry.before)

    def after_power_loss(self, target, chance, torn):
        """Writes one of the states the disk may be in to the directory `target`, which stands for `root`."""
        self._write(self.root, pathlib.Path(target), chance, torn)

    def _write(self, source, target, chance, torn):
        target.mkdir(parents=True, exist_ok=True)
        for name, what in self.directories[source].after_power_loss(chance).items():
            if what == "directory":
                self._write(f"{source}/{name}", target / name, chance, torn)
            elif not name.endswith("-shm"):  # SQLite's shared memory is made again from the log
                (target / name).write_bytes(self.files[what].after_power_loss(chance, torn))
