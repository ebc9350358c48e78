#include "app/config/config_check.hpp"

#include "app/config/module_configs.hpp"
#include "app/config/tls_files.hpp"
#include "app/config/units.hpp"
#include "http/ingest/ingest_settings.hpp"
#include "records/inflate.hpp"
#include "storage/journal/codec.hpp"
#include "storage/open_sink.hpp"

#include <algorithm>
#include <filesystem>
#include <set>

#include <fmt/format.h>

namespace weir {
namespace {

/// True for texts such as `gateway-1:7400` or `[::1]:7400`.
bool is_host_port(std::string_view text) {
  const auto colon = text.rfind(':');
  if (colon == text.npos || colon == 0 || text.size() > 280)
    return false;
  const auto port = text.substr(colon + 1);
  return !port.empty() && port.size() <= 5
         && port.find_first_not_of("0123456789") == port.npos
         && std::stoul(std::string{port}) - 1 < 65'535
         && text.find_first_of(" /") == text.npos;
}

/// The absolute path, however it was written. Links are not followed: what weir writes
/// need not be there yet.
std::string whole_path(const std::string& path) {
  std::error_code ignored;
  auto whole = std::filesystem::absolute(path, ignored).lexically_normal().string();
  while (whole.size() > 1 && whole.ends_with('/'))
    whole.pop_back();
  return whole;
}

bool is_inside(const std::string& path, const std::string& directory) {
  return path.starts_with(directory == "/" ? directory : directory + '/');
}

/// Collects contradictions; each names the key to change first.
class checker {
 public:
  checker(const config& settings, std::vector<std::string>& errors)
    : c_(settings), errors_(errors) {}

  void demand(bool holds, std::string_view key, std::string_view text) {
    if (!holds)
      errors_.push_back(fmt::format("{}: {}: {}", place_of(key, text), key, text));
  }

  /// The place of the key, or of another key that the text names: a key with its default
  /// value contradicts one that was set.
  std::string place_of(std::string_view key, std::string_view text) const {
    auto place = c_.where(key);
    if (place != c_.file)
      return place;
    for (const auto& [path, where] : c_.places)
      if (path.find('.') != path.npos && text.find(path) != text.npos)
        return where;
    return place;
  }

  void listeners() {
    const auto& ingest = c_.ingest.listen;
    const auto& operations = c_.operations.listen;
    const auto any = [](const listen_address& a) {
      return a.host == "0.0.0.0" || a.host == "::";
    };
    const bool same_host =
      ingest.host == operations.host || any(ingest) || any(operations);
    // Port 0 takes a free port, which is never the other's.
    demand(ingest.port == 0 || ingest.port != operations.port || !same_host,
           "operations.listen",
           fmt::format("{} is taken by ingest.listen: choose another port",
                       to_string(operations)));
    if (operations.loopback())
      return;
    demand(c_.operations.allow_remote, "operations.listen",
           fmt::format(
             "{} is not loopback: set operations.allow_remote: true if others may see "
             "this node's metrics and tree",
             to_string(operations)));
    demand(!c_.operations.token_sha256.empty(), "operations.listen",
           fmt::format("{} is not loopback: operations.token_sha256 is required",
                       to_string(operations)));
  }

  void security() {
    const auto& tls = c_.ingest.tls;
    demand(tls.certificate.empty() || !tls.key.empty(), "ingest.tls.certificate",
           "needs ingest.tls.key");
    demand(tls.key.empty() || !tls.certificate.empty(), "ingest.tls.key",
           "needs ingest.tls.certificate");
    std::set<std::string_view> names, digests;
    for (size_t i = 0; i < c_.ingest.api_keys.size(); ++i)
      one_api_key(c_.ingest.api_keys[i], fmt::format("ingest.api_keys.{}", i), names,
                  digests);
  }

  void tls_files() {
    if (const auto why = problem_of_ingest_tls(c_))
      errors_.push_back(fmt::format("{}: {}", c_.where("ingest.tls"), *why));
    if (const auto why = problem_of_cluster_tls(c_))
      errors_.push_back(fmt::format("{}: {}", c_.where("cluster.tls"), *why));
  }

  void batches() {
    const auto& in = c_.ingest;
    demand(in.coalesce_bytes <= in.batch_bytes, "ingest.coalesce_bytes",
           fmt::format("{} is above ingest.batch_bytes, {}",
                       format_bytes(in.coalesce_bytes), format_bytes(in.batch_bytes)));
    demand(in.batches_in_flight >= in.threads, "ingest.batches_in_flight",
           fmt::format("{} is below ingest.threads, {}: each thread needs one",
                       in.batches_in_flight, in.threads));
    demand(in.request_window <= in.batches_in_flight, "ingest.request_window",
           fmt::format("{} is above ingest.batches_in_flight, {}", in.request_window,
                       in.batches_in_flight));
    // An admitted batch must never find a stage's queue full.
    demand(
      c_.pipeline.queue_batches >= in.batches_in_flight, "pipeline.queue",
      fmt::format("{} is below ingest.batches_in_flight, {}: admitted batches must fit",
                  c_.pipeline.queue_batches, in.batches_in_flight));
    demand(in.shed.low <= in.shed.normal, "ingest.shed.low",
           "is above ingest.shed.normal");
    demand(c_.supervision.backoff_initial <= c_.supervision.backoff_max,
           "supervision.backoff.initial", "is above supervision.backoff.max");
    demand(c_.supervision.worker_backoff_initial <= c_.supervision.worker_backoff_max,
           "supervision.workers.backoff_initial",
           "is above supervision.workers.backoff_max");
    demand(in.client_burst_records == 0 || in.client_records_per_second > 0,
           "ingest.client_burst", "has no effect without ingest.client_rate");
  }

