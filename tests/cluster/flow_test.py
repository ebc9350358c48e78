"""A cluster without faults: batches go through every role, are stored once, and every node can tell."""

import contextlib
import json
import re
import subprocess
import unittest

from cluster import BINARY, Cluster, Member, certificate, certificates, forget_certificates, wait_until
from weir import ROOT

TWO_OF_EACH = {"gateway": 2, "worker": 2, "persister": 2}


def tearDownModule():
    forget_certificates()


def ndjson(ids):
    return "\n".join(json.dumps({"id": i}) for i in ids)


class FlowTest(unittest.TestCase):
    def test_records_sent_to_either_gateway_are_stored_once_each(self):
        with Cluster(TWO_OF_EACH) as cluster:
            for gateway in cluster.of("gateway"):
                for batch in range(25):
                    ids = [f"{gateway.name}-{batch}-{i}" for i in range(40)]
                    answer = gateway.post("default", ndjson(ids), "application/x-ndjson")
                    self.assertEqual((answer.status, answer.json["accepted"]), (200, 40), answer)
            stored = cluster.stored_ids()
            self.assertEqual(len(stored), 2000)
            self.assertEqual(set(stored.values()), {1})
            shares = [len(p.rows()) for p in cluster.of("persister")]
            self.assertTrue(all(share > 200 for share in shares), f"both persisters have work: {shares}")

    def test_every_record_has_its_verdict_and_its_place_in_the_request(self):
        streams = {"default": {"transform": [{"convert": {"field": "n", "to": "int"}}]}}
        with Cluster(TWO_OF_EACH, streams=streams) as cluster:
            body = '{"id":1,"n":"1"}\nno json\n{"id":3,"n":"x"}\n{"id":4,"n":"4"}\n'
            answer = cluster["gateway-1"].post("default", body, "application/x-ndjson")
            self.assertEqual(answer.status, 200, answer)
            self.assertEqual((answer.json["accepted"], answer.json["rejected"]), (2, 2))
            self.assertEqual([(e["record"], e["code"]) for e in answer.json["errors"]],
                             [(2, "malformed_json"), (3, "transform_failed")])

    def test_a_record_that_is_split_crosses_the_links_in_parts_and_has_one_verdict_also_when_repeated(self):
        streams = {"default": {"transform": [{"split": {"field": "logs", "keep": True}},
                                             {"convert": {"field": "n", "to": "int"}}]}}
        with Cluster(TWO_OF_EACH, streams=streams) as cluster:
            body = "".join(json.dumps({"r": "r" * 500, "logs": [{"id": f"{i}-{n}", "n": n} for n in part]}) + "\n"
                           for i, part in enumerate((range(600), [1, "x"], [], [7], range(25))))
            for gateway in cluster.of("gateway") * 2:
                answer = gateway.post("default", body, "application/x-ndjson", Idempotency_Key="once")
                self.assertEqual((answer.status, answer.json["accepted"], answer.json["rejected"],
                                  answer.json["dropped"]), (200, 3, 1, 1), answer)
            stored = cluster.stored_ids()
            self.assertEqual(len(stored), 626)
            self.assertEqual(set(stored.values()), {1})

    def test_csv_keeps_its_header_and_a_large_body_goes_through_in_many_batches(self):
        with Cluster(TWO_OF_EACH) as cluster:
            rows = "".join(f"{i},{'y' * 200}\n" for i in range(20_000))
            answer = cluster["gateway-2"].post("default", "id,text\n" + rows, "text/csv")
            self.assertEqual((answer.status, answer.json["accepted"]), (200, 20_000), answer)
            stored = cluster.stored_ids()
            self.assertEqual(len(stored), 20_000)
            self.assertEqual(set(stored.values()), {1})

    def test_the_same_key_at_the_other_gateway_stores_nothing_twice(self):
        with Cluster(TWO_OF_EACH) as cluster:
            body = ndjson(range(10))
            answers = [g.post("default", body, "application/x-ndjson", Idempotency_Key="once")
                       for g in cluster.of("gateway") * 2]
            self.assertEqual([a.status for a in answers], [200] * 4)
            self.assertEqual({a.json["accepted"] for a in answers}, {10})
            self.assertEqual(sum(len(p.rows()) for p in cluster.of("persister")), 10)

    def test_a_2xx_means_stored_in_the_sink_unless_the_request_asks_for_less(self):
        with Cluster({"gateway": 1, "worker": 1, "persister": 1}) as cluster:
            persister = cluster["persister-1"]
            for i in range(20):
                self.assertEqual(cluster["gateway-1"].post("default", {"id": i}).status, 200)
                self.assertEqual(persister.metrics()["weir_sink_rows_total"], i + 1,
                                 "the answer came after the sink's commit")

    def test_one_node_with_all_roles_and_one_more_persister(self):
        shape = [("all", ["gateway", "worker", "persister"]), ("more", ["persister"])]
        with Cluster(shape, tls=False) as cluster:
            for batch in range(40):
                answer = cluster["all"].post("default", {"id": batch})
                self.assertEqual(answer.status, 200, answer)
            self.assertEqual(set(cluster.stored_ids().values()), {1})
            self.assertTrue(all(p.rows() for p in cluster.of("persister")))

    def test_a_batch_can_be_followed_over_the_nodes_by_its_key(self):
        with Cluster({"gateway": 1, "worker": 1, "persister": 1}) as cluster:
            batch = cluster["gateway-1"].post("default", {"id": 1}).json["batch"]
            for name, words in {"gateway-1": ["batch_sent"],
                                "worker-1": ["batch_received", "batch_sent", "receipt_sent"],
                                "persister-1": ["batch_received", "receipt_sent"]}.items():
                lines = [line for line in cluster[name].log_text().splitlines() if batch in line]
                for word in words:
                    self.assertTrue(any(word in line for line in lines), f"{name}: {word}: {lines}")


