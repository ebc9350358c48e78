"""Every command of README is run here as it is written, in a copy of the checkout.

A network of its own gives it the ports that README names. Of the commands only those are not run that
would build or measure for minutes (`./dev test`, `mutate`, `lint`, `bench`: they must be in `./dev --help`) and
Docker's, as there may be none: what README says of its ports is compared with docker-compose.yml."""

import contextlib
import os
import pathlib
import re
import shutil
import signal
import subprocess
import tempfile
import unittest

import scripts_test
from weir import BINARY, ROOT, wait_until

TEXT = (ROOT / "README.md").read_text()
LONG = ("test", "mutate", "lint", "bench")


def blocks(language):
    """[(heading, text)] of the fenced blocks of a language."""
    found, heading = [], ""
    for part in re.finditer(r"^## ([^\n]+)$|^```(\w+)\n(.*?)^```$", TEXT, re.M | re.S):
        if part[1]:
            heading = part[1]
        elif part[2] == language:
            found.append((heading, part[3]))
    return found


def has_own_network():
    return subprocess.run(["unshare", "-n", "ip", "link", "set", "lo", "up"], capture_output=True).returncode == 0


class Readme(scripts_test.Checkout):
    def setUp(self):
        super().setUp()
        os.chmod(self.root, 0o755)
        (self.root / "build/release/weir").unlink()
        shutil.copy2(BINARY, self.root / "build/release/weir")
        self.database = pathlib.Path(tempfile.mkdtemp(prefix="weir-readme-", dir="/var/tmp"))
        os.rmdir(self.database)  # the script makes it
        self.addCleanup(shutil.rmtree, self.database, ignore_errors=True)
        self.sessions = []
        self.addCleanup(self.end)

    def environment(self):
        clean = {k: v for k, v in os.environ.items() if not k.startswith(("WEIR_", "PG"))}
        return {**clean, "PATH": f"{self.root}/stand-ins:{os.environ['PATH']}", "WEIR_POSTGRES_DIR": str(self.database)}

    def network(self):
        if not has_own_network():
            self.skipTest("makes no network of its own here, and README's ports may be taken")
        holder = subprocess.Popen(["unshare", "-n", "sh", "-c", "ip link set lo up && echo up && exec sleep 600"],
                                  stdout=subprocess.PIPE)
        self.addCleanup(holder.stdout.close)
        self.addCleanup(holder.wait)
        self.addCleanup(holder.kill)
        self.assertEqual(holder.stdout.readline(), b"up\n")
        self.inside = ["nsenter", "-t", str(holder.pid), "-n"]

    def begin(self, text):
        """As typed into a terminal: the shell stops at the first error, what runs behind it stays."""
        log = open(self.root / f"log-{len(self.sessions)}", "w+")
        self.addCleanup(log.close)
        shell = subprocess.Popen(self.inside + ["bash", "-euo", "pipefail", "-c", text], cwd=self.root, text=True,
                                 stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT,
                                 env=self.environment(), start_new_session=True)
        self.sessions.append(shell)
        return shell, lambda: pathlib.Path(log.name).read_text()

    @staticmethod
    def members(group):
        """Processes of a session that still run. Its shell is reaped last: until then no other has its number."""
        found = []
        for path in pathlib.Path("/proc").glob("[0-9]*/stat"):
            with contextlib.suppress(OSError):
                state, _, of = path.read_text().rpartition(")")[2].split()[:3]
                if int(of) == group and state != "Z":
                    found.append(int(path.parent.name))
        return found

    def end(self):
        """Ends every node that a block has left running, as whoever closes its terminal does."""
        for shell in self.sessions:
            if self.members(shell.pid):
                os.killpg(shell.pid, signal.SIGTERM)
            wait_until(lambda: not self.members(shell.pid), 30, "its processes end")
            shell.wait(30)
        self.sessions = []

    @staticmethod
    def status(shell):
        """Its exit code, or None while it runs."""
        ended = os.waitid(os.P_PID, shell.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        return ended and (ended.si_status if ended.si_code == os.CLD_EXITED else -ended.si_status)

    def run_block(self, text):
        shell, said = self.begin(text)
        wait_until(lambda: self.status(shell) is not None, 120, lambda: f"it ends: {text}\n{said()}")
        self.assertEqual(self.status(shell), 0, f"{text}\n{said()}")
        self.assertNotIn("urn:weir:problem", said(), text)
        return said()

    def answers(self, port):
        return subprocess.run(self.inside + ["curl", "-fsS", f"http://127.0.0.1:{port}/readyz"],
                              capture_output=True).returncode == 0

    def test_one_node_as_written(self):
        self.network()
        commands = dict()
        for heading, text in blocks("sh"):
            commands.setdefault(heading, []).append(text)
        shell, said = self.begin(commands["Run"][0])
        wait_until(lambda: self.answers(8081) or self.status(shell) is not None, 30, lambda: "it runs: " + said())
        sent = "".join(self.run_block(text) for text in commands["Send"])
        self.assertEqual(len(re.findall(r'"accepted":[13]\b', sent)), 3, sent)
        wait_until(lambda: re.search("malformed|transform_failed", self.letters()), 20, "the dead letter is stored")
        looked = self.run_block(commands["Look"][0])
        for word in ("root/gateway", '"bounded_by"', "weir_build_info", '"ready":true', "Hopper, Ltd.",
                     "transform_failed"):
            self.assertIn(word, looked)
        self.assertIn("Hopper, Ltd.", self.run_block(commands["Configure"][0]))

    def letters(self):
        return subprocess.run(["build/release/weir", "dead-letters", "list", "--config", "configs/single-node.yaml"],
                              cwd=self.root, env=self.environment(), capture_output=True, text=True).stdout

    @unittest.skipUnless(pathlib.Path("/usr/lib/postgresql").is_dir(), "no PostgreSQL on this machine")
    def test_postgresql_and_a_cluster_as_written(self):
        self.network()
        self.addCleanup(lambda: subprocess.run(["deploy/local_postgres.sh", "down"], cwd=self.root,
                                               env=self.environment(), capture_output=True))
        commands = dict()
        for heading, text in blocks("sh"):
            commands.setdefault(heading, []).append(text)
        self.run_block(commands["Configure"][1])
        wait_until(lambda: self.answers(8081), 30, "it runs on PostgreSQL")
        self.end()
        status = self.run_block(commands["From one node to a cluster"][0])
        for node in ("gateway-1", "worker-1", "persister-1"):
            self.assertIn(node, status)
        sent = self.run_block("curl -fsS -H 'Content-Type: application/json' -d '{}' http://127.0.0.1:8080/ingest")
        self.assertIn('"accepted":1', sent)

    def test_its_configurations_are_valid(self):
        for _, text in blocks("yaml"):
            (self.root / "configs/readme.yaml").write_text(text)
            done = subprocess.run(["build/release/weir", "check", "--config", "configs/readme.yaml"], cwd=self.root,
                                  env=self.environment(), capture_output=True, text=True)
            self.assertEqual(done.returncode, 0, done.stderr)

    def test_no_command_is_left_out(self):
        run = {"Run", "Send", "Look", "Configure", "From one node to a cluster"}
        names = self.call("./dev", "--help").stdout
        for heading, text in blocks("sh"):
            if heading in run:
                continue
            for line in text.splitlines():
                word = re.match(r"\./dev (\w+)", line)
                self.assertTrue(word and word[1] in LONG, line)
                self.assertRegex(names, rf"(?m)^  {word[1]} ")
        outside = re.sub(r"^```.*?^```$", "", TEXT, flags=re.M | re.S)
        self.assertEqual(re.findall(r"^    \S.*", outside, re.M), [], "a command outside of a block is not run")

    def test_docker_publishes_the_ports_that_it_names(self):
        published = set(re.findall(r'"127\.0\.0\.1:(\d+):\d+"', (ROOT / "docker-compose.yml").read_text()))
        run = TEXT[TEXT.index("## Run"):TEXT.index("## Send")]
        self.assertIn("docker compose up", run)
        named = set(re.findall(r"127\.0\.0\.1:(\d+)", run))
        self.assertGreaterEqual(len(named), 3)
        self.assertLessEqual(named, published)

    def test_it_fits_on_two_screens_and_its_links_lead_somewhere(self):
        self.assertLess(len(TEXT.splitlines()), 150)
        for link in re.findall(r"\]\(([^)#:]+)\)", TEXT):
            self.assertTrue((ROOT / link).exists(), link)


class LocalPostgres(scripts_test.Checkout):
    def test_where_it_is_missing_it_says_what_to_install(self):
        done = self.call("deploy/local_postgres.sh", "up", WEIR_POSTGRES_VERSIONS=str(self.root / "nothing"))
        self.assertEqual((done.returncode, done.stdout), (1, ""))
        self.assertIn("PostgreSQL is missing: apt-get install postgresql", done.stderr)

    def test_where_it_is_missing_a_persister_does_not_start(self):
        shutil.copy2(BINARY, self.root / "build/release/weir")
        self.call("build/release/weir", "certs", "init", "certs")
        self.call("build/release/weir", "certs", "issue", "persister-1", "certs")
        for settings in ({}, {"WEIR_POSTGRES": ""}):
            done = self.call("build/release/weir", "run", "--config", "configs/cluster/persister.yaml", **settings)
            self.assertNotEqual(done.returncode, 0)
            self.assertRegex(done.stderr, "WEIR_POSTGRES|sink.url")


if __name__ == "__main__":
    unittest.main()
