#include "app/commands/cluster.hpp"
#include "app/config/config.hpp"
#include "app/node/metrics.hpp"
#include "http/operations/metrics.hpp"
#include "http/operations/operations_pages.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

using namespace weir;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;

namespace {

config good(std::string_view text) {
  auto settings = parse_config(text, "x.yaml");
  EXPECT_TRUE(settings) << (settings ? "" : settings.error().text);
  return settings ? *settings : config{};
}

std::string bad(std::string_view text) {
  const auto settings = parse_config(text, "x.yaml");
  EXPECT_FALSE(settings) << text;
  return settings ? "" : settings.error().text;
}

struct fixed_view final : cluster_view {
  cluster_snapshot taken;
  fixed_view() {
    taken.node = "worker-1";
    taken.members = {
      {{"gateway-1", 7, 1, {true, false, false}, "10.0.0.1:7400", false}, "up"},
      {{"worker-1", 8, 1, {false, true, false}, "10.0.0.2:7400", false}, "self"}};
    link_view link;
    link.peer = "gateway-1";
    link.up = true;
    link.round_trip_seconds = 0.0015;
    link.in[0] = {{32, 4 << 20}, {3, 1 << 20}};
    link.resends = 5;
    taken.links.push_back(link);
  }
  cluster_snapshot snapshot() const override { return taken; }
};

} // namespace

TEST(config_cluster, without_roles_a_node_stands_alone_and_plays_all_of_them) {
  const auto c = good("");
  EXPECT_FALSE(c.cluster.enabled());
  EXPECT_EQ(c.roles(), (node_roles{true, true, true}));
  EXPECT_THAT(bad("cluster:\n  seeds: [a:1]\n"),
              HasSubstr("x.yaml:2: cluster.seeds: has no effect without cluster.roles"));
}

TEST(config_cluster, roles_are_what_is_listed) {
  EXPECT_EQ(good("cluster:\n  roles: [worker, persister]\n").roles(),
            (node_roles{false, true, true}));
  EXPECT_THAT(bad("cluster:\n  roles: [wroker]\n"),
              HasSubstr("expected gateway, worker or persister"));
}

TEST(config_cluster, in_a_cluster_a_2xx_means_stored_unless_the_stream_says_otherwise) {
  const auto c = good("cluster:\n  roles: [gateway]\n"
                      "streams:\n  a:\n  b:\n    ack: durable\n");
  EXPECT_EQ(c.streams.at("a").settings.ack, ack_level::stored);
  EXPECT_EQ(c.streams.at("b").settings.ack, ack_level::durable);
  EXPECT_EQ(good("streams:\n  a:\n").streams.at("a").settings.ack, ack_level::durable);
}

TEST(config_cluster, one_entry_of_seeds_may_be_several) {
  const auto c = good("cluster:\n  roles: [gateway]\n"
                      "  seeds: [\"a:1, b:2,\", \"[::1]:3\"]\n");
  EXPECT_THAT(c.cluster.seeds, ElementsAre("a:1", "b:2", "[::1]:3"));
  EXPECT_THAT(bad("cluster:\n  roles: [gateway]\n  seeds: [a]\n"),
              HasSubstr("expected host:port"));
  EXPECT_THAT(bad("cluster:\n  roles: [gateway]\n  seeds: [\"a:0\"]\n"),
              HasSubstr("expected host:port"));
}

TEST(config_cluster, a_port_off_loopback_needs_tls_and_an_address_others_can_reach) {
  EXPECT_THAT(bad("cluster:\n  roles: [gateway]\n  listen: 0.0.0.0:7400\n"),
              AllOf(HasSubstr("cluster.tls is required"), HasSubstr("weir certs"),
                    HasSubstr("cluster.advertise: is required")));
}

TEST(config_cluster, one_late_heartbeat_must_not_be_a_death) {
  EXPECT_THAT(bad("cluster:\n  roles: [gateway]\n  heartbeat: 1s\n"),
              HasSubstr("cluster.silence: is below three times cluster.heartbeat"));
}