class MembershipTest(unittest.TestCase):
    def test_every_node_shows_members_links_and_what_they_carry(self):
        with Cluster(TWO_OF_EACH) as cluster:
            self.assertEqual(cluster["gateway-1"].post("default", {"id": 1}).status, 200)
            for node in cluster.nodes.values():
                view = node.view()
                self.assertEqual({m["node"]: m["state"] for m in view["members"]},
                                 {n: "self" if n == node.name else "up" for n in cluster.nodes})
                self.assertEqual({m["node"]: m["roles"] for m in view["members"]},
                                 {n.name: n.roles for n in cluster.nodes.values()})
                metrics = node.metrics()
                self.assertEqual(metrics['weir_cluster_members{state="up"}'], 5)
                self.assertEqual(re.findall(r"^# TYPE (\w+)", node.operations("GET", "/metrics").body.decode(), re.M),
                                 re.findall(r"^\| `(\w+)` \|", (ROOT / "docs/metrics.md").read_text(), re.M))
                wait_until(lambda: node.metrics()['weir_link_round_trip_seconds{peer="%s"}' %
                                                  ("gateway-2" if node.name != "gateway-2" else "gateway-1")] > 0,
                           5, "a round trip was measured")
            table = subprocess.run([BINARY, "cluster", "status", "--url",
                                    f"http://127.0.0.1:{cluster['worker-1'].operations_port}"],
                                   capture_output=True, text=True, check=True).stdout
            for word in [*cluster.nodes, "gateway", "up", "ROUND TRIP"]:
                self.assertIn(word, table)

    def test_a_node_that_joins_is_used_within_two_seconds_and_learned_by_all(self):
        with Cluster({"gateway": 1, "worker": 1, "persister": 1}) as cluster:
            seed = cluster["persister-1"].address
            joined = Member("worker-9", ["worker"], [seed])
            self.addCleanup(joined.close)
            joined.start()

            def used():
                cluster["gateway-1"].post("default", {"id": 1})
                return joined.metrics().get('weir_link_batches_received_total{peer="gateway-1"}', 0) > 0
            wait_until(used, 2, "the new worker has work")
            self.assertIn("worker-9", cluster["worker-1"].peers_up(), "whose seed it is not")

    def test_a_node_alone_opens_no_cluster_port_and_has_no_cluster_page(self):
        from weir import Node
        with Node() as node:
            self.assertEqual(node.operations("GET", "/cluster").status, 404)
            result = subprocess.run([BINARY, "cluster", "status", "--url", f"http://127.0.0.1:{node.operations_port}"],
                                    capture_output=True, text=True, check=False)
            self.assertEqual(result.returncode, 1)
            self.assertIn("stands alone", result.stderr)

    def test_without_a_worker_or_persister_a_gateway_says_503_before_the_body(self):
        for shape in ({"gateway": 1}, {"gateway": 1, "worker": 1}):
            cluster = Cluster(shape)
            self.addCleanup(cluster.close)
            for node in cluster.nodes.values():
                node.start(wait=False)
            gateway = cluster["gateway-1"]

            def answer():
                try:
                    return gateway.post("default", {"id": 1})
                except OSError:
                    return None
            got = wait_until(answer, 20, "the gateway answers")
            self.assertEqual(got.status, 503, got)
            self.assertGreaterEqual(int(got.headers["Retry-After"]), 1)
            received = gateway.raw(b"POST /ingest/default HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
                                   b"Content-Length: 100000\r\nExpect: 100-continue\r\n\r\n")
            self.assertTrue(received.startswith(b"HTTP/1.1 503"), received[:100])

    def test_without_a_persister_all_that_speak_of_it_say_so(self):
        with contextlib.ExitStack() as over:
            cluster = Cluster({"gateway": 1, "worker": 1})
            over.callback(cluster.close)
            for node in cluster.nodes.values():
                node.start(wait=False)
            gateway, worker = cluster["gateway-1"], cluster["worker-1"]

            def pages():
                with contextlib.suppress(OSError):
                    return [gateway.request("GET", "/readyz", port=gateway.port), gateway.operations("GET", "/readyz"),
                            worker.operations("GET", "/readyz")]
                return []
            wait_until(lambda: [a.status for a in pages()] == [503] * 3
                       and all(a.json["state"] == "refusing" and "no persister" in a.json["reasons"][0]
                               for a in pages()),
                       20, lambda: f"they are not ready: {pages()}")
            self.assertEqual(pages()[0].json, pages()[1].json)
            detail = gateway.post("default", {"id": 1}).json["detail"]
            self.assertIn(pages()[0].json["reasons"][0], detail)
            status = subprocess.run([BINARY, "cluster", "status", "--url",
                                     f"http://127.0.0.1:{gateway.operations_port}"],
                                    capture_output=True, text=True, check=True).stdout
            self.assertIn("This node is refusing: no persister", status)
            wait_until(lambda: "no persister" in gateway.log_text(), 10, "the log says so")

    def test_a_cluster_starts_without_warnings(self):
        with Cluster({"gateway": 1, "worker": 1, "persister": 1}) as cluster:
            cluster.wait_linked()
            for node in cluster.nodes.values():
                wait_until(lambda: '"event":"ready"' in node.log_text(), 10, f"{node.name} says that it is ready")
                events = [json.loads(line) for line in node.log_text().splitlines()]
                self.assertEqual([e for e in events if e["level"] in ("warning", "error")], [], node.name)
                self.assertEqual([e["event"] for e in events].count("ready"), 1, node.name)


