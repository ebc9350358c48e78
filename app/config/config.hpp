// CONFIG: everything an operator may decide, as plain structs. Read once at start from a
// YAML file and the command line's overrides, checked as a whole, then only read. The
// keys, their units, ranges and meanings are declared once, in config_keys*.cpp;
// docs/config.md is their table.
#pragma once

#include "base/log.hpp"
#include "base/result.hpp"
#include "proto/node_card.hpp"
#include "proto/stream_settings.hpp"
#include "storage/dead_letters.hpp"
#include "storage/journal/journal.hpp"
#include "storage/sink/sink.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json_fwd.hpp>

namespace weir {

/// Where a listener binds: an IPv4 or IPv6 address and a port; port 0 lets the system
/// choose.
struct listen_address {
  std::string host;
  uint16_t port = 0;
  bool loopback() const noexcept; ///< 127.0.0.0/8, ::1, localhost
};

/// Text such as `127.0.0.1:8080` or `[::1]:8080`.
std::string to_string(const listen_address& address);

struct tls_files {
  std::string certificate; ///< PEM, chain included; empty: no TLS
  std::string key;         ///< PEM
  bool enabled() const noexcept { return !certificate.empty(); }
};

struct api_key_entry {
  std::string name;                 ///< in logs and as the tenant of Idempotency-Keys
  std::string sha256;               ///< 64 lower-case hex digits of the secret's SHA-256
  std::vector<std::string> streams; ///< it may write to; empty: all
  double records_per_second = 0;    ///< 0: no limit
  double burst_records = 0;         ///< 0: one second's worth
};

/// Fill levels of the pipeline (0 … 1) above which a stream with `admission: shed`
/// refuses requests of a priority. High priority is refused only when it is full.
struct shed_levels {
  double low = 0.5;
  double normal = 0.8;
};

struct ingest_section {
  listen_address listen{"127.0.0.1", 8080};
  uint32_t threads = 0; ///< resolved: `auto` has become half the number of cores
  uint32_t connections_max = 4096;
  uint32_t head_bytes_max = 16 * 1024;
  uint32_t head_fields_max = 64;
  std::chrono::milliseconds head_timeout{5'000};
  std::chrono::milliseconds idle_timeout{75'000};
  uint64_t body_bytes_max = uint64_t{64} << 30;
  uint64_t body_rate_min = 1024; ///< bytes per second
  std::chrono::milliseconds request_timeout{8'000};
  double inflate_ratio_max = 0;
  uint64_t zstd_window_max = uint64_t{8} << 20;
  uint64_t batch_bytes = uint64_t{1} << 20;
  uint32_t batch_records = 4096;
  /// Batches of streamed requests in flight; resolved: never 0 after load_config.
  uint32_t request_window = 0;
  /// Batches in flight per I/O thread before small requests gather, and before larger ones do.
  uint32_t coalesce_window = 1;
  uint32_t coalesce_large_window = 4;
  /// A small batch that is in flight for longer does not count any more.
  std::chrono::milliseconds coalesce_wait{250};
  uint64_t coalesce_bytes = 64 * 1024;
  uint32_t batches_in_flight = 64;            ///< the credit of all I/O threads together
  std::chrono::milliseconds delay_max{1'000}; ///< 0: admission does not look at time
  /// Memory for bodies and what is made of them; resolved: never 0 after load_config.
  uint64_t budget_bytes = 0;
  double client_records_per_second = 0; ///< per peer address; 0: no limit
  double client_burst_records = 0;
  uint32_t clients_max = 10'000;
  tls_files tls;
  std::vector<api_key_entry> api_keys; ///< empty: none is asked for
  shed_levels shed;
};

struct operations_section {
  listen_address listen{"127.0.0.1", 8081};
  std::string token_sha256; ///< 64 lower-case hex digits; empty: no token is asked for
  /// Must be true, or a listen address off loopback is refused.
  bool allow_remote = false;
};

struct pipeline_section {
  uint32_t validate_workers = 0;  ///< resolved: `auto` has become the number of cores
  uint32_t transform_workers = 0; ///< likewise
  uint32_t queue_batches = 256;   ///< bound of each stage's queue
  /// Batches up to this size are validated and transformed in one go.
  uint64_t fuse_bytes = uint64_t{4} << 20;
  std::chrono::milliseconds work_deadline{2'000};
  uint32_t tries_max = 3;
  uint32_t hung_workers_max = 16;
};

struct supervision_section {
  uint32_t restarts_max = 10;
  std::chrono::milliseconds window{60'000};
  std::chrono::milliseconds backoff_initial{10};
  std::chrono::milliseconds backoff_max{5'000};
  double backoff_jitter = 0.2; ///< fraction of the delay that is random, 0 … 1
  // Workers die of records, which are quarantined after pipeline.tries_max deaths each.
  uint32_t worker_restarts_max = 300;
  std::chrono::milliseconds worker_backoff_initial{1};
  std::chrono::milliseconds worker_backoff_max{100};
};

/// Absent: the node stands alone and opens no cluster port.
struct cluster_section {
  std::vector<std::string> roles; ///< gateway, worker, persister; empty: no cluster
  listen_address listen{"127.0.0.1", 7400};
  std::string advertise;          ///< host:port at which others reach it; empty: `listen`
  std::vector<std::string> seeds; ///< host:port
  std::string ca;                 ///< PEM; empty: plain, loopback only
  std::string certificate;
  std::string key;
  std::chrono::milliseconds heartbeat{300};
  std::chrono::milliseconds silence{1'000};
  uint32_t window_batches = 32;
  uint64_t window_bytes = uint64_t{4} << 20;
  uint32_t peers_max = 16;

  bool enabled() const noexcept { return !roles.empty(); }
  bool plays(std::string_view role) const noexcept;
};

enum class log_format : uint8_t { automatic, text, json };

std::string_view to_string(log_level level) noexcept;
std::string_view to_string(log_format format) noexcept;

struct log_section {
  log_level level = log_level::info;
  log_format format = log_format::automatic; ///< text on a terminal, else JSON lines
};

struct stream_config {
  stream_settings settings;
  /// Relative to the configuration file until loaded; empty: none.
  std::string schema_file;
  std::shared_ptr<const nlohmann::json> steps; ///< a JSON array, never null
  std::string csv_delimiter = "comma";         ///< as it was written
};

/// Key path (`streams.web.ack`) to the place that set it (`weir.yaml:12`, or `--set`).
using config_places = std::map<std::string, std::string, std::less<>>;

struct config {
  /// As given; paths inside it are relative to its directory, except data_dir.
  std::string file;
  std::string data_dir = "data";
  std::string node_name = "weir";
  uint64_t memory_ceiling = uint64_t{512} << 20;
  ingest_section ingest;
  operations_section operations;
  pipeline_section pipeline;
  cluster_section cluster;
  supervision_section supervision;
  journal_config journal;
  sink_config sink; ///< its rows_per_transaction is never 0 after load_config
  dead_letter_config dead_letters;
  std::chrono::milliseconds shutdown_deadline{8'000};
  log_section log;
  bool fault_injection = false;
  std::map<std::string, stream_config, std::less<>> streams;
  config_places places;

  /// What this node does: all of it unless it is one of a cluster.
  node_roles roles() const noexcept;

  /// The place that set `path` or the nearest key above it; the file if nothing did.
  std::string where(std::string_view path) const;
};

/// Reads the file, applies the overrides (`a.b.c=value`), expands, checks and resolves. A failure
/// is invalid_config, and its text has one line per error: `file:line: key.path: what, and what was
/// expected`. Reads the environment, so not while another thread changes it.
result<config> load_config(const std::string& file,
                           const std::vector<std::string>& overrides = {});

/// The same from text already in memory; `file` names it in errors and anchors relative
/// paths.
result<config> parse_config(std::string_view text, const std::string& file,
                            const std::vector<std::string>& overrides = {});

/// Where the memory ceiling goes: what is set aside, and the byte budget for bodies that
/// is left.
struct memory_share {
  std::string_view name; ///< what it is for
  std::string formula;   ///< over configuration keys
  uint64_t bytes = 0;
};
std::vector<memory_share> memory_plan(const config& settings);

} // namespace weir