TEST(config_cluster, windows_are_part_of_the_memory_plan) {
  const auto plan = memory_plan(good("cluster:\n  roles: [gateway]\n"));
  const auto links = std::find_if(
    plan.begin(), plan.end(), [](const auto& share) { return share.name == "links"; });
  ASSERT_NE(links, plan.end());
  EXPECT_EQ(links->bytes, uint64_t{16} * 2 * (4 << 20));
}

TEST(config_cluster, a_window_takes_what_a_batch_may_be_split_into) {
  const std::string text = "cluster:\n  roles: [gateway]\nmemory: {ceiling: 2GiB}\n"
                           "streams:\n  a:\n    transform:\n"
                           "      - split: {field: a, bytes_max: ";
  good(text + "3000000}\n");
  EXPECT_THAT(
    bad(text + "12000000}\n"),
    HasSubstr("cluster.window.bytes: 4MiB is too little for what a batch may be "
              "split into"));
}

TEST(config, what_records_may_be_split_into_is_part_of_the_memory_plan) {
  const auto share = [](const config& c, std::string_view name) {
    for (const auto& s : memory_plan(c))
      if (s.name == name)
        return s;
    return memory_share{};
  };
  const std::string workers =
    "pipeline: {validate: {workers: 2}, transform: {workers: 1}}\n";
  const auto plain = good(workers + "streams: {a: {}}\n");
  const auto splits = good(workers
                           + "streams: {a: {transform: [{split: x}, {split: y}]}, "
                             "b: {transform: [{split: x}]}}\n");
  EXPECT_EQ(share(splits, "workers").bytes - share(plain, "workers").bytes,
            2 * ((3 << 20) + 4 * plain.streams.at("a").settings.record_bytes_max));
  EXPECT_THAT(share(splits, "workers").formula, HasSubstr("`split`"));
  EXPECT_EQ(share(plain, "workers").formula.find("split"), std::string::npos);
  const std::string tight = "memory: {ceiling: 4GiB}\ningest: {budget_bytes: 20MiB, "
                            "batch_records: 4096, request_window: 4, threads: 1}\n";
  good(tight);
  EXPECT_THAT(bad(tight
                  + "streams: {a: {transform: [{split: {field: x, bytes_max: "
                    "9000000}}]}}\n"),
              HasSubstr("what the step `split` makes of them"));
}

TEST(cluster_page_test, the_page_of_a_node_reads_as_two_tables) {
  const auto text = cluster_tables(cluster_page(fixed_view{}.snapshot()));
  ASSERT_TRUE(text) << text.error().text;
  EXPECT_EQ(*text,
            "NODE       STATE  ROLES    ADDRESS\n"
            "gateway-1  up     gateway  10.0.0.1:7400\n"
            "worker-1   self   worker   10.0.0.2:7400\n"
            "\n"
            "PEER       LINK  ROUND TRIP  WORK SENT  WORK RECEIVED     PERSIST SENT  "
            "PERSIST RECEIVED  RESENDS  LOSSES\n"
            "gateway-1  up    1.50 ms     -          3/32 1.0/4.0 MiB  -             "
            "-                 5        0\n");
}

TEST(cluster_page_test, what_is_no_such_page_is_an_error) {
  EXPECT_FALSE(cluster_tables("no json"));
  EXPECT_FALSE(cluster_tables("{}"));
}

TEST(cluster_page_test, metrics_have_the_peers_name_and_are_absent_for_a_node_alone) {
  telemetry metrics;
  const fixed_view view;
  declare_metrics(metrics, &view);
  const auto text = render_metrics(metrics);
  EXPECT_THAT(text, HasSubstr("weir_link_resends_total{peer=\"gateway-1\"} 5"));
  EXPECT_THAT(text, HasSubstr("weir_cluster_members{state=\"up\"} 1"));
  EXPECT_THAT(text,
              HasSubstr("weir_link_batches_in_flight{peer=\"gateway-1\",flow=\"work\","
                        "direction=\"received\"} 3"));
  telemetry alone;
  declare_metrics(alone, nullptr);
  EXPECT_THAT(render_metrics(alone), testing::Not(HasSubstr("weir_link")));
}
