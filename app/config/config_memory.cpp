// Where the memory ceiling goes. The shares are upper bounds of what each part may hold,
// so that the sum stays under the ceiling whatever arrives; what is left is for bodies.
#include "app/config/config_check.hpp"
#include "records/transform/plan.hpp"
#include "storage/open_sink.hpp"

#include <algorithm>
#include <filesystem>
#include <thread>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace weir {
namespace {

/// Code, threads, SQLite's page cache.
constexpr uint64_t process_bytes = uint64_t{44} << 20;
constexpr uint64_t connection_bytes = 8 * 1024; ///< socket, session and timers
constexpr uint64_t remembered_key_bytes = 96;   ///< in the journal's table
constexpr uint64_t client_bytes = 256;          ///< one peer's bucket
/// A worker's parser, arena and texts for small records; and how much more a record
/// larger than 32 KiB takes, parsed and taken apart, one at a time in the process
/// (records/large_record.hpp).
constexpr uint64_t worker_bytes = uint64_t{1} << 20;
constexpr uint64_t large_record_factor = 16;
/// What each step `split` of a stream takes more: the parts' trees, of 1024 fields in a record and
/// an element, in each worker; and the parts' texts, of a large record.
constexpr uint64_t split_worker_bytes = uint64_t{1} << 20;
constexpr uint64_t split_record_factor = 4;
/// An I/O thread's scratch, without the list of a batch's records, which may double as it grows.
constexpr uint64_t io_thread_bytes = uint64_t{512} << 10;
constexpr uint64_t tls_bytes = 40 * 1024; ///< OpenSSL's state of one connection

uint64_t largest_record(const config& c) {
  uint64_t bytes = 0;
  for (const auto& [name, stream] : c.streams)
    bytes = std::max<uint64_t>(bytes, stream.settings.record_bytes_max);
  return bytes;
}

/// Null when it has steps that are wrong: that is told elsewhere.
std::shared_ptr<const plan> splitting_plan(const stream_config& stream) {
  const auto splits = [](const nlohmann::json& step) { return step.contains("split"); };
  if (!stream.steps || std::none_of(stream.steps->begin(), stream.steps->end(), splits))
    return nullptr;
  auto made = plan::compile(*stream.steps, "", {.fault_injection = true});
  return made ? *made : nullptr;
}

/// Steps `split` of the stream that has the most.
uint64_t most_splits(const config& c) {
  uint64_t most = 0;
  for (const auto& [name, stream] : c.streams)
    if (const auto steps = splitting_plan(stream))
      most = std::max<uint64_t>(most, steps->splits());
  return most;
}

memory_share workers_share(const config& c) {
  const uint64_t workers =
    uint64_t{c.pipeline.validate_workers} + c.pipeline.transform_workers;
  const auto splits = most_splits(c);
  memory_share share{
    "workers",
    "(pipeline.validate_workers + pipeline.transform_workers) × 1MiB + the largest "
    "record_bytes_max × 16",
    workers * worker_bytes + largest_record(c) * large_record_factor};
  if (splits > 0) {
    share.formula +=
      "; and the most steps `split` of a stream × (the workers × 1MiB + the "
      "largest record_bytes_max × 4)";
    share.bytes +=
      splits * (workers * split_worker_bytes + largest_record(c) * split_record_factor);
  }
  return share;
}

std::vector<memory_share> set_aside(const config& c) {
  const auto copies = kind_of(c.sink).copies;
  const uint64_t per_connection =
    c.ingest.head_bytes_max + connection_bytes + (c.ingest.tls.enabled() ? tls_bytes : 0);
  std::vector<memory_share> shares{
    {"process", "44MiB", process_bytes},
    {"connections",
     "ingest.connections_max × (ingest.head_bytes_max + 8KiB, with TLS + 40KiB)",
     c.ingest.connections_max * per_connection},
    {"keys", "(journal.keys_max + 100000) × 96B",
     (c.journal.keys_max + c.journal.recent_keys_max) * remembered_key_bytes},
    {"clients", "ingest.clients_max × 256B", c.ingest.clients_max * client_bytes},
    workers_share(c),
    {"I/O threads", "ingest.threads × (512KiB + ingest.batch_records × 40B)",
     c.ingest.threads * (io_thread_bytes + c.ingest.batch_records * uint64_t{40})},
    {"journal group", "journal.group_bytes × 4", c.journal.group_bytes * 4},
    {"sink transaction", fmt::format("sink.bytes_per_transaction × {}", copies),
     c.sink.bytes_per_transaction * copies},
  };
  if (c.cluster.enabled())
    shares.push_back({"links", "cluster.peers_max × cluster.window.bytes × 2",
                      c.cluster.peers_max * c.cluster.window_bytes * 2});
  return shares;
}

uint64_t derived_budget(const config& c) {
  uint64_t aside = 0;
  for (const auto& share : set_aside(c))
    aside += share.bytes;
  return aside >= c.memory_ceiling ? 0 : c.memory_ceiling - aside;
}

/// More than 16 batches of an upload in flight gain nothing, and fewer than four leave the workers
/// without work while a group is synced. Other requests must have room beside it.
uint32_t derived_window(const ingest_section& in) {
  constexpr uint64_t most = 16, least = 4;
  const auto fit = std::min<uint64_t>(
    in.batches_in_flight / 4, in.budget_bytes / (in.batch_bytes * body_copies * 2));
  return static_cast<uint32_t>(
    std::min<uint64_t>(std::clamp(fit, least, most), std::max(in.batches_in_flight, 1u)));
}

uint32_t cores() {
  return std::clamp(std::thread::hardware_concurrency(), 1u, 256u);
}

std::string below(const std::string& directory, std::string_view name) {
  return (std::filesystem::path{directory} / name).lexically_normal().string();
}

/// Splits entries at commas: one environment variable may hold a list.
std::vector<std::string> split_at_commas(const std::vector<std::string>& entries) {
  std::vector<std::string> all;
  for (const auto& entry : entries)
    for (size_t at = 0; at <= entry.size();) {
      const auto comma = std::min(entry.find(',', at), entry.size());
      const auto first = entry.find_first_not_of(' ', at);
      auto last = comma;
      while (last > at && entry[last - 1] == ' ')
        --last;
      // Blanks around an entry and empty entries are dropped.
      if (first < last)
        all.push_back(entry.substr(first, last - first));
      at = comma + 1;
    }
  return all;
}

} // namespace

