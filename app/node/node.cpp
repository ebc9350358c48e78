#include "app/node/node.hpp"

#include "actors/exits.hpp"
#include "actors/link_ports.hpp"
#include "actors/links.hpp"
#include "actors/pipeline.hpp"
#include "actors/roles.hpp"
#include "actors/supervision/supervisor.hpp"
#include "app/config/catalog_loader.hpp"
#include "app/config/config_reference.hpp"
#include "app/config/module_configs.hpp"
#include "app/logging/logging.hpp"
#include "app/logging/version.hpp"
#include "app/node/data_lock.hpp"
#include "app/node/exit_watch.hpp"
#include "app/node/free_memory.hpp"
#include "app/node/metrics.hpp"
#include "app/node/process.hpp"
#include "app/node/signals.hpp"
#include "app/node/tree.hpp"
#include "base/exit_code.hpp"
#include "http/ingest/ingest_server.hpp"
#include "http/operations/operations.hpp"
#include "proto/messages.hpp"
#include "proto/role_names.hpp"
#include "storage/dead_letters.hpp"
#include "storage/journal/segment.hpp"
#include "storage/open_sink.hpp"

#include <caf/actor_cast.hpp>
#include <caf/actor_system.hpp>
#include <caf/actor_system_config.hpp>
#include <caf/event_based_actor.hpp>
#include <caf/send.hpp>

#include <fmt/format.h>

#include <atomic>
#include <mutex>
#include <random>

namespace weir {

namespace {

struct system_config : caf::actor_system_config {
  system_config() {
    register_protocol(*this);
    // `sharing` costs nothing when idle and hands over in 13 µs; `stealing` polls.
    set("scheduler.policy", caf::atom("sharing"));
    // Stages, links, supervisors: microseconds each, which a second thread would be woken to share.
    set("scheduler.max-threads", size_t{1});
    set("scheduler.max-throughput", size_t{50});
    set("logger.verbosity", caf::atom("quiet"));
  }
};

/// How long to wait for what is left once all is answered and stored, or given up: threads to join.
constexpr std::chrono::seconds exit_patience{1};

class node {
 public:
  explicit node(const run_options& options)
    : options_(options), settings_(options.settings), roles_(clock_, health_),
      flow_(roles_,
            settings_.cluster.enabled() ? role_name::to_worker : role_name::validate),
      streams_(nullptr), board_(settings_.node_name),
      link_events_(make_link_events(roles_)) {}

  int run();

 private:
  result<void> start();
  result<void> look_at_files();
  result<void> look_at_sink();
  result<void> start_network();
  result<void> start_ingest();
  result<void> start_listeners();
  tree_parts parts();
  uint64_t in_flight();
  std::shared_ptr<const tree_context> context();
  operations_context operations_view();
  result<void> crash(std::string_view id);
  void reload();
  result<void> try_reload();
  int not_started(const fault& why);
  void serve();
  bool drain();
  void hear_while_draining(int signal);
  void tell_state();
  void tell_ready();
  int end(bool clean, int code);
  void fatal(const std::string& reason);
  std::string why_fatal();

