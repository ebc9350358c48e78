// DIAL PLAN: which addresses to dial now. Names are resolved elsewhere; this remembers
// the results, who was found at each address, and when to try again. Pure.
//
//   Bounded:  dials under way by `dials_max`. No more than `strangers_max` of them go where
//             neither a seed leads nor anybody was ever found: peers may tell any number of
//             addresses where nobody answers, and each takes its time. Those that wait
//             longest come first, so that each has its turn.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace weir {

class dial_plan {
 public:
  using time_point = std::chrono::steady_clock::time_point;

  static constexpr size_t names_max = 1024;
  static constexpr size_t endpoints_per_name_max = 64;
  static constexpr size_t dials_max = 64;
  static constexpr size_t strangers_max = 32;

  /// A seed is kept for ever, a learned name for ten minutes after it was last told or answered.
  void add_seed(const std::string& name) { names_[name].seed = true; }
  void learn(const std::string& name, time_point now);

  /// Names that are due to be resolved; each counts as under way until resolved().
  std::vector<std::string> to_resolve(time_point now);
  /// Takes a name's endpoints; an empty list means that it could not be resolved.
  void resolved(const std::string& name, std::vector<std::string> endpoints,
                time_point now);

  /// Endpoints to dial; each counts as being dialed until one of the three calls below.
  /// `unwanted(peer)`: that node is not to be dialed now.
  template <class Unwanted>
  std::vector<std::string> to_dial(time_point now, Unwanted&& unwanted) {
    std::vector<target_entry*> due;
    for (auto& entry : targets_)
      if (const auto& at = entry.second;
          !at.dialing && at.next <= now && (at.peer.empty() || !unwanted(at.peer)))
        due.push_back(&entry);
    return begin(std::move(due));
  }
  /// The node `peer` answered there, whether it was linked or not.
  void found(const std::string& endpoint, const std::string& peer, time_point now);
  void found_self(const std::string& endpoint, time_point now);
  void failed(const std::string& endpoint, time_point now);

  /// The seed that leads to an endpoint; empty if none does.
  std::string seed_at(const std::string& endpoint) const;

 private:
  struct name_entry {
    bool seed = false;
    bool resolving = false;
    time_point next{};
    time_point answered{}; ///< when it was learned or somebody last answered
    std::vector<std::string> endpoints;
  };
  struct target {
    bool dialing = false;
    time_point next{};
    std::chrono::milliseconds pause{0};
    std::string peer;  ///< who was there last
    bool seed = false; ///< a seed led here
    bool stranger() const noexcept { return !seed && peer.empty(); }
  };
  using targets = std::map<std::string, target>; ///< by endpoint
  using target_entry = targets::value_type;

  std::vector<std::string> begin(std::vector<target_entry*> due);
  target* find(const std::string& endpoint);
  void drop_unnamed();

  std::map<std::string, name_entry> names_;
  targets targets_;
};

} // namespace weir
