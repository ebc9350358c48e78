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


class Survived:
    """What a killed process has left to the next one, in memory or on the disk: names and files below `root`. The last
    call of each of its threads may have been carried out without an entry in the trace."""

    def __init__(self, root):
        self.names, self.files = {}, {}
        for path in [pathlib.Path(root), *pathlib.Path(root).rglob("*")]:
            if path.is_dir():
                self.names[str(path)] = {child.name: "directory" if child.is_dir() else child.stat().st_ino
                                         for child in path.iterdir()}
            elif not path.name.endswith("-shm"):  # mapped, and never read again
                self.files[path.stat().st_ino] = path.read_bytes()


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

    def settle(self, index, time_ns, path, inode, found):
        """Adds what is in `found` and in no entry."""
        content = bytearray(self.durable)
        for _, entry in self.pending:
            self.change(content, entry)
        if len(found) < len(content):
            self.pending.append((index, Entry(SIZE, time_ns, index, path, inode, len(found), b"")))
            del content[len(found):]
        if found != content:
            content.extend(bytes(len(found) - len(content)))
            other = [at for at in range(0, len(found), SECTOR) if found[at:at + SECTOR] != content[at:at + SECTOR]]
            begin, end = (other[0], other[-1] + SECTOR) if other else (len(found), len(found))
            self.pending.append((index, Entry(WRITE, time_ns, index, path, inode, begin, found[begin:end])))

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

    def settle(self, index, time_ns, path, found):
        """Adds what is in `found` and in no entry."""
        names = dict(self.durable)
        for _, entry in self.pending:
            self.change(names, entry)
        for name in names.keys() | found.keys():
            what = found.get(name)
            if what != names.get(name):
                kind = UNLINK if what is None else MKDIR if what == "directory" else CREATE
                self.pending.append((index, Entry(kind, time_ns, index, f"{path}/{name}", what, 0, b"")))

    def after_power_loss(self, chance):
        names = dict(self.durable)
        for _, entry in self.pending[:chance.randrange(len(self.pending) + 1)]:
            self.change(names, entry)
        return names


class Disk:
    """The state of the disk at some place of the trace. `root` existed before the process did, and so did the files
    `outside`, which are nobody's business here. `survived`: one Survived for each process but the last, taken when it
    had been killed."""

    def __init__(self, root, outside=(), survived=()):
        self.root, self.outside, self.survived = str(root), {str(path) for path in outside}, list(survived)
        self.starts = 0
        self.directories = {self.root: Directory()}
        self.files = {}
        self.applied = 0

    def apply(self, entry):
        index, self.applied = self.applied, self.applied + 1
        if entry.path in self.outside:
            return
        if entry.kind == START:
            self.starts += 1
            if 1 < self.starts <= len(self.survived) + 1:
                self._settle(index, entry.time_ns, self.survived[self.starts - 2])
        elif entry.kind in (CREATE, RENAME, UNLINK, MKDIR):
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

    def _settle(self, index, time_ns, survived):
        paths = {}
        for path, names in survived.names.items():
            if path == self.root:
                continue  # the test's own files are there
            self.directories.setdefault(path, Directory()).settle(index, time_ns, path, names)
            paths.update({what: f"{path}/{name}" for name, what in names.items()})
        for inode, content in survived.files.items():
            if inode in paths:
                self.files.setdefault(inode, File()).settle(index, time_ns, paths[inode], inode, content)

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