  const run_options& options_;
  config settings_;
  signal_watch signals_;
  std::optional<std::chrono::steady_clock::time_point>
    stop_asked_;                  ///< first, by a signal
  bool reload_refused_ = false;   ///< said once in a drain
  std::optional<readiness> told_; ///< what the log was told last
  bool was_ready_ = false;
  std::optional<exit_watch> ending_; ///< outlives all that may not end
  system_clock_source clock_;
  telemetry metrics_;
  std::optional<node_metrics> counts_; ///< set by run()
  node_health health_;
  role_table roles_;
  pipeline flow_;
  catalog_holder streams_;
  std::optional<data_lock> lock_;
  cluster_board board_;
  std::unique_ptr<network_events> link_events_;
  system_config caf_config_;
  std::optional<cluster_parts> cluster_;
  std::optional<tree_parts> parts_;
  std::optional<caf::actor_system> system_;
  std::unique_ptr<tunnel> network_;
  std::once_flag network_runs_;
  caf::actor root_;
  std::unique_ptr<ingest_server> ingest_;
  std::unique_ptr<operations_server> operations_;
  std::mutex fatal_lock_;
  std::string fatal_reason_;
  std::atomic<bool> fatal_{false};
};

tree_parts node::parts() {
  tree_parts made{settings_,           metrics_, health_, roles_, streams_, clock_,
                  posix_file_system(), flow_};
  made.stores = configured_stores(settings_, clock_);
  made.stop_accepting = [this] {
    if (ingest_)
      ingest_->stop_accepting();
  };
  made.in_flight = [this] { return in_flight(); };
  made.cluster = cluster_ ? &*cluster_ : nullptr;
  made.seed = std::random_device{}();
  return made;
}

/// What a drain waits for: requests without an answer, peers' batches without a receipt, and that
/// every peer knows of the drain.
uint64_t node::in_flight() {
  uint64_t count = ingest_ ? ingest_->in_flight() : 0;
  if (cluster_)
    count += board_.held + (board_.drain_announced ? 0 : 1);
  return count;
}

std::shared_ptr<const tree_context> node::context() {
  auto made = std::make_shared<tree_context>(metrics_);
  made->roles = &roles_;
  made->health = &health_;
  made->seed = std::random_device{}();
  made->hung_workers_max = settings_.pipeline.hung_workers_max;
  made->on_fatal = [this](std::string reason) { fatal(reason); };
  return made;
}

/// Any thread. Wakes the main thread, which drains unless it does already, and exits non-zero. The
/// first reason counts.
void node::fatal(const std::string& reason) {
  {
    const std::lock_guard guard{fatal_lock_};
    if (fatal_.exchange(true))
      return;
    fatal_reason_ = reason;
  }
  log_event(log_level::error, "failed", {{"reason", reason}});
  signals_.wake();
}

std::string node::why_fatal() {
  const std::lock_guard guard{fatal_lock_};
  return fatal_reason_;
}

result<void> node::start() {
  auto locked = data_lock::acquire(settings_);
  if (!locked)
    return tl::unexpected(locked.error());
  lock_.emplace(std::move(*locked));
  auto loaded = load_catalog(settings_);
  if (!loaded)
    return tl::unexpected(loaded.error());
  streams_.set(*loaded);
  if (auto known = look_at_files().and_then([&] { return look_at_sink(); }); !known)
    return known;
  system_.emplace(caf_config_);
  if (settings_.cluster.enabled())
    if (auto linked = start_network(); !linked)
      return linked;
  parts_.emplace(parts());
  // The listeners attach to the pipeline before there is one, and answer 503 until it is up.
  if (auto listening = start_listeners(); !listening)
    return listening;
  root_ = system_->spawn(supervisor, make_tree(*parts_), context(), std::string{});
  // Nobody supervises the root: without it nothing would come back.
  root_->attach_functor([this](const caf::error& reason) {
    if (is_abnormal(reason))
      fatal("root: " + reason_text(*system_, reason));
  });
  return {};
}

/// Files that a newer weir or another program has written are not ours to mend, cut or put aside.
result<void> node::look_at_files() {
  if (!settings_.roles().persister)
    return {};
  return look_at_journal(settings_.journal.directory, posix_file_system())
    .and_then([&] { return look_at_sink_files(settings_.sink); })
    .and_then([&] { return dead_letter_store::look(settings_.dead_letters); });
}

/// A server that is away is waited for; one whose tables are not ours is not.
result<void> node::look_at_sink() {
  const auto probe = kind_of(settings_.sink).probe;
  if (!probe)
    return {};
  const auto found = probe(settings_.sink, true);
  if (found) {
    log_event(log_level::info, "sink_found", {{"sink", *found}});
    return {};
  }
  if (found.error().code != ec::sink_unavailable)
    return tl::unexpected(found.error());
  log_event(log_level::warning, "sink_away",
            {{"reason", found.error().text}, {"now", "the journal keeps what comes"}});
  return {};
}

result<void> node::start_network() {
  auto config = make_tunnel_config(settings_);
  config.self.instance =
    (uint64_t{std::random_device{}()} << 32) | std::random_device{}();
  config.self.started_at_us = clock_.unix_us();
  auto network = tunnel::open(std::move(config), *link_events_);
  if (!network)
    return tl::unexpected(network.error());
  network_ = std::move(*network);
  const auto& self = network_->self();
  cluster_.emplace(
    cluster_parts{*network_, board_, make_link_origin(roles_), self, [this] {
                    std::call_once(network_runs_, [this] { network_->run(); });
                  }});
  flow_.attach(cluster_->origin);
  log_event(log_level::info, "cluster_listening",
            {{"node", self.name},
             {"roles", to_string(self.roles)},
             {"address", self.address},
             {"tls", !settings_.cluster.ca.empty()}});
  return {};
}

result<void> node::start_ingest() {
  auto limits = make_ingest_limits(settings_);
  if (!limits)
    return tl::unexpected(limits.error());
  auto ingest =
    ingest_server::start(make_ingest_config(settings_),
                         std::make_shared<const ingest_limits>(std::move(*limits)),
                         {flow_, streams_, metrics_, health_, clock_});
  if (!ingest)
    return tl::unexpected(ingest.error());
  ingest_ = std::move(*ingest);
  return {};
}

result<void> node::start_listeners() {
  if (settings_.roles().gateway)
    if (auto ingest = start_ingest(); !ingest)
      return ingest;
  auto operations =
    operations_server::start(make_operations_config(settings_), operations_view());
  if (!operations)
    return tl::unexpected(operations.error());
  operations_ = std::move(*operations);
  log_event(log_level::info, "listening",
            {{"ingest", ingest_ ? settings_.ingest.listen.host + ":"
                                    + std::to_string(ingest_->port())
                                : std::string{"none"}},
             {"operations", settings_.operations.listen.host + ":"
                              + std::to_string(operations_->port())},
             {"data_dir", settings_.data_dir}});
  return {};
}

operations_context node::operations_view() {
  operations_context view{metrics_, roles_, {}, {}, {}};
  // Opened for each request, because the store may not be there yet.
  const auto open = [from = settings_.dead_letters] {
    return dead_letter_store::open_if_there(from);
  };
  view.list_dead_letters =
    [open](const dead_letter_query& query) -> result<std::vector<dead_letter>> {
    auto store = open();
    if (!store)
      return tl::unexpected(store.error());
    return *store ? (*store)->list(query) : std::vector<dead_letter>{};
  };
  view.get_dead_letter = [open](uint64_t id) -> result<std::optional<dead_letter>> {
    auto store = open();
    if (!store)
      return tl::unexpected(store.error());
    return *store ? (*store)->get(id) : std::optional<dead_letter>{};
  };
  view.cluster = cluster_ ? &board_ : nullptr;
  if (ingest_)
    view.measure = [this] { ingest_->measure(); };
  if (settings_.fault_injection)
    view.crash_actor = [this](std::string_view id) { return crash(id); };
  return view;
}

result<void> node::crash(std::string_view id) {
  const auto victim = roles_.leftover(id);
  if (!victim)
    return fail(ec::malformed_request, "no actor has this id; see /actors");
  caf::anon_send(caf::actor_cast<caf::actor>(victim), crash_atom_v);
  return {};
}

/// Checks first, swaps last: an error leaves everything as it was.
result<void> node::try_reload() {
  auto next = load_config(options_.file, options_.overrides);
  if (!next)
    return tl::unexpected(next.error());
  auto limits = make_ingest_limits(*next);
  if (!limits)
    return tl::unexpected(limits.error());
  auto loaded = load_catalog(*next);
  if (!loaded)
    return tl::unexpected(loaded.error());
  // From here on nothing fails.
  streams_.set(with_retired(**loaded, *streams_.get()));
  if (ingest_)
    ingest_->swap_limits(std::make_shared<const ingest_limits>(std::move(*limits)));
  set_log_level(next->log.level);
  if (const auto left = keys_that_need_a_restart(settings_, *next); !left.empty())
    log_event(log_level::warning, "reload_needs_restart",
              {{"keys", fmt::format("{}", fmt::join(left, ", "))},
               {"now", "their old values stay until the node is started again"}});
  return {};
}

void node::reload() {
  if (const auto done = try_reload(); !done) {
    counts_->config_reload_failed = 1;
    log_event(log_level::error, "reload_refused",
              {{"reason", done.error().text}, {"now", "the old configuration stays"}});
    return;
  }
  counts_->config_reload_failed = 0;
  add(counts_->config_reloads);
  log_event(log_level::info, "reloaded", {{"file", options_.file}});
}

/// Serves until somebody asks to stop, or the node can't go on.
void node::serve() {
  while (!fatal_ && !stop_asked_) {
    tell_state();
    const int signal = signals_.wait();
    if (signal == SIGHUP)
      reload();
    else if (signal_watch::asks_to_stop(signal))
      stop_asked_ = std::chrono::steady_clock::now();
  }
}

void node::tell_ready() {
  const auto& at = settings_;
  const auto url = [](bool tls, listen_address where, uint16_t port) {
    where.port = port;
    return (tls ? "https://" : "http://") + to_string(where);
  };
  const bool tls = at.ingest.tls.enabled();
  log_event(log_level::info, "ready",
            {{"ingest", ingest_ ? url(tls, at.ingest.listen, ingest_->port()) : "none"},
             {"tls", ingest_ && tls},
             {"operations", url(false, at.operations.listen, operations_->port())},
             {"roles", to_string(at.roles())},
             {"data_dir", at.data_dir}});
}

/// Logs each change of what the node can do; the first time that it is ready, with its addresses.
void node::tell_state() {
  const auto now = health_.lasting();
  const bool ready = now.state == node_state::ready;
  const bool was = told_ && told_->state == node_state::ready;
  if (now.state == node_state::starting || now.state == node_state::draining
      || (told_ && (ready ? was : *told_ == now)))
    return;
  told_ = now;
  if (ready && !std::exchange(was_ready_, true))
    return tell_ready();
  const auto reasons = fmt::format("{}", fmt::join(now.reasons, "; "));
  if (ready)
    log_event(log_level::info, "ready_again");
  else
    log_event(log_level::info, was_ready_ ? "not_ready" : "not_ready_yet",
              {{"reasons", reasons}});
}

/// Only a second request to stop ends the process at once: a service manager may well ask for the
/// first time while a failure has the node drain already.
void node::hear_while_draining(int signal) {
  if (signal == SIGHUP && !std::exchange(reload_refused_, true))
    log_event(log_level::warning, "reload_ignored", {{"reason", "the node drains"}});
  if (!signal_watch::asks_to_stop(signal))
    return;
  const auto now = std::chrono::steady_clock::now();
  if (!stop_asked_)
    stop_asked_ = now;
  if (now - *stop_asked_ < one_request_to_stop)
    return;
  log_event(log_level::warning, "killed", {{"reason", "a second signal while draining"}});
  std::_Exit(fatal_ ? exit_failed : 130);
}

/// Drains front to back. False if something is left over at the deadline.
bool node::drain() {
  health_.set(condition::draining, true);
  const auto ended = std::make_shared<std::atomic<bool>>(false);
  const auto& done = *ended;
  root_->attach_functor([ended](const caf::error&) { *ended = true; });
  caf::anon_send(root_, drain_atom_v);
  const auto deadline = std::chrono::steady_clock::now() + settings_.shutdown_deadline
                        + std::chrono::seconds{1};
  while (!done && std::chrono::steady_clock::now() < deadline)
    hear_while_draining(signals_.wait(std::chrono::milliseconds{10}));
  if (!done)
    log_event(log_level::warning, "drain_incomplete",
              {{"reason",
                "shutdown.deadline passed; the journal keeps what is not in the sink"}});
  return done;
}

int node::not_started(const fault& why) {
  log_event(log_level::error, "start_failed", {{"reason", why.text}});
  const int code = why.code == ec::invalid_config ? exit_bad_config : exit_failed;
  ending_.emplace(signals_, exit_patience, code);
  if (ingest_)
    ingest_->stop();
  return code;
}

int node::run() {
  declare_metrics(metrics_, settings_.cluster.enabled() ? &board_ : nullptr);
  counts_.emplace(metrics_);
  health_.on_change([this] { signals_.wake(); });
  if (!settings_.roles().gateway)
    health_.has_no_clients();
  close_files_to_others();
  raise_descriptor_limit();
  tame_allocator();
  const free_memory giving_back{settings_.memory_ceiling};
  log_event(log_level::info, "starting",
            {{"version", version_text()}, {"config", options_.file}});
  if (const auto started = start(); !started)
    return not_started(started.error());
  serve();
  log_event(fatal_ ? log_level::error : log_level::info, "draining",
            {{"reason", fatal_ ? why_fatal() : "a signal"}});
  const bool clean = drain();
  return end(clean, fatal_ ? exit_failed : exit_ok);
}

/// Gives back what is left, without waiting for what takes its time.
int node::end(bool clean, int code) {
  ending_.emplace(signals_, exit_patience, code,
                  stop_asked_.value_or(std::chrono::steady_clock::time_point{})
                    + one_request_to_stop);
  if (ingest_)
    ingest_->stop();
  operations_.reset();
  if (clean)
    network_.reset();
  else
    (void)network_.release(); // what did not end may still use it, until the exit below
  root_ = nullptr;
  roles_.clear();
  log_event(log_level::info, "stopped", {{"failed", code != exit_ok}});
  // A worker that hangs never gives its thread back: waiting for it would hang the exit.
  if (!clean || code != exit_ok || supervision_metrics{metrics_}.workers_hung.load() > 0)
    std::_Exit(code);
  return code;
}

} // namespace

int run_node(const run_options& options) {
  return node{options}.run();
}

} // namespace weir