class ConfigTest(unittest.TestCase):
    def refused(self, name, words, **cluster):
        node = Member(name, ["gateway"], [], tls=False, top={"cluster": cluster})
        self.addCleanup(node.close)
        node.write_config()
        result = subprocess.run(node.command("run"), capture_output=True, text=True, timeout=20, check=False)
        self.assertEqual(result.returncode, 78, result.stderr)
        for word in words:
            self.assertIn(word, result.stderr)

    def test_a_port_off_loopback_without_tls_is_refused_at_start(self):
        self.refused("a", ["cluster.listen", "not loopback", "weir certs"], listen="0.0.0.0:7400", advertise="a:7400")

    def test_a_certificate_for_another_node_is_refused_at_start(self):
        self.refused("a", ["is for b", "node.name is a"], tls=certificate("b"))

    def test_a_key_that_does_not_fit_is_refused_at_start(self):
        files = certificate("a") | {"key": certificate("b")["key"]}
        self.refused("a", ["cluster.tls.key"], tls=files)

    def test_an_unknown_role_and_a_bad_seed_are_named(self):
        self.refused("a", ["is no role"], roles=["gatway"])
        self.refused("a", ["cluster.seeds", "host:port"], seeds=["worker-1"])

    def test_certificates_are_made_in_the_directory_the_configuration_names(self):
        certificate("a")
        self.assertTrue((certificates() / "ca.pem").exists())


if __name__ == "__main__":
    unittest.main()