  void journal() {
    const auto& j = c_.journal;
    demand(
      j.segment_bytes <= j.bytes_max / 4, "journal.segment_bytes",
      fmt::format("{} is above a quarter of journal.bytes_max, {}: a segment can only be "
                  "freed when others take over",
                  format_bytes(j.segment_bytes), format_bytes(j.bytes_max)));
    // Text and CSV grow when they become JSON; four times is the planning factor
    // everywhere.
    demand(c_.ingest.batch_bytes <= j.segment_bytes / 4, "ingest.batch_bytes",
           fmt::format(
             "{} is above a quarter of journal.segment_bytes, {}: a batch must fit in "
             "one segment",
             format_bytes(c_.ingest.batch_bytes), format_bytes(j.segment_bytes)));
    // A line of text becomes {"message":"…"}. If escapes or long column names make a
    // batch too large, the answer says so (docs/http.md).
    const auto records =
      std::min<uint64_t>(c_.ingest.batch_records, c_.ingest.batch_bytes / 2);
    const auto grown = c_.ingest.batch_bytes + 18 * records;
    demand(grown <= frame_bytes_max, "ingest.batch_bytes",
           fmt::format("{} and ingest.batch_records, {}, may come to {} (with 18B for "
                       "each record), and the journal takes {} at once: "
                       "lower one of them",
                       format_bytes(c_.ingest.batch_bytes), c_.ingest.batch_records,
                       format_bytes(grown), format_bytes(frame_bytes_max)));
    const auto& kind = kind_of(c_.sink);
    if (kind.check)
      kind.check(c_.sink, [&](std::string_view key, const std::string& what) {
        demand(false, "sink." + std::string{key}, what);
      });
    paths();
  }

  /// Two stores in one place would spoil each other's files; the journal's directory is
  /// read whole at start, so nothing else may be in it.
  void paths() {
    const auto journal = whole_path(c_.journal.directory);
    const auto sink = kind_of(c_.sink).is_server() ? "" : whole_path(c_.sink.path);
    const auto letters = whole_path(c_.dead_letters.path);
    demand(sink != journal, "sink.path", "is also the journal's directory");
    demand(sink == journal || !is_inside(sink, journal), "sink.path",
           "is inside the journal's directory");
    demand(letters != sink && letters != journal, "dead_letters.path",
           "is also the path of the sink or the journal");
    demand(letters == journal || !is_inside(letters, journal), "dead_letters.path",
           "is inside the journal's directory");
  }

  void memory() {
    const auto& in = c_.ingest;
    uint64_t aside = 0;
    for (const auto& share : memory_plan(c_))
      aside += share.name == "bodies" ? 0 : share.bytes;
    const auto charged = make_ingest_config(c_);
    const auto parts = most_parts_room(c_);
    const auto one = batch_charge(charged) + parts + reader_bytes;
    // Each of these must fit, or a request that needs it would never be admitted.
    const auto least = std::max<uint64_t>(
      {in.batch_bytes * body_copies * std::max(in.threads, in.request_window),
       2 * (batch_charge(charged) + parts), one + inflater_bytes_max(in.zstd_window_max),
       budget_charge(charged, 0, std::min<uint64_t>(in.batch_records, in.batch_bytes / 2))
         + reader_bytes});
    demand(in.budget_bytes >= least, "memory.ceiling",
           fmt::format(
             "{} leaves {} for bodies, but {} are needed (the largest of "
             "ingest.batch_bytes × {} × the larger of ingest.threads and "
             "ingest.request_window; ingest.batch_records × 384B; "
             "ingest.zstd_window_max beside one batch; and two batches with what the "
             "step `split` makes of them): raise the ceiling, or lower "
             "ingest.connections_max, ingest.head_bytes_max, ingest.clients_max, "
             "pipeline.validate.workers, pipeline.transform.workers, "
             "journal.keys_max, journal.group_bytes, "
             "sink.bytes_per_transaction, the largest record_bytes_max, or a "
             "`split`'s bytes_max",
             format_bytes(c_.memory_ceiling), format_bytes(in.budget_bytes),
             format_bytes(least), body_copies));
    demand(
      aside + in.budget_bytes <= c_.memory_ceiling || in.budget_bytes < least,
      "ingest.budget_bytes",
      fmt::format("{} does not fit under memory.ceiling, {}, of which {} are set aside",
                  format_bytes(in.budget_bytes), format_bytes(c_.memory_ceiling),
                  format_bytes(aside)));
  }

