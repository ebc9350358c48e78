"""Nodes are cut off from the others and come back: each in a network namespace of its own, all on one
bridge, made and taken down by the test."""

import hashlib
import os
import subprocess
import time
import unittest

from cluster import Cluster, Load, Member, forget_certificates, wait_until

# Of this process: two of these programs may run on one machine.
OWN = os.getpid() % 60000
BRIDGE, NETWORK = f"weirbr{OWN}", f"10.{200 + OWN // 250 % 50}.{OWN % 250}"


def ip(*arguments, check=True):
    return subprocess.run(["ip", *arguments], check=check, capture_output=True, text=True)


def namespaces_work():
    """Nothing to say when they do, else why not."""
    if os.geteuid() != 0:
        return "needs root for network namespaces"
    probe = f"weir-{OWN}-probe"
    for command in (["netns", "add", probe], ["-n", probe, "link", "set", "lo", "up"],
                    ["netns", "exec", probe, "true"]):
        tried = ip(*command, check=False)
        if tried.returncode != 0:
            ip("netns", "del", probe, check=False)
            return "no network namespaces here: " + tried.stderr.strip()
    ip("netns", "del", probe)
    bridge = ip("link", "add", BRIDGE, "type", "bridge", check=False)
    if bridge.returncode != 0:
        return "no bridges here: " + bridge.stderr.strip()
    ip("link", "del", BRIDGE)
    return ""


WHY_NOT = namespaces_work()


def tearDownModule():
    forget_certificates()


class Island(Member):
    """A member in a namespace of its own; cut() takes its cable out."""

    def __init__(self, number, name, roles, seeds, top=None):
        self.host = f"{NETWORK}.{number}"
        self.space, self.cable = f"weir-{OWN}-{number}", f"weirv{OWN}n{number}"
        super().__init__(name, roles, seeds, port=7400, top={
            "operations": {"allow_remote": True, "token_sha256": hashlib.sha256(b"t").hexdigest()}, **(top or {})})
        ip("netns", "add", self.space)
        ip("link", "add", self.cable, "type", "veth", "peer", "name", "eth0", "netns", self.space)
        ip("link", "set", self.cable, "master", BRIDGE, "up")
        for command in (["addr", "add", f"{self.host}/24", "dev", "eth0"], ["link", "set", "eth0", "up"],
                        ["link", "set", "lo", "up"]):
            ip("-n", self.space, *command)

    def command(self, name, *arguments):
        line = super().command(name, *arguments)
        return ["ip", "netns", "exec", self.space, *line]

    def cut(self):
        ip("link", "set", self.cable, "down")

    def mend(self):
        ip("link", "set", self.cable, "up")

    def close(self):
        super().close()
        ip("link", "del", self.cable, check=False)
        ip("netns", "del", self.space, check=False)


class Islands(Cluster):
    def __init__(self, names, top=None):
        ip("link", "add", BRIDGE, "type", "bridge")
        ip("addr", "add", f"{NETWORK}.254/24", "dev", BRIDGE)
        ip("link", "set", BRIDGE, "up")
        seeds = [f"{NETWORK}.1:7400", f"{NETWORK}.2:7400"]
        self.nodes = {name: Island(i + 1, name, [name.split("-")[0]], seeds, top)
                      for i, name in enumerate(names)}

    def close(self):
        super().close()
        ip("link", "del", BRIDGE, check=False)


@unittest.skipIf(WHY_NOT, WHY_NOT)
class PartitionTest(unittest.TestCase):
    def test_a_node_cut_off_for_five_seconds_costs_nothing_acknowledged(self):
        names = ["gateway-1", "gateway-2", "worker-1", "worker-2", "persister-1", "persister-2"]
        with Islands(names) as cluster:
            loads = [Load(cluster.of("gateway")[i % 2:] + cluster.of("gateway")[:i % 2], f"c{i}") for i in range(4)]
            for name in ("worker-1", "persister-1", "gateway-2"):
                before = [len(load.acknowledged) for load in loads]
                cluster[name].cut()
                time.sleep(5)  # the length of the cut is what is tested
                if name != "gateway-2":
                    for load, n in zip(loads, before):
                        self.assertGreater(len(load.acknowledged), n, f"the load goes on without {name}")
                cluster[name].mend()
                cluster.wait_linked()
            for load in loads:
                load.finish()
            stored = cluster.stored_ids()
            acknowledged = {i for load in loads for i in load.acknowledged}
            self.assertEqual(acknowledged - set(stored), set(), "acknowledged and lost")

    def test_a_gateway_that_reaches_nobody_says_503_and_serves_again_afterwards(self):
        with Islands(["gateway-1", "worker-1", "persister-1"]) as cluster:
            gateway = cluster["gateway-1"]
            self.assertEqual(gateway.post("default", {"id": 1}).status, 200)
            cluster["worker-1"].cut()
            wait_until(lambda: gateway.operations("GET", "/readyz").status == 503, 5, "it is noticed")
            answer = gateway.post("default", {"id": 2})
            self.assertEqual(answer.status, 503, answer)
            self.assertIn("Retry-After", answer.headers)
            cluster["worker-1"].mend()
            wait_until(gateway.ready, 10, "it is linked again")
            self.assertEqual(gateway.post("default", {"id": 3}).status, 200)


if __name__ == "__main__":
    unittest.main()
