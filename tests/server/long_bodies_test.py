"""A long body is one request: it becomes many batches, and its Idempotency-Key stands for all of it, wherever
it was cut. An answer with `durable_records: n` means that exactly the first n records have their verdict and
nothing after them is stored."""

import json
import signal

from weir import ServerTest, wait_until

NDJSON = "application/x-ndjson"


def lines(first, end, bad=()):
    return "".join("[0]\n" if n in bad else json.dumps({"n": n}) + "\n" for n in range(first, end))


class LongBodies(ServerTest):
    def post_keyed(self, node, key, body, stream="default", **headers):
        return node.post(stream, body, NDJSON, Idempotency_Key=key, **headers)

    def stored(self, node, stream="default"):
        return sorted(b["n"] for b in node.bodies(stream))

    def assert_answer(self, answer, **members):
        self.assertEqual(answer.status, 200, answer)
        for name, value in members.items():
            self.assertEqual(answer.json.get(name), value, (name, answer))

    def assert_another_body(self, answer):
        self.assertEqual((answer.status, answer.json["code"]), (422, "key_reused"), answer)
        self.assertEqual(answer.json.get("durable_records", 0), 0, answer)

    def restart(self, node, *settings):
        self.assertEqual(node.stop(), 0)
        node.settings = list(settings)
        node.start()

    # -- another body under a key

    def test_a_file_that_has_grown_is_another_body_and_nothing_of_it_is_stored(self):
        node = self.node()
        for before in (1, 100, 3_000, 4_096, 9_000):
            with self.subTest(before=before):
                key = f"day-{before}"
                base = 100_000 * before
                self.assert_answer(self.post_keyed(node, key, lines(base, base + before)), accepted=before)
                for after in (before + 1, before + 9_000):
                    self.assert_another_body(self.post_keyed(node, key, lines(base, base + after)))
                self.assertEqual(self.stored(node).count(base + before), 0)
                # Those that are new, under a key of their own.
                self.assert_answer(self.post_keyed(node, key + "-more", lines(base + before, base + before + 9)),
                                   accepted=9)
        stored = self.stored(node)
        self.assertEqual(len(stored), len(set(stored)))
        self.assert_accounts(node)

    def test_a_shorter_body_is_another_one_too(self):
        node = self.node()
        self.assert_answer(self.post_keyed(node, "k", lines(0, 9_000)), accepted=9_000)
        for records in (1, 4_095, 4_096, 4_097, 8_999):
            self.assert_another_body(self.post_keyed(node, "k", lines(0, records)))
        self.assertEqual(self.stored(node), list(range(9_000)))
        self.assert_accounts(node)

    def test_one_other_record_anywhere_makes_it_another_body(self):
        node = self.node()
        self.assert_answer(self.post_keyed(node, "k", lines(0, 10_000)), accepted=10_000)
        for place in (0, 4_095, 4_096, 9_999):
            body = lines(0, place) + '{"n":-1}\n' + lines(place + 1, 10_000)
            self.assert_another_body(self.post_keyed(node, "k", body))
        self.assertEqual(self.stored(node), list(range(10_000)))

    # -- the same body in other pieces

    def test_the_same_body_is_stored_once_after_a_restart_with_other_cuts(self):
        node = self.node()
        body = lines(0, 10_000, bad={17, 5_000})
        self.assert_answer(self.post_keyed(node, "k", body), accepted=9_998, rejected=2)
        for settings in (["ingest.batch_records=1000"], ["ingest.batch_records=7"],
                         ["ingest.batch_bytes=1MiB", "ingest.batch_records=2500"],
                         ["ingest.batch_records=100000"], ["ingest.coalesce_bytes=1KiB", "ingest.request_window=1"]):
            self.restart(node, *settings)
            again = self.post_keyed(node, "k", body)
            self.assert_answer(again, accepted=9_998, rejected=2, duplicate=True)
            self.assertTrue(len(again.json["errors"]) == 2 or again.json.get("errors_truncated"), again)
            self.assert_another_body(self.post_keyed(node, "k", body + lines(10_000, 10_001)))
            self.assert_accounts(node)
        self.assertEqual(self.stored(node), [n for n in range(10_000) if n not in (17, 5_000)])

    def test_a_body_that_was_broken_off_goes_on_where_it_was_stored_with_other_cuts(self):
        node = self.node()
        body = lines(0, 9_500)
        for cuts, part in ((1_000, 8_300), (4_096, 9_200), (100, 9_400)):
            self.restart(node, f"ingest.batch_records={cuts}")
            with node.raw_upload("default", body, part, "k") as upload:
                wait_until(lambda: node.metrics()["weir_records_in_flight"] == 0
                           and len(self.stored(node)) >= (part - 1) // cuts * cuts, 20, "whole batches are stored")
                upload.close()
            node.kill()
            node.start()
        self.restart(node, "ingest.batch_records=333")
        done = self.post_keyed(node, "k", body)
        self.assert_answer(done, accepted=9_500, rejected=0)
        self.assertEqual(self.stored(node), list(range(9_500)))
        self.assert_answer(self.post_keyed(node, "k", body), accepted=9_500, duplicate=True)
        self.assertEqual(len(self.stored(node)), 9_500)

    # -- a body that fails

    def test_nothing_after_the_durable_records_of_a_failed_body_is_stored(self):
        node = self.node(settings=["ingest.batch_records=100", "ingest.request_window=16"])
        for key in ({}, {"Idempotency_Key": "once"}):
            with self.subTest(key=key):
                before = len(self.stored(node))
                body = lines(0, 5_050) + '{"n":' + "1" * (2 << 20) + "}\n" + lines(5_051, 9_000)
                answer = node.post("default", body, NDJSON, **key)
                self.assertEqual(answer.status, 413, answer)
                durable = answer.json["durable_records"]
                self.assertEqual(durable % 100, 0)
                self.assertEqual(len(self.stored(node)) - before, durable)
        self.assert_accounts(node)

    # -- keys and rules

    def test_few_keys_are_enough_for_the_node_itself_when_stages_restart(self):
        node = self.node(settings=["journal.keys_max=0"])
        sent = 0
        for n in range(300):
            if n % 10 == 0:
                stage = ("validate", "transform")[n // 10 % 2]
                node.operations("POST", f"/faults/crash?actor=root/{stage}/stage")
            answer = self.post_keyed(node, f"key-{n}", lines(n * 10, n * 10 + 10))
            sent += answer.status == 200
        stored = self.stored(node)
        self.assertEqual(len(stored), len(set(stored)), "a record is stored twice")
        self.assertGreater(sent, 100)

    def test_a_repeat_after_other_rules_is_told_what_was_stored_and_does_not_contradict_itself(self):
        loose, strict = '{"type":"object"}', '{"type":"object","properties":{"n":{"maximum":0}}}'
        for first, then, verdict in ((loose, strict, (2, 0)), (strict, loose, (1, 1))):
            node = self.node(files={"s.json": first}, streams={"default": {"schema": "s.json"}})
            body = lines(0, 2)
            self.assert_answer(self.post_keyed(node, "k", body), accepted=verdict[0], rejected=verdict[1])
            (node.directory / "s.json").write_text(then)
            reloads = node.log_text().count("reloaded")
            node.process.send_signal(signal.SIGHUP)
            wait_until(lambda: node.log_text().count("reloaded") > reloads, 10, lambda: node.log_text()[-500:])
            again = self.post_keyed(node, "k", body)
            self.assert_answer(again, accepted=verdict[0], rejected=verdict[1], duplicate=True)
            listed = len(again.json["errors"])
            self.assertTrue(listed == verdict[1] or (listed == 0 and again.json["errors_truncated"]), again)
            self.assertEqual(len(self.stored(node)), verdict[0])

    def test_one_request_is_judged_by_the_rules_of_when_it_began(self):
        node = self.node(streams={"default": {"transform": [{"set": {"field": "by", "value": "old"}}]}},
                         settings=["ingest.batch_records=10"])
        with node.raw_upload("default", lines(0, 31), 25, None) as upload:
            wait_until(lambda: len(self.stored(node)) >= 20, 20, "the first batches are stored")
            node.config["streams"]["default"]["transform"][0]["set"]["value"] = "new"
            node.write_config()
            node.process.send_signal(signal.SIGHUP)
            wait_until(lambda: "reloaded" in node.log_text(), 10, lambda: node.log_text()[-500:])
            self.assertEqual(upload.finish().status, 200)
        self.assertEqual({b["by"] for b in node.bodies()}, {"old"})
        self.assertEqual(len(node.bodies()), 31)
        self.assertEqual(node.post("default", {"n": 1}).status, 200)
        self.assertEqual(node.bodies()[-1]["by"], "new")

    def test_two_uploads_of_one_body_at_once_store_it_once(self):
        node = self.node(settings=["ingest.batch_records=50"])
        body = lines(0, 2_000)
        uploads = [node.raw_upload("default", body, part, "k") for part in (700, 300, 1_500)]
        answers = [upload.finish() for upload in uploads]
        for upload in uploads:
            upload.close()
        self.assertIn(200, [a.status for a in answers])
        for answer in answers:
            self.assertIn(answer.status, (200, 503), answer)
        self.assert_answer(self.post_keyed(node, "k", body), accepted=2_000)
        self.assertEqual(self.stored(node), list(range(2_000)))
        self.assert_accounts(node)


if __name__ == "__main__":
    import unittest
    unittest.main()