  void cluster() {
    const auto& c = c_.cluster;
    if (!c.enabled()) {
      // Whoever has set one of these expects a cluster.
      for (const auto* key : {"cluster.listen", "cluster.seeds", "cluster.advertise"})
        demand(!c_.places.contains(key), key, "has no effect without cluster.roles");
      return;
    }
    for (const auto& role : c.roles)
      demand(role == "gateway" || role == "worker" || role == "persister",
             "cluster.roles",
             fmt::format("{} is no role: expected gateway, worker or persister",
                         in_quotes(role)));
    const bool tls = !c.ca.empty() || !c.certificate.empty() || !c.key.empty();
    demand(!tls || (!c.ca.empty() && !c.certificate.empty() && !c.key.empty()),
           "cluster.tls", "needs all of ca, certificate and key");
    demand(
      tls || c.listen.loopback(), "cluster.listen",
      fmt::format("{} is not loopback: cluster.tls is required (weir certs init, weir "
                  "certs issue {})",
                  to_string(c.listen), c_.node_name));
    const bool any_address = c.listen.host == "0.0.0.0" || c.listen.host == "::";
    demand(!any_address || !c.advertise.empty(), "cluster.advertise",
           fmt::format("is required when cluster.listen is {}: others need an address to "
                       "reach this node at",
                       to_string(c.listen)));
    demand(c.advertise.empty() || is_host_port(c.advertise), "cluster.advertise",
           fmt::format("{}: expected host:port", in_quotes(c.advertise)));
    for (const auto& seed : c.seeds)
      demand(is_host_port(seed), "cluster.seeds",
             fmt::format("{}: expected host:port", in_quotes(seed)));
    demand(c.silence >= 3 * c.heartbeat, "cluster.silence",
           "is below three times cluster.heartbeat: one late heartbeat would count as a "
           "death");
    demand(c.window_bytes >= 4 * c_.ingest.batch_bytes, "cluster.window.bytes",
           fmt::format("{} is below four times ingest.batch_bytes, {}",
                       format_bytes(c.window_bytes),
                       format_bytes(c_.ingest.batch_bytes)));
    const auto parts = most_parts_room(c_);
    demand(
      2 * c.window_bytes >= c_.ingest.batch_bytes + parts, "cluster.window.bytes",
      fmt::format("{} is too little for what a batch may be split into: twice as much "
                  "must hold ingest.batch_bytes, {}, and {} of parts (transform.md, "
                  "`split`)",
                  format_bytes(c.window_bytes), format_bytes(c_.ingest.batch_bytes),
                  format_bytes(parts)));
  }

  void streams() {
    for (const auto& [name, stream] : c_.streams) {
      const auto& s = stream.settings;
      const auto key = fmt::format("streams.{}", name);
      demand(s.record_bytes_max <= c_.ingest.batch_bytes, key + ".record_bytes_max",
             fmt::format(
               "{} is above ingest.batch_bytes, {}: a record must fit in a batch",
               format_bytes(s.record_bytes_max), format_bytes(c_.ingest.batch_bytes)));
      demand(csv_delimiter_of(stream.csv_delimiter).has_value(), key + ".csv_delimiter",
             "is one character that is no letter, digit, quote or line end, or comma, "
             "semicolon, tab, pipe, colon, space");
      demand(s.burst_records == 0 || s.records_per_second > 0, key + ".burst",
             "has no effect without records_per_second");
      // Otherwise the wait alone could use up the time for the answer.
      demand(s.admission_wait < c_.ingest.request_timeout, key + ".admission_wait",
             "is not below ingest.request_timeout");
    }
  }

 private:
  void one_api_key(const api_key_entry& k, const std::string& key,
                   std::set<std::string_view>& names,
                   std::set<std::string_view>& digests) {
    demand(!k.name.empty(), key + ".name", "is required");
    demand(!k.sha256.empty(), key + ".sha256", "is required");
    // The name is a tenant: two keys of one name would share Idempotency-Keys.
    demand(k.name.empty() || names.insert(k.name).second, key + ".name",
           fmt::format("{} is used twice", in_quotes(k.name)));
    demand(k.sha256.empty() || digests.insert(k.sha256).second, key + ".sha256",
           "is the same secret as another key's");
    demand(k.burst_records == 0 || k.records_per_second > 0, key + ".burst",
           "has no effect without records_per_second");
    for (const auto& stream : k.streams)
      demand(c_.streams.contains(stream), key + ".streams",
             fmt::format("there is no stream {}", in_quotes(stream)));
  }

  const config& c_;
  std::vector<std::string>& errors_;
};

} // namespace

void check_config(const config& settings, std::vector<std::string>& errors) {
  checker check{settings, errors};
  check.listeners();
  check.security();
  check.tls_files();
  check.batches();
  check.journal();
  check.memory();
  check.cluster();
  check.streams();
}

} // namespace weir
