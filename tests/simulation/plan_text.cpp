// A plan as a person reads it.
#include "tests/simulation/plan.hpp"

#include <fmt/format.h>

namespace weir::simulation {

namespace {

std::string_view name_of(power_loss what) {
  switch (what) {
  case power_loss::process:
    return "keeps";
  case power_loss::rollback:
    return "loses";
  case power_loss::torn:
    return "tears";
  case power_loss::sectors:
    return "scatters";
  }
  return "?";
}

std::string describe_disk(const step& s) {
  const auto lasts = s.lasts.count() / 1000;
  switch (s.disk) {
  case disk_fault::failed_sync:
    return fmt::format("disk: sync {} from now fails", s.count);
  case disk_fault::failed_write:
    return fmt::format("disk: write {} from now fails half-way", s.count);
  case disk_fault::failed_directory_sync:
    return fmt::format("disk: directory sync {} from now fails", s.count);
  case disk_fault::failed_create:
    return fmt::format("disk: create {} from now fails", s.count);
  case disk_fault::full:
    return fmt::format("disk: full for {} ms", lasts);
  case disk_fault::no_space:
    return fmt::format("disk: writes find no space for {} ms", lasts);
  case disk_fault::dead:
    return fmt::format("disk: dead for {} ms", lasts);
  case disk_fault::slow:
    return fmt::format("disk: a sync takes {} ms for {} ms", s.takes.count() / 1000,
                       lasts);
  case disk_fault::last_gasp:
    return fmt::format("disk: change {} from now is the last, then power goes and {} "
                       "what was not synced",
                       s.count, name_of(s.loses));
  }
  return "?";
}

std::string describe_store(std::string_view store, const step& s) {
  switch (s.store) {
  case store_fault::away:
    return fmt::format("{}: away for {} ms", store, s.lasts.count() / 1000);
  case store_fault::slow:
    return fmt::format("{}: a commit takes {} ms for {} ms", store,
                       s.takes.count() / 1000, s.lasts.count() / 1000);
  case store_fault::doubtful:
    return fmt::format("{}: the next commit is done, but answered with a failure", store);
  }
  return "?";
}

std::string describe_request(const request_plan& r) {
  std::string records;
  for (const auto kind : r.records)
    records += "grdch"[static_cast<size_t>(kind)];
  auto text = fmt::format(
    "request {} to {}: {} ({}){}, ack {}", r.number, r.checked ? "checked" : "plain",
    records, r.as_array ? "json" : "ndjson",
    r.padding > 0 ? fmt::format(" + {} bytes each", r.padding) : "", to_string(r.ack));
  if (r.keyed)
    text += fmt::format(", key {}", r.key_of != 0 ? r.key_of : r.number);
  if (r.grows_from > 0)
    text += fmt::format(", first only {} records", r.grows_from);
  if (r.repeats > 0)
    text += fmt::format(", repeated {} times", r.repeats);
  if (r.pieces > 1)
    text +=
      fmt::format(", {} pieces, {} ms apart", r.pieces, r.between_pieces.count() / 1000);
  if (r.leaves_after.count() >= 0)
    text += fmt::format(", hangs up after {} µs", r.leaves_after.count());
  return text;
}

} // namespace

std::string describe(const step& s, const plan& of) {
  const auto named = [&](size_t node) {
    return node < of.nodes.size() ? of.nodes[node].name : std::string{};
  };
  const auto from = s.other == s.node ? "all" : named(s.other);
  const auto text = [&]() -> std::string {
    switch (s.what) {
    case deed::send:
      return describe_request(s.request);
    case deed::crash:
      return "crash " + s.path + (s.second_path.empty() ? "" : " and " + s.second_path);
    case deed::kill:
      return s.loses == power_loss::process
               ? "kill -9"
               : fmt::format("power goes and {} what was not synced", name_of(s.loses));
    case deed::terminate:
      return "SIGTERM";
    case deed::disk:
      return describe_disk(s);
    case deed::sink:
      return describe_store("sink", s);
    case deed::letters:
      return describe_store("dead letters", s);
    case deed::wall:
      return fmt::format("the clock is set by {} h", s.shift.count() / 3'600'000'000);
    case deed::reload:
      return "SIGHUP: other rules";
    case deed::pause:
      return fmt::format("stands still for {} ms", s.lasts.count() / 1000);
    case deed::lose_link:
      return "loses its link to " + from;
    case deed::cut_off:
      return fmt::format("is cut off from {} for {} ms", from, s.lasts.count() / 1000);
    case deed::wipe:
      return fmt::format("is lost with its disk, and new after {} ms",
                         s.lasts.count() / 1000);
    case deed::settle:
      return "settle and check";
    }
    return "?";
  }();
  const bool of_node = of.clustered() && s.what != deed::send && s.what != deed::settle
                       && s.what != deed::sink && s.what != deed::wall;
  return fmt::format("{:+11.6f}  {}{}", static_cast<double>(s.gap.count()) * 1e-6,
                     of_node ? named(s.node) + ": " : "", text);
}

std::string describe(const plan& p) {
  static constexpr const char* orders[] = {"fair", "random", "unfair"};
  auto text = fmt::format(
    "seed {}: order {}, {} workers, {} I/O threads, batches of {} bytes or {} records, "
    "{}coalesced to {} bytes, fused to {}, {} segments, commits of {} bytes, queues of "
    "{}, "
    "{} rows a "
    "transaction, budget {}, work deadline {} ms, request timeout {} s, sync {} µs\n",
    p.seed, orders[static_cast<size_t>(p.order)], p.workers, p.io_threads, p.batch_bytes,
    p.batch_records, p.recut ? "other cuts in each life, " : "", p.coalesce_bytes,
    p.fuse_bytes, p.segments_max, p.group_bytes, p.queue_batches, p.rows_per_transaction,
    p.budget_bytes, p.work_deadline.count() / 1000, p.request_timeout.count() / 1'000'000,
    p.disk_latency.count());
  if (p.clustered())
    text +=
      fmt::format("links of {} to {} µs, a hiccup of {} ms, windows of {} batches or "
                  "{} bytes\n",
                  p.delay_min.count(), p.delay_max.count(), p.hiccup.count() / 1000,
                  p.window.batches, p.window.bytes);
  for (const auto& who : p.nodes)
    text += fmt::format("{}: {}\n", who.name, to_string(who.roles));
  for (const auto& s : p.steps)
    text += describe(s, p) + '\n';
  return text;
}

} // namespace weir::simulation
