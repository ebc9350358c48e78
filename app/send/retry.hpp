// RETRY: how long a client waits before it sends a request again. Exponential with full
// jitter (Brooker, "Exponential Backoff and Jitter", 2015) unless the server said how
// long.
#pragma once

#include "base/clock.hpp"

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string_view>

namespace weir {

class retry_policy {
 public:
  static constexpr std::chrono::milliseconds first_delay{500};
  static constexpr std::chrono::milliseconds longest_delay{30'000};
  static constexpr std::chrono::seconds longest_retry_after{600};

  using clock = std::chrono::steady_clock;

  /// `retries`: how often one request is sent again at most. `timeout`: how long after it
  /// was first sent no repetition may begin; 0: whenever. `now` is for tests.
  retry_policy(uint32_t retries, uint64_t seed, std::chrono::milliseconds timeout = {},
               std::function<clock::time_point()> now = clock::now)
    : retries_(retries), timeout_(timeout), now_(std::move(now)), random_(seed) {}

  /// A request is about to be sent for the first time.
  void begin() { begun_ = now_(); }

  /// True if a request that was answered so may go through when it is sent again.
  static bool passing(int status) noexcept;

  /// How long to wait before attempt number `attempt` + 1 (the first attempt is 0);
  /// nothing if enough was tried or the time is over. `retry_after` is the field's value
  /// in seconds; the wait is never shorter, and at most a tenth and 250 ms longer.
  std::optional<std::chrono::milliseconds> delay(uint32_t attempt,
                                                 std::string_view retry_after);

 private:
  std::chrono::milliseconds next_wait(uint32_t attempt, std::string_view retry_after);

  uint32_t retries_;
  std::chrono::milliseconds timeout_;
  std::function<clock::time_point()> now_;
  clock::time_point begun_{};
  random_source random_;
};

} // namespace weir
