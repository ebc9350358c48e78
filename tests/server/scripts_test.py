"""What ./dev hands on to weir, and the ports of a cluster on this machine. Compilers, weir and
PostgreSQL are stand-ins here: a script's own work is what is looked at."""

import os
import pathlib
import shutil
import socket
import subprocess
import tempfile
import unittest

from weir import ROOT, free_port


class Checkout(unittest.TestCase):
    """A copy of the scripts, with programs that do nothing in place of those they call."""

    def setUp(self):
        made = tempfile.TemporaryDirectory(prefix="weir-scripts-")
        self.addCleanup(made.cleanup)
        self.root = pathlib.Path(made.name)
        for name in ("dev", "packages.txt", "deploy", "configs"):
            copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy2
            copy(ROOT / name, self.root / name)
        self.stand_in("stand-ins/cmake", "exit 0")
        self.stand_in("stand-ins/dpkg-query", 'shift 2; for p in "$@"; do echo "ii  $p"; done')
        self.stand_in("build/release/weir", 'printf "%s\\n" "$@"')
        (self.root / "build/release/build.ninja").touch()

    def stand_in(self, name, body):
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"#!/bin/sh\n{body}\n")
        path.chmod(0o755)

    def call(self, *command, **environment):
        clean = {k: v for k, v in os.environ.items() if not k.startswith("WEIR_")}
        return subprocess.run(command, cwd=self.root, text=True, capture_output=True, timeout=60, env={
            **clean, "PATH": f"{self.root}/stand-ins:{os.environ['PATH']}", **environment})


class DevRunTest(Checkout):
    def arguments(self, *given, **environment):
        done = self.call("./dev", "run", *given, **environment)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout.split()

    def test_overrides_alone_change_the_default_configuration(self):
        default = ["run", "--config", "configs/single-node.yaml"]
        self.assertEqual(self.arguments(), default)
        self.assertEqual(self.arguments("--set", "log.level=debug"), default + ["--set", "log.level=debug"])

    def test_a_configuration_of_ones_own_replaces_the_default_however_it_is_named(self):
        for given in (["--config", "my.yaml"], ["--config=my.yaml"], ["-c", "my.yaml"], ["-cmy.yaml"],
                      ["--set", "a=b", "-c", "my.yaml"]):
            self.assertEqual(self.arguments(*given), ["run"] + given)
        self.assertEqual(self.arguments("--set", "a=b", WEIR_CONFIG="my.yaml"), ["run", "--set", "a=b"])

    def test_every_command_is_in_the_help(self):
        text = self.call("./dev", "--help").stdout
        for line in (self.root / "dev").read_text().splitlines():
            if line.startswith("cmd_"):
                name = line[4:line.index("(")]
                self.assertRegex(text, rf"(?m)^  {name}\b", f"./dev {name} is not in ./dev --help")


class ClusterPortsTest(Checkout):
    def test_a_port_that_is_taken_is_named_with_its_node_before_anything_is_started(self):
        base = free_port()
        for offset, node in ((0, "gateway-1"), (21, "worker-1"), (52, "persister-2")):
            with socket.create_server(("127.0.0.1", base + offset)):
                done = self.call("deploy/local_cluster.sh", "--ports", str(base), "up")
            self.assertEqual(done.returncode, 1)
            self.assertRegex(done.stderr, rf"taken by another process:.* {base + offset} \({node}\)")
            self.assertIn("--ports", done.stderr)
            self.assertFalse((self.root / "build/cluster").exists(), "something was made")

    def test_the_base_comes_from_the_option_or_the_environment_and_is_bounded(self):
        base = free_port()
        with socket.create_server(("127.0.0.1", base + 1)):
            for command, environment in ((["--ports", str(base), "up"], {}), ([f"--ports={base}", "up"], {}),
                                         (["up"], {"WEIR_CLUSTER_PORTS": str(base)})):
                done = self.call("deploy/local_cluster.sh", *command, **environment)
                self.assertIn(f"{base + 1} (gateway-1)", done.stderr)
        for wrong in ("80", "65500", "x", "999999"):
            done = self.call("deploy/local_cluster.sh", "--ports", wrong, "up")
            self.assertEqual(done.returncode, 1)
            self.assertIn("--ports: ", done.stderr)

    def test_a_command_that_is_none_hears_the_commands(self):
        done = self.call("deploy/local_cluster.sh", "sideways")
        self.assertEqual(done.returncode, 2)
        self.assertIn("up", done.stderr)
        self.assertIn("--ports BASE", done.stderr)


if __name__ == "__main__":
    unittest.main()
