"""Nodes die, stop, come back and drain under load. Nothing acknowledged is lost; a store of its own for
each persister may hold a record twice after one of them was lost (a shared store may not)."""

import time
import unittest

from cluster import Cluster, Load, forget_certificates, wait_until

TWO_OF_EACH = {"gateway": 2, "worker": 2, "persister": 2}
GAP_SECONDS_MAX = 4  # the bound is 2 s on a machine of one's own; this one may be shared


def tearDownModule():
    forget_certificates()


class FailureTest(unittest.TestCase):
    """Each test breaks something while clients send, and accounts for every acknowledged record."""

    def under_load(self, cluster, break_it, patience=10):
        gateways = cluster.of("gateway")
        loads = [Load(gateways[i % 2:] + gateways[:i % 2], f"client-{i}", patience=patience) for i in range(4)]
        wait_until(lambda: all(len(load.acknowledged) > 200 for load in loads), 20, "the load runs")
        break_it()
        before = [len(load.acknowledged) for load in loads]
        wait_until(lambda: all(len(load.acknowledged) > n + 200 for load, n in zip(loads, before)), 20,
                   "the load goes on")
        for load in loads:
            load.finish()
        return loads

    def account(self, cluster, loads, doubled_allowed=False):
        stored = cluster.stored_ids()
        acknowledged = {i for load in loads for i in load.acknowledged}
        self.assertEqual(acknowledged - set(stored), set(), "acknowledged and lost")
        if not doubled_allowed:
            self.assertEqual([i for i, n in stored.items() if n > 1], [], "stored twice")
        gap = max(load.longest_gap() for load in loads)
        self.assertLess(gap, GAP_SECONDS_MAX, "the longest wait between two acknowledgements of one client")

    def test_a_killed_worker_costs_no_client_anything(self):
        with Cluster(TWO_OF_EACH) as cluster:
            loads = self.under_load(cluster, cluster["worker-1"].kill)
            self.assertEqual({s for load in loads for s in load.statuses}, {200})
            self.account(cluster, loads)

    def test_a_killed_persister_comes_back_and_everything_acknowledged_is_there(self):
        with Cluster(TWO_OF_EACH) as cluster:
            loads = self.under_load(cluster, cluster["persister-1"].kill)
            self.assertEqual({s for load in loads for s in load.statuses}, {200})
            cluster["persister-1"].start()
            cluster.wait_linked()
            self.account(cluster, loads, doubled_allowed=True)

    def test_the_clients_of_a_killed_gateway_go_to_the_other(self):
        with Cluster(TWO_OF_EACH) as cluster:
            loads = self.under_load(cluster, cluster["gateway-1"].kill)
            self.account(cluster, loads, doubled_allowed=True)

    def test_a_node_that_is_killed_and_restarted_at_once_takes_its_place_again(self):
        with Cluster(TWO_OF_EACH) as cluster:
            def restart():
                for name in ("worker-1", "persister-1", "gateway-1"):
                    cluster[name].kill()
                    cluster[name].start()
                    cluster.wait_linked()
            loads = self.under_load(cluster, restart)
            self.account(cluster, loads, doubled_allowed=True)

    def test_a_stopped_node_is_noticed_and_does_no_harm_when_it_goes_on(self):
        for name in ("worker-1", "persister-2", "gateway-2"):
            with self.subTest(name), Cluster(TWO_OF_EACH) as cluster:
                def stop():
                    cluster[name].pause()
                    time.sleep(5)  # the length of the stop is what is tested
                    cluster[name].resume()
                    cluster.wait_linked()
                # a stopped gateway holds its clients' connections: they must give up by themselves
                loads = self.under_load(cluster, stop, patience=2 if name == "gateway-2" else 10)
                self.account(cluster, loads, doubled_allowed=True)
                for node in cluster.nodes.values():
                    if node.name != name:
                        self.assertIn("silent for", node.log_text())

    def test_a_drained_worker_or_persister_costs_no_request_an_error(self):
        for name in ("worker-1", "persister-1"):
            with self.subTest(name), Cluster(TWO_OF_EACH) as cluster:
                codes = []
                loads = self.under_load(cluster, lambda: codes.append(cluster[name].stop()))
                self.assertEqual(codes, [0])
                self.assertEqual({s for load in loads for s in load.statuses}, {200})
                cluster[name].start()
                self.account(cluster, loads)

    def test_all_nodes_restarted_one_after_the_other(self):
        with Cluster(TWO_OF_EACH) as cluster:
            def roll():
                for node in cluster.nodes.values():
                    self.assertEqual(node.stop(), 0)
                    node.start()
                    cluster.wait_linked()
            loads = self.under_load(cluster, roll)
            self.account(cluster, loads, doubled_allowed=True)

    def test_crashed_links_and_dispatchers_are_restarted_and_cost_nothing(self):
        with Cluster(TWO_OF_EACH, top={"fault_injection": True}) as cluster:
            def crash():
                for name, actor in (("gateway-1", "to-worker"), ("worker-1", "links"), ("worker-2", "to-persister"),
                                    ("persister-1", "links")):
                    path = f"root/cluster/{actor}"
                    answer = cluster[name].operations("POST", f"/faults/crash?actor={path}")
                    self.assertLess(answer.status, 300, answer)
                    wait_until(lambda: cluster[name].actors()[path]["restarts_total"] > 0, 10, "it is restarted")
                    cluster.wait_linked()
            loads = self.under_load(cluster, crash)
            self.account(cluster, loads, doubled_allowed=True)

    def test_memory_is_bounded_while_a_persister_is_stopped_under_full_load(self):
        with Cluster(TWO_OF_EACH) as cluster:
            most = {}

            def stop():
                cluster["persister-1"].pause()
                end = time.monotonic() + 10
                while time.monotonic() < end:
                    for node in cluster.nodes.values():
                        most[node.name] = max(most.get(node.name, 0), node.resident_bytes())
                    time.sleep(0.1)  # how often it is looked, not something waited for
                cluster["persister-1"].resume()
                cluster.wait_linked()
            loads = self.under_load(cluster, stop)
            self.account(cluster, loads, doubled_allowed=True)
            for name, resident in most.items():
                self.assertLess(resident, 512 << 20, name)


if __name__ == "__main__":
    unittest.main()
