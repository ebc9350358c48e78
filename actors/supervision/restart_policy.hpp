// RESTART POLICY: what a supervisor does when a child ends, as pure decisions with OTP's
// words and OTP's meanings (Erlang/OTP, stdlib `supervisor`). No actor, no clock, no I/O
// here: the actor around it reports what happened, asks next() until there is nothing to
// do, and carries it out.
//
//   permanent   always started again      one_for_one   only the child that ended
//   transient   after an abnormal end     rest_for_one  it and those started after it
//   temporary   never                     one_for_all   all of them
//
// Children are stopped from right to left, each finished before the next begins, and
// started from left to right. More than `restarts_max` restarts within `window` are too
// many: the supervisor stops its children and fails upwards. Unlike OTP, a restart waits
// for an exponential backoff.
#pragma once

#include "base/clock.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <string_view>
#include <vector>

namespace weir {

using steady_time = std::chrono::steady_clock::time_point;
using steady_duration = std::chrono::steady_clock::duration;

enum class restart_type : uint8_t { permanent, transient, temporary };
enum class restart_strategy : uint8_t { one_for_one, one_for_all, rest_for_one };

std::string_view to_string(restart_type type) noexcept;
std::string_view to_string(restart_strategy strategy) noexcept;

/// How long a restart waits: `initial`, doubled by each failure in a row up to `max`, and
/// then shortened by a random share of at most `jitter` (0 … 1), so that siblings do not
/// march in step.
struct backoff_spec {
  std::chrono::milliseconds initial{10};
  std::chrono::milliseconds max{5000};
  double jitter = 0.2;
  /// After so long alive the next failure counts as a first.
  std::chrono::milliseconds reset_after{10'000};
};

/// Counts the failures in a row of one child.
class backoff {
 public:
  explicit backoff(const backoff_spec& spec) : spec_(spec) {}
  void started(steady_time now) noexcept { started_ = now; }
  /// Notes a failure; returns how long to wait before the next start.
  steady_duration failed(steady_time now, random_source& random) noexcept;

 private:
  backoff_spec spec_;
  steady_time started_{};
  uint32_t failures_ = 0;
};

/// OTP's restart intensity: at most `restarts_max` within any `window`.
class restart_window {
 public:
  restart_window(size_t restarts_max, std::chrono::milliseconds window)
    : restarts_max_(restarts_max), window_(window) {}
  /// Notes a restart at `now`; false if it is one too many.
  bool note(steady_time now);

 private:
  size_t restarts_max_;
  steady_duration window_;
  std::deque<steady_time> restarts_;
};

/// Children first … last, inclusive.
struct child_range {
  size_t first = 0;
  size_t last = 0;
  bool operator==(const child_range&) const = default;
};

/// Which of `children` a strategy restarts when child `failed` has ended; `failed` < `children`.
child_range affected(restart_strategy strategy, size_t failed, size_t children) noexcept;

/// True if a child of this type is started again after such an end.
bool restarts(restart_type type, bool abnormal) noexcept;

struct restart_rules {
  restart_strategy strategy = restart_strategy::one_for_one;
  size_t restarts_max = 5;
  std::chrono::milliseconds window{10'000};
  backoff_spec wait;
};

class restart_policy {
 public:
  enum class action : uint8_t {
    none,    ///< wait for the next event
    start,   ///< start `child`, then report started(), blocked() or down()
    stop,    ///< ask `child` to stop; it is reported by down() when it is gone
    wait,    ///< ask again at `until`
    finished ///< no child is left, and none will be started
  };
  struct decision {
    action what = action::none;
    size_t child = 0;
    steady_time until{};
  };
  enum class verdict : uint8_t {
    expected, ///< it was being stopped
    ended,    ///< it stays ended
    restart,  ///< it will be started again
    too_many  ///< the intensity is exceeded: stop all, then fail
  };

  restart_policy(const restart_rules& rules, std::vector<restart_type> children,
                 uint64_t seed);

  /// Call before the first start. While all are being stopped, `child` is started at once if a
  /// restart of it is due or was interrupted, because a drain is work that only it can do.
  void needed_to_drain(size_t child) { children_[child].drains = true; }

  decision next(steady_time now);
  /// `opening`: it runs, but those that start after it must wait for opened().
  void started(size_t child, steady_time now, bool opening = false);
  /// False if it is not opening (any more).
  bool opened(size_t child);
  /// An earlier incarnation of `child` is still alive; report down() once it is gone.
  void blocked(size_t child);
  verdict down(size_t child, bool abnormal, steady_time now);
  /// Stops all, right to left; nothing is restarted from now on.
  void drain() noexcept;

  bool draining() const noexcept { return mode_ == mode::draining; }
  bool failing() const noexcept { return mode_ == mode::failing; }
  bool stopping(size_t child) const { return children_[child].now == phase::stopping; }

 private:
  enum class phase : uint8_t { absent, running, stopping };
  enum class mode : uint8_t { normal, draining, failing };
  struct child_state {
    restart_type type;
    backoff wait;
    phase now = phase::absent;
    bool wanted = true;     ///< to be started as soon as `due`
    bool condemned = false; ///< runs, but is to be stopped for a sibling's restart
    bool opening = false;   ///< runs, but nobody may rely on it yet
    bool drains = false;    ///< needed_to_drain()
    steady_time due{};
  };

  bool any_stopping() const noexcept;
  decision stop_rightmost(bool only_condemned);
  decision drain_rightmost();
  decision start_leftmost(steady_time now) const;
  void restart_with(size_t failed, steady_time due);

  restart_rules rules_;
  std::vector<child_state> children_;
  restart_window window_;
  random_source random_;
  mode mode_ = mode::normal;
};

} // namespace weir
