#include "actors/supervision/restart_policy.hpp"

#include <algorithm>
#include <utility>

namespace weir {

std::string_view to_string(restart_type type) noexcept {
  switch (type) {
  case restart_type::permanent:
    return "permanent";
  case restart_type::transient:
    return "transient";
  case restart_type::temporary:
    return "temporary";
  }
  return "unknown";
}

std::string_view to_string(restart_strategy strategy) noexcept {
  switch (strategy) {
  case restart_strategy::one_for_one:
    return "one_for_one";
  case restart_strategy::one_for_all:
    return "one_for_all";
  case restart_strategy::rest_for_one:
    return "rest_for_one";
  }
  return "unknown";
}

steady_duration backoff::failed(steady_time now, random_source& random) noexcept {
  if (now - started_ >= spec_.reset_after)
    failures_ = 0;
  steady_duration delay = spec_.initial;
  for (uint32_t i = 0; i < failures_ && delay < spec_.max; ++i)
    delay *= 2;
  ++failures_;
  delay = std::min<steady_duration>(delay, spec_.max);
  const double share = 1.0 - spec_.jitter * random.fraction();
  return steady_duration{
    static_cast<int64_t>(static_cast<double>(delay.count()) * share)};
}

bool restart_window::note(steady_time now) {
  while (!restarts_.empty() && now - restarts_.front() > window_)
    restarts_.pop_front();
  if (restarts_.size() >= restarts_max_)
    return false;
  restarts_.push_back(now);
  return true;
}

child_range affected(restart_strategy strategy, size_t failed, size_t children) noexcept {
  switch (strategy) {
  case restart_strategy::one_for_one:
    return {failed, failed};
  case restart_strategy::one_for_all:
    return {0, children - 1};
  case restart_strategy::rest_for_one:
    return {failed, children - 1};
  }
  return {failed, failed};
}

bool restarts(restart_type type, bool abnormal) noexcept {
  return type == restart_type::permanent || (type == restart_type::transient && abnormal);
}

restart_policy::restart_policy(const restart_rules& rules,
                               std::vector<restart_type> children, uint64_t seed)
  : rules_(rules), window_(rules.restarts_max, rules.window), random_(seed) {
  for (auto type : children)
    children_.push_back(child_state{type, backoff{rules.wait}});
}

restart_policy::decision restart_policy::next(steady_time now) {
  if (mode_ != mode::normal) {
    if (any_stopping())
      return {};
    return drain_rightmost();
  }
  // Under one_for_one only leftovers are being stopped, and each holds up only its own
  // successor.
  if (rules_.strategy != restart_strategy::one_for_one) {
    if (any_stopping())
      return {};
    const auto step = stop_rightmost(true);
    if (step.what != action::none)
      return step;
  }
  return start_leftmost(now);
}

bool restart_policy::any_stopping() const noexcept {
  return std::any_of(children_.begin(), children_.end(),
                     [](const child_state& c) { return c.now == phase::stopping; });
}

restart_policy::decision restart_policy::stop_rightmost(bool only_condemned) {
  for (size_t i = children_.size(); i-- > 0;) {
    auto& c = children_[i];
    if (c.now != phase::running || (only_condemned && !c.condemned))
      continue;
    c.now = phase::stopping;
    c.condemned = false;
    return {action::stop, i};
  }
  return {};
}

/// A child that must drain and is away is started first: it waits for those to its left.
restart_policy::decision restart_policy::drain_rightmost() {
  for (size_t i = children_.size(); i-- > 0;)
    if (const auto& c = children_[i]; c.drains && c.wanted && c.now == phase::absent)
      return {action::start, i};
  const auto step = stop_rightmost(false);
  return step.what == action::none ? decision{action::finished} : step;
}

restart_policy::decision restart_policy::start_leftmost(steady_time now) const {
  decision later;
  for (size_t i = 0; i < children_.size(); ++i) {
    const auto& c = children_[i];
    if (c.now == phase::running && c.opening
        && rules_.strategy != restart_strategy::one_for_one)
      return later; // those to its right need it
    if (!c.wanted || c.now != phase::absent)
      continue;
    if (c.due <= now)
      return {action::start, i};
    if (later.what == action::none || c.due < later.until)
      later = {action::wait, i, c.due};
    if (rules_.strategy != restart_strategy::one_for_one)
      return later; // those to its right may need it
  }
  return later;
}

void restart_policy::started(size_t index, steady_time now, bool opening) {
  auto& c = children_[index];
  c.now = phase::running;
  c.opening = opening;
  c.wanted = false;
  c.wait.started(now);
}

bool restart_policy::opened(size_t index) {
  auto& c = children_[index];
  return c.now == phase::running && std::exchange(c.opening, false);
}

void restart_policy::blocked(size_t index) {
  children_[index].now = phase::stopping;
}

restart_policy::verdict restart_policy::down(size_t index, bool abnormal,
                                             steady_time now) {
  auto& c = children_[index];
  const bool expected = c.now == phase::stopping || mode_ != mode::normal;
  const bool broke_off = mode_ != mode::normal && c.drains && abnormal;
  c.now = phase::absent;
  c.condemned = false;
  // It crashed over its drain, which is started again as often as the intensity allows.
  if (broke_off && window_.note(now)) {
    c.wanted = true;
    return verdict::restart;
  }
  if (expected)
    return verdict::expected;
  if (!restarts(c.type, abnormal))
    return verdict::ended;
  if (!window_.note(now)) {
    mode_ = mode::failing;
    return verdict::too_many;
  }
  restart_with(index, now + c.wait.failed(now, random_));
  return verdict::restart;
}

void restart_policy::restart_with(size_t failed, steady_time due) {
  const auto range = affected(rules_.strategy, failed, children_.size());
  for (size_t i = range.first; i <= range.last; ++i) {
    auto& c = children_[i];
    c.condemned = c.now == phase::running;
    c.wanted = c.type != restart_type::temporary;
    c.due = std::max(c.due, due);
  }
}

void restart_policy::drain() noexcept {
  if (mode_ == mode::normal)
    mode_ = mode::draining;
}

} // namespace weir
