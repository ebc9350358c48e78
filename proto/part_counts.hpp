// PART COUNTS: how many records met which verdict. Every record of a part has exactly one. Who
// counts derives from these and copies them in one statement: `answer.counts() = entry.counts()`.
#pragma once

#include <cstdint>

namespace weir {

/// Records of which nothing is stored, by verdict.
template <class Number>
struct unstored_counts {
  Number rejected = 0;    ///< by a rule of the stream
  Number quarantined = 0; ///< they killed workers
  Number dropped = 0;     ///< by a drop or sample step

  unstored_counts& unstored() noexcept { return *this; }
  const unstored_counts& unstored() const noexcept { return *this; }
  uint64_t refused() const noexcept { return uint64_t{rejected} + quarantined; }
  uint64_t not_stored() const noexcept { return refused() + dropped; }
  bool operator==(const unstored_counts&) const = default;
};

template <class Number>
struct verdict_counts : unstored_counts<Number> {
  Number accepted = 0; ///< stored, or about to be

  verdict_counts& counts() noexcept { return *this; }
  const verdict_counts& counts() const noexcept { return *this; }
  uint64_t all() const noexcept { return this->not_stored() + accepted; }
  template <class Other>
  verdict_counts& operator+=(const verdict_counts<Other>& more) noexcept {
    accepted += more.accepted;
    this->rejected += more.rejected;
    this->quarantined += more.quarantined;
    this->dropped += more.dropped;
    return *this;
  }
  bool operator==(const verdict_counts&) const = default;
};

using part_unstored = unstored_counts<uint32_t>; ///< a part's records are 32 bits' many
using part_counts = verdict_counts<uint32_t>;
using total_counts = verdict_counts<uint64_t>; ///< a request has any number of parts

} // namespace weir
