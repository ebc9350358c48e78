"""A PostgreSQL server of a test's own: a temporary directory, a Unix socket, a user that is not root."""

import os
import pathlib
import pwd
import shutil
import signal
import subprocess
import tempfile

from weir import wait_until

BINARIES = os.environ.get("WEIR_POSTGRES_BIN", "/usr/lib/postgresql/15/bin")


class PostgresServer:
    """Made and started at once. `url(database)` is what sink.url takes."""

    def __init__(self, **settings):
        self.settings = {"listen_addresses": "", "fsync": "off", "shared_buffers": "16MB", "max_connections": "60",
                         **settings}
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="weir-pg-"))
        self.owner = {}
        if os.geteuid() == 0:
            names = {entry.pw_name: entry for entry in pwd.getpwall()}
            user = names.get("postgres") or names["nobody"]
            os.chown(self.directory, user.pw_uid, user.pw_gid)
            self.owner = {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
        self.process = None
        self.run("initdb", "-D", self.data, "-U", "weir", "-A", "trust", "--no-sync", "--locale=C", "-E", "UTF8")
        self.start()

    @property
    def data(self):
        return str(self.directory / "data")

    def run(self, program, *arguments):
        subprocess.run([f"{BINARIES}/{program}", *arguments], check=True, cwd="/", stdout=subprocess.DEVNULL,
                       **self.owner)

    def start(self):
        def begin():
            self.process = subprocess.Popen(
                [f"{BINARIES}/postgres", "-D", self.data, "-k", str(self.directory),
                 *(word for name, value in self.settings.items() for word in ("-c", f"{name}={value}"))],
                cwd="/", stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **self.owner)

        def answers():
            if self.process.poll() is not None:
                begin()  # what is left of a killed one was still there
            return self.ready()

        begin()
        wait_until(answers, 60, "the database server starts")

    def ready(self):
        return subprocess.run([f"{BINARIES}/pg_isready", "-q", "-h", str(self.directory)], check=False).returncode == 0

    def stop(self, how=signal.SIGINT):
        if self.process and self.process.poll() is None:
            self.process.send_signal(how)
            self.process.wait(60)

    def close(self):
        self.stop(signal.SIGQUIT)
        shutil.rmtree(self.directory, ignore_errors=True)

    def url(self, database="postgres"):
        return f"host={self.directory} user=weir dbname={database}"

    def sql(self, query, database="postgres"):
        """Rows as lists of texts."""
        done = subprocess.run(["psql", "-XAtq", "-F", "\x1f", "-v", "ON_ERROR_STOP=1", "-d", self.url(database),
                               "-c", query], check=False, capture_output=True, text=True)
        if done.returncode != 0:
            raise AssertionError(f"{query}: {done.stderr}")
        return [line.split("\x1f") for line in done.stdout.splitlines()]

    def value(self, query, database="postgres"):
        return self.sql(query, database)[0][0]
