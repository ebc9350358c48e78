#include "tests/simulation/world.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace weir::simulation {

namespace {

constexpr auto settling_max = std::chrono::minutes{10};
/// Longer than any backoff in the tree: what is still to come comes within it.
constexpr auto rest_checked_after = std::chrono::seconds{12};
constexpr auto rest_of_cluster = std::chrono::seconds{3}; ///< its heartbeats never rest
constexpr uint32_t tries_max = 3;                         ///< pipeline.tries_max
constexpr uint64_t steps_max = 3'000'000;                 ///< more is a busy loop

constexpr uint32_t probe_number = 9'999; ///< no plan has as many

/// What a client asks when everything is over.
request_plan probe() {
  request_plan one;
  one.number = probe_number;
  one.keyed = true; // so that it may be asked again
  one.records = {record_kind::good};
  one.tries_max = 1'000; // hanging records may keep the workers for a while
  return one;
}

uint64_t scatter(uint64_t x) noexcept {
  x = (x ^ (x >> 31)) * 0x9e3779b97f4a7c15ULL;
  return x ^ (x >> 29);
}

} // namespace

world::world(const plan& what, fibers& threads, bool printed)
  : plan_(what), threads_(threads), log_(printed), dice_(what.seed ^ 0x5eed),
    book_(what) {
  if (plan_.clustered())
    net_ = std::make_unique<network>(plan_, events_, log_);
  sink_.shared = plan_.clustered();
  const world_parts parts{
    plan_,   threads_,   clock_,
    events_, log_,       book_,
    sink_,   net_.get(), [this](const ingest& gone) { hung_up(gone); }};
  for (size_t i = 0; i < std::max<size_t>(plan_.nodes.size(), 1); ++i)
    nodes_.push_back(std::make_unique<node>(parts, i));
}

outcome world::run() {
  for (auto& one : nodes_)
    one->start();
  schedule_deed();
  threads_.run([this] { return step(); });
  uint64_t lives = 0;
  for (const auto& one : nodes_)
    lives += one->lives();
  return {violation_, log_.hash(), steps_, lives,
          std::chrono::duration_cast<duration>(clock_.now() - beginning)};
}

// -- who goes on ------------------------------------------------------------------------

fibers::verdict world::step() {
  using kind = fibers::verdict::kind;
  ++steps_;
  if (auto* gone = dying_node())
    return gone->bury(ending_);
  if (ending_)
    return {kind::stop};
  if (steps_ > steps_max) {
    fail("no rest: the node is busy without an end; " + unrest());
    return {kind::again};
  }
  for (const auto& complaint :
       {book_.complaint(), net_ ? net_->complaint() : std::string{}})
    if (!complaint.empty()) {
      fail(complaint);
      return {kind::again};
    }
  for (auto& one : nodes_)
    if (auto wrong = one->watch(); !wrong.empty())
      fail(std::move(wrong));
  if (dying_node())
    return {kind::again};
  if (plan_.order != ordering::fair && dice_.one_in(16))
    drift();
  if (any_alive() && dice_.one_in(2))
    if (const auto who = woken())
      return {kind::wake, *who};
  if (somebody_goes_on())
    return {kind::again};
  if (const auto who = woken())
    return {kind::wake, *who};
  if (settling_)
    look_for_rest();
  if (!ending_ && !dying_node())
    move_time();
  return {kind::again};
}

node* world::dying_node() {
  for (auto& one : nodes_)
    if (one->dying())
      return one.get();
  return nullptr;
}

bool world::any_alive() const {
  return std::any_of(nodes_.begin(), nodes_.end(),
                     [](const auto& one) { return one->alive() != nullptr; });
}

std::optional<fibers::ticket> world::woken() const {
  for (const auto& one : nodes_)
    if (auto* const here = one->running())
      if (const auto who = here->own_life().ready())
        return who;
  return std::nullopt;
}

