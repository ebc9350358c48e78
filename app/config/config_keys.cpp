#include "app/config/config_keys.hpp"
#include "storage/open_sink.hpp"

#include <algorithm>

#include <nlohmann/json.hpp>

namespace weir {
namespace {

using namespace std::chrono_literals;
using std::chrono::milliseconds;

constexpr uint64_t kib = uint64_t{1} << 10;
constexpr uint64_t mib = uint64_t{1} << 20;
constexpr uint64_t gib = uint64_t{1} << 30;

void visit_operations(key_visitor& v, operations_section& c) {
  v.section({"operations", "The listener for metrics, health and the live tree."}, [&] {
    v.address({"listen", "Address and port; port 0 takes a free one."}, c.listen);
    v.text({"token_sha256",
            "SHA-256 of the bearer token that requests for dead letters, and those that "
            "change something, must carry. Required when `listen` is not loopback.",
            "none"},
           c.token_sha256, text_rule::sha256);
    v.flag({"allow_remote", "Must be true before `listen` may leave loopback."},
           c.allow_remote);
  });
}

void visit_pipeline(key_visitor& v, pipeline_section& c) {
  constexpr std::string_view workers = "Workers of this stage; `auto` is one per core.";
  v.section({"pipeline", "The stages between admission and the journal."}, [&] {
    v.section({"validate", "Parsing and schema checks."}, [&] {
      v.count({"workers", workers, "auto"}, c.validate_workers, {1, 256});
    });
    v.section({"transform", "The streams' steps."}, [&] {
      v.count({"workers", workers, "auto"}, c.transform_workers, {1, 256});
    });
    v.count(
      {"queue",
       "Batches that may wait before each stage; at least `ingest.batches_in_flight`."},
      c.queue_batches, {1, 65'536});
    v.bytes(
      {"fuse_bytes",
       "A batch up to this size is validated and transformed by one worker in one go, as "
       "handing it over costs more than it gains. 0B: none."},
      c.fuse_bytes, {0, uint64_t{64} << 20});
    v.duration({"work_deadline",
                "A worker that holds one batch longer counts as hung and is replaced."},
               c.work_deadline, {100ms, 10min});
    v.count({"tries_max", "Crashes one record may cause before it is quarantined."},
            c.tries_max, {1, 20});
    v.count({"hung_workers_max",
             "Hung workers after which the node drains and exits non-zero."},
            c.hung_workers_max, {1, 1024});
  });
}

void visit_supervision(key_visitor& v, supervision_section& c) {
  v.section(
    {"supervision", "When a crashed actor is restarted, and when its failure moves up."},
    [&] {
      v.count({"restarts_max", "Restarts within `window` before a supervisor gives up."},
              c.restarts_max, {0, 1'000'000});
      v.duration({"window", "The period `restarts_max` counts over."}, c.window,
                 {100ms, 24h});
      v.section({"backoff", "The pause before a restart, doubled each time."}, [&] {
        v.duration({"initial", "The first pause."}, c.backoff_initial, {1ms, 1min});
        v.duration({"max", "The longest pause."}, c.backoff_max, {1ms, 10min});
        v.real({"jitter", "Share of the pause that is random."}, c.backoff_jitter,
               {0, 1});
      });
      v.section({"workers",
                 "The same for workers, which die of records that are then quarantined."},
                [&] {
                  v.count(
                    {"restarts_max", "Restarts of workers within `window`, per stage."},
                    c.worker_restarts_max, {0, 1'000'000});
                  v.duration({"backoff_initial", "The first pause."},
                             c.worker_backoff_initial, {1ms, 1min});
                  v.duration({"backoff_max", "The longest pause."}, c.worker_backoff_max,
                             {1ms, 1min});
                });
    });
}

void visit_postgres(key_visitor& v, postgres_settings& c) {
  v.text(
    {"url",
     "`postgres`: where it is, as `postgresql://USER@HOST/DATABASE` or `host=… "
     "dbname=…`. Keep a password out of it: `PGPASSFILE`, `passfile=…`, or `${VAR}`.",
     "none"},
    c.url, text_rule::connection);
  v.count({"connections", "`postgres`: parts of a transaction that are written at the "
                          "same time."},
          c.connections, {1, 16});
  v.duration(
    {"retention", "`postgres`: days before this are dropped, for good; `0d` keeps all."},
    c.retention, {0ms, 24h * 36'500});
  v.flag({"migrate", "`postgres`: an empty database gets weir's tables at start; `false` "
                     "leaves that to `weir migrate`."},
         c.migrate);
  v.duration({"connect_timeout", "`postgres`: how long connecting may take."},
             c.connect_timeout, {1s, 1min});
  v.duration({"timeout",
              "`postgres`: how long a statement may take before the connection "
              "is given up and made anew."},
             c.timeout, {100ms, 10min});
}

std::vector<std::string_view> names_of_kinds() {
  std::vector<std::string_view> names;
  for (const auto* kind : sink_kinds())
    names.push_back(kind->name);
  return names;
}

/// "<data_dir>/weir.db or <data_dir>/records".
std::string default_paths_of_kinds() {
  std::vector<std::string> paths;
  for (const auto* kind : sink_kinds()) {
    auto path = "<data_dir>/" + std::string{kind->default_path};
    if (std::find(paths.begin(), paths.end(), path) == paths.end())
      paths.push_back(std::move(path));
  }
  std::string text;
  for (const auto& path : paths)
    text += (text.empty() ? "" : &path == &paths.back() ? " or " : ", ") + path;
  return text;
}

/// "An SQLite database, …, or nowhere."
std::string meaning_of_kinds() {
  std::string text;
  for (const auto* kind : sink_kinds())
    text += (text.empty()                  ? ""
             : kind == sink_kinds().back() ? ", or "
                                           : ", ")
            + std::string{kind->meaning};
  text.front() = 'A'; // an article
  return text + '.';
}

} // namespace

void visit_node(key_visitor& v, config& c) {
  v.text({"data_dir",
          "Directory of everything weir writes; made when missing. Relative to the "
          "working directory."},
         c.data_dir, text_rule::data_path);
  v.section({"node", "This process among others."}, [&] {
    v.text({"name", "Its name in logs and metrics."}, c.node_name, text_rule::node_name);
  });
  v.section({"memory", "How much the process may take."}, [&] {
    v.bytes({"ceiling",
             "Resident memory to stay under; what bodies may take is derived from it."},
            c.memory_ceiling, {128 * mib, 1024 * gib});
  });
}

void visit_storage(key_visitor& v, config& c) {
  v.section({"journal", "The log a 2xx waits for."}, [&] {
    v.text({"directory", "Where its segments are.", "<data_dir>/journal"},
           c.journal.directory, text_rule::data_path);
    v.bytes({"segment_bytes", "Size of one file; at most a quarter of `bytes_max`."},
            c.journal.segment_bytes, {1 * mib, 1 * gib});
    v.bytes(
      {"bytes_max",
       "All segments together; above it admission closes until the sink catches up."},
      c.journal.bytes_max, {4 * mib, 1024 * gib});
    v.count({"keys_max", "Idempotency-Keys remembered."}, c.journal.keys_max,
            {0, 100'000'000});
    v.duration(
      {"keys_age_max", "How long a key is remembered unless `keys_max` is passed."},
      c.journal.keys_age_max, {1h, 720h});
    v.bytes({"group_bytes", "One write and sync takes about this much at most."},
            c.journal.group_bytes, {64 * kib, 64 * mib});
  });
  v.section({"sink", "Where records end up."}, [&] {
    static const auto kinds = names_of_kinds();
    static const auto kinds_mean = meaning_of_kinds();
    static const auto default_paths = default_paths_of_kinds();
    auto kind = static_cast<size_t>(std::find(kinds.begin(), kinds.end(), c.sink.kind)
                                    - kinds.begin());
    v.choice({"kind", kinds_mean}, kind, kinds);
    c.sink.kind = kinds[kind];
    v.text({"path", "The database file, or the directory of the files.", default_paths},
           c.sink.path, text_rule::data_path);
    v.bytes({"rotate_bytes", "`file`: a new file above this size."}, c.sink.rotate_bytes,
            {64 * kib, 1024 * gib});
    v.duration({"rotate_after", "`file`: a new file after this time."},
               c.sink.rotate_after, {1s, 720h});
    v.count(
      {"rows_per_transaction",
       "Records committed together at most. `auto` is 5000 for a database, 20000 for "
       "`file` and `null`.",
       "auto"},
      c.sink.rows_per_transaction, {1, 100'000});
    v.bytes({"bytes_per_transaction", "And at most about this much of the journal."},
            c.sink.bytes_per_transaction, {64 * kib, 1 * gib});
    v.duration(
      {"gather",
       "How long records wait for more while they do not fill half a transaction and are "
       "fewer than 2,500. Those a client waits for (`ack: stored`) do not."},
      c.sink.gather, {0ms, 10s});
    v.duration({"busy_timeout", "`sqlite`: how long a lock is waited for."},
               c.sink.busy_timeout, {0ms, 1min});
    v.count(
      {"refused_max",
       "`sqlite`, `postgres`: records in a row that the store may refuse before it is "
       "tried with an empty one; refused too, the sink is down."},
      c.sink.refused_max, {1, 1'000'000});
    visit_postgres(v, c.sink.postgres);
  });
  v.section({"dead_letters", "The store of rejected and quarantined records."}, [&] {
    v.text({"path", "Its database file.", "<data_dir>/dead-letters.db"},
           c.dead_letters.path, text_rule::data_path);
    v.count({"letters_max", "Records kept; the oldest go first."},
            c.dead_letters.letters_max, {1, 1'000'000'000});
  });
}

void visit_config(key_visitor& v, config& c) {
  visit_node(v, c);
  visit_ingest(v, c.ingest);
  visit_operations(v, c.operations);
  visit_pipeline(v, c.pipeline);
  visit_cluster(v, c.cluster);
  visit_supervision(v, c.supervision);
  visit_storage(v, c);
  v.section({"shutdown", "What SIGTERM does."}, [&] {
    v.duration(
      {"deadline", "Time to answer and store what is in flight; then the node exits."},
      c.shutdown_deadline, {100ms, 10min});
  });
  v.section({"log", "What is said on stderr."}, [&] {
    v.choice({"level", "The least that is said."}, c.log.level,
             {"debug", "info", "warning", "error"});
    v.choice({"format", "`auto` is text on a terminal, else JSON lines."}, c.log.format,
             {"auto", "text", "json"});
  });
  v.flag({"fault_injection", "Allows the test-only step `fault`. Never in production."},
         c.fault_injection);
  // The order of the calls is the order of docs/config.md.
  visit_streams(v, c);
}

} // namespace weir
