// weir_load: posts records to a weir node over many connections at once and says what became of
// every request. The log has one line for each try:
//
//   client first count status sent_us done_us honest code
//
// Status 0: the connection ended without an answer; -1: no answer in time; -2: not sent whole.
// Times are CLOCK_MONOTONIC microseconds. On stdout it says `started`, and at its end a summary as
// JSON.
#include "tests/failure/load/load_client.hpp"

#include <CLI/CLI.hpp>

#include <algorithm>
#include <atomic>
#include <csignal>
#include <cstdio>
#include <fstream>
#include <map>
#include <memory>

#include <sys/epoll.h>
#include <unistd.h>

namespace weir::load {

namespace {

std::atomic<bool> stopped{false};

double percentile(std::vector<int64_t>& sorted, double share) {
  if (sorted.empty())
    return 0;
  const auto at = static_cast<size_t>(share * static_cast<double>(sorted.size() - 1));
  return static_cast<double>(sorted[at]) / 1000;
}

void write_log(const load_options& options, const std::vector<outcome>& log) {
  std::ofstream out{options.log};
  for (const auto& o : log)
    out << options.prefix << o.client << ' ' << o.first << ' ' << options.records << ' '
        << o.status << ' ' << o.sent_us << ' ' << o.done_us << ' ' << o.is_honest << ' '
        << (o.code.empty() ? "-" : o.code) << '\n';
  if (!out.flush())
    throw std::runtime_error("cannot write " + options.log);
}

void print_summary(const load_options& options, const std::vector<outcome>& log,
                   double seconds) {
  std::map<int, uint64_t> statuses;
  std::vector<int64_t> latencies;
  uint64_t dishonest = 0;
  for (const auto& o : log) {
    ++statuses[o.status];
    dishonest += o.is_honest ? 0 : 1;
    if (o.status / 100 == 2)
      latencies.push_back(o.done_us - o.sent_us);
  }
  std::sort(latencies.begin(), latencies.end());
  std::printf("{\"seconds\":%.3f,\"records_acknowledged\":%zu,\"dishonest\":%lu,",
              seconds, latencies.size() * static_cast<size_t>(options.records),
              dishonest);
  std::printf("\"p50_ms\":%.3f,\"p99_ms\":%.3f,\"max_ms\":%.3f,\"statuses\":{",
              percentile(latencies, 0.5), percentile(latencies, 0.99),
              percentile(latencies, 1));
  const char* comma = "";
  for (const auto& [status, count] : statuses) {
    std::printf("%s\"%d\":%lu", comma, status, count);
    comma = ",";
  }
  std::printf("}}\n");
}

void wait_for_events(int epoll) {
  epoll_event events[256];
  const int count = ::epoll_wait(epoll, events, 256, 1);
  for (int i = 0; i < count; ++i)
    static_cast<load_client*>(events[i].data.ptr)->on_event(events[i].events);
}

int run(const load_options& options) {
  const int epoll = ::epoll_create1(EPOLL_CLOEXEC);
  std::vector<outcome> log;
  std::vector<std::unique_ptr<load_client>> clients;
  for (int i = 0; i < options.connections; ++i)
    clients.push_back(std::make_unique<load_client>(options, i, epoll, log));
  const auto start = monotonic_us();
  std::puts("started");
  std::fflush(stdout);
  bool finishing = false;
  const auto is_done = [](const auto& client) { return client->is_done(); };
  while (!std::all_of(clients.begin(), clients.end(), is_done)) {
    const auto now = monotonic_us();
    const bool over =
      options.seconds > 0 && static_cast<double>(now - start) > options.seconds * 1e6;
    if (!finishing && (stopped || over)) {
      finishing = true;
      for (auto& client : clients)
        client->finish();
    }
    for (auto& client : clients)
      client->on_tick(now);
    wait_for_events(epoll);
  }
  const auto seconds = static_cast<double>(monotonic_us() - start) / 1e6;
  clients.clear();
  ::close(epoll);
  if (!options.log.empty())
    write_log(options, log);
  print_summary(options, log, seconds);
  return 0;
}

} // namespace

} // namespace weir::load

int main(int argc, char** argv) {
  using namespace weir::load;
  std::signal(SIGTERM, [](int) { stopped = true; });
  std::signal(SIGINT, [](int) { stopped = true; });
  load_options options;
  CLI::App app{"Posts records to a weir node and says what became of every request."};
  app.add_option("--port", options.port)->required();
  app.add_option("--stream", options.stream);
  app.add_option("--prefix", options.prefix);
  app.add_option("--connections", options.connections)->check(CLI::Range(1, 20000));
  app.add_option("--records", options.records)->check(CLI::Range(1, 100000));
  app.add_option("--seconds", options.seconds);
  app.add_option("--requests", options.requests);
  app.add_option("--rate", options.rate, "requests a second of all connections together");
  app.add_flag("--keyed", options.keyed);
  app.add_flag("--repeat", options.repeat)->needs("--keyed");
  app.add_option("--pause-ms", options.pause_ms);
  app.add_option("--answer-timeout-ms", options.answer_timeout_ms);
  app.add_option("--members", options.members, "JSON members of every record");
  app.add_option("--pad", options.pad);
  app.add_option("--header", options.header);
  app.add_option("--log", options.log);
  CLI11_PARSE(app, argc, argv);
  try {
    return run(options);
  } catch (const std::exception& e) {
    std::fprintf(stderr, "weir_load: %s\n", e.what());
    return 1;
  }
}
