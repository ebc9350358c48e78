#include "proto/health.hpp"

namespace weir {

namespace {

/// What closes admission, with the code it answers; the first condition that is set counts.
constexpr std::pair<condition, ec> closing[] = {
  {condition::draining, ec::draining},
  {condition::workers_hung, ec::draining},
  {condition::starting, ec::stage_away},
  {condition::stage_away, ec::stage_away},
  {condition::storage_failed, ec::storage_failed},
  {condition::journal_full, ec::journal_full},
  {condition::no_worker, ec::stage_away},
};

} // namespace

// No `default:` on purpose: -Wswitch (an error here) reports a state without text.
std::string_view to_string(node_state state) noexcept {
  switch (state) {
  case node_state::starting:
    return "starting";
  case node_state::ready:
    return "ready";
  case node_state::refusing:
    return "refusing";
  case node_state::draining:
    return "draining";
  case node_state::stopped:
    return "stopped";
  }
  return "unknown";
}

ec node_health::closed() const noexcept {
  for (const auto& [what, code] : closing)
    if (is(what))
      return code;
  return ec::none;
}

const char* node_health::phrase(condition c) const noexcept {
  // No `default:` here either. A condition that is only said with another has no phrase.
  switch (c) {
  case condition::starting:
    return "starting: not every part is up yet";
  case condition::draining:
    return "draining: shutdown has begun";
  case condition::stage_away:
    return "a stage is being restarted";
  case condition::journal_full:
    return is(condition::letters_behind)
             ? "the journal is full until the dead-letter store catches up"
             : "the journal is full until the sink catches up";
  case condition::disk_full:
    return "the journal's disk is full";
  case condition::storage_failed:
    return "the journal's disk refuses writes";
  case condition::workers_hung:
    return "too many workers hang: the node exits to be restarted";
  case condition::sink_down:
    return "the sink refuses commits or can't be reached: the journal keeps what comes";
  case condition::no_worker:
    return is(condition::no_persister)
             ? "no persister of the cluster can be reached, so no worker takes work"
             : "no worker of the cluster takes work: none can be reached, or none of them"
               " reaches a persister that does";
  case condition::no_persister:
    return "no persister of the cluster takes work: none can be reached, or their"
           " journals are full";
  case condition::letters_down:
    return "the dead-letter store refuses commits: the journal keeps what comes";
  case condition::letters_behind:
    return "";
  }
  return "";
}

/// True if another condition that is set already says this, or says it better.
bool node_health::is_said_by_another(condition c) const noexcept {
  return c == condition::letters_behind
         || (c == condition::journal_full && is(condition::disk_full))
         || (c == condition::no_persister && is(condition::no_worker));
}

std::vector<std::string> node_health::reasons() const {
  std::vector<std::string> list;
  for (uint8_t i = 0; i <= static_cast<uint8_t>(condition::letters_behind); ++i) {
    const auto c = static_cast<condition>(i);
    if (is(c) && !is_said_by_another(c))
      list.emplace_back(phrase(c));
  }
  return list;
}

std::string node_health::why_closed() const {
  for (const auto& [what, code] : closing)
    if (is(what))
      return phrase(what == condition::journal_full && is(condition::disk_full)
                      ? condition::disk_full
                      : what);
  return {};
}

readiness node_health::lasting() const {
  readiness now;
  now.reasons = reasons();
  // A worker without a persister refuses work of its peers.
  const bool refuses =
    closed() != ec::none || (!has_clients_ && is(condition::no_persister));
  if (is(condition::draining) || is(condition::workers_hung))
    now.state = node_state::draining;
  else if (!is(condition::starting))
    now.state = refuses ? node_state::refusing : node_state::ready;
  return now;
}

readiness node_health::ready() const {
  auto now = lasting();
  const std::lock_guard guard{admission_lock_};
  if (!saturated_ || !saturated_())
    return now;
  now.reasons.emplace_back("saturated: admission is full");
  if (now.state == node_state::ready)
    now.state = node_state::refusing;
  return now;
}

void node_health::ask_admission(std::function<bool()> saturated) {
  const std::lock_guard guard{admission_lock_};
  saturated_ = std::move(saturated);
}

} // namespace weir