uint64_t most_parts_room(const config& c) {
  uint64_t most = 0;
  for (const auto& [name, stream] : c.streams)
    if (const auto steps = splitting_plan(stream))
      most = std::max<uint64_t>(most, steps->parts_room(c.ingest.batch_bytes));
  return most;
}

std::vector<memory_share> memory_plan(const config& settings) {
  auto plan = set_aside(settings);
  plan.push_back({"bodies", "ingest.budget_bytes", settings.ingest.budget_bytes});
  return plan;
}

void resolve_config(config& c) {
  for (auto* workers : {&c.pipeline.validate_workers, &c.pipeline.transform_workers})
    if (*workers == 0)
      *workers = cores();
  // Half of the cores: the other half works on what comes in. Requests that meet on one I/O
  // thread share a batch, so fewer threads make fewer and larger ones.
  if (c.ingest.threads == 0)
    c.ingest.threads = std::clamp(cores() / 2, 1u, 64u);
  if (c.journal.directory.empty())
    c.journal.directory = below(c.data_dir, "journal");
  if (c.sink.path.empty())
    c.sink.path = below(c.data_dir, kind_of(c.sink).default_path);
  if (c.dead_letters.path.empty())
    c.dead_letters.path = below(c.data_dir, "dead-letters.db");
  c.sink.postgres.node = c.node_name;
  c.sink.postgres.journal_directory = c.journal.directory;
  // Only in a cluster is a batch sent again to another node.
  c.sink.postgres.claim_all = c.cluster.enabled();
  c.cluster.seeds = split_at_commas(c.cluster.seeds);
  if (c.cluster.enabled())
    for (auto& [name, stream] : c.streams)
      if (!c.places.contains("streams." + name + ".ack"))
        stream.settings.ack = ack_level::stored; // the loss of any node loses nothing
  static_cast<key_memory&>(c.sink) = c.journal;
  if (c.ingest.budget_bytes == 0)
    c.ingest.budget_bytes = derived_budget(c);
  if (c.sink.rows_per_transaction == 0)
    c.sink.rows_per_transaction = kind_of(c.sink).rows_per_transaction;
  if (c.ingest.request_window == 0)
    c.ingest.request_window = derived_window(c.ingest);
}

} // namespace weir