bool world::somebody_goes_on() {
  struct share {
    node* where;
    size_t jobs, io, events;
    size_t all() const { return (jobs > 0 ? 2 : 0) + io + events; }
  };
  std::vector<share> shares;
  const size_t common = events_.due() ? 1 : 0;
  size_t total = common;
  for (auto& one : nodes_)
    if (auto* const here = one->running()) {
      shares.push_back({one.get(), here->scheduler().jobs.size(), here->front().ready(),
                        one->own_events().due() ? size_t{1} : 0});
      total += shares.back().all();
    }
  if (total == 0)
    return false;
  auto which = dice_.below(total);
  if (which < common) {
    events_.run_first();
    return true;
  }
  which -= common;
  auto at = shares.begin();
  for (; which >= at->all(); ++at)
    which -= at->all();
  auto& here = *at->where->running();
  if (which < at->events) {
    at->where->own_events().run_first();
  } else if (which < at->events + at->io) {
    log_.note_quietly(1, which);
    here.front().run(which - at->events);
  } else {
    here.run_job(choose_job(here, at->jobs));
  }
  return true;
}

size_t world::choose_job(const process& of, size_t jobs) {
  size_t n = 0;
  if (plan_.order != ordering::fair)
    n = dice_.below(jobs);
  if (plan_.order == ordering::unfair) {
    if (dice_.one_in(100))
      mood_ = dice_.word();
    for (size_t tries = 0; tries < jobs; ++tries, n = (n + 1) % jobs)
      if (scatter(of.actor_of(n) ^ mood_) % 4 != 0)
        break;
  }
  log_.note_quietly(2, of.actor_of(n));
  return n;
}

/// Time goes on a little although somebody could run.
void world::drift() {
  clock_.advance_to(clock_.now() + duration{static_cast<int64_t>(dice_.below(300))});
  follow_clock();
}

void world::follow_clock() {
  log_.move_time(clock_.now());
  for (auto& one : nodes_)
    if (auto* const here = one->running())
      here->follow_clock();
}

void world::move_time() {
  auto next = events_.next();
  const auto consider = [&](std::optional<time_point> t) {
    if (t)
      next = next ? std::min(*next, *t) : *t;
  };
  for (auto& one : nodes_)
    if (auto* const here = one->running()) {
      consider(one->own_events().next());
      consider(here->own_life().next());
      const auto& timers = here->scheduler().clock().schedule();
      if (!timers.empty())
        consider(timers.begin()->first);
    }
  if (!next)
    return fail("no rest: nothing will ever happen again; " + unrest());
  clock_.advance_to(std::max(clock_.now(), *next));
  follow_clock();
}

// -- what the plan says -----------------------------------------------------------------

void world::schedule_deed() {
  if (deed_ < plan_.steps.size())
    return events_.in(plan_.steps[deed_].gap, [this] { next_deed(); });
  events_.in(duration{0}, [this] { settle(); });
}

void world::next_deed() {
  const auto& what = plan_.steps[deed_++];
  perform(what);
  if (!settling_)
    schedule_deed();
}

void world::settle() {
  mend();
  settling_ = true;
  settling_since_ = clock_.now();
}

