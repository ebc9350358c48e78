// What the I/O threads share, used from all of them at once while everything beside them
// changes and reads it. ThreadSanitizer judges; without it, the accounts do.
#include "http/operations/operations.hpp"
#include "tests/http/ingest/ingest_fixture.hpp"

using namespace weir;

namespace {

constexpr unsigned threads = 4;
constexpr int clients_each = 3;

struct ready_view final : node_view {
  std::vector<actor_view> actors() const override { return {}; }
  readiness ready() const override { return {node_state::ready, {}}; }
};

struct io_threads_test : ingest_test {
  std::atomic<uint64_t> answered{0};
  std::atomic<bool> over{false};
  std::vector<std::thread> beside;

  io_threads_test() {
    config.io_threads = threads;
    config.batches_max =
      3; // so that claims wait, and one thread grants what another asked
    config.coalesce_bytes = 64;
    streams["web"].settings.admission = admission_policy::wait;
    streams["web"].settings.records_per_second = 1e6;
    limits.client_records_per_second = 1e6;
  }
  ~io_threads_test() override { join(); }

  void join() {
    over = true;
    for (auto& one : beside)
      one.join();
    beside.clear();
  }
  /// Again and again on a thread of its own until join().
  void meanwhile(std::function<void()> what) {
    beside.emplace_back([this, what = std::move(what)] {
      while (!over)
        what();
    });
  }
  /// Small requests, which share batches, and large ones, which claim their own.
  void send_some(int requests) {
    raw_client client{server->port()};
    for (int i = 0; i < requests; ++i) {
      const auto body = i % 2 == 0 ? std::string{"a\nb"} : std::string(200, 'x');
      const auto status = client.ask(post("/ingest/web", body)).status;
      if (status == 200 || status == 503)
        ++answered;
      else
        ADD_FAILURE() << status;
    }
  }
  void send_from_all(int requests) {
    std::vector<std::thread> clients;
    for (unsigned i = 0; i < threads * clients_each; ++i)
      clients.emplace_back([this, requests] { send_some(requests); });
    for (auto& client : clients)
      client.join();
  }
};

} // namespace

TEST_F(io_threads_test, share_admission_and_rates_while_limits_and_streams_are_reloaded) {
  start();
  meanwhile([this] {
    auto next = limits;
    next.shed_low = 0.5;
    server->swap_limits(std::make_shared<ingest_limits>(next));
    catalogs->set(std::make_shared<catalog>(streams));
  });
  send_from_all(40);
  join();
  EXPECT_EQ(answered, uint64_t{threads} * clients_each * 40);
  EXPECT_TRUE(comes_to_rest());
  EXPECT_EQ(budget_used(), 0);
  expect_balance();
}

TEST_F(io_threads_test, are_watched_by_the_operations_listener) {
  start();
  const ready_view view;
  operations_config where;
  where.port = 0;
  operations_context what{metrics, view, {}, {}, {}};
  what.measure = [this] { server->measure(); };
  const auto operations = operations_server::start(where, std::move(what));
  ASSERT_TRUE(operations.has_value()) << operations.error().text;
  const auto read = [port = (*operations)->port()](const char* page) {
    raw_client client{port};
    const auto request = std::string{"GET "} + page + " HTTP/1.1\r\nHost: x\r\n\r\n";
    EXPECT_EQ(client.ask(request).status, 200);
  };
  // httplib's first request makes tables, behind guards that ThreadSanitizer can't see.
  read("/livez");
  for (const auto* page : {"/metrics", "/queues"})
    meanwhile([read, page] { read(page); });
  send_from_all(40);
  join();
  EXPECT_EQ(answered, uint64_t{threads} * clients_each * 40);
}

TEST_F(io_threads_test, take_batches_back_while_a_stage_comes_and_goes) {
  start();
  meanwhile([this] {
    pipeline.go_away(true);
    pipeline.go_away(false);
    pipeline.each_owner([](receipt_port& owner) { owner.resubmit(); });
    std::this_thread::yield();
  });
  send_from_all(20);
  join();
  EXPECT_TRUE(comes_to_rest());
  EXPECT_EQ(budget_used(), 0);
}

TEST_F(io_threads_test, drain_and_stop_under_load) {
  start();
  std::deque<raw_client> clients;
  for (unsigned i = 0; i < threads * clients_each; ++i)
    clients.emplace_back(server->port());
  for (auto& client : clients)
    beside.emplace_back([this, &client] {
      while (client.ask(post("/ingest/web", "x")).status == 200)
        ++answered;
    });
  pipeline.wait_for(20);
  server->stop_accepting();
  EXPECT_TRUE(comes_to_rest());
  server->stop();
  join();
  EXPECT_GT(answered, 0u);
  EXPECT_EQ(http_counts.connections_open.load(), 0);
}
