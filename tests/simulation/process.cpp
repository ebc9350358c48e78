#include "tests/simulation/process.hpp"

#include "actors/exits.hpp"
#include "actors/link_ports.hpp"
#include "actors/supervision/supervisor.hpp"
#include "proto/messages.hpp"
#include "tests/simulation/workload.hpp"

#include <caf/actor_cast.hpp>
#include <caf/execution_unit.hpp>
#include <caf/scheduled_actor.hpp>
#include <caf/send.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <stdexcept>

namespace weir::simulation {

namespace {

using std::chrono::duration_cast;
using std::chrono::milliseconds;

constexpr uint64_t segment_bytes = uint64_t{64} << 10;
/// The one segment that carries the mark of a failed commit may be over the limit.
constexpr uint64_t over_limit_max = segment_bytes;

/// Where messages of the running actor put other actors: behind all that wait.
class one_at_a_time final : public caf::execution_unit {
 public:
  explicit one_at_a_time(caf::scheduler::test_coordinator& all)
    : execution_unit(&all.system()), all_(all) {}
  void exec_later(caf::resumable* job) override { all_.jobs.push_back(job); }

 private:
  caf::scheduler::test_coordinator& all_;
};

void join_cluster(config& c, const plan& shape, const node_plan& who) {
  c.node_name = who.name;
  const std::pair<bool, const char*> plays[] = {{who.roles.gateway, "gateway"},
                                                {who.roles.worker, "worker"},
                                                {who.roles.persister, "persister"}};
  for (const auto& [yes, role] : plays)
    if (yes)
      c.cluster.roles.emplace_back(role);
  c.cluster.window_batches = shape.window.batches;
  c.cluster.window_bytes = shape.window.bytes;
  c.sink.kind = "postgres"; // shared: a journal opens without it
}

config make_settings(const surroundings& with, chance& salts) {
  const auto& shape = with.world.shape;
  config c;
  if (with.world.net != nullptr)
    join_cluster(c, shape, shape.nodes[with.number]);
  c.pipeline.validate_workers = c.pipeline.transform_workers = shape.workers;
  c.pipeline.queue_batches = shape.queue_batches;
  c.pipeline.fuse_bytes = shape.fuse_bytes;
  c.ingest.batch_bytes = shape.batch_bytes;
  c.pipeline.work_deadline = duration_cast<milliseconds>(shape.work_deadline);
  c.ingest.batches_in_flight = shape.queue_batches;
  c.journal.directory = "journal";
  c.journal.segment_bytes = segment_bytes;
  c.journal.bytes_max = segment_bytes * shape.segments_max;
  c.journal.keys_max = c.journal.recent_keys_max = 4096;
  c.journal.draw_salt = [&salts] { return salts.word(); };
  c.journal.group_bytes = shape.group_bytes;
  c.sink.rows_per_transaction = shape.rows_per_transaction;
  return c;
}

ingest_config make_listener(const plan& shape, uint64_t life) {
  ingest_config c;
  c.request_timeout = duration_cast<milliseconds>(shape.request_timeout);
  c.batch_bytes = shape.batch_bytes;
  c.batch_records = batch_records_of(shape, life);
  c.coalesce_bytes = shape.coalesce_bytes;
  c.budget_bytes = shape.budget_bytes;
  c.batches_max = shape.queue_batches;
  return c;
}

/// None, one of two blocks, or one that holds all there is.
std::shared_ptr<journal_tail_cache> make_tail(uint64_t seed) {
  return journal_tail_cache::make(std::array{0u, 512u << 10, 8u << 20}[seed % 3]);
}

} // namespace

struct process::system_config : caf::actor_system_config {
  system_config() {
    register_protocol(*this);
    set("scheduler.policy", caf::atom("testing"));
    set("logger.verbosity", caf::atom("quiet"));
  }
};

process::process(const surroundings& with)
  : with_(with), life_(with.world.threads, with.world.clock),
    files_(with.hardware.disk, with.hardware.mood, life_, with.world.log),
    roles_(with.world.clock, health_),
    flow_(roles_, with.world.net != nullptr ? "to_worker" : "validate"),
    streams_(simulation_catalog(false)), caf_config_(std::make_unique<system_config>()),
    board_(with.world.net != nullptr ? with.world.shape.nodes[with.number].name
                                     : std::string{}),
    link_events_(make_link_events(roles_)), salts_(with.seed) {
  settings_ = make_settings(with, salts_);
  front_ = std::make_unique<ingest>(
    make_listener(with.world.shape, with.life),
    ingest_context{flow_, streams_, metrics_, health_, with.world.clock},
    with.front_events, with.seed + 1, with.world.shape.io_threads);
  system_.emplace(*caf_config_);
  scheduler_ = &dynamic_cast<caf::scheduler::test_coordinator&>(system_->scheduler());
  scheduler_->clock().current_time = with.world.clock.now();
  if (clustered())
    join_cluster();
  parts_.emplace(parts());
  root_ = system_->spawn(supervisor, make_tree(*parts_), context(), std::string{});
  root_->attach_functor([gone = root_gone_] { *gone = true; });
}

process::~process() {
  root_ = nullptr;
  roles_.clear();
  scheduler_->clock().cancel_all();
}

void process::join_cluster() {
  const auto& who = with_.world.shape.nodes[with_.number];
  const node_card card{who.name,  with_.seed,      with_.world.clock.unix_us(),
                       who.roles, who.name + ":1", false};
  cluster_.emplace(cluster_parts{with_.world.net->join(with_.number, card, *link_events_),
                                 board_, make_link_origin(roles_), card});
  flow_.attach(cluster_->origin);
}

tree_parts process::parts() {
  tree_parts made{settings_, metrics_,          health_, roles_,
                  streams_,  with_.world.clock, files_,  flow_};
  made.stores = {
    [this] {
      return open_simulated_sink(with_.world.sink, with_.hardware.journal, stores());
    },
    [this] { return open_simulated_letters(with_.hardware.letters, stores()); },
    [this] { return open_simulated_letters(with_.hardware.letters, stores()); }};
  made.stop_accepting = [this] {
    if (front_)
      front_->stop_accepting();
  };
  made.in_flight = [this] { // as app/node/node.cpp
    return (front_ ? front_->in_flight() : 0)
           + (cluster_ ? board_.held + (board_.drain_announced ? 0 : 1) : 0);
  };
  made.cluster = cluster_ ? &*cluster_ : nullptr;
  made.seed = with_.seed;
  made.tail = make_tail(with_.seed);
  made.validate = [this](const record_batch& batch, const catalog& streams,
                         work_scratch& scratch, std::atomic<uint32_t>& mark) {
    meet(stage_name::validate, batch, batch, mark);
    return weir::validate(batch, streams, scratch, mark);
  };
  made.transform = [this](const record_batch& batch, const catalog& streams,
                          work_scratch& scratch, std::atomic<uint32_t>& mark) {
    meet(stage_name::transform, batch, batch, mark);
    return weir::transform(batch, streams, scratch, mark);
  };
  made.validate_and_transform = [this](const record_batch& batch, const catalog& streams,
                                       work_scratch& scratch, std::atomic<uint32_t>& mark,
                                       const clock_source& clock) {
    meet(stage_name::validate, batch, batch, mark);
    std::atomic<uint32_t> nobodys{0};
    meet(stage_name::transform, *weir::validate(batch, streams, scratch, nobodys), batch,
         mark);
    return weir::validate_and_transform(batch, streams, scratch, mark, clock);
  };
  made.own_threads = false;
  return made;
}

std::shared_ptr<const tree_context> process::context() {
  auto made = std::make_shared<tree_context>(metrics_);
  made->roles = &roles_;
  made->health = &health_;
  made->seed = with_.seed;
  made->hung_workers_max = settings_.pipeline.hung_workers_max;
  made->on_fatal = [this](std::string why) {
    if (!fatal_.empty() || dying())
      return;
    with_.world.log.note("node: gives up: {}", why);
    fatal_ = std::move(why);
  };
  return made;
}

/// A poisonous record does to its worker what it is meant to. `batch` is what has come to the
/// stage of `whole`, which the worker was given.
void process::meet(stage_name stage, const record_batch& batch, const record_batch& whole,
                   std::atomic<uint32_t>& mark) {
  for (const auto& ref : batch.records) {
    const auto text = batch.text_of(ref);
    const auto met = mischief_in(text, stage);
    if (!met)
      continue;
    const auto found =
      std::find_if(whole.records.begin(), whole.records.end(), [&](const auto& r) {
        return r.part == ref.part && r.record == ref.record;
      });
    const auto i = static_cast<uint32_t>(found - whole.records.begin());
    const auto id = id_in(text);
    with_.world.book.worker_met(id, met->mark == 'm');
    with_.world.log.note("worker: meets record {}", id);
    if (met->mark == 'm')
      mark = i;
    else if (met->mark == 'w')
      mark = static_cast<uint32_t>((i + 1) % whole.records.size());
    if (met->what == 'c')
      throw std::runtime_error("poison");
    // Some come back late, some never do.
    life_.wait(id % 3 == 0 ? duration{std::chrono::hours{10}}
                           : with_.world.shape.work_deadline * 3);
  }
}

std::string process::state() const {
  std::string text;
  for (const auto& reason : health_.reasons())
    text += reason + "; ";
  for (const auto& actor : roles_.actors())
    if (actor.state != "running")
      text += actor.id + " is " + actor.state + " (" + actor.last_crash + "); ";
  return text;
}

uint64_t process::actor_of(size_t n) const {
  const auto* job = scheduler_->jobs[n];
  return job->subtype() == caf::resumable::scheduled_actor
           ? static_cast<const caf::scheduled_actor*>(job)->id()
           : 0;
}

void process::run_job(size_t n) {
  auto& jobs = scheduler_->jobs;
  auto* const job = jobs[n];
  jobs.erase(jobs.begin() + static_cast<std::ptrdiff_t>(n));
  one_at_a_time unit{*scheduler_};
  switch (job->resume(&unit, 1)) {
  case caf::resumable::resume_later:
    jobs.push_back(job);
    break;
  case caf::resumable::done:
  case caf::resumable::awaiting_message:
    caf::intrusive_ptr_release(job);
    break;
  case caf::resumable::shutdown_execution_unit:
    break;
  }
}

void process::follow_clock() {
  auto& own = scheduler_->clock();
  own.advance_time(with_.world.clock.now() - own.now());
}

void process::reload() {
  other_rules_ = !other_rules_;
  streams_.set(simulation_catalog(other_rules_));
}

void process::crash(const std::string& path) {
  if (const auto victim = roles_.leftover(path))
    caf::anon_send(caf::actor_cast<caf::actor>(victim), crash_atom_v);
}

void process::drain() {
  health_.set(condition::draining, true);
  caf::anon_send(root_, drain_atom_v);
}

void process::kill(bool farewell) {
  life_.end();
  if (clustered())
    with_.world.net->leave(with_.number, farewell);
  front_.reset();
  scheduler_->clock().cancel_all();
  weir::kill(caf::actor_cast<caf::strong_actor_ptr>(root_));
}

bool process::bury(std::optional<fibers::ticket>& wake) {
  wake = life_.ready();
  if (wake)
    return false;
  if (scheduler_->has_job()) {
    run_job(0);
    return false;
  }
  if (scheduler_->clock().has_pending_timeout()) {
    scheduler_->clock().cancel_all();
    return false;
  }
  if (const auto left = system_->registry().running(); left > 0)
    throw std::logic_error(fmt::format("{} actors outlive their process", left));
  return true;
}

std::string process::check_accounts() const {
  const auto& r = records_;
  const uint64_t known =
    r.accepted + r.duplicate + r.all_rejected() + r.dropped + r.failed;
  if (r.in_flight != 0 || r.received != known)
    return fmt::format("I16: received {}, accepted {} + duplicate {} + rejected {} + "
                       "dropped {} + failed {}, in flight {}",
                       r.received.load(), r.accepted.load(), r.duplicate.load(),
                       r.all_rejected(), r.dropped.load(), r.failed.load(),
                       r.in_flight.load());
  if (sink_.sequence != journal_.sequence)
    return fmt::format("I16: journal at {}, sink at {}", journal_.sequence.load(),
                       sink_.sequence.load());
  if (board_.held > 0)
    return fmt::format("I16: {} batches of peers are held that nobody waits for",
                       board_.held.load());
  if (front_ && front_->idle())
    if (const auto claimed = front_->claimed(); claimed.bytes > 0 || claimed.batches > 0)
      return fmt::format("I6: {} bytes and {} batches of the budget never came back",
                         claimed.bytes, claimed.batches);
  return {};
}

std::string process::check_bounds() const {
  const auto used = static_cast<uint64_t>(journal_.disk_bytes.load());
  if (used > settings_.journal.bytes_max + over_limit_max)
    return fmt::format("I6: the journal has {} bytes, its limit is {}", used,
                       settings_.journal.bytes_max);
  return {};
}

} // namespace weir::simulation
