// TRACE: what happened in a run, in order. Its hash tells two runs apart; its text is made
// only for a reader. Nothing goes in that differs between two runs of the same seed:
// no address, no salt, no time but the virtual one.
#pragma once

#include <fmt/format.h>

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <string_view>
#include <type_traits>

namespace weir::simulation {

using duration = std::chrono::microseconds;
using time_point = std::chrono::steady_clock::time_point;

/// Where virtual time begins: far enough from 0 that nothing before it is negative.
inline constexpr time_point beginning{std::chrono::hours{1}};

class trace {
 public:
  explicit trace(bool printed) : printed_(printed) {}

  void move_time(time_point now) noexcept { now_ = now; }

  template <class... Ts>
  void note(std::string_view pattern, const Ts&... xs) {
    mix_text(pattern);
    (mix(xs), ...);
    ++events_;
    if (!printed_)
      return;
    const std::chrono::duration<double> at = now_ - beginning;
    fmt::print("{:11.6f}  {}\n", at.count(), fmt::format(fmt::runtime(pattern), xs...));
  }

  /// Counts in the hash and is never printed: there is one of these at every step.
  void note_quietly(uint64_t what, uint64_t which) noexcept {
    mix_word(what << 56 | which);
  }

  uint64_t hash() const noexcept { return hash_; }
  uint64_t events() const noexcept { return events_; }
  bool printed() const noexcept { return printed_; }

 private:
  void mix_word(uint64_t word) noexcept {
    hash_ = (hash_ ^ word) * 0x9e3779b97f4a7c15ULL;
    hash_ ^= hash_ >> 29;
  }
  void mix_text(std::string_view text) noexcept {
    uint64_t word = 0xcbf29ce484222325ULL;
    for (const char c : text)
      word = (word ^ static_cast<unsigned char>(c)) * 0x100000001b3ULL;
    mix_word(word);
  }
  template <class T>
  void mix(const T& x) noexcept {
    if constexpr (std::is_integral_v<T>)
      mix_word(static_cast<uint64_t>(x));
    else
      mix_text(x);
  }

  bool printed_;
  time_point now_ = beginning;
  uint64_t hash_ = 0x51ab1e;
  uint64_t events_ = 0;
};

} // namespace weir::simulation
