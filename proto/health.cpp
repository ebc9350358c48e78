#include "proto/health.hpp"

namespace weir {

ec node_health::closed() const noexcept {
  if (is(condition::draining) || is(condition::workers_hung))
    return ec::draining;
  if (is(condition::starting) || is(condition::stage_away))
    return ec::stage_away;
  if (is(condition::storage_failed))
    return ec::storage_failed;
  if (is(condition::journal_full))
    return ec::journal_full;
  if (is(condition::no_worker))
    return ec::stage_away;
  return ec::none;
}

std::vector<std::string> node_health::reasons() const {
  static constexpr std::pair<condition, const char*> phrases[] = {
    {condition::starting, "starting: recovery is not over"},
    {condition::draining, "draining: shutdown has begun"},
    {condition::stage_away, "a stage is being restarted"},
    {condition::journal_full, "the journal is full until the sink catches up"},
    {condition::disk_full, "the journal's disk is full"},
    {condition::storage_failed, "the journal's disk refuses writes"},
    {condition::workers_hung, "too many workers hang: the node exits to be restarted"},
    {condition::sink_down, "the sink refuses commits"},
    {condition::no_worker, "no worker of the cluster can take work"},
    {condition::no_persister, "no persister of the cluster can take work"},
  };
  std::vector<std::string> list;
  const auto said_better = [this](condition c) {
    return c == condition::journal_full && is(condition::disk_full);
  };
  for (const auto& [what, phrase] : phrases)
    if (is(what) && !said_better(what))
      list.emplace_back(phrase);
  return list;
}

} // namespace weir
