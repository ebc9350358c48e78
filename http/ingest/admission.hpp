// ADMISSION: who may send now. One per node, shared by the I/O threads. A claim of bytes
// and of batch credit is taken before a body is read and given back when the batch made
// of it has its receipt, so what the pipeline holds never passes the budget.
//
//   Bounded:     by bytes_max, batches_max; waiters by waiters_max. By time as well: no
//                more batches are let in than the pipeline, at its recent throughput,
//                finishes within delay_max (Little's law): it refuses before it is late.
//   Who blocks:  nobody; a request waits (policy `wait`) with its body unread, for at
//                most the stream's admission_wait, which its session watches.
//   Order:       higher priority first, first come first served within one. A claim
//                that does not fit keeps later ones waiting, so a large one is not
//                starved. Only small claims, without batch credit, may overtake a large
//                one of their priority while they fit: in total by as many bytes as the
//                large one wants, which bounds its extra wait.
//   Failure:     refused: 503 with Retry-After = bytes ahead / measured drain rate.
#pragma once

#include "proto/batch.hpp"
#include "proto/stream_settings.hpp"

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <vector>

namespace weir {

struct claim {
  size_t bytes = 0;
  uint32_t batches = 0;
};

struct admission_limits {
  size_t bytes_max = 0;
  uint32_t batches_max = 0;
  size_t waiters_max = 0;
  double shed_low = 0.60;
  double shed_normal = 0.85;
  std::chrono::milliseconds delay_max{0}; ///< from submission to receipt; 0: no bound
  /// delay_max never lowers the credit below this: workers must not run dry.
  uint32_t batches_min = 8;
};

/// How fast claims come back: an exponentially weighted mean over about five seconds,
/// which decays while nothing comes back.
class drain_rate {
 public:
  using time_point = std::chrono::steady_clock::time_point;
  void add(size_t bytes, time_point now) noexcept;
  /// Negative: nothing was measured yet.
  double bytes_per_second(time_point now) const noexcept;

 private:
  double rate_ = -1;
  size_t pending_ = 0; ///< bytes since `since_`
  time_point since_{};
  bool started_ = false;
};

class admission {
 public:
  using time_point = std::chrono::steady_clock::time_point;
  /// Called once when a waiting claim is granted, from the thread that released, without
  /// a lock held. Must not throw.
  using grant = std::function<void()>;

  enum class verdict : uint8_t { granted, waiting, refused };
  struct decision {
    verdict what = verdict::refused;
    uint64_t ticket = 0; ///< set for a waiting claim
  };

  explicit admission(admission_limits limits)
    : limits_(limits), batches_now_(limits.batches_max) {}

  /// Any thread. A claim over the whole budget is refused.
  decision enter(const claim& wanted, priority level, admission_policy policy,
                 grant on_grant);
  /// True: the ticket was waiting and is gone. False: it was granted before, and the
  /// grant is called or on its way; whoever gets it must release the claim.
  bool cancel(uint64_t ticket);
  /// Gives back (a part of) a granted claim and grants what now fits.
  void release(const claim& done, time_point now);
  /// As release(), for what was claimed and not needed: it does not count in the drain rate.
  void return_unused(const claim& surplus);
  /// release() of a batch that spent `delay` in the pipeline and was, when it was submitted,
  /// one of `beside` batches there: this measures the pipeline's throughput.
  void complete(const claim& done, uint32_t beside, std::chrono::duration<double> delay,
                time_point now);

  void set_shed_levels(double low, double normal);

  /// Seconds, 1 to 60.
  int retry_after(time_point now) const;
  claim used() const;
  /// Batches that may be in the pipeline at its present throughput.
  uint32_t allowed() const;
  /// How many more batches would be let in now.
  uint32_t credit() const;
  size_t waiting() const;
  /// Nothing more fits, or somebody waits.
  bool saturated() const;

 private:
  struct waiter {
    claim wanted;
    grant on_grant;
    size_t overtaken = 0; ///< bytes of the claims that overtook it
  };
  using line = std::map<uint64_t, waiter>; ///< by ticket: arrival
  struct lines {
    line large;
    line small;
    bool empty() const noexcept { return large.empty() && small.empty(); }
  };

  bool fits(const claim& wanted) const noexcept;
  bool may_pass(const claim& wanted, priority level) noexcept;
  static bool overtake(lines& of, const claim& wanted) noexcept;
  void let_in(line& from, std::vector<grant>& granted);
  bool shed(priority level) const noexcept;
  void follow(double batches_per_second) noexcept;
  void take(const claim& wanted) noexcept;
  /// `measure` runs first, under the lock.
  template <class F>
  void give_back(const claim& done, F&& measure);
  std::vector<grant> grant_waiting();

  mutable std::mutex lock_;
  admission_limits limits_;
  claim used_;
  uint32_t batches_now_;  ///< limits_.batches_max, or less to keep delay_max
  double throughput_ = 0; ///< batches per second, mean of the last few
  size_t waiting_bytes_ = 0;
  size_t waiting_ = 0;
  uint64_t last_ticket_ = 0;
  std::array<lines, 3> queues_; ///< by priority
  drain_rate drained_;
};

} // namespace weir
