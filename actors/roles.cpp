#include "actors/roles.hpp"

#include <caf/abstract_actor.hpp>
#include <caf/actor_cast.hpp>
#include <caf/send.hpp>

#include <algorithm>

namespace weir {

namespace {

constexpr size_t crash_bytes_max = 256;
constexpr size_t restarts_kept_max = 1024;

bool alive(const caf::strong_actor_ptr& actor) {
  return actor && !actor->get()->getf(caf::abstract_actor::is_terminated_flag);
}

void tell(const caf::strong_actor_ptr& to, const std::string& role,
          const caf::strong_actor_ptr& handle) {
  caf::anon_send(caf::actor_cast<caf::actor>(to), role_change{role, handle});
}

std::string hung_path(std::string_view path, uint64_t actor) {
  return std::string{path} + '~' + std::to_string(actor);
}

} // namespace

void role_table::up(std::string_view name, const caf::strong_actor_ptr& handle) {
  handles released;
  const std::lock_guard guard{lock_};
  if (closed_)
    return;
  auto& changed = roles_[std::string{name}];
  if (changed.handle == handle)
    return;
  released.push_back(std::exchange(changed.handle, handle));
  announce(std::string{name}, changed, released);
}

void role_table::down(std::string_view name, const caf::strong_actor_ptr& handle) {
  handles released;
  const std::lock_guard guard{lock_};
  const auto found = roles_.find(name);
  if (closed_ || found == roles_.end() || !handle || found->second.handle != handle)
    return;
  released.push_back(std::exchange(found->second.handle, nullptr));
  announce(found->first, found->second, released);
}

void role_table::announce(const std::string& name, role& changed, handles& released) {
  std::erase_if(changed.subscribers, [&](const subscriber& s) {
    auto who = caf::actor_cast<caf::strong_actor_ptr>(s.who);
    const bool gone = !alive(who);
    if (!gone)
      tell(who, name, changed.handle);
    released.push_back(std::move(who));
    return gone;
  });
}

caf::strong_actor_ptr role_table::find(std::string_view name) const {
  const std::lock_guard guard{lock_};
  const auto found = roles_.find(name);
  return found == roles_.end() ? nullptr : found->second.handle;
}

void role_table::subscribe(std::string_view name, role_rank rank,
                           const caf::strong_actor_ptr& who) {
  handles released;
  const std::lock_guard guard{lock_};
  if (closed_ || !who)
    return;
  auto& all = roles_[std::string{name}];
  std::erase_if(all.subscribers, [&](const subscriber& s) {
    released.push_back(caf::actor_cast<caf::strong_actor_ptr>(s.who));
    return !alive(released.back()) || released.back() == who;
  });
  // After those of the same rank, so that equals are told in the order they came in.
  const auto place =
    std::upper_bound(all.subscribers.begin(), all.subscribers.end(), rank,
                     [](role_rank r, const subscriber& s) { return r < s.rank; });
  all.subscribers.insert(place, {rank, caf::actor_cast<caf::actor_addr>(who)});
  tell(who, std::string{name}, all.handle);
}

std::vector<caf::strong_actor_ptr> role_table::subscribers(std::string_view name,
                                                           role_rank rank) const {
  handles found;
  const std::lock_guard guard{lock_};
  const auto known = roles_.find(name);
  if (known == roles_.end())
    return found;
  for (const auto& s : known->second.subscribers)
    if (auto who = caf::actor_cast<caf::strong_actor_ptr>(s.who);
        s.rank == rank && alive(who))
      found.push_back(std::move(who));
  return found;
}

role_table::node* role_table::find_node(std::string_view path) {
  const auto found = std::find_if(nodes_.begin(), nodes_.end(),
                                  [&](const node& n) { return n.view.id == path; });
  return found == nodes_.end() ? nullptr : &*found;
}

void role_table::declare(const actor_view& fixed, std::string_view plays) {
  const std::lock_guard guard{lock_};
  auto* n = find_node(fixed.id);
  if (n == nullptr) {
    n = &nodes_.emplace_back();
    n->since = clock_.now();
  }
  const auto before = std::exchange(n->view, fixed);
  n->view.restarts_total = before.restarts_total;
  n->view.last_crash = before.last_crash;
  n->plays = plays;
}

bool role_table::started(std::string_view path, const caf::strong_actor_ptr& handle) {
  const std::lock_guard guard{lock_};
  auto* n = find_node(path);
  if (n == nullptr)
    return false;
  n->actor = caf::actor_cast<caf::actor_addr>(handle);
  n->since = clock_.now();
  n->view.state = "running";
  const bool again = n->starts++ > 0;
  n->view.restarts_total += again ? 1 : 0;
  return again;
}

void role_table::set_state(std::string_view path, std::string_view state) {
  const std::lock_guard guard{lock_};
  if (auto* n = find_node(path))
    n->view.state = state;
}

void role_table::ended(std::string_view path, std::string_view state,
                       std::string_view crash) {
  const std::lock_guard guard{lock_};
  auto* n = find_node(path);
  if (n == nullptr)
    return;
  n->actor = nullptr;
  n->since = clock_.now();
  n->view.state = state;
  n->view.records_per_second = 0;
  if (!crash.empty())
    n->view.last_crash = crash.substr(0, crash_bytes_max);
}

void role_table::noted_restart(std::string_view supervisor) {
  const std::lock_guard guard{lock_};
  auto* n = find_node(supervisor);
  if (n == nullptr)
    return;
  n->restarts.push_back(clock_.now());
  if (n->restarts.size() > restarts_kept_max)
    n->restarts.pop_front();
}

void role_table::abandoned(std::string_view path, uint64_t actor) {
  handles released;
  const std::lock_guard guard{lock_};
  for (auto& [name, each] : roles_)
    std::erase_if(each.subscribers, [&](const subscriber& s) {
      released.push_back(caf::actor_cast<caf::strong_actor_ptr>(s.who));
      return s.who && s.who.id() == actor;
    });
  const auto* n = find_node(path);
  if (n == nullptr || find_node(hung_path(path, actor)) != nullptr)
    return;
  // The hung actor is shown beside its successor until it ends.
  node hung;
  hung.view = n->view;
  hung.view.id = hung_path(path, actor);
  hung.view.state = "abandoned";
  hung.since = n->since;
  nodes_.push_back(std::move(hung));
}

void role_table::released(std::string_view path, uint64_t actor) {
  const std::lock_guard guard{lock_};
  const auto id = hung_path(path, actor);
  std::erase_if(nodes_, [&](const node& n) { return n.view.id == id; });
}

caf::strong_actor_ptr role_table::leftover(std::string_view path) const {
  const std::lock_guard guard{lock_};
  for (const auto& n : nodes_)
    if (n.view.id == path)
      return caf::actor_cast<caf::strong_actor_ptr>(n.actor);
  return nullptr;
}

void role_table::set_flow(std::string_view name, double per_second, int64_t depth,
                          int64_t credit) {
  const std::lock_guard guard{lock_};
  for (auto& n : nodes_) {
    if (n.plays != name)
      continue;
    n.view.records_per_second = per_second;
    n.view.queue_depth = depth;
    n.view.credit = credit;
  }
}

std::vector<std::string> role_table::played() const {
  const std::lock_guard guard{lock_};
  std::vector<std::string> names;
  for (const auto& n : nodes_)
    if (!n.plays.empty())
      names.push_back(n.plays);
  return names;
}

actor_view role_table::shown(const node& n,
                             std::chrono::steady_clock::time_point now) const {
  auto view = n.view;
  if (view.state == "running" || view.state == "abandoned")
    view.uptime_seconds = std::chrono::duration<double>(now - n.since).count();
  const auto in_window = [&](auto at) {
    return std::chrono::duration<double>(now - at).count() <= view.window_seconds;
  };
  view.restarts_in_window =
    static_cast<uint32_t>(std::count_if(n.restarts.begin(), n.restarts.end(), in_window));
  return view;
}

void role_table::collect(std::string_view parent, std::vector<actor_view>& out) const {
  const auto now = clock_.now();
  for (const auto& n : nodes_) {
    if (n.view.parent != parent)
      continue;
    out.push_back(shown(n, now));
    collect(n.view.id, out); // as deep as the tree, which configuration bounds
  }
}

std::vector<actor_view> role_table::actors() const {
  const std::lock_guard guard{lock_};
  std::vector<actor_view> out;
  out.reserve(nodes_.size());
  collect({}, out);
  return out;
}

readiness role_table::ready() const {
  {
    const std::lock_guard guard{lock_};
    if (closed_)
      return {node_state::stopped, {"stopped"}};
  }
  return health_.ready();
}

void role_table::clear() {
  std::map<std::string, role, std::less<>> dropped;
  const std::lock_guard guard{lock_};
  closed_ = true;
  dropped.swap(roles_);
  for (auto& n : nodes_)
    n.actor = nullptr;
}

} // namespace weir