void world::perform(const simulation::step& what) {
  if (what.what != deed::send)
    log_.note("{}", std::string_view{describe(what, plan_)}.substr(13));
  auto& whom = *nodes_[what.node];
  switch (what.what) {
  case deed::send:
    return send(what.request);
  case deed::crash:
    if (auto* const here = whom.alive()) {
      here->crash(what.path);
      if (!what.second_path.empty())
        here->crash(what.second_path);
    }
    return;
  case deed::kill:
    return whom.kill(what.loses, std::max(what.lasts, duration{100'000}));
  case deed::terminate:
    return whom.terminate();
  case deed::disk:
    return whom.trouble_disk(what);
  case deed::sink:
    return trouble_store(sink_.mood, what);
  case deed::letters:
    return trouble_store(whom.letters().mood, what);
  case deed::wall:
    return clock_.set_wall(what.shift);
  case deed::reload:
    if (auto* const here = whom.alive())
      here->reload();
    return;
  case deed::pause:
    return whom.stand_still(what.lasts);
  case deed::lose_link:
    return net_->lose_link(what.node, what.other);
  case deed::cut_off:
    return cut_off(what);
  case deed::wipe:
    return whom.wipe(what.lasts);
  case deed::settle:
    return settle();
  }
}

void world::send(const request_plan& request) {
  clients_.push_back(std::make_shared<client>(
    request, [this] { return a_listener(); }, events_, log_, book_, sink_,
    plan_.seed ^ (uint64_t{request.number} << 32)));
  clients_.back()->start();
}

/// One that takes connections; null: none does.
ingest* world::a_listener() {
  std::vector<ingest*> all;
  for (size_t i = 0; i < nodes_.size(); ++i)
    if (auto* const here = nodes_[i]->running();
        here && (!plan_.clustered() || plan_.nodes[i].roles.gateway))
      all.push_back(&here->front());
  return all.empty() ? nullptr : all.size() == 1 ? all[0] : all[dice_.below(all.size())];
}

void world::cut_off(const simulation::step& what) {
  for (size_t i = 0; i < nodes_.size(); ++i)
    if (what.other == what.node || what.other == i) {
      net_->cut_off(what.node, i);
      events_.in(what.lasts, [this, node = what.node, i] { net_->join_again(node, i); });
    }
}

void world::trouble_store(store_mood& mood, const simulation::step& what) {
  switch (what.store) {
  case store_fault::away:
    mood.away = true;
    return events_.in(what.lasts, [&mood] { mood.away = false; });
  case store_fault::slow:
    mood.slow = what.takes;
    return events_.in(what.lasts, [&mood] { mood.slow = duration{0}; });
  case store_fault::doubtful:
    mood.doubtful = true;
    return;
  }
}

void world::mend() {
  sink_.mood = {};
  for (size_t i = 0; i < nodes_.size(); ++i) {
    nodes_[i]->mend();
    for (size_t j = 0; j < i; ++j)
      net_->join_again(i, j);
  }
}

void world::hung_up(const ingest& gone) {
  for (const auto& one : clients_)
    one->disconnected(gone);
}

// -- rest -------------------------------------------------------------------------------

bool world::at_rest() {
  return std::all_of(nodes_.begin(), nodes_.end(),
                     [](const auto& one) { return one->at_rest(); })
         && (!net_ || net_->whole())
         && std::all_of(clients_.begin(), clients_.end(),
                        [](const auto& one) { return one->done(); })
         && (net_ || book_.letters_complete(nodes_[0]->letters()));
}

/// Checks the nodes that should be through with everything.
std::string world::check_accounts() {
  for (auto& one : nodes_)
    if (auto* const here = one->running(); here && here->ready() && here->front().idle())
      if (auto wrong = here->check_accounts(); !wrong.empty())
        return wrong;
  return {};
}

std::string world::check_all() {
  // Each persister has dead letters of its own, and may have those of a batch that another
  // has too: of a cluster's, nothing is promised yet.
  auto wrong = book_.check(sink_, net_ ? letter_contents{} : nodes_[0]->letters());
  return wrong.empty() ? book_.check_tries(tries_max) : wrong;
}

void world::look_for_rest() {
  const auto waited = clock_.now() - settling_since_;
  const bool rests = at_rest();
  if (!rests && waited < settling_max)
    return rest_since_.reset();
  if (!rests)
    if (auto wrong = check_accounts(); !wrong.empty())
      return fail(std::move(wrong));
  // What is still to come comes within the longest backoff.
  if (!rest_since_)
    rest_since_ = clock_.now();
  if (rests
      && clock_.now() - *rest_since_ < (net_ ? rest_of_cluster : rest_checked_after))
    return;
  auto wrong = check_all();
  if (!rests && wrong.empty())
    wrong = "I4: no rest; " + unrest();
  if (!wrong.empty())
    return fail(std::move(wrong));
  rest_since_.reset();
  log_.note("at rest: {} records in the sink", sink_.rows.size());
  settling_ = false;
  if (deed_ < plan_.steps.size())
    return schedule_deed();
  if (!std::exchange(probed_, true)) {
    send(probe());
    return settle();
  }
  if (!book_.has_verdict(probe_number))
    return fail("I4: all is mended and at rest, and the next request is not served");
  ending_ = true;
  for (auto& one : nodes_)
    one->end();
}

std::string world::unrest() const {
  std::string text;
  for (const auto& one : nodes_)
    text += one->unrest() + (nodes_.size() > 1 ? "; " : "");
  if (net_ && !net_->whole())
    text += "; links are down";
  for (const auto& one : clients_)
    if (!one->done())
      text += fmt::format("; request {} is not done", one->number());
  return text;
}

void world::fail(std::string why) {
  if (violation_.empty())
    violation_ = std::move(why);
  log_.note("VIOLATION {}", violation_);
  ending_ = true;
  for (auto& one : nodes_) {
    if (auto* const here = one->alive())
      hung_up(here->front());
    one->end();
  }
}

outcome simulate(const plan& what, fibers& threads, bool printed, bite mistake) {
  current_seeded_fault = mistake;
  auto end = world{what, threads, printed}.run();
  current_seeded_fault = bite::none;
  return end;
}

} // namespace weir::simulation
